#include "policy/abuse_script.hpp"

namespace payoutd::policy {
namespace {

using What = Feature::What;

constexpr std::size_t kMaxNeeds = 50;
constexpr std::size_t kMaxTests = 500;

bool takes_of(What what) {
  return what == What::distinct || what == What::previous;
}

bool looks_at_earlier_only(What what) {
  return what == What::previous || what == What::since_previous || what == What::since_first;
}

std::optional<Field> read_field(ScriptCheck& check, const ScriptPath& path, const ScriptValue& value) {
  if (value.text() == nullptr) {
    check.add(path, "must be a field such as \"user\", not " + value.kind());
    return std::nullopt;
  }
  const auto field = parse_field(*value.text());
  if (!field) {
    std::string known;
    for (const auto& name : field_names()) known += (known.empty() ? "" : ", ") + name;
    check.add(path,
              "'" + *value.text() + "' is no field of " + known + nearest_hint(*value.text(), field_names()));
  }
  return field;
}

std::vector<Field> read_by(ScriptCheck& check, const ScriptPath& path, const ScriptTable& need) {
  const auto here = path.key("by");
  const auto& value = need.at("by");
  std::vector<Field> fields;
  if (value.is_nil()) {
    check.add(here, "is missing: whose payouts are meant, such as \"user\"");
  } else if (const auto* list = value.table()) {
    if (list->items.empty() || !list->fields.empty() || list->has_other_keys)
      check.add(here, "must be a field or a list of fields");
    for (std::size_t i = 0; i < list->items.size(); ++i)
      if (const auto field = read_field(check, here.item(i), list->items[i])) fields.push_back(*field);
  } else if (const auto field = read_field(check, here, value)) {
    fields.push_back(*field);
  }
  std::ranges::sort(fields);
  const auto repeated = std::ranges::adjacent_find(fields);
  if (repeated != fields.end()) check.add(here, "names " + std::string(to_string(*repeated)) + " twice");
  const bool is_indexed =
      std::ranges::count(fields, Field::user) + std::ranges::count(fields, Field::destination) > 0;
  if (!fields.empty() && !is_indexed)
    check.add(here,
              "must name \"user\" or \"destination\": history is kept by them, and anything else would be "
              "looked for in all of it");
  return fields;
}

void read_of(ScriptCheck& check, const ScriptPath& path, const ScriptTable& need, Feature& feature) {
  const auto& value = need.at("of");
  if (!takes_of(feature.what)) {
    if (!value.is_nil()) check.add(path.key("of"), "is for \"distinct\" and \"previous\" only");
  } else if (value.is_nil()) {
    check.add(path.key("of"), "is missing: which field's values, such as \"destination\"");
  } else if (const auto field = read_field(check, path.key("of"), value)) {
    feature.of = *field;
  }
}

void read_window(ScriptCheck& check, const ScriptPath& path, const ScriptTable& need, Feature& feature) {
  const auto& value = need.at("window");
  if (value.is_nil()) {
    feature.window.kind = Window::Kind::ever;
    if (!looks_at_earlier_only(feature.what))
      check.add(path.key("window"),
                "is missing: a span such as \"24h\" or \"7d\", or \"day\", \"week\", \"month\" or \"ever\"");
    return;
  }
  const auto window = parse_window(text_at(check, path, need, "window"));
  if (window)
    feature.window = *window;
  else if (value.text() != nullptr)
    check.add(path.key("window"), window.error().reason);
}

Feature read_feature(ScriptCheck& check, const ScriptPath& path, const ScriptTable& need) {
  check_keys(check, path, need, {"what", "by", "of", "window"});
  Feature feature;
  feature.by = read_by(check, path, need);
  const std::string word = text_at(check, path, need, "what");
  if (const auto what = parse_what(word)) {
    feature.what = *what;
    read_of(check, path, need, feature);
    read_window(check, path, need, feature);
  } else if (need.at("what").is_nil()) {
    check.add(
        path.key("what"),
        "is missing: \"count\", \"sum\", \"distinct\", \"previous\", \"since_previous\" or \"since_first\"");
  } else if (need.at("what").text() != nullptr) {
    check.add(path.key("what"), "'" + word +
                                    "' is not one of \"count\", \"sum\", \"distinct\", \"previous\", "
                                    "\"since_previous\", \"since_first\"" +
                                    nearest_hint(word, what_names()));
  }
  return feature;
}

bool is_identifier(std::string_view name) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !name.empty() && name.size() <= 64 && is_letter(name.front()) &&
         std::ranges::all_of(name, [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); });
}

