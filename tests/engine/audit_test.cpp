// What people did, on a real database: the chain shows every change; and retries that do the safe thing.
#include <catch2/catch.hpp>

#include "engine_fixture.hpp"

namespace {

using namespace payoutd;
using namespace payoutd::test;
using engine::OperatorDecision;
using std::chrono::milliseconds;

void do_something(EngineFixture& f, const std::string& subject) {
  store::AuditEntry entry;
  entry.actor = "operator:eve";
  entry.action = "POST /v1/admin/payouts/{id}/cancel";
  entry.subject = subject;
  entry.status = 200;
  entry.flow_id = "flow";
  entry.detail = R"({"note": "a ticket"})";
  f.await(f.host->engine().append_audit(std::move(entry)));
}

void tamper(EngineFixture& f, const std::string& sql) {
  f.value("alter table app.audit disable trigger all");
  f.value(sql);
  f.value("alter table app.audit enable trigger all");
}

Awaitable<providers::SubmitReply> answer(Submission submission) {
  co_return ScriptedProvider::reply(std::move(submission));
}

engine::OperatorReply retry(EngineFixture& f, const std::string& id) {
  return f.await(f.host->engine().decide({id, OperatorDecision::retry, "operator:eve", "now"}));
}

}  // namespace

TEST_CASE("the audit log is a chain: what was changed, taken out or put in shows", "[audit]") {
  EngineFixture f;
  CHECK(f.await(f.host->engine().verify_audit()).rows == 0);
  for (const char* subject : {"one", "two", "three", "four"}) do_something(f, subject);
  const auto good = f.await(f.host->engine().verify_audit());
  CHECK(good.rows == 4);
  CHECK(good.first_bad == 0);
  CHECK(good.last_hash.size() == 64);
  const auto rows = f.await(f.host->engine().audit({}));
  REQUIRE(rows.size() == 4);
  CHECK(rows[0].subject == "four");
  CHECK(rows[0].hash == good.last_hash);
  CHECK_THROWS(f.value("update app.audit set actor = 'nobody' where id = 2"));
  CHECK_THROWS(f.value("delete from app.audit where id = 2"));
  CHECK_THROWS(f.value("truncate app.audit"));

  SECTION("changed") {
    tamper(f, "update app.audit set actor = 'operator:mallory' where id = 2");
    CHECK(f.await(f.host->engine().verify_audit()).first_bad == 2);
  }
  SECTION("changed, with a hash that fits it") {
    tamper(f,
           "update app.audit set actor = 'operator:mallory', hash = app.audit_hash(previous, id, at,"
           " 'operator:mallory', action, subject, status, flow_id, detail) where id = 2");
    CHECK(f.await(f.host->engine().verify_audit()).first_bad == 3);
  }
  SECTION("taken out") {
    tamper(f, "delete from app.audit where id = 3");
    const auto check = f.await(f.host->engine().verify_audit());
    CHECK(check.first_bad == 4);
    CHECK(check.why.find("missing") != std::string::npos);
  }
  SECTION("cut off at the end: the hash that was kept elsewhere shows it") {
    tamper(f, "delete from app.audit where id = 4");
    CHECK(f.await(f.host->engine().verify_audit()).last_hash != good.last_hash);
  }
}

TEST_CASE("the audit log's chain goes on from entries that knew no tokens, and covers tokens", "[audit]") {
  EngineFixture f;
  do_something(f, "one");
  // As a host of the version before writes it.
  f.value(
      "with last as (select id + 1 as id, hash from app.audit order by id desc limit 1)"
      " insert into app.audit select id, now(), 'operator:old', 'POST /x', 's', 200, 'f', '{}', hash,"
      " app.audit_hash(hash, id, now(), 'operator:old', 'POST /x', 's', 200, 'f', '{}'::jsonb) from last");
  store::AuditEntry entry;
  entry.actor = "operator:eve";
  entry.action = "POST /y";
  entry.status = 200;
  entry.token = {"key-1", "token-1"};
  f.await(f.host->engine().append_audit(entry));
  do_something(f, "four");
  const auto good = f.await(f.host->engine().verify_audit());
  CHECK(good.rows == 4);
  CHECK(good.first_bad == 0);
  store::AuditFilter filter;
  filter.token.key_id = "key-1";
  const auto of_key = f.await(f.host->engine().audit(filter));
  REQUIRE(of_key.size() == 1);
  CHECK(of_key[0].token.id == "token-1");
  filter.token.id = "token-2";
  CHECK(f.await(f.host->engine().audit(filter)).empty());
  for (const char* change :
       {"key_id = 'key-2' where id = 3", "token_id = null where id = 3",
        "key_id = null, token_id = null where id = 3", "key_id = 'key-1' where id = 2"}) {
    tamper(f,
           std::string("create table app.kept as select * from app.audit; update app.audit set ") + change);
    CHECK(f.await(f.host->engine().verify_audit()).first_bad == (std::string(change).ends_with('3') ? 3 : 2));
    tamper(f, "delete from app.audit; insert into app.audit select * from app.kept; drop table app.kept");
  }
}

