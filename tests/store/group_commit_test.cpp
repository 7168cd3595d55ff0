#include "store/group_commit.hpp"

#include <catch2/catch.hpp>
#include <random>

#include "commit_proxy.hpp"
#include "support.hpp"
#include "support/database/database.hpp"

using namespace payoutd;
using namespace payoutd::store;
using namespace payoutd::test;

namespace {

struct Item {
  std::string key;
  int value = 0;
};

struct Stored {
  std::int64_t sequence = 0;
  bool replayed = false;
};

// Every write leaves a row, so that what was done twice is seen twice; only replay reads instead.
std::vector<Migration> test_schema() {
  return {make_migration("0001_test",
                         "CREATE TABLE app.batches (id uuid PRIMARY KEY, at timestamptz NOT NULL DEFAULT "
                         "now(), abandoned boolean NOT "
                         "NULL DEFAULT false);"
                         "CREATE TABLE app.effects (sequence bigserial PRIMARY KEY, key text NOT NULL, value "
                         "integer NOT NULL CONSTRAINT "
                         "effects_value CHECK (value >= 0));")};
}

std::string array_of(std::span<const Item> items, bool keys) {
  std::string text = "{";
  for (const auto& item : items) {
    if (text.size() > 1) text += ",";
    text += keys ? "\"" + item.key + "\"" : std::to_string(item.value);
  }
  return text + "}";
}

std::vector<Stored> write(pqxx::transaction_base& transaction, std::span<const Item> items,
                          const BatchInfo& info) {
  const std::string statement =
      info.replay
          ? "SELECT max(sequence) FROM unnest($1::text[], $2::int[]) WITH ORDINALITY AS given(key, value, n) "
            "JOIN "
            "app.effects USING (key, value) GROUP BY n ORDER BY n"
          : "INSERT INTO app.effects (key, value) SELECT key, value FROM unnest($1::text[], $2::int[]) WITH "
            "ORDINALITY AS given(key, value, n) ORDER BY n RETURNING sequence";
  const auto rows = transaction.exec_params(statement, array_of(items, true), array_of(items, false));
  std::vector<Stored> results;
  for (const auto& row : rows) results.push_back({row[0].as<std::int64_t>(), info.replay});
  return results;
}

using Group = GroupCommit<Item, Stored>;

// A database, a pool on it (through the proxy if there is one) and a group commit.
struct Bench {
  explicit Bench(GroupCommitOptions options = {}, bool with_proxy = false, DatabaseServer* server = nullptr)
      : database((server != nullptr ? *server : DatabaseServer::shared()).fresh_database(schema)) {
    auto dsn = database.dsn();
    if (with_proxy) {
      const auto start = dsn.find("host='") + 6;
      proxy = std::make_unique<CommitProxy>(dsn.substr(start, dsn.find('\'', start) - start));
      dsn += " host=" + proxy->directory();
    }
    pool = std::make_unique<Pool>(io.get_executor(),
                                  PoolOptions{.dsn = dsn, .connections = 4, .acquire_timeout_ms = 500});
    options.name = "test";
    group = std::make_unique<Group>(*pool, options, write, [](const Item& item) { return item.key; });
    REQUIRE(run_until(io, [&] { return pool->stats().connected == 4; }));
  }

  void submit(std::string key, int value) {
    boost::asio::co_spawn(io, group->submit({key, value}),
                          [this, key, value](std::exception_ptr error, Stored stored) {
                            ++ended;
                            if (error)
                              errors[{key, value}] = error;
                            else
                              stored_as[{key, value}] = stored;
                          });
  }

  bool wait_for(std::size_t count) {
    return run_until(io, [&] { return ended == count; });
  }

  std::int64_t count(const std::string& table) const {
    return std::stoll(database.value("SELECT count(*) FROM " + table));
  }

