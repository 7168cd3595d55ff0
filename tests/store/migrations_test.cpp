#include "store/migrations.hpp"

#include <catch2/catch.hpp>

#include "store/schema_drift.hpp"
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

TEST_CASE("the plan says which tables in use are locked or written anew", "[migrations]") {
  auto database = DatabaseServer::shared().fresh_database();
  auto connection = database.connect();
  std::vector<Migration> known(embedded_migrations().begin(), embedded_migrations().end());
  known.push_back(make_migration(
      "9001_next",
      "create table app.made (id uuid references app.script_bundles (hash));\n"
      "create index made_by_id on app.made (id);\n"
      "alter table app.payouts add column more text;\n"
      "alter table app.payouts add column born timestamptz not null default clock_timestamp();\n"
      "create index payouts_more on app.payouts (more);\n"
      "alter table app.payouts add constraint plus check (amount > 0);\n"
      "alter table app.payouts add constraint later check (amount > 0) not valid;\n"
      "alter table app.payouts validate constraint later;\n"
      "create function app.f() returns void language plpgsql as $$ begin delete from app.payouts; end $$;\n"
      "alter table app.payouts alter column amount type numeric(20, 8);\n"
      "update app.payouts set more = '';"));
  const auto plan = migration_plan(connection, known);
  REQUIRE(plan.size() == 1);
  std::vector<std::string> seen;
  for (const auto& one : plan[0].remarks)
    seen.push_back(std::string(to_string(one.kind)) + " " + one.table + " " + one.lock);
  CHECK(seen == std::vector<std::string>{
                    "locks app.script_bundles SHARE ROW EXCLUSIVE",
                    "locks app.payouts ACCESS EXCLUSIVE",
                    "rewrites app.payouts ACCESS EXCLUSIVE",
                    "locks app.payouts SHARE",
                    "rewrites app.payouts ACCESS EXCLUSIVE",
                    "locks app.payouts ACCESS EXCLUSIVE",
                    "locks app.payouts SHARE UPDATE EXCLUSIVE",
                    "destroys app.payouts ACCESS EXCLUSIVE",
                    "rewrites app.payouts ROW EXCLUSIVE",
                });
  CHECK(plan[0].destructive.size() == 1);
  CHECK(plan[0].remarks[1].bytes >= 0);
}

TEST_CASE("a constraint that is replaced in one statement takes nothing away", "[migrations]") {
  auto database = DatabaseServer::shared().fresh_database();
  auto connection = database.connect();
  const auto destroys = [&](const std::string& sql) {
    std::vector<Migration> known(embedded_migrations().begin(), embedded_migrations().end());
    known.push_back(make_migration("9001_next", sql));
    return !migration_plan(connection, known).at(0).destructive.empty();
  };
  const std::string drop = "alter table app.switches drop constraint switches_name_check";
  CHECK(destroys(drop));
  CHECK(destroys(drop + ", add constraint another check (name <> '')"));
  CHECK(destroys(drop + ", add constraint switches_name_check check (name <> ''), drop column note"));
  CHECK_FALSE(destroys(drop + ", add constraint switches_name_check check (name <> '')"));
}

TEST_CASE("what this version's own migrations do to a database in use is no surprise", "[migrations]") {
  auto database = DatabaseServer::shared().empty_database();
  auto connection = database.connect();
  for (const auto& step : migration_plan(connection)) {
    INFO(step.migration.version << " " << (step.destructive.empty() ? "" : step.destructive[0]));
    CHECK(step.destructive.empty());
  }
}

TEST_CASE("drift of the schema is found, and looking for it changes nothing", "[migrations]") {
  auto database = DatabaseServer::shared().fresh_database();
  auto connection = database.connect();
  auto result = verify_schema(connection);
  for (const auto& one : result.differences)
    UNSCOPED_INFO(to_string(one.kind) << " " << one.what << " " << one.name);
  CHECK(result.all_right());
  CHECK(result.objects > 300);
  CHECK(database.value("select to_regnamespace('payoutd_verify_aside') is null") == "t");

  const auto after = [&](const std::string& sql) {
    auto changed = DatabaseServer::shared().fresh_database();
    changed.value(sql);
    auto look = changed.connect();
    std::string found;
    for (const auto& one : verify_schema(look).differences)
      found +=
          (found.empty() ? "" : "; ") + std::string(to_string(one.kind)) + " " + one.what + " " + one.name;
    return found;
  };
  CHECK(after("drop index app.payouts_due") == "missing index app.payouts.payouts_due");
  CHECK(after("drop index app.attempts_one_live") == "missing index app.attempts.attempts_one_live");
  CHECK(after("alter table app.payouts add column extra text") == "unexpected column app.payouts.extra");
  CHECK(after("alter table app.payouts alter column reference_n set default 2") ==
        "differs column app.payouts.reference_n");
  CHECK(after("alter table app.payouts alter column destination drop not null") ==
        "differs column app.payouts.destination");
  CHECK(after("alter table app.lanes drop constraint lanes_check") ==
        "missing constraint app.lanes.lanes_check");
  CHECK(after("alter table app.audit disable trigger audit_append_only") ==
        "differs trigger app.audit.audit_append_only");
  CHECK(after("create table app.mine (id integer primary key)") == "unexpected table app.mine");
  CHECK(after("drop table app.approvals") == "missing table app.approvals");
  CHECK(after("alter type app.payout_state add value 'LOST'") == "differs type app.payout_state");
  CHECK(after("create or replace function app.audit_is_append_only() returns trigger language plpgsql as"
              " 'begin return new; end'") == "differs function app.audit_is_append_only()");
  CHECK(after("create or replace view app.payout_events as select id, payout_id, at, kind, from_state::text,"
              " to_state::text, actor, host, attempt_id, null::jsonb as data from app.events") ==
        "differs view app.payout_events");
  CHECK(after("update app.schema_migrations set checksum = repeat('0', 64) where version = '0002'") == "");

  database.value("update app.schema_migrations set checksum = repeat('0', 64) where version = '0002'");
  result = verify_schema(connection);
  CHECK(result.check.state == SchemaState::changed);
  CHECK_FALSE(result.all_right());
}
