#pragma once
#include <boost/json/array.hpp>
#include <chrono>
#include <payoutd/provider.hpp>
#include <string>
#include <vector>

#include "engine/admission.hpp"
#include "engine/engine.hpp"
#include "engine/operator_actions.hpp"
#include "http/operations_view.hpp"
#include "http/scripts_view.hpp"
#include "identity/keyring.hpp"
#include "notify/administration.hpp"
#include "ops/trace.hpp"
#include "store/accepted.hpp"
#include "store/host_registry.hpp"
#include "store/lookup.hpp"

namespace payoutd::http {

/// What the routes need of the host. Everything runs on the host's thread. Functions that are awaited throw
/// the store's errors when the database is away, which the router turns into answers.
class HostView {
 public:
  virtual ~HostView() = default;

  // Payouts: see engine::Engine.
  virtual Awaitable<engine::AdmissionReply> admit(engine::PayoutRequest request) = 0;
  virtual Awaitable<std::optional<store::Payout>> find(std::string payout_id) = 0;
  virtual Awaitable<store::Page> list(store::ListFilter filter) = 0;
  virtual Awaitable<std::vector<store::Event>> events(std::string payout_id) = 0;
  virtual Awaitable<std::optional<boost::json::object>> explain(std::string payout_id) = 0;
  virtual Awaitable<std::vector<store::Tally>> tally(store::TallyFilter filter) = 0;
  virtual Awaitable<engine::OperatorReply> decide(engine::OperatorRequest request) = 0;
  virtual Awaitable<std::vector<store::KeyRecord>> idempotency_keys(store::KeyFilter filter) = 0;

  // Callbacks: see engine::Inbox.
  virtual Awaitable<engine::CallbackReply> webhook(engine::Callback callback) = 0;
  virtual Awaitable<store::InboxPage> webhook_events(store::InboxFilter filter) = 0;
  virtual Awaitable<std::optional<store::InboxEvent>> webhook_event(std::string id) = 0;
  virtual Awaitable<std::optional<boost::json::object>> verify_webhook(std::string id) = 0;
  virtual Awaitable<engine::Inbox::ReplayReply> replay_webhook(std::string id, std::string actor,
                                                               std::string note) = 0;
  virtual Awaitable<engine::Inbox::BulkReply> replay_webhooks(store::InboxFilter filter, bool dry_run,
                                                              std::string actor, std::string note) = 0;

  // Switches, for all hosts.
  struct Switches {
    bool dry_run = false;
    bool stop_submissions = false;
    bool stop_writes = false;  ///< by the switch, or by this host's file
    bool look_up_first = false;
    std::optional<engine::StopOrder> stop_file = {};
    std::string stop_file_path = {};
  };
  virtual Switches switches() const = 0;  ///< as the last beat saw them
  virtual Awaitable<engine::SwitchReply> set_switch(store::SwitchChange change) = 0;
  virtual Awaitable<void> pause(std::string provider, bool paused, std::string actor, std::string note) = 0;
  virtual Awaitable<void> set_dry_run(std::string provider, bool enabled, std::string actor,
                                      std::string note) = 0;

  /// How many new payouts a provider takes; no rate and no depth: as many as come.
  virtual engine::ThrottleSettings throttle(const std::string& provider) const = 0;
  virtual Awaitable<void> set_throttle(store::ThrottleChange change) = 0;

  // Sessions: tokens that were issued at this time or before are refused.
  virtual std::optional<identity::Time> sessions_revoked_until() const = 0;  ///< as the last beat saw it
  /// Refuses all tokens that there are, on this host at once, on the others within their next beat (1 s).
  virtual Awaitable<identity::Time> invalidate_sessions(std::string actor, std::string note) = 0;

