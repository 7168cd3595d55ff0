#pragma once
#include <map>
#include <string>
#include <vector>

namespace payoutd::bench {

/// What one round of one side came to.
struct Round {
  double seconds = 0;
  double per_second = 0;                 ///< payouts through the whole life
  double admitted_after_s = 0;           ///< the product's: when the last of them was admitted
  std::map<std::string, double> cpu_us;  ///< processor time for each payout, by who used it
  double wal_bytes = 0;                  ///< written for each payout
};

/// What a side did to its database over all its rounds, the first one included, by the database's own
/// statistics.
struct RowChanges {
  double inserted = 0;  ///< rows, for each payout
  double updated = 0;
  double commits = 0;  ///< transactions, for each payout
};

}  // namespace payoutd::bench
