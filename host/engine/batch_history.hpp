#pragma once
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "policy/bundle.hpp"
#include "store/screening.hpp"

namespace payoutd::engine {

/// The features of the payouts of one batch: what the ledger says, and what earlier payouts of the same batch
/// that were allowed add to it.
class BatchHistory {
 public:
  explicit BatchHistory(std::span<const policy::Feature> features)
      : features_(features), mates_(features.size()) {}

  /// In the order of the features. `ledger` has the values of this payout, or is empty if there are none.
  std::vector<policy::FeatureValue> values(const policy::PayoutFacts& payout,
                                           std::span<const store::LedgerValue> ledger) const;
  /// The payout was allowed: it counts for those that follow.
  void remember(const policy::PayoutFacts& payout, std::span<const store::LedgerValue> ledger);

 private:
  /// What earlier payouts of the batch with the same key add.
  struct Mates {
    std::int64_t count = 0;
    std::map<std::string, std::int64_t> units;  ///< by currency
    std::set<std::string> new_values;           ///< that the ledger does not have
    std::string previous;
  };
  const Mates* mates_of(std::size_t feature, const policy::PayoutFacts& payout) const;

  std::span<const policy::Feature> features_;
  std::vector<std::map<std::string, Mates>> mates_;  ///< for each feature, by key
};

}  // namespace payoutd::engine