  // Hosts and providers.
  virtual Awaitable<std::vector<store::HostRow>> hosts() = 0;
  /// nullptr: this host runs without scripts.
  virtual ScriptsView* scripts() = 0;
  /// nullptr: this host sends no notifications.
  virtual notify::Administration* notifications() { return nullptr; }
  /// nullptr: this host does not answer questions about itself.
  virtual OperationsView* operations() { return nullptr; }
  // What the rules found, and what the core's limits stopped: see engine::Engine.
  virtual Awaitable<std::vector<store::FlagRow>> flags(store::FlagFilter filter) = 0;
  virtual Awaitable<std::optional<store::FlagRow>> change_flag(std::int64_t id, bool clear, std::string actor,
                                                               std::string note) = 0;
  virtual Awaitable<std::vector<store::HaltRow>> halts() = 0;
  virtual Awaitable<bool> lift_halt(std::string provider, std::string currency, std::string actor,
                                    std::string note) = 0;
  virtual Awaitable<std::vector<store::DecisionRow>> decisions(store::DecisionFilter filter) = 0;
  virtual Awaitable<std::int64_t> count_decisions(store::DecisionFilter filter) = 0;
  virtual const core::Limits& limits() const = 0;
  virtual Awaitable<std::vector<store::FinishRate>> finish_rates() = 0;
  virtual Awaitable<void> append_audit(store::AuditEntry entry) = 0;
  virtual Awaitable<std::vector<store::AuditRow>> audit(store::AuditFilter filter) = 0;
  virtual Awaitable<store::AuditCheck> verify_audit() = 0;
  virtual Awaitable<store::AcceptedPayouts> accepted_payouts(store::AcceptedFilter filter) = 0;
  virtual Awaitable<store::AcceptedCallbacks> accepted_callbacks(store::AcceptedFilter filter) = 0;
  virtual Awaitable<std::vector<store::RetryGroup>> preview_retry(store::RetryFilter filter) = 0;
  virtual Awaitable<std::int64_t> retry(store::RetryFilter filter, int per_second, std::string actor,
                                        std::string note) = 0;

  /// This host's pools of database connections, each with at least `name`, `connections`, `connected`,
  /// `busy`, `queued`, `resizable`.
  virtual boost::json::array database_pools() const { return {}; }
  /// Until the next reload or start. False: there is no such pool, or it has one size.
  virtual bool resize_database_pool(const std::string&, int) { return false; }

  virtual bool has_provider(const std::string& name) const = 0;
  /// Each with at least `name`, `plugin`, `plugin_version`, `state`, `paused`, `dry_run`, `quarantined_at`,
  /// `quarantine_reason`, `note`, `currencies`.
  virtual boost::json::array providers() const = 0;
  /// Both throw providers::CallFailed with a sentence for the operator.
  virtual Awaitable<void> probe(std::string provider) = 0;
  virtual Awaitable<Balance> balance(std::string provider) = 0;
  virtual Awaitable<void> lift_quarantine(std::string provider, std::string actor, std::string note) = 0;

  /// Puts the library in `file` (an absolute path on the host's machine) in service for all providers that
  /// use this plugin, or, if `file` is empty, the version before.
  struct PluginChange {
    std::vector<std::string> providers;  ///< that use the plugin; none: it is not known here
    std::vector<Problem> problems;       ///< why nothing changed
    std::string version;                 ///< in service now
    std::string version_before;
  };
  virtual Awaitable<PluginChange> change_plugin(std::string plugin, std::string file, std::string actor) = 0;

  // Health; no I/O, these are asked often.
  struct Build {
    std::string version;
    std::string build_id;
  };
  virtual Build build() const = 0;
  struct Readiness {
    bool db_ok = false;
    bool migrations_ok = false;
    std::string migration_revision;  ///< the last one that is applied
    bool draining = false;
    std::vector<std::string> reasons;  ///< sentences: whatever else keeps this host from being ready

    bool is_ready() const { return db_ok && migrations_ok && !draining && reasons.empty(); }
  };
  virtual Readiness readiness() const = 0;
  virtual std::string metrics_text() = 0;
  /// Reads again what a reload takes over, and returns when it is done. What is refused stays as it was.
  struct ReloadPart {
    std::string name;  ///< configuration, certificate, providers, scripts
    bool done = false;
    std::string message{};                ///< what was taken over
    std::vector<std::string> problems{};  ///< why not, a line each
  };
  struct ReloadReport {
    std::vector<ReloadPart> parts;
    bool done() const { return std::ranges::all_of(parts, &ReloadPart::done); }
  };
  virtual Awaitable<ReloadReport> reload(std::string actor) = 0;
  /// As a SIGTERM would: claims nothing more, finishes what is in hand, ends.
  virtual void request_drain(std::string actor) = 0;

  // Metrics. `route` is the pattern, or `other`.
  virtual void count_request(std::string_view route, std::string_view method, int status, double seconds) = 0;
  virtual void count_replay(std::string_view route) = 0;
  /// `reason`: one of identity::TokenFault's names, `no_token`, `wrong_scheme`, `duplicate_header`,
  /// `role_missing`.
  virtual void count_auth_refusal(std::string_view reason) = 0;
  /// `by`: `subject`, `address`, `auth_failures`, `connections`.
  virtual void count_rate_limit_block(std::string_view by) = 0;
  /// Where the spans of requests go.
  virtual trace::Tracer& tracer() { return trace::off(); }
};

/// The part of it that the engine answers.
class EngineHostView : public HostView {
 public:
  explicit EngineHostView(engine::Engine& engine) : engine_(engine) {}

