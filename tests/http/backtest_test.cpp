#include "ctl/backtest.hpp"

#include <catch2/catch.hpp>

#include "policy/inputs.hpp"
#include "policy/scripted_policy.hpp"
#include "terminal.hpp"

using namespace payoutd;
using namespace payoutd::test;
using ctl::ExitCode;
namespace json = boost::json;

namespace {

/// Holds above `most` payouts a day of one user, denies to 666, flags above 5000, and goes wrong for user
/// `odd`.
std::string rule(int most, const std::string& extra = {}) {
  return R"(local rule = {
  tunables = { most = )" +
         std::to_string(most) + R"( },
  needs = { n = { what = "count", by = "user", window = "24h" }, sum = { what = "sum", by = "user", window = "24h" } },
}
function rule.check(payout, history)
  if payout.user == "odd" then error("this user is odd") end
)" + extra +
         R"(
  if payout.destination == "666" then return "deny", "beast" end
  if history.n and history.n > rule.tunables.most then
    return "hold", "too_many", history.n .. " in a day, " .. tostring(history.sum)
  end
  if payout.amount > money("5000", payout.currency) then return "flag", "large" end
  return "allow"
end
rule.tests = { { name = "one", payout = { user = "a" }, history = { n = 1, sum = "1" }, expect = "allow" } }
return rule
)";
}

std::string schedule(int first, int submissions) {
  return R"(local backoff = { tunables = { first = )" + std::to_string(first) + R"(, submissions = )" +
         std::to_string(submissions) + R"( } }
function backoff.next(attempt)
  local t = backoff.tunables
  if attempt.purpose == "retry" and attempt.count >= t.submissions then return "give_up" end
  return t.first * attempt.count * (1 + attempt.random)
end
backoff.tests = { { name = "first", attempt = { count = 1 }, tunables = { first = 2, submissions = 9 }, expect = 3 } }
return backoff
)";
}

std::string routing(const std::string& chosen) {
  return R"(local routing = {}
function routing.choose(payout, providers)
  for _, provider in ipairs(providers) do
    if provider.name == ")" +
         chosen + R"(" and provider.waiting < 100 then return provider.name end
  end
  return nil, "nobody is free"
end
routing.tests = { { name = "none", providers = {}, expect = false } }
return routing
)";
}

policy::ScriptFiles files(int most, int first, int submissions, const std::string& chosen) {
  return {{{"abuse/limit.lua", rule(most)},
           {"backoff/default.lua", schedule(first, submissions)},
           {"routing.lua", routing(chosen)}}};
}

/// As PostgreSQL's jsonb gives a value back: fields in another order.
std::string stored(const json::value& value) {
  if (value.is_array()) {
    std::string text;
    for (const json::value& one : value.get_array()) text += (text.empty() ? "" : ", ") + stored(one);
    return "[" + text + "]";
  }
  if (!value.is_object()) return json::serialize(value);
  std::string text;
  for (const auto& [key, one] : value.get_object())
    text = json::serialize(json::string(key)) + ": " + stored(one) + (text.empty() ? "" : ", ") + text;
  return "{" + text + "}";
}

/// What a host records while it runs a bundle.
class Recorder {
 public:
  Recorder(FakeHost& host, const policy::ScriptFiles& files)
      : host_(host), bundle_(policy::Bundle::build(files)), policy_({}, {}, 7) {
    policy_.use(bundle_);
  }