std::vector<Need> read_needs(ScriptCheck& check, const ScriptTable& script) {
  std::vector<Need> needs;
  const auto* table = table_at(check, {}, script, "needs");
  if (table == nullptr) return needs;
  const auto here = ScriptPath{}.key("needs");
  if (!table->items.empty() || table->has_other_keys)
    check.add(here, "has an entry without a name: write NAME = { what = …, by = …, window = … }");
  if (table->fields.size() > kMaxNeeds)
    check.add(here, "has more than " + std::to_string(kMaxNeeds) + " entries");
  for (const auto& [name, value] : table->fields) {
    const auto path = here.key(presentable(name));
    if (!is_identifier(name))
      check.add(path, "is no name: letters, digits and '_', at most 64, the first not a digit");
    else if (value.table() == nullptr)
      check.add(path, "must be a table such as { what = \"count\", by = \"user\", window = \"24h\" }, not " +
                          value.kind());
    else
      needs.push_back({name, read_feature(check, path, *value.table())});
  }
  return needs;
}

// ---- tests

/// What the host would say of a payout before which there was nothing.
FeatureValue first_value(const Feature& feature, const PayoutFacts& payout) {
  if (std::ranges::any_of(feature.by, [&](Field field) { return field_of(payout, field).empty(); }))
    return std::monostate{};
  switch (feature.what) {
    case What::count:
      return std::int64_t{1};
    case What::distinct:
      return std::int64_t{field_of(payout, feature.of).empty() ? 0 : 1};
    case What::sum:
      return payout.money;
    default:
      return std::monostate{};
  }
}

FeatureValue read_sum(ScriptCheck& check, const ScriptPath& path, const ScriptValue& value,
                      const Money& money) {
  if (const auto* given = std::get_if<Money>(&value.value)) {
    if (given->currency == money.currency) return *given;
    check.add(path, "is in " + given->currency + ", the payout in " + money.currency);
    return money;
  }
  if (value.text() == nullptr) {
    check.add(path, "must be an amount as a text, such as \"500\", not " + value.kind());
    return money;
  }
  const auto parsed = Amount::parse(*value.text());
  if (!parsed) check.add(path, parsed.error().reason);
  return Money{parsed ? *parsed : Amount{}, money.currency};
}

FeatureValue read_history_value(ScriptCheck& check, const ScriptPath& path, const ScriptValue& value,
                                const Feature& feature, const PayoutFacts& payout) {
  if (value.is(false)) return std::monostate{};
  if (feature.what == What::sum) return read_sum(check, path, value, payout.money);
  if (feature.what == What::previous) {
    if (value.text() != nullptr) return *value.text();
    check.add(path, "must be a text (or false for none), not " + value.kind());
    return std::monostate{};
  }
  if (value.whole() != nullptr && *value.whole() >= 0) return *value.whole();
  check.add(path, "must be a whole number of at least 0 (or false for none), not " + value.shown());
  return std::monostate{};
}

std::vector<FeatureValue> read_history(ScriptCheck& check, const ScriptPath& path, const ScriptTable& test,
                                       const RuleForm& form, const PayoutFacts& payout) {
  std::vector<FeatureValue> history;
  std::vector<std::string> names;
  for (const auto& need : form.needs) {
    names.push_back(need.name);
    history.push_back(first_value(need.feature, payout));
  }
  const auto* table = table_at(check, path, test, "history");
  if (table == nullptr) return history;
  const auto here = path.key("history");
  check_keys(check, here, *table, names);
  for (std::size_t i = 0; i < names.size(); ++i)
    if (const auto& value = table->at(names[i]); !value.is_nil())
      history[i] = read_history_value(check, here.key(names[i]), value, form.needs[i].feature, payout);
  return history;
}

