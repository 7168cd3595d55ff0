#include <boost/json.hpp>

#include "http/routes.hpp"

namespace payoutd::http {
namespace {

namespace json = boost::json;

// Whether the host does its work: 503 also while it cannot, so that probes need not read the body.
Awaitable<Response> healthz(HostView* host, Request) {
  const HostView::Readiness state = host->readiness();
  const HostView::Build build = host->build();
  co_return answer(state.db_ok ? 200 : 503, json::object{{"ok", state.db_ok},
                                                         {"db_ok", state.db_ok},
                                                         {"version", build.version},
                                                         {"build", build.build_id}});
}

// The reasons name providers and quote their errors: they are for those who look after the host.
Awaitable<Response> readyz(HostView* host, Request request) {
  const HostView::Readiness state = host->readiness();
  json::array reasons;
  if (!state.db_ok) reasons.emplace_back("The database does not answer.");
  if (!state.migrations_ok) {
    reasons.emplace_back(
        "The database's schema is not the one that this host knows: payoutctl migrate status.");
  }
  if (state.draining)
    reasons.emplace_back("The host is draining: it finishes what it has in hand and stops.");
  for (const std::string& reason : state.reasons) reasons.emplace_back(reason);
  const bool ready = reasons.empty();
  json::object body{{"ready", ready}, {"db_ok", state.db_ok}, {"migrations_ok", state.migrations_ok}};
  body["migration_revision"] =
      state.migration_revision.empty() ? json::value(nullptr) : json::value(state.migration_revision);
  body["draining"] = state.draining;
  if (request.peer.sees_inside) body["reasons"] = std::move(reasons);
  co_return answer(ready ? 200 : 503, body);
}

// That this was answered is the whole answer: the one thread is alive.
Awaitable<Response> livez(HostView*, Request) {
  co_return answer(200, json::object{{"live", true}});
}

Awaitable<Response> metrics(HostView* host, Request request) {
  if (!request.peer.sees_inside) {
    co_return refuse(
        403, "METRICS_CLOSED",
        "Metrics are read on the machine itself, from an address in metrics.allow, at the address "
        "metrics.listen, or with a token that has the role metrics:read.");
  }
  Response response;
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  response.body = host->metrics_text();
  co_return response;
}

}  // namespace

std::vector<Route> health_routes(HostView& host) {
  const auto with = [&host](Awaitable<Response> (*handler)(HostView*, Request)) {
    return [&host, handler](Request request) { return handler(&host, std::move(request)); };
  };
  return {
      {.method = "GET", .pattern = "/healthz", .handle = with(healthz), .any_host = true},
      {.method = "GET", .pattern = "/readyz", .handle = with(readyz), .any_host = true, .looks_inside = true},
      {.method = "GET", .pattern = "/livez", .handle = with(livez), .any_host = true},
      {.method = "GET",
       .pattern = "/metrics",
       .handle = with(metrics),
       .any_host = true,
       .looks_inside = true},
  };
}

}  // namespace payoutd::http
