// Ways of a payout that the rules do not name: admission, refusals, schedules, operators, drain.
#include <catch2/catch.hpp>

#include "core/ids.hpp"
#include "engine_fixture.hpp"
#include "store/housekeeping.hpp"

namespace {

using namespace payoutd;
using namespace payoutd::test;
using engine::AdmissionReply;
using engine::OperatorDecision;
using std::chrono::milliseconds;
using std::chrono::seconds;

Awaitable<providers::SubmitReply> answer(Submission submission) {
  co_return ScriptedProvider::reply(std::move(submission));
}
Awaitable<Status> say(Status status) {
  co_return status;
}

engine::PayoutRequest request(const std::string& key, const std::string& amount = "100") {
  return EngineFixture::request(key, amount);
}

}  // namespace

TEST_CASE("admission: the same key and payload is the same payout, another payload a conflict", "[life]") {
  EngineFixture f;
  const auto first = f.await(f.host->engine().admit(request("k")));
  CHECK(first.kind == AdmissionReply::Kind::created);
  const auto again = f.await(f.host->engine().admit(request("k")));
  CHECK(again.kind == AdmissionReply::Kind::replayed);
  CHECK(again.payout_id == first.payout_id);
  CHECK(again.created_at == first.created_at);
  CHECK(again.provider == "acme");
  const auto other = f.await(f.host->engine().admit(request("k", "101")));
  CHECK(other.kind == AdmissionReply::Kind::conflict);
  CHECK_FALSE(other.existing_payload.empty());
  CHECK(f.value("select count(*) from app.payouts") == "1");
}

TEST_CASE("admission: what was answered once is answered again, whatever the provider says today", "[life]") {
  EngineFixture f;
  const auto first = f.await(f.host->engine().admit(request("k")));
  f.provider.the_contract.currencies = {{"EUR", 2}};
  const auto again = f.await(f.host->engine().admit(request("k")));
  CHECK(again.kind == AdmissionReply::Kind::replayed);
  CHECK(again.payout_id == first.payout_id);
  CHECK(f.await(f.host->engine().admit(request("k", "7"))).kind == AdmissionReply::Kind::conflict);
  CHECK(f.await(f.host->engine().admit(request("new"))).kind == AdmissionReply::Kind::refused);
}

TEST_CASE("admission: a batch that is written again after its commit was in doubt created what it created",
          "[life]") {
  EngineFixture f;
  store::NewPayout payout;
  payout.id = core::random_uuid();
  payout.client_id = "shop";
  payout.idempotency_key = "k";
  payout.payload = "{}";
  payout.payload_hash = "hash";
  payout.provider = "acme";
  payout.money = parse_money("100", "XOF").value();
  payout.destination = "22507000001";
  payout.flow_id = "flow";
  payout.actor = "client:shop";
  auto connection = f.database.connect();
  const auto write = [&](const std::string& batch) {
    return store::in_transaction(connection, [&](pqxx::transaction_base& work) {
      work.exec("insert into app.batches (id) values ('" + batch + "') on conflict do nothing");
      return store::admit(work, std::span(&payout, 1), f.host->incarnation(), batch).front();
    });
  };
  const std::string first = core::random_uuid();
  CHECK(write(first).kind == store::Admitted::Kind::created);
  CHECK(write(first).kind == store::Admitted::Kind::created);
  CHECK(write(core::random_uuid()).kind == store::Admitted::Kind::replayed);
  CHECK(f.value("select count(*) from app.payouts") == "1");
  CHECK(f.value("select count(*) from app.events") == "1");
}

TEST_CASE("admission: what the provider cannot pay is refused with its field", "[life]") {
  EngineFixture f;
  auto r = request("k");
  r.destination = "bad";
  CHECK(f.await(f.host->engine().admit(r)).problem.field == "destination");
  r = request("k");
  r.money = parse_money("1.5", "GHS").value();
  CHECK(f.await(f.host->engine().admit(r)).problem.field == "currency");
  r = request("k");
  r.provider = "acmee";
  const auto reply = f.await(f.host->engine().admit(r));
  CHECK(reply.problem.field == "provider");
  CHECK(reply.problem.reason == "is not configured here, did you mean 'acme'?");
  CHECK(f.value("select count(*) from app.idempotency_keys") == "0");
}

