// Rule 8, from the side of what was lost: a failover or a restore took commits away that were acknowledged.
#include <catch2/catch.hpp>

#include "core/signal.hpp"
#include "engine_fixture.hpp"

namespace {

using namespace payoutd;
using namespace payoutd::test;
using engine::OperatorDecision;
using std::chrono::milliseconds;
using std::chrono::seconds;

Awaitable<Status> say(Status status) {
  co_return status;
}

Status absent() {
  Status status;
  status.kind = Status::Kind::absent;
  return status;
}

Awaitable<providers::SubmitReply> accept_after(core::Signal* opened, const bool* open) {
  while (!*open) co_await opened->wait(milliseconds{20});
  Submission accepted;
  accepted.kind = Submission::Kind::accepted;
  co_return ScriptedProvider::reply(std::move(accepted), true, true);
}

/// A provider that may pay a repeat, so that nothing is submitted twice on hope.
void pays_repeats(ScriptedProvider& provider) {
  provider.the_contract.repeat = Repeat::unknown;
  provider.the_contract.submit_window = provider.the_contract.response_timeout = milliseconds{50};
}

/// The host notices that commits were lost, and has settled what was open.
void lose_commits(EngineFixture& f) {
  f.host->engine().heart().suspect_history("the test says so");
  REQUIRE(f.run_until([&] { return f.host->engine().heart().history_trusted(); }));
}

/// As a host finds a payout after commits were lost: it waits, and may have been paid.
std::string marked(EngineFixture& f, const std::string& key) {
  const auto before = f.provider.the_state;
  f.provider.the_state = providers::ProviderState::restarting;
  const std::string id = f.post(key);
  f.value("update app.payouts set verify_first = true where id = '" + id + "'");
  f.provider.the_state = before;
  return id;
}

engine::OperatorReply decide(EngineFixture& f, const std::string& id, OperatorDecision decision) {
  return f.await(f.host->engine().decide({id, decision, "operator:awa", "looked at the portal"}));
}

std::string reason(EngineFixture& f, const std::string& id) {
  return f.value("select reason from app.payouts where id = '" + id + "'");
}

}  // namespace

TEST_CASE("rule 8: what clients post again after commits were lost is looked up before it is submitted",
          "[rules]") {
  EngineFixture f;
  pays_repeats(f.provider);
  lose_commits(f);
  CHECK(f.value("select enabled || ' ' || changed_by from app.switches where name = 'look_up_first'") ==
        "true host:host-a");
  SECTION("paid before: found, and not paid again") {
    const std::string id = f.post("forgotten");
    REQUIRE(f.run_until_state(id, "CONFIRMED"));
    CHECK(f.provider.submitted.empty());
  }
  SECTION("a provider that cannot prove absence: a human decides") {
    f.provider.the_contract.absence_is_proof_after.reset();
    f.provider.on_query = [](Order) { return say(absent()); };
    const std::string id = f.post("forgotten");
    REQUIRE(f.run_until_state(id, "REVIEW"));
    CHECK(f.provider.submitted.empty());
  }
  SECTION("until somebody says that everything was posted again") {
    f.await(f.host->engine().set_switch({"look_up_first", false, "operator:awa", "all of it"}));
    f.provider.on_query = [](Order order) {
      return say(ScriptedProvider::found(Status::Kind::confirmed, order));
    };
    const std::string id = f.post("new");
    REQUIRE(f.run_until_state(id, "CONFIRMED"));
    CHECK(f.provider.submitted.size() == 1);
  }
}

TEST_CASE("rule 8: where a repeat is refused as a duplicate, nothing is looked up first", "[rules]") {
  EngineFixture f;
  lose_commits(f);
  const std::string id = f.post("new");
  REQUIRE(f.run_until_state(id, "CONFIRMED"));
  CHECK(f.provider.submitted.size() == 1);
  CHECK(f.value("select verify_first from app.payouts") == "f");
  SECTION("unless the provider remembers for a time only") {
    f.provider.the_contract.repeat_window = seconds{3600};
    const std::string other = f.post("other");
    REQUIRE(f.run_until_state(other, "CONFIRMED"));
    CHECK(f.provider.submitted.size() == 1);
  }
}

