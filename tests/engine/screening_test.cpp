// Rules, limits and approvals, on a real database: what they stop, and what cannot outrun them.
#include <catch2/catch.hpp>

#include "engine_fixture.hpp"
#include "policy/inputs.hpp"

namespace {

using namespace payoutd;
using namespace payoutd::test;
using engine::OperatorDecision;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr const char* kTests =
    "rule.tests = { { name = 'none', payout = {}, history = HISTORY, expect = 'allow' } }\n";

/// A rule with these needs and this body of `check`, and a test in which `history` is allowed.
std::string rule(const std::string& needs, const std::string& body, const std::string& history = "{}") {
  std::string tests = kTests;
  tests.replace(tests.find("HISTORY"), 7, history);
  return "local rule = {}\nrule.needs = " + needs + "\nfunction rule.check(payout, history)\n" + body +
         "\nend\n" + tests + "return rule\n";
}

/// `slow`: some milliseconds a payout, so that screenings that could overlap do.
std::string velocity(int most, bool slow = false) {
  return rule("{ n = { what = 'count', by = 'user', window = '24h' } }",
              std::string(slow ? "for i = 1, 200000 do end\n" : "") + "if history.n and history.n > " +
                  std::to_string(most) + " then return 'hold', 'velocity_count', 'more than " +
                  std::to_string(most) +
                  " in 24 hours' end\n"
                  "return 'allow'",
              "{ n = 1 }");
}

EngineHost::Options with(std::map<std::string, std::string> scripts, core::Limits limits = {}) {
  EngineHost::Options options;
  options.scripts = std::move(scripts);
  options.limits = std::move(limits);
  return options;
}

engine::PayoutRequest of_user(const std::string& key, const std::string& user,
                              const std::string& amount = "100",
                              const std::string& destination = "22507000000") {
  auto request = EngineFixture::request(key, amount);
  request.user = user;
  request.destination = destination;
  return request;
}

int count(const EngineFixture& f, const std::string& where) {
  return std::stoi(f.value("select count(*) from app.all_payouts where " + where));
}

Amount units(const std::string& text) {
  return Amount::parse(text).value();
}

engine::OperatorReply decide(EngineFixture& f, const std::string& id, OperatorDecision decision,
                             const std::string& actor) {
  return f.await(f.host->engine().decide({id, decision, actor, "looked at it"}));
}

Awaitable<providers::SubmitReply> answer(Submission submission) {
  co_return ScriptedProvider::reply(std::move(submission));
}

}  // namespace

TEST_CASE("a hundred payouts of one user in one batch cannot outrun a velocity rule", "[screening]") {
  EngineFixture f(with({{"abuse/velocity.lua", velocity(7)}}));
  f.provider.the_state = providers::ProviderState::restarting;  // nothing is claimed before all are there
  for (int i = 0; i < 100; ++i) f.post(of_user("k" + std::to_string(i), "ama"));
  f.post(of_user("other", "kofi"));
  f.provider.the_state = providers::ProviderState::ready;
  f.host->engine().dispatcher().wake_payments();
  REQUIRE(f.run_until([&] { return count(f, "state in ('CONFIRMED', 'HELD')") == 101; }));
  CHECK(count(f, "state = 'CONFIRMED' and user_ref = 'ama'") == 7);
  CHECK(count(f, "state = 'HELD' and reason = 'velocity_count'") == 93);
  CHECK(count(f, "state = 'CONFIRMED' and user_ref = 'kofi'") == 1);
  CHECK(f.value("select count(*) from app.allowances") == "8");
  CHECK(f.value("select count(*) from app.decisions where kind = 'screen'") == "101");
}

TEST_CASE("a hundred payouts spread over two hosts at once cannot outrun a velocity rule", "[screening]") {
  EngineFixture f(with({{"abuse/velocity.lua", velocity(7, true)}}));
  EngineHost::Options second = with({{"abuse/velocity.lua", velocity(7, true)}});
  second.name = "host-b";
  EngineHost other(f.io, f.database, f.provider, second);
  f.provider.the_contract.concurrency = 8;  // many small batches on both
  f.provider.the_state = providers::ProviderState::restarting;
  for (int i = 0; i < 100; ++i) f.post(of_user("k" + std::to_string(i), "ama"));
  f.provider.the_state = providers::ProviderState::ready;
  f.host->engine().dispatcher().wake_payments();
  other.engine().dispatcher().wake_payments();
  REQUIRE(f.run_until([&] { return count(f, "state in ('CONFIRMED', 'HELD')") == 100; }));
  CHECK(count(f, "state = 'CONFIRMED'") == 7);
  CHECK(f.value("select count(distinct host) from app.events where kind = 'held'") == "2");
}

