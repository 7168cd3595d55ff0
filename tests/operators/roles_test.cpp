// Three roles, each with what it needs: a host's whole life as the runtime role, and what that role cannot
// do.
#include <catch2/catch.hpp>

#include "e2e/control.hpp"
#include "harness/scene.hpp"
#include "operated.hpp"
#include "payoutctl.hpp"

namespace {

using namespace payoutd;
using namespace payoutd::test;
using std::chrono::seconds;

/// The SQLSTATE that a statement ends with; "" if it is done.
std::string refusal(const std::string& dsn, const std::string& sql) {
  store::Connection connection(store::connection_string(dsn, {}));
  try {
    store::in_transaction(connection, [&](store::Transaction& work) { work.exec(sql); });
  } catch (const store::StoreError& error) {
    return error.sqlstate();
  }
  return "";
}

bool finds(const CommandResult& audit, const std::string& object, const std::string& privilege) {
  const auto answer = audit.json();
  for (const auto& one : answer.at("findings").as_array())
    if (one.at("object").as_string() == object && one.at("privilege").as_string() == privilege) return true;
  return false;
}

}  // namespace

TEST_CASE("a host lives its whole life as the runtime role on a schema of the owner", "[roles]") {
  Operated database;
  auto server = DatabaseServer::at(database.cluster.admin_dsn());
  Scene scene("roles", {"--transfer-latency-ms", "5..40"}, TestDatabase(*server, "paying"));
  HostProcess& host = scene.add_host("host-a");
  host.settings().database = database.runtime();
  host.start();
  REQUIRE(host.wait_until_ready());
  scene.post(host, 150, "first");
  REQUIRE(scene.wait_until_finished(seconds{60}));
  CHECK(scene.check().all_right());
  CHECK(scene.check().confirmed == 150);

  // What operators do.
  CHECK(control(host, "POST", "/v1/admin/providers/momo/pause", {{"note", "test"}}).status == 200);
  CHECK(control(host, "POST", "/v1/admin/providers/momo/resume", {{"note", "test"}}).status == 200);
  CHECK(control(host, "GET", "/v1/admin/audit").status == 200);
  CHECK(control(host, "GET", "/v1/admin/audit/verify").status == 200);

  // Housekeeping moves what finished long ago to history, and makes partitions.
  scene.database().value(
      "update app.payouts set finished_at = finished_at - interval '2 hours', next_action_at = null");
  scene.database().value("drop table app.decisions_" +
                         scene.database().value("select to_char(now() + interval '1 month', 'YYYY_MM')"));
  REQUIRE(host.stop() == 0);
  host.start();
  REQUIRE(host.wait_until_ready());
  INFO(host.log_end());
  CHECK(eventually(seconds{20}, [&] {
    return scene.database().value("select count(*) from app.payouts_history") == "150";
  }));
  CHECK(scene.database().value("select count(*) from app.attempts") == "0");
  CHECK(scene.database().value("select count(*) from app.attempts_history") == "150");
  CHECK(scene.database().value("select to_regclass('app.decisions_' || to_char(now() + interval '1 month',"
                               " 'YYYY_MM')) is not null") == "t");
  // News of one in history bring it back.
  const std::string one = scene.database().value("select id from app.payouts_history limit 1");
  CHECK(refusal(database.runtime(), "select app.recall_payout('" + one + "')") == "");
  CHECK(scene.database().value("select count(*) from app.payouts where id = '" + one + "'") == "1");

  // A key that comes again with another payload is counted at the key.
  for (const char* amount : {"3", "4"})
    host.request(
        "POST", "/v1/payouts",
        std::string(R"({"amount":")") + amount + R"(","currency":"EUR","destination":"46733100001"})",
        {{"Idempotency-Key", "twice"}});
  CHECK(eventually(seconds{10}, [&] {
    return scene.database().value("select conflict_count from app.idempotency_keys where key = 'twice'") ==
           "1";
  }));
  scene.post(host, 50, "second");
  REQUIRE(scene.wait_until_finished(seconds{60}));
  CHECK(scene.check().all_right());
  CHECK(host.log().find("permission denied") == std::string::npos);
  CHECK(host.log().find("42501") == std::string::npos);
  CHECK(scene.database().value("select count(*) from pg_stat_activity where usename = 'payoutd_runtime'") !=
        "0");
}

TEST_CASE("the runtime role can take nothing out of the journal, and change no table", "[roles]") {
  Operated database;
  for (const char* sql : {"delete from app.audit",
                          "update app.audit set actor = 'x'",
                          "truncate app.audit",
                          "delete from app.events",
                          "update app.events set kind = 'x'",
                          "delete from app.events_default",
                          "delete from app.attempts",
                          "delete from app.payouts",
                          "delete from app.payouts_history",
                          "delete from app.attempts_history",
                          "delete from app.idempotency_keys",
                          "update app.idempotency_keys set payload = '{}'",
                          "delete from app.decisions",
                          "delete from app.contracts",
                          "truncate app.payouts cascade",
                          "drop table app.payouts",
                          "alter table app.payouts add column x int",
                          "alter table app.audit disable trigger all",
                          "create table app.mine (x int)",
                          "create schema mine",
                          "drop view app.all_payouts",
                          "update app.schema_migrations set checksum = checksum",
                          "update app.maintenance set by = 'x'",
                          "create or replace function app.audit_is_append_only() returns trigger language "
                          "plpgsql as 'begin return"
                          " new; end'"}) {
    INFO(sql);
    CHECK(refusal(database.runtime(), sql) == "42501");
  }
  CHECK(refusal(database.read_only(), "select count(*) from app.all_payouts, app.mobile_money_payouts") ==
        "");
  CHECK(refusal(database.read_only(), "select count(*) from app.payout_events, app.payout_attempts") == "");
  for (const char* sql :
       {"select * from app.payouts", "select * from app.webhook_inbox", "select * from app.webhook_events",
        "select app.archive_finished(0, 1)", "insert into app.switches values ('dry_run', true)"}) {
    INFO(sql);
    const std::string state = refusal(database.read_only(), sql);
    CHECK((state == "42501" || state == "25006"));
  }
}

TEST_CASE("the audit of grants finds what a role may too much, and too little", "[roles]") {
  Operated database;
  const auto audit = [&](const std::string& dsn, const std::string& as) {
    return payoutctl({"db", "audit", "--as", as, "--database", dsn, "--json"});
  };
  for (const auto& [dsn, as] : {std::pair{database.runtime(), "runtime"},
                                {database.read_only(), "read-only"},
                                {database.owner(), "owner"}}) {
    const auto result = audit(dsn, as);
    INFO(result.text());
    CHECK(result.status == 0);
    CHECK(result.json().at("ok").as_bool());
  }
  CHECK(audit(database.owner(), "runtime").status == 1);
  const auto admin = audit(database.cluster.admin_dsn("paying"), "runtime");
  CHECK(admin.status == 1);
  CHECK(finds(admin, "role", "SUPERUSER"));

  const auto as_admin = [&](const std::string& sql) { database.cluster.run("paying", sql); };
  as_admin("grant delete on app.audit to payoutd_runtime");
  as_admin("grant update (kind) on app.events to payoutd_runtime");
  as_admin("grant insert on app.events_default to public");
  as_admin("grant create on schema app to payoutd_runtime");
  as_admin("revoke update on app.lanes from payoutd_runtime");
  as_admin("revoke execute on function app.archive_finished(bigint, integer) from payoutd_runtime");
  as_admin("grant pg_write_server_files to payoutd_runtime");
  auto result = audit(database.runtime(), "runtime");
  INFO(result.text());
  CHECK(result.status == 1);
  CHECK(finds(result, "app.audit", "DELETE"));
  CHECK(finds(result, "app.events", "UPDATE"));
  CHECK(finds(result, "app.events_default", "INSERT"));
  CHECK(finds(result, "schema app", "CREATE"));
  CHECK(finds(result, "app.lanes", "UPDATE"));
  CHECK(finds(result, "role", "MEMBER OF pg_write_server_files"));
  CHECK(result.json().at("findings").as_array().size() == 7);

  // Granting again takes away what was too much.
  as_admin(
      "revoke pg_write_server_files from payoutd_runtime; revoke create on schema app from payoutd_runtime");
  REQUIRE(payoutctl({"db", "roles", "--apply", "--database", database.cluster.admin_dsn("paying")}).status ==
          0);
  result = audit(database.runtime(), "runtime");
  INFO(result.text());
  CHECK(result.status == 0);

  as_admin("grant payoutd_owner to payoutd_runtime");
  CHECK(finds(audit(database.runtime(), "runtime"), "role", "MEMBER OF payoutd_owner"));
}

TEST_CASE("a migration after the roles were set up brings its grants along", "[roles]") {
  Operated database;
  CHECK(refusal(database.owner(), "create table app.newcomer (id integer)") == "");
  CHECK(refusal(database.runtime(), "insert into app.newcomer values (1)") == "42501");
  const auto up = payoutctl({"migrate", "up", "--database", database.owner()});
  INFO(up.text());
  CHECK(up.status == 0);
  CHECK(refusal(database.runtime(), "insert into app.newcomer values (1)") == "");
  // Printed, it is the same script, for psql, and may be run again.
  const auto printed = payoutctl({"db", "roles", "--print"});
  CHECK(printed.status == 0);
  CHECK(refusal(database.cluster.admin_dsn("paying"), printed.out) != "42601");
  CHECK(payoutctl({"db", "roles", "--print", "--owner", "a; drop"}).status == 2);
  CHECK(payoutctl({"db", "roles"}).status == 2);
}
