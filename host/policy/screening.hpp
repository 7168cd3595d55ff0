#pragma once
#include <memory>

#include "policy/abuse_script.hpp"
#include "policy/payout_table.hpp"
#include "policy/script_state.hpp"

namespace payoutd::policy {

/// The rules of a bundle, in a Lua state of their own. Not for two threads at once.
class Screening {
 public:
  /// Loads libraries and rules and runs the tests of the rules.
  Screening(const ScriptFiles& files, std::vector<ScriptProblem>& problems);

  /// Of the rules that are enabled; sorted.
  const std::vector<Feature>& features() const noexcept { return features_; }
  std::vector<Feature> needs_of(const std::string& rule) const;
  std::vector<std::string> rules() const;
  int tests_run() const noexcept { return tests_run_; }

  Judgement judge(const PayoutFacts& payout, std::span<const FeatureValue> values);

 private:
  struct Rule {
    std::string name;
    LoadedScript script;
    RuleForm form;
    int check = LUA_NOREF;
    HostTable history;
    std::vector<std::size_t> features;  ///< of each need
  };
  /// How a rule's check ended: with a problem, or with a verdict.
  struct Outcome {
    Verdict verdict = Verdict::allow;
    std::string code;
    std::string text;
    std::optional<ScriptProblem> problem;
  };

  void load_rule(const std::string& file, const std::string& source, std::vector<ScriptProblem>& problems);
  void collect_features();
  void open_sums(std::size_t count);
  std::optional<ScriptProblem> prepare(const PayoutFacts& payout, std::span<const FeatureValue> values);
  Outcome run(const Rule& rule);
  void read_results(const Rule& rule, Outcome& outcome);
  void run_tests(const Rule& rule, ScriptCheck& check);
  Outcome run_test(const Rule& rule, std::size_t index);

  ScriptState state_;
  PayoutTable payout_;
  std::vector<std::unique_ptr<Rule>> rules_;  ///< sorted by name; those that are not enabled too
  std::vector<Feature> features_;
  std::vector<MoneySlot> sums_;  ///< one for each feature
  int tests_run_ = 0;
};

}  // namespace payoutd::policy
