// The nine rules of the engine, each on a real database. The provider is scripted, because no real one can be
// made to answer late, contradict itself or change its scope on demand; the kill tests use the real thing.
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "core/ids.hpp"
#include "core/signal.hpp"
#include "engine_fixture.hpp"

namespace {

using namespace payoutd;
using namespace payoutd::test;
using engine::OperatorDecision;
using std::chrono::milliseconds;
using std::chrono::seconds;

// A submit that answers when the test says so.
struct Gate {
  explicit Gate(boost::asio::io_context& io) : signal(io.get_executor()) {}
  core::Signal signal;
  bool open = false;
  Awaitable<void> pass() {
    while (!open) co_await signal.wait(milliseconds{50});
  }
};

Awaitable<providers::SubmitReply> answer_after(Gate* gate, Submission submission, bool sign) {
  co_await gate->pass();
  co_return ScriptedProvider::reply(std::move(submission), true, sign);
}

Awaitable<providers::SubmitReply> answer(Submission submission, bool sign = false) {
  co_return ScriptedProvider::reply(std::move(submission), true, sign);
}

Awaitable<Status> say(Status status) {
  co_return status;
}

Status absent() {
  Status status;
  status.kind = Status::Kind::absent;
  return status;
}

std::string temporary_file(const std::string& name) {
  return (std::filesystem::temp_directory_path() / (name + std::to_string(::getpid()))).string();
}

}  // namespace

TEST_CASE("rule 1: an answer that comes after the payout was resolved is recorded on its own attempt",
          "[rules]") {
  EngineFixture f;
  Gate gate(f.io);
  f.provider.on_submit = [&](Order, Prepared) {
    return answer_after(&gate, Submission::confirmed("late"), true);
  };
  const std::string id = f.post("k1");
  REQUIRE(f.run_until_state(id, "SUBMITTING"));
  f.await(f.host->engine().pause("acme", true, "operator:test", "so that nothing is submitted meanwhile"));
  // Somebody else takes the payout over, as after a crash, and a human decides that it was not paid.
  f.value("update app.payouts set state = 'REVIEW', lease = null, version = version + 1 where id = '" + id +
          "'");
  const auto reply = f.await(f.host->engine().decide(
      {id, OperatorDecision::not_paid, "operator:test", "the statement shows nothing"}));
  REQUIRE(reply.done);
  gate.open = true;
  REQUIRE(f.run_until_state(id, "REVIEW"));
  CHECK(f.value("select reason from app.payouts where id = '" + id + "'") == "contradiction");
  CHECK(f.value("select outcome from app.attempts where payout_id = '" + id + "' and n = 1") ==
        "submit_confirmed");
  CHECK(f.run_until([&] { return f.host->observer().logged("engine.contradiction"); }));
  CHECK(f.provider.submitted.size() == 1);
}

TEST_CASE("rule 1: a decision of a query applies only if the payout did not change since it started",
          "[rules]") {
  EngineFixture f;
  Gate gate(f.io);
  f.provider.on_submit = [](Order, Prepared) { return answer(Submission::unknown("timeout", "no answer")); };
  int asked = 0;
  f.provider.on_query = [&](Order) -> Awaitable<Status> {
    ++asked;
    co_await gate.pass();
    co_return absent();
  };
  const std::string id = f.post("k1");
  REQUIRE(f.run_until([&] { return asked == 1; }));
  f.value("update app.payouts set version = version + 1, query_count = 7 where id = '" + id + "'");
  gate.open = true;
  f.run_for(milliseconds{80});
  CHECK(f.value("select absent_count from app.attempts where payout_id = '" + id + "'") != "2");
  CHECK(f.run_until([&] { return asked >= 2; }));
}

TEST_CASE("rule 2: absence counts only dated and twice, then the same reference is used again", "[rules]") {
  EngineFixture f;
  f.provider.the_contract.absence_is_proof_after = seconds{1};
  int submits = 0;
  f.provider.on_submit = [&](Order, Prepared) {
    return ++submits == 1 ? answer(Submission::unknown("timeout", "no answer"))
                          : answer(Submission::confirmed("paid"));
  };
  f.provider.on_query = [](Order) { return say(absent()); };
  const std::string id = f.post("k1");
  REQUIRE(f.run_until_state(id, "UNKNOWN"));
  f.run_for(milliseconds{700});
  CHECK(f.provider.queried.size() >= 2);
  CHECK(f.provider.submitted.size() == 1);  // many absences, none of them dated
  REQUIRE(f.run_until_state(id, "CONFIRMED"));
  REQUIRE(f.provider.submitted.size() == 2);
  CHECK(f.provider.submitted[0] == f.provider.submitted[1]);
  CHECK(f.value("select count(*) from app.attempts where payout_id = '" + id + "'") == "2");
  CHECK(f.value("select absent_count = 2 from app.attempts where payout_id = '" + id + "' and n = 1") == "t");
  CHECK(
      f.value(
          "select extract(epoch from max(b.journaled_at) - max(a.answer_deadline)) >= 1 from app.attempts a,"
          " app.attempts b where a.n = 1 and b.n = 2") == "t");
}

