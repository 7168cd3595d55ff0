#pragma once
#include <payoutd/awaitable.hpp>
#include <string>
#include <vector>

#include "conformance/report.hpp"
#include "conformance/transcript.hpp"
#include "providers/provider_handle.hpp"

namespace payoutd::conformance {

/// Has the plugin read the transcript's callback: as it is, twice, altered, without its headers, at another
/// payment's URL, and its forgery; and bodies that mean nothing. `made_up` is a body that says "paid" without
/// any proof (the answer of a look-up, say). Only genuine ones may be `verified`.
Awaitable<std::vector<Run>> try_callbacks(providers::ProviderHandle* provider, const Transcript* transcript,
                                          std::string server, std::string made_up);

}  // namespace payoutd::conformance
