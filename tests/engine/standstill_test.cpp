// What keeps payouts from being submitted and what does not: maintenance windows by a controlled clock, a
// drained host, test payouts.
#include <catch2/catch.hpp>

#include "core/test_payout.hpp"
#include "engine_fixture.hpp"
#include "store/drains.hpp"

namespace {

using namespace payoutd;
using namespace payoutd::test;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

core::UtcTime at(unsigned month, unsigned day, int hour, int minute = 0) {
  using namespace std::chrono;
  return core::UtcTime(sys_days(year(2026) / std::chrono::month(month) / std::chrono::day(day)) +
                       hours(hour) + minutes(minute));
}

Awaitable<providers::SubmitReply> answer(Submission submission) {
  co_return ScriptedProvider::reply(std::move(submission));
}
Awaitable<Status> say(Status status) {
  co_return status;
}

struct Calendar {
  explicit Calendar(EngineFixture& f) {
    f.host->engine().heart().set_clock([shared = time] { return *shared; });
    f.host->engine().heart().set_maintenance(
        {core::parse_maintenance_window("Sun 02:00-04:00").value(),
         core::parse_maintenance_window("first Sat 01:00-06:00").value()});
  }
  // Shared: the host is still running when a test's calendar is gone.
  std::shared_ptr<core::UtcTime> time = std::make_shared<core::UtcTime>(at(1, 5, 12));  // a Monday
  core::UtcTime& now = *time;
};

std::string headline_of(EngineFixture& f, const std::string& id) {
  const auto explained = f.await(f.host->engine().explain(id));
  REQUIRE(explained);
  return std::string(explained->at("headline").as_string());
}

}  // namespace

TEST_CASE("nothing is submitted in a maintenance window; what is due is submitted after it", "[standstill]") {
  EngineFixture f;
  Calendar calendar(f);
  CHECK(f.run_until_state(f.post("before"), "CONFIRMED"));
  for (const core::UtcTime begins :
       {at(1, 11, 2), at(2, 7, 1)}) {  // a Sunday; the first Saturday of February
    calendar.now = begins;
    const std::string id = f.post("in-" + core::utc_text(begins));
    f.run_for(milliseconds{700});
    CHECK(f.state(id) == "PENDING");
    CHECK(f.value("select lease is null from app.payouts where id = '" + id + "'") == "t");
    CHECK(headline_of(f, id).find("maintenance window") != std::string::npos);
    calendar.now = begins + minutes{119};
    f.run_for(milliseconds{700});
    CHECK(f.state(id) == "PENDING");
    calendar.now = begins + std::chrono::hours{5};  // both are over
    CHECK(f.run_until_state(id, "CONFIRMED"));
  }
  CHECK(f.host->observer().logged("engine.maintenance_began"));
  CHECK(f.run_until([&] { return f.host->observer().logged("engine.maintenance_ended"); }));
}

TEST_CASE("what is in flight when a window begins comes to its end", "[standstill]") {
  EngineFixture f;
  Calendar calendar(f);
  bool paid = false;
  f.provider.on_query = [&paid](Order) {
    Status status;
    status.kind = paid ? Status::Kind::confirmed : Status::Kind::pending;
    return say(status);
  };
  const std::string id = f.post("k");
  REQUIRE(f.run_until_state(id, "SENT"));
  calendar.now = at(1, 11, 3);
  paid = true;
  CHECK(f.run_until_state(id, "CONFIRMED", seconds{30}));
}

TEST_CASE("windows are taken over while the engine runs", "[standstill]") {
  EngineFixture f;
  Calendar calendar(f);
  calendar.now = at(1, 11, 3);
  const std::string id = f.post("k");
  f.run_for(milliseconds{700});
  CHECK(f.state(id) == "PENDING");
  f.host->engine().heart().set_maintenance({});
  CHECK(f.run_until_state(id, "CONFIRMED"));
}

TEST_CASE("a drained host claims nothing, to pay or to ask", "[standstill]") {
  EngineFixture f;
  const auto drain = [&](bool drained, const std::string& host) {
    auto connection = f.database.connect();
    pqxx::work work(connection);
    store::set_drained(work, host, drained, "operator:test", "");
    work.commit();
    f.await(f.host->engine().heart().beat_now());
  };
  for (const std::string host : {"host-a", store::kAllHosts}) {
    drain(true, host);
    CHECK(f.host->engine().heart().drained());
    const std::string id = f.post("k " + host);
    f.run_for(milliseconds{700});
    CHECK(f.state(id) == "PENDING");
    CHECK(headline_of(f, id).find("drained") != std::string::npos);
    drain(false, host);
    CHECK(f.run_until_state(id, "CONFIRMED"));
  }
  drain(true, "host-b");
  CHECK_FALSE(f.host->engine().heart().drained());
  CHECK(f.host->observer().logged("engine.claims_stopped"));
  CHECK(f.host->observer().logged("engine.claims_resumed"));
}

TEST_CASE("a test payout is simulated whatever the switches say, and the database keeps it so",
          "[standstill]") {
  EngineFixture f;
  int submits = 0;
  f.provider.on_submit = [&submits](Order, Prepared) {
    ++submits;
    return answer(Submission::confirmed("x"));
  };
  auto request = EngineFixture::request("test");
  request.client_id = core::kTestClient;
  const std::string id = f.post(std::move(request));
  REQUIRE(f.run_until_state(id, "SIMULATED"));
  CHECK(submits == 0);
  CHECK(f.value("select reason from app.payouts where id = '" + id + "'") == "test_payout");
  CHECK(f.value("select count(*) from app.attempts") == "0");
  CHECK_THROWS(f.value("update app.payouts set state = 'CONFIRMED' where id = '" + id + "'"));
  // Also one that a host would have to look up first, after a failover.
  auto marked = EngineFixture::request("marked");
  marked.client_id = core::kTestClient;
  f.host->engine().heart().set_maintenance({core::parse_maintenance_window("daily 00:00-24:00").value()});
  const std::string second = f.post(std::move(marked));
  f.value("update app.payouts set verify_first = true where id = '" + second + "'");
  f.host->engine().heart().set_maintenance({});
  CHECK(f.run_until_state(second, "SIMULATED"));
}