  // Each item that was reported as stored stands exactly once, where it was said to stand.
  bool nothing_lost_or_doubled() const {
    auto connection = database.connect();
    const auto rows = pqxx::nontransaction(connection).exec("SELECT key, value, sequence FROM app.effects");
    std::map<std::pair<std::string, int>, std::int64_t> found;
    for (const auto& row : rows) {
      const std::pair<std::string, int> item{row[0].c_str(), row[1].as<int>()};
      if (!found.emplace(item, row[2].as<std::int64_t>()).second) {
        UNSCOPED_INFO(item.first << "/" << item.second << " stands twice");
        return false;
      }
    }
    for (const auto& [item, stored] : stored_as)
      if (!found.contains(item) || found[item] != stored.sequence) {
        UNSCOPED_INFO(item.first << "/" << item.second << " does not stand where it was said to stand");
        return false;
      }
    return found.size() == stored_as.size();
  }

  inline static const std::vector<Migration> schema = test_schema();
  TestDatabase database;
  boost::asio::io_context io;
  std::unique_ptr<CommitProxy> proxy;
  std::unique_ptr<Pool> pool;
  std::unique_ptr<Group> group;
  std::size_t ended = 0;
  std::map<std::pair<std::string, int>, Stored> stored_as;
  std::map<std::pair<std::string, int>, std::exception_ptr> errors;
};

template <class Error>
bool holds(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const Error&) {
    return true;
  } catch (...) {
    return false;
  }
}

}  // namespace