  void screen(const std::string& user, std::int64_t count, const std::string& amount = "100",
              const std::string& destination = "22507000001") {
    policy::PayoutFacts facts;
    facts.id = next_id();
    facts.client = "default";
    facts.provider = "momo-ci";
    facts.money = {Amount::parse(amount).value(), "XOF"};
    facts.destination = destination;
    facts.user = user;
    facts.metadata = R"({"score":"0.30000000000000000001"})";
    facts.at_s = 1'769'846'400;
    std::vector<policy::FeatureValue> values;
    for (const policy::Feature& feature : bundle_->features())
      values.push_back(feature.what == policy::Feature::What::count
                           ? policy::FeatureValue{count}
                           : policy::FeatureValue{Money{Amount::parse("123.5").value(), "XOF"}});
    const auto judgement = bundle_->judge(facts, values);
    keep(facts.id, policy::screen_decision(*bundle_, judgement,
                                           policy::screen_inputs(facts, bundle_->features(), values), false));
  }
  void wait(const std::string& payout, policy::Purpose purpose, int count) {
    policy::BackoffQuestion question;
    question.provider = "momo-ci";
    question.purpose = purpose;
    question.count = count;
    keep(payout, policy_.backoff(question).decision);
  }
  void route(std::int64_t waiting) {
    policy::PayoutFacts facts;
    facts.client = "default";
    facts.money = {Amount::parse("250").value(), "XOF"};
    facts.destination = "22890000001";
    const std::vector<policy::Candidate> candidates = {{.name = "flooz",
                                                        .plugin = "flooz",
                                                        .ready = true,
                                                        .paused = false,
                                                        .failures_percent = 3,
                                                        .waiting = 1},
                                                       {.name = "tmoney",
                                                        .plugin = "tmoney",
                                                        .ready = true,
                                                        .paused = false,
                                                        .failures_percent = 0,
                                                        .waiting = waiting}};
    const policy::RouteChoice choice = bundle_->choose(facts, candidates);
    json::object record{{"kind", "route"},
                        {"bundle", bundle_->hash()},
                        {"verdict", choice.provider.empty() ? "none" : choice.provider},
                        {"reason", choice.reason},
                        {"inputs", policy::route_inputs(facts, candidates)},
                        {"cost_ns", 1}};
    keep(next_id(), json::serialize(record));
  }
  /// One of everything that can come out.
  void everything() {
    screen("awa", 3);
    screen("awa", 31);
    screen("", 0, "6000");
    screen("kofi", 2, "5000.00000001");
    screen("kofi", 2, "100", "666");
    screen("odd", 1);
    wait("p1", policy::Purpose::retry, 1);
    wait("p1", policy::Purpose::retry, 2);
    wait("p1", policy::Purpose::retry, 5);
    wait("p2", policy::Purpose::query, 1);
    route(5);
  }

 private:
  static std::string next_id() {
    static int made = 0;
    std::string digits = std::to_string(++made);
    digits.insert(0, 12 - digits.size(), '0');
    return "00000000-0000-4000-8000-" + digits;
  }
  void keep(const std::string& payout, const std::string& record) {
    const json::object decision = json::parse(record).as_object();
    const auto text = [&](const char* name) {
      const auto* value = decision.if_contains(name);
      return value == nullptr ? std::string() : std::string(value->as_string());
    };
    store::DecisionRow row;
    row.id = static_cast<std::int64_t>(host_.decision_rows.size()) + 1;
    row.at = "2026-01-31T08:00:00.000Z";
    row.payout_id = payout;
    row.kind = text("kind");
    row.bundle = text("bundle");
    row.verdict = text("verdict");
    row.rule = text("rule");
    row.reason = text("reason");
    row.inputs = stored(decision.at("inputs"));
    if (const auto* results = decision.if_contains("results")) row.results = stored(*results);
    row.cost_ns = decision.at("cost_ns").as_int64();
    host_.decision_rows.push_back(std::move(row));
  }

  FakeHost& host_;
  std::shared_ptr<policy::Bundle> bundle_;
  policy::ScriptedPolicy policy_;
};

struct Backtest {
  Backtest(const RunningServer& running, const policy::ScriptFiles& files, bool machine = false)
      : folder(files), terminal(running.socket) {
    terminal.context.json = machine;
    options.directory = folder.path();
  }
  ExitCode run() { return ctl::backtest(terminal.context, options); }

  ScriptFolder folder;
  Terminal terminal;
  ctl::BacktestOptions options;
};

}  // namespace

