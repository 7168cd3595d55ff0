// What a payout waits for to be submitted or asked about: switches, pauses, halts, rates and dry runs, each
// by its name.
#include <catch2/catch.hpp>

#include "engine_fixture.hpp"

using namespace payoutd;
using namespace payoutd::test;
namespace json = boost::json;
using std::chrono::seconds;

namespace {

json::object explain(EngineFixture& f, const std::string& id) {
  const auto explanation = f.await(f.host->engine().explain(id));
  REQUIRE(explanation);
  return *explanation;
}

std::vector<std::string> kinds(const json::object& explanation) {
  std::vector<std::string> all;
  for (const json::value& one : explanation.at("waits_for").as_array())
    all.emplace_back(one.at("kind").as_string());
  return all;
}

std::string headline(const json::object& explanation) {
  return std::string(explanation.at("headline").as_string());
}

bool offers(const json::object& explanation, const std::string& command) {
  const json::array& all = explanation.at("commands").as_array();
  return std::any_of(all.begin(), all.end(),
                     [&](const json::value& one) { return one.as_string() == command; });
}

using Kinds = std::vector<std::string>;

}  // namespace

TEST_CASE("a payout that nothing stands before waits for nothing", "[explain]") {
  EngineFixture f;
  f.provider.on_submit = [](Order, Prepared) -> Awaitable<providers::SubmitReply> {
    co_return ScriptedProvider::reply(Submission::confirmed("paid"));
  };
  const std::string id = f.post("k");
  REQUIRE(f.run_until_state(id, "CONFIRMED"));
  CHECK(kinds(explain(f, id)).empty());
}

TEST_CASE("switches and pauses are what a payout waits for, with who did it and why", "[explain]") {
  EngineFixture f;
  f.await(f.host->engine().set_switch({"stop_submissions", true, "operator:awa", "incident 12"}));
  const std::string id = f.post("k");
  auto told = explain(f, id);
  CHECK(kinds(told) == Kinds{"stop_submissions"});
  CHECK_THAT(headline(told), Catch::Contains("Submissions are stopped") && Catch::Contains("operator:awa") &&
                                 Catch::Contains("incident 12"));
  CHECK(offers(told, "payoutctl switch set stop_submissions off"));
  CHECK_THAT(std::string(told.at("next").as_string()),
             Catch::Contains("Nothing is submitted while that is so"));

  f.await(f.host->engine().pause("acme", true, "operator:kofi", "they asked us to"));
  CHECK(kinds(explain(f, id)) == Kinds{"stop_submissions", "paused"});
  f.await(f.host->engine().set_switch({"stop_submissions", false, "operator:awa", ""}));
  told = explain(f, id);
  CHECK(kinds(told) == Kinds{"paused"});
  CHECK_THAT(headline(told), Catch::Contains("acme is paused") && Catch::Contains("they asked us to"));
  CHECK(offers(told, "payoutctl provider resume acme"));

  f.provider.the_state = providers::ProviderState::restarting;
  f.await(f.host->engine().pause("acme", false, "operator:kofi", ""));
  CHECK(kinds(explain(f, id)) == Kinds{"not_ready"});
}

TEST_CASE("what keeps anybody from asking about an open payout is told", "[explain]") {
  EngineFixture f;
  f.provider.on_query = [](Order order) -> Awaitable<Status> {
    co_return ScriptedProvider::found(Status::Kind::pending, order);
  };
  const std::string id = f.post("k");
  REQUIRE(f.run_until_state(id, "SENT"));
  f.await(f.host->engine().pause("acme", true, "operator:kofi", "they asked us to"));
  f.await(f.host->engine().set_switch({"stop_submissions", true, "operator:awa", "incident 12"}));
  CHECK(kinds(explain(f, id)).empty());  // both are about new payments

  f.provider.the_state = providers::ProviderState::restarting;
  // A question that is under way comes to its end.
  REQUIRE(f.run_until([&] { return f.value("select lease is null from app.payouts") == "t"; }));
  auto told = explain(f, id);
  CHECK(kinds(told) == Kinds{"not_ready"});
  CHECK_THAT(headline(told), Catch::Contains("acme's process is restarting"));
  CHECK_THAT(std::string(told.at("next").as_string()),
             Catch::Contains("Nobody asks the provider while that is so"));
  CHECK(offers(told, "payoutctl provider list"));

  f.await(f.host->engine().set_switch({"stop_writes", true, "operator:awa", "incident 13"}));
  told = explain(f, id);
  CHECK(kinds(told) == Kinds{"stop_writes", "not_ready"});
  CHECK(offers(told, "payoutctl switch set stop_writes off"));

  f.value("update app.payouts set provider = 'gone' where id = '" + id + "'");
  told = explain(f, id);
  CHECK(kinds(told) == Kinds{"stop_writes", "not_configured"});
  CHECK_THAT(std::string(told.at("waits_for").at(1).at("text").as_string()),
             Catch::Contains("No live host has provider gone configured: configure it again"));

  // Of a live host of an earlier version nobody knows what it has.
  f.value("insert into app.providers (name, plugin) values ('gone', '')");
  f.value(
      "insert into app.hosts (incarnation, name, version, pid) values (gen_random_uuid(), 'old', '0', 1)");
  f.await(f.host->engine().set_switch({"stop_writes", false, "operator:awa", ""}));
  told = explain(f, id);
  CHECK(kinds(told) == Kinds{"not_configured"});
  CHECK_THAT(headline(told), Catch::Contains("not configured on this host; another one asks"));
  CHECK_THAT(std::string(told.at("next").as_string()), Catch::Contains("The provider is asked again"));

  const auto blocked_if_the_other_has = [&](const std::string& providers) {
    f.value("update app.hosts set providers = '" + providers + "' where name = 'old'");
    f.await(f.host->engine().heart().beat_now());
    return explain(f, id).at("next").as_string() == "Nobody asks the provider while that is so.";
  };
  CHECK_FALSE(blocked_if_the_other_has("{acme,gone}"));
  CHECK(blocked_if_the_other_has("{acme}"));
}

