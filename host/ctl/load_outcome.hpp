#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "ctl/load_api.hpp"
#include "ctl/percentiles.hpp"

namespace payoutd::ctl {

/// What became of the payouts of a load, by what the host wrote down about them.
struct LoadOutcome {
  std::map<std::string, std::int64_t> states;
  std::int64_t found = 0;    ///< payouts of the batch
  Percentiles to_sent;       ///< from admission until the provider had accepted it, of a sample
  Percentiles to_confirmed;  ///< from admission until it was confirmed, of all that are
  bool settled = false;      ///< none of them was on its way any more when this was read
};

/// Waits until no payout of the batch is on its way, for `limit` at most; true if so. Looks twice a second.
bool await_load(LoadApi& api, const std::string& batch, std::chrono::seconds limit,
                const std::function<bool()>& stopped);

/// Reads the whole batch, and the events of at most `sample` payouts, evenly taken.
LoadOutcome read_load(LoadApi& api, const std::string& batch, int sample);

}  // namespace payoutd::ctl
