#include "policy/screening.hpp"

#include "core/assert.hpp"
#include "core/text.hpp"
#include "policy/lua_money.hpp"

namespace payoutd::policy {
namespace {

constexpr std::string_view kFolder = "abuse/";
constexpr std::string_view kFailed = "rule_failed";
constexpr CallLimits kCallLimits;

bool is_code(std::string_view code) {
  return !code.empty() && code.size() <= 64 && std::ranges::all_of(code, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

std::optional<std::string_view> text_on_stack(lua_State* state, int index) {
  if (lua_type(state, index) != LUA_TSTRING) return std::nullopt;
  std::size_t length = 0;
  const char* text = lua_tolstring(state, index, &length);
  return std::string_view(text, length);
}

std::string shown_verdict(Verdict verdict, const std::string& code) {
  std::string text{to_string(verdict)};
  if (!code.empty()) text += " (" + code + ')';
  return text;
}

/// Pushes a value of history; absent is nil.
void push_feature_value(lua_State* state, const FeatureValue& value, MoneySlot& sum) {
  if (const auto* whole = std::get_if<std::int64_t>(&value))
    lua_pushinteger(state, *whole);
  else if (const auto* money = std::get_if<Money>(&value))
    sum.push(state, *money);
  else if (const auto* text = std::get_if<std::string>(&value))
    lua_pushlstring(state, text->data(), text->size());
  else
    lua_pushnil(state);
}

RuleResult failed_result(const std::string& rule, const ScriptProblem& problem) {
  return {rule, Verdict::hold, std::string(kFailed), presentable(problem.text()), true};
}

}  // namespace

// ---- loading

Screening::Screening(const ScriptFiles& files, std::vector<ScriptProblem>& problems) {
  const auto problem = state_.sandbox().protect(kHostLimits, [&](lua_State* state) { payout_.open(state); });
  if (problem) throw std::runtime_error(problem->text());
  state_.load_libraries(files, problems);
  for (const auto& [file, source] : files.files)
    if (file.starts_with(kFolder)) load_rule(file, source, problems);
  collect_features();
  state_.sandbox().collect_all();
}

void Screening::load_rule(const std::string& file, const std::string& source,
                          std::vector<ScriptProblem>& problems) {
  ScriptCheck check(file, source, problems);
  auto loaded = state_.load(source, check);
  if (!loaded) return;
  auto rule = std::make_unique<Rule>();
  rule->name = file.substr(kFolder.size(), file.size() - kFolder.size() - 4);
  rule->script = *std::move(loaded);
  rule->form = read_rule_form(check, rule->script.value);
  rule->script.value = {};
  if (check.count() > 0) return;
  rule->check = state_.take_function(rule->script, "check");
  std::vector<std::string> names;
  for (const auto& need : rule->form.needs) names.push_back(need.name);
  open_sums(rule->form.needs.size());
  const auto problem = state_.sandbox().protect(kHostLimits, [&](lua_State* state) {
    rule->history.open(state, "history (by this rule's needs)", names);
  });
  if (problem) throw std::runtime_error(problem->text());
  run_tests(*rule, check);
  rule->form.tests.clear();
  rules_.push_back(std::move(rule));
}

void Screening::open_sums(std::size_t count) {
  const auto problem = state_.sandbox().protect(kHostLimits, [&](lua_State* state) {
    for (auto i = sums_.size(); i < count; ++i) sums_.emplace_back().open(state);
  });
  if (problem) throw std::runtime_error(problem->text());
}

void Screening::collect_features() {
  std::erase_if(rules_, [](const auto& rule) { return !rule->form.enabled; });
  for (const auto& rule : rules_)
    for (const auto& need : rule->form.needs) features_.push_back(need.feature);
  std::ranges::sort(features_);
  features_.erase(std::ranges::unique(features_).begin(), features_.end());
  open_sums(features_.size());
  for (const auto& rule : rules_)
    for (const auto& need : rule->form.needs)
      rule->features.push_back(
          static_cast<std::size_t>(std::ranges::lower_bound(features_, need.feature) - features_.begin()));
}

std::vector<Feature> Screening::needs_of(const std::string& rule) const {
  std::vector<Feature> needs;
  for (const auto& one : rules_)
    if (one->name == rule)
      for (const auto& need : one->form.needs) needs.push_back(need.feature);
  return needs;
}

std::vector<std::string> Screening::rules() const {
  std::vector<std::string> names;
  for (const auto& rule : rules_) names.push_back(rule->name);
  return names;
}

// ---- judging

Judgement Screening::judge(const PayoutFacts& payout, std::span<const FeatureValue> values) {
  PAYOUTD_ASSERT(values.size() == features_.size(), "a value for each feature");
  const auto begin = std::chrono::steady_clock::now();
  Judgement judgement;
  auto problem = prepare(payout, values);
  if (!problem)
    for (const auto& rule : rules_) {
      auto outcome = run(*rule);
      if (outcome.problem)
        judgement.results.push_back(failed_result(rule->name, *outcome.problem));
      else if (outcome.verdict != Verdict::allow)
        judgement.results.push_back(
            {rule->name, outcome.verdict, std::move(outcome.code), std::move(outcome.text), false});
    }
  // A library whose state leaks may have misled any rule.
  auto leak = state_.restore_libraries();
  if (leak && !problem) problem = std::move(leak);
  if (problem) {
    judgement.results.clear();
    for (const auto& rule : rules_) judgement.results.push_back(failed_result(rule->name, *problem));
  }
  const RuleResult* strictest = nullptr;
  for (const auto& result : judgement.results)
    if (strictest == nullptr || result.verdict > strictest->verdict) strictest = &result;
  if (strictest != nullptr) {
    judgement.verdict = strictest->verdict;
    judgement.rule = strictest->rule;
    judgement.reason = strictest->reason;
    judgement.text = strictest->text;
  }
  state_.sandbox().collect_some();
  judgement.cost = std::chrono::steady_clock::now() - begin;
  return judgement;
}

std::optional<ScriptProblem> Screening::prepare(const PayoutFacts& payout,
                                                std::span<const FeatureValue> values) {
  return state_.sandbox().protect(kHostLimits, [&](lua_State* state) {
    payout_.fill(state, payout);
    for (const auto& rule : rules_) {
      if (rule->features.empty()) continue;
      rule->history.push_contents(state);
      for (std::size_t i = 0; i < rule->features.size(); ++i) {
        push_feature_value(state, values[rule->features[i]], sums_[rule->features[i]]);
        lua_setfield(state, -2, rule->form.needs[i].name.c_str());
      }
      lua_pop(state, 1);
    }
  });
}

/// Everything is prepared: nothing here allocates outside of the protected call.
Screening::Outcome Screening::run(const Rule& rule) {
  lua_State* state = state_.lua();
  lua_rawgeti(state, LUA_REGISTRYINDEX, rule.check);
  payout_.push(state);
  rule.history.push(state);
  Outcome outcome;
  outcome.problem = state_.sandbox().call(2, 3, kCallLimits);
  if (!outcome.problem) {
    read_results(rule, outcome);
    lua_pop(state, 3);
  }
  auto changed = state_.restore(rule.script);
  if (changed && !outcome.problem) outcome.problem = std::move(changed);
  if (outcome.problem && outcome.problem->file.empty()) outcome.problem->file = rule.script.file;
  return outcome;
}

void Screening::read_results(const Rule& rule, Outcome& outcome) {
  lua_State* state = state_.lua();
  const auto refuse = [&](const std::string& reason) {
    outcome.problem = ScriptProblem{rule.script.file, 0, presentable(reason)};
  };
  const auto word = text_on_stack(state, -3);
  if (word == "allow") return;
  if (!word)
    return refuse(std::string("check() returned a ") + luaL_typename(state, -3) +
                  ", not \"allow\", \"flag\", \"hold\" or \"deny\"");
  const auto verdict = parse_verdict(*word);
  if (!verdict)
    return refuse("check() returned '" + std::string(word->substr(0, 40)) +
                  "', not \"allow\", \"flag\", \"hold\" or \"deny\"" + nearest_hint(*word, verdict_names()));
  const auto code = text_on_stack(state, -2);
  if (!code || !is_code(*code))
    return refuse("check() returned \"" + std::string(*word) +
                  "\" without a code: a text of 1 to 64 small letters, digits and '_'");
  const auto text = text_on_stack(state, -1);
  if (!text && !lua_isnil(state, -1))
    return refuse(std::string("check() returned a ") + luaL_typename(state, -1) +
                  " where its text for people belongs");
  if (text && (text->size() > kMaxTextBytes || !core::is_utf8(*text) || core::has_control_character(*text)))
    return refuse("check() returned a text for people that is longer than " + std::to_string(kMaxTextBytes) +
                  " bytes, not UTF-8, or has control characters");
  outcome.verdict = *verdict;
  outcome.code = *code;
  outcome.text = text.value_or("");
}

// ---- tests

void Screening::run_tests(const Rule& rule, ScriptCheck& check) {
  run_each_test(check, rule.form.tests.size(), [&](std::size_t index) {
    const auto& test = rule.form.tests[index];
    const auto outcome = run_test(rule, index);
    ++tests_run_;
    const std::string expected = "expected " + shown_verdict(test.expect, test.code) + ", but ";
    if (outcome.problem)
      check.add(test.path, expected + "the rule failed: " + outcome.problem->text());
    else if (outcome.verdict != test.expect || (!test.code.empty() && outcome.code != test.code))
      check.add(test.path, expected + "got " + shown_verdict(outcome.verdict, outcome.code) +
                               (outcome.text.empty() ? "" : ": " + outcome.text));
    return !is_limit(outcome.problem);
  });
}

Screening::Outcome Screening::run_test(const Rule& rule, std::size_t index) {
  const auto& test = rule.form.tests[index];
  auto problem = state_.sandbox().protect(kHostLimits, [&](lua_State* state) {
    payout_.fill(state, test.payout);
    rule.history.push_contents(state);
    for (std::size_t i = 0; i < test.history.size(); ++i) {
      push_feature_value(state, test.history[i], sums_[i]);
      lua_setfield(state, -2, rule.form.needs[i].name.c_str());
    }
  });
  if (!problem && test.has_tunables) problem = state_.overlay(rule.script, index);
  if (problem) return {Verdict::allow, {}, {}, std::move(problem)};
  auto outcome = run(rule);
  if (test.has_tunables) state_.end_overlay(rule.script);
  auto leak = state_.restore_libraries();
  if (leak && !outcome.problem) outcome.problem = std::move(leak);
  state_.sandbox().collect_some();
  return outcome;
}

}  // namespace payoutd::policy
