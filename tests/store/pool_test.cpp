#include "store/pool.hpp"

#include <catch2/catch.hpp>
#include <csignal>

#include "support.hpp"
#include "support/database/database.hpp"

using namespace payoutd;
using namespace payoutd::store;
using namespace payoutd::test;

namespace {

int select_one(Connection& connection) {
  return pqxx::nontransaction(connection).exec("SELECT 1")[0][0].as<int>();
}

void sleep_in_database(Connection& connection, double seconds) {
  pqxx::nontransaction(connection).exec_params("SELECT pg_sleep($1)", seconds);
}

// Starts the work and tells by the counter when it ended, however it ended.
template <class Work>
void start(boost::asio::io_context& io, Pool& pool, Work work, int& ended) {
  boost::asio::co_spawn(io, pool.run(work), [&ended](std::exception_ptr, auto...) { ++ended; });
}

std::string terminate_all(const TestDatabase& database) {
  return database.value(
      "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE datname = "
      "current_database() AND "
      "pid <> "
      "pg_backend_pid()");
}

}  // namespace

TEST_CASE("the pool runs work in parallel, one piece on each connection", "[pool]") {
  auto database = DatabaseServer::shared().empty_database();
  boost::asio::io_context io;
  Pool pool(io.get_executor(), {.dsn = database.dsn(), .connections = 4});
  REQUIRE(run_until(io, [&] { return pool.stats().connected == 4; }));
  int ended = 0;
  const auto begin = std::chrono::steady_clock::now();
  for (int index = 0; index < 8; ++index)
    start(io, pool, [](Connection& connection) { sleep_in_database(connection, 0.2); }, ended);
  REQUIRE(run_until(io, [&] { return ended == 8; }));
  const auto elapsed = std::chrono::steady_clock::now() - begin;
  CHECK(elapsed >= 390ms);
  CHECK(elapsed < 1'550ms);  // 1.6 s one after the other
  CHECK(pool.stats().acquired == 8);
  CHECK(pool.stats().busy == 0);
}

TEST_CASE("work returns values and its own exceptions", "[pool]") {
  auto database = DatabaseServer::shared().empty_database();
  boost::asio::io_context io;
  Pool pool(io.get_executor(), {.dsn = database.dsn(), .connections = 1});
  CHECK(run(io, pool.run(select_one)) == 1);
  CHECK_THROWS_AS(run(io, pool.run([](Connection&) -> int { throw std::out_of_range("mine"); })),
                  std::out_of_range);
  CHECK(run(io, pool.transact([](Transaction& transaction) {
          return transaction.exec("SELECT 2")[0][0].as<int>();
        })) == 2);
}

TEST_CASE("work that finds no free connection in time is told so", "[pool]") {
  auto database = DatabaseServer::shared().empty_database();
  boost::asio::io_context io;
  Pool pool(io.get_executor(), {.dsn = database.dsn(), .connections = 1, .acquire_timeout_ms = 100});
  REQUIRE(run_until(io, [&] { return pool.stats().connected == 1; }));
  int ended = 0;
  start(io, pool, [](Connection& connection) { sleep_in_database(connection, 2); }, ended);
  REQUIRE(run_until(io, [&] { return pool.stats().busy == 1; }));
  const auto begin = std::chrono::steady_clock::now();
  CHECK_THROWS_AS(run(io, pool.run(select_one)), PoolExhausted);
  const auto elapsed = std::chrono::steady_clock::now() - begin;
  CHECK(elapsed >= 95ms);
  CHECK(elapsed < 1'500ms);
  CHECK(pool.stats().acquire_timeouts == 1);
  REQUIRE(run_until(io, [&] { return ended == 1; }));
  CHECK(run(io, pool.run(select_one)) == 1);
}

TEST_CASE("a connection that died while idle is replaced before work meets it", "[pool]") {
  auto database = DatabaseServer::shared().empty_database();
  boost::asio::io_context io;
  Pool pool(io.get_executor(), {.dsn = database.dsn(), .connections = 2});
  for (int round = 0; round < 5; ++round) {
    REQUIRE(run_until(io, [&] { return pool.stats().connected == 2; }));
    CHECK(terminate_all(database) != "0");  // the other one may not have been missed yet
    CHECK(run(io, pool.run(select_one)) == 1);
  }
  CHECK(pool.stats().connections_lost >= 3);
}

TEST_CASE("a connection that breaks under an autocommitted statement leaves it in doubt", "[pool]") {
  auto database = DatabaseServer::shared().empty_database();
  boost::asio::io_context io;
  Pool pool(io.get_executor(), {.dsn = database.dsn(), .connections = 1});
  std::exception_ptr error;
  boost::asio::co_spawn(io, pool.run([](Connection& connection) { sleep_in_database(connection, 30); }),
                        [&](std::exception_ptr e) { error = e; });
  REQUIRE(run_until(io, [&] {
    return database.value(
               "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = "
               "'active'") == "1";
  }));
  terminate_all(database);
  REQUIRE(run_until(io, [&] { return error != nullptr; }));
  CHECK_THROWS_AS(std::rethrow_exception(error), InDoubt);
  try {
    std::rethrow_exception(error);
  } catch (const StoreError& e) {
    CHECK(e.sqlstate() == "57P01");
  }
}

TEST_CASE("a connection that breaks inside a transaction undid everything", "[pool]") {
  auto database = DatabaseServer::shared().empty_database();
  boost::asio::io_context io;
  Pool pool(io.get_executor(), {.dsn = database.dsn(), .connections = 1});
  std::exception_ptr error;
  boost::asio::co_spawn(
      io, pool.transact([](Transaction& transaction) { transaction.exec("SELECT pg_sleep(30)"); }),
      [&](std::exception_ptr e) { error = e; });
  REQUIRE(run_until(io, [&] {
    return database.value(
               "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = "
               "'active'") == "1";
  }));
  terminate_all(database);
  REQUIRE(run_until(io, [&] { return error != nullptr; }));
  CHECK_THROWS_AS(std::rethrow_exception(error), ServerShutdown);
}

TEST_CASE("interrupt breaks running statements from outside", "[pool]") {
  auto database = DatabaseServer::shared().empty_database();
  boost::asio::io_context io;
  Pool pool(io.get_executor(), {.dsn = database.dsn(), .connections = 1});
  int ended = 0;
  start(io, pool, [](Connection& connection) { sleep_in_database(connection, 30); }, ended);
  REQUIRE(run_until(io, [&] { return pool.stats().busy == 1; }));
  std::this_thread::sleep_for(
      20ms);  // the statement is on its way; breaking the socket earlier works as well
  pool.interrupt();
  REQUIRE(run_until(io, [&] { return ended == 1; }, 2'000ms));
}

TEST_CASE("stopping fails queued work and waits for running work", "[pool]") {
  auto database = DatabaseServer::shared().empty_database();
  boost::asio::io_context io;
  Pool pool(io.get_executor(), {.dsn = database.dsn(), .connections = 1});
  int ended = 0;
  start(io, pool, [](Connection& connection) { sleep_in_database(connection, 0.3); }, ended);
  REQUIRE(run_until(io, [&] { return pool.stats().busy == 1; }));
  std::exception_ptr error;
  boost::asio::co_spawn(io, pool.run(select_one), [&](std::exception_ptr e, int) { error = e; });
  io.poll();
  pool.stop();
  REQUIRE(run_until(io, [&] { return error && ended == 1; }));
  CHECK_THROWS_AS(std::rethrow_exception(error), Stopping);
  CHECK_THROWS_AS(run(io, pool.run(select_one)), Stopping);
}

TEST_CASE("stopping breaks statements that outlast the grace", "[pool]") {
  auto database = DatabaseServer::shared().empty_database();
  boost::asio::io_context io;
  Pool pool(io.get_executor(), {.dsn = database.dsn(), .connections = 1, .stop_grace_ms = 100});
  int ended = 0;
  start(io, pool, [](Connection& connection) { sleep_in_database(connection, 30); }, ended);
  REQUIRE(run_until(io, [&] { return pool.stats().busy == 1; }));
  const auto begin = std::chrono::steady_clock::now();
  pool.stop();
  CHECK(std::chrono::steady_clock::now() - begin < 3s);
  REQUIRE(run_until(io, [&] { return ended == 1; }));
}

TEST_CASE("coroutines that still wait when the host's loop goes away are destroyed with it", "[pool]") {
  auto database = DatabaseServer::shared().empty_database();
  auto alive = std::make_shared<int>(0);
  {
    boost::asio::io_context io;
    Pool pool(io.get_executor(), {.dsn = database.dsn(), .connections = 1, .stop_grace_ms = 50});
    for (int index = 0; index < 3; ++index)
      boost::asio::co_spawn(io,
                            pool.run([alive](Connection& connection) { sleep_in_database(connection, 0.2); }),
                            [alive](std::exception_ptr) {});
    io.poll();
    CHECK(alive.use_count() > 1);
  }
  CHECK(alive.use_count() == 1);
}

TEST_CASE("the pool can grow and shrink", "[pool]") {
  auto database = DatabaseServer::shared().empty_database();
  boost::asio::io_context io;
  Pool pool(io.get_executor(), {.dsn = database.dsn(), .connections = 1});
  pool.resize(5);
  REQUIRE(run_until(io, [&] { return pool.stats().connected == 5; }));
  pool.resize(2);
  REQUIRE(run_until(io, [&] { return pool.stats().connected == 2; }));
  pool.resize(3);
  REQUIRE(run_until(io, [&] { return pool.stats().connected == 3; }));
  CHECK(run(io, pool.run(select_one)) == 1);
}

TEST_CASE("a restart of the server is survived", "[pool][restart]") {
  DatabaseServer server;
  auto database = server.empty_database();
  boost::asio::io_context io;
  Pool pool(io.get_executor(), {.dsn = database.dsn(), .connections = 2, .acquire_timeout_ms = 10'000});
  REQUIRE(run_until(io, [&] { return pool.stats().connected == 2; }));
  CHECK(run(io, pool.run(select_one)) == 1);

  SECTION("by the operator") {
    server.stop();
  }
  SECTION("by a crash") {
    server.kill();
    // Its backends notice within moments; work that meets one of them before is rightly in doubt.
    REQUIRE(run_until(io, [&] { return pool.stats().connected == 0; }));
  }
  std::atomic<bool> done = false;
  std::thread starter([&] {
    std::this_thread::sleep_for(300ms);
    server.start();
    wait_until([&] { return done.load(); });  // the server shuts down with the thread that started it
  });
  CHECK(run(io, pool.run(select_one)) == 1);  // waited for it
  done = true;
  starter.join();
}

TEST_CASE("without a server the reason is told, and never the password", "[pool]") {
  boost::asio::io_context io;
  Pool pool(
      io.get_executor(),
      {.dsn = "postgres://someone:sesame@127.0.0.1:1/nothing", .connections = 1, .acquire_timeout_ms = 100});
  try {
    run(io, pool.run(select_one));
    FAIL("this cannot be reached");
  } catch (const ConnectionFailed& e) {
    CHECK_THAT(e.what(), Catch::Contains("refused"));
    CHECK_THAT(e.what(), !Catch::Contains("sesame"));
  }
  CHECK_THAT(pool.stats().last_connect_error, Catch::Contains("refused"));
}

TEST_CASE("a DSN may name several hosts, and only the primary will do", "[pool]") {
  DatabaseServer other;
  Connection administrator(other.dsn("postgres"));
  pqxx::nontransaction(administrator).exec("ALTER SYSTEM SET default_transaction_read_only = on");
  pqxx::nontransaction(administrator).exec("SELECT pg_reload_conf()");
  if (!DatabaseServer::shared().is_private()) return;
  const auto socket = [](DatabaseServer& server) {
    const auto dsn = server.dsn("postgres");
    return dsn.substr(6, dsn.find('\'', 6) - 6);
  };
  boost::asio::io_context io;
  Pool pool(io.get_executor(), {.dsn = "host=" + socket(other) + "," + socket(DatabaseServer::shared()) +
                                       " user=payoutd dbname=postgres target_session_attrs=read-write",
                                .connections = 1});
  CHECK(run(io, pool.run([](Connection& connection) {
          return std::string(
              pqxx::nontransaction(connection).exec("SHOW default_transaction_read_only")[0][0].c_str());
        })) == "off");
}

TEST_CASE("each error of the server has its name", "[errors]") {
  auto database = DatabaseServer::shared().empty_database();
  boost::asio::io_context io;
  Pool pool(io.get_executor(), {.dsn = database.dsn(), .connections = 1});
  const auto execute = [&](std::string sql) {
    run(io, pool.transact([sql](Transaction& transaction) { transaction.exec(sql); }));
  };
  const auto raise = [&](std::string state) {
    execute("DO $$ BEGIN RAISE EXCEPTION 'made up' USING ERRCODE = '" + state + "'; END $$");
  };
  execute("CREATE TABLE t (id integer CONSTRAINT t_key PRIMARY KEY CONSTRAINT positive CHECK (id > 0))");
  execute("INSERT INTO t VALUES (7)");

  SECTION("what is too large each time is DataError") {
    CHECK_THROWS_AS(raise("54000"), DataError);
  }
  SECTION("bad data is DataError, with the constraint") {
    try {
      execute("INSERT INTO t VALUES (7)");
      FAIL("this cannot be reached");
    } catch (const DataError& e) {
      CHECK(e.sqlstate() == "23505");
      CHECK(e.constraint() == "t_key");
      CHECK_THAT(e.detail(), Catch::Contains("(7)"));
      CHECK_THAT(e.what(), !Catch::Contains("(7)"));
      CHECK_THAT(e.what(), !Catch::Contains("LOCATION"));
    }
    try {
      execute("INSERT INTO t VALUES (-1)");
      FAIL("this cannot be reached");
    } catch (const DataError& e) {
      CHECK(e.constraint() == "positive");
    }
    try {
      execute("SELECT '0700123456x'::integer");
      FAIL("this cannot be reached");
    } catch (const DataError& e) {
      CHECK(e.sqlstate() == "22P02");
      CHECK_THAT(e.what(), !Catch::Contains("0700123456"));
    }
  }
  SECTION("a deferred constraint fails at COMMIT and is no doubt") {
    execute("CREATE TABLE d (id integer CONSTRAINT d_once UNIQUE DEFERRABLE INITIALLY DEFERRED)");
    try {
      execute("INSERT INTO d VALUES (1), (1)");
      FAIL("this cannot be reached");
    } catch (const DataError& e) {
      CHECK(e.constraint() == "d_once");
    }
  }
  SECTION("conflicts") {
    CHECK_THROWS_AS(raise("40001"), Conflict);
    CHECK_THROWS_AS(raise("40P01"), Conflict);
    CHECK_THROWS_AS(raise("55P03"), Conflict);
  }
  SECTION("outages") {
    CHECK_THROWS_AS(raise("53100"), StorageFull);
    CHECK_THROWS_AS(raise("53200"), Unavailable);
    CHECK_THROWS_AS(raise("53300"), TooManyConnections);
    CHECK_THROWS_AS(raise("57014"), StatementCancelled);
    CHECK_THROWS_AS(raise("57P01"), ServerShutdown);
    CHECK_THROWS_AS(raise("57P02"), ServerShutdown);
    CHECK_THROWS_AS(raise("57P03"), ServerShutdown);
    CHECK_THROWS_AS(raise("08006"), ConnectionFailed);
    CHECK_THROWS_AS(raise("25006"), ReadOnly);
    CHECK_THROWS_AS(execute("SET TRANSACTION READ ONLY; INSERT INTO t VALUES (8)"), ReadOnly);
  }
  SECTION("mistakes of the program") {
    try {
      execute("SELECT nothing FROM nowhere");
      FAIL("this cannot be reached");
    } catch (const Unavailable&) {
      FAIL("a missing table is not an outage");
    } catch (const DataError&) {
      FAIL("a missing table is not bad data");
    } catch (const StoreError& e) {
      CHECK(e.sqlstate() == "42P01");
    }
  }
  SECTION("a swallowed error cannot be committed") {
    CHECK_THROWS_AS(run(io, pool.transact([](Transaction& transaction) {
                      transaction.exec("INSERT INTO t VALUES (9)");
                      try {
                        transaction.exec_params("SELECT 1/0");
                      } catch (const pqxx::sql_error&) {
                      }
                    })),
                    StoreError);
    CHECK(database.value("SELECT count(*) FROM t WHERE id = 9") == "0");
  }
  SECTION("too many connections is known while connecting") {
    DatabaseServer small(
        {{"max_connections", "4"}, {"superuser_reserved_connections", "0"}, {"max_wal_senders", "0"}});
    std::vector<std::unique_ptr<Connection>> taken;
    CHECK_THROWS_AS(
        [&] {
          for (int index = 0; index < 6; ++index)
            taken.push_back(std::make_unique<Connection>(small.dsn("postgres")));
        }(),
        TooManyConnections);
  }
}

TEST_CASE("a transaction that work leaves open never reaches the next work", "[pool]") {
  auto database = DatabaseServer::shared().empty_database();
  boost::asio::io_context io;
  Pool pool(io.get_executor(), {.dsn = database.dsn(), .connections = 1});
  run(io, pool.run([](Connection& connection) { pqxx::nontransaction(connection).exec("BEGIN"); }));
  CHECK(run(io, pool.run([](Connection& connection) { return connection.is_idle(); })));
}

TEST_CASE("connection strings", "[dsn]") {
  CHECK_THAT(
      masked_dsn("postgres://someone:sesame@db1:5432,db2:5433/payouts?target_session_attrs=read-write"),
      Catch::Contains("host='db1,db2'") && Catch::Contains("port='5432,5433'") &&
          Catch::Contains("target_session_attrs='read-write'") && Catch::Contains("password='***'") &&
          !Catch::Contains("sesame"));
  CHECK_THAT(masked_dsn("host=db password='open sesame'"), !Catch::Contains("sesame"));
  CHECK_THAT(masked_dsn("host=db sesame"), !Catch::Contains("sesame"));
  CHECK_THROWS_AS(connection_string("host=db sesame", {}), StoreError);
  const auto text = connection_string("host=db application_name=mine password='it\\'s \\\\'",
                                      {.statement_timeout_ms = 500});
  CHECK_THAT(text, Catch::Contains("application_name='mine'") && Catch::Contains("statement_timeout=500"));
}
