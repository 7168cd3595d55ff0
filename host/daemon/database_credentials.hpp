#pragma once
#include <payoutd/awaitable.hpp>
#include <string>
#include <vector>

#include "store/pool.hpp"

namespace payoutd::daemon {

/// Tries what a reload found in the configuration, and has all pools use it if the database lets it in: a new
/// password, another role. Running work is not touched. False: the pools keep what they have, and the log
/// says why. Throws nothing.
Awaitable<bool> take_over_credentials(std::string before, std::string after, std::vector<store::Pool*> pools);

}  // namespace payoutd::daemon
