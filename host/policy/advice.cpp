#include "policy/advice.hpp"

#include <cmath>

#include "core/text.hpp"
#include "policy/lua_frozen.hpp"
#include "policy/lua_library.hpp"

namespace payoutd::policy {
namespace {

constexpr std::string_view kFolder = "backoff/";
constexpr std::string_view kDefault = "default";
constexpr std::string_view kNotification = "notification";  ///< the schedule of no provider
constexpr CallLimits kCallLimits;
constexpr std::chrono::milliseconds kShortestDelay{50};
constexpr std::chrono::milliseconds kLongestDelay{std::chrono::hours{7 * 24}};
constexpr double kTolerance = 1e-6;  ///< seconds: what a product of floats may be off
constexpr std::int64_t kMillion = 1'000'000;

const std::vector<std::string> kPurposes{"retry", "resend", "poll", "query", "notify"};

std::optional<Purpose> parse_purpose(std::string_view word) {
  for (const auto purpose : {Purpose::retry, Purpose::resend, Purpose::poll, Purpose::query, Purpose::notify})
    if (to_string(purpose) == word) return purpose;
  return std::nullopt;
}

std::string stem_of(const std::string& file) {
  return file.substr(kFolder.size(), file.size() - kFolder.size() - 4);
}

std::string shown_number(double number) {
  return ScriptValue{number}.shown();
}

void fill_attempt(lua_State* state, const BackoffQuestion& question) {
  const auto whole_seconds = [](std::chrono::milliseconds time) {
    return std::chrono::duration_cast<std::chrono::seconds>(time).count();
  };
  set_text(state, "provider", question.provider);
  set_text(state, "purpose", to_string(question.purpose));
  set_text(state, "code", question.code);
  lua_pushinteger(state, question.count);
  lua_setfield(state, -2, "count");
  lua_pushinteger(state, whole_seconds(question.in_state));
  lua_setfield(state, -2, "in_state");
  lua_pushinteger(state, whole_seconds(question.age));
  lua_setfield(state, -2, "age");
  lua_pushnumber(state, static_cast<double>(question.random_ppm) / static_cast<double>(kMillion));
  lua_setfield(state, -2, "random");
}

RouteChoice chosen(std::string provider) {
  RouteChoice choice;
  choice.provider = std::move(provider);
  return choice;
}

RouteChoice none_chosen(std::string reason) {
  RouteChoice choice;
  choice.reason = std::move(reason);
  return choice;
}

RouteChoice failed_choice(const std::string& error) {
  RouteChoice choice;
  choice.failed = true;
  choice.error = presentable(error);
  return choice;
}

void push_candidates(lua_State* state, std::span<const Candidate> candidates) {
  static const std::string kTitle = "an entry of providers";
  std::vector<const Candidate*> sorted;
  for (const auto& candidate : candidates) sorted.push_back(&candidate);
  std::ranges::sort(sorted, {}, [](const Candidate* candidate) { return std::string_view(candidate->name); });
  lua_createtable(state, static_cast<int>(sorted.size()), 0);
  lua_Integer next = 1;
  for (const auto* candidate : sorted) {
    lua_createtable(state, 0, 6);
    set_text(state, "name", candidate->name);
    set_text(state, "plugin", candidate->plugin);
    lua_pushboolean(state, candidate->ready);
    lua_setfield(state, -2, "ready");
    lua_pushboolean(state, candidate->paused);
    lua_setfield(state, -2, "paused");
    lua_pushinteger(state, candidate->failures_percent);
    lua_setfield(state, -2, "failures");
    lua_pushinteger(state, candidate->waiting);
    lua_setfield(state, -2, "waiting");
    make_strict(state, kTitle);
    push_frozen(state);
    lua_rawseti(state, -2, next++);
  }
  push_frozen(state);
}

}  // namespace

struct Advice::BackoffTest {
  ScriptPath path;
  BackoffQuestion question;
  std::size_t index = 0;
  bool has_tunables = false;
  std::variant<double, GiveUp, Review> expect = 0.0;
  double most = 0;  ///< where seconds are expected: between them and this

