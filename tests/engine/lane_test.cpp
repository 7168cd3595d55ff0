// Serial providers: one payment of a paying account at a time, among all hosts and whatever goes wrong.
#include <catch2/catch.hpp>

#include "engine_fixture.hpp"

namespace {

using namespace payoutd;
using namespace payoutd::test;
using std::chrono::milliseconds;
using std::chrono::seconds;

Awaitable<providers::SubmitReply> answer(Submission submission, bool bytes_left = true) {
  co_return ScriptedProvider::reply(std::move(submission), bytes_left);
}
Awaitable<Status> say(Status status) {
  co_return status;
}

Awaitable<Lane> kept(Lane lane) {
  co_return lane;
}

Status of_kind(Status::Kind kind) {
  Status status;
  status.kind = kind;
  return status;
}

/// A provider as a chain of blocks is one: signed artefacts, no reference at the provider, a repeat is
/// harmless.
void make_serial(ScriptedProvider& provider, std::vector<std::string> lanes) {
  provider.the_contract.serial = true;
  provider.the_contract.repeat = Repeat::harmless;
  provider.the_contract.lookup_by_reference = false;
  provider.the_contract.lookup_by_artefact = true;
  provider.the_contract.absence_is_proof_after.reset();
  provider.lane_names = std::move(lanes);
}

EngineHost::Options not_started() {
  EngineHost::Options options;
  options.start = false;
  return options;
}

/// The lanes are in place before the host starts.
void start(EngineFixture& f) {
  f.await(f.host->engine().prepare_start({f.provider.name()}));
  f.await(f.host->engine().start({}));
}

/// Counts payments under way by lane and keeps them open until `open` is false.
struct Chain {
  explicit Chain(ScriptedProvider& provider) {
    provider.on_prepare = [this](const Order& order) {
      Prepared prepared;
      prepared.artefact = order.lane + "/" + std::to_string(++blocks);
      prepared.lane_state = boost::json::object{{"block", prepared.artefact}};
      lanes_used.insert(order.lane);
      seen_states.push_back(boost::json::serialize(order.lane_state));
      return prepared;
    };
    provider.on_submit = [this](Order order, Prepared) {
      most_at_once = std::max(most_at_once, ++under_way[order.lane]);
      return answer(Submission::accepted({}));
    };
    provider.on_query = [this](Order order) {
      if (open) return say(ScriptedProvider::found(Status::Kind::pending, order));
      --under_way[order.lane];
      Status status = ScriptedProvider::found(Status::Kind::confirmed, order);
      status.lane_state = boost::json::object{{"final", order.reference}};
      return say(status);
    };
  }
  bool open = true;
  int blocks = 0;
  int most_at_once = 0;
  std::map<std::string, int> under_way;
  std::set<std::string> lanes_used;
  std::vector<std::string> seen_states;
};

}  // namespace

TEST_CASE("lanes: one payment of an account at a time, the accounts in rotation", "[lanes]") {
  EngineFixture f(not_started());
  make_serial(f.provider, {"account-1", "account-2"});
  Chain chain(f.provider);
  start(f);
  for (int i = 0; i < 6; ++i) f.post("k" + std::to_string(i));
  const std::string sent = "select count(*) from app.payouts where state = 'SENT'";
  REQUIRE(f.run_until([&] { return f.value(sent) == "2"; }));
  f.run_for(milliseconds{600});
  CHECK(f.value(sent) == "2");
  CHECK(f.value("select count(distinct payout_id) from app.lanes") == "2");
  CHECK(f.value("select count(*) from app.payouts where state = 'PENDING' and lane is not null") == "0");
  chain.open = false;
  REQUIRE(f.run_until(
      [&] { return f.value("select count(*) from app.payouts where state = 'CONFIRMED'") == "6"; }));
  CHECK(chain.most_at_once == 1);
  CHECK(chain.lanes_used.size() == 2);
  CHECK(f.value("select count(*) from app.lanes where payout_id is not null") == "0");
  CHECK(f.value("select count(*) from app.payouts where lane is not null") == "0");
  CHECK(f.value("select count(distinct lane) from app.attempts") == "2");
}

