#pragma once
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <optional>
#include <string>
#include <vector>

namespace payoutd::notify {

/// Keeps requests whose URL somebody else chose away from what is not public: this machine, private networks,
/// the metadata services of clouds. Immutable.
class AddressGuard {
 public:
  /// `allowed`: addresses, or networks such as 10.1.0.0/16, that are let through though they are not public.
  /// What is neither is skipped: the configuration has refused it.
  explicit AddressGuard(const std::vector<std::string>& allowed = {});

  /// What the address is, as half a sentence ("a private address"); nothing: requests may go there. IPv4
  /// inside of IPv6 (mapped, 6to4, NAT64) is judged as the IPv4 address that it reaches.
  std::optional<std::string> refusal(const boost::asio::ip::address& address) const;

 private:
  bool is_allowed(const boost::asio::ip::address& address) const;

  std::vector<boost::asio::ip::network_v4> allowed_v4_;
  std::vector<boost::asio::ip::network_v6> allowed_v6_;
};

}  // namespace payoutd::notify