TEST_CASE("rule 2: absent after a sign of acceptance is asked again, then reviewed, never resent",
          "[rules]") {
  EngineFixture f;
  f.provider.on_submit = [](Order, Prepared) {
    return answer(Submission::unknown("http.202", "unreadable"), true);
  };
  f.provider.on_query = [](Order) { return say(absent()); };
  const std::string id = f.post("k1");
  REQUIRE(f.run_until_state(id, "REVIEW"));
  CHECK(f.provider.submitted.size() == 1);
  CHECK(f.provider.queried.size() > 2);
  CHECK(f.value("select reason from app.payouts where id = '" + id + "'") == "unresolved");
}

TEST_CASE("rule 3: found must match", "[rules]") {
  const std::string what = GENERATE("amount", "currency", "destination", "reference");
  EngineFixture f;
  f.provider.on_query = [what](Order order) {
    Status status = ScriptedProvider::found(Status::Kind::confirmed, order);
    if (what == "amount") status.found.amount = Amount::from_units(1);
    if (what == "currency") status.found.currency = "EUR";
    if (what == "destination") status.found.destination = "somebody else";
    if (what == "reference") status.found.reference = "another";
    return say(status);
  };
  const std::string id = f.post("k1");
  REQUIRE(f.run_until_state(id, "REVIEW"));
  CHECK(f.value("select reason from app.payouts where id = '" + id + "'") == "mismatch");
  CHECK(f.provider.submitted.size() == 1);
}

TEST_CASE("rule 4: the stricter of stored and current contract decides, and only within one scope",
          "[rules]") {
  EngineFixture f;
  f.provider.the_contract.absence_is_proof_after.reset();  // when it was submitted, absence proved nothing
  f.provider.on_submit = [](Order, Prepared) { return answer(Submission::unknown("timeout", "no answer")); };
  f.provider.on_query = [](Order) { return say(absent()); };
  const std::string id = f.post("k1");
  REQUIRE(f.run_until_state(id, "UNKNOWN"));
  SECTION("a later, more generous contract is not believed") {
    f.provider.the_contract.absence_is_proof_after = seconds{0};
    f.provider.the_contract.repeat = Repeat::harmless;
  }
  SECTION("other credentials prove nothing") {
    f.value("update app.contracts set contract = jsonb_set(contract, '{absence_is_proof_after_s}', '0')");
    f.provider.scope = "scope-2";
  }
  REQUIRE(f.run_until_state(id, "REVIEW"));
  CHECK(f.provider.submitted.size() == 1);
}

TEST_CASE("rule 5: the submit deadline is counted from before the journal", "[rules]") {
  EngineFixture f;
  const providers::BootTime before = providers::BootTime::now();
  const std::string id = f.post("k1");
  REQUIRE(f.run_until_state(id, "CONFIRMED"));
  REQUIRE(f.provider.deadlines.size() == 1);
  CHECK(f.provider.deadlines[0] > before);
  CHECK(f.provider.deadlines[0] < providers::BootTime::now() + f.provider.the_contract.submit_window);
  // The database's own deadline, by its clock, lies at the same distance behind the journal.
  CHECK(f.value("select extract(epoch from submit_deadline - journaled_at) from app.attempts") == "0.200000");
}

TEST_CASE("rule 5: a host whose heart is silent submits nothing and reaps nobody", "[rules]") {
  EngineFixture f;
  REQUIRE(f.host->engine().heart().fresh());
  CHECK_FALSE(f.host->engine().heart().may_reap());
  f.host->engine().heart().stop();
  REQUIRE(f.run_until([&] { return !f.host->engine().heart().fresh(); }, seconds{5}));
  const std::string id = f.post("k1");
  f.run_for(milliseconds{500});
  CHECK(f.state(id) == "PENDING");
  CHECK(f.provider.submitted.empty());
}

