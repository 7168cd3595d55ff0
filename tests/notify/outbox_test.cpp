// What is written when a payout changes: in the same transaction, only where somebody wants it, and once.
#include <catch2/catch.hpp>

#include "core/ids.hpp"
#include "notify_fixture.hpp"
#include "store/transition.hpp"

using namespace payoutd;
using namespace payoutd::test;
using core::State;
namespace json = boost::json;

namespace {

constexpr const char* kNowhere = "http://127.0.0.1:9/hook";

struct Outbox : NotifyFixture {
  Outbox() : NotifyFixture(options(), false) {}
};

}  // namespace

TEST_CASE("without an endpoint nothing is written", "[notifications]") {
  Outbox f;
  const std::string id = f.payout();
  CHECK_FALSE(f.change(id, State::held).notifications);
  CHECK(f.count("app.notifications") == 0);
  CHECK(f.count("app.notification_deliveries") == 0);
}

TEST_CASE("every change of state is written with its delivery, but for SUBMITTING", "[notifications]") {
  Outbox f;
  f.endpoint(kNowhere);
  const std::string id = f.payout();
  CHECK(f.change(id, State::held, "velocity").notifications);
  f.change(id, State::pending);
  CHECK_FALSE(f.change(id, State::submitting).notifications);
  for (const State to : {State::unknown, State::review, State::unknown, State::sent, State::sent,
                         State::confirmed, State::reversed})
    f.change(id, to);
  CHECK(f.value("select string_agg(type, ' ' order by (payload::json->'data'->>'version')::int) from "
                "app.notifications") ==
        "payout.held payout.pending payout.unknown payout.review payout.unknown payout.sent payout.confirmed "
        "payout.reversed");
  CHECK(f.count("app.notification_deliveries where state = 'pending'") == 8);
  for (const State to : {State::failed, State::cancelled, State::simulated}) f.change(f.payout(), to);
  CHECK(
      f.count("app.notifications where type in ('payout.failed', 'payout.cancelled', 'payout.simulated')") ==
      3);
}

TEST_CASE("the body says what an integrator needs, exactly", "[notifications]") {
  Outbox f;
  f.endpoint(kNowhere);
  const std::string id = f.payout();
  f.change(id, State::failed, "NOT_ENOUGH");
  const json::object body = json::parse(f.value("select payload from app.notifications")).as_object();
  CHECK(body.at("type") == "payout.failed");
  CHECK(std::string(body.at("timestamp").as_string()).size() == 24);
  const json::object& data = body.at("data").as_object();
  CHECK(std::string(data.at("id").as_string()) == id);
  CHECK(data.at("version") == 2);
  CHECK(data.at("state") == "FAILED");
  CHECK(data.at("previous_state") == "PENDING");
  CHECK(data.at("final") == true);
  CHECK(data.at("reason") == "NOT_ENOUGH");
  CHECK(data.at("amount") == "10.5");
  CHECK(data.at("currency") == "EUR");
  CHECK(data.at("provider") == "acme");
  CHECK(data.at("provider_ref").is_null());
  CHECK(data.at("client") == "shop");
  CHECK(data.at("idempotency_key") == "key-1");
  CHECK(data.at("batch") == "b-1");
  CHECK(data.at("user") == "user \"7\"");
  CHECK(data.at("flow_id") == "flow-1");
  CHECK_FALSE(data.contains("destination"));
}

TEST_CASE("an endpoint hears of its types and of its client only, and the body is written once",
          "[notifications]") {
  Outbox f;
  const auto all = f.endpoint(kNowhere).endpoint.id;
  const auto shop = f.endpoint(kNowhere, {"payout.confirmed"}, "shop").endpoint.id;
  const auto other = f.endpoint(kNowhere, {"payout.confirmed", "payout.sent"}, "other").endpoint.id;
  const auto to = [&](const std::string& id) {
    return f.count("app.notification_deliveries where endpoint_id = '" + id + "'");
  };
  f.confirmed("shop");
  f.confirmed("third");
  CHECK(to(all) == 2);
  CHECK(to(shop) == 1);
  CHECK(to(other) == 0);
  CHECK(f.count("app.notifications") == 2);
  f.value("delete from app.notification_endpoints where id = '" + all + "'");
  f.confirmed("third");
  CHECK(f.count("app.notifications") == 2);
}

TEST_CASE("endpoints that are paused or disabled miss nothing, removed ones get nothing", "[notifications]") {
  Outbox f;
  const auto id = f.endpoint(kNowhere).endpoint.id;
  auto& desk = f.host->notifier();
  f.await(desk.change(id, store::EndpointChange::pause, "operator:test", ""));
  f.confirmed();
  CHECK(f.count("app.notification_deliveries where state = 'pending'") == 1);
  f.await(desk.change(id, store::EndpointChange::remove, "operator:test", ""));
  CHECK(f.count("app.notification_deliveries where state = 'cancelled'") == 1);
  f.confirmed();
  CHECK(f.count("app.notifications") == 1);
  CHECK_FALSE(f.await(desk.change(id, store::EndpointChange::resume, "operator:test", "")));
}

TEST_CASE(
    "what does not commit leaves nothing, what was refused leaves nothing, a replay leaves nothing twice",
    "[notifications]") {
  Outbox f;
  f.endpoint(kNowhere);
  const std::string id = f.payout();
  store::Transition t;
  t.payout_id = id;
  t.expected_version = 1;
  t.to = State::held;
  t.event = {"test", "engine", {}, "{}"};
  auto connection = f.database.connect();
  const auto apply = [&](bool commit, bool replay) {
    store::Transaction work(connection);
    const auto applied = store::apply(work, std::span(&t, 1), f.host->incarnation, replay).front();
    if (commit) work.commit();
    return applied;
  };
  CHECK(apply(false, false).notifications);
  CHECK(f.count("app.notifications") == 0);
  CHECK(f.value("select state from app.payouts") == "PENDING");
  CHECK(apply(true, false).notifications);
  const auto again = apply(true, true);  // its answer had been lost
  CHECK(again.applied());
  CHECK_FALSE(again.notifications);
  CHECK_FALSE(apply(true, false).applied());  // another version by now
  CHECK(f.count("app.notifications") == 1);
  CHECK(f.count("app.notification_deliveries") == 1);
}