TEST_CASE("lanes: what prepare and query say of a lane is handed to its next payment", "[lanes]") {
  EngineFixture f(not_started());
  make_serial(f.provider, {"account-1"});
  Chain chain(f.provider);
  start(f);
  const std::string first = f.post("first");
  REQUIRE(f.run_until_state(first, "SENT"));
  CHECK(f.value("select state->>'block' from app.lanes") == "account-1/1");
  chain.open = false;
  REQUIRE(f.run_until_state(first, "CONFIRMED"));
  const std::string second = f.post("second");
  REQUIRE(f.run_until_state(second, "CONFIRMED"));
  REQUIRE(chain.seen_states.size() == 2);
  CHECK(chain.seen_states[0] == "{}");
  CHECK(chain.seen_states[1] == R"({"final":")" + f.provider.submitted[0] + R"("})");
}

TEST_CASE("lanes: two hosts never use one account at the same time", "[lanes]") {
  EngineFixture f(not_started());
  make_serial(f.provider, {"account-1", "account-2", "account-3"});
  Chain chain(f.provider);
  EngineHost other(f.io, f.database, f.provider,
                   {.name = "host-b", .high_water_file = {}, .predecessors = {}});
  start(f);
  for (int i = 0; i < 30; ++i) f.post("k" + std::to_string(i));
  REQUIRE(f.run_until([&] { return chain.lanes_used.size() == 3; }));
  chain.open = false;
  REQUIRE(f.run_until(
      [&] { return f.value("select count(*) from app.payouts where state = 'CONFIRMED'") == "30"; },
      seconds{30}));
  CHECK(chain.most_at_once == 1);
  CHECK(f.value("select count(distinct host) from app.attempts") == "2");
}

TEST_CASE("lanes: a payment of an open outcome keeps its account, a payment that was not sent gives it back",
          "[lanes]") {
  EngineFixture f(not_started());
  make_serial(f.provider, {"account-1"});
  f.provider.on_submit = [&](Order, Prepared) {
    return answer(Submission::not_accepted("not_sent", "refused"), false);
  };
  start(f);
  const std::string id = f.post("k");
  REQUIRE(f.run_until([&] { return f.value("select defer_count from app.payouts") >= "1"; }));
  // Soon it is claimed again, and has its account again.
  REQUIRE(f.run_until(
      [&] { return f.value("select count(*) from app.lanes where payout_id is not null") == "0"; }));
  f.provider.on_submit = [&](Order, Prepared) { return answer(Submission::unknown("", "lost")); };
  f.provider.on_query = [&](Order) { return say(of_kind(Status::Kind::cannot_tell)); };
  REQUIRE(f.run_until_state(id, "UNKNOWN"));
  f.run_for(milliseconds{300});
  CHECK(f.value("select payout_id::text from app.lanes") == id);
}

TEST_CASE("lanes: a repeat that was not sent does not free what the first submit may have reached",
          "[lanes]") {
  EngineFixture f(not_started());
  make_serial(f.provider, {"account-1"});
  int prepared = 0;
  int submits = 0;
  bool found = false;
  std::vector<std::string> artefacts;
  f.provider.on_prepare = [&](const Order&) {
    Prepared p;
    p.artefact = "block " + std::to_string(++prepared);
    return p;
  };
  f.provider.on_submit = [&](Order, Prepared p) {
    artefacts.push_back(p.artefact);
    switch (++submits) {
      case 1:
        return answer(Submission::unknown("", "time-out"));
      case 2:
        return answer(Submission::not_accepted("not_sent", "connection refused"), false);
      case 3:
        return answer(Submission::refused("BAD", "refused"));
      default:
        found = true;
        return answer(Submission::unknown("", "again"));
    }
  };
  f.provider.on_query = [&](Order order) {
    return say(found ? ScriptedProvider::found(Status::Kind::confirmed, order)
                     : of_kind(Status::Kind::absent));
  };
  start(f);
  const std::string id = f.post("k");
  REQUIRE(f.run_until_state(id, "CONFIRMED"));
  CHECK(prepared == 1);  // never a second block: the first may have arrived
  CHECK(artefacts == std::vector<std::string>(4, "block 1"));
  CHECK(f.value("select count(*) from app.events where data->>'reason' = 'repeat_not_taken'") == "2");
}