TEST_CASE("rule 5: a dead host's payouts are reaped after 5 s of unbroken beats, and asked about",
          "[rules]") {
  EngineFixture f;
  Gate gate(f.io);
  f.provider.on_submit = [&](Order, Prepared) { return answer_after(&gate, Submission::accepted({}), true); };
  const std::string id = f.post("k1");
  REQUIRE(f.run_until_state(id, "SUBMITTING"));
  // The lease of a host that never was: as good as dead for a long time.
  f.value("update app.payouts set lease = '" + core::random_uuid() + "', version = version + 1 where id = '" +
          id + "'");
  const auto began = std::chrono::steady_clock::now();
  REQUIRE(f.run_until_state(id, "CONFIRMED", seconds{15}));
  CHECK(std::chrono::steady_clock::now() - began > seconds{3});
  CHECK(f.provider.submitted.size() == 1);
  CHECK(f.value("select count(*) from app.events where kind = 'recovered'") == "1");
  gate.open = true;
  f.run_for(milliseconds{200});
  CHECK(f.state(id) == "CONFIRMED");
}

TEST_CASE("rule 6: the send log of a dead predecessor proves what was not sent", "[rules]") {
  EngineFixture f;
  const bool marked = GENERATE(false, true);
  Gate gate(f.io);
  f.provider.on_submit = [&](Order, Prepared) {
    return answer_after(&gate, Submission::unknown("gone", ""), false);
  };
  const std::string id = f.post("k1");
  REQUIRE(f.run_until_state(id, "SUBMITTING"));
  const std::string attempt = f.value("select id from app.attempts");
  const std::string predecessor = core::random_uuid();
  f.value("update app.payouts set lease = '" + predecessor + "', version = version + 1");
  f.value("update app.attempts set host = '" + predecessor + "'");

  ScriptedProvider successor("acme");
  successor.the_contract = f.provider.the_contract;
  successor.inherited = std::vector<providers::SendLogEntry>{{attempt, marked}};
  f.provider.the_state = providers::ProviderState::stopped;
  EngineHost::Options options;
  options.name = "host-b";
  options.predecessors = {predecessor};
  EngineHost second(f.io, f.database, successor, options);
  REQUIRE(f.run_until_state(id, "CONFIRMED"));
  if (marked) {
    CHECK(successor.submitted.empty());  // it may have left: asked, not sent again
    CHECK(f.value("select count(*) from app.attempts") == "1");
  } else {
    CHECK(successor.submitted.size() == 1);
    CHECK(successor.submitted[0] == f.provider.submitted[0]);
    CHECK(f.value("select code from app.attempts where n = 1") == "not_sent");
  }
  gate.open = true;
  f.run_for(milliseconds{50});
}

TEST_CASE("rule 7: one live attempt per payout, against every writer", "[rules]") {
  EngineFixture f;
  f.provider.on_query = [](Order order) {
    return say(ScriptedProvider::found(Status::Kind::pending, order));
  };
  const std::string id = f.post("k1");
  REQUIRE(f.run_until_state(id, "SENT"));
  const std::string copy =
      "insert into app.attempts (id, payout_id, n, provider, contract_id, plugin_version, reference, "
      "reference_n,"
      " artefact, artefact_format, lookup, host, submit_deadline, answer_deadline)"
      " select gen_random_uuid(), payout_id, n + 1, provider, contract_id, plugin_version, 'other', 2, "
      "artefact, 1,"
      " '{}', host, now(), now() from app.attempts";
  CHECK_THROWS_WITH(f.value(copy), Catch::Contains("attempts_one_live"));
}

TEST_CASE("rule 7: every change of state has its event", "[rules]") {
  EngineFixture f;
  int submits = 0;
  f.provider.on_submit = [&](Order, Prepared) {
    return ++submits == 1 ? answer(Submission::not_accepted("not_sent", "refused connection"))
                          : answer(Submission::accepted({}), true);
  };
  const std::string id = f.post("k1");
  REQUIRE(f.run_until_state(id, "CONFIRMED"));
  CHECK(f.value("select string_agg(coalesce(from_state::text, '-') || '>' || to_state, ' ' order by id) from "
                "app.events") ==
        "->PENDING PENDING>SUBMITTING SUBMITTING>PENDING PENDING>SUBMITTING SUBMITTING>SENT SENT>CONFIRMED");
}

TEST_CASE("rule 8: a database that went back in time stops submits until what is open is resolved",
          "[rules]") {
  const std::string mark = temporary_file("payoutd-high-water-");
  {
    std::ofstream out(mark);
    out << R"({"timeline": "00000001", "system_identifier": ")"
        << DatabaseServer::shared().fresh_database().value(
               "select system_identifier from pg_control_system()")
        << R"(", "last_event": 1000000})";
  }
  EngineHost::Options options;
  options.high_water_file = mark;
  EngineFixture f(options);
  CHECK(f.host->observer().logged("engine.history_changed"));
  REQUIRE(f.run_until([&] { return f.host->engine().heart().history_trusted(); }));
  std::filesystem::remove(mark);
}