TEST_CASE("retry: what waits is submitted now, what may have been paid is asked about, the rest is explained",
          "[audit]") {
  EngineFixture f;
  bool pending = true;
  f.provider.on_query = [&pending](Order order) -> Awaitable<Status> {
    co_return ScriptedProvider::found(pending ? Status::Kind::pending : Status::Kind::confirmed, order);
  };
  const std::string sent = f.post("sent");
  REQUIRE(f.run_until_state(sent, "SENT"));
  f.value("update app.payouts set next_action_at = now() + interval '1 hour' where id = '" + sent + "'");
  f.run_for(milliseconds{200});
  const auto asked = f.provider.queried.size();
  pending = false;
  const auto reply = retry(f, sent);
  CHECK(reply.done);
  CHECK(reply.state == core::State::sent);
  CHECK(f.run_until_state(sent, "CONFIRMED"));
  CHECK(f.provider.queried.size() > asked);
  CHECK(f.provider.submitted.size() == 1);
  const auto paid = retry(f, sent);
  CHECK_FALSE(paid.done);
  CHECK(paid.message.find("pay it twice") != std::string::npos);

  f.provider.on_submit = [](Order, Prepared) {
    return answer({Submission::Kind::refused_for_now, "busy", "", ""});
  };
  const std::string waiting = f.post("waiting");
  REQUIRE(f.run_until([&] { return f.provider.submitted.size() == 2; }));
  REQUIRE(f.run_until([&] {
    return f.value("select state = 'PENDING' and lease is null from app.payouts where id = '" + waiting +
                   "'") == "t";
  }));
  f.value("update app.payouts set next_action_at = now() + interval '1 hour' where id = '" + waiting + "'");
  f.provider.on_submit = nullptr;
  CHECK(retry(f, waiting).done);
  CHECK(f.run_until_state(waiting, "CONFIRMED"));
}

TEST_CASE("many retries: a preview changes nothing, then they become due at the wanted rate", "[audit]") {
  EngineFixture f;
  f.provider.on_query = [](Order order) -> Awaitable<Status> {
    co_return ScriptedProvider::found(Status::Kind::pending, order);
  };
  for (int i = 0; i < 6; ++i) f.post("k" + std::to_string(i));
  REQUIRE(
      f.run_until([&] { return f.value("select count(*) from app.payouts where state = 'SENT'") == "6"; }));
  f.provider.the_state = providers::ProviderState::restarting;  // nobody touches them
  REQUIRE(
      f.run_until([&] { return f.value("select count(*) from app.payouts where lease is null") == "6"; }));
  f.value("update app.payouts set next_action_at = now() + interval '1 hour'");
  store::RetryFilter filter;
  filter.provider = "acme";
  filter.state = "SENT";
  const auto preview = f.await(f.host->engine().preview_retry(filter));
  REQUIRE(preview.size() == 1);
  CHECK(preview[0].count == 6);
  CHECK(preview[0].sum == "600");
  CHECK(f.value("select count(*) from app.payouts where next_action_at < now() + interval '1 minute'") ==
        "0");
  filter.limit = 4;
  CHECK(f.await(f.host->engine().retry(filter, 2, "operator:eve", "after the outage")) == 4);
  CHECK(f.value("select round(extract(epoch from max(next_action_at) - min(next_action_at)), 1) from (select"
                " next_action_at from app.payouts order by next_action_at limit 4) p") == "1.5");
  CHECK(f.value("select count(*) from app.events where kind = 'operator_retry'") == "4");
  filter.in_state_for = std::chrono::hours{1};
  CHECK(f.await(f.host->engine().preview_retry(filter)).empty());
}
