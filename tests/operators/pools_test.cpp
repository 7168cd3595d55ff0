// Connections: who may starve whom, how many there are, and a replica for reports.
#include <catch2/catch.hpp>
#include <thread>

#include "e2e/control.hpp"
#include "harness/cluster.hpp"
#include "harness/scene.hpp"
#include "payoutctl.hpp"

namespace {

namespace json = boost::json;
using namespace payoutd;
using namespace payoutd::test;
using std::chrono::milliseconds;
using std::chrono::seconds;

json::object pool_of(HostProcess& host, const std::string& name) {
  const json::value answer = control(host, "GET", "/v1/admin/database/pools").json();
  for (const auto& one : answer.at("pools").as_array())
    if (one.at("name").as_string() == name) return one.as_object();
  return {};
}

std::size_t listed(HostProcess& host, const std::string& batch) {
  return host.get("/v1/payouts?limit=500&batch=" + batch).at("payouts").as_array().size();
}

}  // namespace

TEST_CASE("an engine whose connections all hang starves neither clients nor operators", "[pools]") {
  Scene scene("starve", {"--transfer-latency-ms", "5..40"});
  HostProcess& host = scene.add_host("host-a");
  host.start();
  REQUIRE(host.wait_until_ready());
  const auto resized = control(host, "POST", "/v1/admin/database/pools/engine", {{"connections", 1}});
  REQUIRE(resized.status == 200);
  auto blocker = scene.database().connect();
  auto blocking = std::make_unique<pqxx::work>(blocker);
  blocking->exec("lock table app.attempts in access exclusive mode");
  scene.post(host, 50, "first");
  REQUIRE(eventually(seconds{20}, [&] {
    const auto pool = pool_of(host, "engine");
    return pool.at("busy").as_int64() == pool.at("connections").as_int64();
  }));
  const auto began = std::chrono::steady_clock::now();
  for (int i = 0; i < 20; ++i) {
    const auto reply =
        host.request("POST", "/v1/payouts", R"({"amount":"1","currency":"EUR","destination":"46733100001"})",
                     {{"Idempotency-Key", "starved-" + std::to_string(i)}});
    CHECK(reply.status == 201);
  }
  CHECK(host.get("/v1/payouts?limit=10").at("payouts").as_array().size() == 10);
  CHECK(std::chrono::steady_clock::now() - began < seconds{5});

  const auto grown = payoutctl({"--socket", host.control_socket().string(), "db", "pool", "engine", "--size",
                                "7", "--note", "test", "--json"});
  INFO(grown.text());
  CHECK(grown.status == 0);
  CHECK(eventually(seconds{10}, [&] { return pool_of(host, "engine").at("connected").as_int64() == 7; }));
  const std::string metrics = host.request("GET", "/metrics").body;
  CHECK(metrics.find("payoutd_database_pool_use_ratio{pool=\"engine\"}") != std::string::npos);
  CHECK(metrics.find("payoutd_database_query_seconds_bucket{pool=\"http\",le=\"0.15\"}") !=
        std::string::npos);
  blocking.reset();
  REQUIRE(scene.wait_until_finished(seconds{60}));
  CHECK(scene.check().all_right());
  CHECK(
      payoutctl({"--socket", host.control_socket().string(), "db", "pool", "engine", "--size", "2"}).status ==
      0);
  CHECK(eventually(seconds{10}, [&] { return pool_of(host, "engine").at("connected").as_int64() == 2; }));
  scene.post(host, 50, "second");
  REQUIRE(scene.wait_until_finished(seconds{60}));
  CHECK(scene.check().all_right());
  CHECK(
      payoutctl({"--socket", host.control_socket().string(), "db", "pool", "heart", "--size", "2"}).status ==
      4);
  CHECK(payoutctl({"--socket", host.control_socket().string(), "db", "pool"}).status == 0);
  // It stands in the audit log.
  CHECK(scene.database().value("select count(*) from app.audit where action like '%database/pools%'") != "0");
}

TEST_CASE("lists and figures are read from a replica while it keeps up", "[pools]") {
  Cluster primary;
  Cluster replica(primary, {});
  auto server = DatabaseServer::at(primary.admin_dsn());
  Scene scene("read", {"--transfer-latency-ms", "5..40"}, server->fresh_database());
  primary.run("postgres", "grant all on database " + scene.database().name() + " to admin");
  HostProcess& host = scene.add_host("host-a");
  REQUIRE(payoutctl({"db", "roles", "--apply", "--database", primary.admin_dsn(scene.database().name())})
              .status == 0);
  primary.run("postgres", "alter role payoutd_readonly password 'of the reports'");
  host.settings().environment["DATABASE_READ_URL"] =
      replica.dsn("payoutd_readonly", "of the reports", scene.database().name());
  host.start();
  REQUIRE(host.wait_until_ready());
  scene.post(host, 30, "first");
  REQUIRE(scene.wait_until_finished(seconds{60}));
  CHECK(eventually(seconds{20}, [&] { return listed(host, "first") == 30; }));
  CHECK(control(host, "GET", "/v1/admin/tally").status == 200);
  // What the replica has not seen is not listed: so it is the replica that answers.
  replica.run("postgres", "select pg_wal_replay_pause()");
  scene.post(host, 10, "second");
  CHECK(listed(host, "second") == 0);
  CHECK(scene.database().value("select count(*) from app.payouts where batch = 'second'") == "10");
  CHECK(eventually(seconds{15}, [&] {
    const std::string text = host.request("GET", "/metrics").body;
    const std::string name = "payoutd_database_replica_lag_seconds{from=\"read\"} ";
    const auto at = text.find(name);
    return at != std::string::npos && std::stod(text.substr(at + name.size())) > 1;
  }));
  replica.run("postgres", "select pg_wal_replay_resume()");
  CHECK(eventually(seconds{20}, [&] { return listed(host, "second") == 10; }));

  replica.kill();
  CHECK(listed(host, "second") == 10);
  CHECK(host.log().find("database.read_fell_back") != std::string::npos);
  scene.post(host, 10, "third");
  CHECK(listed(host, "third") == 10);
  replica.start();
  CHECK(eventually(seconds{20},
                   [&] { return host.log().find("database.read_from_replica") != std::string::npos; }));
  REQUIRE(scene.wait_until_finished(seconds{60}));
  CHECK(scene.check().all_right());
  CHECK(host.log().find("permission denied") == std::string::npos);
}