TEST_CASE("rule 8: after a failover a payout that may have been sent is looked up before it is submitted",
          "[rules]") {
  EngineFixture f;
  f.provider.the_contract.repeat = Repeat::unknown;
  f.provider.the_contract.submit_window = f.provider.the_contract.response_timeout = milliseconds{50};
  f.provider.the_state = providers::ProviderState::restarting;
  const std::string id = f.post("k1");
  f.value("update app.payouts set verify_first = true, updated_at = now()");
  SECTION("found: adopted, not submitted") {
    f.provider.the_state = providers::ProviderState::ready;
    REQUIRE(f.run_until_state(id, "CONFIRMED"));
    CHECK(f.provider.submitted.empty());
  }
  SECTION("absent twice, dated: submitted") {
    f.provider.on_query = [&](Order order) {
      return say(f.provider.submitted.empty() ? absent()
                                              : ScriptedProvider::found(Status::Kind::confirmed, order));
    };
    f.provider.the_state = providers::ProviderState::ready;
    REQUIRE(f.run_until_state(id, "CONFIRMED"));
    CHECK(f.provider.submitted.size() == 1);
    CHECK(f.provider.queried.size() >= 2);
  }
  SECTION("absence proves nothing here: a human decides") {
    f.provider.the_contract.absence_is_proof_after.reset();
    f.provider.on_query = [](Order) { return say(absent()); };
    f.provider.the_state = providers::ProviderState::ready;
    REQUIRE(f.run_until_state(id, "REVIEW"));
    CHECK(f.provider.submitted.empty());
  }
}

TEST_CASE("rule 8: references are derived, so that a forgotten payout gets its old ones", "[rules]") {
  const Secret key("some instance key of 32 characters");
  const ReferenceFormat uuid;
  const auto one = core::derive_reference(key, {"c", "k", "p", 1}, uuid);
  CHECK(one == core::derive_reference(key, {"c", "k", "p", 1}, uuid));
  CHECK(core::is_uuid(one));
  CHECK(one[14] == '4');
  for (const core::ReferenceSeed& other : {core::ReferenceSeed{"c2", "k", "p", 1},
                                           {"c", "k2", "p", 1},
                                           {"c", "k", "p2", 1},
                                           {"c", "k", "p", 2},
                                           {"ck", "", "p", 1}}) {
    CHECK(core::derive_reference(key, other, uuid) != one);
  }
  CHECK(core::derive_reference(Secret("another instance key, 32 chars long"), {"c", "k", "p", 1}, uuid) !=
        one);
  const ReferenceFormat digits{false, "0123456789", 20};
  CHECK(core::derive_reference(key, {"c", "k", "p", 1}, digits).find_first_not_of("0123456789") ==
        std::string::npos);
}

TEST_CASE("rule 8: a submit whose outcome a database forgot is asked about without waiting for its lease",
          "[rules]") {
  EngineFixture f;
  f.provider.on_query = [](Order order) {
    return say(ScriptedProvider::found(Status::Kind::pending, order));
  };
  const std::string id = f.post("k1");
  REQUIRE(f.run_until_state(id, "SENT"));
  REQUIRE(f.run_until([&] { return f.value("select lease is null from app.payouts") == "t"; }));
  // As a replica would have it that was cut off before the outcome reached it.
  f.value("update app.attempts set outcome = null, code = null, closed_at = null");
  f.value("update app.payouts set state = 'SUBMITTING', lease = '" + f.host->incarnation() +
          "', leased_at = now(), updated_at = now() - interval '3 seconds', version = version - 1");
  f.provider.on_query = nullptr;
  REQUIRE(f.run_until_state(id, "CONFIRMED", seconds{10}));
  CHECK(f.host->observer().logged("engine.lease_forgotten"));
  CHECK(f.provider.submitted.size() == 1);
}

TEST_CASE("rule 8: a payout that a database forgot has its old id when it is posted again", "[rules]") {
  EngineFixture f;
  const std::string id = f.post("k1");
  CHECK(core::is_uuid(id));
  CHECK(f.post("k2") != id);
  auto other_client = EngineFixture::request("k1", "100");
  other_client.client_id = "another";
  CHECK(f.post(other_client) != id);
  EngineFixture forgetful;
  CHECK(forgetful.post("k1") == id);
}

TEST_CASE("rule 9: a confirmed payout is watched and its reversal seen", "[rules]") {
  EngineFixture f;
  f.provider.the_contract.reversal_window = seconds{3600};
  const std::string id = f.post("k1");
  REQUIRE(f.run_until_state(id, "CONFIRMED"));
  CHECK(f.value("select next_action_at > now() + interval '30 seconds' from app.payouts") == "t");
  f.provider.on_query = [](Order order) {
    return say(ScriptedProvider::found(Status::Kind::reversed, order));
  };
  f.value("update app.payouts set next_action_at = now()");
  REQUIRE(f.run_until_state(id, "REVERSED"));
}
