// A real PostgreSQL for tests, and a new database for each of them in milliseconds.
//
//   auto database = test::DatabaseServer::shared().fresh_database();   // migrated like production's
//   store::Pool pool(io.get_executor(), {.dsn = database.dsn()});
//
// The server is private to the test process, stands in a temporary directory with fsync off, and goes away
// with the process however that ends. PAYOUTD_TEST_DATABASE_URL names another server to use instead (a role
// that may create databases); tests that kill or stop the server are then to be skipped (is_private()).
#pragma once
#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "ops/embedded_postgres.hpp"
#include "store/migrations.hpp"

namespace payoutd::test {

class DatabaseServer;

// One database. On a server that is not private it is dropped with this object.
class TestDatabase {
 public:
  TestDatabase(DatabaseServer& server, std::string name);
  ~TestDatabase();
  TestDatabase(TestDatabase&& other) noexcept;
  TestDatabase& operator=(TestDatabase&&) = delete;

  std::string dsn() const;
  const std::string& name() const { return name_; }

  // A connection of the test's own, beside those of the code under test.
  store::Connection connect() const;

  // Runs one statement on a connection of its own and returns the first value, or "" if there is none.
  std::string value(const std::string& sql) const;

 private:
  DatabaseServer* server_;
  std::string name_;
};

class DatabaseServer {
 public:
  // The one of this process; started on first use.
  static DatabaseServer& shared();

  // A server that somebody else runs; `url` names a role that may create databases.
  static std::unique_ptr<DatabaseServer> at(std::string url);

  // A server of the test's own, always private. Settings go over those for tests.
  explicit DatabaseServer(std::map<std::string, std::string> settings = {});
  ~DatabaseServer();
  DatabaseServer(const DatabaseServer&) = delete;
  DatabaseServer& operator=(const DatabaseServer&) = delete;

  // A copy of a template that has the migrations applied.
  TestDatabase fresh_database(std::span<const store::Migration> migrations = store::embedded_migrations());
  TestDatabase empty_database();

  std::string dsn(const std::string& database) const;
  bool is_private() const { return server_ != nullptr; }

  // For fault tests, on a private server only. kill() is SIGKILL to the postmaster; its backends follow.
  void kill();
  void stop();
  void start();
  ops::EmbeddedPostgres& embedded() { return *server_; }

 private:
  struct External {
    explicit External(std::string u) : url(std::move(u)) {}
    std::string url;
  };
  explicit DatabaseServer(External external);
  std::string template_for(std::span<const store::Migration> migrations);
  void execute(const std::string& sql) const;

  std::filesystem::path directory_;
  std::unique_ptr<ops::EmbeddedPostgres> server_;
  std::string url_;
  std::map<std::string, std::string> templates_;  // by the migrations' checksums
  int databases_ = 0;
};

}  // namespace payoutd::test
