// What judging by scripts costs, beside the same rules in plain Lua: a state with all of Lua's libraries, no
// limits, no frozen tables, amounts as floats. Rounds of both sides alternate; each figure is the median of
// its rounds.
#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <lua.hpp>
#include <string>
#include <vector>

#include "policy/bundle.hpp"

using namespace payoutd;
using namespace payoutd::policy;

namespace {

constexpr int kRounds = 31;
constexpr int kPayouts = 10'000;  ///< in a round

/// One rule of the kind that operators write: two questions to the past, tunables, limits of a user's own.
std::string rule_source(int n, bool plain) {
  const std::string limit = plain ? "10000000" : "money('10000000', payout.currency)";
  return "local rule = {\n  tunables = { max = " + std::to_string(100 + n) +
         ", users = { vip = 500 }, regions = { TG = true, GH = true } },\n"
         "  needs = { count = { what = 'count', by = 'user', window = '" +
         std::to_string(24 + n) + "h' }, sum = { what = 'sum', by = 'user', window = 'month' } },\n}\n" +
         "function rule.check(payout, history)\n"
         "  if payout.user == nil then return 'allow' end\n"
         "  local tunables = rule.tunables\n"
         "  local max = tunables.users[payout.user] or tunables.max\n"
         "  if history.count > max then return 'hold', 'velocity_count', 'more than ' .. max end\n"
         "  if history.sum + payout.amount > " +
         limit +
         " then return 'hold', 'velocity_sum' end\n"
         "  if not tunables.regions[payout.region] then return 'flag', 'region', payout.region end\n"
         "  return 'allow'\nend\n"
         "rule.tests = { { name = 'usual', payout = { user = 'u', region = 'TG' }, expect = 'allow' },\n"
         "  { name = 'many', payout = { user = 'u', region = 'TG' }, history = { count = 1000 }, expect = "
         "'hold' } }\n"
         "return rule\n";
}

ScriptFiles files_with(int rules) {
  ScriptFiles files;
  for (int n = 0; n < rules; ++n)
    files.files["abuse/rule_" + std::to_string(100 + n) + ".lua"] = rule_source(n, false);
  return files;
}

PayoutFacts facts(int n) {
  PayoutFacts facts;
  facts.id = "0e1c0000-0000-4000-8000-" + std::to_string(100'000'000'000 + n);
  facts.client = "shop";
  facts.provider = "momo";
  facts.money = {Amount::from_units((100 + n % 1'000) * Amount::kUnitsPerOne), "XOF"};
  facts.destination = "228901" + std::to_string(10'000 + n % 80'000);
  facts.user = "user-" + std::to_string(n % 5'000);
  facts.region = "TG";
  facts.batch = "batch-7";
  facts.metadata = R"({"order":"A-17"})";
  facts.at_s = 1'767'225'600 + n;
  facts.age_s = 1;
  return facts;
}

/// As the host has them from its one query.
std::vector<FeatureValue> values_for(const Bundle& bundle, int n) {
  std::vector<FeatureValue> values;
  for (const auto& feature : bundle.features()) {
    if (feature.what == Feature::What::sum)
      values.emplace_back(Money{Amount::from_units((n % 1'000) * Amount::kUnitsPerOne), "XOF"});
    else
      values.emplace_back(std::int64_t{n % 90});
  }
  return values;
}

/// What is kept of a decision.
std::string decision_of(const Bundle& bundle, const PayoutFacts& payout,
                        const std::vector<FeatureValue>& values, const Judgement& judgement) {
  boost::json::object record{{"payout", payout.id},     {"verdict", to_string(judgement.verdict)},
                             {"rule", judgement.rule},  {"reason", judgement.reason},
                             {"bundle", bundle.hash()}, {"cost_ns", judgement.cost.count()}};
  boost::json::array inputs;
  for (const auto& value : values) {
    if (const auto* money = std::get_if<Money>(&value))
      inputs.emplace_back(money->amount.to_string());
    else if (const auto* whole = std::get_if<std::int64_t>(&value))
      inputs.emplace_back(*whole);
    else
      inputs.emplace_back(nullptr);
  }
  record["inputs"] = std::move(inputs);
  return boost::json::serialize(record);
}

/// The same rules without a sandbox: one reused table for payouts, one for history.
class PlainLua {
 public:
  explicit PlainLua(int rules) : state_(luaL_newstate()) {
    luaL_openlibs(state_);
    for (int n = 0; n < rules; ++n) {
      if (luaL_dostring(state_, rule_source(n, true).c_str()) != LUA_OK)
        throw std::runtime_error(lua_tostring(state_, -1));
      lua_getfield(state_, -1, "check");
      checks_.push_back(luaL_ref(state_, LUA_REGISTRYINDEX));
      lua_pop(state_, 1);
    }
    lua_newtable(state_);
    lua_newtable(state_);
  }
  ~PlainLua() { lua_close(state_); }
  PlainLua(const PlainLua&) = delete;
  PlainLua& operator=(const PlainLua&) = delete;

  int judge(const PayoutFacts& payout, double count, double sum) {
    text("id", payout.id), text("client", payout.client), text("provider", payout.provider);
    text("currency", payout.money.currency), text("destination", payout.destination),
        text("user", payout.user);
    text("region", payout.region), text("batch", payout.batch);
    number(1, "amount", static_cast<double>(payout.money.amount.units()) / 1e8);
    number(1, "at", static_cast<double>(payout.at_s)), number(1, "age", static_cast<double>(payout.age_s));
    int held = 0;
    for (const int check : checks_) {
      number(2, "count", count), number(2, "sum", sum);
      lua_rawgeti(state_, LUA_REGISTRYINDEX, check);
      lua_pushvalue(state_, 1);
      lua_pushvalue(state_, 2);
      if (lua_pcall(state_, 2, 3, 0) != LUA_OK) throw std::runtime_error(lua_tostring(state_, -1));
      if (std::string_view(lua_tostring(state_, -3)) != "allow") ++held;
      lua_pop(state_, 3);
    }
    return held;
  }

 private:
  void text(const char* field, const std::string& value) {
    lua_pushlstring(state_, value.data(), value.size());
    lua_setfield(state_, 1, field);
  }
  void number(int table, const char* field, double value) {
    lua_pushnumber(state_, value);
    lua_setfield(state_, table, field);
  }
  lua_State* state_;
  std::vector<int> checks_;
};

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

/// Of this thread's processor time: waiting for a core that others use does not count.
template <class Work>
double microseconds(Work&& work) {
  const auto now = [] {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
  };
  const double begin = now();
  work();
  return now() - begin;
}

void print(const char* what, const std::vector<double>& ours, const std::vector<double>& theirs,
           double goal_us) {
  const double us = median(ours);
  std::printf(
      "%-48s %8.2f us (least %8.2f)   plain Lua %7.2f us (least %7.2f)   %.1f times   goal %.0f us: %s\n",
      what, us, std::ranges::min(ours), median(theirs), std::ranges::min(theirs), us / median(theirs),
      goal_us, us < goal_us ? "met" : "MISSED");
}

/// A payout through `rules` rules, with the record of the decision if wanted.
void measure_judging(const char* what, int rules, bool with_decision, double goal_us) {
  const auto bundle = Bundle::build(files_with(rules));
  PlainLua plain(rules);
  std::vector<PayoutFacts> payouts;
  std::vector<std::vector<FeatureValue>> values;
  for (int n = 0; n < kPayouts; ++n) {
    payouts.push_back(facts(n));
    values.push_back(values_for(*bundle, n));
  }
  std::vector<double> ours;
  std::vector<double> theirs;
  std::size_t bytes = 0;
  int held = 0;
  for (int round = 0; round <= kRounds; ++round) {
    const double us = microseconds([&] {
      for (std::size_t n = 0; n < payouts.size(); ++n) {
        const auto judgement = bundle->judge(payouts[n], values[n]);
        if (with_decision) bytes += decision_of(*bundle, payouts[n], values[n], judgement).size();
        held += judgement.verdict != Verdict::allow;
      }
    });
    const double plain_us = microseconds([&] {
      for (std::size_t n = 0; n < payouts.size(); ++n) held += plain.judge(payouts[n], 5, 100);
    });
    if (round == 0) continue;  // warms up
    ours.push_back(us / kPayouts);
    theirs.push_back(plain_us / kPayouts);
  }
  if (held != 0) std::printf("%d verdicts were not as meant\n", held);
  print(what, ours, theirs, goal_us);
}

/// The time of each single call, not the mean of many.
void measure_single_calls() {
  const auto bundle = Bundle::build(files_with(1));
  std::vector<double> samples;
  for (int n = 0; n < 200'000; ++n) {
    const auto payout = facts(n);
    const auto values = values_for(*bundle, n);
    samples.push_back(static_cast<double>(bundle->judge(payout, values).cost.count()) / 1e3);
  }
  std::ranges::sort(samples);
  const auto at = [&](double part) {
    return samples[static_cast<std::size_t>(part * static_cast<double>(samples.size() - 1))];
  };
  std::printf("%-52s %8.2f us   p99 %.2f us   p99.99 %.2f us   largest %.2f us\n",
              "one rule, single calls: median", at(0.5), at(0.99), at(0.9999), at(1));
}

void measure_reload() {
  const auto files = files_with(50);
  std::vector<double> ours;
  std::vector<double> theirs;
  for (int round = 0; round < kRounds; ++round) {
    ours.push_back(microseconds([&] { Bundle::build(files); }));
    theirs.push_back(microseconds([&] { PlainLua plain(50); }));
  }
  print("reload of fifty rules, with their hundred tests", ours, theirs, 200'000);
}

}  // namespace

int main() {
  measure_judging("one rule, a payout", 1, false, 3);
  measure_judging("ten rules, a payout", 10, false, 10);
  measure_judging("ten rules, a payout and its decision record", 10, true, 10);
  measure_single_calls();
  measure_reload();
}
