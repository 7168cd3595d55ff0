#include <boost/json.hpp>

#include "core/ids.hpp"
#include "core/test_payout.hpp"
#include "http/admin_input.hpp"
#include "http/admit_one.hpp"
#include "http/json_output.hpp"
#include "http/operations_view.hpp"
#include "http/routes.hpp"
#include "identity/token.hpp"

namespace payoutd::http {
namespace {

namespace json = boost::json;

constexpr std::int64_t kLongestStats_s = 31 * 24 * 3600;
constexpr std::int64_t kLongestSeedToken_s = 30 * 24 * 3600;

Response unavailable() {
  Response response =
      refuse(503, "OPERATIONS_UNAVAILABLE", "This host does not answer questions about itself.");
  response.headers.emplace_back("Retry-After", "60");
  return response;
}

Awaitable<Response> get_health(HostView* host, Request) {
  if (host->operations() == nullptr) co_return unavailable();
  const OperationsView::Health health = co_await host->operations()->health();
  HealthStatus worst = HealthStatus::ok;
  json::array checks;
  for (const HealthCheck& check : health.checks) {
    worst = std::max(worst, check.status);
    checks.push_back(
        json::object{{"name", check.name}, {"status", to_string(check.status)}, {"text", check.text}});
  }
  const HostView::Build build = host->build();
  co_return answer(worst == HealthStatus::down ? 503 : 200,
                   json::object{{"status", to_string(worst)},
                                {"host", health.host},
                                {"environment", health.environment},
                                {"version", build.version},
                                {"build", build.build_id},
                                {"now", health.now},
                                {"checks", std::move(checks)},
                                {"maintenance", host->operations()->maintenance()}});
}

json::object admitted_json(const store::AdmittedStats& row, std::int64_t since_s) {
  return {{"provider", row.provider},
          {"currency", row.currency},
          {"count", row.count},
          {"sum", row.sum},
          {"per_minute", static_cast<double>(row.count) * 60 / static_cast<double>(since_s)}};
}

json::object finished_json(const store::FinishedStats& row, std::int64_t since_s) {
  return {{"provider", row.provider},
          {"currency", row.currency},
          {"state", row.state},
          {"count", row.count},
          {"sum", row.sum},
          {"per_minute", static_cast<double>(row.count) * 60 / static_cast<double>(since_s)},
          {"p50_ms", row.p50_ms},
          {"p95_ms", row.p95_ms},
          {"p99_ms", row.p99_ms},
          {"slowest_ms", row.slowest_ms}};
}

Awaitable<Response> get_stats(HostView* host, Request request) {
  if (host->operations() == nullptr) co_return unavailable();
  store::StatsFilter filter;
  if (auto refusal = read_number(request, "since_s", 1, kLongestStats_s, filter.since_s)) co_return *refusal;
  filter.provider = request.parameter("provider");
  const store::Stats stats = co_await host->operations()->stats(filter);
  json::array admitted;
  for (const auto& row : stats.admitted) admitted.push_back(admitted_json(row, filter.since_s));
  json::array finished;
  for (const auto& row : stats.finished) finished.push_back(finished_json(row, filter.since_s));
  json::array reasons;
  for (const auto& row : stats.reasons)
    reasons.push_back(json::object{{"provider", row.provider},
                                   {"state", row.state},
                                   {"reason", text_or_null(row.reason)},
                                   {"count", row.count}});
  json::array open;
  for (const store::Tally& row : co_await host->tally({.batch = {}, .provider = filter.provider})) {
    const auto state = core::parse_state(row.state);
    if (!state || core::is_final(*state)) continue;
    open.push_back(json::object{{"provider", row.provider},
                                {"state", row.state},
                                {"reason", text_or_null(row.reason)},
                                {"count", row.count},
                                {"sum", row.sum},
                                {"currency", row.currency},
                                {"oldest_ms", row.oldest_ms}});
  }
  co_return answer(200, json::object{{"since_s", filter.since_s},
                                     {"admitted", std::move(admitted)},
                                     {"finished", std::move(finished)},
                                     {"open", std::move(open)},
                                     {"reasons", std::move(reasons)}});
}

/// `{"host": NAME}` or `{"all": true}`, and perhaps a note.
template <bool drained>
Awaitable<Response> post_drained(HostView* host, Request request) {
  if (host->operations() == nullptr) co_return unavailable();
  const BodyObject body = read_body_object(request, {"host", "all", "note"});
  if (body.refusal) co_return *body.refusal;
  std::string note;
  if (auto refusal = read_note(body.object, nullptr, note)) co_return *refusal;
  const auto* named = body.object.if_contains("host");
  const auto* all = body.object.if_contains("all");
  if (all != nullptr && !all->is_bool())
    co_return refuse(400, "BAD_VALUE", "all must be true or false.", "all");
  const bool every = all != nullptr && all->get_bool();
  if (every == (named != nullptr))
    co_return refuse(400, "BAD_VALUE", "Either host names one, or all is true.", "host");
  if (!every &&
      (!named->is_string() || named->get_string().empty() || named->get_string() == store::kAllHosts))
    co_return refuse(400, "BAD_VALUE", "host must be the name of a host.", "host");
  const std::string name = every ? store::kAllHosts : std::string(named->get_string());
  if (drained && !every) {
    std::string known;
    bool found = false;
    for (const store::HostRow& row : co_await host->hosts()) {
      found = found || row.name == name;
      if (row.stopped_at.empty()) known.append(known.empty() ? "" : ", ").append(row.name);
    }
    if (!found)
      co_return refuse(404, "HOST_NOT_FOUND",
                       in_quotes(name) + " is not a host of this database; there are " + known + ".");
  }
  const bool changed = co_await host->operations()->set_drained(name, drained, request.peer.actor, note);
  co_return answer(200, json::object{{"host", name}, {"drained", drained}, {"changed", changed}});
}

/// A payout that goes through everything but the submit, whatever the switches say.
Awaitable<Response> post_test_payout(HostView* host, Request request) {
  BodyObject body =
      read_body_object(request, {"provider", "amount", "currency", "destination", "user", "region"});
  if (body.refusal) co_return *body.refusal;
  Result<engine::PayoutRequest> read = engine::read_payout(body.object, false);
  if (!read) {
    Response response = refuse(422, "INVALID_PAYOUT", read.error().field + " " + read.error().reason + ".",
                               read.error().field);
    co_return response;
  }
  engine::PayoutRequest payout = *std::move(read);
  payout.client_id = core::kTestClient;
  payout.idempotency_key = "test-" + core::random_uuid();
  payout.batch = core::kTestClient;
  if (payout.user.empty()) payout.user = core::kTestClient;
  payout.flow_id = request.flow_id;
  payout.actor = request.peer.actor;
  payout.token = request.peer.token;
  const AdmitOutcome outcome = co_await admit_one(host, std::move(payout));
  if (outcome.error) {
    Response response =
        refuse(outcome.status, outcome.error->code, outcome.error->message, outcome.error->field);
    if (outcome.outage) response.headers.emplace_back("Retry-After", "1");
    if (outcome.retry_after.count() > 0)
      response.headers.emplace_back("Retry-After", std::to_string(outcome.retry_after.count()));
    co_return response;
  }
  co_return answer(outcome.status, outcome.payout);
}

Awaitable<Response> post_seed_admin(HostView* host, Request request) {
  if (host->operations() == nullptr) co_return unavailable();
  const BodyObject body = read_body_object(request, {"subject", "ttl_s", "new_token"});
  if (body.refusal) co_return *body.refusal;
  SeedRequest seed;
  const auto* subject = body.object.if_contains("subject");
  if (subject == nullptr || !subject->is_string() ||
      !identity::is_claim_text(std::string_view(subject->get_string())))
    co_return refuse(400, "BAD_VALUE",
                     "subject must be a name of 1 to 128 printable characters without blanks.", "subject");
  seed.subject = std::string(subject->get_string());
  const auto* ttl = body.object.if_contains("ttl_s");
  if (ttl != nullptr && (!ttl->is_int64() || ttl->get_int64() < 60 || ttl->get_int64() > kLongestSeedToken_s))
    co_return refuse(400, "BAD_VALUE", "ttl_s must be a number from 60 to 2592000 (30 days).", "ttl_s");
  seed.ttl_s = ttl == nullptr ? 3600 : ttl->get_int64();
  const auto* again = body.object.if_contains("new_token");
  if (again != nullptr && !again->is_bool())
    co_return refuse(400, "BAD_VALUE", "new_token must be true or false.", "new_token");
  seed.new_token = again != nullptr && again->get_bool();
  seed.actor = request.peer.actor;
  const SeedReply reply = co_await host->operations()->seed_admin(std::move(seed));
  if (!reply.refused.empty()) co_return refuse(403, "SEED_REFUSED", reply.refused, "subject");
  json::array roles(reply.admin.roles.begin(), reply.admin.roles.end());
  co_return answer(reply.admin.created ? 201 : 200,
                   json::object{{"subject", reply.admin.subject},
                                {"roles", std::move(roles)},
                                {"environment", reply.admin.environment},
                                {"created", reply.admin.created},
                                {"seeded_by", reply.admin.seeded_by},
                                {"seeded_at", reply.admin.seeded_at},
                                {"token", text_or_null(reply.token)},
                                {"kid", text_or_null(reply.kid)},
                                {"expires_at", text_or_null(reply.expires_at)}});
}

Awaitable<Response> get_maintenance(HostView* host, Request) {
  if (host->operations() == nullptr) co_return unavailable();
  co_return answer(200, host->operations()->maintenance());
}

Awaitable<Response> get_config(HostView* host, Request) {
  if (host->operations() == nullptr) co_return unavailable();
  co_return answer(200, host->operations()->config());
}

Awaitable<Response> get_config_difference(HostView* host, Request) {
  if (host->operations() == nullptr) co_return unavailable();
  co_return answer(200, host->operations()->config_difference());
}

json::array complaints_json(const std::vector<ConfigComplaint>& complaints) {
  json::array list;
  for (const ConfigComplaint& one : complaints)
    list.push_back(json::object{{"file", one.file},
                                {"line", one.line},
                                {"column", one.column},
                                {"path", one.path},
                                {"reason", one.reason}});
  return list;
}

Awaitable<Response> post_config_reload(HostView* host, Request request) {
  if (host->operations() == nullptr) co_return unavailable();
  const BodyObject body = read_body_object(request, {"live_only"});
  if (body.refusal) co_return *body.refusal;
  const auto* live_only = body.object.if_contains("live_only");
  if (live_only != nullptr && !live_only->is_bool())
    co_return refuse(400, "BAD_VALUE", "live_only must be true or false.", "live_only");
  const ConfigReload reload = co_await host->operations()->reload_config(
      request.peer.actor, live_only != nullptr && live_only->get_bool());
  if (!reload.done) {
    Response response = refuse(409, "CONFIG_REFUSED", reload.message);
    response.error->problems = complaints_json(reload.problems);
    co_return response;
  }
  co_return answer(200, json::object{{"message", reload.message},
                                     {"changed", json::array(reload.changed.begin(), reload.changed.end())},
                                     {"needs_restart",
                                      json::array(reload.needs_restart.begin(), reload.needs_restart.end())},
                                     {"problems", complaints_json(reload.problems)}});
}

json::object version_json(const store::SecretVersion& row) {
  json::array hosts;
  for (const auto& host : row.hosts)
    hosts.push_back(json::object{{"host", host.name}, {"role", host.current ? "current" : "previous"}});
  return {{"secret", row.secret},
          {"fingerprint", row.fingerprint},
          {"key_id", text_or_null(row.key_id)},
          {"purpose", row.purpose},
          {"created_at", row.created_at},
          {"created_by", row.created_by},
          {"activated_at", text_or_null(row.activated_at)},
          {"activated_by", text_or_null(row.activated_by)},
          {"expires_at", text_or_null(row.expires_at)},
          {"retired_at", text_or_null(row.retired_at)},
          {"retired_by", text_or_null(row.retired_by)},
          {"age_s", row.age_s},
          {"hosts", std::move(hosts)}};
}

Awaitable<Response> get_secrets(HostView* host, Request request) {
  if (host->operations() == nullptr) co_return unavailable();
  bool all = false;
  if (auto refusal = read_truth(request, "all", all)) co_return *refusal;
  json::array rows;
  for (const store::SecretVersion& row :
       co_await host->operations()->secrets(request.parameter("secret"), all))
    rows.push_back(version_json(row));
  co_return answer(200, json::object{{"secrets", std::move(rows)}});
}

Awaitable<Response> get_log(HostView* host, Request request) {
  if (host->operations() == nullptr) co_return unavailable();
  std::int64_t limit = 200;
  if (auto refusal = read_number(request, "limit", 1, 2000, limit)) co_return *refusal;
  json::array lines;
  for (const std::string& line : host->operations()->recent_log(static_cast<std::size_t>(limit)))
    lines.push_back(stored_json(line));
  co_return answer(200, json::object{{"lines", std::move(lines)}});
}

}  // namespace

std::vector<Route> operations_routes(HostView& host) {
  std::vector<Route> routes;
  const auto add = [&](const char* method, const char* pattern,
                       Awaitable<Response> (*handler)(HostView*, Request), BodyForm body = BodyForm::none,
                       std::vector<std::string> query = {}, bool control_only = false) {
    routes.push_back(
        {.method = method,
         .pattern = std::string("/v1/admin") + pattern,
         .handle = [&host, handler](Request request) { return handler(&host, std::move(request)); },
         .body = body,
         .query = std::move(query),
         .control_only = control_only,
         .role = identity::Role::admin});
  };
  add("GET", "/health", get_health);
  add("GET", "/stats", get_stats, BodyForm::none, {"since_s", "provider"});
  add("POST", "/hosts/drain", post_drained<true>, BodyForm::json);
  add("POST", "/hosts/resume", post_drained<false>, BodyForm::json);
  add("POST", "/test-payout", post_test_payout, BodyForm::json);
  add("GET", "/maintenance", get_maintenance);
  add("GET", "/config", get_config);
  add("GET", "/config/diff", get_config_difference);
  add("GET", "/secrets", get_secrets, BodyForm::none, {"secret", "all"});
  add("GET", "/log", get_log, BodyForm::none, {"limit"});
  // Who makes administrators, or has files of the machine read, is on the machine.
  add("POST", "/seed/admin", post_seed_admin, BodyForm::json, {}, true);
  add("POST", "/config/reload", post_config_reload, BodyForm::optional_json, {}, true);
  return routes;
}

}  // namespace payoutd::http
