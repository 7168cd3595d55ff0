#pragma once
#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <optional>
#include <payoutd/awaitable.hpp>
#include <string>
#include <vector>

#include "engine/admission.hpp"
#include "engine/balance_gate.hpp"
#include "engine/dispatcher.hpp"
#include "engine/explanation.hpp"
#include "engine/inbox.hpp"
#include "engine/operator_actions.hpp"
#include "engine/provider_rates.hpp"
#include "engine/throttle.hpp"
#include "engine/writes_stop.hpp"
#include "policy/policy.hpp"
#include "store/accepted.hpp"
#include "store/audit.hpp"
#include "store/bulk_retry.hpp"
#include "store/decisions.hpp"
#include "store/flags.hpp"
#include "store/idempotency.hpp"
#include "store/lookup.hpp"

namespace payoutd::engine {

struct EngineOptions {
  store::HostIdentity host;
  LifeOptions life;
  DispatcherOptions dispatcher;
  core::Limits limits;
  std::chrono::microseconds group_commit_window{2'000};
  /// A callback that no host finished in this time is taken up by any.
  std::chrono::milliseconds inbox_visibility{10'000};
  std::string high_water_file;  ///< in the state directory; empty: none is kept
  std::string stop_file = {};   ///< that stops all writes of this host; empty: there is no such file
};

/// What the configuration says of how fast one provider may be used.
struct ProviderPace {
  ProviderRateLimits rates;
  ThrottleSettings throttle;
};
/// What must stay on the providers' accounts, by provider.
using MinimumBalances = std::map<std::string, core::MinimumBalance>;

/// The engine of one host: everything that a payout goes through. Owned and used by the host's one thread;
/// its loops run on the given executor from start() until drain().
class Engine {
 public:
  struct Parts {
    boost::asio::any_io_executor executor;
    store::Pool& pool;        ///< for the work
    store::Pool& front_pool;  ///< for admission, webhooks and look-ups, so that the work cannot starve them
    store::Pool& heart_pool;  ///< one connection of its own, so that a beat never waits for work
    policy::Policy& policy;
    Observer& observer;
    std::function<std::vector<providers::ProviderHandle*>()> providers;
    /// Endpoints are to be told of something that was just committed. May be empty.
    std::function<void()> notifications_due = {};
  };
  Engine(Parts parts, EngineOptions options);
  ~Engine();

  /// First beat, and a row for every provider that is configured. Before the provider processes start.
  Awaitable<void> prepare_start(std::vector<std::string> providers);
  /// Take-over of what `predecessors` (dead incarnations of this state directory) left, then the loops.
  /// Throws when the database does not answer.
  Awaitable<void> start(std::vector<std::string> predecessors);
  /// Claims nothing more, waits for what is in hand at most `limit`; true if all of it came to its record. No
  /// attempt is burnt: what was not handed to a provider goes back unsubmitted.
  Awaitable<bool> drain(std::chrono::milliseconds limit);

  Awaitable<AdmissionReply> admit(PayoutRequest request) { return admission_.admit(std::move(request)); }
  Awaitable<OperatorReply> decide(OperatorRequest request);
  Awaitable<std::optional<store::Payout>> find(std::string payout_id);
  Awaitable<store::Page> list(store::ListFilter filter);
  Awaitable<std::optional<boost::json::object>> explain(std::string payout_id);
  Awaitable<std::vector<store::Event>> events(std::string payout_id);
  Awaitable<std::vector<store::Tally>> tally(store::TallyFilter filter);
  Awaitable<std::vector<store::KeyRecord>> idempotency_keys(store::KeyFilter filter);

  /// Callbacks of providers, and what operators do with them.
  Inbox& inbox() { return inbox_; }
  /// The secrets that prove callbacks, by provider; takes effect at once.
  void set_webhook_keys(core::WebhookKeys keys);

  /// Switches of this or all hosts; `provider` empty means all.
  Awaitable<void> pause(std::string provider, bool paused, std::string actor, std::string note);
  /// stop_writes can be turned while the database is away: see WritesStop.
  Awaitable<SwitchReply> set_switch(store::SwitchChange change);
  Awaitable<void> set_dry_run(std::string provider, bool enabled, std::string actor, std::string note);
  Awaitable<void> set_throttle(store::ThrottleChange change);
  Awaitable<void> lift_quarantine(std::string provider, std::string actor, std::string note);
  Awaitable<std::vector<store::HostRow>> hosts();

  // What the rules found, and what the core's limits stopped.
  Awaitable<std::vector<store::FlagRow>> flags(store::FlagFilter filter);
  Awaitable<std::optional<store::FlagRow>> change_flag(std::int64_t id, bool clear, std::string actor,
                                                       std::string note);
  Awaitable<std::vector<store::HaltRow>> halts();
  /// False: nothing of this provider and currency is halted.
  Awaitable<bool> lift_halt(std::string provider, std::string currency, std::string actor, std::string note);
  Awaitable<std::vector<store::DecisionRow>> decisions(store::DecisionFilter filter);
  Awaitable<std::int64_t> count_decisions(store::DecisionFilter filter);

  Awaitable<std::vector<store::FinishRate>> finish_rates();
  // What people did, and retries of many payouts.
  Awaitable<void> append_audit(store::AuditEntry entry);
  Awaitable<std::vector<store::AuditRow>> audit(store::AuditFilter filter);
  Awaitable<store::AuditCheck> verify_audit();
  Awaitable<store::AcceptedPayouts> accepted_payouts(store::AcceptedFilter filter);
  Awaitable<store::AcceptedCallbacks> accepted_callbacks(store::AcceptedFilter filter);
  Awaitable<std::vector<store::RetryGroup>> preview_retry(store::RetryFilter filter);
  Awaitable<std::int64_t> retry(store::RetryFilter filter, int per_second, std::string actor,
                                std::string note);
  const core::Limits& limits() const { return screener_.limits(); }
  /// A provider's process changed its state: its plugin's name and version are noted.
  void provider_changed(const std::string& provider);

  /// The live part of the options; takes effect with the next payout.
  void configure(DispatcherOptions dispatcher, core::Limits limits, bool dry_run);

  /// By provider; in force at once. What somebody set at run time goes before it.
  void set_pace(const std::map<std::string, ProviderPace>& paces);
  void set_minimum_balances(const MinimumBalances& rules) { balances_.configure(rules); }
  const BalanceGate& balances() const { return balances_; }
  const Throttle& throttle() const { return throttle_; }
  const ProviderRates& rates() const { return rates_; }

  Heart& heart() { return heart_; }
  Recorder& recorder() { return recorder_; }
  Dispatcher& dispatcher() { return dispatcher_; }
  /// Whether the engine's loops go on.
  Pace& pace() { return loops_.pace(); }
  const Admission& admission() const { return admission_; }
  const Health& health() const { return health_; }
  providers::ProviderHandle* provider(const std::string& name) const;
  /// Nothing is submitted through this provider here at the moment, because somebody or the calendar says so.
  bool stands_still(const std::string& provider) const;
  /// For routing: how many payouts wait for each provider.
  void note_waiting(std::map<std::string, std::int64_t> waiting) { waiting_ = std::move(waiting); }

 private:
  Awaitable<void> guard_history(std::string why);
  policy::Candidate candidate(const providers::ProviderHandle& handle) const;
  Awaitable<void> note_plugin(std::string provider);
  void spawn(Awaitable<void> task, std::string name);

  Parts parts_;
  EngineOptions options_;
  Loops loops_;
  ContractBook contracts_;
  StopFile stop_file_;
  Heart heart_;
  WritesStop writes_stop_;
  Health health_;
  ProviderRates rates_;
  BalanceGate balances_;
  Throttle throttle_;
  Recorder recorder_;
  Screener screener_;
  Life life_;
  LaneKeeper lanes_;
  Dispatcher dispatcher_;
  Admission admission_;
  Inbox inbox_;
  std::map<std::string, std::int64_t> waiting_;  ///< PENDING payouts by provider, as last counted
  bool draining_ = false;
};

}  // namespace payoutd::engine
