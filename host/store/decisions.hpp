#pragma once
#include <cstdint>
#include <pqxx/pqxx>
#include <string>
#include <vector>

namespace payoutd::store {

/// What a script was asked about a payout, and what it said.
struct DecisionRow {
  std::int64_t id = 0;
  std::string at;
  std::string payout_id;
  std::string kind;  ///< screen, backoff, route
  std::string bundle;
  std::string verdict;
  std::string rule;
  std::string reason;
  std::string inputs;   ///< JSON text
  std::string results;  ///< JSON text of a list, or empty
  std::int64_t cost_ns = 0;
  bool shadow = false;
};

struct DecisionFilter {
  std::string payout_id;     ///< empty: of all
  std::string kind;          ///< empty: of every kind
  std::int64_t since_s = 0;  ///< only those of the last so many seconds; 0: all
  std::int64_t after_id = 0;
  bool shadow = false;  ///< those of the shadow instead
  int limit = 500;
};
/// Oldest first, by id.
std::vector<DecisionRow> decisions(pqxx::transaction_base& work, const DecisionFilter& filter);
/// How many there are, for progress.
std::int64_t count_decisions(pqxx::transaction_base& work, const DecisionFilter& filter);

}  // namespace payoutd::store
