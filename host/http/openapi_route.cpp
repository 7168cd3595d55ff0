#include <boost/json.hpp>

#include "http/openapi.hpp"
#include "http/routes.hpp"

namespace payoutd::http {
namespace {

Awaitable<Response> get_document(std::shared_ptr<const std::string> text, Request) {
  Response response;
  response.body = *text;
  co_return response;
}

}  // namespace

std::vector<Route> openapi_routes() {
  const auto text = std::make_shared<const std::string>(boost::json::serialize(openapi_document()) + "\n");
  return {{.method = "GET",
           .pattern = "/openapi.json",
           .handle = [text](Request request) { return get_document(text, std::move(request)); },
           .any_host = true}};
}

}  // namespace payoutd::http
