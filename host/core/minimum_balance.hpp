#pragma once
#include <chrono>
#include <payoutd/money.hpp>
#include <string>

namespace payoutd::core {

/// What must stay on a provider's account: a payout is submitted only while amount × (100 + margin_percent) %
/// fits into the balance less what is in flight and less `amount` here.
struct MinimumBalance {
  std::string currency;
  Amount amount;
  int margin_percent = 10;
  std::chrono::milliseconds max_age{60'000};  ///< an older balance counts as none

  friend bool operator==(const MinimumBalance&, const MinimumBalance&) = default;
};

}  // namespace payoutd::core
