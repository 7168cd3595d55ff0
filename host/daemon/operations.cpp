#include "daemon/operations.hpp"

#include <boost/json.hpp>

#include "core/ids.hpp"
#include "http/json_output.hpp"
#include "http/scripts_view.hpp"
#include "identity/token.hpp"
#include "ops/log.hpp"
#include "store/errors.hpp"

namespace payoutd::daemon {
namespace {

namespace json = boost::json;
using http::HealthCheck;
using http::HealthStatus;
using std::chrono::milliseconds;

// From when on somebody should look, while nothing is switched off.
constexpr milliseconds kUnknownTooLong = std::chrono::minutes{15};
constexpr milliseconds kPendingTooLong = std::chrono::minutes{15};
constexpr milliseconds kSentTooLong = std::chrono::hours{2};
constexpr milliseconds kCallbackTooLong = std::chrono::minutes{2};
constexpr std::int64_t kSilentHost_ms = 5'000;

std::string minutes_text(std::int64_t ms) {
  return std::to_string(ms / 60'000) + " min";
}

http::ConfigComplaint complaint(const ops::ConfigProblem& problem) {
  return {problem.place.file, problem.place.line, problem.place.column, problem.path, problem.reason};
}

json::value period_json(const std::optional<core::MaintenancePeriod>& period) {
  if (!period) return nullptr;
  return json::object{{"window", period->window},
                      {"begins_at", core::utc_text(period->begins)},
                      {"ends_at", core::utc_text(period->ends)}};
}

/// Why payouts wait for the provider's balance; empty: they do not.
std::string balance_trouble(const json::value& check) {
  if (check.is_null() || check.at("state") == "enough") return {};
  const auto text = [&check](const char* name) { return std::string(check.at(name).as_string()); };
  if (check.at("state") == "unknown")
    return " Its payouts wait, because its balance is not known: " + text("trouble") + ".";
  return " Its payouts wait for its balance: " + text("available") + " " + text("currency") +
         " are available, " + text("in_flight") + " in flight, and " + text("minimum") + " must stay.";
}

std::vector<std::string> paths_of(const std::vector<ops::SettingDifference>& all, bool needs_restart) {
  std::vector<std::string> paths;
  for (const auto& one : all)
    if (one.needs_restart == needs_restart) paths.push_back(one.path);
  return paths;
}

}  // namespace

std::string list_text(const std::vector<std::string>& items) {
  constexpr std::size_t kMost = 12;
  std::string text;
  for (std::size_t i = 0; i < std::min(items.size(), kMost); ++i) text += (i == 0 ? "" : ", ") + items[i];
  if (items.size() > kMost) text += " and " + std::to_string(items.size() - kMost) + " more";
  return text;
}

Operations::Operations(Parts parts, const ops::Config& running)
    : parts_(std::move(parts)),
      running_(running.settings),
      environment_(running.static_config.environment),
      name_(running.static_config.name) {
  took_over(running);
}

void Operations::took_over(const ops::Config& config, const std::vector<std::string>& kept) {
  running_ = ops::taken_over(running_, config.settings, kept);
  loaded_at_ = identity::to_text(identity::now());
  keyring_ = config.live_config.access.keyring;
  seed_admins_ = config.live_config.access.seed_admins;
  dry_run_configured_ = config.live_config.engine.dry_run;
}

std::vector<ops::SettingDifference> Operations::differences_to(const ops::Config& fresh) const {
  return ops::differences(running_, fresh.settings);
}

// ---- health

void Operations::check_host(std::vector<HealthCheck>& checks) const {
  const http::HostView::Readiness ready = parts_.view.readiness();
  checks.push_back({"database", ready.db_ok ? HealthStatus::ok : HealthStatus::down,
                    ready.db_ok ? "It takes this host's heartbeat."
                                : "It does not take this host's heartbeat: nothing is submitted."});
  if (parts_.engine.heart().database_full())
    checks.push_back({"storage", HealthStatus::down,
                      "The database's disk is full: nothing is submitted, what providers answer is kept and "
                      "written later."});
  checks.push_back({"schema", ready.migrations_ok ? HealthStatus::ok : HealthStatus::down,
                    "Migration " + ready.migration_revision + " is the last one that is applied."});
  const bool trusted = parts_.engine.heart().history_trusted();
  checks.push_back(
      {"history", trusted ? HealthStatus::ok : HealthStatus::degraded,
       trusted ? "The database is the one that this host last saw."
               : "The database failed over or was restored: submissions wait until what may have been "
                 "sent is resolved."});
  const bool works = parts_.engine.heart().works();
  const bool drained = works && parts_.engine.heart().drained();
  if (ready.draining) {
    checks.push_back({"host", HealthStatus::down, "It is stopping: it finishes what it has in hand."});
  } else {
    const auto in_hand = parts_.engine.dispatcher().in_hand();
    checks.push_back({"host", drained ? HealthStatus::degraded : HealthStatus::ok,
                      !works ? "It has not the role worker, and claims nothing."
                      : drained
                          ? "It is drained and claims nothing, until `payoutctl resume`."
                          : (ready.db_ok ? "It claims payouts; " : "It claims nothing meanwhile; ") +
                                std::to_string(in_hand) + (in_hand == 1 ? " is" : " are") + " in hand."});
  }
}

void Operations::check_switches(std::vector<HealthCheck>& checks) const {
  const store::Beat& last = parts_.engine.heart().last();
  std::string text;
  const auto add = [&text](bool on, std::string_view sentence) {
    if (on) text.append(text.empty() ? "" : " ").append(sentence);
  };
  add(last.stop_writes, "stop_writes is on: nothing is admitted, asked or submitted.");
  if (const auto& order = parts_.engine.heart().stop_file().order())
    add(true, "The file " + parts_.engine.heart().stop_file().path().string() +
                  " stops all writes of this host since " + order->at + ", by " + order->by +
                  (order->note.empty() ? "." : ": " + order->note + "."));
  add(last.stop_submissions, "stop_submissions is on: nothing is submitted.");
  add(last.look_up_first,
      "look_up_first is on: new payouts are looked up before they are submitted, where a repeat might be "
      "paid twice.");
  const bool simulated = last.dry_run || dry_run_configured_;
  add(simulated, "A dry run: payouts end as SIMULATED.");
  const bool bad = parts_.engine.heart().writes_stopped() || last.stop_submissions ||
                   (simulated && environment_ == Environment::prod);
  checks.push_back({"switches", bad ? HealthStatus::degraded : HealthStatus::ok,
                    text.empty() ? "Nothing is switched off." : text});
  const auto period = parts_.engine.heart().maintenance();
  const auto next =
      core::next_maintenance(parts_.engine.heart().maintenance_windows(), parts_.engine.heart().now());
  checks.push_back({"maintenance", HealthStatus::ok,
                    period ? "The window '" + period->window + "' goes on: nothing is submitted until " +
                                 core::utc_text(period->ends) + "."
                    : next ? "No window goes on; the next begins at " + core::utc_text(next->begins) + "."
                           : "No windows are configured."});
}

void Operations::check_providers(std::vector<HealthCheck>& checks) const {
  bool any_ready = false;
  std::vector<HealthCheck> found;
  for (const json::value& value : parts_.view.providers()) {
    const json::object& provider = value.as_object();
    const auto text_at = [&provider](const char* name) {
      const auto* one = provider.if_contains(name);
      return one != nullptr && one->is_string() ? std::string(one->get_string()) : std::string();
    };
    const bool ready = text_at("state") == "ready";
    const bool paused = provider.at("paused").as_bool();
    const std::string quarantine = text_at("quarantine_reason");
    const bool simulated = provider.at("dry_run").as_bool();
    any_ready = any_ready || ready;
    std::string text = "It is ready.";
    if (!quarantine.empty()) {
      text = "It is in quarantine: " + quarantine;
    } else if (paused) {
      text = "It is paused" + (text_at("note").empty() ? "." : ": " + text_at("note"));
    } else if (!ready) {
      text =
          "It is " + text_at("state") + (text_at("last_error").empty() ? "." : ": " + text_at("last_error"));
    }
    if (simulated) {
      text += " A dry run of " + text_at("dry_run_by") + ": its payouts end as SIMULATED" +
              (text_at("dry_run_note").empty() ? "." : ": " + text_at("dry_run_note"));
    }
    const std::string balance = balance_trouble(provider.at("balance_check"));
    text += balance;
    const bool pays = balance.empty() && ready && !paused && quarantine.empty() &&
                      !(simulated && environment_ == Environment::prod);
    found.push_back({"provider:" + text_at("name"), pays ? HealthStatus::ok : HealthStatus::degraded, text});
  }
  if (!any_ready && !found.empty())
    for (HealthCheck& check : found) check.status = HealthStatus::down;
  for (HealthCheck& check : found) checks.push_back(std::move(check));
}

bool Operations::is_abandoned(const std::string& provider) const {
  const engine::Heart& heart = parts_.engine.heart();
  const store::ProviderSwitches* known = heart.switches_of(provider);
  return heart.last().working_hosts > 0 && (known == nullptr || known->working_hosts == 0);
}

Awaitable<void> Operations::check_payouts(std::vector<HealthCheck>* checks) {
  std::int64_t review = 0;
  std::map<core::State, std::int64_t> oldest;
  std::map<std::string, std::int64_t> abandoned;
  for (const store::Tally& row : co_await parts_.engine.tally({})) {
    const auto state = core::parse_state(row.state);
    if (!state || core::is_final(*state)) continue;
    if (is_abandoned(row.provider)) abandoned[row.provider] += row.count;
    if (*state == core::State::review) review += row.count;
    // What waits because something is switched off is no surprise.
    if (*state == core::State::pending && parts_.engine.stands_still(row.provider)) continue;
    oldest[*state] = std::max(oldest[*state], row.oldest_ms);
  }
  std::string text;
  const auto too_long = [&](core::State state, milliseconds limit) {
    if (oldest[state] <= limit.count()) return;
    text += (text.empty() ? "" : " ") + std::string("The oldest ") + std::string(core::to_string(state)) +
            " has been there for " + minutes_text(oldest[state]) + ".";
  };
  too_long(core::State::pending, kPendingTooLong);
  too_long(core::State::unknown, kUnknownTooLong);
  too_long(core::State::sent, kSentTooLong);
  if (review > 0)
    text += (text.empty() ? "" : " ") + std::to_string(review) + (review == 1 ? " waits" : " wait") +
            " in REVIEW for somebody to decide.";
  for (const auto& [provider, count] : abandoned)
    text += (text.empty() ? "" : " ") + std::to_string(count) + (count == 1 ? " is" : " are") + " open at " +
            provider + ", which no live host has configured.";
  checks->push_back({"payouts", text.empty() ? HealthStatus::ok : HealthStatus::degraded,
                     text.empty() ? "None waits longer than it should." : text});
  std::string halted;
  for (const store::HaltRow& halt : co_await parts_.engine.halts())
    halted += (halted.empty() ? "" : ", ") + halt.provider + " " + halt.currency;
  checks->push_back({"limits", halted.empty() ? HealthStatus::ok : HealthStatus::degraded,
                     halted.empty() ? "No outflow is halted." : "The outflow is halted of " + halted + "."});
  std::string late;
  for (const store::InboxBacklog& backlog : co_await parts_.engine.inbox().backlog())
    if (backlog.oldest_ms > kCallbackTooLong.count())
      late += (late.empty() ? "" : ", ") + backlog.provider + " (" + std::to_string(backlog.count) + ", " +
              minutes_text(backlog.oldest_ms) + ")";
  checks->push_back(
      {"callbacks", late.empty() ? HealthStatus::ok : HealthStatus::degraded,
       late.empty() ? "Callbacks are worked off as they come." : "Stored and not worked off: " + late + "."});
}

Awaitable<void> Operations::check_scripts(std::vector<HealthCheck>* checks) {
  if (parts_.view.scripts() == nullptr) co_return;
  const json::object status = co_await parts_.view.scripts()->status();
  std::string refused;
  for (const json::value& value : status.at("hosts").as_array()) {
    const json::object& host = value.as_object();
    const auto* one = host.if_contains("refused");
    if (one == nullptr || !one->is_object()) continue;
    refused += (refused.empty() ? "" : ", ") + std::string(host.at("host").as_string());
  }
  checks->push_back({"scripts", refused.empty() ? HealthStatus::ok : HealthStatus::degraded,
                     refused.empty() ? "No host refuses scripts."
                                     : "Scripts are refused by " + refused + ": payoutctl scripts status."});
}

Awaitable<void> Operations::check_hosts(std::vector<HealthCheck>* checks) {
  std::string silent;
  int alive = 0;
  for (const store::HostRow& host : co_await parts_.engine.hosts()) {
    if (!host.stopped_at.empty()) continue;
    if (host.beat_age_ms <= kSilentHost_ms) {
      ++alive;
    } else if (host.leases > 0) {
      silent += (silent.empty() ? "" : ", ") + host.name;
    }
  }
  checks->push_back({"hosts", silent.empty() ? HealthStatus::ok : HealthStatus::degraded,
                     silent.empty()
                         ? std::to_string(alive) + " live."
                         : "Silent, with payouts in hand that are being taken over: " + silent + "."});
  const int workers = parts_.engine.heart().last().working_hosts;
  checks->push_back({"workers", workers > 0 ? HealthStatus::ok : HealthStatus::degraded,
                     workers > 0
                         ? "Live hosts with the role worker: " + std::to_string(workers) + "."
                         : "No live host has the role worker: payouts wait, and nobody is asked about "
                           "those under way."});
}

Awaitable<http::OperationsView::Health> Operations::health() {
  Health health;
  health.host = name_;
  health.environment = std::string(payoutd::to_string(environment_));
  health.now = core::utc_text(parts_.engine.heart().now());
  check_host(health.checks);
  check_switches(health.checks);
  check_providers(health.checks);
  std::string trouble;
  try {
    co_await check_payouts(&health.checks);
    co_await check_scripts(&health.checks);
    co_await check_hosts(&health.checks);
  } catch (const store::StoreError& error) {
    trouble = error.what();
  }
  if (!trouble.empty())
    health.checks.push_back(
        {"queries", HealthStatus::down, "The database does not answer questions: " + trouble});
  const auto secrets = secrets_health(parts_.secrets.in_use(), identity::now());
  if (secrets.empty()) health.checks.push_back({"secrets", HealthStatus::ok, "None expires soon."});
  for (const HealthCheck& check : secrets) health.checks.push_back(check);
  co_return health;
}

// ---- payouts and hosts

Awaitable<store::Stats> Operations::stats(store::StatsFilter filter) {
  co_return co_await parts_.pool.transact(
      [filter](pqxx::transaction_base& work) { return store::stats(work, filter); });
}

Awaitable<bool> Operations::set_drained(std::string host, bool drained, std::string actor, std::string note) {
  const bool changed = co_await parts_.pool.transact(
      [=](pqxx::transaction_base& work) { return store::set_drained(work, host, drained, actor, note); });
  co_await parts_.engine.heart().beat_now();
  if (!drained) {
    parts_.engine.dispatcher().wake_payments();
    parts_.engine.dispatcher().wake_questions();
  }
  log::warning(drained ? "host.drained" : "host.resumed",
               drained ? "A host, or all, claim nothing until they are resumed."
                       : "A host, or all, claim payouts again.",
               {{"which", host}, {"actor", actor}, {"note", note}});
  co_return changed;
}

json::object Operations::maintenance() const {
  engine::Heart& heart = parts_.engine.heart();
  json::array windows;
  for (const core::MaintenanceWindow& window : heart.maintenance_windows()) windows.emplace_back(window.text);
  return {{"now", core::utc_text(heart.now())},
          {"windows", std::move(windows)},
          {"active", period_json(heart.maintenance())},
          {"next", period_json(core::next_maintenance(heart.maintenance_windows(), heart.now()))}};
}

Awaitable<http::SeedReply> Operations::seed_admin(http::SeedRequest request) {
  http::SeedReply reply;
  const bool listed = std::ranges::count(seed_admins_, request.subject) > 0;
  if (environment_ == Environment::prod && !listed) {
    reply.refused = "In prod only who is named in auth.seed_admins can be made an administrator.";
    co_return reply;
  }
  store::SeededAdmin admin;
  admin.subject = request.subject;
  admin.roles = {std::string(identity::to_string(identity::Role::admin))};
  admin.environment = std::string(payoutd::to_string(environment_));
  admin.seeded_by = request.actor;
  reply.admin = co_await parts_.pool.transact(
      [admin](pqxx::transaction_base& work) { return store::seed_admin(work, admin); });
  const identity::Time now = identity::now();
  const auto* key = keyring_.signer(now);
  if (key == nullptr || (!reply.admin.created && !request.new_token)) co_return reply;
  identity::Claims claims;
  claims.subject = request.subject;
  claims.client_id = "default";
  claims.roles = {identity::Role::admin};
  claims.issued_at = now;
  claims.expires_at = now + std::chrono::seconds{request.ttl_s};
  claims.id = core::random_uuid();
  reply.token = identity::issue_token(keyring_, claims, now);
  reply.kid = key->kid;
  reply.expires_at = identity::to_text(claims.expires_at);
  co_return reply;
}

// ---- configuration

json::object Operations::config() const {
  const ops::Fingerprints fingerprints(parts_.instance_key);
  json::array settings;
  for (const ops::EffectiveSetting& one : running_) {
    json::object row{{"path", one.path}};
    row["value"] = one.value ? json::value(*one.value) : json::value(nullptr);
    row["source"] = ops::to_string(one.source);
    row["file"] = http::text_or_null(one.place.file);
    row["line"] = one.place.line;
    row["live"] = one.live;
    row["secret"] = one.is_secret;
    row["fingerprint"] = one.secrets.empty() || one.secrets.front().empty()
                             ? json::value(nullptr)
                             : json::value(fingerprints.of(one.secrets.front()));
    settings.push_back(std::move(row));
  }
  return {{"file", parts_.config_file},
          {"environment", payoutd::to_string(environment_)},
          {"loaded_at", loaded_at_},
          {"settings", std::move(settings)}};
}

json::object Operations::config_difference() const {
  const ops::ConfigReading reading = ops::read_config(parts_.config_file);
  json::array problems;
  for (const ops::ConfigProblem& problem : reading.problems)
    problems.push_back(json::object{{"file", problem.place.file},
                                    {"line", problem.place.line},
                                    {"column", problem.place.column},
                                    {"path", problem.path},
                                    {"reason", problem.reason}});
  json::array found;
  if (problems.empty()) {
    const auto shown = [](const std::optional<std::string>& value) {
      return value ? json::value(*value) : json::value(nullptr);
    };
    for (const auto& one : differences_to(reading.config))
      found.push_back(json::object{{"path", one.path},
                                   {"running", shown(one.left)},
                                   {"file", shown(one.right)},
                                   {"secret", one.is_secret},
                                   {"needs_restart", one.needs_restart}});
  }
  return {{"problems", std::move(problems)}, {"differences", std::move(found)}};
}

Awaitable<http::ConfigReload> Operations::reload_config(std::string actor, bool live_only) {
  http::ConfigReload reload;
  ops::ConfigReading reading = ops::read_config(parts_.config_file);
  for (const ops::ConfigProblem& problem : reading.problems) reload.problems.push_back(complaint(problem));
  if (!reload.problems.empty()) {
    reload.message = "Nothing was taken over: the files have " + std::to_string(reload.problems.size()) +
                     (reload.problems.size() == 1 ? " problem." : " problems.");
    log::error("host.reload_refused", reload.message,
               {{"actor", actor}, {"problem", reading.problems.front().text()}});
    co_return reload;
  }
  const auto found = differences_to(reading.config);
  reload.changed = paths_of(found, false);
  reload.needs_restart = paths_of(found, true);
  if (!reload.needs_restart.empty() && !live_only) {
    reload.message =
        "Nothing was taken over, because these settings need a restart: " + list_text(reload.needs_restart) +
        ". Restart the host, or take over the rest with --live-only.";
    for (const std::string& path : reload.needs_restart) {
      const ops::Place place = reading.config.locate(path);
      reload.problems.push_back({place.file, place.line, place.column, path, "needs a restart"});
    }
    log::warning("host.reload_refused", reload.message, {{"actor", actor}});
    co_return reload;
  }
  for (std::string& line : co_await parts_.take_over(std::move(reading.config), actor))
    reload.problems.push_back({"", 0, 0, "", std::move(line)});
  reload.done = true;
  reload.message =
      reload.changed.empty()
          ? "Nothing had changed that a reload takes over; secrets and certificates were read again."
          : "Taken over: " + list_text(reload.changed) + ".";
  co_return reload;
}

Awaitable<std::vector<store::SecretVersion>> Operations::secrets(std::string secret, bool all) {
  co_return co_await parts_.pool.transact(
      [=](pqxx::transaction_base& work) { return store::secret_versions(work, secret, all); });
}

std::vector<std::string> Operations::recent_log(std::size_t most) const {
  return log::recent(most);
}

}  // namespace payoutd::daemon
