#pragma once
#include <chrono>
#include <cstdint>
#include <pqxx/pqxx>

namespace payoutd::store {

/// Makes the partitions of this and the next month, if they are missing.
void ensure_partitions(pqxx::transaction_base& work);

/// Moves payouts that finished longer than `age` ago, and are watched no more, to the history with their
/// attempts; at most `limit`. Returns how many.
std::int64_t archive_finished(pqxx::transaction_base& work, std::chrono::seconds age, int limit);

/// Adds up what flowed out in each minute that is over, and forgets what is older than any limit looks back.
void compact_outflow(pqxx::transaction_base& work);

/// Forgets batch ids older than any connection, and hosts that are long gone and hold no lease.
void forget_old(pqxx::transaction_base& work);

}  // namespace payoutd::store
