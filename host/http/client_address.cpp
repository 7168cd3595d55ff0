#include "http/client_address.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>

namespace payoutd::http {
namespace {

namespace ip = boost::asio::ip;

std::optional<ip::address> parse(std::string_view text) {
  boost::system::error_code error;
  auto address = ip::make_address(std::string(text), error);
  if (error) return std::nullopt;
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    address = ip::make_address_v4(ip::v4_mapped, address.to_v6());
  return address;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

}  // namespace

struct TrustedProxies::Networks {
  std::vector<ip::network_v4> v4;
  std::vector<ip::network_v6> v6;
};

TrustedProxies::TrustedProxies(const std::vector<std::string>& written) {
  auto networks = std::make_shared<Networks>();
  for (const std::string& text : written) {
    boost::system::error_code error;
    if (const auto address = parse(text)) {
      if (address->is_v4())
        networks->v4.emplace_back(address->to_v4(), 32);
      else
        networks->v6.emplace_back(address->to_v6(), 128);
    } else if (const auto four = ip::make_network_v4(text, error); !error) {
      networks->v4.push_back(four.canonical());
    } else if (const auto six = ip::make_network_v6(text, error); !error) {
      networks->v6.push_back(six.canonical());
    }
  }
  networks_ = std::move(networks);
}

bool TrustedProxies::contain(std::string_view text) const {
  const auto address = networks_ == nullptr ? std::nullopt : parse(text);
  if (!address) return false;
  if (address->is_v4())
    return std::ranges::any_of(networks_->v4, [&](const ip::network_v4& network) {
      return ip::network_v4(address->to_v4(), network.prefix_length()).canonical() == network;
    });
  return std::ranges::any_of(networks_->v6, [&](const ip::network_v6& network) {
    return ip::network_v6(address->to_v6(), network.prefix_length()).canonical() == network;
  });
}

// From the right: what stands further left was written by whoever asked the proxy, who may write anything.
std::string client_address(const Request& request, const TrustedProxies& proxies) {
  std::string client = request.peer.address;
  if (!proxies.contain(client)) return client;
  for (auto header = request.headers.rbegin(); header != request.headers.rend(); ++header) {
    if (header->first != "x-forwarded-for") continue;
    std::string_view rest = header->second;
    while (!rest.empty()) {
      const auto comma = rest.rfind(',');
      const auto address = parse(trimmed(comma == std::string_view::npos ? rest : rest.substr(comma + 1)));
      rest = comma == std::string_view::npos ? std::string_view() : rest.substr(0, comma);
      if (!address) return client;
      client = address->to_string();
      if (!proxies.contain(client)) return client;
    }
  }
  return client;
}

std::string counted_as(std::string_view text) {
  const auto address = parse(text);
  if (!address || address->is_v4()) return std::string(text);
  return ip::network_v6(address->to_v6(), 64).canonical().to_string();
}

bool is_loopback(std::string_view text) {
  const auto address = parse(text);
  return address && address->is_loopback();
}

}  // namespace payoutd::http