TEST_CASE("a halted outflow is what a payout waits for", "[explain]") {
  EngineHost::Options options;
  options.limits.outflow[{"acme", "XOF"}].hour = Amount::parse("150").value();
  EngineFixture f(options);
  f.post("k1");
  f.post("k2");
  REQUIRE(f.run_until([&] { return f.value("select count(*) from app.outflow_halts") == "1"; }));
  // One of the two was let through. Until its payment is journaled it is PENDING like the other.
  REQUIRE(f.run_until([&] {
    return f.value("select count(*) from app.payouts where state = 'PENDING'") == "1" &&
           f.value("select count(*) from app.payouts where lease is not null") == "0";
  }));
  const std::string waiting = f.value("select id from app.payouts where state = 'PENDING'");
  const auto told = explain(f, waiting);
  CHECK(kinds(told) == Kinds{"outflow_halted"});
  CHECK_THAT(headline(told),
             Catch::Contains("outflow of XOF through acme is halted") && Catch::Contains("150"));
  CHECK(offers(told, "payoutctl limits lift acme XOF --note WHY"));
}

TEST_CASE("a provider's rate is what a payout waits for, behind so many others", "[explain]") {
  EngineFixture f;
  f.host->engine().set_pace({{"acme", {{{1, seconds{60}}, {}}, {}}}});
  std::vector<std::string> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(f.post("k" + std::to_string(i)));
  const auto told = explain(f, ids.back());
  CHECK(kinds(told) == Kinds{"submit_rate"});
  CHECK_THAT(headline(told), Catch::Contains("1/m") && Catch::Contains("4 payouts are due before this one"));
}

TEST_CASE("a dry run of one provider is told with who turned it on, and what turns it off", "[explain]") {
  EngineFixture f;
  f.await(f.host->engine().pause("acme", true, "operator:kofi", "their outage"));
  f.await(f.host->engine().set_dry_run("acme", true, "operator:awa", "rehearsal"));
  const auto told = explain(f, f.post("k"));
  CHECK(kinds(told) == Kinds{"paused", "dry_run"});
  CHECK_THAT(std::string(told.at("waits_for").at(0).at("text").as_string()),
             Catch::Contains("operator:kofi: their outage"));
  CHECK_THAT(std::string(told.at("waits_for").at(1).at("text").as_string()),
             Catch::Contains("for provider acme") && Catch::Contains("operator:awa: rehearsal"));
  CHECK(offers(told, "payoutctl provider dry-run acme off"));
}

TEST_CASE("an answer that could not be read is told with the attempt that was asked about", "[explain]") {
  EngineFixture f;
  f.provider.on_query = [](Order) -> Awaitable<Status> {
    throw std::runtime_error("the answer has no field 'status'");
    co_return Status{};
  };
  const std::string id = f.post("k");
  REQUIRE(f.run_until(
      [&] { return f.value("select message from app.attempts") == "the answer has no field 'status'"; }));
  const std::string evidence = std::string(explain(f, id).at("evidence").at(0).as_string());
  CHECK_THAT(evidence, Catch::Contains("query_cannot_tell. \"the answer has no field 'status'\""));
}

TEST_CASE("a dry run is told before it simulates", "[explain]") {
  EngineFixture f;
  f.await(f.host->engine().pause("acme", true, "operator:kofi", ""));
  f.await(f.host->engine().set_switch({"dry_run", true, "operator:awa", "rehearsal"}));
  const auto told = explain(f, f.post("k"));
  CHECK(kinds(told) == Kinds{"paused", "dry_run"});
  CHECK_THAT(std::string(told.at("waits_for").at(1).at("text").as_string()),
             Catch::Contains("SIMULATED") && Catch::Contains("rehearsal"));
}
