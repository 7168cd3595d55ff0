#pragma once
#include <optional>

#include "http/message.hpp"
#include "store/lookup.hpp"

namespace payoutd::http {

/// Reads the query parameters that say which payouts are meant; the refusal if one makes no sense. What the
/// route does not take is not there.
std::optional<Response> read_list_filter(const Request& request, store::ListFilter& filter);

}  // namespace payoutd::http
