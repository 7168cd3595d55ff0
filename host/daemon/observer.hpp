#pragma once
#include "engine/observer.hpp"
#include "ops/metrics.hpp"

namespace payoutd::daemon {

/// Writes what the engine tells into the log and the metrics of the host.
class HostObserver final : public engine::Observer {
 public:
  /// Before the engine starts.
  void attach(ops::Metrics& metrics, trace::Tracer& tracer) {
    metrics_ = &metrics;
    tracer_ = &tracer;
  }

  void log(engine::LogLevel level, std::string_view event, std::string_view message,
           boost::json::object fields) override;
  void saw(const std::string& provider, std::string_view result) override;
  void state_changed(const store::Payout& payout, core::State from, core::State to) override;
  void retried(const std::string& provider, std::chrono::milliseconds after_admission) override;
  void batch(std::string_view writer, std::size_t items) override;
  void screened(std::string_view verdict, int count) override;
  void users_flagged(std::int64_t count) override;
  void webhook(const std::string& provider, bool signature_valid, bool applied) override;
  void throttled(const std::string& provider) override;
  void balance_deferred(const std::string& provider, const std::string& currency, int count) override;
  void recovered(const std::string& provider, std::string_view how) override;
  trace::Tracer& tracer() override { return *tracer_; }

 private:
  ops::Metrics* metrics_ = nullptr;
  trace::Tracer* tracer_ = &trace::off();
};

}  // namespace payoutd::daemon
