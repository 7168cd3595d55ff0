#pragma once
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json.hpp>
#include <map>
#include <mutex>
#include <string>

#include "core/ids.hpp"
#include "engine/explanation.hpp"
#include "fake_scripts.hpp"
#include "http/host_view.hpp"
#include "identity/token.hpp"
#include "store/errors.hpp"

namespace payoutd::test {

/// A host without an engine: payouts live in a map, and a destination says what goes wrong with them.
class FakeHost final : public http::HostView {
 public:
  struct Entry {
    engine::PayoutRequest request;
    store::Payout payout;
  };

  Awaitable<engine::AdmissionReply> admit(engine::PayoutRequest request) override {
    ++admissions;
    if (admit_delay.count() > 0) co_await sleep(admit_delay);
    if (request.destination == "unavailable") throw store::Unavailable("the database is away");
    if (request.destination == "in-doubt") throw store::InDoubt("the commit's answer was lost");
    if (request.destination == "overloaded") throw store::Overloaded("queue");
    if (request.destination == "broken") throw std::logic_error("secret detail");
    engine::AdmissionReply reply;
    if (request.destination == "not-ready") {
      reply.kind = engine::AdmissionReply::Kind::not_ready;
      reply.problem = {"provider", "has not started yet"};
      co_return reply;
    }
    if (request.destination == "refused") {
      reply.problem = {"destination", "is not a number of this country"};
      co_return reply;
    }
    reply.provider = "momo-ci";
    if (request.destination == "throttled" && !by_key.contains(request.idempotency_key)) {
      reply.kind = engine::AdmissionReply::Kind::throttled;
      reply.problem = {"provider", "Provider momo-ci takes no more than 10/s new payouts at the moment."};
      reply.retry_after = std::chrono::seconds{7};
      co_return reply;
    }
    const auto known = by_key.find(request.idempotency_key);
    if (known != by_key.end()) {
      const Entry& entry = entries.at(known->second);
      const bool same = entry.request.canonical() == request.canonical();
      reply.kind = same ? engine::AdmissionReply::Kind::replayed : engine::AdmissionReply::Kind::conflict;
      reply.payout_id = entry.payout.id;
      reply.created_at = entry.payout.created_at;
      reply.existing_payload = entry.request.canonical();
      co_return reply;
    }
    Entry entry;
    entry.payout.id = core::random_uuid();
    entry.payout.client_id = request.client_id;
    entry.payout.idempotency_key = request.idempotency_key;
    entry.payout.provider = "momo-ci";
    entry.payout.money = request.money;
    entry.payout.destination = request.destination;
    entry.payout.batch = request.batch;
    entry.payout.flow_id = request.flow_id;
    entry.payout.created_at = "2026-01-31T08:00:00.000Z";
    entry.payout.updated_at = entry.payout.created_at;
    settle(entry.payout);
    entry.request = request;
    reply.kind = engine::AdmissionReply::Kind::created;
    reply.payout_id = entry.payout.id;
    reply.created_at = entry.payout.created_at;
    by_key[request.idempotency_key] = entry.payout.id;
    entries[entry.payout.id] = std::move(entry);
    co_return reply;
  }
  Awaitable<std::optional<store::Payout>> find(std::string payout_id) override {
    const auto found = entries.find(payout_id);
    if (found == entries.end()) co_return std::nullopt;
    co_return found->second.payout;
  }
  Awaitable<store::Page> list(store::ListFilter filter) override {
    last_filter = filter;
    ++pages_read;
    if (pages_until_failure == 0) throw store::Unavailable("the database is away");
    if (pages_until_failure > 0) --pages_until_failure;
    store::Page page;
    for (const auto& [id, entry] : entries) {
      if (!filter.cursor.empty() && id <= filter.cursor.substr(filter.cursor.find(',') + 1)) continue;
      if (!filter.batch.empty() && entry.payout.batch != filter.batch) continue;
      if (!filter.client_id.empty() && entry.payout.client_id != filter.client_id) continue;
      if (!filter.state.empty() && core::to_string(entry.payout.state) != filter.state) continue;
      if (static_cast<int>(page.payouts.size()) == filter.limit) {
        page.next = "2026-01-31T08:00:00.000000Z," + page.payouts.back().id;
        break;
      }
      page.payouts.push_back(entry.payout);
    }
    co_return page;
  }
  Awaitable<std::vector<store::Event>> events(std::string) override {
    store::Event event;
    event.id = 1;
    event.at = "2026-01-31T08:00:00.000Z";
    event.kind = "admitted";
    event.to_state = "PENDING";
    event.actor = "client:default";
    event.data = "{}";
    co_return std::vector<store::Event>{event};
  }
  Awaitable<std::optional<boost::json::object>> explain(std::string payout_id) override {
    const auto found = entries.find(payout_id);
    if (found == entries.end()) co_return std::nullopt;
    co_return engine::explain({found->second.payout, {}, co_await events(payout_id)});
  }
  Awaitable<std::vector<store::Tally>> tally(store::TallyFilter filter) override {
    std::map<std::pair<std::string, std::string>, std::int64_t> counts;
    for (const auto& [id, entry] : entries) {
      if (!filter.batch.empty() && entry.payout.batch != filter.batch) continue;
      ++counts[{std::string(core::to_string(entry.payout.state)), entry.payout.reason}];
    }
    std::vector<store::Tally> rows;
    for (const auto& [key, count] : counts) {
      store::Tally row;
      row.provider = "momo-ci";
      row.state = key.first;
      row.reason = key.second;
      row.count = count;
      row.sum = "1";
      row.currency = "XOF";
      rows.push_back(row);
    }
    co_return rows;
  }
  Awaitable<engine::OperatorReply> decide(engine::OperatorRequest request) override {
    last_decision = request;
    if (decision) co_return *decision;
    engine::OperatorReply reply;
    const auto found = entries.find(request.payout_id);
    if (found == entries.end()) {
      reply.code = "not_found";
    } else if (found->second.payout.state != core::State::pending) {
      reply.code = "wrong_state";
      reply.message = "It is final.";
    } else {
      reply.done = true;
      reply.state = core::State::cancelled;
      reply.message = "Done.";
    }
    co_return reply;
  }
  Awaitable<engine::CallbackReply> webhook(engine::Callback callback) override {
    using Kind = engine::CallbackReply::Kind;
    last_callback = callback;
    engine::CallbackReply reply;
    reply.event_id = "0e1c4f5e-0000-4000-8000-000000000001";
    const std::string& signature = callback.signature;
    if (signature == "away") throw store::Unavailable("the database is away");
    if (signature == "stopped") reply.kind = Kind::writes_stopped;
    if (signature == "many") reply.kind = Kind::too_many;
    if (signature == "wrong") reply.kind = Kind::signature_wrong;
    if (signature.empty()) reply.kind = Kind::signature_missing;
    if (callback.provider != "momo-ci") reply.kind = Kind::unknown_provider;
    if (callback.webhook.body == "garbage") reply.kind = Kind::bad_json;
    reply.applied = reply.kind == Kind::taken;
    for (const std::string reason : {"unknown_payout", "already_final", "duplicate"}) {
      if (callback.webhook.reference != reason) continue;
      reply.applied = false;
      reply.reason = reason;
    }
    co_return reply;
  }
  Awaitable<store::InboxPage> webhook_events(store::InboxFilter filter) override {
    last_inbox_filter = filter;
    co_return store::InboxPage{inbox, inbox.empty() ? "" : "2026-01-31T08:00:00.000000Z," + inbox.back().id};
  }
  Awaitable<std::optional<store::InboxEvent>> webhook_event(std::string id) override {
    for (const store::InboxEvent& event : inbox)
      if (event.id == id) co_return event;
    co_return std::nullopt;
  }
  Awaitable<std::optional<boost::json::object>> verify_webhook(std::string id) override {
    const auto event = co_await webhook_event(id);
    if (!event) co_return std::nullopt;
    co_return boost::json::object{
        {"event", id},
        {"provider", event->provider},
        {"body_bytes", event->body.size()},
        {"body_sha256", core::sha256_hex(event->body)},
        {"received",
         boost::json::object{
             {"x_signature", "aaaa…"}, {"x_signature_headers", 1}, {"url_signature", nullptr}}},
        {"keys", boost::json::array{boost::json::object{{"key_id", "env"}, {"expired", false}}}},
        {"valid", true},
        {"key_id", "env"},
        {"valid_when_received", nullptr},
        {"plugin", nullptr}};
  }
  Awaitable<engine::Inbox::ReplayReply> replay_webhook(std::string id, std::string actor,
                                                       std::string note) override {
    engine::Inbox::ReplayReply reply;
    const auto event = co_await webhook_event(id);
    if (!event) co_return reply;
    reply.found = true;
    last_replay = actor + ": " + note;
    if (event->state == "rejected") co_return reply;
    reply.event_id = core::random_uuid();
    reply.done = true;
    reply.settled = {"applied", "asked", event->payout_id, true};
    co_return reply;
  }
  Awaitable<engine::Inbox::BulkReply> replay_webhooks(store::InboxFilter filter, bool dry_run,
                                                      std::string actor, std::string note) override {
    last_inbox_filter = filter;
    engine::Inbox::BulkReply reply;
    reply.matching = std::ssize(inbox);
    reply.events = inbox;
    if (dry_run) co_return reply;
    for (const store::InboxEvent& event : inbox) {
      reply.replays.push_back(co_await replay_webhook(event.id, actor, note));
      reply.replays.back().of = event.id;
    }
    co_return reply;
  }
  Switches switches() const override { return switches_now; }
  Awaitable<engine::SwitchReply> set_switch(store::SwitchChange change) override {
    last_switch = change;
    if (switch_reply) co_return *switch_reply;
    co_return engine::SwitchReply{.enabled = change.enabled};
  }
  Awaitable<void> pause(std::string provider, bool paused, std::string actor, std::string note) override {
    last_pause = provider + (paused ? " paused by " : " resumed by ") + actor + ": " + note;
    co_return;
  }
  Awaitable<void> set_dry_run(std::string provider, bool enabled, std::string actor,
                              std::string note) override {
    last_dry_run = provider + (enabled ? " simulated by " : " paid by ") + actor + ": " + note;
    co_return;
  }
  engine::ThrottleSettings throttle(const std::string&) const override { return throttle_now; }
  Awaitable<void> set_throttle(store::ThrottleChange change) override {
    last_throttle = change;
    throttle_now = {};
    if (const auto rate = core::Rate::parse(change.rate)) throttle_now.rate = *rate;
    throttle_now.depth = change.depth;
    co_return;
  }
  Awaitable<std::vector<store::HostRow>> hosts() override {
    store::HostRow row;
    row.incarnation = "6b1f0e52-0000-4000-8000-000000000001";
    row.started_at = row.beat_at = "2026-01-31T08:00:00.000Z";
    row.roles = {"worker", "api"};
    co_return std::vector<store::HostRow>{row};
  }
  http::ScriptsView* scripts() override { return has_scripts ? &script_keeper : nullptr; }
  notify::Administration* desk = nullptr;
  notify::Administration* notifications() override { return desk; }
  Awaitable<std::vector<store::FlagRow>> flags(store::FlagFilter filter) override {
    last_flag_filter = filter;
    std::vector<store::FlagRow> rows;
    for (const store::FlagRow& row : flag_rows)
      if (!filter.open || row.cleared_at.empty()) rows.push_back(row);
    co_return rows;
  }
  Awaitable<std::optional<store::FlagRow>> change_flag(std::int64_t id, bool clear, std::string actor,
                                                       std::string note) override {
    for (store::FlagRow& row : flag_rows) {
      if (row.id != id || !row.cleared_at.empty()) continue;
      if (!note.empty()) row.note = note;
      row.noted_by = actor;
      if (clear) row.cleared_at = "2026-01-31T08:00:00.000Z";
      if (clear) row.cleared_by = actor;
      co_return row;
    }
    co_return std::nullopt;
  }
  std::vector<store::KeyRecord> key_records;
  Awaitable<std::vector<store::KeyRecord>> idempotency_keys(store::KeyFilter filter) override {
    std::vector<store::KeyRecord> found;
    for (const store::KeyRecord& record : key_records) {
      const bool key = filter.key.empty() ? record.conflict_count > 0 : record.key == filter.key;
      if (key && (filter.client_id.empty() || record.client_id == filter.client_id)) found.push_back(record);
    }
    co_return found;
  }
  std::vector<store::FinishRate> rates{{"momo", 600}};
  Awaitable<std::vector<store::FinishRate>> finish_rates() override { co_return rates; }
  std::vector<store::AuditEntry> audited;
  Awaitable<void> append_audit(store::AuditEntry entry) override {
    audited.push_back(std::move(entry));
    co_return;
  }
  Awaitable<std::vector<store::AuditRow>> audit(store::AuditFilter) override {
    std::vector<store::AuditRow> rows;
    for (const store::AuditEntry& entry : audited) {
      store::AuditRow row;
      static_cast<store::AuditEntry&>(row) = entry;
      row.id = static_cast<std::int64_t>(rows.size()) + 1;
      row.at = "2026-01-31T08:00:00.000Z";
      rows.insert(rows.begin(), std::move(row));
    }
    co_return rows;
  }
  store::AuditCheck audit_check{3, 0, {}, "abcd"};
  Awaitable<store::AuditCheck> verify_audit() override { co_return audit_check; }
  store::AcceptedPayouts accepted;
  store::AcceptedCallbacks accepted_calls;
  std::optional<store::AcceptedFilter> last_accepted;
  Awaitable<store::AcceptedPayouts> accepted_payouts(store::AcceptedFilter filter) override {
    last_accepted = std::move(filter);
    co_return accepted;
  }
  Awaitable<store::AcceptedCallbacks> accepted_callbacks(store::AcceptedFilter filter) override {
    last_accepted = std::move(filter);
    co_return accepted_calls;
  }
  std::optional<store::RetryFilter> retried;
  int retried_per_second = 0;
  Awaitable<std::vector<store::RetryGroup>> preview_retry(store::RetryFilter) override {
    co_return std::vector<store::RetryGroup>{{"momo", "SENT", "XOF", 2, "300"}};
  }
  Awaitable<std::int64_t> retry(store::RetryFilter filter, int per_second, std::string,
                                std::string) override {
    retried = std::move(filter);
    retried_per_second = per_second;
    co_return 2;
  }
  Awaitable<std::vector<store::HaltRow>> halts() override { co_return halt_rows; }
  Awaitable<bool> lift_halt(std::string provider, std::string currency, std::string actor,
                            std::string note) override {
    last_lift = actor + ": " + note;
    co_return std::erase_if(halt_rows, [&](const store::HaltRow& row) {
      return row.provider == provider && row.currency == currency;
    }) > 0;
  }
  Awaitable<std::vector<store::DecisionRow>> decisions(store::DecisionFilter filter) override {
    last_decision_filter = filter;
    std::vector<store::DecisionRow> rows;
    for (const store::DecisionRow& row : decision_rows) {
      if (row.id <= filter.after_id || !wanted(row, filter)) continue;
      if (static_cast<int>(rows.size()) == filter.limit) break;
      rows.push_back(row);
    }
    co_return rows;
  }
  Awaitable<std::int64_t> count_decisions(store::DecisionFilter filter) override {
    if (decisions_at_first >= 0) co_return decisions_at_first;
    co_return std::count_if(decision_rows.begin(), decision_rows.end(),
                            [&](const store::DecisionRow& row) { return wanted(row, filter); });
  }
  const core::Limits& limits() const override { return configured_limits; }
  bool has_provider(const std::string& name) const override { return name == "momo-ci"; }
  boost::json::array providers() const override {
    return {boost::json::object{{"name", "momo-ci"},
                                {"plugin", "momo"},
                                {"plugin_version", "1.0.0"},
                                {"state", "ready"},
                                {"pid", 7},
                                {"restarts", 0},
                                {"submits_in_flight", 0},
                                {"last_error", ""},
                                {"paused", false},
                                {"dry_run", false},
                                {"throttle", nullptr},
                                {"submit_rate", nullptr},
                                {"query_rate", nullptr},
                                {"balance_check", nullptr},
                                {"problems", boost::json::array()},
                                {"currencies", boost::json::array{"XOF"}}}};
  }
  Awaitable<void> probe(std::string) override {
    if (probe_fails) throw providers::CallFailed(true, "the credentials are refused");
    co_return;
  }
  Awaitable<Balance> balance(std::string) override {
    co_return Balance{Amount::parse("1250.5").value(), "EUR"};
  }
  Awaitable<void> lift_quarantine(std::string, std::string, std::string) override { co_return; }
  Awaitable<PluginChange> change_plugin(std::string plugin, std::string file, std::string) override {
    PluginChange change;
    if (plugin != "momo") co_return change;
    change.providers = {"momo-ci"};
    change.version_before = "1.0.0";
    change.version = file.empty() ? "0.9.0" : "1.1.0";
    if (file == "/broken.so") change.problems = {{"momo-ci", "the ABI differs"}};
    co_return change;
  }
  Build build() const override { return {"1.2.3", "abc"}; }
  Readiness readiness() const override { return ready; }
  std::string metrics_text() override { return "http_requests_total 1\n"; }
  Awaitable<ReloadReport> reload(std::string actor) override {
    reloaded_by = std::move(actor);
    co_return reload_report;
  }
  void request_drain(std::string actor) override { drained_by = std::move(actor); }
  void count_request(std::string_view route, std::string_view method, int status, double) override {
    const std::lock_guard guard(mutex);
    counted[std::string(method) + " " + std::string(route) + " " + std::to_string(status)]++;
  }
  std::optional<identity::Time> sessions_revoked_until() const override {
    const std::int64_t ms = revoked_until_ms;
    if (ms == 0) return std::nullopt;
    return identity::Time{std::chrono::milliseconds{ms}};
  }
  Awaitable<identity::Time> invalidate_sessions(std::string actor, std::string) override {
    invalidated_by = std::move(actor);
    revoked_until_ms = identity::now().time_since_epoch().count();
    co_return *sessions_revoked_until();
  }
  void count_auth_refusal(std::string_view reason) override {
    const std::lock_guard guard(mutex);
    auth_refusals[std::string(reason)]++;
  }
  void count_rate_limit_block(std::string_view by) override {
    const std::lock_guard guard(mutex);
    blocks[std::string(by)]++;
  }
  void count_replay(std::string_view route) override {
    const std::lock_guard guard(mutex);
    replays[std::string(route)]++;
  }
  int blocked(const std::string& by) {
    const std::lock_guard guard(mutex);
    return blocks[by];
  }
  int counted_requests(const std::string& what) {
    const std::lock_guard guard(mutex);
    return counted[what];
  }

