#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <thread>

#include "support.hpp"

using namespace payoutd;
using namespace payoutd::policy;
using namespace payoutd::policy::test;
using Catch::Contains;

namespace {

const std::string kVelocity = R"(
local rule = {
  tunables = { max = 3, users = {} },
  needs = {
    count_24h = { what = "count", by = "user", window = "24h" },
    sum_month = { what = "sum", by = { "user", "client" }, window = "month" },
    last_region = { what = "previous", of = "region", by = "user" },
  },
}
local tunables = rule.tunables
function rule.check(payout, history)
  if history.count_24h == nil then return "allow" end
  local max = rule.tunables.users[payout.user] or tunables.max
  if history.count_24h > max then return "hold", "velocity_count", history.count_24h .. " in a day" end
  if history.sum_month > money("10000", payout.currency) then return "deny", "velocity_sum", tostring(history.sum_month) end
  if history.last_region ~= nil and history.last_region ~= payout.region then return "flag", "moved", history.last_region end
  return "allow"
end
rule.tests = {
  { name = "a first payout", payout = { user = "u" }, expect = "allow" },
  { name = "no user", expect = "allow" },
  { name = "too many", payout = { user = "u" }, history = { count_24h = 4 }, expect = "hold", code = "velocity_count" },
  { name = "a lower limit", payout = { user = "u" }, history = { count_24h = 3 }, tunables = { max = 2 }, expect = "hold" },
  { name = "the limit is back", payout = { user = "u" }, history = { count_24h = 3 }, expect = "allow" },
  { name = "a user's own", payout = { user = "u" }, history = { count_24h = 3 }, tunables = { users = { u = 1 } }, expect = "hold" },
  { name = "a large sum", payout = { user = "u" }, history = { sum_month = "10000.01" }, expect = "deny", code = "velocity_sum" },
  { name = "moved", payout = { user = "u", region = "TG" }, history = { last_region = "GH" }, expect = "flag" },
  { name = "nothing before", payout = { user = "u" }, history = { last_region = false }, expect = "allow" },
}
return rule
)";

std::vector<FeatureValue> values_for(const Bundle& bundle, std::int64_t count, const std::string& sum,
                                     FeatureValue region) {
  std::vector<FeatureValue> values;
  for (const auto& feature : bundle.features()) {
    if (feature.what == Feature::What::count) values.emplace_back(count);
    if (feature.what == Feature::What::sum) values.emplace_back(Money{Amount::parse(sum).value(), "XOF"});
    if (feature.what == Feature::What::previous) values.push_back(region);
  }
  return values;
}

std::string says(const std::string& verdict) {
  return "return { check = function() return " + verdict +
         " end, tests = { { name = 'x', expect = " + verdict.substr(0, verdict.find(',')) + " } } }";
}

}  // namespace

TEST_CASE("a rule is told what it needs to know of the past", "[bundle]") {
  const auto bundle = build({{"abuse/velocity.lua", kVelocity}});
  CHECK(bundle->tests_run() == 9);
  CHECK(bundle->rules() == std::vector<std::string>{"velocity"});
  REQUIRE(bundle->features().size() == 3);
  CHECK(std::ranges::is_sorted(bundle->features()));
  const Feature count{Feature::What::count,
                      {Field::user},
                      Field::destination,
                      {Window::Kind::sliding, std::chrono::hours(24)}};
  CHECK(std::ranges::count(bundle->features(), count) == 1);
  CHECK(shown(bundle->judge(facts(), values_for(*bundle, 3, "2500", std::monostate{}))) == "allow");
  CHECK(shown(bundle->judge(facts(), values_for(*bundle, 4, "2500", std::monostate{}))) ==
        "hold velocity_count: 4 in a day");
  CHECK(shown(bundle->judge(facts(), values_for(*bundle, 1, "10000.00000001", std::monostate{}))) ==
        "deny velocity_sum: 10000.00000001 XOF");
  CHECK(shown(bundle->judge(facts(), values_for(*bundle, 1, "1", std::string("GH")))) == "flag moved: GH");
  // What was there before is gone.
  CHECK(shown(bundle->judge(facts(), values_for(*bundle, 1, "1", std::monostate{}))) == "allow");
  CHECK(shown(bundle->judge(facts(), std::vector<FeatureValue>(3))) == "allow");
}