TEST_CASE("the same scripts decide the same, byte for byte") {
  RunningServer running;
  Recorder recorder(running.host, files(30, 10, 5, "tmoney"));
  for (int i = 0; i < 3; ++i) recorder.everything();
  Backtest same(running, files(30, 10, 5, "tmoney"));
  same.options.page = 7;
  same.options.fail_on_change = true;
  CHECK(same.run() == ExitCode::ok);
  CHECK_THAT(same.terminal.out.str(),
             Catch::Contains("over 33 decisions of the last 7d") &&
                 Catch::Contains("identical: every decision comes out as it was recorded"));
  Backtest machine(running, files(30, 10, 5, "tmoney"), true);
  machine.options.page = 33;  // a page that is just full is not the end
  CHECK(machine.run() == ExitCode::ok);
  const json::value document = machine.terminal.json();
  CHECK(document.at("identical").as_bool());
  CHECK(document.at("judged").as_int64() == 33);
  CHECK(document.at("failures").as_int64() == 3);  // the rule went wrong then, and does now
  CHECK(running.host.last_decision_filter.since_s == 7 * 86'400);

  // What is recorded is really compared.
  running.host.decision_rows[1].results =
      stored(json::parse(R"([{"rule":"limit","verdict":"hold","reason":"x"}])"));
  Backtest other(running, files(30, 10, 5, "tmoney"), true);
  other.options.fail_on_change = true;
  CHECK(other.run() == ExitCode::negative);
  CHECK(other.terminal.json().at("screen").at("changes").at("other_reason").at("payouts").as_int64() == 1);
}

TEST_CASE("what would have been held, denied, flagged or let pass is counted in payouts and money") {
  RunningServer running;
  Recorder recorder(running.host, files(30, 10, 5, "tmoney"));
  recorder.everything();
  recorder.screen("awa", 12, "0.10000001");
  recorder.screen("awa", 13, "0.2");
  Backtest stricter(running, files(10, 10, 5, "tmoney"), true);
  stricter.options.fail_on_change = true;
  CHECK(stricter.run() == ExitCode::negative);
  const json::value changes = stricter.terminal.json().at("screen").at("changes");
  CHECK(changes.at("held").at("payouts").as_int64() == 2);
  CHECK(changes.at("held").at("sums").at("XOF").as_string() == "0.30000001");
  CHECK(changes.at("released").at("payouts").as_int64() == 0);
  CHECK(stricter.terminal.json().at("changed").as_int64() == 2);
  const json::value first = stricter.terminal.json().at("screen").at("payouts").at(0);
  CHECK(first.at("before").at("verdict").as_string() == "allow");
  CHECK(first.at("after").at("reason").as_string() == "too_many");
  CHECK(first.at("text").as_string() == "12 in a day, 123.5 XOF");

  Backtest people(running, files(10, 10, 5, "tmoney"));
  CHECK(people.run() == ExitCode::ok);
  CHECK_THAT(people.terminal.out.str(),
             Catch::Contains("Payouts were judged 8 times; 2 come out otherwise.") &&
                 Catch::Contains("held, and were not      2  0.30000001 XOF") &&
                 Catch::Contains("0.10000001 XOF  allow   hold by limit: too_many  12 in a day"));

  policy::ScriptFiles loose = files(1000, 10, 5, "tmoney");
  std::string& text = loose.files["abuse/limit.lua"];
  text.replace(text.find("666"), 3, "777");
  text.replace(text.find("5000\""), 4, "9999");
  Backtest looser(running, loose, true);
  CHECK(looser.run() == ExitCode::ok);
  const json::value released = looser.terminal.json().at("screen").at("changes");
  CHECK(released.at("released").at("payouts").as_int64() == 2);  // one was held, one denied
  CHECK(released.at("released").at("sums").at("XOF").as_string() == "200");
  CHECK(released.at("unflagged").at("sums").at("XOF").as_string() == "11000.00000001");
}

TEST_CASE("a payout that was judged twice counts once") {
  RunningServer running;
  Recorder recorder(running.host, files(30, 10, 5, "tmoney"));
  recorder.screen("awa", 20);
  running.host.decision_rows.push_back(running.host.decision_rows.front());
  running.host.decision_rows.back().id = 2;
  Backtest test(running, files(10, 10, 5, "tmoney"), true);
  CHECK(test.run() == ExitCode::ok);
  const json::value screens = test.terminal.json().at("screen");
  CHECK(screens.at("changed").as_int64() == 2);
  CHECK(screens.at("changes").at("held").at("payouts").as_int64() == 1);
  CHECK(screens.at("changes").at("held").at("sums").at("XOF").as_string() == "100");
}

TEST_CASE("what is decided while it runs is left out, or it might never end") {
  RunningServer running;
  Recorder recorder(running.host, files(30, 10, 5, "tmoney"));
  for (int i = 0; i < 9; ++i) recorder.screen("awa", 20);
  running.host.decisions_at_first = 5;
  Backtest test(running, files(30, 10, 5, "tmoney"), true);
  test.options.page = 4;
  CHECK(test.run() == ExitCode::ok);
  CHECK(test.terminal.json().at("judged").as_int64() == 5);
}

TEST_CASE("the list is short unless all is wanted") {
  RunningServer running;
  Recorder recorder(running.host, files(30, 10, 5, "tmoney"));
  for (int i = 0; i < 50; ++i) recorder.screen("awa", 20);
  Backtest few(running, files(10, 10, 5, "tmoney"));
  CHECK(few.run() == ExitCode::ok);
  CHECK_THAT(few.terminal.out.str(), Catch::Contains("… and 30 more; --all lists them all."));
  Backtest all(running, files(10, 10, 5, "tmoney"), true);
  all.options.all = true;
  CHECK(all.run() == ExitCode::ok);
  CHECK(all.terminal.json().at("screen").at("payouts").as_array().size() == 50);
}

TEST_CASE("a schedule is compared in waiting and in submits") {
  RunningServer running;
  Recorder recorder(running.host, files(30, 10, 5, "tmoney"));
  recorder.everything();
  Backtest slower(running, files(30, 20, 5, "tmoney"), true);
  CHECK(slower.run() == ExitCode::ok);
  const json::value same_submits = slower.terminal.json().at("backoff").at(0);
  CHECK(same_submits.at("provider").as_string() == "momo-ci");
  CHECK(same_submits.at("questions").as_int64() == 4);
  CHECK(same_submits.at("changed").as_int64() == 3);  // to give up is the same
  // Rounded to milliseconds each.
  CHECK(std::abs(same_submits.at("waiting_after_ms").as_int64() -
                 2 * same_submits.at("waiting_before_ms").as_int64()) <= 3);
  CHECK(same_submits.at("submits_before").as_int64() == 2);
  CHECK(same_submits.at("submits_after").as_int64() == 2);
  CHECK(same_submits.at("look_ups_after").as_int64() == 1);

  Backtest impatient(running, files(30, 10, 1, "tmoney"), true);  // gives up after the first
  CHECK(impatient.run() == ExitCode::ok);
  const json::value fewer = impatient.terminal.json().at("backoff").at(0);
  CHECK(fewer.at("submits_after").as_int64() == 0);
  CHECK(fewer.at("not_reached").as_int64() == 2);

  policy::ScriptFiles without = files(30, 10, 5, "tmoney");
  without.files.erase("backoff/default.lua");
  Backtest built_in(running, without);
  built_in.options.fail_on_change = true;
  CHECK(built_in.run() == ExitCode::negative);
  CHECK_THAT(built_in.terminal.out.str(),
             Catch::Contains("4 questions would be left to the built-in schedule"));
}

TEST_CASE("payouts that would have gone elsewhere are counted by their way") {
  RunningServer running;
  Recorder recorder(running.host, files(30, 10, 5, "tmoney"));
  recorder.route(5);
  recorder.route(6);
  Backtest other(running, files(30, 10, 5, "flooz"), true);
  CHECK(other.run() == ExitCode::ok);
  const json::value way = other.terminal.json().at("route").at("elsewhere").at(0);
  CHECK(way.at("from").as_string() == "tmoney");
  CHECK(way.at("to").as_string() == "flooz");
  CHECK(way.at("payouts").as_int64() == 2);
  CHECK(way.at("sums").at("XOF").as_string() == "500");
  Backtest people(running, files(30, 10, 5, "flooz"));
  CHECK(people.run() == ExitCode::ok);
  CHECK_THAT(people.terminal.out.str(), Catch::Contains("tmoney  flooz        2  500 XOF"));
}

TEST_CASE("what the candidate needs and nobody recorded is named, and judges nothing") {
  RunningServer running;
  Recorder recorder(running.host, files(30, 10, 5, "tmoney"));
  recorder.screen("awa", 3);
  recorder.screen("awa", 31);
  policy::ScriptFiles curious = files(30, 10, 5, "tmoney");
  curious.files["abuse/burst.lua"] = R"(local rule = {
  needs = { m = { what = "count", by = "destination", window = "10m" } },
}
function rule.check(payout, history)
  if history.m > 3 then return "hold", "burst" end
  return "allow"
end
rule.tests = { { name = "few", history = { m = 1 }, expect = "allow" } }
return rule
)";
  Backtest test(running, curious, true);
  CHECK(test.run() == ExitCode::ok);
  const json::value document = test.terminal.json();
  CHECK(document.at("unrecorded").at("count/destination/10m").as_int64() == 2);
  CHECK(document.at("screen").at("changed").as_int64() == 0);
  CHECK_FALSE(document.at("identical").as_bool());
  Backtest people(running, curious);
  CHECK(people.run() == ExitCode::ok);
  CHECK_THAT(people.terminal.out.str(),
             Catch::Contains("count/destination/10m: missing in 2 decisions") && Catch::Contains("shadow"));
}