  std::string expected() const {
    if (std::holds_alternative<GiveUp>(expect)) return "give_up";
    if (std::holds_alternative<Review>(expect)) return "review";
    const double least = std::get<double>(expect);
    if (least == most) return shown_number(least);
    return "between " + shown_number(least) + " and " + shown_number(most);
  }
};

struct Advice::RouteTest {
  ScriptPath path;
  PayoutFacts payout;
  std::vector<Candidate> candidates;
  std::size_t index = 0;
  bool has_tunables = false;
  std::string expect;  ///< empty: none
};

namespace {

// ---- reading the tests of schedules

BackoffQuestion read_attempt(ScriptCheck& check, const ScriptPath& path, const ScriptTable& test,
                             const std::string& provider) {
  constexpr std::int64_t kMaxSeconds = std::int64_t{10} * 366 * 86'400;
  BackoffQuestion question;
  question.provider = provider;
  if (provider == kNotification) question.purpose = Purpose::notify;
  const auto* attempt = table_at(check, path, test, "attempt");
  if (attempt == nullptr) return question;
  const auto here = path.key("attempt");
  check_keys(check, here, *attempt, {"provider", "purpose", "count", "in_state", "age", "code", "random"});
  if (!attempt->at("provider").is_nil()) question.provider = text_at(check, here, *attempt, "provider");
  if (const auto& purpose = attempt->at("purpose"); !purpose.is_nil()) {
    const std::string word = text_at(check, here, *attempt, "purpose");
    if (const auto known = parse_purpose(word))
      question.purpose = *known;
    else if (purpose.text() != nullptr)
      check.add(here.key("purpose"), "must be \"retry\", \"resend\", \"poll\", \"query\" or \"notify\"" +
                                         nearest_hint(word, kPurposes));
  }
  question.count = static_cast<int>(whole_at(check, here, *attempt, "count", 1, kMillion).value_or(1));
  question.in_state =
      std::chrono::seconds{whole_at(check, here, *attempt, "in_state", 0, kMaxSeconds).value_or(0)};
  question.age = std::chrono::seconds{whole_at(check, here, *attempt, "age", 0, kMaxSeconds).value_or(0)};
  question.code = text_at(check, here, *attempt, "code");
  if (const auto& random = attempt->at("random"); !random.is_nil()) {
    const auto number = random.number();
    if (number && *number >= 0 && *number < 1)
      question.random_ppm =
          static_cast<int>(std::min<std::int64_t>(std::llround(*number * double{kMillion}), kMillion - 1));
    else
      check.add(here.key("random"), "must be a number of at least 0 and below 1");
  }
  return question;
}

/// Seconds (one number twice, or a span) or an end.
std::pair<std::variant<double, GiveUp, Review>, double> read_expected_delay(ScriptCheck& check,
                                                                            const ScriptPath& path,
                                                                            const ScriptTable& test) {
  const auto here = path.key("expect");
  const auto& value = test.at("expect");
  if (const auto number = value.number()) return {*number, *number};
  if (value.text() != nullptr && *value.text() == "give_up") return {GiveUp{}, 0};
  if (value.text() != nullptr && *value.text() == "review") return {Review{}, 0};
  if (const auto* span = value.table()) {
    check_keys(check, here, *span, {"min", "max"});
    const auto least = span->at("min").number();
    const auto most = span->at("max").number();
    if (least && most && *least <= *most) return {*least, *most};
  }
  check.add(here, "must be a number of seconds, { min = …, max = … }, \"give_up\" or \"review\"");
  return {0.0, 0};
}

// ---- reading the tests of routing

std::vector<Candidate> read_candidates(ScriptCheck& check, const ScriptPath& path, const ScriptTable& test) {
  std::vector<Candidate> candidates;
  const auto* list = table_at(check, path, test, "providers");
  if (list == nullptr) return candidates;
  const auto here = path.key("providers");
  if (!list->fields.empty() || list->has_other_keys) check.add(here, "must be a list of providers");
  for (std::size_t i = 0; i < list->items.size(); ++i) {
    const auto* entry = list->items[i].table();
    const auto at = here.item(i);
    if (entry == nullptr) {
      check.add(at, "must be a table, not " + list->items[i].kind());
      continue;
    }
    check_keys(check, at, *entry, {"name", "plugin", "ready", "paused", "failures", "waiting"});
    Candidate candidate;
    candidate.name = text_at(check, at, *entry, "name");
    if (candidate.name.empty()) check.add(at.key("name"), "is missing");
    candidate.plugin = entry->at("plugin").is_nil() ? candidate.name : text_at(check, at, *entry, "plugin");
    candidate.ready = boolean_at(check, at, *entry, "ready").value_or(true);
    candidate.paused = boolean_at(check, at, *entry, "paused").value_or(false);
    candidate.failures_percent =
        static_cast<int>(whole_at(check, at, *entry, "failures", 0, 100).value_or(0));
    candidate.waiting = whole_at(check, at, *entry, "waiting", 0, std::int64_t{1} << 40).value_or(0);
    candidates.push_back(std::move(candidate));
  }
  return candidates;
}

std::string read_expected_route(ScriptCheck& check, const ScriptPath& path, const ScriptTable& test) {
  const auto& value = test.at("expect");
  if (value.is(false)) return {};
  if (value.text() != nullptr && !value.text()->empty()) return *value.text();
  check.add(path.key("expect"), "must be a provider's name, or false for none");
  return {};
}

}  // namespace

// ---- loading

Advice::Advice(const ScriptFiles& files, std::vector<ScriptProblem>& problems) {
  const auto problem = state_.sandbox().protect(kHostLimits, [&](lua_State* state) {
    payout_.open(state);
    attempt_.open(state, "attempt", {"provider", "purpose", "count", "in_state", "age", "code", "random"});
  });
  if (problem) throw std::runtime_error(problem->text());
  // The screening's state has loaded the same libraries and told of their problems.
  std::vector<ScriptProblem> told;
  state_.load_libraries(files, told);
  for (const auto& [file, source] : files.files) {
    if (file.starts_with(kFolder)) load_backoff(file, source, problems);
    if (file == "routing.lua") load_routing(source, problems);
  }
  state_.sandbox().collect_all();
}

void Advice::load_backoff(const std::string& file, const std::string& source,
                          std::vector<ScriptProblem>& problems) {
  ScriptCheck check(file, source, problems);
  auto loaded = state_.load(source, check);
  if (!loaded) return;
  const ScriptValue returned = std::exchange(loaded->value, {});
  const ScriptTable& table = *returned.table();
  check_keys(check, {}, table, {"tunables", "next", "tests"});
  table_at(check, {}, table, "tunables");
  check_function(check, table, "next");
  std::vector<BackoffTest> tests;
  const std::string provider = stem_of(file) == kDefault ? "provider" : stem_of(file);
  for_each_test(check, table, [&](const ScriptPath& path, const ScriptTable& test) {
    check_keys(check, path, test, {"name", "attempt", "tunables", "expect"});
    BackoffTest read;
    read.path = path;
    read.index = tests.size();
    read.question = read_attempt(check, path, test, provider);
    read.has_tunables = check_test_tunables(check, path, table, test);
    std::tie(read.expect, read.most) = read_expected_delay(check, path, test);
    tests.push_back(std::move(read));
  });
  if (check.count() > 0) return;
  Script script{*std::move(loaded), LUA_NOREF};
  script.function = state_.take_function(script.loaded, "next");
  run_each_test(check, tests.size(),
                [&](std::size_t index) { return run_test(script, tests[index], check); });
  backoff_.emplace(stem_of(file), std::move(script));
}

void Advice::load_routing(const std::string& source, std::vector<ScriptProblem>& problems) {
  static const std::string kFile = "routing.lua";
  ScriptCheck check(kFile, source, problems);
  auto loaded = state_.load(source, check);
  if (!loaded) return;
  const ScriptValue returned = std::exchange(loaded->value, {});
  const ScriptTable& table = *returned.table();
  check_keys(check, {}, table, {"tunables", "choose", "tests"});
  table_at(check, {}, table, "tunables");
  check_function(check, table, "choose");
  std::vector<RouteTest> tests;
  for_each_test(check, table, [&](const ScriptPath& path, const ScriptTable& test) {
    check_keys(check, path, test, {"name", "payout", "providers", "tunables", "expect"});
    RouteTest read;
    read.path = path;
    read.index = tests.size();
    read.payout = read_test_payout(check, path, test, "");
    read.candidates = read_candidates(check, path, test);
    read.has_tunables = check_test_tunables(check, path, table, test);
    read.expect = read_expected_route(check, path, test);
    tests.push_back(std::move(read));
  });
  if (check.count() > 0) return;
  routing_ = std::make_unique<Script>(Script{*std::move(loaded), LUA_NOREF});
  routing_->function = state_.take_function(routing_->loaded, "choose");
  run_each_test(check, tests.size(), [&](std::size_t index) { return run_test(tests[index], check); });
}

// ---- calling

/// Looks after what the script may have left behind, as every call's last step.
std::optional<ScriptProblem> Advice::settle(const Script& script) {
  auto changed = state_.restore(script.loaded);
  auto leak = state_.restore_libraries();
  state_.sandbox().collect_some();
  return changed ? changed : leak;
}

std::optional<ScriptProblem> Advice::call(const Script& script, int arguments, int results) {
  auto problem = state_.sandbox().call(arguments, results, kCallLimits);
  auto changed = settle(script);
  if (!problem && changed) {
    lua_pop(state_.lua(), results);
    problem = std::move(changed);
  }
  if (problem && problem->file.empty()) problem->file = script.loaded.file;
  return problem;
}

Advice::Delay Advice::ask(const Script& script, const BackoffQuestion& question) {
  lua_State* state = state_.lua();
  auto problem = state_.sandbox().protect(kHostLimits, [&](lua_State* filled) {
    attempt_.push_contents(filled);
    fill_attempt(filled, question);
  });
  if (problem) return {0.0, std::move(problem)};
  lua_rawgeti(state, LUA_REGISTRYINDEX, script.function);
  attempt_.push(state);
  problem = call(script, 1, 1);
  if (problem) return {0.0, std::move(problem)};
  auto delay = read_delay();
  if (delay.problem) delay.problem->file = script.loaded.file;
  lua_pop(state, 1);
  return delay;
}

Advice::Delay Advice::read_delay() {
  lua_State* state = state_.lua();
  static const std::string kWanted = ", not a number of seconds, \"give_up\" or \"review\"";
  const auto refuse = [](const std::string& reason) {
    return Delay{0.0, ScriptProblem{"", 0, presentable(reason)}};
  };
  if (lua_type(state, -1) == LUA_TSTRING) {
    const std::string word = lua_tostring(state, -1);
    if (word == "give_up") return {GiveUp{}, std::nullopt};
    if (word == "review") return {Review{}, std::nullopt};
    return refuse("next() returned '" + word.substr(0, 40) + "'" + kWanted +
                  nearest_hint(word, {"give_up", "review"}));
  }
  if (lua_type(state, -1) != LUA_TNUMBER)
    return refuse(std::string("next() returned a ") + luaL_typename(state, -1) + kWanted);
  const double seconds = lua_tonumber(state, -1);
  if (!std::isfinite(seconds)) return refuse("next() returned a number that is not finite");
  if (seconds < 0)
    return refuse("next() returned " + shown_number(seconds) + ", a negative number of seconds");
  return {seconds, std::nullopt};
}

BackoffChoice Advice::backoff(const BackoffQuestion& question) {
  // Notifications have a schedule of their own or the built-in one, never a provider's.
  const bool notifies = question.purpose == Purpose::notify;
  auto found = backoff_.find(notifies ? kNotification : std::string_view(question.provider));
  const bool is_none = found == backoff_.end() || found->first == kNotification;
  if (!notifies && is_none) found = backoff_.find(kDefault);
  const auto begin = std::chrono::steady_clock::now();
  BackoffChoice choice;
  if (found == backoff_.end()) return choice;
  choice.script = found->second.loaded.file;
  auto delay = ask(found->second, question);
  if (delay.problem) {
    choice.failed = true;
    choice.error = presentable(delay.problem->text());
  } else if (const auto* seconds = std::get_if<double>(&delay.value)) {
    const double most = std::chrono::duration<double>(kLongestDelay).count();
    const auto wanted = std::chrono::milliseconds{std::llround(std::min(*seconds, most) * 1000)};
    choice.answer = std::max(wanted, kShortestDelay);
  } else if (std::holds_alternative<GiveUp>(delay.value)) {
    choice.answer = GiveUp{};
  } else {
    choice.answer = Review{};
  }
  choice.cost = std::chrono::steady_clock::now() - begin;
  return choice;
}

RouteChoice Advice::choose(const PayoutFacts& payout, std::span<const Candidate> candidates) {
  if (!routing_) return {};
  const auto begin = std::chrono::steady_clock::now();
  bool limited = false;
  auto choice = route(payout, candidates, limited);
  choice.cost = std::chrono::steady_clock::now() - begin;
  return choice;
}

RouteChoice Advice::route(const PayoutFacts& payout, std::span<const Candidate> candidates, bool& limited) {
  lua_State* state = state_.lua();
  int list = LUA_NOREF;
  auto problem = state_.sandbox().protect(kHostLimits, [&](lua_State* filled) {
    payout_.fill(filled, payout);
    push_candidates(filled, candidates);
    list = luaL_ref(filled, LUA_REGISTRYINDEX);
  });
  if (!problem) {
    lua_rawgeti(state, LUA_REGISTRYINDEX, routing_->function);
    payout_.push(state);
    lua_rawgeti(state, LUA_REGISTRYINDEX, list);
    luaL_unref(state, LUA_REGISTRYINDEX, list);
    problem = call(*routing_, 2, 2);
  }
  limited = is_limit(problem);
  if (problem) return failed_choice(problem->text());
  auto choice = read_route(candidates);
  lua_pop(state, 2);
  return choice;
}

RouteChoice Advice::read_route(std::span<const Candidate> candidates) {
  lua_State* state = state_.lua();
  const auto refuse = [&](const std::string& reason) {
    return failed_choice(routing_->loaded.file + ": " + reason);
  };
  if (lua_type(state, -2) == LUA_TSTRING) {
    const std::string name = lua_tostring(state, -2);
    std::vector<std::string> names;
    for (const auto& candidate : candidates) names.push_back(candidate.name);
    if (std::ranges::find(names, name) != names.end()) return chosen(name);
    return refuse("choose() returned '" + name.substr(0, 60) + "', which is none of the providers" +
                  nearest_hint(name, names));
  }
  if (!lua_isnil(state, -2))
    return refuse(std::string("choose() returned a ") + luaL_typename(state, -2) +
                  ", not a provider's name or nil");
  if (lua_isnil(state, -1)) return none_chosen("no provider was chosen");
  if (lua_type(state, -1) != LUA_TSTRING)
    return refuse(std::string("choose() returned a ") + luaL_typename(state, -1) +
                  " where its reason belongs");
  std::size_t length = 0;
  const char* text = lua_tolstring(state, -1, &length);
  return none_chosen(presentable({text, length}));
}

// ---- tests

bool Advice::run_test(const Script& script, const BackoffTest& test, ScriptCheck& check) {
  ++tests_run_;
  auto problem = test.has_tunables ? state_.overlay(script.loaded, test.index) : std::nullopt;
  auto delay = problem ? Delay{0.0, std::move(problem)} : ask(script, test.question);
  if (test.has_tunables) state_.end_overlay(script.loaded);
  const std::string expected = "expected " + test.expected() + ", but ";
  if (delay.problem) {
    check.add(test.path, expected + "the schedule failed: " + delay.problem->text());
    return !is_limit(delay.problem);
  }
  const auto* seconds = std::get_if<double>(&delay.value);
  const auto* least = std::get_if<double>(&test.expect);
  if (seconds == nullptr || least == nullptr) {
    if (delay.value.index() == test.expect.index()) return true;
    check.add(test.path, expected + "got " +
                             (seconds != nullptr                            ? shown_number(*seconds)
                              : std::holds_alternative<GiveUp>(delay.value) ? "give_up"
                                                                            : "review"));
  } else if (*seconds < *least - kTolerance || *seconds > test.most + kTolerance) {
    check.add(test.path, expected + "got " + shown_number(*seconds));
  }
  return true;
}

bool Advice::run_test(const RouteTest& test, ScriptCheck& check) {
  ++tests_run_;
  auto problem = test.has_tunables ? state_.overlay(routing_->loaded, test.index) : std::nullopt;
  bool limited = false;
  auto choice = problem ? failed_choice(problem->text()) : route(test.payout, test.candidates, limited);
  if (test.has_tunables) state_.end_overlay(routing_->loaded);
  const auto shown = [](const std::string& name) { return name.empty() ? "none" : name; };
  const std::string expected = "expected " + shown(test.expect) + ", but ";
  if (choice.failed)
    check.add(test.path, expected + "the routing failed: " + choice.error);
  else if (choice.provider != test.expect)
    check.add(test.path, expected + "got " + shown(choice.provider) +
                             (choice.provider.empty() ? ": " + choice.reason : std::string{}));
  return !limited;
}

}  // namespace payoutd::policy
