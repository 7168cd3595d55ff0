#pragma once
#include <chrono>
#include <cstdint>
#include <pqxx/pqxx>
#include <string>
#include <vector>

namespace payoutd::store {

/// Which payouts are to be looked at now instead of when their schedule says.
struct RetryFilter {
  std::string provider;  ///< empty: of all
  std::string state;     ///< PENDING, SENT or UNKNOWN; empty: all three
  std::string reason;    ///< empty: any
  std::string batch;     ///< empty: any
  std::chrono::seconds in_state_for{0};
  int limit = 1000;
};

struct RetryGroup {
  std::string provider;
  std::string state;
  std::string currency;
  std::int64_t count = 0;
  std::string sum;  ///< decimal text
};
/// How many there are, by provider, state and currency.
std::vector<RetryGroup> preview_retry(pqxx::transaction_base& work, const RetryFilter& filter);

/// Makes them due, the oldest first, so many a second from now on; says how many. Each is then asked about or
/// submitted as its state and contract allow: nothing is sent that would not be sent anyway, only earlier.
std::int64_t retry_payouts(pqxx::transaction_base& work, const RetryFilter& filter, int per_second,
                           const std::string& actor, const std::string& note);

}  // namespace payoutd::store