TEST_CASE("a rule that goes wrong is said although another one needs what nobody recorded") {
  RunningServer running;
  Recorder recorder(running.host, files(30, 10, 5, "tmoney"));
  recorder.screen("awa", 3);
  policy::ScriptFiles wrong = files(30, 10, 5, "tmoney");
  wrong.files["abuse/burst.lua"] = R"(local rule = {
  needs = { m = { what = "count", by = "destination", window = "10m" } },
}
function rule.check(payout, history)
  if history.m > 3 then return "hold", "burst" end
  return "allow"
end
rule.tests = { { name = "few", history = { m = 1 }, expect = "allow" } }
return rule
)";
  wrong.files["abuse/limit.lua"] = rule(30, "if payout.user == \"awa\" then error(\"not her\") end\n");
  Backtest test(running, wrong, true);
  CHECK(test.run() == ExitCode::ok);
  const json::value document = test.terminal.json();
  CHECK(document.at("unrecorded").at("count/destination/10m").as_int64() == 1);
  CHECK(document.at("failures").as_int64() == 1);
  CHECK(document.at("screen").at("changed").as_int64() == 1);
}

TEST_CASE("a rule of the candidate that goes wrong is said with file and line") {
  RunningServer running;
  Recorder recorder(running.host, files(30, 10, 5, "tmoney"));
  recorder.screen("awa", 3);
  policy::ScriptFiles wrong = files(30, 10, 5, "tmoney");
  wrong.files["abuse/limit.lua"] = rule(30, "if payout.user == \"awa\" then error(\"not her\") end\n");
  Backtest test(running, wrong);
  CHECK(test.run() == ExitCode::ok);
  CHECK_THAT(test.terminal.out.str(),
             Catch::Contains("went wrong once") && Catch::Contains("abuse/limit.lua:7") &&
                 Catch::Contains("not her") && Catch::Contains("hold by limit: rule_failed"));
}

