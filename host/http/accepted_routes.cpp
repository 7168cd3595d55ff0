#include <boost/json.hpp>

#include "http/admin_input.hpp"
#include "http/json_output.hpp"
#include "http/routes.hpp"
#include "store/accepted.hpp"

namespace payoutd::http {
namespace {

namespace json = boost::json;

constexpr std::int64_t kDay_s = 24 * 3600;
constexpr std::int64_t kMostLookedAt = 10'000;

std::optional<Response> read_window(const Request& request, store::AcceptedFilter& filter) {
  filter.since_s = kDay_s;
  if (auto refusal = read_since(request, filter.since_s)) return refusal;
  if (auto refusal = read_cursor(request, filter.cursor)) return refusal;
  std::int64_t looked_at = filter.looked_at;
  if (auto refusal = read_number(request, "look_at", 1, kMostLookedAt, looked_at)) return refusal;
  filter.looked_at = static_cast<int>(looked_at);
  return std::nullopt;
}

Awaitable<Response> get_payouts(HostView* host, Request request) {
  store::AcceptedFilter filter;
  filter.token = {request.parameter("key_id"), request.parameter("token_id")};
  filter.subject = request.parameter("subject");
  if (filter.token.key_id.empty() && filter.token.id.empty() && filter.subject.empty())
    co_return refuse(400, "BAD_PARAMETER", "Name a key (key_id), a token (token_id) or a subject.", "key_id");
  if (auto refusal = read_window(request, filter)) co_return *refusal;
  const store::AcceptedPayouts page = co_await host->accepted_payouts(filter);
  json::array rows;
  for (const store::AcceptedPayout& row : page.payouts)
    rows.push_back(json::object{{"id", row.id},
                                {"client", row.client_id},
                                {"idempotency_key", row.idempotency_key},
                                {"provider", row.provider},
                                {"state", row.state},
                                {"amount", row.amount},
                                {"currency", row.currency},
                                {"accepted_at", row.accepted_at},
                                {"actor", row.actor},
                                {"key_id", row.token.key_id},
                                {"token_id", text_or_null(row.token.id)}});
  co_return answer(200, json::object{{"payouts", std::move(rows)},
                                     {"looked_at", page.looked_at},
                                     {"without_key", page.without_key},
                                     {"next", text_or_null(page.next)}});
}

json::value payout_of(const store::AcceptedCallback& row) {
  if (row.payout_id.empty()) return nullptr;
  return json::object{{"id", row.payout_id},
                      {"state", text_or_null(row.payout_state)},
                      {"amount", text_or_null(row.amount)},
                      {"currency", text_or_null(row.currency)}};
}

Awaitable<Response> get_callbacks(HostView* host, Request request) {
  store::AcceptedFilter filter;
  filter.key_id = request.parameter("key_id");
  filter.provider = request.parameter("provider");
  if (filter.key_id.empty())
    co_return refuse(400, "BAD_PARAMETER", "key_id must name a key of callbacks.", "key_id");
  if (auto refusal = read_window(request, filter)) co_return *refusal;
  const store::AcceptedCallbacks page = co_await host->accepted_callbacks(filter);
  json::array rows;
  for (const store::AcceptedCallback& row : page.callbacks)
    rows.push_back(json::object{{"id", row.id},
                                {"received_at", row.received_at},
                                {"provider", row.provider},
                                {"proof", row.proof},
                                {"key_id", row.key_id},
                                {"status", text_or_null(row.status)},
                                {"state", row.state},
                                {"reason", text_or_null(row.reason)},
                                {"payout", payout_of(row)}});
  co_return answer(200, json::object{{"callbacks", std::move(rows)},
                                     {"looked_at", page.looked_at},
                                     {"next", text_or_null(page.next)}});
}

}  // namespace

std::vector<Route> accepted_routes(HostView& host) {
  std::vector<Route> routes;
  routes.push_back({.method = "GET",
                    .pattern = "/v1/admin/secrets/accepted/payouts",
                    .handle = [&host](Request request) { return get_payouts(&host, std::move(request)); },
                    .query = {"key_id", "token_id", "subject", "since", "cursor", "look_at"}});
  routes.push_back({.method = "GET",
                    .pattern = "/v1/admin/secrets/accepted/callbacks",
                    .handle = [&host](Request request) { return get_callbacks(&host, std::move(request)); },
                    .query = {"key_id", "provider", "since", "cursor", "look_at"}});
  return routes;
}

}  // namespace payoutd::http
