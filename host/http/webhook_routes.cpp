#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/json.hpp>

#include "core/signal.hpp"
#include "http/routes.hpp"
#include "ops/log.hpp"

namespace payoutd::http {
namespace {

namespace json = boost::json;
using engine::Engine;
using Reply = Engine::WebhookReply;

// Providers give up on slow receivers and send again; what takes longer goes on without them.
constexpr std::chrono::milliseconds kAnswerWithin{1'800};
constexpr std::size_t kMaxWebhookBytes = 256 * 1024;

/// Shared by the request and the task that it may leave behind.
struct Pending {
  explicit Pending(boost::asio::any_io_executor executor) : done(std::move(executor)) {}
  std::optional<Reply> reply;
  std::exception_ptr error;
  core::Signal done;
};

Response taken(bool applied, std::string reason) {
  json::object body{{"ok", true}, {"applied", applied}};
  if (!reason.empty()) body["reason"] = reason;
  return answer(200, body);
}

Response response_of(Reply reply) {
  switch (reply) {
    case Reply::taken:
      return taken(true, {});
    // Not an error, so that the provider does not send it again and again.
    case Reply::unknown_payout:
      return taken(false, "unknown_payout");
    case Reply::bad_signature:
      return refuse(401, "BAD_SIGNATURE", "The signature in the URL is not one that this system gave out.");
    case Reply::rejected:
      return refuse(400, "WEBHOOK_REJECTED", "The provider's plugin cannot make sense of this.");
    case Reply::unknown_provider:
      return refuse(404, "PROVIDER_NOT_FOUND", "There is no provider of this name.");
  }
  return refuse(500, "INTERNAL", "The host does not know what became of this.");
}

Awaitable<void> give_to_engine(HostView* host, std::shared_ptr<Pending> pending, std::string provider,
                               std::string signature, Webhook webhook) {
  pending->reply = co_await host->webhook(std::move(provider), std::move(signature), std::move(webhook));
}

Awaitable<Response> post_webhook(HostView* host, Request request) {
  const auto executor = co_await boost::asio::this_coro::executor;
  const std::string provider = request.parameters.at("provider");
  Webhook webhook;
  webhook.method = request.method;
  webhook.path = request.target;
  webhook.headers = request.headers;
  webhook.body = std::move(request.body);
  webhook.reference = request.parameters.at("reference");
  const auto pending = std::make_shared<Pending>(executor);
  const std::string flow_id = request.flow_id;
  boost::asio::co_spawn(
      executor,
      give_to_engine(host, pending, provider, request.parameters.at("signature"), std::move(webhook)),
      [pending, flow_id](std::exception_ptr error) {
        pending->error = error;
        pending->done.notify();
      });
  co_await pending->done.wait(kAnswerWithin);
  if (pending->error) std::rethrow_exception(pending->error);
  if (!pending->reply) {
    log::info("http.webhook_slow", "A webhook was answered before it was worked off.",
              {{"provider", provider}, {"flow_id", flow_id}});
    co_return answer(202, json::object{{"ok", true}, {"applied", false}, {"reason", "still_working"}});
  }
  const Reply reply = *pending->reply;
  host->count_webhook(provider, reply != Reply::bad_signature, reply == Reply::taken);
  co_return response_of(reply);
}

Awaitable<Response> unsigned_webhook(HostView* host, Request request) {
  host->count_webhook(request.parameters.at("provider"), false, false);
  co_return refuse(
      401, "SIGNATURE_MISSING",
      "A webhook's URL ends with a reference and a signature: use the callback URL as it was given.");
}

}  // namespace

std::vector<Route> webhook_routes(HostView& host) {
  const auto with = [&host](Awaitable<Response> (*handler)(HostView*, Request)) {
    return [&host, handler](Request request) { return handler(&host, std::move(request)); };
  };
  std::vector<Route> routes;
  for (const char* method : {"POST", "PUT"}) {
    routes.push_back({.method = method,
                      .pattern = "/v1/webhooks/{provider}/{reference}/{signature}",
                      .handle = with(post_webhook),
                      .body = BodyForm::raw,
                      .body_limit = kMaxWebhookBytes,
                      .any_host = true});
    for (const char* pattern : {"/v1/webhooks/{provider}", "/v1/webhooks/{provider}/{reference}"}) {
      routes.push_back({.method = method,
                        .pattern = pattern,
                        .handle = with(unsigned_webhook),
                        .body = BodyForm::raw,
                        .body_limit = kMaxWebhookBytes,
                        .any_host = true});
    }
  }
  return routes;
}

}  // namespace payoutd::http