TEST_CASE("many payouts at once are combined into few transactions and all arrive", "[life]") {
  EngineFixture f;
  f.provider.the_contract.concurrency = 64;
  constexpr int kCount = 300;
  int admitted = 0;
  for (int i = 0; i < kCount; ++i) {
    boost::asio::co_spawn(f.io, f.host->engine().admit(request("k" + std::to_string(i))),
                          [&](std::exception_ptr error, AdmissionReply reply) {
                            if (!error && reply.kind == AdmissionReply::Kind::created) ++admitted;
                          });
  }
  REQUIRE(f.run_until([&] { return admitted == kCount; }));
  REQUIRE(f.run_until(
      [&] {
        return f.value("select count(*) from app.payouts where state = 'CONFIRMED'") ==
               std::to_string(kCount);
      },
      seconds{30}));
  CHECK(f.host->engine().admission().stats().batches < kCount / 4);
  CHECK(f.host->engine().recorder().stats().batches < kCount);
  CHECK(f.provider.submitted.size() == kCount);
  CHECK(f.provider.announced.empty());
}

TEST_CASE("refused for now: a new reference each time, then the schedule gives up", "[life]") {
  EngineFixture f;
  f.provider.on_submit = [](Order, Prepared) {
    return answer(Submission::refused_for_now("LIMIT", "later"));
  };
  const std::string id = f.post("k");
  REQUIRE(f.run_until_state(id, "FAILED"));
  REQUIRE(f.provider.submitted.size() == 3);
  CHECK(f.provider.submitted[0] != f.provider.submitted[1]);
  CHECK(f.provider.submitted[1] != f.provider.submitted[2]);
  CHECK(f.value("select reason from app.payouts") == "LIMIT");
}

TEST_CASE("a new reference is never asked about by the provider's name for the one before", "[life]") {
  EngineFixture f;
  f.provider.the_contract.repeat = Repeat::unknown;
  f.provider.the_contract.lookup_by_reference = false;
  f.provider.the_contract.lookup_by_provider_ref = true;
  f.provider.the_contract.absence_is_proof_after.reset();
  int submits = 0;
  f.provider.on_submit = [&](Order, Prepared) {
    return ++submits == 1 ? answer(Submission::accepted("R1"))
                          : answer(Submission::unknown("", "answer lost"));
  };
  f.provider.on_query = [&](Order order) {
    if (f.provider.queried_refs.back() == "R1") {
      Status refused = ScriptedProvider::found(Status::Kind::refused_for_now, order);
      refused.provider_ref = "R1";
      return say(refused);
    }
    return say(Status{});
  };
  const std::string id = f.post("k");
  REQUIRE(f.run_until([&] { return submits == 2 && f.provider.queried_refs.size() > 2; }));
  f.run_for(milliseconds{500});
  CHECK(submits == 2);
  CHECK(f.state(id) == "UNKNOWN");
  CHECK(f.provider.queried_refs.back().empty());
}

TEST_CASE("nothing was accepted: the same reference until it goes through, however often", "[life]") {
  EngineFixture f;
  int tries = 0;
  f.provider.on_submit = [&](Order, Prepared) {
    return ++tries < 6 ? answer(Submission::not_accepted("not_sent", "connection refused"))
                       : answer(Submission::confirmed("x"));
  };
  const std::string id = f.post("k");
  REQUIRE(f.run_until_state(id, "CONFIRMED"));
  CHECK(std::set<std::string>(f.provider.submitted.begin(), f.provider.submitted.end()).size() == 1);
}

