#pragma once
#include <random>

#include "policy/bundle.hpp"

namespace payoutd::policy {

/// One exponential schedule: first · factor^(n−1), at most `limit`, spread by ± `jitter_percent`.
struct Schedule {
  std::chrono::milliseconds first{1'000};
  std::chrono::milliseconds limit{300'000};
  int jitter_percent = 20;
  int factor_percent = 200;
};

struct BuiltInOptions {
  Schedule retry{std::chrono::milliseconds{30'000}, std::chrono::milliseconds{3'600'000}, 20};
  Schedule resend{std::chrono::milliseconds{1'000}, std::chrono::milliseconds{60'000}, 20};
  Schedule poll{std::chrono::milliseconds{5'000}, std::chrono::milliseconds{60'000}, 20};
  Schedule query{std::chrono::milliseconds{1'000}, std::chrono::milliseconds{60'000}, 20};
  Schedule notify{std::chrono::milliseconds{5'000}, std::chrono::milliseconds{300'000}, 20};
  int max_attempts = 5;  ///< refusals that may pass before giving up; 0: without limit
  std::chrono::milliseconds review_after{86'400'000};  ///< UNKNOWN for longer: a human decides
};

/// The policy without scripts: allows everything, waits by exponential schedules.
class BuiltInPolicy final : public Policy {
 public:
  explicit BuiltInPolicy(BuiltInOptions options, std::uint32_t seed = std::random_device{}());
  /// Takes effect with the next question.
  void configure(BuiltInOptions options) { options_ = options; }
  BackoffAdvice backoff(BackoffQuestion question) override;
  RouteChoice choose(const PayoutFacts&, std::span<const Candidate>) override { return {}; }
  Rules rules() const override { return {}; }
  void rule_failed(const std::string&, const std::string&) override {}
  void shadow_judged(std::size_t, std::size_t) override {}

 private:
  std::chrono::milliseconds delay(const Schedule& schedule, int count);
  BuiltInOptions options_;
  std::minstd_rand random_;
};

}  // namespace payoutd::policy
