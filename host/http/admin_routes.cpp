#include <algorithm>
#include <boost/json.hpp>

#include "core/ids.hpp"
#include "http/admin_input.hpp"
#include "http/json_output.hpp"
#include "http/routes.hpp"

namespace payoutd::http {
namespace {

namespace json = boost::json;
using engine::OperatorDecision;

constexpr const char* kEvidence =
    "A note is required: what was found, where, and by whom. It stays with the payout as evidence.";

Response response_of(const std::string& id, const engine::OperatorReply& reply) {
  if (reply.done) {
    return answer(
        200,
        json::object{
            {"id", id}, {"done", true}, {"state", core::to_string(reply.state)}, {"message", reply.message}});
  }
  std::string code = reply.code;
  for (char& c : code) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c;
  if (reply.code == "not_found") return refuse(404, "PAYOUT_NOT_FOUND", "There is no payout with this id.");
  return refuse(409, code, reply.message);
}

Awaitable<Response> decide(HostView* host, Request request, OperatorDecision decision, json::object body) {
  engine::OperatorRequest asked;
  asked.payout_id = request.parameters.at("id");
  for (char& c : asked.payout_id) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  if (!core::is_uuid(asked.payout_id))
    co_return refuse(404, "PAYOUT_NOT_FOUND", "There is no payout with this id.");
  asked.decision = decision;
  asked.actor = request.peer.actor;
  const bool evidence = decision == OperatorDecision::paid || decision == OperatorDecision::not_paid;
  if (auto refusal = read_note(body, evidence ? kEvidence : nullptr, asked.note)) co_return *refusal;
  const std::string id = asked.payout_id;
  const engine::OperatorReply reply = co_await host->decide(std::move(asked));
  co_return response_of(id, reply);
}

template <OperatorDecision decision>
Awaitable<Response> post_decision(HostView* host, Request request) {
  BodyObject body = read_body_object(request, {"note"});
  if (body.refusal) co_return *body.refusal;
  co_return co_await decide(host, std::move(request), decision, std::move(body.object));
}

Awaitable<Response> post_review(HostView* host, Request request) {
  BodyObject body = read_body_object(request, {"decision", "note"});
  if (body.refusal) co_return *body.refusal;
  const auto* word = body.object.if_contains("decision");
  const auto decision = word == nullptr || !word->is_string()
                            ? std::nullopt
                            : engine::operator_decision(std::string_view(word->get_string()));
  if (!decision || (*decision != OperatorDecision::paid && *decision != OperatorDecision::not_paid &&
                    *decision != OperatorDecision::ask_again)) {
    co_return refuse(400, "BAD_VALUE", "decision must be paid, not_paid or ask_again.", "decision");
  }
  co_return co_await decide(host, std::move(request), *decision, std::move(body.object));
}

Awaitable<Response> get_providers(HostView* host, Request) {
  co_return answer(200, json::object{{"providers", host->providers()}});
}

Response no_such_provider(HostView* host, const std::string& name) {
  std::string all;
  for (const json::value& provider : host->providers()) {
    const auto* known = provider.is_object() ? provider.get_object().if_contains("name") : nullptr;
    if (known == nullptr || !known->is_string()) continue;
    all.append(all.empty() ? "" : ", ").append(known->get_string().c_str());
  }
  return refuse(
      404, "PROVIDER_NOT_FOUND",
      in_quotes(name) + " is not a provider of this host" + (all.empty() ? "." : "; there are " + all + "."));
}

template <bool paused>
Awaitable<Response> post_pause(HostView* host, Request request) {
  const std::string name = request.parameters.at("name");
  if (!host->has_provider(name)) co_return no_such_provider(host, name);
  const BodyObject body = read_body_object(request, {"note"});
  if (body.refusal) co_return *body.refusal;
  std::string note;
  if (auto refusal = read_note(body.object, nullptr, note)) co_return *refusal;
  co_await host->pause(name, paused, request.peer.actor, note);
  co_return answer(200, json::object{{"provider", name}, {"paused", paused}});
}

/// Reads `enabled` of a body; the refusal if it is not there, or something else.
std::optional<Response> read_enabled(const json::object& body, bool& enabled) {
  const auto* value = body.if_contains("enabled");
  if (value == nullptr || !value->is_bool())
    return refuse(400, "BAD_VALUE", "enabled must be true or false.", "enabled");
  enabled = value->get_bool();
  return std::nullopt;
}

Awaitable<Response> post_dry_run(HostView* host, Request request) {
  const std::string name = request.parameters.at("name");
  if (!host->has_provider(name)) co_return no_such_provider(host, name);
  const BodyObject body = read_body_object(request, {"enabled", "note"});
  if (body.refusal) co_return *body.refusal;
  bool enabled = false;
  std::string note;
  if (auto refusal = read_enabled(body.object, enabled)) co_return *refusal;
  if (auto refusal = read_note(body.object, nullptr, note)) co_return *refusal;
  co_await host->set_dry_run(name, enabled, request.peer.actor, note);
  co_return answer(200, json::object{{"provider", name}, {"dry_run", enabled}});
}

Awaitable<Response> post_probe(HostView* host, Request request) {
  const std::string name = request.parameters.at("name");
  if (!host->has_provider(name)) co_return no_such_provider(host, name);
  co_await host->probe(name);
  co_return answer(200, json::object{{"provider", name}, {"ok", true}});
}

Awaitable<Response> get_balance(HostView* host, Request request) {
  const std::string name = request.parameters.at("name");
  if (!host->has_provider(name)) co_return no_such_provider(host, name);
  const Balance balance = co_await host->balance(name);
  co_return answer(200, json::object{{"provider", name},
                                     {"available", balance.available.to_string()},
                                     {"currency", balance.currency}});
}

Awaitable<Response> post_lift(HostView* host, Request request) {
  const std::string name = request.parameters.at("name");
  if (!host->has_provider(name)) co_return no_such_provider(host, name);
  const BodyObject body = read_body_object(request, {"note"});
  if (body.refusal) co_return *body.refusal;
  std::string note;
  if (auto refusal = read_note(body.object, nullptr, note)) co_return *refusal;
  co_await host->lift_quarantine(name, request.peer.actor, note);
  co_return answer(200, json::object{{"provider", name}, {"quarantined", false}});
}

Response response_of(const std::string& plugin, const HostView::PluginChange& change) {
  if (change.providers.empty())
    return refuse(404, "PLUGIN_NOT_FOUND",
                  "No provider of this host uses a plugin " + in_quotes(plugin) + ".");
  if (!change.problems.empty()) {
    std::string why;
    for (const Problem& problem : change.problems) {
      why.append(why.empty() ? "" : "; ").append(problem.field).append(problem.field.empty() ? "" : ": ");
      why += problem.reason;
    }
    return refuse(409, "PLUGIN_REFUSED", "Nothing changed: " + why + ".");
  }
  return answer(200,
                json::object{{"plugin", plugin},
                             {"version", change.version},
                             {"version_before", change.version_before},
                             {"providers", json::array(change.providers.begin(), change.providers.end())}});
}

Awaitable<Response> post_plugin_upgrade(HostView* host, Request request) {
  const std::string plugin = request.parameters.at("name");
  const BodyObject body = read_body_object(request, {"file"});
  if (body.refusal) co_return *body.refusal;
  const auto* file = body.object.if_contains("file");
  if (file == nullptr || !file->is_string() || !file->get_string().starts_with('/'))
    co_return refuse(400, "BAD_VALUE", "file must be the absolute path of a library on the host's machine.",
                     "file");
  co_return response_of(
      plugin, co_await host->change_plugin(plugin, std::string(file->get_string()), request.peer.actor));
}

Awaitable<Response> post_plugin_rollback(HostView* host, Request request) {
  const std::string plugin = request.parameters.at("name");
  co_return response_of(plugin, co_await host->change_plugin(plugin, "", request.peer.actor));
}

Awaitable<Response> get_switches(HostView* host, Request) {
  const HostView::Switches now = host->switches();
  json::object body{{"dry_run", now.dry_run},
                    {"stop_submissions", now.stop_submissions},
                    {"stop_writes", now.stop_writes},
                    {"look_up_first", now.look_up_first},
                    {"stop_file", nullptr}};
  if (now.stop_file)
    body["stop_file"] = json::object{{"path", now.stop_file_path},
                                     {"by", now.stop_file->by},
                                     {"at", now.stop_file->at},
                                     {"note", now.stop_file->note}};
  co_return answer(200, body);
}

Awaitable<Response> post_switch(HostView* host, Request request) {
  store::SwitchChange change;
  change.name = request.parameters.at("name");
  static constexpr std::string_view kSwitches[] = {"dry_run", "stop_submissions", "stop_writes",
                                                   "look_up_first"};
  if (std::ranges::find(kSwitches, change.name) == std::end(kSwitches)) {
    co_return refuse(
        404, "SWITCH_NOT_FOUND",
        in_quotes(change.name) +
            " is not a switch; there are dry_run, stop_submissions, stop_writes, look_up_first.");
  }
  const BodyObject body = read_body_object(request, {"enabled", "note"});
  if (body.refusal) co_return *body.refusal;
  if (auto refusal = read_enabled(body.object, change.enabled)) co_return *refusal;
  if (auto refusal = read_note(body.object, nullptr, change.note)) co_return *refusal;
  change.actor = request.peer.actor;
  const std::string name = change.name;
  const engine::SwitchReply reply = co_await host->set_switch(std::move(change));
  if (!reply.done) {
    Response response = refuse(503, "SWITCH_NOT_SET", reply.message);
    response.headers.emplace_back("Retry-After", "1");
    co_return response;
  }
  co_return answer(200, json::object{{"switch", name},
                                     {"enabled", reply.enabled},
                                     {"scope", reply.all_hosts ? "all_hosts" : "this_host"},
                                     {"message", text_or_null(reply.message)}});
}

Awaitable<Response> get_hosts(HostView* host, Request) {
  json::array rows;
  for (const store::HostRow& row : co_await host->hosts()) {
    json::value providers;
    if (row.providers) providers = json::array(row.providers->begin(), row.providers->end());
    rows.push_back(json::object{{"incarnation", row.incarnation},
                                {"name", row.name},
                                {"version", row.version},
                                {"started_at", row.started_at},
                                {"beat_at", row.beat_at},
                                {"stopped_at", text_or_null(row.stopped_at)},
                                {"beat_age_ms", row.beat_age_ms},
                                {"leases", row.leases},
                                {"drained", row.drained},
                                {"roles", json::array(row.roles.begin(), row.roles.end())},
                                {"providers", std::move(providers)}});
  }
  co_return answer(200, json::object{{"hosts", std::move(rows)}});
}

Awaitable<Response> get_tally(HostView* host, Request request) {
  json::array rows;
  const store::TallyFilter filter{.batch = request.parameter("batch"),
                                  .provider = request.parameter("provider")};
  for (const store::Tally& row : co_await host->tally(filter)) {
    rows.push_back(json::object{{"provider", row.provider},
                                {"state", row.state},
                                {"reason", text_or_null(row.reason)},
                                {"count", row.count},
                                {"sum", row.sum},
                                {"currency", row.currency},
                                {"oldest_ms", row.oldest_ms},
                                {"mean_ms", row.mean_ms},
                                {"slowest_ms", row.slowest_ms}});
  }
  co_return answer(200, json::object{{"tally", std::move(rows)}});
}

Awaitable<Response> post_drain(HostView* host, Request request) {
  host->request_drain(request.peer.actor);
  co_return answer(202, json::object{{"draining", true}});
}

}  // namespace

std::vector<Route> admin_routes(HostView& host) {
  std::vector<Route> routes;
  const auto add = [&](const char* method, const char* pattern,
                       Awaitable<Response> (*handler)(HostView*, Request), BodyForm body = BodyForm::none,
                       std::vector<std::string> query = {}, identity::Role role = identity::Role::admin) {
    routes.push_back(
        {.method = method,
         .pattern = std::string("/v1/admin") + pattern,
         .handle = [&host, handler](Request request) { return handler(&host, std::move(request)); },
         .body = body,
         .query = std::move(query),
         .role = role});
  };
  add("POST", "/payouts/{id}/cancel", post_decision<OperatorDecision::cancel>, BodyForm::optional_json);
  add("POST", "/payouts/{id}/hold", post_decision<OperatorDecision::hold>, BodyForm::optional_json);
  add("POST", "/payouts/{id}/release", post_decision<OperatorDecision::release>, BodyForm::optional_json);
  add("POST", "/payouts/{id}/approve", post_decision<OperatorDecision::approve>, BodyForm::optional_json, {},
      identity::Role::approver);
  add("POST", "/payouts/{id}/reject", post_decision<OperatorDecision::reject>, BodyForm::optional_json);
  add("POST", "/payouts/{id}/review", post_review, BodyForm::json);
  add("GET", "/providers", get_providers);
  add("POST", "/providers/{name}/pause", post_pause<true>, BodyForm::optional_json);
  add("POST", "/providers/{name}/resume", post_pause<false>, BodyForm::optional_json);
  add("POST", "/providers/{name}/dry-run", post_dry_run, BodyForm::json);
  add("POST", "/providers/{name}/probe", post_probe, BodyForm::optional_json);
  add("GET", "/providers/{name}/balance", get_balance);
  add("POST", "/providers/{name}/lift-quarantine", post_lift, BodyForm::optional_json);
  add("GET", "/switches", get_switches);
  add("POST", "/switches/{name}", post_switch, BodyForm::json);
  add("GET", "/hosts", get_hosts);
  add("GET", "/tally", get_tally, BodyForm::none, {"batch", "provider"});
  const std::size_t remote = routes.size();
  // What names files of the machine, or ends the process, is done on the machine.
  add("POST", "/plugins/{name}/upgrade", post_plugin_upgrade, BodyForm::json);
  add("POST", "/plugins/{name}/rollback", post_plugin_rollback, BodyForm::optional_json);
  add("POST", "/drain", post_drain, BodyForm::optional_json);
  for (std::size_t i = remote; i < routes.size(); ++i) routes[i].control_only = true;
  return routes;
}

}  // namespace payoutd::http
