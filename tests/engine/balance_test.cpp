// A payout is submitted only while the provider's balance covers it: less the minimum, less what is in
// flight, with the margin; and never while nobody knows the balance.
#include <catch2/catch.hpp>

#include "core/test_payout.hpp"
#include "engine_fixture.hpp"
#include "providers/provider_process.hpp"

using namespace payoutd;
using namespace payoutd::test;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

core::MinimumBalance rule(const std::string& minimum, int margin_percent = 0,
                          milliseconds max_age = seconds{60}) {
  return {"XOF", Amount::parse(minimum).value(), margin_percent, max_age};
}

/// Everything is accepted and stays SENT, so that it stays in flight.
void keep_in_flight(ScriptedProvider& provider) {
  provider.on_query = [](Order order) -> Awaitable<Status> {
    co_return ScriptedProvider::found(Status::Kind::pending, order);
  };
}

void confirm_at_once(ScriptedProvider& provider) {
  provider.on_submit = [](Order, Prepared) -> Awaitable<providers::SubmitReply> {
    co_return ScriptedProvider::reply(Submission::confirmed("paid"));
  };
}

/// Sets the rule and waits until the balance was asked for under it.
void check_balance(EngineFixture& f, const core::MinimumBalance& rule) {
  const int before = f.provider.balances_asked;
  f.host->engine().set_minimum_balances({{"acme", rule}});
  REQUIRE(f.run_until([&] {
    return f.provider.balances_asked > before && f.host->engine().balances().view("acme")->available;
  }));
}

engine::BalanceGate::View view(EngineFixture& f) {
  return f.host->engine().balances().view("acme").value();
}

std::string waits_for(EngineFixture& f, const std::string& id) {
  const auto told = f.await(f.host->engine().explain(id));
  const auto& all = told->at("waits_for").as_array();
  return all.empty() ? "" : std::string(all.front().at("kind").as_string());
}

/// Posts so many of 100 that are claimed together.
std::vector<std::string> post_together(EngineFixture& f, int count) {
  f.await(f.host->engine().pause("acme", true, "operator:test", ""));
  std::vector<std::string> ids;
  for (int i = 0; i < count; ++i) ids.push_back(f.post("k" + std::to_string(i)));
  f.await(f.host->engine().pause("acme", false, "operator:test", ""));
  return ids;
}

std::string count_of(EngineFixture& f, const std::string& state) {
  return f.value("select count(*) from app.payouts where state = '" + state + "'");
}

}  // namespace

TEST_CASE("a payout whose amount and margin just fit goes out; a unit less, and it waits without failing",
          "[balance]") {
  EngineFixture f;
  confirm_at_once(f.provider);
  f.provider.money = "159.99999999";
  check_balance(f, rule("50", 10));
  const std::string id = f.post("k", "100");
  REQUIRE(f.run_until([&] { return f.host->observer().deferred["XOF"] > 0; }));
  CHECK(f.state(id) == "PENDING");
  REQUIRE(f.run_until([&] { return f.value("select reason from app.payouts") == "balance_low"; }));
  CHECK(f.value("select lease is null and attempt_count = 0 and version = 1 from app.payouts") == "t");
  CHECK(f.value("select next_action_at > now() + interval '2 seconds' from app.payouts") == "t");
  CHECK(waits_for(f, id) == "balance_low");
  CHECK(view(f).low);
  CHECK(f.host->observer().logged("engine.balance_defers"));
  CHECK(f.provider.submitted.empty());

  f.provider.money = "160";
  check_balance(f, rule("50", 10, seconds{30}));
  CHECK(waits_for(f, id).empty());
  REQUIRE(f.run_until_state(id, "CONFIRMED"));
  CHECK(f.value("select coalesce(reason, 'none') from app.payouts") == "none");
}

TEST_CASE("nothing is asked and nothing waits without a minimum balance", "[balance]") {
  EngineFixture f;
  f.run_for(milliseconds{300});
  CHECK(f.provider.balances_asked == 0);
  CHECK_FALSE(f.host->engine().balances().view("acme"));
  CHECK(f.run_until_state(f.post("k"), "CONFIRMED"));
}

TEST_CASE("of payouts that are claimed together no more go out than the balance covers", "[balance]") {
  EngineFixture f;
  keep_in_flight(f.provider);
  f.provider.money = "550";
  check_balance(f, rule("0", 0));
  post_together(f, 12);
  REQUIRE(f.run_until([&] { return count_of(f, "SENT") == "5"; }));
  REQUIRE(f.run_until(
      [&] { return f.value("select count(*) from app.payouts where reason = 'balance_low'") == "7"; }));
  f.run_for(milliseconds{300});
  CHECK(f.provider.submitted.size() == 5);
}

