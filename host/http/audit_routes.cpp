#include <boost/json.hpp>

#include "http/admin_input.hpp"
#include "http/json_output.hpp"
#include "http/routes.hpp"

namespace payoutd::http {
namespace {

namespace json = boost::json;

Awaitable<Response> get_audit(HostView* host, Request request) {
  store::AuditFilter filter;
  filter.actor = request.parameter("actor");
  filter.subject = request.parameter("subject");
  filter.token = {request.parameter("key_id"), request.parameter("token_id")};
  if (auto refusal = read_since(request, filter.since_s)) co_return *refusal;
  std::int64_t limit = 100;
  if (auto refusal = read_number(request, "before", 1, INT64_MAX, filter.before_id)) co_return *refusal;
  if (auto refusal = read_number(request, "limit", 1, 1'000, limit)) co_return *refusal;
  filter.limit = static_cast<int>(limit);
  json::array rows;
  std::int64_t last = 0;
  for (const store::AuditRow& row : co_await host->audit(filter)) {
    last = row.id;
    rows.push_back(json::object{{"id", row.id},
                                {"at", row.at},
                                {"actor", row.actor},
                                {"key_id", text_or_null(row.token.key_id)},
                                {"token_id", text_or_null(row.token.id)},
                                {"action", row.action},
                                {"subject", text_or_null(row.subject)},
                                {"status", row.status},
                                {"flow_id", row.flow_id},
                                {"detail", stored_json(row.detail)},
                                {"hash", row.hash}});
  }
  const bool more = static_cast<std::int64_t>(rows.size()) == limit && last > 1;
  json::object body{{"audit", std::move(rows)}};
  body["next"] = more ? json::value(last) : json::value(nullptr);
  co_return answer(200, body);
}

Awaitable<Response> get_audit_check(HostView* host, Request) {
  const store::AuditCheck check = co_await host->verify_audit();
  json::object body{
      {"ok", check.first_bad == 0}, {"rows", check.rows}, {"last_hash", text_or_null(check.last_hash)}};
  if (check.first_bad != 0) {
    body["first_bad"] = check.first_bad;
    body["why"] = check.why;
  }
  co_return answer(200, body);
}

}  // namespace

std::vector<Route> audit_routes(HostView& host) {
  std::vector<Route> routes;
  routes.push_back({.method = "GET",
                    .pattern = "/v1/admin/audit",
                    .handle = [&host](Request request) { return get_audit(&host, std::move(request)); },
                    .query = {"actor", "subject", "key_id", "token_id", "since", "before", "limit"}});
  routes.push_back({.method = "GET", .pattern = "/v1/admin/audit/verify", .handle = [&host](Request request) {
                      return get_audit_check(&host, std::move(request));
                    }});
  return routes;
}

}  // namespace payoutd::http
