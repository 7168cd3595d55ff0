#pragma once
#include <algorithm>
#include <payoutd/text.hpp>
#include <payoutd/url.hpp>
#include <string>
#include <string_view>

/// What the plugins of this tree have in common when they name the scope within which absence proves
/// something. Pure; may be called from any thread.
namespace payoutd {

/// The installation behind an address: scheme, host, port and path, the first two in lower case, without a
/// user name, a query and slashes at its end. The path is part of it, for one host may serve several
/// installations, and a payment of one of them is absent in the others.
inline std::string installation_of(std::string_view url) {
  static constexpr std::string_view kMark = "://";
  const auto mark = url.find(kMark);
  if (mark == std::string_view::npos) return std::string(url);
  const auto path = std::min(url.find_first_of("/?#", mark + kMark.size()), url.size());
  const auto end = std::min(url.find_first_of("?#", path), url.size());
  return lower_case(std::string(url.substr(0, mark + kMark.size()))) + authority_of(url) +
         without_slash_at_end(std::string(url.substr(path, end - path)));
}

}  // namespace payoutd