RuleTest read_test(ScriptCheck& check, const ScriptPath& path, const ScriptTable& script,
                   const ScriptTable& table, const RuleForm& form) {
  check_keys(check, path, table, {"name", "payout", "history", "tunables", "expect", "code"});
  RuleTest test;
  test.path = path;
  test.payout = read_test_payout(check, path, table, "provider");
  test.history = read_history(check, path, table, form, test.payout);
  test.has_tunables = check_test_tunables(check, path, script, table);
  const std::string expect = text_at(check, path, table, "expect");
  if (const auto verdict = parse_verdict(expect))
    test.expect = *verdict;
  else if (table.at("expect").is_nil() || table.at("expect").text() != nullptr)
    check.add(path.key("expect"),
              "must be \"allow\", \"flag\", \"hold\" or \"deny\"" + nearest_hint(expect, verdict_names()));
  test.code = text_at(check, path, table, "code");
  if (!test.code.empty() && test.expect == Verdict::allow)
    check.add(path.key("code"), "cannot be expected where the payout is allowed");
  return test;
}

}  // namespace

const std::vector<std::string>& verdict_names() {
  static const std::vector<std::string> kNames{"allow", "flag", "hold", "deny"};
  return kNames;
}

std::optional<Verdict> parse_verdict(std::string_view word) noexcept {
  for (const auto verdict : {Verdict::allow, Verdict::flag, Verdict::hold, Verdict::deny})
    if (to_string(verdict) == word) return verdict;
  return std::nullopt;
}

RuleForm read_rule_form(ScriptCheck& check, const ScriptValue& returned) {
  const ScriptTable& script = *returned.table();
  check_keys(check, {}, script, {"enabled", "tunables", "needs", "check", "tests"});
  RuleForm form;
  form.enabled = boolean_at(check, {}, script, "enabled").value_or(true);
  table_at(check, {}, script, "tunables");
  form.needs = read_needs(check, script);
  check_function(check, script, "check");
  for_each_test(check, script, [&](const ScriptPath& path, const ScriptTable& table) {
    form.tests.push_back(read_test(check, path, script, table, form));
  });
  // What is half read would fail for reasons that are said already.
  if (check.count() > 0) form.tests.clear();
  return form;
}

void for_each_test(ScriptCheck& check, const ScriptTable& script,
                   const std::function<void(const ScriptPath&, const ScriptTable&)>& read) {
  if (script.at("tests").is_nil()) {
    check.add(ScriptPath{}.key("tests"), "is missing: every script has at least one test");
    return;
  }
  const auto* tests = table_at(check, {}, script, "tests");
  if (tests == nullptr) return;
  const auto here = ScriptPath{}.key("tests");
  if (tests->items.empty() || !tests->fields.empty() || tests->has_other_keys) {
    check.add(here, "must be a list of at least one test");
    return;
  }
  if (tests->items.size() > kMaxTests)
    check.add(here, "has more than " + std::to_string(kMaxTests) + " tests");
  std::set<std::string> names;
  for (std::size_t i = 0; i < tests->items.size(); ++i) {
    const auto* test = tests->items[i].table();
    if (test == nullptr) {
      check.add(here.item(i), "must be a table, not " + tests->items[i].kind());
      continue;
    }
    const auto* name = test->at("name").text();
    if (name == nullptr || name->empty())
      check.add(here.item(i).key("name"), "is missing: a text that says what is tested");
    else if (!names.insert(*name).second)
      check.add(here.test(i, *name), "another test has the same name");
    read(here.test(i, name == nullptr ? "" : *name), *test);
  }
}

void run_each_test(ScriptCheck& check, std::size_t count, const std::function<bool(std::size_t)>& run) {
  const auto begin = thread_processor_time();
  for (std::size_t i = 0; i < count; ++i) {
    if (!run(i)) return;
    if (thread_processor_time() - begin < kTestsTime) continue;
    check.add(ScriptPath{}.key("tests"),
              "take more than " + std::to_string(kTestsTime.count()) + " ms all together");
    return;
  }
}

bool check_test_tunables(ScriptCheck& check, const ScriptPath& path, const ScriptTable& script,
                         const ScriptTable& test) {
  const auto* given = table_at(check, path, test, "tunables");
  if (given == nullptr) return false;
  const auto* tunables = script.at("tunables").table();
  if (tunables == nullptr) {
    check.add(path.key("tunables"), "lies over nothing: the script has no tunables");
    return false;
  }
  check_keys(check, path.key("tunables"), *given, tunables->keys());
  return true;
}

void check_function(ScriptCheck& check, const ScriptTable& script, const std::string& key) {
  const auto& value = script.at(key);
  if (value.is_nil())
    check.add(ScriptPath{}.key(key), "is missing: the function that is called");
  else if (value.function() == nullptr)
    check.add(ScriptPath{}.key(key), "must be a function, not " + value.kind());
}

}  // namespace payoutd::policy
