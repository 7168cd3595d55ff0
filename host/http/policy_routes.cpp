#include <boost/json.hpp>

#include "core/ids.hpp"
#include "http/admin_input.hpp"
#include "http/json_output.hpp"
#include "http/routes.hpp"
#include "policy/feature.hpp"

namespace payoutd::http {
namespace {

namespace json = boost::json;

constexpr std::int64_t kMaxRows = 1000;
constexpr std::int64_t kMaxId = std::numeric_limits<std::int64_t>::max();
constexpr std::size_t kMaxScripts = 8 * 1024 * 1024;  ///< bytes of a whole bundle, as JSON

// --- scripts
// -----------------------------------------------------------------------------------------------------

Response no_scripts() {
  return refuse(409, "NO_SCRIPTS",
                "This host runs without scripts; scripts_dir of its configuration names their directory.");
}

json::array problems_json(const std::vector<policy::ScriptProblem>& problems) {
  json::array list;
  for (const policy::ScriptProblem& problem : problems) {
    json::object one{{"file", problem.file}, {"reason", problem.reason}};
    if (problem.line > 0) one["line"] = problem.line;
    list.push_back(std::move(one));
  }
  return list;
}

Response response_of(const ScriptChange& change) {
  if (!change.done) {
    Response response = refuse(409, "SCRIPTS_REFUSED", change.message);
    response.error->problems = problems_json(change.problems);
    return response;
  }
  return answer(200, json::object{{"done", true},
                                  {"message", change.message},
                                  {"generation", change.generation},
                                  {"hash", change.hash}});
}

Awaitable<Response> get_scripts(HostView* host, Request) {
  ScriptsView* scripts = host->scripts();
  if (scripts == nullptr) co_return no_scripts();
  co_return answer(200, co_await scripts->status());
}

Awaitable<Response> post_reload(HostView* host, Request request) {
  ScriptsView* scripts = host->scripts();
  if (scripts == nullptr) co_return no_scripts();
  const BodyObject body = read_body_object(request, {});
  if (body.refusal) co_return *body.refusal;
  co_return response_of(co_await scripts->reload(request.peer.actor));
}

Awaitable<Response> post_rollback(HostView* host, Request request) {
  ScriptsView* scripts = host->scripts();
  if (scripts == nullptr) co_return no_scripts();
  const BodyObject body = read_body_object(request, {"hash", "note"});
  if (body.refusal) co_return *body.refusal;
  std::string hash;
  if (const auto* value = body.object.if_contains("hash"); value != nullptr && !value->is_null()) {
    if (value->is_string()) hash = std::string(value->get_string());
    constexpr std::size_t kShortest = 6;
    if (hash.size() < kShortest || hash.find_first_not_of("0123456789abcdef") != std::string::npos)
      co_return refuse(400, "BAD_VALUE",
                       "hash must be a bundle's: hexadecimal digits, at least the first " +
                           std::to_string(kShortest) + ".",
                       "hash");
  }
  std::string note;
  if (auto refusal = read_note(body.object, nullptr, note)) co_return *refusal;
  co_return response_of(co_await scripts->rollback(hash, request.peer.actor, note));
}

Awaitable<Response> post_shadow(HostView* host, Request request) {
  ScriptsView* scripts = host->scripts();
  if (scripts == nullptr) co_return no_scripts();
  const BodyObject body = read_body_object(request, {"files"});
  if (body.refusal) co_return *body.refusal;
  const auto* files = body.object.if_contains("files");
  if (files == nullptr || !files->is_object() || files->get_object().empty())
    co_return refuse(400, "BAD_VALUE", "files must be an object of paths and texts.", "files");
  policy::ScriptFiles candidate;
  ScriptChange unreadable;
  try {
    candidate = policy::ScriptFiles::from_json(files->get_object());
  } catch (const policy::ScriptError& error) {
    unreadable.message = "Refused; nothing changed.";
    unreadable.problems = error.problems();
  }
  if (!unreadable.problems.empty()) co_return response_of(unreadable);
  co_return response_of(co_await scripts->shadow(std::move(candidate), request.peer.actor));
}

Awaitable<Response> post_stop_shadow(HostView* host, Request request) {
  ScriptsView* scripts = host->scripts();
  if (scripts == nullptr) co_return no_scripts();
  const BodyObject body = read_body_object(request, {});
  if (body.refusal) co_return *body.refusal;
  co_return response_of(co_await scripts->stop_shadow(request.peer.actor));
}

Awaitable<Response> post_promote(HostView* host, Request request) {
  ScriptsView* scripts = host->scripts();
  if (scripts == nullptr) co_return no_scripts();
  const BodyObject body = read_body_object(request, {"note"});
  if (body.refusal) co_return *body.refusal;
  std::string note;
  if (auto refusal = read_note(body.object, nullptr, note)) co_return *refusal;
  co_return response_of(co_await scripts->promote(request.peer.actor, note));
}

Awaitable<Response> get_bundle(HostView* host, Request request) {
  ScriptsView* scripts = host->scripts();
  if (scripts == nullptr) co_return no_scripts();
  const std::string hash = request.parameters.at("hash");
  const auto bundle = co_await scripts->show(hash);
  if (!bundle)
    co_return refuse(
        404, "BUNDLE_NOT_FOUND",
        "No bundle is known as " + in_quotes(hash) +
            ", or more than one begins so. Name it by the first digits of its hash (at least 6), "
            "or as active or shadow.");
  co_return answer(200, *bundle);
}

// --- decisions
// ---------------------------------------------------------------------------------------------------

std::optional<Response> read_window(const Request& request, std::int64_t& seconds) {
  const std::string text = request.parameter("since");
  if (text.empty()) return std::nullopt;
  const auto window = policy::parse_window(text);
  if (!window || window->kind != policy::Window::Kind::sliding)
    return refuse(400, "BAD_PARAMETER",
                  "since must be a span such as 90s, 30m, 24h or 7d, of at most 400 days.", "since");
  seconds = window->length.count();
  return std::nullopt;
}

std::optional<Response> read_filter(const Request& request, store::DecisionFilter& filter) {
  filter.payout_id = request.parameter("payout");
  for (char& c : filter.payout_id) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  if (!filter.payout_id.empty() && !core::is_uuid(filter.payout_id))
    return refuse(400, "BAD_PARAMETER", "payout must be the id of a payout.", "payout");
  filter.kind = request.parameter("kind");
  if (!filter.kind.empty() && filter.kind != "screen" && filter.kind != "backoff" && filter.kind != "route")
    return refuse(400, "BAD_PARAMETER", "kind must be screen, backoff or route.", "kind");
  if (auto refusal = read_window(request, filter.since_s)) return refusal;
  if (auto refusal = read_number(request, "after", 0, kMaxId, filter.after_id)) return refusal;
  if (auto refusal = read_truth(request, "shadow", filter.shadow)) return refusal;
  std::int64_t limit = 100;
  if (auto refusal = read_number(request, "limit", 1, kMaxRows, limit)) return refusal;
  filter.limit = static_cast<int>(limit);
  return std::nullopt;
}

json::object decision_json(const store::DecisionRow& row) {
  return {{"id", row.id},
          {"at", row.at},
          {"payout", row.payout_id},
          {"kind", row.kind},
          {"bundle", row.bundle},
          {"verdict", row.verdict},
          {"rule", text_or_null(row.rule)},
          {"reason", text_or_null(row.reason)},
          {"inputs", stored_json(row.inputs)},
          {"results", row.results.empty() ? json::value(json::array()) : stored_json(row.results)},
          {"cost_ns", row.cost_ns},
          {"shadow", row.shadow}};
}

Awaitable<Response> get_decisions(HostView* host, Request request) {
  store::DecisionFilter filter;
  if (auto refusal = read_filter(request, filter)) co_return *refusal;
  const std::vector<store::DecisionRow> rows = co_await host->decisions(filter);
  json::array decisions;
  for (const store::DecisionRow& row : rows) decisions.push_back(decision_json(row));
  json::object body{{"decisions", std::move(decisions)}};
  const bool full = static_cast<int>(rows.size()) == filter.limit;
  body["next"] = full ? json::value(rows.back().id) : json::value(nullptr);
  co_return answer(200, body);
}

Awaitable<Response> count_decisions(HostView* host, Request request) {
  store::DecisionFilter filter;
  if (auto refusal = read_filter(request, filter)) co_return *refusal;
  co_return answer(200, json::object{{"count", co_await host->count_decisions(filter)}});
}

// --- flags
// -------------------------------------------------------------------------------------------------------

json::object flag_json(const store::FlagRow& row) {
  return {{"id", row.id},
          {"user", row.user},
          {"rule", row.rule},
          {"reason", text_or_null(row.reason)},
          {"text", text_or_null(row.text)},
          {"count", row.count},
          {"first_payout", row.first_payout},
          {"last_payout", row.last_payout},
          {"first_at", row.first_at},
          {"last_at", row.last_at},
          {"note", text_or_null(row.note)},
          {"noted_by", text_or_null(row.noted_by)},
          {"cleared_at", text_or_null(row.cleared_at)},
          {"cleared_by", text_or_null(row.cleared_by)}};
}

Awaitable<Response> get_flags(HostView* host, Request request) {
  store::FlagFilter filter;
  filter.user = request.parameter("user");
  filter.rule = request.parameter("rule");
  bool all = false;
  std::int64_t limit = 100;
  if (auto refusal = read_truth(request, "all", all)) co_return *refusal;
  if (auto refusal = read_number(request, "limit", 1, kMaxRows, limit)) co_return *refusal;
  filter.open = !all;
  filter.limit = static_cast<int>(limit);
  json::array flags;
  for (const store::FlagRow& row : co_await host->flags(filter)) flags.push_back(flag_json(row));
  co_return answer(200, json::object{{"flags", std::move(flags)}});
}

template <bool clear>
Awaitable<Response> post_flag(HostView* host, Request request) {
  const BodyObject body = read_body_object(request, {"note"});
  if (body.refusal) co_return *body.refusal;
  std::string note;
  const char* required = clear ? nullptr : "A note is required: it is what is written to the flag.";
  if (auto refusal = read_note(body.object, required, note)) co_return *refusal;
  const std::string text = request.parameters.at("id");
  std::int64_t id = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), id);
  std::optional<store::FlagRow> changed;
  if (ec == std::errc() && end == text.data() + text.size())
    changed = co_await host->change_flag(id, clear, request.peer.actor, note);
  if (!changed) co_return refuse(404, "FLAG_NOT_FOUND", "There is no open flag with this number.");
  co_return answer(200, flag_json(*changed));
}

