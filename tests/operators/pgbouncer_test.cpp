// A host behind PgBouncer in transaction mode, which gives every transaction another session.
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "harness/cluster.hpp"
#include "harness/scene.hpp"
#include "payoutctl.hpp"

namespace {

using namespace payoutd::test;
using std::chrono::seconds;

/// The real program, in front of a cluster.
class PgBouncer {
 public:
  PgBouncer(const Cluster& cluster, const std::filesystem::path& directory) : port_(free_port()) {
    std::filesystem::create_directories(directory);
    std::ofstream(directory / "users") << '"' << Cluster::kAdmin << "\" \"" << Cluster::kPassword << "\"\n";
    std::ofstream(directory / "pgbouncer.ini")
        << "[databases]\n* = host=127.0.0.1 port=" << cluster.port()
        << "\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = " << port_
        << "\nunix_socket_dir =\nauth_type = scram-sha-256\nauth_file = " << (directory / "users").string()
        << "\npool_mode = transaction\ndefault_pool_size = 4\nmax_client_conn = 100\nlogfile = "
        << (directory / "pgbouncer.log").string() << '\n';
    ChildProcess::Start start;
    start.program = PGBOUNCER;
    start.arguments = {(directory / "pgbouncer.ini").string()};
    start.log = directory / "output";
    if (::geteuid() == 0) {
      std::filesystem::permissions(directory, std::filesystem::perms(0777));
      start.arguments = {"--reuid=postgres", "--regid=postgres", "--init-groups",
                         "--pdeathsig=KILL", PGBOUNCER,          start.arguments.front()};
      start.program = "/usr/bin/setpriv";
    }
    process_ = std::make_unique<ChildProcess>(start);
  }
  std::string dsn(const std::string& database) const {
    return "host=127.0.0.1 port=" + std::to_string(port_) + " user=" + Cluster::kAdmin + " password='" +
           Cluster::kPassword + "' dbname=" + database;
  }

 private:
  std::uint16_t port_;
  std::unique_ptr<ChildProcess> process_;
};

}  // namespace

TEST_CASE("payouts run through PgBouncer in transaction mode", "[pgbouncer]") {
  Cluster cluster;
  auto server = DatabaseServer::at(cluster.admin_dsn());
  Scene scene("pgbouncer", {"--transfer-latency-ms", "5..60"}, server->fresh_database());
  // Its folder is reached by the server's user, which the scene's may not be.
  PgBouncer bouncer(cluster, cluster.data().parent_path() / "pgbouncer");
  HostProcess& host = scene.add_host("host-a");
  HostProcess& other = scene.add_host("host-b");
  for (HostProcess* one : {&host, &other}) {
    one->settings().database = bouncer.dsn(scene.database().name());
    one->start();
  }
  REQUIRE(host.wait_until_ready());
  REQUIRE(other.wait_until_ready());
  for (int i = 0; i < 4; ++i) scene.post(i % 2 == 0 ? host : other, 100, "batch-" + std::to_string(i));
  REQUIRE(scene.wait_until_finished(seconds{90}));
  CHECK(scene.check().all_right());
  CHECK(scene.check().confirmed == 400);
  CHECK(scene.database().value("select max(attempt_count) from app.all_payouts") == "1");
  // More clients than sessions: sessions are shared.
  CHECK(std::stoi(scene.database().value("select count(*) from pg_stat_activity where application_name like"
                                         " 'payoutd %'")) <= 4);
  for (HostProcess* one : {&host, &other}) {
    CHECK(one->log().find("prepared statement") == std::string::npos);
    CHECK(one->stop() == 0);
  }
  // The operators' commands too.
  const auto verified = payoutctl({"migrate", "verify", "--database", bouncer.dsn(scene.database().name())});
  INFO(verified.text());
  CHECK(verified.status == 0);
}