TEST_CASE("prepare: a spent reference is no attempt, an impossible payment fails, trouble is tried again",
          "[life]") {
  EngineFixture f;
  int prepared = 0;
  f.provider.on_prepare = [&](const Order& order) {
    Prepared p;
    p.artefact = order.reference;
    switch (++prepared) {
      case 1:
        throw std::runtime_error("no token");
      case 2:
        p.reference_spent = true;
        break;
      default:
        break;
    }
    return p;
  };
  const std::string id = f.post("k");
  REQUIRE(f.run_until_state(id, "CONFIRMED"));
  CHECK(f.value("select attempt_count || ' ' || reference_n from app.payouts") == "1 2");
  f.provider.on_prepare = [](const Order&) {
    Prepared p;
    p.impossible = Problem{"PAYEE_INACTIVE", "the payee has no account"};
    return p;
  };
  const std::string other = f.post("k2");
  REQUIRE(f.run_until_state(other, "FAILED"));
  CHECK(f.value("select reason from app.payouts where id = '" + other + "'") == "PAYEE_INACTIVE");
  CHECK(f.value("select count(*) from app.attempts where payout_id = '" + other + "'") == "0");
}

TEST_CASE("operators: cancel before, not after, something was sent", "[life]") {
  EngineFixture f;
  f.await(f.host->engine().pause("acme", true, "operator:test", "maintenance"));
  const std::string id = f.post("k");
  f.run_for(milliseconds{150});
  CHECK(f.state(id) == "PENDING");
  CHECK(f.await(f.host->engine().decide({id, OperatorDecision::cancel, "operator:test", ""})).done);
  CHECK(f.state(id) == "CANCELLED");
  CHECK(f.value("select actor from app.events where to_state = 'CANCELLED'") == "operator:test");

  const std::string next = f.post("k2");
  f.provider.on_query = [](Order order) {
    return say(ScriptedProvider::found(Status::Kind::pending, order));
  };
  f.await(f.host->engine().pause("acme", false, "operator:test", ""));
  REQUIRE(f.run_until_state(next, "SENT"));
  const auto refused =
      f.await(f.host->engine().decide({next, OperatorDecision::cancel, "operator:test", ""}));
  CHECK_FALSE(refused.done);
  CHECK(refused.code == "wrong_state");
}

TEST_CASE("operators: the three decisions of REVIEW", "[life]") {
  EngineFixture f;
  f.provider.on_submit = [](Order, Prepared) { return answer(Submission::unknown("timeout", "")); };
  f.provider.on_query = [](Order order) {
    Status s = ScriptedProvider::found(Status::Kind::confirmed, order);
    s.found.amount = Amount::from_units(7);
    return say(s);
  };
  const std::string id = f.post("k");
  REQUIRE(f.run_until_state(id, "REVIEW"));
  CHECK(f.await(f.host->engine().decide({id, OperatorDecision::paid, "operator:test", ""})).code ==
        "note_required");
  SECTION("it was paid") {
    CHECK(
        f.await(f.host->engine().decide({id, OperatorDecision::paid, "operator:test", "statement 7"})).done);
    CHECK(f.state(id) == "CONFIRMED");
  }
  SECTION("it was not paid") {
    f.provider.on_submit = [](Order, Prepared) { return answer(Submission::confirmed("x")); };
    CHECK(f.await(f.host->engine().decide({id, OperatorDecision::not_paid, "operator:test", "statement 7"}))
              .done);
    REQUIRE(f.run_until_state(id, "CONFIRMED"));
    CHECK(f.provider.submitted[0] == f.provider.submitted[1]);
  }
  SECTION("ask again") {
    f.provider.on_query = [](Order order) {
      return say(ScriptedProvider::found(Status::Kind::confirmed, order));
    };
    CHECK(f.await(f.host->engine().decide({id, OperatorDecision::ask_again, "operator:test", ""})).done);
    REQUIRE(f.run_until_state(id, "CONFIRMED"));
  }
}