// --- limits
// ------------------------------------------------------------------------------------------------------

json::object amounts_json(const std::map<std::string, Amount>& amounts) {
  json::object all;
  for (const auto& [currency, amount] : amounts) all[currency] = amount.to_string();
  return all;
}

json::value amount_or_null(const std::optional<Amount>& amount) {
  return amount ? json::value(amount->to_string()) : json::value(nullptr);
}

Awaitable<Response> get_limits(HostView* host, Request) {
  const std::vector<store::HaltRow> rows = co_await host->halts();
  const core::Limits& limits = host->limits();
  json::array outflow;
  for (const auto& [key, limit] : limits.outflow) {
    outflow.push_back(json::object{{"provider", key.first},
                                   {"currency", key.second},
                                   {"hour", amount_or_null(limit.hour)},
                                   {"day", amount_or_null(limit.day)}});
  }
  json::array halts;
  for (const store::HaltRow& row : rows) {
    halts.push_back(json::object{{"provider", row.provider},
                                 {"currency", row.currency},
                                 {"span", row.span},
                                 {"allowed", row.allowed},
                                 {"reached", row.reached},
                                 {"at", row.at}});
  }
  co_return answer(200, json::object{{"per_payout", amounts_json(limits.per_payout)},
                                     {"two_approvals_above", amounts_json(limits.two_approvals_above)},
                                     {"outflow", std::move(outflow)},
                                     {"halts", std::move(halts)}});
}