TEST_CASE("what several rules need is asked once", "[bundle]") {
  const auto rule = [](const std::string& window) {
    return "return { needs = { n = { what = 'count', by = 'user', window = '" + window +
           "' } }, check = function(p, h) if h.n == 7 then return 'hold', 'seven' end return 'allow' end, "
           "tests = { { name = 'x', expect = 'allow' } } }";
  };
  const auto bundle =
      build({{"abuse/a.lua", rule("24h")}, {"abuse/b.lua", rule("1d")}, {"abuse/c.lua", rule("day")}});
  REQUIRE(bundle->features().size() == 2);
  const auto judgement = bundle->judge(facts(), std::vector<FeatureValue>{std::int64_t{7}, std::int64_t{1}});
  CHECK(judgement.results.size() == 2);
  CHECK(judgement.rule == "a");
}

TEST_CASE("the strictest verdict wins, of equals the first by name", "[bundle]") {
  const auto bundle = build({{"abuse/a.lua", says("'flag', 'fa'")},
                             {"abuse/b.lua", says("'hold', 'hb', 'b says'")},
                             {"abuse/c.lua", says("'allow'")},
                             {"abuse/d.lua", says("'hold', 'hd'")}});
  const auto judgement = bundle->judge(facts(), {});
  CHECK(shown(judgement) == "hold hb: b says");
  CHECK(judgement.rule == "b");
  REQUIRE(judgement.results.size() == 3);
  CHECK(judgement.results[0].rule == "a");
  CHECK(judgement.results[2].reason == "hd");
  CHECK(judgement.cost.count() > 0);
  CHECK(shown(build({{"abuse/a.lua", says("'hold', 'h'")}, {"abuse/b.lua", says("'deny', 'd'")}})
                  ->judge(facts(), {})) == "deny d");
  CHECK(shown(build({})->judge(facts(), {})) == "allow");
}

TEST_CASE("a rule that fails holds the payout, and does not keep the others from judging", "[bundle]") {
  const auto bundle =
      build({{"abuse/a.lua", rule_doing("error('broken')")}, {"abuse/b.lua", says("'flag', 'f'")}});
  const auto judgement = bundle->judge(facts(), {});
  CHECK(shown(judgement) == "hold rule_failed: abuse/a.lua:5: broken");
  CHECK(judgement.results.size() == 2);
  CHECK(judgement.results[0].failed);
  CHECK_FALSE(judgement.results[1].failed);
  const auto strict =
      build({{"abuse/a.lua", rule_doing("error('broken')")}, {"abuse/b.lua", says("'deny', 'd'")}});
  CHECK(shown(strict->judge(facts(), {})) == "deny d");
}

TEST_CASE("a rule that is not enabled is tested and not asked", "[bundle]") {
  const std::string off =
      "return { enabled = false, needs = { n = { what = 'count', by = 'user', window = '1h' } }, "
      "check = function() return 'deny', 'd' end, tests = { { name = 'x', expect = 'deny' } } }";
  const auto bundle = build({{"abuse/off.lua", off}});
  CHECK(bundle->rules().empty());
  CHECK(bundle->features().empty());
  CHECK(bundle->tests_run() == 1);
  CHECK(shown(bundle->judge(facts(), {})) == "allow");
}

TEST_CASE("libraries are there for every script", "[bundle]") {
  const auto bundle = build(
      {{"lib/b_second.lua",
        "return { six = lib.a_first.three * 2, f = function(x) return x + lib.a_first.three end }"},
       {"lib/a_first.lua", "return { three = 3 }"},
       {"abuse/one.lua", rule_doing("return 'flag', 'v', lib.b_second.six .. '/' .. lib.b_second.f(1)")},
       {"backoff/default.lua",
        "return { next = function() return lib.b_second.six end, tests = { { name = 'six', expect = 6 } } "
        "}"}});
  CHECK(shown(bundle->judge(facts(), {})) == "flag v: 6/4");
  CHECK_THAT(problems_of({{"lib/a.lua", "return { f = function() return lib.a end, x = lib.b }"}}),
             Contains("lib/a.lua:1: lib has no 'b'"));
  CHECK_THAT(problems_of({{"lib/a.lua", "return { f = function() end }"},
                          {"abuse/one.lua", "lib.a.f = nil return {}"}}),
             Contains("'f' cannot be set: this table is read-only"));
}