TEST_CASE("features count what was allowed, exact at their boundaries", "[screening]") {
  const auto observe = rule(
      "{ day = { what = 'count', by = 'user', window = '24h' }, month = { what = 'sum', by = 'user', window "
      "= 'month' },"
      "  people = { what = 'distinct', of = 'user', by = 'destination', window = '7d' },"
      "  before = { what = 'previous', of = 'region', by = 'user', window = 'ever' },"
      "  gap = { what = 'since_previous', by = 'user' }, first = { what = 'since_first', by = 'user' } }",
      "return 'allow'", "{}");
  EngineFixture f(with({{"abuse/observe.lua", observe}}));
  // Exactly a day old is outside, a moment younger inside; the month began at midnight UTC of its first day.
  f.value(
      "insert into app.allowances select gen_random_uuid(), 'default', u, d, r, 'acme', 'XOF', a, t from "
      "(values"
      " ('ama', '22507000000', 'TG', 5, now() - interval '24 hours'),"
      " ('ama', '22507000001', 'BJ', 7, now() - interval '23 hours 59 minutes'),"
      " ('ama', '22507000002', 'CI', 1000, date_trunc('month', now(), 'UTC') - interval '1 second'),"
      " ('kofi', '22507000000', null, 1, now() - interval '6 days 23 hours'),"
      " ('esi', '22507000000', null, 1, now() - interval '7 days')) as v(u, d, r, a, t)");
  const std::string id = f.post(of_user("k", "ama", "11"));
  REQUIRE(f.run_until_state(id, "CONFIRMED"));
  const auto inputs =
      boost::json::parse(f.value("select inputs from app.decisions where kind = 'screen'")).as_object();
  const auto& history = inputs.at("history").as_object();
  INFO(boost::json::serialize(history));
  CHECK(history.at("count/user/24h").as_int64() == 2);
  CHECK(history.at("distinct user/destination/7d").as_int64() == 2);
  // On the first day of a month yesterday's may be the month before's.
  const std::string in_month = f.value(
      "select trim_scale(11 + sum(amount)) from app.allowances where user_ref = 'ama' and amount <> 11"
      " and at >= date_trunc('month', now(), 'UTC')");
  CHECK(history.at("sum/user/month").as_string() == (in_month.empty() ? "11" : in_month));
  CHECK(history.at("previous region/user/ever").as_string() == "BJ");
  CHECK(history.at("since_previous/user/ever").as_int64() >= 23 * 3600 + 59 * 60);
  CHECK(history.at("since_previous/user/ever").as_int64() < 24 * 3600);
  CHECK(history.at("since_first/user/ever").as_int64() >= 24 * 3600);
}

TEST_CASE("earlier payouts of a batch count for later ones, in every kind of feature", "[screening]") {
  const auto observe = rule(
      "{ n = { what = 'count', by = 'user', window = '1h' }, total = { what = 'sum', by = 'user', window = "
      "'1h' },"
      "  places = { what = 'distinct', of = 'destination', by = 'user', window = '1h' },"
      "  before = { what = 'previous', of = 'destination', by = 'user' } }",
      "if payout.amount > money('900', 'XOF') then return 'deny', 'too_much' end return 'allow'", "{}");
  EngineFixture f(with({{"abuse/observe.lua", observe}}));
  f.provider.the_state = providers::ProviderState::restarting;
  f.value(
      "insert into app.allowances values (gen_random_uuid(), 'default', 'ama', '22507000001', null, 'acme', "
      "'XOF', 4,"
      " now() - interval '1 minute')");
  const char* destinations[] = {"22507000001", "22507000002", "22507000009", "22507000002", "22507000003"};
  const char* amounts[] = {"1", "2", "1000", "3", "5"};
  for (int i = 0; i < 5; ++i) f.post(of_user("k" + std::to_string(i), "ama", amounts[i], destinations[i]));
  f.provider.the_state = providers::ProviderState::ready;
  f.host->engine().dispatcher().wake_payments();
  REQUIRE(f.run_until([&] { return count(f, "finished_at is not null") == 5; }));
  CHECK(count(f, "state = 'FAILED' and reason = 'too_much'") == 1);
  const auto column = [&](const std::string& feature) {
    return f.value("select string_agg(coalesce(d.inputs->'history'->>'" + feature +
                   "', '-'), ' ' order by p.idempotency_key) from app.decisions d join app.payouts p"
                   " on p.id = d.payout_id where d.kind = 'screen'");
  };
  CHECK(column("count/user/1h") == "2 3 4 4 5");  // the denied one counts for nobody
  CHECK(column("sum/user/1h") == "5 7 1007 10 15");
  CHECK(column("distinct destination/user/1h") == "1 2 3 2 3");
  CHECK(column("previous destination/user/ever") ==
        "22507000001 22507000001 22507000002 22507000002 22507000002");
}

