#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "http/client_address.hpp"
#include "http/cors.hpp"
#include "http/host_view.hpp"
#include "http/rate_limit.hpp"
#include "identity/keyring.hpp"
#include "identity/token.hpp"

namespace payoutd::http {

/// Everything but `auth_required` may change while the host runs.
struct GateOptions {
  /// False: whoever reaches the port without a token is `client:default`, which is right for development on
  /// loopback only.
  bool auth_required = false;
  identity::Keyring keyring{};
  std::chrono::milliseconds clock_skew{30'000};
  std::vector<std::string> cors_origins{};
  std::vector<std::string> trusted_proxies{};
  std::vector<std::string> metrics_allow{};  ///< addresses and networks that may read metrics
  int requests_per_subject = 0;              ///< a second; 0: without limit
  int requests_per_address = 0;              ///< a second; 0: without limit
  int auth_failures_per_minute = 0;          ///< of one address; 0: without limit
};

/// Who asks, and whether they may: tokens, roles, rates, origins. On the server's thread.
class Gate {
 public:
  Gate(HostView& host, GateOptions options);
  void configure(GateOptions options);

  bool auth_required() const { return options_.auth_required; }
  const Cors& cors() const { return cors_; }

  /// Counts the request against its address; the refusal if that asks too often.
  std::optional<Response> count_address(const Request& head);
  /// Fills in who the peer of a request with a route is; the refusal if that is not known, or may not.
  std::optional<Response> admit(Request& head);

 private:
  std::optional<Response> identify(Request& head);
  std::optional<Response> look_inside(Request& head);
  bool is_near(const Request& head) const;
  std::optional<Response> check_role(const Request& head);
  Response refuse_token(const Request& head, std::string_view reason, std::string code, std::string message,
                        const std::string& subject = {});
  Response too_many(std::string_view by, std::chrono::milliseconds wait);
  void record(const Request& head, std::string_view reason, const std::string& subject);

  HostView& host_;
  GateOptions options_;
  Cors cors_;
  TrustedProxies proxies_;
  TrustedProxies monitors_;
  RateLimit subjects_;
  RateLimit addresses_;
  RateLimit failures_;
};

}  // namespace payoutd::http
