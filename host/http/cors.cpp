#include "http/cors.hpp"

namespace payoutd::http {

bool Cors::allows(const Request& request) const {
  return request.count("origin") == 1 && origins_.contains(request.header("origin"));
}

Pairs Cors::headers(const Request& request) const {
  if (origins_.empty()) return {};
  Pairs headers{{"Vary", "Origin"}};
  if (!allows(request)) return headers;
  headers.emplace_back("Access-Control-Allow-Origin", *origins_.find(request.header("origin")));
  headers.emplace_back(
      "Access-Control-Expose-Headers",
      "X-Request-Id, Location, Idempotent-Replayed, Retry-After, WWW-Authenticate, traceparent");
  return headers;
}

std::optional<Response> Cors::preflight(const Request& request, const std::string& methods) const {
  if (request.method != "OPTIONS" || request.header("access-control-request-method").empty() ||
      !allows(request))
    return std::nullopt;
  Response response;
  response.content_type = "text/plain";
  response.headers = {
      {"Access-Control-Allow-Methods", methods},
      {"Access-Control-Allow-Headers",
       "Authorization, Content-Type, Idempotency-Key, X-Request-Id, traceparent, tracestate"},
      {"Access-Control-Max-Age", "600"},
  };
  return response;
}

}  // namespace payoutd::http