TEST_CASE("a payout that ends unpaid gives its allowance back", "[screening]") {
  EngineFixture f(with({{"abuse/velocity.lua", velocity(1)}}));
  f.provider.on_submit = [](Order, Prepared) {
    return answer({Submission::Kind::refused, "no_such_account", "", ""});
  };
  const std::string first = f.post(of_user("a", "ama"));
  REQUIRE(f.run_until_state(first, "FAILED"));
  CHECK(f.value("select count(*) from app.allowances") == "0");
  CHECK(f.value("select trim_scale(sum(amount)) from app.outflow") == "0");
  f.provider.on_submit = nullptr;
  const std::string second = f.post(of_user("b", "ama"));
  CHECK(f.run_until_state(second, "CONFIRMED"));
  CHECK(f.value("select count(*) from app.allowances") == "1");
}

TEST_CASE("a payout that was paid after all counts again", "[screening]") {
  EngineFixture f(with({{"abuse/velocity.lua", velocity(1)}}));
  f.provider.on_submit = [](Order, Prepared) {
    return answer({Submission::Kind::refused, "no_such_account", "", ""});
  };
  const std::string first = f.post(of_user("a", "ama"));
  REQUIRE(f.run_until_state(first, "FAILED"));
  f.value(
      "update app.payouts set state = 'REVIEW', reason = 'contradiction', finished_at = null, version = "
      "version + 1 where id = "
      "'" +
      first + "'");
  CHECK(
      f.await(f.host->engine().decide({first, OperatorDecision::paid, "operator:awa", "statement 7"})).done);
  CHECK(f.value("select count(*) from app.allowances") == "1");
  CHECK(f.value("select trim_scale(sum(amount)) from app.outflow") == "100");
  CHECK(f.run_until_state(f.post(of_user("b", "ama")), "HELD"));
}

TEST_CASE("held: released it is judged again, approved it is paid, rejected it is not", "[screening]") {
  EngineFixture f(with({{"abuse/velocity.lua", velocity(1)}}));
  REQUIRE(f.run_until_state(f.post(of_user("a", "ama")), "CONFIRMED"));
  const std::string held = f.post(of_user("b", "ama"));
  const std::string other = f.post(of_user("c", "ama"));
  REQUIRE(f.run_until_state(held, "HELD"));
  REQUIRE(f.run_until_state(other, "HELD"));
  const std::string why = boost::json::serialize(*f.await(f.host->engine().explain(held)));
  INFO(why);
  CHECK(why.find("Rule velocity: more than 1 in 24 hours") != std::string::npos);
  CHECK(why.find("payoutctl approve " + held) != std::string::npos);
  CHECK(decide(f, held, OperatorDecision::release, "operator:eve").done);
  REQUIRE(f.run_until([&] {
    return f.value("select count(*) from app.decisions where kind = 'screen' and payout_id = '" + held +
                   "'") == "2";
  }));
  REQUIRE(f.run_until_state(held, "HELD"));
  CHECK(decide(f, held, OperatorDecision::approve, "operator:eve").done);
  CHECK(f.run_until_state(held, "CONFIRMED"));
  CHECK(f.value("select count(*) from app.allowances") == "2");  // what was approved counts for the next
  CHECK(decide(f, other, OperatorDecision::reject, "operator:eve").done);
  CHECK(f.state(other) == "CANCELLED");
  CHECK(f.value("select actor || ' ' || (data->>'note') from app.events where kind = 'operator_reject'") ==
        "operator:eve looked at it");
  CHECK_FALSE(decide(f, other, OperatorDecision::approve, "operator:eve").done);
}

