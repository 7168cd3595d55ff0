#include <boost/json.hpp>

#include "http/admin_input.hpp"
#include "http/routes.hpp"

namespace payoutd::http {
namespace {

// Every token that was issued before is refused from now on, on all hosts: on this one at once, on the others
// with their next heartbeat.
Awaitable<Response> post_invalidate_all(HostView* host, Request request) {
  const BodyObject body = read_body_object(request, {"note"});
  if (body.refusal) co_return *body.refusal;
  std::string note;
  if (auto refusal = read_note(body.object, nullptr, note)) co_return *refusal;
  const identity::Time until = co_await host->invalidate_sessions(request.peer.actor, note);
  co_return answer(200,
                   boost::json::object{{"invalidated", true}, {"issued_before", identity::to_text(until)}});
}

}  // namespace

std::vector<Route> session_routes(HostView& host) {
  std::vector<Route> routes;
  for (const char* pattern : {"/v1/admin/sessions/invalidate-all", "/admin/sessions/invalidate-all"}) {
    routes.push_back(
        {.method = "POST",
         .pattern = pattern,
         .handle = [&host](Request request) { return post_invalidate_all(&host, std::move(request)); },
         .body = BodyForm::optional_json,
         .role = identity::Role::admin});
  }
  return routes;
}

}  // namespace payoutd::http
