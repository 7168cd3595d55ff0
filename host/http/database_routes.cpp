#include <boost/json.hpp>

#include "http/admin_input.hpp"
#include "http/json_output.hpp"
#include "http/routes.hpp"

namespace payoutd::http {
namespace {

namespace json = boost::json;

constexpr std::int64_t kMostConnections = 64;  // as the configuration allows

json::object pools_of(HostView* host) {
  return {{"pools", host->database_pools()}};
}

Awaitable<Response> get_pools(HostView* host, Request) {
  co_return answer(200, pools_of(host));
}

Awaitable<Response> post_pool(HostView* host, Request request) {
  const BodyObject body = read_body_object(request, {"connections", "note"});
  if (body.refusal) co_return *body.refusal;
  std::string note;
  if (auto refusal = read_note(body.object, nullptr, note)) co_return *refusal;
  const auto* wanted = body.object.if_contains("connections");
  if (wanted == nullptr || !wanted->is_int64() || wanted->get_int64() < 1 ||
      wanted->get_int64() > kMostConnections)
    co_return refuse(400, "BAD_VALUE", "connections must be a whole number from 1 to 64.", "connections");
  const std::string& name = request.parameters.at("name");
  if (!host->resize_database_pool(name, static_cast<int>(wanted->get_int64())))
    co_return refuse(404, "POOL_NOT_FOUND", in_quotes(name) + " is not a pool that can be resized.");
  co_return answer(200, pools_of(host));
}

}  // namespace

std::vector<Route> database_routes(HostView& host) {
  return {{.method = "GET",
           .pattern = "/v1/admin/database/pools",
           .handle = [&host](Request request) { return get_pools(&host, std::move(request)); }},
          {.method = "POST",
           .pattern = "/v1/admin/database/pools/{name}",
           .handle = [&host](Request request) { return post_pool(&host, std::move(request)); },
           .body = BodyForm::json}};
}

}  // namespace payoutd::http