TEST_CASE("above an amount two different people must approve, whatever the rules say", "[screening]") {
  core::Limits limits;
  limits.two_approvals_above["XOF"] = units("500");
  EngineFixture f(with({{"abuse/velocity.lua", velocity(5)}}, limits));
  CHECK(f.run_until_state(f.post(of_user("small", "ama", "500")), "CONFIRMED"));
  const std::string large = f.post(of_user("large", "ama", "501"));
  REQUIRE(f.run_until_state(large, "HELD"));
  CHECK(f.value("select reason from app.payouts where id = '" + large + "'") == "needs_approval");
  const auto first = decide(f, large, OperatorDecision::approve, "operator:eve");
  CHECK(first.done);
  CHECK(first.state == core::State::held);
  decide(f, large, OperatorDecision::approve, "operator:eve");  // twice the same person is one
  f.run_for(milliseconds{200});
  CHECK(f.state(large) == "HELD");
  decide(f, large, OperatorDecision::release, "operator:bob");  // a release is no approval
  f.run_for(milliseconds{300});
  CHECK(f.state(large) == "HELD");
  CHECK(decide(f, large, OperatorDecision::approve, "operator:bob").done);
  CHECK(f.run_until_state(large, "CONFIRMED"));
  CHECK(f.value("select string_agg(actor, ' ' order by id) from app.events where kind = 'approval'") ==
        "operator:eve operator:eve operator:bob");
}

TEST_CASE("the maximum of one payout is refused at the door, and no approval lifts it later", "[screening]") {
  EngineFixture f;
  f.host->engine().configure({milliseconds{30}, 100}, {}, false);
  f.provider.the_state = providers::ProviderState::restarting;
  const std::string id = f.post(of_user("before", "ama", "900"));
  core::Limits limits;
  limits.per_payout["XOF"] = units("800");
  f.host->engine().configure({milliseconds{30}, 100}, limits, false);
  const auto refused = f.await(f.host->engine().admit(of_user("after", "ama", "801")));
  CHECK(refused.kind == engine::AdmissionReply::Kind::refused);
  CHECK(refused.problem.field == "amount");
  CHECK(refused.problem.reason.find("800 XOF") != std::string::npos);
  f.provider.the_state = providers::ProviderState::ready;
  REQUIRE(f.run_until_state(id, "HELD"));
  const auto reply = decide(f, id, OperatorDecision::approve, "operator:eve");
  CHECK_FALSE(reply.done);
  CHECK(reply.code == "above_maximum");
  decide(f, id, OperatorDecision::release, "operator:eve");
  f.run_for(milliseconds{300});
  CHECK(f.state(id) == "HELD");
  f.host->engine().configure({milliseconds{30}, 100}, {}, false);
  decide(f, id, OperatorDecision::release, "operator:eve");
  CHECK(f.run_until_state(id, "CONFIRMED"));
}

TEST_CASE("the breaker: more outflow than allowed halts the provider and currency until it is lifted",
          "[screening]") {
  core::Limits limits;
  limits.outflow[{"acme", "XOF"}] = {units("1000"), units("5000")};
  EngineFixture f(with({}, limits));
  for (int i = 0; i < 15; ++i) f.post(of_user("k" + std::to_string(i), "u" + std::to_string(i)));
  REQUIRE(f.run_until([&] { return count(f, "state = 'CONFIRMED'") == 10; }));
  f.run_for(milliseconds{300});
  CHECK(count(f, "state = 'CONFIRMED'") == 10);  // exactly 1000
  CHECK(count(f, "state = 'PENDING'") == 5);     // deferred, not failed
  CHECK(f.host->observer().logged("engine.outflow_halted"));
  CHECK(
      f.value(
          "select span || ' ' || trim_scale(allowed) || ' ' || trim_scale(reached) from app.outflow_halts") ==
      "hour 1000 1100");
  // It stands in the database: another host does not pay either.
  EngineHost::Options second = with({}, limits);
  second.name = "host-b";
  {
    EngineHost other(f.io, f.database, f.provider, second);
    f.run_for(milliseconds{300});
    CHECK(count(f, "state = 'CONFIRMED'") == 10);
  }
  CHECK(f.await(f.host->engine().halts()).size() == 1);
  CHECK(f.await(f.host->engine().lift_halt("acme", "XOF", "operator:eve", "a campaign")));
  CHECK_FALSE(f.await(f.host->engine().lift_halt("acme", "XOF", "operator:eve", "a campaign")));
  f.value("update app.payouts set next_action_at = now() where state = 'PENDING'");
  f.value("update app.outflow_halts set lifted_at = lifted_at - interval '1 minute'");
  f.value("update app.outflow set minute = minute - interval '2 minutes'");
  CHECK(f.run_until([&] { return count(f, "state = 'CONFIRMED'") == 15; }));
}

