#pragma once
#include <map>
#include <optional>
#include <payoutd/money.hpp>
#include <string>
#include <utility>

namespace payoutd::core {

/// How much may flow out through one provider in one currency.
struct OutflowLimit {
  std::optional<Amount> hour;
  std::optional<Amount> day;
};

/// What no script can widen. A currency that is not named is not limited.
struct Limits {
  std::map<std::string, Amount> per_payout;           ///< by currency: one payout is at most this
  std::map<std::string, Amount> two_approvals_above;  ///< by currency: above it, two people must approve
  std::map<std::pair<std::string, std::string>, OutflowLimit> outflow;  ///< by provider and currency

  /// The amount that an optional limit of this currency allows, or nothing.
  static std::optional<Amount> of(const std::map<std::string, Amount>& limits, const std::string& currency) {
    const auto found = limits.find(currency);
    return found == limits.end() ? std::nullopt : std::optional<Amount>(found->second);
  }
  bool needs_two_approvals(const Money& money) const {
    const auto limit = of(two_approvals_above, money.currency);
    return limit && money.amount > *limit;
  }
};

}  // namespace payoutd::core
