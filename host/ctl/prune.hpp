#pragma once
#include <string>

#include "ctl/context.hpp"
#include "ctl/database_access.hpp"

namespace payoutd::ctl {

struct PruneOptions {
  std::string older_than;       ///< 90d: how long ago a payout must have finished; at least 1d
  bool dry_run = false;         ///< only say what would go
  int batch = 1'000;            ///< payouts in one transaction
  std::string max_lag = "10s";  ///< of a replica, above which it waits
};

/// Takes old history away beside running hosts. By the schema's owner: the hosts' role may not. Ctrl-C ends
/// it after the batch; what was done stays, and the same command goes on from there.
ExitCode prune(Context& context, const DatabaseOptions& database, const PruneOptions& options);

}  // namespace payoutd::ctl
