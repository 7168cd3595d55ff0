#pragma once
#include <optional>
#include <string>

#include "notify/address_guard.hpp"

namespace payoutd::notify {

/// Why nothing may be sent to this URL, as half a sentence; nothing: it is a URL, and what can be said of it
/// without looking its name up allows it. `plain_http`: http:// is good enough.
std::optional<std::string> endpoint_url_problem(const std::string& url, bool plain_http,
                                                const AddressGuard& guard);

}  // namespace payoutd::notify