TEST_CASE("switches: dry run simulates, stopped submissions wait, both without a failure", "[life]") {
  EngineFixture f;
  f.await(f.host->engine().set_switch({"dry_run", true, "operator:test", "rehearsal"}));
  const std::string dry = f.post("k1");
  REQUIRE(f.run_until_state(dry, "SIMULATED"));
  CHECK(f.provider.submitted.empty());
  f.await(f.host->engine().set_switch({"dry_run", false, "operator:test", ""}));
  f.await(f.host->engine().set_switch({"stop_submissions", true, "operator:test", ""}));
  const std::string id = f.post("k2");
  f.run_for(milliseconds{200});
  CHECK(f.state(id) == "PENDING");
  f.await(f.host->engine().set_switch({"stop_submissions", false, "operator:test", ""}));
  REQUIRE(f.run_until_state(id, "CONFIRMED"));
}

TEST_CASE("a dry run of one provider simulates, is kept in the database, and another's payouts are paid",
          "[life]") {
  EngineFixture f;
  f.await(f.host->engine().set_dry_run("acme", true, "operator:test", "rehearsal"));
  CHECK(f.value("select dry_run_by || ': ' || dry_run_note from app.providers where name = 'acme'") ==
        "operator:test: rehearsal");
  CHECK(f.host->engine().heart().dry_run("acme"));
  CHECK_FALSE(f.host->engine().heart().dry_run("other"));
  const std::string dry = f.post("k1");
  REQUIRE(f.run_until_state(dry, "SIMULATED"));
  CHECK(f.provider.submitted.empty());
  f.await(f.host->engine().set_dry_run("acme", false, "operator:test", ""));
  const std::string paid = f.post("k2");
  REQUIRE(f.run_until_state(paid, "CONFIRMED"));
  CHECK(f.state(dry) == "SIMULATED");
}

TEST_CASE("the journal refuses what a dry run of its provider forbids, whatever the host last saw",
          "[life]") {
  EngineFixture f;
  f.provider.on_prepare = [&f](const Order& order) {
    f.value("update app.providers set dry_run = true returning 1");
    Prepared prepared;
    prepared.artefact = "artefact of " + order.reference;
    return prepared;
  };
  const std::string id = f.post("k");
  REQUIRE(f.run_until_state(id, "SIMULATED"));
  CHECK(f.provider.submitted.empty());
}

TEST_CASE("drain burns no attempt", "[life]") {
  EngineFixture f;
  f.provider.the_state = providers::ProviderState::restarting;
  for (int i = 0; i < 20; ++i) f.post("k" + std::to_string(i));
  f.provider.the_state = providers::ProviderState::ready;
  f.run_for(milliseconds{20});
  CHECK(f.await(f.host->engine().drain(seconds{5})));
  CHECK(f.value("select count(*) from app.payouts where lease is not null") == "0");
  CHECK(f.value("select count(*) from app.attempts where live and outcome is null") == "0");
  CHECK(f.value("select stopped_at is not null from app.hosts") == "t");
}

TEST_CASE("finished payouts move to history, stay findable, and come back when news contradicts them",
          "[life]") {
  EngineFixture f;
  const std::string id = f.post("k");
  REQUIRE(f.run_until_state(id, "CONFIRMED"));
  {
    store::Connection connection = f.database.connect();
    pqxx::work work(connection);
    store::ensure_partitions(work);
    CHECK(store::archive_finished(work, seconds{-1}, 100) == 1);
    work.commit();
  }
  CHECK(f.value("select count(*) from app.payouts") == "0");
  CHECK(f.value("select count(*) from app.attempts_history") == "1");
  const auto found = f.await(f.host->engine().find(id));
  REQUIRE(found);
  CHECK(found->archived);
  CHECK(f.await(f.host->engine().admit(request("k"))).kind == AdmissionReply::Kind::replayed);
  const auto recalled = f.await(f.host->engine().recorder().reload(id));
  REQUIRE(recalled);
  CHECK(f.value("select count(*) from app.payouts") == "1");
  CHECK(f.value("select count(*) from app.attempts") == "1");
}

