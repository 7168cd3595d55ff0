#pragma once
#include <pqxx/pqxx>
#include <string>
#include <vector>

namespace payoutd::store {

struct StatsFilter {
  std::int64_t since_s = 3600;  ///< the last so many seconds, by the database's clock
  std::string provider;         ///< empty: all
};

/// What a provider was given of one currency.
struct AdmittedStats {
  std::string provider;
  std::string currency;
  std::int64_t count = 0;
  std::string sum;  ///< exact decimal text
};

/// What came to an end. Latencies are from admission to the end.
struct FinishedStats {
  std::string provider;
  std::string currency;
  std::string state;
  std::int64_t count = 0;
  std::string sum;
  std::int64_t p50_ms = 0;
  std::int64_t p95_ms = 0;
  std::int64_t p99_ms = 0;
  std::int64_t slowest_ms = 0;
};

/// Why payouts did not end as they should.
struct ReasonStats {
  std::string provider;
  std::string state;
  std::string reason;
  std::int64_t count = 0;
};

struct Stats {
  std::vector<AdmittedStats> admitted;
  std::vector<FinishedStats> finished;
  std::vector<ReasonStats> reasons;  ///< of what is FAILED, HELD, REVIEW or UNKNOWN, the most frequent first
};

/// Test payouts are left out.
Stats stats(pqxx::transaction_base& work, const StatsFilter& filter);

}  // namespace payoutd::store