TEST_CASE("schedules are found by provider, then by default", "[bundle]") {
  const auto schedule = [](const std::string& body, const std::string& expect) {
    return "return { tunables = { first = 2 }, next = function(attempt) " + body +
           " end, tests = { { name = 'x', expect = " + expect + " } } }";
  };
  const auto bundle =
      build({{"backoff/momo.lua", schedule("return attempt.count * 1.5", "1.5")},
             {"backoff/default.lua", schedule("if attempt.purpose == 'retry' then return 'give_up' end "
                                              "if attempt.age > 100 then return 'review' end "
                                              "if attempt.code == 'BUSY' then return 1e300 end "
                                              "if attempt.provider == 'fail' then error('no') end "
                                              "return attempt.random + attempt.in_state",
                                              "'give_up'")}});
  BackoffQuestion question;
  question.provider = "momo";
  question.count = 3;
  auto choice = bundle->backoff(question);
  CHECK(choice.script == "backoff/momo.lua");
  CHECK(std::get<std::chrono::milliseconds>(choice.answer).count() == 4500);
  question.provider = "flooz";
  CHECK(std::holds_alternative<GiveUp>(bundle->backoff(question).answer));
  CHECK(bundle->backoff(question).script == "backoff/default.lua");
  question.purpose = Purpose::query;
  question.age = std::chrono::seconds(101);
  CHECK(std::holds_alternative<Review>(bundle->backoff(question).answer));
  question.age = std::chrono::seconds(0);
  question.random_ppm = 250'000;
  CHECK(std::get<std::chrono::milliseconds>(bundle->backoff(question).answer).count() == 250);
  question.random_ppm = 0;
  CHECK(std::get<std::chrono::milliseconds>(bundle->backoff(question).answer).count() ==
        50);  // never at once
  question.in_state = std::chrono::milliseconds(7'999);
  CHECK(std::get<std::chrono::milliseconds>(bundle->backoff(question).answer).count() == 7'000);
  question.code = "BUSY";
  CHECK(std::get<std::chrono::milliseconds>(bundle->backoff(question).answer) == std::chrono::hours(7 * 24));
  question.code = "";
  question.provider = "fail";
  choice = bundle->backoff(question);
  CHECK(choice.failed);
  CHECK(choice.error == "backoff/default.lua:1: no");
  CHECK(build({})->backoff(question).script.empty());
  CHECK_FALSE(build({})->backoff(question).failed);
}

TEST_CASE("a test's tunables lie over a schedule's", "[bundle]") {
  CHECK(problems_of({{"backoff/default.lua",
                      "local s = { tunables = { first = 2, list = { 1 } } }\nfunction s.next() return "
                      "s.tunables.first + s.tunables.list[1] end\n"
                      "s.tests = { { name = 'mine', tunables = { first = 10 }, expect = 11 }, { name = "
                      "'given', expect = 3 }, "
                      "{ name = 'list', tunables = { list = { 5 } }, expect = 7 } }\nreturn s"}}) == "");
}

TEST_CASE("routing chooses among the candidates", "[bundle]") {
  const auto bundle = build({{"routing.lua", R"(
local routing = {}
function routing.choose(payout, providers)
  local best
  for _, provider in ipairs(providers) do
    if provider.ready and not provider.paused and (best == nil or provider.failures < best.failures) then best = provider end
  end
  if payout.user == "odd" then return "elsewhere" end
  if best == nil then return nil, "none of " .. #providers .. " is ready" end
  return best.name
end
routing.tests = { { name = "one", providers = { { name = "a" } }, expect = "a" }, { name = "none", expect = false } }
return routing
)"}});
  CHECK(bundle->routes());
  auto payout = facts();
  payout.provider = "";
  std::vector<Candidate> candidates{{"tmoney", "tmoney", true, false, 5, 10},
                                    {"flooz", "flooz", true, false, 5, 0},
                                    {"momo", "momo", true, true, 0, 0}};
  auto choice = bundle->choose(payout, candidates);
  CHECK(choice.provider == "flooz");  // sorted by name: the first of equals
  CHECK(choice.bundle == bundle->hash());
  CHECK_FALSE(choice.failed);
  candidates.clear();
  choice = bundle->choose(payout, candidates);
  CHECK(choice.provider.empty());
  CHECK(choice.reason == "none of 0 is ready");
  payout.user = "odd";
  choice = bundle->choose(payout, candidates);
  CHECK(choice.failed);
  CHECK(choice.error == "routing.lua: choose() returned 'elsewhere', which is none of the providers");
  CHECK_FALSE(build({})->routes());
  CHECK(build({})->choose(payout, candidates).bundle.empty());
}

TEST_CASE("the same bundle says the same of the same payout", "[bundle]") {
  const std::string rule = rule_doing(
      "local s = '' for k, v in pairs(payout.metadata) do s = s .. k .. type(v) end "
      "local t = {} for i = 1, 50 do t['k' .. (i * 7 % 50)] = i end for k, v in pairs(t) do s = s .. k .. v "
      "end "
      "return 'flag', 'v', s:sub(1, 400)");
  std::set<std::string> said;
  for (int i = 0; i < 5; ++i) {
    const auto bundle = build({{"abuse/one.lua", rule}});
    said.insert(bundle->hash() + shown(bundle->judge(facts(), {})));
    said.insert(bundle->hash() + shown(bundle->judge(facts(), {})));
  }
  CHECK(said.size() == 1);
}

TEST_CASE("threads may ask at the same time", "[bundle]") {
  const auto bundle =
      build({{"abuse/velocity.lua", kVelocity},
             {"abuse/attack.lua",
              rule_doing("if payout.user == 'mallory' then while true do end end return 'allow'")},
             {"backoff/default.lua",
              "return { next = function(a) return a.count end, tests = { { name = 'x', expect = 1 } } }"}});
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread)
    threads.emplace_back([&, thread] {
      for (int i = 0; i < 200; ++i) {
        auto payout = facts();
        if (thread == 3 && i % 50 == 0) payout.user = "mallory";
        const auto count = std::int64_t{1 + (i + thread) % 6};
        const auto verdict = shown(bundle->judge(payout, values_for(*bundle, count, "1", std::monostate{})));
        const bool held = count > 3 || payout.user == "mallory";
        if (verdict.starts_with("hold") != held) ++wrong;
        BackoffQuestion question;
        question.count = 1 + i;
        if (std::get<std::chrono::milliseconds>(bundle->backoff(question).answer) !=
            std::chrono::seconds(1 + i))
          ++wrong;
      }
    });
  for (auto& thread : threads) thread.join();
  CHECK(wrong == 0);
}

TEST_CASE("a bundle that judges on and on does not grow", "[bundle]") {
  const auto resident_mib = [] {
    std::ifstream in("/proc/self/statm");
    std::int64_t total = 0;
    std::int64_t resident = 0;
    in >> total >> resident;
    return resident * ::sysconf(_SC_PAGESIZE) / (1024 * 1024);
  };
  const auto bundle =
      build({{"abuse/one.lua", rule_doing("local t = {} for i = 1, 200 do t[i] = payout.id .. i end "
                                          "return 'flag', 'v', #t .. ''")}});
  const auto before = resident_mib();
  for (int i = 0; i < 5'000; ++i) {  // 80 MiB in all
    auto payout = facts();
    payout.id += std::to_string(i);
    if (shown(bundle->judge(payout, {})) != "flag v: 200") FAIL("at " << i);
  }
  INFO("before " << before << ", now " << resident_mib() << " MiB");
  if (!kSanitized) CHECK(resident_mib() < before + 16);
}
