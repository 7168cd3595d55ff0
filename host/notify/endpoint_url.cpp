#include "notify/endpoint_url.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <charconv>
#include <payoutd/text.hpp>

namespace payoutd::notify {
namespace {

bool is_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), port);
  return failed == std::errc() && end == text.data() + text.size() && port != 0;
}

}  // namespace

std::optional<std::string> endpoint_url_problem(const std::string& url, bool plain_http,
                                                const AddressGuard& guard) {
  constexpr std::size_t kLongest = 2'048;
  if (url.size() > kLongest) return "is longer than 2048 bytes";
  const auto parsed = boost::urls::parse_uri(url);
  if (!parsed || !is_visible_ascii(url)) return "is no absolute URL such as https://shop.example/payouts";
  const auto& view = *parsed;
  if (view.scheme() != "https" && view.scheme() != "http") return "must begin with https://";
  if (view.scheme() == "http" && !plain_http) return "must begin with https:// (http:// is for dev only)";
  if (view.has_userinfo()) return "must not carry a user name or password";
  if (view.has_fragment()) return "must not have a part behind #";
  if (view.encoded_host().empty()) return "has no host";
  if (view.has_port() && !is_port(std::string_view(view.port()))) return "has a port that is none";
  boost::system::error_code not_literal;
  const auto address = boost::asio::ip::make_address(std::string(view.host_address()), not_literal);
  if (not_literal) return std::nullopt;
  if (const auto why = guard.refusal(address))
    return "goes to " + *why + "; notifications.allow_networks can allow it";
  return std::nullopt;
}

}  // namespace payoutd::notify