  Awaitable<engine::AdmissionReply> admit(engine::PayoutRequest request) override;
  Awaitable<std::optional<store::Payout>> find(std::string payout_id) override;
  Awaitable<store::Page> list(store::ListFilter filter) override;
  Awaitable<std::vector<store::Event>> events(std::string payout_id) override;
  Awaitable<std::optional<boost::json::object>> explain(std::string payout_id) override;
  Awaitable<std::vector<store::Tally>> tally(store::TallyFilter filter) override;
  Awaitable<engine::OperatorReply> decide(engine::OperatorRequest request) override;
  Awaitable<std::vector<store::KeyRecord>> idempotency_keys(store::KeyFilter filter) override {
    return engine_.idempotency_keys(std::move(filter));
  }
  Awaitable<engine::CallbackReply> webhook(engine::Callback callback) override;
  Awaitable<store::InboxPage> webhook_events(store::InboxFilter filter) override;
  Awaitable<std::optional<store::InboxEvent>> webhook_event(std::string id) override;
  Awaitable<std::optional<boost::json::object>> verify_webhook(std::string id) override;
  Awaitable<engine::Inbox::ReplayReply> replay_webhook(std::string id, std::string actor,
                                                       std::string note) override;
  Awaitable<engine::Inbox::BulkReply> replay_webhooks(store::InboxFilter filter, bool dry_run,
                                                      std::string actor, std::string note) override;
  Switches switches() const override;
  Awaitable<engine::SwitchReply> set_switch(store::SwitchChange change) override;
  Awaitable<void> pause(std::string provider, bool paused, std::string actor, std::string note) override;
  Awaitable<void> set_dry_run(std::string provider, bool enabled, std::string actor,
                              std::string note) override {
    return engine_.set_dry_run(std::move(provider), enabled, std::move(actor), std::move(note));
  }
  engine::ThrottleSettings throttle(const std::string& provider) const override {
    return engine_.throttle().settings(provider);
  }
  Awaitable<void> set_throttle(store::ThrottleChange change) override {
    return engine_.set_throttle(std::move(change));
  }

  Awaitable<std::vector<store::FlagRow>> flags(store::FlagFilter filter) override;
  Awaitable<std::optional<store::FlagRow>> change_flag(std::int64_t id, bool clear, std::string actor,
                                                       std::string note) override;
  Awaitable<std::vector<store::HaltRow>> halts() override;
  Awaitable<bool> lift_halt(std::string provider, std::string currency, std::string actor,
                            std::string note) override;
  Awaitable<std::vector<store::DecisionRow>> decisions(store::DecisionFilter filter) override;
  Awaitable<std::int64_t> count_decisions(store::DecisionFilter filter) override;
  const core::Limits& limits() const override { return engine_.limits(); }
  Awaitable<std::vector<store::FinishRate>> finish_rates() override { return engine_.finish_rates(); }
  Awaitable<void> append_audit(store::AuditEntry entry) override {
    return engine_.append_audit(std::move(entry));
  }
  Awaitable<std::vector<store::AuditRow>> audit(store::AuditFilter filter) override {
    return engine_.audit(std::move(filter));
  }
  Awaitable<store::AuditCheck> verify_audit() override { return engine_.verify_audit(); }
  Awaitable<store::AcceptedPayouts> accepted_payouts(store::AcceptedFilter filter) override {
    return engine_.accepted_payouts(std::move(filter));
  }
  Awaitable<store::AcceptedCallbacks> accepted_callbacks(store::AcceptedFilter filter) override {
    return engine_.accepted_callbacks(std::move(filter));
  }
  Awaitable<std::vector<store::RetryGroup>> preview_retry(store::RetryFilter filter) override {
    return engine_.preview_retry(std::move(filter));
  }
  Awaitable<std::int64_t> retry(store::RetryFilter filter, int per_second, std::string actor,
                                std::string note) override {
    return engine_.retry(std::move(filter), per_second, std::move(actor), std::move(note));
  }
  bool has_provider(const std::string& name) const override;
  /// Through the provider's process.
  Awaitable<void> probe(std::string provider) override;
  Awaitable<Balance> balance(std::string provider) override;

 protected:
  engine::Engine& engine() const { return engine_; }

 private:
  engine::Engine& engine_;
};

}  // namespace payoutd::http
