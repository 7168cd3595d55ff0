#include <boost/json.hpp>

#include "http/routes.hpp"

namespace payoutd::http {
namespace {

namespace json = boost::json;

std::string names_of(const HostView::ReloadReport& report, bool done) {
  std::string names;
  for (const HostView::ReloadPart& part : report.parts)
    if (part.done == done) names.append(names.empty() ? "" : ", ").append(part.name);
  return names;
}

// Returns when everything is taken over or refused, so that whoever asked can tell which.
Awaitable<Response> post_reload(HostView* host, Request request) {
  const BodyObject body = read_body_object(request, {});
  if (body.refusal) co_return *body.refusal;
  const HostView::ReloadReport report = co_await host->reload(request.peer.actor);
  if (report.done()) {
    json::array parts;
    for (const HostView::ReloadPart& part : report.parts)
      parts.push_back(json::object{{"part", part.name}, {"message", part.message}});
    co_return answer(200, json::object{{"reloaded", true}, {"parts", std::move(parts)}});
  }
  const std::string taken = names_of(report, true);
  Response response = refuse(409, "RELOAD_REFUSED",
                             "Refused, and as before: " + names_of(report, false) + ". " +
                                 (taken.empty() ? "Nothing changed." : "Taken over: " + taken + "."));
  for (const HostView::ReloadPart& part : report.parts)
    for (const std::string& problem : part.problems)
      response.error->problems.push_back(json::object{{"part", part.name}, {"reason", problem}});
  co_return response;
}

}  // namespace

std::vector<Route> reload_routes(HostView& host) {
  // It is about the files of this machine, so it is asked for on this machine.
  return {{.method = "POST",
           .pattern = "/v1/admin/reload",
           .handle = [&host](Request request) { return post_reload(&host, std::move(request)); },
           .body = BodyForm::optional_json,
           .control_only = true,
           .role = identity::Role::admin}};
}

}  // namespace payoutd::http