TEST_CASE("approvals count for the breaker too", "[screening]") {
  core::Limits limits;
  limits.outflow[{"acme", "XOF"}] = {units("1000"), std::nullopt};
  const auto asks = rule("{}", "if payout.user == 'ama' then return 'hold', 'asked' end return 'allow'");
  EngineFixture f(with({{"abuse/asks.lua", asks}}, limits));
  std::vector<std::string> held;
  for (int i = 0; i < 4; ++i) held.push_back(f.post(of_user("k" + std::to_string(i), "ama", "400")));
  REQUIRE(f.run_until([&] { return count(f, "state = 'HELD'") == 4; }));
  for (const std::string& id : held) {
    CHECK(decide(f, id, OperatorDecision::approve, "operator:eve").done);
    f.run_for(milliseconds{200});
  }
  CHECK(count(f, "state = 'CONFIRMED'") == 2);
  CHECK(f.await(f.host->engine().halts()).size() == 1);
}

TEST_CASE("flags are recorded and stop nothing; one open flag for a user and a rule", "[screening]") {
  const auto flagging = rule("{}",
                             "if payout.user == 'mallory' then return 'flag', 'watched', 'on the list' end\n"
                             "return 'allow'");
  EngineFixture f(with({{"abuse/watch.lua", flagging}}));
  for (int i = 0; i < 3; ++i)
    REQUIRE(f.run_until_state(f.post(of_user("m" + std::to_string(i), "mallory")), "CONFIRMED"));
  REQUIRE(f.run_until_state(f.post(of_user("a", "ama")), "CONFIRMED"));
  auto flags = f.await(f.host->engine().flags({}));
  REQUIRE(flags.size() == 1);
  CHECK(flags[0].user == "mallory");
  CHECK(flags[0].rule == "watch");
  CHECK(flags[0].reason == "watched");
  CHECK(flags[0].count == 3);
  CHECK(f.host->observer().flagged == 1);
  CHECK(f.value("select count(*) from app.events where kind = 'flagged'") == "3");
  CHECK(
      f.await(f.host->engine().change_flag(flags[0].id, false, "operator:eve", "asked support")).has_value());
  CHECK(f.await(f.host->engine().change_flag(flags[0].id, true, "operator:eve", "")).value().note ==
        "asked support");
  CHECK(f.await(f.host->engine().flags({})).empty());
  CHECK_FALSE(f.await(f.host->engine().change_flag(flags[0].id, true, "operator:eve", "")).has_value());
  REQUIRE(f.run_until_state(f.post(of_user("again", "mallory")), "CONFIRMED"));
  CHECK(f.host->observer().flagged == 2);
}

TEST_CASE("a rule that goes wrong holds the payout and says so", "[screening]") {
  const auto broken =
      rule("{}", "if payout.user == 'mallory' then local x = payout.nothing.there end return 'allow'");
  EngineFixture f(with({{"abuse/broken.lua", broken}}));
  const std::string id = f.post(of_user("m", "mallory"));
  REQUIRE(f.run_until_state(id, "HELD"));
  CHECK(f.value("select reason from app.payouts where id = '" + id + "'") == "rule_failed");
  REQUIRE(f.host->script_failures.size() == 1);
  CHECK(f.host->script_failures[0].find("abuse/broken.lua:4") != std::string::npos);
  CHECK(f.run_until_state(f.post(of_user("a", "ama")), "CONFIRMED"));
}

