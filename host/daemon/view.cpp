#include "daemon/view.hpp"

#include "daemon/daemon.hpp"
#include "identity/token.hpp"
#include "ops/log.hpp"

namespace payoutd::daemon {

namespace {

boost::json::value rate_or_null(const core::Rate& rate) {
  return rate.limited() ? boost::json::value(rate.to_string()) : boost::json::value(nullptr);
}

/// null: the provider takes as many new payouts as come.
boost::json::value throttle_json(const engine::Engine& engine, const std::string& provider,
                                 const std::vector<store::ProviderSwitches>& switches) {
  const engine::ThrottleSettings in_force = engine.throttle().settings(provider);
  if (in_force.off()) return nullptr;
  const bool by_operator = engine.throttle().set_by_operator(provider);
  boost::json::object out{{"rate", rate_or_null(in_force.rate)},
                          {"depth", nullptr},
                          {"under_way", nullptr},
                          {"set_by", by_operator ? "operator" : "configuration"}};
  if (in_force.depth > 0) out["depth"] = in_force.depth;
  if (const std::int64_t under_way = engine.throttle().under_way(provider); under_way >= 0)
    out["under_way"] = under_way;
  for (const store::ProviderSwitches& s : switches) {
    if (s.name != provider || !by_operator) continue;
    out["by"] = s.throttled_by;
    out["at"] = s.throttled_at;
    out["note"] = s.throttle_note;
  }
  return out;
}

/// null: the provider's balance is not checked.
boost::json::value balance_json(const std::optional<engine::BalanceGate::View>& balance) {
  if (!balance) return nullptr;
  boost::json::object out{{"currency", balance->rule.currency},
                          {"minimum", balance->rule.amount.to_string()},
                          {"margin_percent", balance->rule.margin_percent},
                          {"max_age_ms", balance->rule.max_age.count()},
                          {"available", nullptr},
                          {"in_flight", balance->in_flight.to_string()},
                          {"age_ms", nullptr},
                          {"state", !balance->available ? "unknown"
                                    : balance->low      ? "low"
                                                        : "enough"},
                          {"trouble", balance->trouble}};
  if (balance->available) {
    out["available"] = balance->available->to_string();
    out["age_ms"] = balance->age.count();
  }
  return out;
}

}  // namespace

Awaitable<std::vector<store::HostRow>> DaemonView::hosts() {
  return engine().hosts();
}

boost::json::array DaemonView::providers() const {
  boost::json::array all;
  const auto& switches = engine().heart().last().providers;
  for (const providers::ProviderStatus& status : parts_.supervisor.status()) {
    boost::json::object one{{"name", status.name},
                            {"plugin", status.plugin_name},
                            {"plugin_version", status.plugin_version},
                            {"state", providers::to_string(status.state)},
                            {"pid", status.pid},
                            {"restarts", status.restarts},
                            {"submits_in_flight", status.submits_in_flight},
                            {"last_error", status.last_error},
                            {"paused", false},
                            {"dry_run", false}};
    for (const store::ProviderSwitches& s : switches) {
      if (s.name != status.name) continue;
      one["paused"] = s.paused;
      one["dry_run"] = s.dry_run;
      if (s.dry_run) {
        one["dry_run_by"] = s.dry_run_by;
        one["dry_run_at"] = s.dry_run_at;
        one["dry_run_note"] = s.dry_run_note;
      }
      one["quarantined_at"] = s.quarantined_at;
      one["quarantine_reason"] = s.quarantine_reason;
      one["note"] = s.note;
      one["changed_by"] = s.changed_by;
    }
    one["throttle"] = throttle_json(engine(), status.name, switches);
    one["submit_rate"] = rate_or_null(engine().rates().limits(status.name).submits);
    one["query_rate"] = rate_or_null(engine().rates().limits(status.name).queries);
    one["balance_check"] = balance_json(engine().balances().view(status.name));
    boost::json::array problems;
    for (const Problem& problem : status.problems)
      problems.emplace_back(problem.field + ": " + problem.reason);
    one["problems"] = std::move(problems);
    boost::json::array currencies;
    if (const auto* handle = engine().provider(status.name);
        handle != nullptr && !handle->plugin_version().empty()) {
      for (const CurrencyRule& rule : handle->contract().currencies) currencies.emplace_back(rule.code);
    }
    one["currencies"] = std::move(currencies);
    all.push_back(std::move(one));
  }
  return all;
}

std::optional<identity::Time> DaemonView::sessions_revoked_until() const {
  const std::int64_t ms = engine().heart().last().sessions_revoked_until_ms;
  if (ms == 0) return std::nullopt;
  return identity::Time{std::chrono::milliseconds{ms}};
}

Awaitable<identity::Time> DaemonView::invalidate_sessions(std::string actor, std::string note) {
  const std::int64_t now_ms = identity::now().time_since_epoch().count();
  const std::int64_t until = co_await parts_.pool.transact(
      [=](pqxx::transaction_base& work) { return store::invalidate_sessions(work, now_ms, actor, note); });
  co_await engine().heart().beat_now();
  log::warning("host.sessions_invalidated", "All tokens that were issued up to now are refused.",
               {{"actor", actor}, {"note", note}});
  co_return identity::Time{std::chrono::milliseconds{until}};
}

Awaitable<void> DaemonView::lift_quarantine(std::string provider, std::string actor, std::string note) {
  co_await engine().lift_quarantine(provider, std::move(actor), std::move(note));
  co_await parts_.supervisor.lift(std::move(provider));
}

Awaitable<http::HostView::PluginChange> DaemonView::change_plugin(std::string plugin, std::string file,
                                                                  std::string actor) {
  PluginChange change = co_await parts_.change_plugin(plugin, file);
  boost::json::object fields{{"plugin", plugin}, {"actor", actor}, {"file", file}};
  if (!change.problems.empty()) {
    fields["problem"] = change.problems.front().field + ": " + change.problems.front().reason;
    log::warning("host.plugin_change_refused", "Another version of a plugin was refused; nothing changed.",
                 std::move(fields));
  } else if (!change.providers.empty()) {
    fields["from"] = change.version_before;
    fields["to"] = change.version;
    log::info("host.plugin_changed", "Another version of a plugin is in service.", std::move(fields));
  }
  co_return change;
}

http::HostView::Build DaemonView::build() const {
  return {version(), build_id()};
}

http::HostView::Readiness DaemonView::readiness() const {
  Readiness ready;
  ready.db_ok = engine().heart().fresh();
  ready.migrations_ok = true;  // the host does not run on another schema
  ready.migration_revision = parts_.migration_revision;
  ready.draining = draining;
  if (!engine().heart().history_trusted()) {
    ready.reasons.emplace_back(
        "The database's history changed; submissions wait until what is open is resolved.");
  }
  for (const providers::ProviderStatus& status : parts_.supervisor.status()) {
    if (status.state == providers::ProviderState::ready) continue;
    ready.reasons.push_back("Provider " + status.name + " is " +
                            std::string(providers::to_string(status.state)) +
                            (status.last_error.empty() ? "." : ": " + status.last_error));
  }
  return ready;
}

}  // namespace payoutd::daemon
