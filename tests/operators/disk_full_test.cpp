// The disk of the database is full: nothing is submitted whose outcome could not be stored, and it goes on by
// itself.
#include <unistd.h>

#include <catch2/catch.hpp>
#include <thread>

#include "harness/cluster.hpp"
#include "harness/scene.hpp"
#include "harness/small_disk.hpp"
#include "operated.hpp"

namespace {

namespace json = boost::json;
using namespace payoutd::test;
using std::chrono::milliseconds;
using std::chrono::seconds;

bool metric_is(HostProcess& host, const std::string& line) {
  return host.request("GET", "/metrics").body.find("\n" + line + "\n") != std::string::npos;
}

}  // namespace

TEST_CASE("while the database's disk is full nothing is submitted, and nothing is lost", "[disk]") {
  if (::geteuid() != 0) {
    WARN("needs root, for a small file system");
    return;
  }
  Cluster cluster;
  SmallDisk disk;
  if (!disk.usable()) {
    WARN("no file system can be mounted here");
    return;
  }
  cluster.run("postgres", "create tablespace small location '" + disk.tables().string() + "'");
  cluster.run("postgres", "alter database template1 set tablespace small");
  auto server = DatabaseServer::at(cluster.admin_dsn());
  Scene scene("disk", {"--transfer-latency-ms", "5..40"}, server->fresh_database());
  HostProcess& host = scene.add_host("host-a");
  host.start();
  REQUIRE(host.wait_until_ready());
  scene.post(host, 100, "before");
  REQUIRE(scene.wait_until_finished(seconds{60}));

  disk.fill();
  int taken = 0;
  const auto post_one = [&] {
    return host.request("POST", "/v1/payouts",
                        R"({"amount":"1","currency":"EUR","destination":"46733100001","note":")" +
                            std::string(150, 'n') + "\"}",
                        {{"Idempotency-Key", "full-" + std::to_string(++taken)}});
  };
  // The pages that are there are filled first.
  simulator::Reply refused;
  const bool full = eventually(seconds{60}, [&] {
    refused = post_one();
    return refused.status != 201 && metric_is(host, "payoutd_database_storage_full 1");
  });
  INFO(host.log_end());
  REQUIRE(full);
  INFO(refused.body);
  CHECK(refused.status == 503);
  CHECK(host.log().find("database.storage_full") != std::string::npos);
  // What is in flight ends; after that the provider hears of nothing.
  const auto asked = [&] { return scene.simulator().get("/ledger?limit=100000").as_array().size(); };
  std::size_t before = asked();
  CHECK(eventually(seconds{20}, [&] {
    std::this_thread::sleep_for(seconds{1});
    const std::size_t now = asked();
    return now == std::exchange(before, now);
  }));
  CHECK(host.request("GET", "/livez").status == 200);
  CHECK(cluster.value("postgres", "select 1") == "1");

  disk.make_room();
  REQUIRE(eventually(seconds{30}, [&] { return metric_is(host, "payoutd_database_storage_full 0"); }));
  CHECK(host.log().find("database.storage_recovered") != std::string::npos);
  scene.post(host, 50, "after");
  REQUIRE(scene.wait_until_finished(seconds{60}));
  INFO(scene.check().text());
  CHECK(scene.check().all_right());
}

TEST_CASE("a server that has no connection left is asked again until it has", "[disk]") {
  Operated database;
  auto server = DatabaseServer::at(database.cluster.admin_dsn());
  Scene scene("too-many", {"--transfer-latency-ms", "5..40"}, TestDatabase(*server, "paying"));
  HostProcess& host = scene.add_host("host-a");
  host.settings().database = database.runtime();
  host.start();
  REQUIRE(host.wait_until_ready());
  scene.post(host, 50, "before");
  REQUIRE(scene.wait_until_finished(seconds{60}));
  // 53300 for all but some of what the host wants.
  database.cluster.run("postgres", "alter role payoutd_runtime connection limit 3");
  scene.database().value(
      "select count(pg_terminate_backend(pid)) from pg_stat_activity where usename ="
      " 'payoutd_runtime'");
  CHECK(eventually(seconds{20}, [&] {
    const std::string text = host.request("GET", "/metrics").body;
    int refused = 0;
    for (const char* pool : {"engine", "http", "jobs", "heart"})
      if (text.find(std::string("payoutd_database_errors_total{pool=\"") + pool +
                    "\",why=\"too_many_connections\"} 0\n") == std::string::npos)
        ++refused;
    return refused > 0;
  }));
  CHECK(host.request("GET", "/livez").status == 200);
  database.cluster.run("postgres", "alter role payoutd_runtime connection limit -1");
  REQUIRE(host.wait_until_ready());
  scene.post(host, 50, "after");
  REQUIRE(scene.wait_until_finished(seconds{60}));
  CHECK(scene.check().all_right());
}
