#include "notify/address_guard.hpp"

namespace payoutd::notify {
namespace {

namespace ip = boost::asio::ip;

struct Block {
  const char* network;
  const char* what;
};

// IANA's registry of special-purpose IPv4 addresses, multicast, and what clouds answer at under public
// addresses.
constexpr auto kBlocks4 = std::to_array<Block>({
    {"0.0.0.0/8", "an address of this machine"},
    {"10.0.0.0/8", "a private address"},
    {"100.64.0.0/10", "an address behind a carrier's NAT"},
    {"127.0.0.0/8", "a loopback address"},
    {"168.63.129.16/32", "the address of a cloud's metadata service"},
    {"169.254.0.0/16", "a link-local address"},
    {"172.16.0.0/12", "a private address"},
    {"192.0.0.0/24", "an address for protocols"},
    {"192.0.2.0/24", "an address for documentation"},
    {"192.88.99.0/24", "an address of 6to4 relays"},
    {"192.168.0.0/16", "a private address"},
    {"198.18.0.0/15", "an address for benchmarks"},
    {"198.51.100.0/24", "an address for documentation"},
    {"203.0.113.0/24", "an address for documentation"},
    {"224.0.0.0/4", "a multicast address"},
    {"240.0.0.0/4", "a reserved address"},
});

// Of IPv6 only 2000::/3 is public at all; these are the parts of it that are not.
constexpr auto kBlocks6 = std::to_array<Block>({
    {"2001::/23", "an address for protocols"},
    {"2001:db8::/32", "an address for documentation"},
    {"3fff::/20", "an address for documentation"},
});
// The others, for a better word.
constexpr auto kNamed6 = std::to_array<Block>({
    {"::1/128", "a loopback address"},
    {"fc00::/7", "a private address"},
    {"fe80::/10", "a link-local address"},
    {"fec0::/10", "a private address"},
    {"ff00::/8", "a multicast address"},
});

bool within(const ip::address_v4& address, const ip::network_v4& network) {
  const unsigned length = network.prefix_length();
  const std::uint32_t mask = length == 0 ? 0 : ~std::uint32_t{0} << (32 - length);
  return (address.to_uint() & mask) == (network.address().to_uint() & mask);
}

bool within(const ip::address_v6& address, const ip::network_v6& network) {
  const auto a = address.to_bytes();
  const auto b = network.address().to_bytes();
  unsigned left = network.prefix_length();
  for (std::size_t i = 0; i < a.size() && left > 0; ++i) {
    const unsigned bits = std::min(left, 8U);
    const unsigned mask = 0xffU << (8 - bits) & 0xffU;
    if (((a[i] ^ b[i]) & mask) != 0) return false;
    left -= bits;
  }
  return true;
}

bool within(const ip::address_v6& address, const char* network) {
  return within(address, ip::make_network_v6(network));
}

ip::address_v4 embedded(const ip::address_v6& address, std::size_t first) {
  const auto bytes = address.to_bytes();
  return ip::address_v4({bytes[first], bytes[first + 1], bytes[first + 2], bytes[first + 3]});
}

// The IPv4 address at which packets to this one end up, if they do: mapped (RFC 4291), 6to4 (RFC 3056) and
// NAT64 (RFC 6052).
std::optional<ip::address_v4> reached_v4(const ip::address_v6& address) {
  if (address.is_v4_mapped()) return embedded(address, 12);
  if (within(address, "64:ff9b::/96")) return embedded(address, 12);
  if (within(address, "2002::/16")) return embedded(address, 2);
  return std::nullopt;
}

std::optional<std::string> refusal_of(const ip::address_v4& address) {
  for (const Block& block : kBlocks4)
    if (within(address, ip::make_network_v4(block.network))) return block.what;
  return std::nullopt;
}

std::optional<std::string> refusal_of(const ip::address_v6& address) {
  if (const auto v4 = reached_v4(address)) return refusal_of(*v4);
  for (const Block& block : kNamed6)
    if (within(address, block.network)) return block.what;
  if (!within(address, "2000::/3")) return "no public address";
  for (const Block& block : kBlocks6)
    if (within(address, block.network)) return block.what;
  return std::nullopt;
}

}  // namespace

AddressGuard::AddressGuard(const std::vector<std::string>& allowed) {
  for (const std::string& text : allowed) {
    const bool is_network = text.find('/') != std::string::npos;
    boost::system::error_code failed;
    if (const auto v4 = ip::make_network_v4(is_network ? text : text + "/32", failed); !failed) {
      allowed_v4_.push_back(v4);
    } else if (const auto v6 = ip::make_network_v6(is_network ? text : text + "/128", failed); !failed) {
      allowed_v6_.push_back(v6);
    }
  }
}

bool AddressGuard::is_allowed(const ip::address& address) const {
  const auto v4 = address.is_v4() ? std::optional(address.to_v4()) : reached_v4(address.to_v6());
  if (v4) {
    for (const ip::network_v4& network : allowed_v4_)
      if (within(*v4, network)) return true;
  }
  if (address.is_v6()) {
    for (const ip::network_v6& network : allowed_v6_)
      if (within(address.to_v6(), network)) return true;
  }
  return false;
}

std::optional<std::string> AddressGuard::refusal(const ip::address& address) const {
  if (is_allowed(address)) return std::nullopt;
  return address.is_v4() ? refusal_of(address.to_v4()) : refusal_of(address.to_v6());
}

}  // namespace payoutd::notify
