#include "engine/engine.hpp"

#include <boost/json.hpp>

#include "core/ids.hpp"
#include "engine/task.hpp"

namespace payoutd::engine {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLastWrites{5'000};
constexpr milliseconds kLastUpkeep{1'000};

std::function<providers::ProviderHandle*(const std::string&)> finder(
    std::function<std::vector<providers::ProviderHandle*>()> all) {
  return [all = std::move(all)](const std::string& name) -> providers::ProviderHandle* {
    for (providers::ProviderHandle* handle : all()) {
      if (handle->name() == name) return handle;
    }
    return nullptr;
  };
}

InboxOptions inbox_options(const EngineOptions& from) {
  InboxOptions options;
  options.instance_key = from.life.instance_key;
  options.group_commit_window = from.group_commit_window;
  options.visibility = from.inbox_visibility;
  options.tick = from.dispatcher.tick;
  return options;
}

}  // namespace

Engine::Engine(Parts parts, EngineOptions options)
    : parts_(std::move(parts)),
      options_(std::move(options)),
      loops_(parts_.executor, parts_.observer),
      contracts_(parts_.pool),
      stop_file_(options_.stop_file),
      heart_(parts_.heart_pool, options_.host, parts_.observer, stop_file_, options_.high_water_file),
      writes_stop_({parts_.executor, parts_.front_pool, heart_, stop_file_, parts_.observer}),
      rates_(parts_.executor, heart_),
      balances_({parts_.executor, parts_.pool, heart_, parts_.observer, finder(parts_.providers),
                 [this] { dispatcher_.wake_payments(); }}),
      throttle_(parts_.front_pool, heart_, parts_.observer),
      recorder_({parts_.pool, contracts_, parts_.policy, parts_.observer, heart_, finder(parts_.providers),
                 parts_.notifications_due},
                options_.group_commit_window),
      screener_({parts_.pool, heart_, parts_.policy, parts_.observer}, options_.limits),
      life_({parts_.pool, contracts_, recorder_, heart_, health_, rates_, balances_, parts_.observer,
             finder(parts_.providers)},
            options_.life),
      lanes_({parts_.executor, parts_.pool, life_, heart_, parts_.observer, parts_.providers,
              [this] { dispatcher_.wake_payments(); }}),
      dispatcher_({parts_.executor, parts_.pool, life_, heart_, lanes_, screener_, rates_, balances_,
                   parts_.observer, loops_, parts_.providers},
                  options_.dispatcher),
      admission_({parts_.front_pool, parts_.observer, options_.host.incarnation, options_.life.instance_key,
                  parts_.policy, throttle_,
                  [this](const providers::ProviderHandle& handle) { return candidate(handle); },
                  [this]() -> const core::Limits& { return screener_.limits(); }, parts_.providers,
                  [this] { dispatcher_.wake_payments(); }},
                 options_.group_commit_window),
      inbox_({parts_.executor, parts_.front_pool, life_, recorder_, heart_, parts_.observer, loops_,
              parts_.providers, [this] { dispatcher_.wake_questions(); }},
             inbox_options(options_)) {
  heart_.on_beat = [this] { rates_.wake(); };
  heart_.on_history_changed = [this](const std::string& why) {
    contracts_.forget_stored();
    loops_.spawn(guard_history(why), "history guard");
  };
}

Engine::~Engine() = default;

void Engine::configure(DispatcherOptions dispatcher, core::Limits limits, bool dry_run) {
  screener_.configure(std::move(limits));
  dispatcher_.configure(dispatcher);
  life_.set_dry_run(dry_run);
}

providers::ProviderHandle* Engine::provider(const std::string& name) const {
  return finder(parts_.providers)(name);
}

policy::Candidate Engine::candidate(const providers::ProviderHandle& handle) const {
  const auto waiting = waiting_.find(handle.name());
  return {handle.name(),
          handle.plugin_name(),
          handle.ready(),
          heart_.paused(handle.name()),
          health_.failures_percent(handle.name()),
          waiting == waiting_.end() ? 0 : waiting->second};
}

void Engine::spawn(Awaitable<void> task, std::string name) {
  engine::spawn(parts_.executor, std::move(task), parts_.observer, std::move(name));
}

Awaitable<void> Engine::prepare_start(std::vector<std::string> providers) {
  co_await parts_.pool.transact([providers](pqxx::transaction_base& work) {
    for (const std::string& name : providers) store::register_provider(work, name, "", "");
  });
  heart_.set_providers(std::move(providers));
  co_await heart_.beat_now();
  loops_.spawn(heart_.run(loops_), "heart");
  loops_.spawn(writes_stop_.look_at_file(loops_), "stop file");
  loops_.spawn(writes_stop_.carry_file_over(loops_), "carrying of the stop file");
}

Awaitable<void> Engine::start(std::vector<std::string> predecessors) {
  co_await throttle_.count();
  loops_.spawn(throttle_.run(loops_), "throttle");
  loops_.spawn(balances_.run(loops_), "balances");
  loops_.spawn(lanes_.run(predecessors), "lanes");
  co_await dispatcher_.start(predecessors);
  if (!predecessors.empty()) {
    // Their payouts are this host's by now, and nobody uses their shares of the providers' rates any more.
    co_await parts_.pool.transact([predecessors](pqxx::transaction_base& work) {
      for (const std::string& dead : predecessors) store::say_stopped(work, dead);
    });
  }
  if (heart_.works()) inbox_.start();
}

Awaitable<bool> Engine::drain(milliseconds limit) {
  draining_ = true;
  inbox_.stop();
  bool clean = co_await dispatcher_.drain(limit);
  clean = co_await lanes_.drain(kLastUpkeep) && clean;
  // A database that is away must not keep the host here for ever. What it did not take is not lost: the next
  // host finds the journal, and asks the provider what became of it.
  if (!co_await recorder_.drain(kLastWrites)) {
    recorder_.stop();
    clean = false;
  }
  heart_.stop();
  writes_stop_.stop();
  throttle_.stop();
  balances_.stop();
  loops_.stop();
  clean = co_await loops_.ended(kLastWrites) && clean;
  if (!clean) co_return false;
  try {
    co_await parts_.heart_pool.transact(
        [host = options_.host.incarnation](pqxx::transaction_base& work) { store::say_stopped(work, host); });
  } catch (const store::StoreError&) {
    // It had nothing in hand; without this mark it is merely listed as silent.
  }
  co_return true;
}

// The database lost, or may have lost, what it had acknowledged. Whatever is not finished may have been sent
// without it knowing: nothing is submitted before what is open is resolved, and what seems untouched is
// looked up first where a second submit would not be harmless.
Awaitable<void> Engine::guard_history(std::string why) {
  bool marked = false;
  while (!draining_) {
    std::int64_t open = -1;
    try {
      if (!marked) {
        co_await parts_.pool.transact(
            [actor = "host:" + heart_.host().name, why](pqxx::transaction_base& work) {
              return store::mark_verify_first(work, actor, why);
            });
        marked = true;
      }
      open = co_await parts_.pool.transact([](pqxx::transaction_base& work) {
        return std::stoll(
            work.exec1("select count(*) from app.payouts where state in ('SUBMITTING', 'UNKNOWN')")[0]
                .c_str());
      });
    } catch (const store::StoreError& failure) {
      parts_.observer.log(LogLevel::warning, "engine.history_guard_waits",
                          "The history guard cannot reach the database.", {{"error", failure.what()}});
    }
    if (open == 0) break;
    co_await loops_.pause(milliseconds{500});
  }
  if (draining_) co_return;
  heart_.accept_history();
  dispatcher_.wake_payments();
}

Awaitable<OperatorReply> Engine::decide(OperatorRequest request) {
  const OperatorDecision decision = request.decision;
  const OperatorReply reply =
      co_await decide_as_operator(recorder_, parts_.front_pool, screener_.limits(), std::move(request));
  const bool asks = decision == OperatorDecision::ask_again || decision == OperatorDecision::retry;
  if (reply.done && asks) dispatcher_.wake_questions();
  if (reply.done) dispatcher_.wake_payments();
  co_return reply;
}

Awaitable<std::optional<store::Payout>> Engine::find(std::string payout_id) {
  co_return co_await parts_.front_pool.transact(
      [payout_id](pqxx::transaction_base& work) { return store::find_payout(work, payout_id); });
}

Awaitable<store::Page> Engine::list(store::ListFilter filter) {
  co_return co_await parts_.front_pool.transact(
      [filter](pqxx::transaction_base& work) { return store::list_payouts(work, filter); });
}

Awaitable<std::optional<boost::json::object>> Engine::explain(std::string payout_id) {
  struct Found {
    Dossier dossier;
    Surroundings around;
  };
  auto found = co_await parts_.front_pool.transact([payout_id](pqxx::transaction_base& work) {
    std::optional<Found> found;
    if (auto payout = store::find_payout(work, payout_id)) {
      Surroundings around = surroundings_of(work, *payout);
      found = Found{
          {std::move(*payout), store::attempts_of(work, payout_id), store::events_of(work, payout_id), {}},
          std::move(around)};
    }
    return found;
  });
  if (!found) co_return std::nullopt;
  Dossier& dossier = found->dossier;
  dossier.obstacles = obstacles_of(dossier.payout, found->around, heart_, rates_, balances_,
                                   provider(dossier.payout.provider), life_.dry_run());
  co_return engine::explain(dossier);
}

bool Engine::stands_still(const std::string& provider) const {
  return heart_.submissions_stopped() || heart_.paused(provider) || heart_.maintenance() || heart_.drained();
}

Awaitable<std::vector<store::Event>> Engine::events(std::string payout_id) {
  co_return co_await parts_.front_pool.transact(
      [payout_id](pqxx::transaction_base& work) { return store::events_of(work, payout_id); });
}

Awaitable<std::vector<store::Tally>> Engine::tally(store::TallyFilter filter) {
  co_return co_await parts_.front_pool.transact(
      [filter](pqxx::transaction_base& work) { return store::tally(work, filter); });
}

Awaitable<std::vector<store::KeyRecord>> Engine::idempotency_keys(store::KeyFilter filter) {
  co_return co_await parts_.front_pool.transact(
      [filter](pqxx::transaction_base& work) { return store::find_keys(work, filter); });
}

void Engine::set_webhook_keys(core::WebhookKeys keys) {
  std::map<std::string, Secret> signers;
  const auto now = std::chrono::system_clock::now();
  for (const auto& [provider, all] : keys) {
    const auto current = std::find_if(all.begin(), all.end(), [&](const auto& k) { return !k.expired(now); });
    if (current != all.end()) signers.emplace(provider, core::callback_url_key(current->secret));
  }
  life_.set_callback_keys(std::move(signers));
  inbox_.set_keys(std::move(keys));
}

Awaitable<void> Engine::pause(std::string provider, bool paused, std::string actor, std::string note) {
  co_await parts_.pool.transact([provider, paused, actor, note](pqxx::transaction_base& work) {
    store::set_paused(work, provider, paused, actor, note);
  });
  co_await heart_.beat_now();
  dispatcher_.wake_payments();
}

Awaitable<void> Engine::set_dry_run(std::string provider, bool enabled, std::string actor, std::string note) {
  co_await parts_.pool.transact([provider, enabled, actor, note](pqxx::transaction_base& work) {
    store::set_dry_run(work, provider, enabled, actor, note);
  });
  co_await heart_.beat_now();
  dispatcher_.wake_payments();
}

Awaitable<SwitchReply> Engine::set_switch(store::SwitchChange change) {
  SwitchReply reply{.enabled = change.enabled};
  if (change.name == "stop_writes") {
    reply = co_await writes_stop_.set(std::move(change));
  } else {
    co_await parts_.pool.transact(
        [change](pqxx::transaction_base& work) { store::set_switch(work, change); });
    co_await heart_.beat_now();
  }
  dispatcher_.wake_payments();
  co_return reply;
}

void Engine::set_pace(const std::map<std::string, ProviderPace>& paces) {
  std::map<std::string, ProviderRateLimits> rates;
  std::map<std::string, ThrottleSettings> throttles;
  for (const auto& [provider, pace] : paces) {
    rates[provider] = pace.rates;
    throttles[provider] = pace.throttle;
  }
  rates_.configure(std::move(rates));
  throttle_.configure(std::move(throttles));
}

Awaitable<void> Engine::set_throttle(store::ThrottleChange change) {
  co_await parts_.pool.transact(
      [change](pqxx::transaction_base& work) { store::set_throttle(work, change); });
  co_await heart_.beat_now();
  co_await throttle_.count();
}

Awaitable<void> Engine::lift_quarantine(std::string provider, std::string actor, std::string note) {
  co_await parts_.pool.transact([provider, actor, note](pqxx::transaction_base& work) {
    store::set_quarantine(work, provider, "", actor);
  });
  co_await heart_.beat_now();
}

Awaitable<std::vector<store::HostRow>> Engine::hosts() {
  co_return co_await parts_.front_pool.transact(
      [](pqxx::transaction_base& work) { return store::hosts(work); });
}

Awaitable<std::vector<store::FlagRow>> Engine::flags(store::FlagFilter filter) {
  co_return co_await parts_.front_pool.transact(
      [filter](pqxx::transaction_base& work) { return store::flags(work, filter); });
}

Awaitable<std::optional<store::FlagRow>> Engine::change_flag(std::int64_t id, bool clear, std::string actor,
                                                             std::string note) {
  co_return co_await parts_.front_pool.transact([id, clear, actor, note](pqxx::transaction_base& work) {
    return store::change_flag(work, id, clear, actor, note);
  });
}

Awaitable<std::vector<store::HaltRow>> Engine::halts() {
  co_return co_await parts_.front_pool.transact(
      [](pqxx::transaction_base& work) { return store::halts(work); });
}

Awaitable<bool> Engine::lift_halt(std::string provider, std::string currency, std::string actor,
                                  std::string note) {
  const bool lifted =
      co_await parts_.front_pool.transact([provider, currency, actor, note](pqxx::transaction_base& work) {
        return store::lift_halt(work, provider, currency, actor, note);
      });
  if (lifted) {
    parts_.observer.log(LogLevel::warning, "engine.outflow_lifted", "A halted outflow goes on.",
                        {{"provider", provider}, {"currency", currency}, {"actor", actor}});
    dispatcher_.wake_payments();
  }
  co_return lifted;
}

Awaitable<std::vector<store::DecisionRow>> Engine::decisions(store::DecisionFilter filter) {
  co_return co_await parts_.front_pool.transact(
      [filter](pqxx::transaction_base& work) { return store::decisions(work, filter); });
}

Awaitable<std::int64_t> Engine::count_decisions(store::DecisionFilter filter) {
  co_return co_await parts_.front_pool.transact(
      [filter](pqxx::transaction_base& work) { return store::count_decisions(work, filter); });
}

Awaitable<std::vector<store::FinishRate>> Engine::finish_rates() {
  co_return co_await parts_.front_pool.transact(
      [](pqxx::transaction_base& work) { return store::finish_rates(work); });
}

Awaitable<void> Engine::append_audit(store::AuditEntry entry) {
  co_await parts_.front_pool.transact(
      [entry](pqxx::transaction_base& work) { store::append_audit(work, entry); });
}

Awaitable<std::vector<store::AuditRow>> Engine::audit(store::AuditFilter filter) {
  co_return co_await parts_.front_pool.transact(
      [filter](pqxx::transaction_base& work) { return store::audit(work, filter); });
}

Awaitable<store::AuditCheck> Engine::verify_audit() {
  co_return co_await parts_.front_pool.transact(
      [](pqxx::transaction_base& work) { return store::verify_audit(work); });
}

Awaitable<store::AcceptedPayouts> Engine::accepted_payouts(store::AcceptedFilter filter) {
  co_return co_await parts_.front_pool.transact(
      [filter](pqxx::transaction_base& work) { return store::accepted_payouts(work, filter); });
}

Awaitable<store::AcceptedCallbacks> Engine::accepted_callbacks(store::AcceptedFilter filter) {
  co_return co_await parts_.front_pool.transact(
      [filter](pqxx::transaction_base& work) { return store::accepted_callbacks(work, filter); });
}

Awaitable<std::vector<store::RetryGroup>> Engine::preview_retry(store::RetryFilter filter) {
  co_return co_await parts_.front_pool.transact(
      [filter](pqxx::transaction_base& work) { return store::preview_retry(work, filter); });
}

Awaitable<std::int64_t> Engine::retry(store::RetryFilter filter, int per_second, std::string actor,
                                      std::string note) {
  const std::int64_t count =
      co_await parts_.front_pool.transact([filter, per_second, actor, note](pqxx::transaction_base& work) {
        return store::retry_payouts(work, filter, per_second, actor, note);
      });
  if (count > 0) {
    dispatcher_.wake_payments();
    dispatcher_.wake_questions();
  }
  co_return count;
}

void Engine::provider_changed(const std::string& provider) {
  const providers::ProviderHandle* handle = this->provider(provider);
  if (handle == nullptr || !handle->ready()) return;
  spawn(note_plugin(provider), "provider " + provider);
  inbox_.provider_ready(provider);
  dispatcher_.wake_payments();
  dispatcher_.wake_questions();
}

Awaitable<void> Engine::note_plugin(std::string provider) {
  const providers::ProviderHandle* handle = this->provider(provider);
  const std::string plugin = handle->plugin_name();
  const std::string version = handle->plugin_version();
  co_await parts_.pool.transact([provider, plugin, version](pqxx::transaction_base& work) {
    store::register_provider(work, provider, plugin, version);
  });
}

}  // namespace payoutd::engine