TEST_CASE("a candidate that no host would take is refused before anything is fetched") {
  policy::ScriptFiles broken = files(30, 10, 5, "tmoney");
  broken.files["abuse/limit.lua"] = "return {\n";
  const ScriptFolder folder(broken);
  Terminal terminal("/nonexistent/control.sock");
  ctl::BacktestOptions options;
  options.directory = folder.path();
  try {
    ctl::backtest(terminal.context, options);
    FAIL("it cannot be built");
  } catch (const ctl::CommandFailed& failure) {
    CHECK(failure.code() == ExitCode::usage);
  }
  CHECK_THAT(terminal.err.str(), Catch::Contains(folder.path() + "/abuse/limit.lua:"));
}

TEST_CASE("records that cannot be read are counted, and the first is named") {
  RunningServer running;
  Recorder recorder(running.host, files(30, 10, 5, "tmoney"));
  recorder.everything();
  running.host.decision_rows[0].inputs = R"({"history": {}})";
  running.host.decision_rows[6].verdict = "wait soon";
  Backtest test(running, files(30, 10, 5, "tmoney"), true);
  CHECK(test.run() == ExitCode::ok);
  const json::value document = test.terminal.json();
  CHECK(document.at("unreadable").as_int64() == 2);
  CHECK_THAT(document.at("first_unreadable").as_string().c_str(), Catch::StartsWith("decision 1: "));
  CHECK_FALSE(document.at("identical").as_bool());
}

TEST_CASE("progress is told while it runs, and an interruption says how far it came") {
  RunningServer running;
  Recorder recorder(running.host, files(30, 10, 5, "tmoney"));
  for (int i = 0; i < 2; ++i) recorder.everything();
  Backtest live(running, files(30, 10, 5, "tmoney"), true);
  live.terminal.context.live = true;
  live.options.page = 8;
  CHECK(live.run() == ExitCode::ok);
  CHECK_THAT(live.terminal.err.str(), Catch::Contains("8 of 22 decisions judged again") &&
                                          Catch::Contains("22 of 22") && Catch::EndsWith("\r\033[K"));
  CHECK(live.terminal.json().at("judged").as_int64() == 22);  // standard output holds the document alone

  Backtest stopped(running, files(30, 10, 5, "tmoney"));
  stopped.options.page = 8;
  ctl::interrupted() = true;
  CHECK(stopped.run() == ExitCode::interrupted);
  CHECK_THAT(stopped.terminal.out.str(), Catch::Contains("Interrupted: 14 decisions were not judged again"));
}

TEST_CASE("nothing that was decided is no change") {
  RunningServer running;
  Backtest test(running, files(30, 10, 5, "tmoney"));
  test.options.fail_on_change = true;
  CHECK(test.run() == ExitCode::ok);
  CHECK_THAT(test.terminal.out.str(), Catch::Contains("Nothing was decided by scripts"));
  test.options.since = "a week";
  CHECK_THROWS_WITH(test.run(), Catch::Contains("BAD_PARAMETER"));
}