TEST_CASE("concurrent submits share transactions", "[group]") {
  Bench bench;
  for (int index = 0; index < 2'000; ++index) bench.submit("p" + std::to_string(index), index);
  REQUIRE(bench.wait_for(2'000));
  CHECK(bench.errors.empty());
  CHECK(bench.count("app.batches") <= 6);
  CHECK(bench.group->stats().batches == static_cast<std::uint64_t>(bench.count("app.batches")));
  CHECK(bench.nothing_lost_or_doubled());
}

TEST_CASE("a lone item goes out at once, not after the window", "[group]") {
  Bench bench({.window = 5'000'000us});
  const auto begin = std::chrono::steady_clock::now();
  CHECK(run(bench.io, bench.group->submit({"alone", 1})).sequence == 1);
  CHECK(std::chrono::steady_clock::now() - begin < 2'500ms);
}

TEST_CASE("while a batch is in flight, items wait for the window", "[group]") {
  Bench bench({.window = 150'000us, .max_in_flight = 2});
  auto blocker = bench.database.connect();
  auto lock = std::make_unique<pqxx::work>(blocker);
  lock->exec("LOCK TABLE app.effects IN EXCLUSIVE MODE");
  const auto begin = std::chrono::steady_clock::now();
  bench.submit("first", 1);
  REQUIRE(run_until(bench.io, [&] { return bench.group->stats().in_flight == 1; }));
  for (int index = 0; index < 10; ++index) bench.submit("next" + std::to_string(index), 1);
  REQUIRE(run_until(bench.io, [&] { return bench.group->stats().in_flight == 2; }));
  CHECK(std::chrono::steady_clock::now() - begin >= 140ms);
  lock.reset();
  REQUIRE(bench.wait_for(11));
  CHECK(bench.count("app.batches") == 2);
}

TEST_CASE("a batch holds at most max_batch items", "[group]") {
  Bench bench({.max_batch = 10});
  for (int index = 0; index < 100; ++index) bench.submit("p" + std::to_string(index), index);
  REQUIRE(bench.wait_for(100));
  CHECK(bench.count("app.batches") == 10);
}

TEST_CASE("one key is written in the order of submission, once a batch", "[group]") {
  Bench bench({.max_in_flight = 3});
  std::mt19937 random(7);  // NOLINT: a fixed seed on purpose
  std::map<std::string, int> next;
  for (int index = 0; index < 600; ++index) {
    const auto key = "p" + std::to_string(random() % 20);
    bench.submit(key, next[key]++);
    if (index % 40 == 0) bench.io.poll();
  }
  REQUIRE(bench.wait_for(600));
  CHECK(bench.errors.empty());
  CHECK(bench.nothing_lost_or_doubled());
  CHECK(bench.database.value(
            "SELECT count(*) FROM (SELECT value - lag(value) OVER (PARTITION BY key ORDER BY sequence) "
            "AS step FROM app.effects) s WHERE step <> 1") == "0");
  // xmin is the transaction: no key twice in one.
  CHECK(bench.database.value("SELECT count(*) FROM (SELECT 1 FROM app.effects GROUP BY key, xmin::text "
                             "HAVING count(*) > 1) d") == "0");
}

TEST_CASE("bad items fail alone", "[group]") {
  Bench bench({.max_batch = 64, .max_in_flight = 1});
  std::set<int> bad = {0, 17, 18, 63};
  for (int index = 0; index < 64; ++index)
    bench.submit("p" + std::to_string(index), bad.contains(index) ? -index - 1 : index);
  REQUIRE(bench.wait_for(64));
  CHECK(bench.stored_as.size() == 60);
  REQUIRE(bench.errors.size() == 4);
  for (const auto& [item, error] : bench.errors) {
    CHECK(item.second < 0);
    REQUIRE(holds<DataError>(error));
    try {
      std::rethrow_exception(error);
    } catch (const DataError& e) {
      CHECK(e.constraint() == "effects_value");
    }
  }
  CHECK(bench.group->stats().bad_items == 4);
  CHECK(bench.nothing_lost_or_doubled());
}

TEST_CASE("an in-doubt commit that committed is replayed, not repeated", "[group][doubt]") {
  Bench bench({.max_in_flight = 1}, true);
  bench.proxy->arm(CommitProxy::Fault::lose_answer);
  for (int index = 0; index < 20; ++index) bench.submit("p" + std::to_string(index), index);
  REQUIRE(bench.wait_for(20));
  CHECK(bench.proxy->injected() == 1);
  CHECK(bench.errors.empty());
  CHECK(bench.nothing_lost_or_doubled());
  CHECK(bench.group->stats().in_doubt == 1);
  CHECK(bench.group->stats().found_committed == 1);
  CHECK(bench.database.value("SELECT count(*) FROM app.batches WHERE abandoned") == "0");
  for (const auto& [item, stored] : bench.stored_as) CHECK(stored.replayed);
}

TEST_CASE("an in-doubt commit that did not commit is run again behind a tombstone", "[group][doubt]") {
  Bench bench({.max_in_flight = 1}, true);
  bench.proxy->arm(CommitProxy::Fault::lose_request);
  for (int index = 0; index < 20; ++index) bench.submit("p" + std::to_string(index), index);
  REQUIRE(bench.wait_for(20));
  CHECK(bench.proxy->injected() == 1);
  CHECK(bench.errors.empty());
  CHECK(bench.nothing_lost_or_doubled());
  CHECK(bench.group->stats().in_doubt == 1);
  CHECK(bench.group->stats().found_committed == 0);
  CHECK(bench.database.value("SELECT count(*) FROM app.batches WHERE abandoned") == "1");
  for (const auto& [item, stored] : bench.stored_as) CHECK_FALSE(stored.replayed);
}

TEST_CASE("a zombie transaction is waited for, whichever way it goes", "[group][doubt]") {
  Bench bench({.max_in_flight = 1}, true);
  bool commits = false;
  SECTION("it commits late") {
    commits = true;
  }
  SECTION("it ends late") {
    commits = false;
  }
  bench.proxy->arm(commits ? CommitProxy::Fault::late_commit : CommitProxy::Fault::late_abort, 1, 400);
  const auto begin = std::chrono::steady_clock::now();
  for (int index = 0; index < 5; ++index) bench.submit("p" + std::to_string(index), index);
  REQUIRE(bench.wait_for(5));
  CHECK(std::chrono::steady_clock::now() - begin >= 390ms);
  CHECK(bench.errors.empty());
  CHECK(bench.nothing_lost_or_doubled());
  CHECK(bench.group->stats().found_committed == (commits ? 1 : 0));
}

TEST_CASE("a zombie that nobody ends is ended by its own time limit", "[group][doubt]") {
  Bench bench({.max_in_flight = 1, .idle_in_transaction_timeout = 300ms}, true);
  bench.proxy->arm(CommitProxy::Fault::late_commit, 1, 4'000);
  const auto begin = std::chrono::steady_clock::now();
  bench.submit("p", 1);
  REQUIRE(bench.wait_for(1));
  CHECK(std::chrono::steady_clock::now() - begin < 3'500ms);
  CHECK(bench.group->stats().found_committed == 0);
  CHECK(bench.nothing_lost_or_doubled());
}

TEST_CASE("doubt upon doubt is settled too", "[group][doubt]") {
  Bench bench({.max_batch = 7, .max_in_flight = 3}, true);
  bench.proxy->arm(CommitProxy::Fault::lose_answer, 12);
  for (int index = 0; index < 100; ++index) bench.submit("p" + std::to_string(index % 30), index);
  REQUIRE(run_until(bench.io, [&] { return bench.proxy->injected() >= 6; }));
  bench.proxy->arm(CommitProxy::Fault::lose_request, 6);
  REQUIRE(bench.wait_for(100));
  CHECK(bench.errors.empty());
  CHECK(bench.nothing_lost_or_doubled());
}

TEST_CASE("a connection lost before COMMIT is no doubt", "[group][doubt]") {
  Bench bench({.max_in_flight = 1}, true);
  bench.proxy->arm(CommitProxy::Fault::lose_insert);
  bench.submit("p", 1);
  REQUIRE(bench.wait_for(1));
  CHECK(bench.errors.empty());
  CHECK(bench.group->stats().in_doubt == 0);
  CHECK(bench.group->stats().outages == 1);
  CHECK(bench.nothing_lost_or_doubled());
}

TEST_CASE("backends killed under load lose nothing and double nothing", "[group][doubt]") {
  Bench bench({.max_batch = 20, .max_in_flight = 3});
  std::size_t submitted = 0;
  int kills = 0;
  REQUIRE(run_until(
      bench.io,
      [&] {
        if (submitted < 3'000 && submitted < bench.ended + 100) {
          for (int index = 0; index < 30; ++index, ++submitted)
            bench.submit("p" + std::to_string(submitted % 500), static_cast<int>(submitted));
          if (++kills % 3 == 0)
            bench.database.value(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = "
                "current_database() AND pid <> pg_backend_pid()");
        }
        return submitted >= 3'000 && bench.ended == submitted;
      },
      60'000ms));
  CHECK(bench.errors.empty());
  CHECK(bench.nothing_lost_or_doubled());
  INFO("in doubt " << bench.group->stats().in_doubt << ", committed "
                   << bench.group->stats().found_committed);
  CHECK(bench.group->stats().outages + bench.group->stats().in_doubt > 0);
}

TEST_CASE("conflicts are run again", "[group]") {
  Bench bench;
  int failures = 3;
  GroupCommit<Item, Stored> group(
      *bench.pool, {.name = "conflicts"},
      [&failures](pqxx::transaction_base& transaction, std::span<const Item> items, const BatchInfo& info) {
        auto results = write(transaction, items, info);
        if (failures-- > 0)
          transaction.exec("DO $$ BEGIN RAISE EXCEPTION 'made up' USING ERRCODE = '40P01'; END $$");
        return results;
      },
      [](const Item& item) { return item.key; });
  run(bench.io, group.submit({"p", 1}));
  CHECK(group.stats().conflicts == 3);
  CHECK(bench.count("app.effects") == 1);
}

TEST_CASE("a mistake in run reaches the submitters and nothing is written", "[group]") {
  Bench bench;
  GroupCommit<Item, Stored> group(
      *bench.pool, {.name = "wrong"},
      [](pqxx::transaction_base& transaction, std::span<const Item> items, const BatchInfo& info) {
        auto results = write(transaction, items, info);
        results.pop_back();
        return results;
      },
      [](const Item& item) { return item.key; });
  CHECK_THROWS_AS(run(bench.io, group.submit({"p", 1})), std::logic_error);
  CHECK(bench.count("app.effects") == 0);
}

TEST_CASE("an outage is waited out, or reported where that was asked for", "[group][restart]") {
  DatabaseServer server;
  bool patient = false;
  SECTION("waited out") {
    patient = true;
  }
  SECTION("reported") {
    patient = false;
  }
  Bench bench({.max_batch = 10, .retry_unavailable = patient}, false, &server);
  for (int index = 0; index < 50; ++index) bench.submit("before" + std::to_string(index), index);
  REQUIRE(bench.wait_for(50));
  server.kill();
  for (int index = 0; index < 50; ++index) bench.submit("during" + std::to_string(index), index);
  if (patient) {
    REQUIRE(run_until(bench.io, [&] { return bench.group->stats().outages > 0; }));
    CHECK(bench.ended == 50);
  } else {
    REQUIRE(bench.wait_for(100));
    CHECK(bench.errors.size() == 50);
    for (const auto& [item, error] : bench.errors) CHECK(holds<Unavailable>(error));
  }
  server.start();
  for (int index = 0; index < 50; ++index) bench.submit("after" + std::to_string(index), index);
  REQUIRE(run_until(bench.io, [&] { return bench.ended >= 150; }));
  if (patient) CHECK(bench.errors.empty());
  CHECK(bench.nothing_lost_or_doubled());
}

TEST_CASE("a deadline answers those who cannot wait", "[group]") {
  Bench bench({.max_batch = 1, .max_in_flight = 1, .retry_unavailable = false, .deadline = 200ms});
  auto blocker = bench.database.connect();
  auto lock = std::make_unique<pqxx::work>(blocker);
  lock->exec("LOCK TABLE app.effects IN EXCLUSIVE MODE");
  bench.submit("written", 1);
  bench.submit("queued", 1);
  bench.submit("written", 2);  // behind the first with this key
  REQUIRE(bench.wait_for(3));
  CHECK(holds<InDoubt>(bench.errors[{"written", 1}]));
  CHECK(holds<Unavailable>(bench.errors[{"queued", 1}]));
  CHECK(holds<Unavailable>(bench.errors[{"written", 2}]));
  lock.reset();
  run(bench.io, bench.group->drain());
  CHECK(bench.count("app.effects") == 1);
  bench.submit("queued", 3);
  bench.submit("written", 3);
  REQUIRE(bench.wait_for(5));
  CHECK(bench.stored_as.size() == 2);
}

TEST_CASE("the queue can be bounded", "[group]") {
  Bench bench({.max_batch = 1, .max_in_flight = 1, .max_queued = 5});
  for (int index = 0; index < 20; ++index) bench.submit("p" + std::to_string(index), index);
  REQUIRE(bench.wait_for(20));
  CHECK(bench.errors.size() >= 10);
  for (const auto& [item, error] : bench.errors) CHECK(holds<Overloaded>(error));
}

TEST_CASE("drain waits for everything, stop ends the waiting", "[group]") {
  Bench bench({.max_batch = 5, .max_in_flight = 1});
  for (int index = 0; index < 40; ++index) bench.submit("p" + std::to_string(index % 10), index);
  bench.io.poll();
  run(bench.io, bench.group->drain());
  CHECK(bench.ended == 40);

  auto blocker = bench.database.connect();
  auto lock = std::make_unique<pqxx::work>(blocker);
  lock->exec("LOCK TABLE app.effects IN EXCLUSIVE MODE");
  for (int index = 0; index < 40; ++index) bench.submit("q" + std::to_string(index), index);
  REQUIRE(run_until(bench.io, [&] { return bench.group->stats().in_flight == 1; }));
  bench.group->stop();
  REQUIRE(bench.wait_for(75));  // the batch that is being executed still gets its answer
  lock.reset();
  REQUIRE(bench.wait_for(80));
  CHECK(bench.errors.size() == 35);
  for (const auto& [item, error] : bench.errors) CHECK(holds<Stopping>(error));
  CHECK(bench.nothing_lost_or_doubled());
}
