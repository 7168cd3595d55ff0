#pragma once
#include <bitset>
#include <map>
#include <string>

#include "engine/decision.hpp"

namespace payoutd::engine {

/// How well the last calls of each provider went, for routing and for whoever watches. Host thread only.
class Health {
 public:
  static constexpr int kRemembered = 64;

  void note(const std::string& provider, Saw saw) {
    Calls& calls = calls_[provider];
    calls.failed[static_cast<std::size_t>(calls.next)] = is_failure(saw);
    calls.next = (calls.next + 1) % kRemembered;
    if (calls.known < kRemembered) ++calls.known;
    calls.failed_in_a_row = is_failure(saw) ? calls.failed_in_a_row + 1 : 0;
  }

  /// Of the last 64 calls, rounded down; 0 as long as nothing is known.
  int failures_percent(const std::string& provider) const {
    const auto found = calls_.find(provider);
    if (found == calls_.end() || found->second.known == 0) return 0;
    return static_cast<int>(found->second.failed.count()) * 100 / found->second.known;
  }

  int failures_in_a_row(const std::string& provider) const {
    const auto found = calls_.find(provider);
    return found == calls_.end() ? 0 : found->second.failed_in_a_row;
  }

 private:
  struct Calls {
    std::bitset<kRemembered> failed;
    int next = 0;
    int known = 0;
    int failed_in_a_row = 0;
  };

  /// A refusal is an answer: the provider is well.
  static bool is_failure(Saw saw) {
    return saw == Saw::submit_unknown || saw == Saw::submit_not_accepted || saw == Saw::prepare_failed ||
           saw == Saw::query_cannot_tell;
  }

  std::map<std::string, Calls> calls_;
};

}  // namespace payoutd::engine
