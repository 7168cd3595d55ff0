#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <payoutd/text.hpp>
#include <payoutd/url.hpp>

namespace payoutd {

std::string host_of(std::string_view url) {
  const auto parsed = boost::urls::parse_absolute_uri(url);
  return parsed ? lower_case(std::string(parsed->encoded_host())) : std::string{};
}

std::string host_and_port_of(std::string_view url) {
  const auto parsed = boost::urls::parse_absolute_uri(url);
  return parsed ? lower_case(std::string(parsed->encoded_host_and_port())) : std::string{};
}

std::string authority_of(std::string_view url) {
  std::string authority = host_and_port_of(url);
  return authority.empty() ? std::string(url) : authority;
}

std::string without_slash_at_end(std::string url) {
  while (url.ends_with('/')) url.pop_back();
  return url;
}

bool is_domain_or_below(std::string_view host, std::string_view domain) noexcept {
  if (!host.ends_with(domain)) return false;
  host.remove_suffix(domain.size());
  return host.empty() || host.ends_with('.');
}

bool is_loopback_host(std::string_view host) noexcept {
  return is_domain_or_below(host, "localhost") || host.starts_with("127.") || host == "[::1]" ||
         host == "0.0.0.0" || host == "[::]";
}

}  // namespace payoutd
