#include <boost/json.hpp>

#include "http/routes.hpp"

namespace payoutd::http {
namespace {

namespace json = boost::json;
using engine::CallbackReply;

constexpr std::size_t kMaxWebhookBytes = 256 * 1024;
constexpr std::size_t kMaxHeaders = 100;
constexpr std::size_t kMaxHeaderBytes = 32 * 1024;

Response response_of(const CallbackReply& reply) {
  switch (reply.kind) {
    case CallbackReply::Kind::taken: {
      // An unknown payout is no error either, so that the provider does not send it again and again.
      json::object body{{"ok", true}, {"applied", reply.applied}};
      if (!reply.reason.empty()) body["reason"] = reply.reason;
      if (!reply.event_id.empty()) body["event_id"] = reply.event_id;
      return answer(200, body);
    }
    case CallbackReply::Kind::signature_missing:
      return refuse(
          401, "SIGNATURE_MISSING",
          "A callback proves itself by X-Signature or by the callback URL as it was given; this one "
          "does neither.");
    case CallbackReply::Kind::signature_wrong:
      return refuse(401, "BAD_SIGNATURE", "The signature is not one of this provider.");
    case CallbackReply::Kind::bad_json:
      return refuse(400, "MALFORMED_JSON", "The body is not JSON.");
    case CallbackReply::Kind::unknown_provider:
      return refuse(404, "PROVIDER_NOT_FOUND", "There is no provider of this name.");
    case CallbackReply::Kind::too_many: {
      Response response = refuse(429, "TOO_MANY_CALLBACKS", "Callbacks that prove nothing come too fast.");
      response.headers.emplace_back("Retry-After", "10");
      return response;
    }
    case CallbackReply::Kind::writes_stopped: {
      Response response = refuse(503, "WRITES_STOPPED", "All writes are stopped. Send it again later.");
      response.headers.emplace_back("Retry-After", "60");
      return response;
    }
  }
  return refuse(500, "INTERNAL", "The host does not know what became of this.");
}

std::string parameter(const Request& request, const char* name) {
  const auto found = request.parameters.find(name);
  return found == request.parameters.end() ? std::string() : found->second;
}

Awaitable<Response> post_webhook(HostView* host, Request request) {
  std::size_t bytes = 0;
  for (const auto& [name, value] : request.headers) bytes += name.size() + value.size();
  if (request.headers.size() > kMaxHeaders || bytes > kMaxHeaderBytes)
    co_return refuse(431, "HEADERS_TOO_LARGE", "A callback has at most 100 headers of 32 KiB together.");
  engine::Callback callback;
  callback.provider = parameter(request, "provider");
  callback.signature = parameter(request, "signature");
  callback.remote_address = request.peer.client_address;
  callback.flow_id = request.flow_id;
  callback.trace_id = trace_id_of(request);
  callback.webhook.method = request.method;
  callback.webhook.path = request.target;
  callback.webhook.headers = request.headers;
  callback.webhook.reference = parameter(request, "reference");
  callback.webhook.body = std::move(request.body);
  const CallbackReply reply = co_await host->webhook(std::move(callback));
  if (reply.kind == CallbackReply::Kind::too_many) host->count_rate_limit_block("callbacks");
  co_return response_of(reply);
}

}  // namespace

std::vector<Route> webhook_routes(HostView& host) {
  std::vector<Route> routes;
  for (const char* method : {"POST", "PUT"}) {
    for (const char* pattern : {"/v1/webhooks/{provider}", "/v1/webhooks/{provider}/{reference}",
                                "/v1/webhooks/{provider}/{reference}/{signature}"}) {
      routes.push_back(
          {.method = method,
           .pattern = pattern,
           .handle = [&host](Request request) { return post_webhook(&host, std::move(request)); },
           .body = BodyForm::raw,
           .body_limit = kMaxWebhookBytes,
           .any_host = true});
    }
  }
  return routes;
}

}  // namespace payoutd::http
