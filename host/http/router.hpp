#pragma once
#include <functional>
#include <string>
#include <vector>

#include "core/host_roles.hpp"
#include "http/gate.hpp"
#include "http/host_view.hpp"
#include "http/server.hpp"

namespace payoutd::http {

/// What may stand in a request's body.
enum class BodyForm {
  none,           ///< no body is expected; an empty one is taken
  json,           ///< application/json
  optional_json,  ///< application/json or nothing
  json_or_lines,  ///< application/json or application/x-ndjson
  raw,            ///< anything
};

struct Route {
  std::string method{};
  std::string pattern{};  ///< segments; `{name}` stands for any one segment
  std::function<Awaitable<Response>(Request)> handle{};
  BodyForm body = BodyForm::none;
  std::size_t body_limit = 0;        ///< bytes; 0: the host's default
  std::vector<std::string> query{};  ///< the parameters that the route knows
  bool control_only = false;         ///< even a token with all roles does not do
  /// What it asks of whoever calls it. Routes that state none are the administrators'.
  identity::Role role = identity::Role::admin;
  /// Open: nobody is asked who they are. Webhooks prove themselves, health says nothing about payouts. And
  /// under any name: the API itself is only served under loopback names while it asks for no tokens, so that
  /// no web page can reach it through a name of its own.
  bool any_host = false;
  /// Who may look inside is found out, and the others are answered all the same, by less.
  bool looks_inside = false;

  std::vector<std::string> segments{};  ///< of the pattern; the router's
};

struct RouterOptions {
  std::size_t max_body_bytes = 4 * 1024 * 1024;
  std::size_t max_bulk_bytes = 8 * 1024 * 1024;
  GateOptions gate{};
  /// Routes of other roles are served over the control socket only.
  core::HostRoles host_roles = core::HostRoles::all();
};

/// Finds the route of a request and turns what goes wrong into the one error shape.
class Router final : public Service {
 public:
  /// All routes of the host.
  Router(HostView& host, RouterOptions options);

  /// The patterns, for the metrics' closed label set.
  std::vector<std::string> patterns() const;
  const std::vector<Route>& routes() const { return routes_; }
  Gate& gate() { return gate_; }

  Screening screen(Request& head) override;
  Awaitable<Response> handle(Request request) override;
  void turned_away() override { host_.count_rate_limit_block("connections"); }
  void answered(const Request& head, int status, std::chrono::nanoseconds duration) override;

 private:
  void add(std::vector<Route> routes);
  Awaitable<Response> answered_by_route(Request request);
  Screening screen_route(Request& head);
  std::optional<Response> find_route(Request& head, const std::vector<std::string>& path) const;

  HostView& host_;
  RouterOptions options_;
  Gate gate_;
  std::vector<Route> routes_;
};

/// Reads the body of a JSON route; the refusal if it is not what is expected. An empty body is an empty
/// object.
struct BodyObject {
  boost::json::object object;
  std::optional<Response> refusal;
};
BodyObject read_body_object(const Request& request, const std::vector<std::string>& known_fields);

}  // namespace payoutd::http