Awaitable<Response> post_lift(HostView* host, Request request) {
  const BodyObject body = read_body_object(request, {"provider", "currency", "note"});
  if (body.refusal) co_return *body.refusal;
  std::map<std::string, std::string> named;
  for (const char* field : {"provider", "currency"}) {
    const auto* value = body.object.if_contains(field);
    if (value == nullptr || !value->is_string() || value->get_string().empty())
      co_return refuse(400, "BAD_VALUE", std::string(field) + " must say whose halt is lifted.", field);
    named[field] = std::string(value->get_string());
  }
  std::string note;
  if (auto refusal = read_note(body.object,
                               "A note is required: why so much may flow out. It stays with the halt.", note))
    co_return *refusal;
  if (!co_await host->lift_halt(named["provider"], named["currency"], request.peer.actor, note))
    co_return refuse(
        404, "HALT_NOT_FOUND",
        "Nothing of " + in_quotes(named["provider"]) + " in " + in_quotes(named["currency"]) + " is halted.");
  co_return answer(
      200, json::object{{"provider", named["provider"]}, {"currency", named["currency"]}, {"halted", false}});
}

}  // namespace

std::vector<Route> policy_routes(HostView& host) {
  std::vector<Route> routes;
  const auto add = [&](const char* method, const char* pattern,
                       Awaitable<Response> (*handler)(HostView*, Request), BodyForm body = BodyForm::none,
                       std::vector<std::string> query = {}, std::size_t body_limit = 0) {
    routes.push_back(
        {.method = method,
         .pattern = std::string("/v1/admin") + pattern,
         .handle = [&host, handler](Request request) { return handler(&host, std::move(request)); },
         .body = body,
         .body_limit = body_limit,
         .query = std::move(query),
         .role = identity::Role::admin});
  };
  add("GET", "/scripts", get_scripts);
  add("POST", "/scripts/reload", post_reload, BodyForm::optional_json);
  add("POST", "/scripts/rollback", post_rollback, BodyForm::optional_json);
  add("POST", "/scripts/shadow/stop", post_stop_shadow, BodyForm::optional_json);
  add("GET", "/scripts/bundles/{hash}", get_bundle);
  const std::vector<std::string> filters = {"payout", "kind", "since", "after", "shadow", "limit"};
  add("GET", "/decisions", get_decisions, BodyForm::none, filters);
  add("GET", "/decisions/count", count_decisions, BodyForm::none, filters);
  add("GET", "/flags", get_flags, BodyForm::none, {"user", "rule", "all", "limit"});
  add("POST", "/flags/{id}/clear", post_flag<true>, BodyForm::optional_json);
  add("POST", "/flags/{id}/note", post_flag<false>, BodyForm::json);
  add("GET", "/limits", get_limits);
  add("POST", "/limits/lift", post_lift, BodyForm::json);
  const std::size_t remote = routes.size();
  // Code comes in on the machine only, and there it becomes active.
  add("POST", "/scripts/shadow", post_shadow, BodyForm::json, {}, kMaxScripts);
  add("POST", "/scripts/promote", post_promote, BodyForm::optional_json);
  for (std::size_t i = remote; i < routes.size(); ++i) routes[i].control_only = true;
  return routes;
}

}  // namespace payoutd::http