  // Set before the server starts, or read after its answers; the maps of counts are guarded.
  std::map<std::string, Entry> entries;
  std::map<std::string, std::string> by_key;
  std::atomic<int> admissions = 0;
  std::chrono::milliseconds admit_delay{0};
  store::ListFilter last_filter;
  std::atomic<int> pages_read = 0;
  int pages_until_failure = -1;  ///< -1: never
  engine::OperatorRequest last_decision;
  std::optional<engine::OperatorReply> decision;  ///< whatever is asked
  engine::Callback last_callback;
  store::SwitchChange last_switch;
  std::optional<engine::SwitchReply> switch_reply;  ///< whatever is asked
  std::string last_pause;
  std::string last_dry_run;
  engine::ThrottleSettings throttle_now;
  store::ThrottleChange last_throttle;
  std::string drained_by;
  std::string reloaded_by;
  ReloadReport reload_report{{{"configuration", true, "taken over", {}}}};
  bool probe_fails = false;
  Switches switches_now;
  Readiness ready{
      .db_ok = true, .migrations_ok = true, .migration_revision = "0002", .draining = false, .reasons = {}};
  std::mutex mutex;
  std::map<std::string, int> counted;
  std::map<std::string, int> replays;
  std::map<std::string, int> auth_refusals;
  std::map<std::string, int> blocks;
  std::atomic<std::int64_t> revoked_until_ms = 0;
  std::string invalidated_by;
  std::vector<store::InboxEvent> inbox;
  store::InboxFilter last_inbox_filter;
  std::string last_replay;
  bool has_scripts = true;
  FakeScripts script_keeper;
  std::vector<store::FlagRow> flag_rows;
  store::FlagFilter last_flag_filter;
  std::vector<store::HaltRow> halt_rows;
  std::string last_lift;
  std::vector<store::DecisionRow> decision_rows;  ///< by id
  std::int64_t decisions_at_first = -1;           ///< how many there were when they were counted; -1: all
  store::DecisionFilter last_decision_filter;
  core::Limits configured_limits;
  /// What becomes of a payout at once; by default it stays PENDING.
  std::function<void(store::Payout&)> outcome;

 private:
  static bool wanted(const store::DecisionRow& row, const store::DecisionFilter& filter) {
    return row.shadow == filter.shadow && (filter.kind.empty() || row.kind == filter.kind) &&
           (filter.payout_id.empty() || row.payout_id == filter.payout_id);
  }
  void settle(store::Payout& payout) {
    if (outcome) outcome(payout);
  }
  static Awaitable<void> sleep(std::chrono::milliseconds duration) {
    boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor, duration);
    co_await timer.async_wait(boost::asio::use_awaitable);
  }
};

}  // namespace payoutd::test