TEST_CASE("lanes: an account is looked after while no payment holds it, and its state is kept", "[lanes]") {
  EngineFixture f(not_started());
  make_serial(f.provider, {"account-1"});
  Chain chain(f.provider);
  int rounds = 0;
  bool broken = true;
  f.provider.on_maintain = [&](Lane lane) {
    CHECK(chain.under_way[lane.name] == 0);
    ++rounds;
    if (broken) throw std::runtime_error("node is away");
    lane.state["received"] = rounds;
    return kept(std::move(lane));
  };
  start(f);
  REQUIRE(f.run_until([&] { return rounds > 0; }));
  REQUIRE(f.run_until([&] { return f.value("select last_error from app.lanes") == "node is away"; }));
  CHECK(f.host->observer().logged("engine.lane_upkeep_failed"));
  const std::string id = f.post("k");  // an account that could not be looked after still pays
  REQUIRE(f.run_until_state(id, "SENT"));
  const int before = rounds;
  f.run_for(milliseconds{700});
  CHECK(rounds == before);
  broken = false;
  chain.open = false;
  REQUIRE(f.run_until_state(id, "CONFIRMED"));
  REQUIRE(f.run_until([&] { return rounds > before; }));
  REQUIRE(f.run_until([&] { return !f.value("select state->>'received' from app.lanes").empty(); }));
  CHECK(f.value("select state->>'final' from app.lanes") == f.provider.submitted[0]);
  CHECK(f.value("select failures from app.lanes") == "0");
}

TEST_CASE("lanes: the account of a dead host's open payment stays its own until the payment is settled",
          "[lanes]") {
  EngineFixture f(not_started());
  make_serial(f.provider, {"account-1"});
  Chain chain(f.provider);
  start(f);
  const std::string id = f.post("first");
  REQUIRE(f.run_until_state(id, "SENT"));
  const std::string dead = f.host->incarnation();
  f.host.reset();
  EngineHost next(f.io, f.database, f.provider,
                  {.name = "host-a", .high_water_file = {}, .predecessors = {dead}});
  const auto post = [&](const std::string& key) {
    engine::PayoutRequest r;
    r.client_id = "default";
    r.idempotency_key = key;
    r.money = parse_money("5", "XOF").value();
    r.destination = "22507000000";
    r.actor = "client:test";
    return f.await(next.engine().admit(r)).payout_id;
  };
  const std::string second = post("second");
  f.run_for(milliseconds{700});
  CHECK(f.state(second) == "PENDING");
  chain.open = false;
  REQUIRE(f.run_until_state(id, "CONFIRMED"));
  REQUIRE(f.run_until_state(second, "CONFIRMED"));
  CHECK(chain.most_at_once == 1);
}

TEST_CASE("lanes: the database refuses a journal for an account that the payout does not hold", "[lanes]") {
  EngineFixture f(not_started());
  make_serial(f.provider, {"account-1"});
  // Somebody takes the lane away between claim and journal.
  f.provider.on_prepare = [&](const Order& order) {
    f.value("update app.lanes set payout_id = null where name = '" + order.lane + "' returning 1");
    Prepared p;
    p.artefact = "block";
    return p;
  };
  start(f);
  const std::string id = f.post("k");
  f.run_for(milliseconds{1500});
  CHECK(f.provider.submitted.empty());
  CHECK(f.state(id) == "PENDING");
  CHECK(f.value("select count(*) from app.attempts") == "0");
}

TEST_CASE("prepare: what is no longer valid is prepared anew, not submitted", "[life]") {
  EngineFixture f;
  int prepared = 0;
  f.provider.on_prepare = [&](const Order& order) {
    Prepared p;
    p.artefact = order.reference;
    const auto now = std::chrono::system_clock::now();
    p.valid_until = ++prepared == 1 ? now - seconds{1} : now + seconds{60};
    return p;
  };
  const std::string id = f.post("k");
  REQUIRE(f.run_until_state(id, "CONFIRMED"));
  CHECK(prepared == 2);
  CHECK(f.provider.submitted.size() == 1);
  CHECK(f.value("select count(*) from app.attempts where valid_until > now()") == "1");
}