TEST_CASE("what is in flight is taken off each new sample, until the provider shows it", "[balance]") {
  EngineFixture f;
  keep_in_flight(f.provider);
  f.provider.money = "250";  // of a provider that takes the money at the end
  check_balance(f, rule("0", 0, seconds{1}));
  post_together(f, 4);
  REQUIRE(f.run_until([&] { return count_of(f, "SENT") == "2"; }));
  const int asked = f.provider.balances_asked;
  REQUIRE(f.run_until([&] { return f.provider.balances_asked > asked + 3; }));
  CHECK(view(f).in_flight == Amount::parse("200").value());
  CHECK(count_of(f, "SENT") == "2");
  // They are paid and taken off by the provider: as much is left as before.
  f.provider.on_query = {};
  f.provider.money = "50";
  REQUIRE(f.run_until([&] { return count_of(f, "CONFIRMED") == "2"; }));
  REQUIRE(f.run_until([&] { return view(f).in_flight.is_zero(); }));
  CHECK(count_of(f, "PENDING") == "2");
  f.provider.money = "250";
  REQUIRE(f.run_until([&] { return count_of(f, "CONFIRMED") == "4"; }));
}

TEST_CASE("what was paid since the balance was asked for counts, though it is in flight no more",
          "[balance]") {
  EngineFixture f;
  confirm_at_once(f.provider);
  f.provider.money = "150";
  check_balance(f, rule("0", 0));
  REQUIRE(f.run_until_state(f.post("k1"), "CONFIRMED"));
  const std::string second = f.post("k2");
  REQUIRE(f.run_until(
      [&] { return f.value("select count(*) from app.payouts where reason = 'balance_low'") == "1"; }));
  CHECK(view(f).in_flight == Amount::parse("100").value());
  CHECK(f.state(second) == "PENDING");
  CHECK(f.provider.submitted.size() == 1);
}

TEST_CASE("a payment that is confirmed while the balance is being told counts", "[balance]") {
  EngineFixture f;
  confirm_at_once(f.provider);
  f.provider.money = "150";
  check_balance(f, rule("0", 0));
  // The provider reads its books, then the payment is made and confirmed, then its answer arrives.
  bool read = false;
  bool answer = false;
  f.provider.on_balance = [&]() -> Awaitable<Balance> {
    const Amount told = Amount::parse("150").value();
    read = true;
    boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor);
    while (!answer) {
      timer.expires_after(milliseconds{5});
      co_await timer.async_wait(boost::asio::use_awaitable);
    }
    co_return Balance{told, "XOF"};
  };
  f.host->engine().set_minimum_balances({{"acme", rule("0", 0, seconds{59})}});
  REQUIRE(f.run_until([&] { return read; }));
  REQUIRE(f.run_until_state(f.post("k1"), "CONFIRMED"));
  answer = true;
  REQUIRE(f.run_until([&] { return f.provider.balances_asked == 2 && view(f).in_flight.units() > 0; }));
  f.run_for(milliseconds{300});
  CHECK(view(f).in_flight == Amount::parse("100").value());
  const std::string second = f.post("k2");
  f.run_for(milliseconds{500});
  CHECK(f.state(second) == "PENDING");
  CHECK(f.provider.submitted.size() == 1);
}

TEST_CASE("while the provider does not tell its balance nothing goes out", "[balance]") {
  EngineFixture f;
  confirm_at_once(f.provider);
  bool answers = false;
  f.provider.on_balance = [&answers]() -> Awaitable<Balance> {
    if (!answers) throw providers::CallFailed(true, "HTTP 503");
    co_return Balance{Amount::parse("1000").value(), "XOF"};
  };
  f.host->engine().set_minimum_balances({{"acme", rule("0", 0, seconds{1})}});
  const std::string id = f.post("k");
  REQUIRE(f.run_until([&] { return f.value("select reason from app.payouts") == "balance_unknown"; }));
  CHECK(f.state(id) == "PENDING");
  CHECK(waits_for(f, id) == "balance_unknown");
  REQUIRE(f.run_until([&] { return view(f).trouble == "HTTP 503"; }));
  CHECK(f.provider.submitted.empty());
  CHECK(f.host->observer().logged("engine.balance_unread"));
  answers = true;
  REQUIRE(f.run_until_state(id, "CONFIRMED"));
  CHECK(f.host->observer().logged("engine.balance_read"));
  // One answer that does not come changes nothing while the last one is young; then nothing goes out again.
  answers = false;
  REQUIRE(f.run_until([&] { return !view(f).available.has_value(); }, seconds{5}));
  const std::string late = f.post("late");
  f.run_for(milliseconds{300});
  CHECK(f.state(late) == "PENDING");
}