TEST_CASE("rule 8: an answer to an attempt that was lost does not make a payout that nobody can ask about",
          "[rules]") {
  EngineFixture f;
  pays_repeats(f.provider);
  core::Signal opened(f.io.get_executor());
  bool open = false;
  f.provider.the_contract.response_timeout = seconds{10};
  f.provider.on_submit = [&](Order, Prepared) { return accept_after(&opened, &open); };
  const std::string id = f.post("k1");
  REQUIRE(f.run_until([&] { return f.provider.submitted.size() == 1; }));
  // The new primary has the payout as it was before it was journaled.
  f.value("delete from app.attempts");
  f.value(
      "update app.payouts set state = 'PENDING', version = version - 1, attempt_count = 0, lease = null,"
      " leased_at = null, next_action_at = now() + interval '1 hour'");
  lose_commits(f);
  open = true;
  opened.notify();
  REQUIRE(f.run_until_state(id, "REVIEW"));
  CHECK(reason(f, id) == "contradiction");
  CHECK(f.provider.submitted.size() == 1);
}

TEST_CASE("rule 8: a payout that is SENT by an attempt that was lost comes to a human", "[rules]") {
  EngineFixture f;
  f.provider.on_query = [](Order order) {
    return say(ScriptedProvider::found(Status::Kind::pending, order));
  };
  const std::string id = f.post("k1");
  REQUIRE(f.run_until_state(id, "SENT"));
  REQUIRE(f.run_until([&] { return f.value("select lease is null from app.payouts") == "t"; }));
  f.value("delete from app.attempts");
  f.value("update app.payouts set next_action_at = now()");
  REQUIRE(f.run_until_state(id, "REVIEW"));
  CHECK(reason(f, id) == "unresolved");
  CHECK(decide(f, id, OperatorDecision::paid).done);
  CHECK(f.state(id) == "CONFIRMED");
}

TEST_CASE("rule 8: nothing that may have been paid ends as not paid unasked", "[rules]") {
  EngineFixture f;
  f.provider.the_state = providers::ProviderState::restarting;
  const std::string id = marked(f, "k1");
  SECTION("cancelled: a human looks first") {
    CHECK(decide(f, id, OperatorDecision::cancel).state == core::State::review);
    CHECK(reason(f, id) == "cancel_asked");
    SECTION("it was paid") {
      CHECK(decide(f, id, OperatorDecision::paid).done);
      CHECK(f.state(id) == "CONFIRMED");
    }
    SECTION("it was not: it is cancelled, and not paid in between") {
      CHECK(decide(f, id, OperatorDecision::not_paid).done);
      CHECK(f.state(id) == "CANCELLED");
    }
  }
  SECTION("held and rejected: the same") {
    CHECK(decide(f, id, OperatorDecision::hold).done);
    CHECK(decide(f, id, OperatorDecision::reject).state == core::State::review);
  }
  SECTION("cannot be prepared any more") {
    f.provider.on_prepare = [](const Order&) {
      Prepared prepared;
      prepared.impossible = Problem{"destination", "is closed"};
      return prepared;
    };
    f.provider.the_state = providers::ProviderState::ready;
    REQUIRE(f.run_until_state(id, "REVIEW"));
    CHECK(reason(f, id) == "may_have_been_paid");
  }
  SECTION("a dry run says nothing about it") {
    f.await(f.host->engine().set_switch({"dry_run", true, "operator:awa", ""}));
    f.provider.the_state = providers::ProviderState::ready;
    f.run_for(milliseconds{1'500});
    CHECK(f.state(id) == "PENDING");
    CHECK(f.provider.submitted.empty());
  }
}

TEST_CASE("rule 8: a rule that denies what may have been paid holds it", "[rules]") {
  EngineHost::Options options;
  options.scripts = {{"abuse/no.lua",
                      "local rule = {}\nrule.needs = {}\n"
                      "function rule.check(payout, history) return 'deny', 'never', 'never again' end\n"
                      "rule.tests = { { name = 'no', payout = {}, history = {}, expect = 'deny' } }\n"
                      "return rule\n"}};
  EngineFixture f(options);
  const std::string id = marked(f, "k1");
  REQUIRE(f.run_until_state(id, "HELD"));
  CHECK(reason(f, id) == "never");
  const std::string other = f.post("k2");
  REQUIRE(f.run_until_state(other, "FAILED"));
}
