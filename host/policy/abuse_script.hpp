#pragma once
#include "policy/payout_table.hpp"

namespace payoutd::policy {

struct Need {
  std::string name;
  Feature feature;
};

struct RuleTest {
  std::string name;
  ScriptPath path;
  PayoutFacts payout;
  std::vector<FeatureValue> history;  ///< in the order of the needs
  bool has_tunables = false;
  Verdict expect = Verdict::allow;
  std::string code;  ///< empty: any
};

/// What a rule's table says about it.
struct RuleForm {
  bool enabled = true;
  std::vector<Need> needs;  ///< sorted by name
  std::vector<RuleTest> tests;
};
RuleForm read_rule_form(ScriptCheck& check, const ScriptValue& returned);

std::optional<Verdict> parse_verdict(std::string_view word) noexcept;
const std::vector<std::string>& verdict_names();

/// Goes through `tests` of a script: at least one, each a table with a name of its own.
void for_each_test(ScriptCheck& check, const ScriptTable& script,
                   const std::function<void(const ScriptPath&, const ScriptTable&)>& read);

/// Calls `run` for the tests from 0 to `count` until one runs into a limit (it returns false) or all of them
/// together have taken too long, which is reported.
void run_each_test(ScriptCheck& check, std::size_t count, const std::function<bool(std::size_t)>& run);

/// Reports tunables of a test that the script does not have. True if the test has any.
bool check_test_tunables(ScriptCheck& check, const ScriptPath& path, const ScriptTable& script,
                         const ScriptTable& test);

/// Reports where the function under `key` is missing, or something else than a function.
void check_function(ScriptCheck& check, const ScriptTable& script, const std::string& key);

}  // namespace payoutd::policy
