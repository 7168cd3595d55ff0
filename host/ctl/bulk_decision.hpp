#pragma once
#include <string>

#include "ctl/commands.hpp"

namespace payoutd::ctl {

/// One decision about many payouts.
struct BulkDecisionOptions {
  ListOptions filter;  ///< without states, limit and pages
  int limit = 1'000;
  bool preview = false;
  std::string note;
};

/// Whether the filter names any payouts at all.
bool names_payouts(const ListOptions& filter);

/// Shows which payouts are meant, then decides each as change() would, the latest first. `action`: cancel,
/// hold, release or reject. Ends with `negative` if the host refused some, which then are as they were.
ExitCode decide_many(Context& context, const std::string& action, const BulkDecisionOptions& options);

}  // namespace payoutd::ctl
