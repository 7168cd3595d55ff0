#pragma once
#include <string>
#include <string_view>

/// What a plugin asks of the addresses in its settings. Pure; may be called from any thread.
namespace payoutd {

/// The host of an absolute URL in lower case, IPv6 in its brackets; empty if it is no absolute URL or has
/// none.
std::string host_of(std::string_view url);

/// The same with the port, if the URL names one.
std::string host_and_port_of(std::string_view url);

/// The same, or the text as it is if it is no such URL: for a scope, which must name something even then.
std::string authority_of(std::string_view url);

/// The URL without slashes at its end, so that paths can be added to it.
std::string without_slash_at_end(std::string url);

/// True if `host`, in lower case, is `domain` or something below it: never for `evil-domain`.
bool is_domain_or_below(std::string_view host, std::string_view domain) noexcept;

/// True for the names and literal addresses of this machine, which no plugin should accept in production. It
/// looks nothing up: a name that resolves to 127.0.0.1 is not recognised.
bool is_loopback_host(std::string_view host) noexcept;

}  // namespace payoutd
