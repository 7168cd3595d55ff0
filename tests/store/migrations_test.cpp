#include "store/migrations.hpp"

#include <catch2/catch.hpp>

#include "support.hpp"
#include "support/database/database.hpp"

using namespace payoutd;
using namespace payoutd::store;
using namespace payoutd::test;

namespace {

std::vector<Migration> three_migrations() {
  return {
      make_migration("0001_first", "CREATE TABLE app.one (id integer);\nCREATE TABLE app.uno (id integer);"),
      make_migration("0002_second", "ALTER TABLE app.one ADD COLUMN name text;"),
      make_migration("0003_third", "DROP TABLE app.uno; -- drop\nCREATE TABLE app.three (id integer);")};
}

}  // namespace

TEST_CASE("migrations are applied in order, once", "[migrations]") {
  auto database = DatabaseServer::shared().empty_database();
  auto connection = database.connect();
  const auto known = three_migrations();

  CHECK(check_schema(connection, known).state == SchemaState::behind);
  CHECK(migration_status(connection, known).pending.size() == 3);
  CHECK(database.value("SELECT to_regnamespace('app') IS NULL") == "t");  // looking changes nothing

  std::vector<std::string> reported;
  const auto report = [&](const MigrationProgress& progress) {
    if (progress.step == MigrationProgress::Step::applied)
      reported.push_back(progress.version + progress.name);
  };
  CHECK(migrate_up(connection, report, std::span(known).first(2)) == 2);
  CHECK(check_schema(connection, known).state == SchemaState::behind);
  CHECK(migrate_up(connection, report, known) == 1);
  CHECK(migrate_up(connection, report, known) == 0);
  CHECK(reported == std::vector<std::string>{"0001first", "0002second", "0003third"});
  CHECK(check_schema(connection, known).state == SchemaState::current);
  CHECK(migration_status(connection, known).applied.size() == 3);
  CHECK_THAT(migration_status(connection, known).applied[0].applied_by, Catch::Contains("@"));
}

TEST_CASE("a failed migration leaves nothing of itself and everything before it", "[migrations]") {
  auto database = DatabaseServer::shared().empty_database();
  auto connection = database.connect();
  auto known = three_migrations();
  known[1] = make_migration("0002_second", "CREATE TABLE app.half (id integer); SELECT * FROM app.missing;");
  CHECK_THROWS_WITH(migrate_up(connection, {}, known),
                    Catch::Contains("0002_second") && Catch::Contains("app.missing"));
  CHECK(database.value("SELECT to_regclass('app.half') IS NULL AND to_regclass('app.one') IS NOT NULL") ==
        "t");
  CHECK(migrate_up(connection, {}, three_migrations()) == 2);
}

TEST_CASE("a schema from another binary is refused with the reason", "[migrations]") {
  auto database = DatabaseServer::shared().empty_database();
  auto connection = database.connect();
  const auto known = three_migrations();
  migrate_up(connection, {}, known);

  const auto older = std::span(known).first(2);
  CHECK(check_schema(connection, older).state == SchemaState::ahead);
  CHECK_THAT(check_schema(connection, older).explanation, Catch::Contains("0003_third"));
  CHECK_THROWS_AS(migrate_up(connection, {}, older), StoreError);

  auto edited = known;
  edited[0] = make_migration("0001_first", "CREATE TABLE app.one (id bigint);");
  CHECK(check_schema(connection, edited).state == SchemaState::changed);
  CHECK_THAT(check_schema(connection, edited).explanation, Catch::Contains("0001_first"));
}

TEST_CASE("the plan points at what is destructive", "[migrations]") {
  auto database = DatabaseServer::shared().empty_database();
  auto connection = database.connect();
  const std::vector<Migration> known = {
      make_migration(
          "0001_harmless",
          "-- drop table in a comment\nCREATE TABLE app.a (id integer REFERENCES app.b ON DELETE CASCADE, "
          "type text DEFAULT 'drop table x; truncate'); CREATE TYPE app.t AS ENUM ('a'); /* truncate */"),
      make_migration("0002_harmful",
                     "ALTER TABLE app.a ALTER COLUMN id TYPE bigint;\nDELETE FROM app.a;\n"
                     "CREATE INDEX i ON app.a (id);\nDO $x$ BEGIN DROP TABLE app.b; END $x$;\n"
                     "TRUNCATE app.c; ALTER TABLE app.a DROP COLUMN type;ALTER TABLE app.a RENAME TO z")};
  const auto plan = migration_plan(connection, known);
  REQUIRE(plan.size() == 2);
  CHECK(plan[0].destructive.empty());
  CHECK(plan[1].destructive.size() == 6);
}

TEST_CASE("two runners at once apply everything once", "[migrations]") {
  auto database = DatabaseServer::shared().empty_database();
  std::vector<Migration> known;
  for (int index = 1; index <= 6; ++index)
    known.push_back(make_migration(
        "000" + std::to_string(index) + "_step",
        "CREATE TABLE app.t" + std::to_string(index) + " (id integer); SELECT pg_sleep(0.03);"));
  std::atomic<int> applied = 0;
  std::vector<std::thread> runners;
  for (int index = 0; index < 4; ++index)
    runners.emplace_back([&] {
      auto connection = database.connect();
      applied += migrate_up(connection, {}, known);
    });
  for (auto& runner : runners) runner.join();
  CHECK(applied == 6);
}

TEST_CASE("a table in use delays a migration instead of blocking everybody", "[migrations]") {
  auto database = DatabaseServer::shared().empty_database();
  auto connection = database.connect();
  const auto known = three_migrations();
  migrate_up(connection, {}, std::span(known).first(1));
  auto user = database.connect();
  auto reading = std::make_unique<pqxx::work>(user);
  reading->exec("SELECT * FROM app.one");
  int waits = 0;
  const auto report = [&](const MigrationProgress& progress) {
    if (progress.step != MigrationProgress::Step::waiting_for_lock) return;
    if (++waits == 2) reading.reset();
  };
  CHECK(migrate_up(connection, report, std::span(known).first(2), {.lock_timeout = 50ms}) == 1);
  CHECK(waits == 2);
}

TEST_CASE("the embedded migrations make a database", "[migrations]") {
  auto database = DatabaseServer::shared().fresh_database();
  auto connection = database.connect();
  CHECK(check_schema(connection).state == SchemaState::current);
  CHECK_THROWS_AS(make_migration("first", ""), StoreError);
}
