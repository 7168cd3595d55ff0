#include "http/gate.hpp"

#include <boost/json.hpp>

#include "http/router.hpp"
#include "ops/log.hpp"

namespace payoutd::http {
namespace {

using identity::Role;
using identity::TokenFault;

constexpr std::string_view kScheme = "bearer ";

/// The scheme's name has no case (RFC 9110, 11.1); nullopt for another scheme.
std::optional<std::string_view> bearer_token(std::string_view header) {
  if (header.size() <= kScheme.size()) return std::nullopt;
  for (std::size_t i = 0; i < kScheme.size(); ++i) {
    const char c = header[i];
    if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c) != kScheme[i]) return std::nullopt;
  }
  header.remove_prefix(kScheme.size());
  while (header.starts_with(' ')) header.remove_prefix(1);
  return header;
}

// Only of a token that was ours is it said what is wrong with it: a stranger learns nothing from trying.
struct Explanation {
  const char* code;
  const char* message;
};
Explanation explain(TokenFault fault) {
  switch (fault) {
    case TokenFault::expired:
      return {"TOKEN_EXPIRED", "The token has expired. Get a new one."};
    case TokenFault::not_yet_valid:
      return {"TOKEN_NOT_YET_VALID",
              "The token is not valid yet. Compare the clocks of its issuer and this host."};
    case TokenFault::revoked:
      return {"TOKEN_REVOKED", "All tokens of that time were revoked. Get a new one."};
    case TokenFault::retired_key:
      return {"TOKEN_REVOKED", "The key that signed the token is retired. Get a new one."};
    default:
      return {"TOKEN_INVALID", "The token is not one that this host accepts."};
  }
}

/// People who approve are one and the same whether they come by token or by the control socket, so that
/// approval by two people takes two.
std::string actor_of(const identity::Claims& claims) {
  const bool is_operator = claims.roles.has(Role::admin) || claims.roles.has(Role::approver);
  return (is_operator ? "operator:" : "client:") + claims.subject;
}

}  // namespace

Gate::Gate(HostView& host, GateOptions options) : host_(host) {
  configure(std::move(options));
}

void Gate::configure(GateOptions options) {
  options_ = std::move(options);
  cors_ = Cors(options_.cors_origins);
  proxies_ = TrustedProxies(options_.trusted_proxies);
  monitors_ = TrustedProxies(options_.metrics_allow);
  subjects_.configure(options_.requests_per_subject, 2.0 * options_.requests_per_subject);
  addresses_.configure(options_.requests_per_address, 2.0 * options_.requests_per_address);
  failures_.configure(options_.auth_failures_per_minute / 60.0, options_.auth_failures_per_minute);
}

std::optional<Response> Gate::count_address(const Request& head) {
  if (head.peer.control || options_.requests_per_address == 0) return std::nullopt;
  const std::string address = client_address(head, proxies_);
  if (is_loopback(address)) return std::nullopt;
  const auto wait = addresses_.take(counted_as(address));
  if (wait.count() == 0) return std::nullopt;
  return too_many("address", wait);
}

std::optional<Response> Gate::admit(Request& head) {
  head.peer.client_address = client_address(head, proxies_);
  if (head.route->looks_inside) return look_inside(head);
  if (head.peer.control || head.route->any_host) return std::nullopt;
  if (auto refusal = identify(head)) return refusal;
  return check_role(head);
}

/// From this machine or an address that was named. What a proxy passed on comes from whoever asked it: its
/// own address says nothing, and a header that any client can write is believed only of a trusted one. A
/// trusted proxy that does not say for whom it asks may ask for anybody.
bool Gate::is_near(const Request& head) const {
  const auto counts = [this](const std::string& address) {
    return is_loopback(address) || monitors_.contain(address);
  };
  bool passed_on = false;
  for (const char* header : {"x-forwarded-for", "forwarded", "x-real-ip", "via"})
    passed_on = passed_on || head.count(header) > 0;
  if (!proxies_.contain(head.peer.address)) return !passed_on && counts(head.peer.address);
  const std::string client = client_address(head, proxies_);
  return client != head.peer.address && counts(client);
}

