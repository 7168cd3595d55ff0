#include "ops/embedded_postgres.hpp"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <fstream>

#include "store/connection.hpp"
#include "support.hpp"

using namespace payoutd;
using namespace payoutd::ops;
using namespace payoutd::test;

namespace {

// A directory that ends with the test, and the options for a server in it.
struct Place {
  Place() {
    std::string pattern = (std::filesystem::temp_directory_path() / "payoutd-embedded-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("cannot make " + pattern);
    root = pattern;
    options.directory = root;
    options.settings = {{"fsync", "off"}, {"shared_buffers", "32MB"}};
    options.start_limit = std::chrono::seconds(60);
    options.stop_limit = std::chrono::seconds(20);
  }
  ~Place() { std::filesystem::remove_all(root); }
  std::filesystem::path root;
  EmbeddedPostgresOptions options;
};

std::string value(const EmbeddedPostgres& server, const std::string& sql) {
  store::Connection connection(server.dsn());
  const auto rows = pqxx::nontransaction(connection).exec(sql);
  return rows.empty() ? "" : rows[0][0].c_str();
}

bool alive(pid_t pid) {
  return ::kill(pid, 0) == 0;
}

// Like a host that is killed: starts the server in a process of its own, which then vanishes.
pid_t start_in_killed_host(const EmbeddedPostgresOptions& options) {
  int pipe[2];
  REQUIRE(::pipe(pipe) == 0);
  const pid_t host = ::fork();
  if (host == 0) {
    EmbeddedPostgres server(options);
    pid_t pid = 0;
    try {
      server.start();
      pid = server.pid();
    } catch (const std::exception&) {
    }
    (void)!::write(pipe[1], &pid, sizeof(pid));
    ::kill(::getpid(), SIGKILL);
  }
  pid_t server = 0;
  REQUIRE(::read(pipe[0], &server, sizeof(server)) == sizeof(server));
  ::waitpid(host, nullptr, 0);
  ::close(pipe[0]);
  ::close(pipe[1]);
  REQUIRE(server > 0);
  return server;
}

}  // namespace

TEST_CASE("an embedded server is made, started, stopped and started again", "[embedded]") {
  Place place;
  EmbeddedPostgres server(place.options);
  std::vector<std::string> progress;
  server.start([&](std::string_view sentence) { progress.emplace_back(sentence); });
  REQUIRE(server.running());
  CHECK(!progress.empty());
  CHECK(value(server, "SELECT current_database() || ' ' || current_user") == "payoutd payoutd");
  CHECK(value(server, "SHOW listen_addresses") == "");
  CHECK(value(server, "SHOW data_checksums") == "on");
  CHECK(value(server, "SHOW synchronous_commit") == "on");
  CHECK(value(server, "SHOW shared_buffers") == "32MB");
  CHECK(
      value(
          server,
          "SELECT pg_encoding_to_char(encoding) || datcollate FROM pg_database WHERE datname = 'payoutd'") ==
      "UTF8C");
  value(server, "CREATE TABLE kept (id integer)");

  const auto first = server.pid();
  server.start();  // nothing to do
  CHECK(server.pid() == first);
  server.stop();
  CHECK_FALSE(server.running());
  CHECK_FALSE(alive(first));
  server.start();
  CHECK(value(server, "SELECT count(*) FROM kept") == "0");
}

TEST_CASE("only its users can reach the embedded server", "[embedded]") {
  Place place;
  EmbeddedPostgres server(place.options);
  server.start();
  struct stat info{};
  REQUIRE(::stat((place.options.directory / "socket").c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0700);
  REQUIRE(::stat((place.options.directory / "data").c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0700);
  if (::geteuid() == 0) {
    CHECK(info.st_uid != 0);
    const pid_t stranger = ::fork();
    if (stranger == 0) {
      // Even past the directory, the server asks the kernel who this is.
      const bool became = ::setgid(65534) == 0 && ::setuid(65534) == 0;
      bool refused = false;
      try {
        store::Connection connection(server.dsn());
      } catch (const store::StoreError&) {
        refused = true;
      }
      ::_exit(became && refused ? 0 : 1);
    }
    int status = 0;
    ::waitpid(stranger, &status, 0);
    CHECK(WEXITSTATUS(status) == 0);
    ::chmod((place.options.directory / "socket").c_str(), 0755);
    ::chmod((place.options.directory / "socket/.s.PGSQL.5432").c_str(), 0777);
    const pid_t intruder = ::fork();
    if (intruder == 0) {
      const bool became = ::setgid(65534) == 0 && ::setuid(65534) == 0;
      std::string reason;
      try {
        store::Connection connection(server.dsn());
      } catch (const store::StoreError& e) {
        reason = e.what();
      }
      ::_exit(became && reason.find("Peer authentication failed") != std::string::npos ? 0 : 1);
    }
    ::waitpid(intruder, &status, 0);
    CHECK(WEXITSTATUS(status) == 0);
  }
}

TEST_CASE("a killed server recovers what was committed", "[embedded]") {
  Place place;
  EmbeddedPostgres server(place.options);
  server.start();
  value(server, "CREATE TABLE kept AS SELECT generate_series(1, 100000)");
  ::kill(server.pid(), SIGKILL);
  REQUIRE(wait_until([&] { return !server.running(); }));
  server.start();
  CHECK(value(server, "SELECT count(*) FROM kept") == "100000");
}

TEST_CASE("backends that outlive their postmaster are waited for", "[embedded]") {
  Place place;
  EmbeddedPostgres server(place.options);
  server.start();
  store::Connection busy(server.dsn());
  std::thread spinning([&] {
    try {
      // Computes without looking up, so that it does not notice the postmaster's death for a while.
      pqxx::nontransaction(busy).exec("SELECT count(*) FROM generate_series(1, 20000000)");
    } catch (const std::exception&) {
    }
  });
  REQUIRE(wait_until([&] {
    return value(server,
                 "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT count(*) FROM generate%' "
                 "AND state = 'active'") == "1";
  }));
  ::kill(server.pid(), SIGKILL);
  REQUIRE(wait_until([&] { return !server.running(); }));
  server.start();
  CHECK(value(server, "SELECT 1") == "1");
  spinning.join();
}

TEST_CASE("the server goes down with a host that is killed", "[embedded]") {
  Place place;
  const auto server = start_in_killed_host(place.options);
  CHECK(wait_until([&] { return !alive(server); }));
  EmbeddedPostgres next(place.options);
  next.start();
  CHECK_FALSE(next.adopted());
  CHECK(value(next, "SELECT 1") == "1");
}

TEST_CASE("a host that starts at once after the other was killed gets a server that stays", "[embedded]") {
  Place place;
  for (int round = 0; round < 3; ++round) {
    const auto old = start_in_killed_host(place.options);
    EmbeddedPostgres next(place.options);
    next.start();
    CHECK(next.pid() != old);
    std::this_thread::sleep_for(100ms);  // a late signal would end it now
    CHECK(value(next, "SELECT 1") == "1");
    next.stop();
  }
}

TEST_CASE("a server that was left running is adopted", "[embedded]") {
  Place place;
  place.options.stop_with_host = false;
  const auto left = start_in_killed_host(place.options);
  REQUIRE(alive(left));
  EmbeddedPostgres next(place.options);
  next.start();
  CHECK(next.adopted());
  CHECK(next.pid() == left);
  CHECK(value(next, "SELECT 1") == "1");
  next.stop();
  CHECK(wait_until([&] { return !alive(left); }));
}

TEST_CASE("a left-over server that does not answer is stopped", "[embedded]") {
  Place place;
  place.options.stop_with_host = false;
  const auto left = start_in_killed_host(place.options);
  REQUIRE(alive(left));
  place.options.stop_with_host = true;  // this host wants a server of its own
  EmbeddedPostgres next(place.options);
  next.start();
  CHECK_FALSE(next.adopted());
  CHECK(next.pid() != left);
  CHECK(value(next, "SELECT 1") == "1");
}

TEST_CASE("a pid file that names somebody else is seen through", "[embedded]") {
  Place place;
  {
    EmbeddedPostgres server(place.options);
    server.start();
    ::kill(server.pid(), SIGKILL);
    REQUIRE(wait_until([&] { return !server.running(); }));
  }
  // As after a reboot: the pid is alive and belongs to another process.
  const auto path = place.options.directory / "data/postmaster.pid";
  std::ifstream old(path);
  std::string text((std::istreambuf_iterator<char>(old)), {});
  std::ofstream(path) << ::getppid() << text.substr(text.find('\n'));
  EmbeddedPostgres server(place.options);
  server.start();
  CHECK(value(server, "SELECT 1") == "1");
}

TEST_CASE("a second host on the same directory is told who has it", "[embedded]") {
  Place place;
  EmbeddedPostgres first(place.options);
  first.start();
  EmbeddedPostgres second(place.options);
  CHECK_THROWS_WITH(second.start(),
                    Catch::Contains("in use by the host with pid " + std::to_string(::getpid())));
  CHECK(value(first, "SELECT 1") == "1");
}

TEST_CASE("mistakes are told before anything is started", "[embedded]") {
  Place place;
  SECTION("a path too long for a socket") {
    place.options.directory /= std::string(100, 'x');
    CHECK_THROWS_WITH(EmbeddedPostgres(place.options),
                      Catch::Contains("107") && Catch::Contains("socket_directory"));
  }
  SECTION("no PostgreSQL") {
    place.options.binary_directories = {"/nowhere/bin"};
    CHECK_THROWS_WITH(EmbeddedPostgres(place.options).start(), Catch::Contains("/nowhere/bin"));
  }
  SECTION("no such user") {
    if (::geteuid() != 0) return;
    place.options.user = "nobody-at-all";
    CHECK_THROWS_WITH(EmbeddedPostgres(place.options).start(), Catch::Contains("nobody-at-all"));
  }
  SECTION("a directory that the server cannot reach") {
    if (::geteuid() != 0) return;
    ::chmod(place.options.directory.c_str(), 0700);
    place.options.directory /= "inner";
    CHECK_THROWS_WITH(EmbeddedPostgres(place.options).start(), Catch::Contains("cannot pass through"));
  }
  SECTION("a setting that PostgreSQL refuses comes with its log") {
    place.options.settings["shared_buffers"] = "plenty";
    CHECK_THROWS_WITH(EmbeddedPostgres(place.options).start(), Catch::Contains("shared_buffers"));
  }
  SECTION("a cluster of another version") {
    {
      EmbeddedPostgres server(place.options);
      server.start();
    }
    std::ofstream(place.options.directory / "data/PG_VERSION") << "12\n";
    CHECK_THROWS_WITH(EmbeddedPostgres(place.options).start(), Catch::Contains("PostgreSQL 12"));
  }
}
