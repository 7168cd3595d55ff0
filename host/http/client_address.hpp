#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "http/message.hpp"

namespace payoutd::http {

/// The reverse proxies whose X-Forwarded-For is believed.
class TrustedProxies {
 public:
  TrustedProxies() = default;
  /// Addresses and networks; what is neither is passed over (the configuration refuses it).
  explicit TrustedProxies(const std::vector<std::string>& written);
  bool contain(std::string_view address) const;

 private:
  struct Networks;
  std::shared_ptr<const Networks> networks_;
};

/// Who is counted for the request: the address of the connection, or, if that is a trusted proxy's, the last
/// address of X-Forwarded-For that is none. For counting and records; the one right that hangs on it is to
/// see metrics.
std::string client_address(const Request& request, const TrustedProxies& proxies);

/// What counts as one: an IPv4 address, or the /64 network of an IPv6 address.
std::string counted_as(std::string_view address);

bool is_loopback(std::string_view address);

}  // namespace payoutd::http
