#pragma once
#include <functional>
#include <random>

#include "policy/built_in_policy.hpp"

namespace payoutd::policy {

/// Asks the active bundle, and the built-in policy where there is none, where it has no script for the
/// question, or where the script goes wrong. Host thread only.
class ScriptedPolicy final : public Policy {
 public:
  struct Callbacks {
    /// A script went wrong: `kind` is abuse, backoff or routing, `error` has file, line and reason.
    std::function<void(std::string_view kind, const std::string& error)> failed;
    std::function<void(std::size_t judged, std::size_t differed)> shadow;
  };
  ScriptedPolicy(BuiltInOptions built_in, Callbacks callbacks, std::uint32_t seed = std::random_device{}())
      : built_in_(built_in, seed), callbacks_(std::move(callbacks)), random_(seed) {}

  /// Takes effect with the next question; a batch that is being judged ends under the rules that it began
  /// with.
  void use(std::shared_ptr<Bundle> bundle) { rules_.active = std::move(bundle); }
  void use_shadow(std::shared_ptr<Bundle> bundle) { rules_.shadow = std::move(bundle); }
  void configure(BuiltInOptions built_in) { built_in_.configure(built_in); }

  BackoffAdvice backoff(BackoffQuestion question) override;
  RouteChoice choose(const PayoutFacts& payout, std::span<const Candidate> candidates) override;
  Rules rules() const override { return rules_; }
  void rule_failed(const std::string& rule, const std::string& error) override;
  void shadow_judged(std::size_t judged, std::size_t differed) override {
    if (callbacks_.shadow) callbacks_.shadow(judged, differed);
  }

 private:
  void fail(std::string_view kind, const std::string& error) const {
    if (callbacks_.failed) callbacks_.failed(kind, error);
  }

  BuiltInPolicy built_in_;
  Rules rules_;
  Callbacks callbacks_;
  std::minstd_rand random_;
};

}  // namespace payoutd::policy