TEST_CASE("a script that wants an unknown payout resent changes nothing about when it is resent",
          "[screening]") {
  const char* eager =
      "local s = {}\nfunction s.next(attempt) return 0 end\n"
      "s.tests = { { name = 'now', attempt = { purpose = 'query', count = 1 }, expect = 0 } }\nreturn s\n";
  EngineFixture f(with({{"backoff/default.lua", eager}}));
  f.provider.the_contract.repeat = Repeat::unknown;
  f.provider.the_contract.absence_is_proof_after.reset();
  f.provider.on_submit = [](Order, Prepared) {
    return answer({Submission::Kind::unknown, "", "time-out", ""});
  };
  int absent = 0;
  f.provider.on_query = [&absent](Order) -> Awaitable<Status> {
    ++absent;
    Status status;
    status.kind = Status::Kind::absent;
    co_return status;
  };
  const std::string id = f.post("k");
  REQUIRE(f.run_until([&] { return absent >= 5; }));
  CHECK(f.provider.submitted.size() == 1);
  CHECK(f.state(id) == "UNKNOWN");
  CHECK(f.value("select count(*) from app.decisions where kind = 'backoff' and verdict = 'wait 50'") != "0");
}

TEST_CASE("the same bundle with the same inputs decides the same, byte for byte", "[screening]") {
  EngineFixture f(with({{"abuse/velocity.lua", velocity(2)}}));
  for (int i = 0; i < 6; ++i) f.post(of_user("k" + std::to_string(i), "ama"));
  REQUIRE(f.run_until([&] { return count(f, "state in ('CONFIRMED', 'HELD')") == 6; }));
  const auto again = policy::Bundle::build({{{"abuse/velocity.lua", velocity(2)}}});
  store::DecisionFilter filter;
  filter.kind = "screen";
  const auto rows = f.await(f.host->engine().decisions(filter));
  REQUIRE(rows.size() == 6);
  for (const store::DecisionRow& row : rows) {
    const auto inputs = boost::json::parse(row.inputs).as_object();
    const policy::PayoutFacts facts = policy::read_facts(inputs);
    int unknown = 0;
    const auto values = policy::read_values(inputs, again->features(), facts.money.currency, &unknown);
    CHECK(unknown == 0);
    const auto judgement = again->judge(facts, values);
    CHECK(to_string(judgement.verdict) == row.verdict);
    CHECK(judgement.reason == row.reason);
    CHECK(again->hash() == row.bundle);
    CHECK(policy::screen_inputs(facts, again->features(), values) == inputs);
  }
}

TEST_CASE("routing: the script chooses among those that pay the currency, or says why none does",
          "[screening]") {
  const char* routing =
      "local r = {}\nfunction r.choose(payout, providers)\n"
      "  if starts_with(payout.destination, '999') then return nil, 'nobody pays this country' end\n"
      "  if payout.user == 'crash' then return payout.nothing.there end\n"
      "  for _, provider in ipairs(providers) do\n    if provider.ready and not provider.paused then return "
      "provider.name end\n"
      "  end\n  return nil, 'all are away'\nend\n"
      "r.tests = { { name = 'one', providers = { { name = 'acme', ready = true } }, expect = 'acme' } "
      "}\nreturn r\n";
  EngineFixture f(with({{"routing.lua", routing}}));
  CHECK(f.run_until_state(f.post(of_user("a", "ama")), "CONFIRMED"));
  CHECK(f.value(
            "select verdict || ' ' || (inputs->'payout'->>'user') from app.decisions where kind = 'route'") ==
        "acme ama");
  const auto abroad = f.await(f.host->engine().admit(of_user("b", "ama", "100", "99912345678")));
  CHECK(abroad.kind == engine::AdmissionReply::Kind::refused);
  CHECK(abroad.problem.field == "provider");
  CHECK(abroad.problem.reason == "nobody pays this country");
  // A script that goes wrong is no reason to refuse: only one provider pays this currency.
  CHECK(f.run_until_state(f.post(of_user("c", "crash")), "CONFIRMED"));
  REQUIRE(f.host->script_failures.size() == 1);
  CHECK(f.host->script_failures[0].find("routing: routing.lua:4") == 0);
  f.provider.the_state = providers::ProviderState::restarting;
  CHECK(f.await(f.host->engine().admit(of_user("d", "ama"))).problem.reason == "all are away");
}
