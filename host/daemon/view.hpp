#pragma once
#include <functional>

#include "daemon/database_pools.hpp"
#include "daemon/report_reader.hpp"
#include "http/host_view.hpp"
#include "ops/metrics.hpp"
#include "providers/supervisor.hpp"

namespace payoutd::daemon {

/// The host as its HTTP routes see it.
class DaemonView final : public http::EngineHostView {
 public:
  struct Parts {
    engine::Engine& engine;
    store::Pool& pool;  ///< of the API
    providers::Supervisor& supervisor;
    std::string migration_revision;
    std::function<void(std::string actor)> drain;
    std::function<Awaitable<PluginChange>(std::string plugin, std::string file)> change_plugin;
    http::ScriptsView* scripts;
    notify::Administration* notifications;
    std::function<Awaitable<ReloadReport>(std::string actor)> reload;
    DatabasePools* pools;
    ReportReader* reports;
  };
  explicit DaemonView(Parts parts) : EngineHostView(parts.engine), parts_(std::move(parts)) {}

  Awaitable<std::vector<store::HostRow>> hosts() override;
  boost::json::array providers() const override;
  Awaitable<void> lift_quarantine(std::string provider, std::string actor, std::string note) override;
  Awaitable<PluginChange> change_plugin(std::string plugin, std::string file, std::string actor) override;
  std::optional<identity::Time> sessions_revoked_until() const override;
  Awaitable<identity::Time> invalidate_sessions(std::string actor, std::string note) override;
  boost::json::array database_pools() const override { return parts_.pools->to_json(); }
  bool resize_database_pool(const std::string& name, int connections) override {
    return parts_.pools->resize(name, connections);
  }
  Awaitable<store::Page> list(store::ListFilter filter) override {
    return parts_.reports->list(std::move(filter));
  }
  Awaitable<std::vector<store::Tally>> tally(store::TallyFilter filter) override {
    return parts_.reports->tally(std::move(filter));
  }
  http::ScriptsView* scripts() override { return parts_.scripts; }
  notify::Administration* notifications() override { return parts_.notifications; }
  http::OperationsView* operations() override { return operations_; }
  Build build() const override;
  Readiness readiness() const override;
  std::string metrics_text() override { return metrics_->serialize(); }
  Awaitable<ReloadReport> reload(std::string actor) override { return parts_.reload(std::move(actor)); }
  void request_drain(std::string actor) override { parts_.drain(std::move(actor)); }
  void count_request(std::string_view route, std::string_view method, int status, double seconds) override {
    metrics_->http_request(route, method, status, seconds);
  }
  void count_replay(std::string_view route) override { metrics_->idempotency_replay(route); }
  void count_auth_refusal(std::string_view reason) override { metrics_->auth_refusal(reason); }
  void count_rate_limit_block(std::string_view by) override { metrics_->rate_limit_block(by); }
  trace::Tracer& tracer() override { return *tracer_; }

  /// Set when the host begins to drain.
  bool draining = false;

  /// Before the first request is served.
  void attach(ops::Metrics& metrics, trace::Tracer& tracer) {
    metrics_ = &metrics;
    tracer_ = &tracer;
  }
  void attach(http::OperationsView& operations) { operations_ = &operations; }

 private:
  Parts parts_;
  ops::Metrics* metrics_ = nullptr;
  trace::Tracer* tracer_ = &trace::off();
  http::OperationsView* operations_ = nullptr;
};

}  // namespace payoutd::daemon
