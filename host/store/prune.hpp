// Takes old history away, in batches, beside hosts that go on paying.
//
// What goes: payouts in history that are final, watched no more and finished before the cutoff, with their
// attempts, events, decisions, approvals and settled callbacks; settled callbacks that belong to no payout;
// rows of the rules' ledger that no window reaches; monthly partitions that are empty. What stays for ever:
// the audit log; what is not final, not settled or still waits for something; and of each idempotency key all
// but its payload, so that a request which comes again is recognised and nothing is paid.
#pragma once
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "store/connection.hpp"

namespace payoutd::store {

struct PruneCounts {
  std::int64_t payouts = 0;
  std::int64_t attempts = 0;
  std::int64_t events = 0;
  std::int64_t decisions = 0;
  std::int64_t approvals = 0;
  std::int64_t callbacks = 0;
  std::int64_t allowances = 0;
  std::int64_t keys_emptied = 0;

  PruneCounts& operator+=(const PruneCounts& other);
};

// The longest window that a rule can look back over, other than `ever`.
inline constexpr std::chrono::seconds kLongestWindow{400LL * 86'400};

// What pruning would take now.
PruneCounts count_prunable(pqxx::transaction_base& work, std::chrono::seconds older_than);

// At most `limit` payouts with all that hangs on them, the first finished first; payouts == 0: there are none
// left. Rows that somebody works on are passed by.
PruneCounts prune_payouts(pqxx::transaction_base& work, std::chrono::seconds older_than, int limit);

// At most `limit` settled callbacks that name no payout that stands; returns how many.
std::int64_t prune_callbacks(pqxx::transaction_base& work, std::chrono::seconds older_than, int limit);

// At most `limit` rows of the rules' ledger that are older than any window and whose payouts are gone.
std::int64_t prune_allowances(pqxx::transaction_base& work, int limit);

// The scripts that are active and those that run in shadow: JSON texts, path → content. A rule of theirs that
// looks back for ever leaves no row of the ledger out of its window.
std::vector<std::string> scripts_in_use(pqxx::transaction_base& work);

// Monthly partitions that end before the cutoff.
std::vector<std::string> old_partitions(pqxx::transaction_base& work, std::chrono::seconds older_than);

// Drops one of them if it is empty; false: it is not. Waits for nobody longer than `lock_timeout` (Conflict).
bool drop_if_empty(pqxx::transaction_base& work, const std::string& partition,
                   std::chrono::milliseconds lock_timeout);

struct ReplicaLag {
  int replicas = 0;
  bool readable = true;  // false: this role may not see it (pg_monitor may)
  std::chrono::milliseconds longest{0};
};
ReplicaLag replica_lag(pqxx::transaction_base& work);

}  // namespace payoutd::store
