#include "policy/scripted_policy.hpp"

#include <boost/json.hpp>

#include "policy/inputs.hpp"

namespace payoutd::policy {

BackoffAdvice ScriptedPolicy::backoff(BackoffQuestion question) {
  if (!rules_.active) return built_in_.backoff(std::move(question));
  question.random_ppm = std::uniform_int_distribution<int>(0, 999'999)(random_);
  const BackoffChoice choice = rules_.active->backoff(question);
  if (choice.failed) fail("backoff", choice.error);
  if (choice.failed || choice.script.empty()) return built_in_.backoff(std::move(question));
  boost::json::object decision{
      {"kind", "backoff"},     {"bundle", rules_.active->hash()},    {"verdict", to_string(choice.answer)},
      {"rule", choice.script}, {"inputs", backoff_inputs(question)}, {"cost_ns", choice.cost.count()}};
  return {choice.answer, boost::json::serialize(decision)};
}

RouteChoice ScriptedPolicy::choose(const PayoutFacts& payout, std::span<const Candidate> candidates) {
  if (!rules_.active || !rules_.active->routes()) return {};
  RouteChoice choice = rules_.active->choose(payout, candidates);
  choice.bundle = rules_.active->hash();
  if (!choice.failed) return choice;
  fail("routing", choice.error);
  choice.provider.clear();
  choice.reason.clear();
  return choice;
}

void ScriptedPolicy::rule_failed(const std::string& rule, const std::string& error) {
  fail("abuse", "rule " + rule + ": " + error);
}

}  // namespace payoutd::policy
