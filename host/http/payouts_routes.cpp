#include <boost/json.hpp>

#include "core/ids.hpp"
#include "http/admit_one.hpp"
#include "http/bulk.hpp"
#include "http/json_input.hpp"
#include "http/list_filter.hpp"
#include "http/payout_json.hpp"
#include "http/routes.hpp"

namespace payoutd::http {
namespace {

namespace json = boost::json;
using identity::Role;

Response no_such_payout() {
  return refuse(404, "PAYOUT_NOT_FOUND", "There is no payout with this id.");
}

std::string lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  return text;
}

// A client sees its own payouts; administrators see all.
Awaitable<std::optional<store::Payout>> find_visible(HostView* host, std::string id, Peer peer) {
  id = lower(std::move(id));
  if (!core::is_uuid(id)) co_return std::nullopt;
  auto payout = co_await host->find(std::move(id));
  if (payout && !peer.sees_all_clients() && payout->client_id != peer.client_id) co_return std::nullopt;
  co_return payout;
}

Response response_of(HostView* host, const Request& request, AdmitOutcome outcome) {
  if (outcome.error) {
    Response response =
        refuse(outcome.status, outcome.error->code, outcome.error->message, outcome.error->field);
    if (outcome.retry_after.count() > 0)
      response.headers.emplace_back("Retry-After", std::to_string(outcome.retry_after.count()));
    if (outcome.outage) response.headers.emplace_back("Retry-After", "1");
    return response;
  }
  Response response = answer(outcome.status, outcome.payout);
  response.headers.emplace_back("Location", std::string(outcome.payout.at("links").at("self").as_string()));
  if (outcome.replayed) {
    response.headers.emplace_back("Idempotent-Replayed", "true");
    host->count_replay(request.route->pattern);
  }
  return response;
}

Awaitable<Response> post_payout(HostView* host, Request request) {
  const std::size_t keys = request.count("idempotency-key");
  if (keys != 1 || request.header("idempotency-key").empty()) {
    co_return refuse(400, "IDEMPOTENCY_KEY_REQUIRED",
                     keys > 1
                         ? "The Idempotency-Key header stands more than once."
                         : "An Idempotency-Key header is required: your own name for this payout, the same "
                           "whenever you send it again.",
                     "idempotency_key");
  }
  const std::string key(request.header("idempotency-key"));
  if (const auto problem = engine::check_key(key)) {
    co_return refuse(400, "IDEMPOTENCY_KEY_INVALID", problem->field + " " + problem->reason + ".",
                     problem->field);
  }
  const JsonInput input = read_json(request.body);
  if (input.problem) co_return refuse(400, input.problem->code, input.problem->message, input.problem->field);
  auto payout = engine::read_payout(input.value, false);
  if (!payout) co_return response_of(host, request, refused_payout(payout.error()));
  payout->client_id = request.peer.client_id;
  payout->idempotency_key = key;
  payout->actor = request.peer.actor;
  payout->token = request.peer.token;
  payout->flow_id = request.flow_id;
  payout->trace = request.trace;
  AdmitOutcome outcome = co_await admit_one(host, std::move(*payout));
  co_return response_of(host, request, std::move(outcome));
}

Awaitable<Response> post_bulk(HostView* host, Request request) {
  co_return co_await admit_bulk(host, std::move(request));
}

Awaitable<Response> get_payout(HostView* host, Request request) {
  const auto payout = co_await find_visible(host, request.parameters.at("id"), request.peer);
  if (!payout) co_return no_such_payout();
  co_return answer(200, payout_json(*payout));
}

Awaitable<Response> get_events(HostView* host, Request request) {
  const auto payout = co_await find_visible(host, request.parameters.at("id"), request.peer);
  if (!payout) co_return no_such_payout();
  json::array events;
  for (const store::Event& event : co_await host->events(payout->id)) events.push_back(event_json(event));
  co_return answer(200, json::object{{"payout", payout->id}, {"events", std::move(events)}});
}

Awaitable<Response> get_explanation(HostView* host, Request request) {
  const auto payout = co_await find_visible(host, request.parameters.at("id"), request.peer);
  if (!payout) co_return no_such_payout();
  const auto explanation = co_await host->explain(payout->id);
  if (!explanation) co_return no_such_payout();
  co_return answer(200, *explanation);
}

Awaitable<Response> list_payouts(HostView* host, Request request) {
  store::ListFilter filter;
  if (auto refusal = read_list_filter(request, filter)) co_return *refusal;
  if (!request.peer.sees_all_clients()) filter.client_id = request.peer.client_id;
  const store::Page page = co_await host->list(filter);
  json::array payouts;
  for (const store::Payout& payout : page.payouts) payouts.push_back(payout_json(payout));
  json::object body{{"payouts", std::move(payouts)}};
  body["next"] = page.next.empty() ? json::value(nullptr) : json::value(page.next);
  co_return answer(200, body);
}

}  // namespace

std::vector<Route> payouts_routes(HostView& host, const RouterOptions& options) {
  const auto with = [&host](Awaitable<Response> (*handler)(HostView*, Request)) {
    return [&host, handler](Request request) { return handler(&host, std::move(request)); };
  };
  return {
      {.method = "POST",
       .pattern = "/v1/payouts",
       .handle = with(post_payout),
       .body = BodyForm::json,
       .role = Role::payouts_write},
      {.method = "POST",
       .pattern = "/v1/payouts/bulk",
       .handle = with(post_bulk),
       .body = BodyForm::json_or_lines,
       .body_limit = options.max_bulk_bytes,
       .role = Role::payouts_write},
      {.method = "GET",
       .pattern = "/v1/payouts",
       .handle = with(list_payouts),
       .query = {"state", "provider", "batch", "user", "destination", "idempotency_key", "reason",
                 "created_after", "created_before", "cursor", "limit"},
       .role = Role::payouts_read},
      {.method = "GET",
       .pattern = "/v1/payouts/{id}",
       .handle = with(get_payout),
       .role = Role::payouts_read},
      {.method = "GET",
       .pattern = "/v1/payouts/{id}/events",
       .handle = with(get_events),
       .role = Role::payouts_read},
      {.method = "GET",
       .pattern = "/v1/payouts/{id}/explain",
       .handle = with(get_explanation),
       .role = Role::payouts_read},
  };
}

}  // namespace payoutd::http