TEST_CASE("explain tells SUBMITTING, UNKNOWN, CONFIRMED like a report", "[life]") {
  EngineFixture f;
  f.provider.on_submit = [](Order, Prepared) {
    return answer(Submission::unknown("http.timeout", "no answer in 2 s"));
  };
  const std::string id = f.post("k");
  REQUIRE(f.run_until_state(id, "CONFIRMED"));
  const auto report = f.await(f.host->engine().explain(id));
  REQUIRE(report);
  const std::string text = boost::json::serialize(*report);
  INFO(text);
  CHECK(report->at("headline").as_string() ==
        "CONFIRMED: 100 XOF to 22507•••00 through acme was paid, once.");
  CHECK(report->at("timeline").as_array().size() == 4);
  CHECK(text.find("may have arrived, so it is not sent again") != std::string::npos);
  CHECK(text.find("22507000000") == std::string::npos);
  CHECK(report->at("who_may_act").as_string() == "Nobody has to act.");
}

TEST_CASE("a transition whose commit was in doubt is not refused when it is replayed", "[life]") {
  EngineFixture f;
  f.provider.the_state = providers::ProviderState::restarting;
  const std::string id = f.post("k");
  store::Transition hold;
  hold.payout_id = id;
  hold.expected_version = 1;
  hold.to = core::State::held;
  hold.event = {"held", "test", {}, "{}"};
  store::Connection connection = f.database.connect();
  pqxx::work work(connection);
  const auto run = [&](bool replay) {
    return store::apply(work, std::span(&hold, 1), f.host->incarnation(), replay).front();
  };
  CHECK(run(false).applied());
  CHECK(run(false).refusal == store::Applied::Refusal::version);
  const store::Applied replayed = run(true);
  CHECK(replayed.applied());
  CHECK(replayed.version == 2);
  hold.to = core::State::cancelled;  // what somebody else would have had to do
  CHECK(run(true).refusal == store::Applied::Refusal::version);
  work.commit();
  CHECK(f.value("select count(*) from app.events where kind = 'held'") == "1");
}

TEST_CASE("an answer that cannot be stored settles nothing, and leaves the others alone", "[life]") {
  EngineFixture f;
  f.provider.on_query = [](Order order) {
    Status status = ScriptedProvider::found(Status::Kind::confirmed, order);
    if (order.destination.ends_with("9"))
      for (int i = 0; i < 200; ++i) status.provider_ref += core::sha256_hex(std::to_string(i));
    return say(status);
  };
  auto large = request("large");
  large.destination = "22890000009";
  const std::string id = f.post(large);
  const std::string other = f.post("other");
  CHECK(f.run_until_state(other, "CONFIRMED"));
  REQUIRE(f.run_until([&] {
    return f.value("select message like '%cannot be stored%' from app.attempts where payout_id = '" + id +
                   "'") == "t";
  }));
  f.provider.on_query = [](Order order) {
    return say(ScriptedProvider::found(Status::Kind::confirmed, order));
  };
  CHECK(f.run_until_state(id, "CONFIRMED"));
  CHECK(f.provider.submitted.size() == 2);
}

TEST_CASE("a version that cannot read an attempt's artefact is neither asked about it nor submits it",
          "[life]") {
  EngineFixture f;
  f.provider.on_submit = [&](Order, Prepared) {
    f.provider.the_contract.artefact_format = 2;
    f.provider.the_contract.readable_formats = {2};
    return answer(Submission::unknown("timeout", ""));
  };
  f.provider.on_query = [](Order order) { return say(ScriptedProvider::found(Status::Kind::absent, order)); };
  const std::string id = f.post("k");
  REQUIRE(f.run_until_state(id, "REVIEW"));
  CHECK(f.provider.queried.empty());
  CHECK(f.provider.submitted.size() == 1);
  CHECK(f.value("select message like '%format 1, which version 1.0.0 of the plugin does not read%' from "
                "app.attempts") == "t");
}
