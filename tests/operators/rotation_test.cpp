// Another password while payouts run: nothing waits, nothing breaks, nothing goes on with the old one.
#include <signal.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <thread>

#include "harness/scene.hpp"
#include "operated.hpp"

namespace {

using namespace payoutd::test;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// Posts small batches one after the other until it goes.
class Load {
 public:
  Load(Scene& scene, HostProcess& host)
      : thread_([this, &scene, &host] {
          while (!stop_) scene.post(host, 15, "load-" + std::to_string(++batches_));
        }) {}
  ~Load() {
    if (thread_.joinable()) end();
  }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;
  int end() {
    stop_ = true;
    thread_.join();
    return batches_ * 15;
  }
  int batches() const { return batches_; }

 private:
  std::atomic<bool> stop_{false};
  std::atomic<int> batches_{0};
  std::thread thread_;
};

struct Rotated {
  Rotated()
      : server(DatabaseServer::at(database.cluster.admin_dsn())),
        scene("rotation", {"--transfer-latency-ms", "5..60"}, TestDatabase(*server, "paying")),
        file(scene.directory() / "dsn"),
        host(scene.add_host("host-a")) {
    write("payoutd_runtime", "of the hosts");
    host.settings().database = "file:" + file.string();
    host.start();
    REQUIRE(host.wait_until_ready());
  }
  void write(const std::string& user, const std::string& password) {
    std::ofstream(file, std::ios::trunc) << database.cluster.dsn(user, password, "paying") << '\n';
  }
  void reload() { host.process().signal(SIGHUP); }
  bool logged(const std::string& event, seconds limit = seconds{15}) {
    return eventually(limit, [&] { return host.log().find(event) != std::string::npos; });
  }
  std::string value(const std::string& sql) { return scene.database().value(sql); }

  Operated database;
  std::unique_ptr<DatabaseServer> server;
  Scene scene;
  std::filesystem::path file;
  HostProcess& host;
};

}  // namespace

TEST_CASE("a new password is taken over by a reload while payouts run", "[rotation]") {
  Rotated r;
  Load load(r.scene, r.host);
  REQUIRE(eventually(seconds{20}, [&] { return load.batches() > 3; }));
  r.database.cluster.run("postgres", "alter role payoutd_runtime password 'another one'");
  const std::string changed_at = r.value("select now()");
  const std::string of_before =
      "select count(*) from pg_stat_activity where usename = 'payoutd_runtime' and"
      " backend_start < '" +
      changed_at + "'";
  const int before = load.batches();
  REQUIRE(eventually(seconds{20}, [&] { return load.batches() > before + 3; }));
  CHECK(r.value(of_before) != "0");  // what stands goes on
  r.write("payoutd_runtime", "another one");
  r.reload();
  REQUIRE(r.logged("database.credentials_changed"));
  const bool drained = eventually(seconds{20}, [&] { return r.value(of_before) == "0"; });
  INFO(r.host.log_end());
  CHECK(drained);
  const int after = load.batches();
  REQUIRE(eventually(seconds{20}, [&] { return load.batches() > after + 3; }));
  const int posted = load.end();
  // Whoever has to connect again now can.
  r.value("select count(pg_terminate_backend(pid)) from pg_stat_activity where usename = 'payoutd_runtime'");
  REQUIRE(eventually(seconds{20}, [&] {
    return r.value("select count(*) from pg_stat_activity where usename = 'payoutd_runtime'") == "8";
  }));
  REQUIRE(r.host.wait_until_ready());
  r.scene.post(r.host, 30, "with-the-new-one");
  REQUIRE(r.scene.wait_until_finished(seconds{60}));
  CHECK(r.scene.check().all_right());
  CHECK(r.scene.check().confirmed == posted + 30);
  CHECK(r.host.log().find("password authentication failed") == std::string::npos);
  CHECK(r.host.request("GET", "/metrics")
            .body.find("payoutd_database_connections{pool=\"engine\",state=\"outdated\"} 0") !=
        std::string::npos);
  // Neither password stands in the log.
  CHECK(r.host.log().find("another one") == std::string::npos);
  CHECK(r.host.log().find("of the hosts") == std::string::npos);
}

TEST_CASE("a password that the database refuses changes nothing, and another role is taken over",
          "[rotation]") {
  Rotated r;
  r.write("payoutd_runtime", "wrong");
  r.reload();
  REQUIRE(r.logged("database.credentials_refused"));
  r.scene.post(r.host, 60, "after-refusal");
  REQUIRE(r.scene.wait_until_finished(seconds{30}));
  CHECK(r.host.wait_until_ready());

  r.database.cluster.run("postgres",
                         "create role payoutd_second login password 'of the second' in role payoutd_runtime");
  r.write("payoutd_second", "of the second");
  r.reload();
  REQUIRE(r.logged("database.credentials_changed"));
  CHECK(eventually(seconds{20}, [&] {
    return r.value("select count(*) from pg_stat_activity where usename = 'payoutd_runtime'") == "0";
  }));
  r.scene.post(r.host, 60, "as-second");
  REQUIRE(r.scene.wait_until_finished(seconds{30}));
  CHECK(r.scene.check().all_right());

  // Another database is not a matter of a reload.
  std::ofstream(r.file, std::ios::trunc)
      << r.database.cluster.dsn("payoutd_second", "of the second", "postgres") << '\n';
  r.reload();
  REQUIRE(r.logged("database.change_needs_restart"));
  r.scene.post(r.host, 10, "still-there");
  REQUIRE(r.scene.wait_until_finished(seconds{30}));
  CHECK(r.scene.check().all_right());
}