TEST_CASE("a balance that can never be compared is said to be so, and nothing goes out", "[balance]") {
  EngineFixture f;
  core::MinimumBalance asked = rule("0", 0, seconds{1});
  std::string why;
  SECTION("the plugin has none") {
    f.provider.on_balance = []() -> Awaitable<Balance> {
      throw providers::PluginError("unsupported", "acme: this provider has no balance to ask for", {});
      co_return Balance{};
    };
    why = "its plugin has no balance to ask for, so it can have no minimum_balance";
  }
  SECTION("it is in another currency") {
    f.provider.on_balance = []() -> Awaitable<Balance> {
      co_return Balance{Amount::parse("1000").value(), "EUR"};
    };
    why = "its balance is in EUR, and its minimum_balance in XOF";
  }
  SECTION("the provider does not pay its currency") {
    asked.currency = "BAN";
    why = "it pays no BAN";
  }
  f.host->engine().set_minimum_balances({{"acme", asked}});
  const std::string id = f.post("k");
  REQUIRE(f.run_until([&] { return f.value("select reason from app.payouts") == "balance_unknown"; }));
  REQUIRE(f.run_until([&] { return view(f).trouble.find(why) != std::string::npos; }));
  CHECK(waits_for(f, id) == "balance_unknown");
  CHECK(f.provider.submitted.empty());
  // Taken out of the configuration, it holds nothing back any more.
  f.host->engine().set_minimum_balances({});
  CHECK(f.run_until_state(id, "CONFIRMED"));
}

TEST_CASE("payouts in another currency of the provider, and tests, are not held back", "[balance]") {
  EngineFixture f;
  f.provider.money = "0";
  check_balance(f, rule("0"));
  engine::PayoutRequest euros = EngineFixture::request("eur");
  euros.money = parse_money("5", "EUR").value();
  CHECK(f.run_until_state(f.post(std::move(euros)), "CONFIRMED"));
  engine::PayoutRequest test = EngineFixture::request("test");
  test.client_id = core::kTestClient;
  CHECK(f.run_until_state(f.post(std::move(test)), "SIMULATED"));
}

TEST_CASE("what never came to be journaled is not counted for long", "[balance]") {
  EngineFixture f;
  f.provider.money = "150";
  check_balance(f, rule("0"));
  int refused = 0;
  f.provider.on_prepare = [&refused](const Order& order) -> Prepared {
    if (++refused <= 2) throw std::runtime_error("no quotation");
    Prepared prepared;
    prepared.artefact = "artefact of " + order.reference;
    return prepared;
  };
  const std::string id = f.post("k");
  REQUIRE(f.run_until_state(id, "CONFIRMED"));
  CHECK(refused == 3);
  CHECK(view(f).in_flight == Amount::parse("100").value());
}

TEST_CASE("what other hosts let through is known within a second", "[balance]") {
  EngineFixture f;
  keep_in_flight(f.provider);
  f.provider.money = "250";
  check_balance(f, rule("0"));
  EngineHost::Options options;
  options.name = "host-b";
  EngineHost other(f.io, f.database, f.provider, options);
  f.await(f.host->engine().pause("acme", true, "operator:test", ""));
  f.await(f.host->engine().heart().beat_now());
  REQUIRE(f.host->engine().heart().last().working_hosts == 2);
  // As if the other one had submitted two: it has no rule of its own.
  f.value("update app.providers set paused = false returning 1");
  f.await(other.engine().heart().beat_now());
  f.post("k1");
  f.post("k2");
  const int asked = f.provider.balances_asked;
  REQUIRE(f.run_until([&] { return count_of(f, "SENT") == "2"; }));
  REQUIRE(f.run_until([&] { return view(f).in_flight == Amount::parse("200").value(); }, seconds{5}));
  CHECK(f.provider.balances_asked == asked);
}

TEST_CASE("a long queue that waits for money costs few claims", "[balance]") {
  EngineFixture f;
  f.provider.the_contract.concurrency = 500;
  check_balance(f, rule("0"));
  CHECK(f.host->engine().balances().worth_claiming("acme", 500) == 500);
  f.post("k");
  REQUIRE(f.run_until([&] { return f.host->observer().deferred["XOF"] > 0; }));
  CHECK(f.host->engine().balances().worth_claiming("acme", 500) == 16);
  CHECK(f.host->engine().balances().worth_claiming("acme", 4) == 4);
}