std::optional<Response> Gate::look_inside(Request& head) {
  if (head.peer.control || head.peer.monitor || is_near(head)) {
    head.peer.sees_inside = true;
    return std::nullopt;
  }
  if (head.count("authorization") == 0 || options_.keyring.empty()) return std::nullopt;
  if (auto refusal = identify(head)) {
    // A probe that carries somebody else's token is still told whether the host is ready.
    if (head.route->pattern == "/metrics") return refusal;
    return std::nullopt;
  }
  head.peer.sees_inside = head.peer.roles.allow(Role::metrics_read);
  return std::nullopt;
}

std::optional<Response> Gate::identify(Request& head) {
  const std::size_t given = head.count("authorization");
  const bool is_open = !options_.auth_required;
  if (given == 0 || (is_open && options_.keyring.empty())) {
    if (is_open) {
      head.peer.roles = {Role::payouts_read, Role::payouts_write};
      return std::nullopt;
    }
    return refuse_token(
        head, "no_token", "TOKEN_MISSING",
        "A token is required: Authorization: Bearer TOKEN. `payoutctl token issue` makes one.");
  }
  const auto token = given == 1 ? bearer_token(head.header("authorization")) : std::nullopt;
  if (!token) {
    return refuse_token(head, given > 1 ? "duplicate_header" : "wrong_scheme", "TOKEN_INVALID",
                        "One header is expected: Authorization: Bearer TOKEN.");
  }
  const identity::Verdict verdict = identity::verify_token(
      options_.keyring, *token, identity::now(), {options_.clock_skew, host_.sessions_revoked_until()});
  if (!verdict.good()) {
    const Explanation why = explain(*verdict.fault);
    return refuse_token(head, identity::to_string(*verdict.fault), why.code, why.message,
                        verdict.claims ? verdict.claims->subject : "");
  }
  head.peer.actor = actor_of(*verdict.claims);
  head.peer.client_id = verdict.claims->client_id;
  head.peer.roles = verdict.claims->roles;
  head.peer.authenticated = true;
  head.peer.token = {verdict.kid, verdict.claims->id};
  if (const auto wait = subjects_.take(verdict.claims->subject); wait.count() > 0)
    return too_many("subject", wait);
  return std::nullopt;
}

std::optional<Response> Gate::check_role(const Request& head) {
  const Role wanted = head.route->role;
  if (head.peer.roles.allow(wanted)) return std::nullopt;
  if (!head.peer.authenticated && options_.keyring.empty()) {
    return refuse(403, "CONTROL_SOCKET_ONLY",
                  "This host has no keys for tokens, so this is done over its control socket only (payoutctl "
                  "does), where the kernel says who asks.");
  }
  if (!head.peer.authenticated) {
    return refuse_token(
        head, "no_token", "TOKEN_MISSING",
        "This takes a token: Authorization: Bearer TOKEN. `payoutctl token issue` makes one.");
  }
  record(head, "role_missing", head.peer.actor);
  return refuse(403, "ROLE_MISSING",
                "This takes a token with the role " + std::string(identity::to_string(wanted)) + ".");
}

Response Gate::refuse_token(const Request& head, std::string_view reason, std::string code,
                            std::string message, const std::string& subject) {
  const auto wait = failures_.take(counted_as(client_address(head, proxies_)));
  if (wait.count() > 0) {
    host_.count_auth_refusal(reason);  // not logged any more: nobody fills the log from outside
    return too_many("auth_failures", wait);
  }
  record(head, reason, subject);
  Response response = refuse(401, std::move(code), std::move(message));
  response.headers.emplace_back("WWW-Authenticate",
                                reason == "no_token" ? "Bearer realm=\"payoutd\""
                                                     : "Bearer realm=\"payoutd\", error=\"invalid_token\"");
  return response;
}

Response Gate::too_many(std::string_view by, std::chrono::milliseconds wait) {
  host_.count_rate_limit_block(by);
  Response response = refuse(429, "RATE_LIMITED", "Too many requests; Retry-After says when to come again.");
  response.headers.emplace_back("Retry-After", std::to_string((wait.count() + 999) / 1000));
  return response;
}

void Gate::record(const Request& head, std::string_view reason, const std::string& subject) {
  host_.count_auth_refusal(reason);
  boost::json::object fields{{"reason", reason},
                             {"method", head.method},
                             {"route", head.route->pattern},
                             {"address", client_address(head, proxies_)},
                             {"flow_id", head.flow_id},
                             {"trace_id", trace_id_of(head)}};
  if (!subject.empty()) fields["subject"] = subject;
  log::warning("http.auth_refused", "A request was refused for want of a good token.", std::move(fields));
}

}  // namespace payoutd::http
