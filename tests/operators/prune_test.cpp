// Old history goes while payouts run; what is not settled stays, and a key is never forgotten.
#include <catch2/catch.hpp>
#include <thread>

#include "harness/cluster.hpp"
#include "harness/scene.hpp"
#include "payoutctl.hpp"

namespace {

namespace json = boost::json;
using namespace payoutd::test;
using std::chrono::milliseconds;
using std::chrono::seconds;

int number(const TestDatabase& database, const std::string& sql) {
  return std::stoi(database.value(sql));
}

/// Everything of a batch finished so many days ago, and stands in history.
void make_old(const TestDatabase& database, const std::string& batch, int days) {
  database.value("update app.payouts set finished_at = finished_at - interval '" + std::to_string(days) +
                 " days', next_action_at = null where finished_at is not null and batch = '" + batch + "'");
  database.value("select app.archive_finished(86400, 100000)");
}

CommandResult prune(const TestDatabase& database, const std::vector<std::string>& more) {
  std::vector<std::string> words{"prune", "--database", database.dsn(), "--json"};
  words.insert(words.end(), more.begin(), more.end());
  return payoutctl(words);
}

std::int64_t count(const CommandResult& result, const char* what) {
  return result.json().at("counts").at(what).as_int64();
}

}  // namespace

TEST_CASE("pruning while payouts run takes what is old, and nothing else", "[prune]") {
  Scene scene("prune", {"--transfer-latency-ms", "5..60"});
  HostProcess& host = scene.add_host("host-a");
  host.start();
  REQUIRE(host.wait_until_ready());
  scene.post(host, 300, "old");
  const auto first = host.request(
      "POST", "/v1/payouts", R"({"amount":"5","currency":"EUR","destination":"46733100001","batch":"old"})",
      {{"Idempotency-Key", "pruned-key"}});
  REQUIRE(first.status == 201);
  scene.post(host, 40, "young");
  REQUIRE(scene.wait_until_finished(seconds{60}));
  CHECK(scene.check().all_right());
  make_old(scene.database(), "old", 120);
  make_old(scene.database(), "young", 30);
  CHECK(number(scene.database(), "select count(*) from app.payouts_history") == 341);
  const int events = number(scene.database(), "select count(*) from app.events");

  const auto dry = prune(scene.database(), {"--older-than", "90d", "--dry-run"});
  INFO(dry.text());
  REQUIRE(dry.status == 0);
  CHECK(count(dry, "payouts") == 301);
  CHECK(count(dry, "attempts") == 301);
  CHECK(number(scene.database(), "select count(*) from app.payouts_history") == 341);

  std::thread paying([&] {
    for (int i = 0; i < 5; ++i) scene.post(host, 80, "now-" + std::to_string(i));
  });
  const auto result = prune(scene.database(), {"--older-than", "90d", "--batch", "20"});
  paying.join();
  INFO(result.text());
  REQUIRE(result.status == 0);
  CHECK(count(result, "payouts") == 301);
  CHECK(count(result, "attempts") == 301);
  CHECK(count(result, "keys_emptied") == 301);
  CHECK(count(result, "events") == count(dry, "events"));
  CHECK(result.json().at("batches").as_int64() >= 16);
  REQUIRE(scene.wait_until_finished(seconds{60}));
  CHECK(scene.check("batch like 'now-%'").all_right());
  CHECK(scene.check("batch like 'now-%'").confirmed == 400);
  CHECK(number(scene.database(), "select count(*) from app.all_payouts") == 440);
  CHECK(number(scene.database(), "select count(*) from app.all_payouts where batch = 'young'") == 40);
  CHECK(number(scene.database(), "select count(*) from app.attempts_history") == 40);
  CHECK(number(scene.database(), "select count(*) from app.events") >
        events - static_cast<int>(count(result, "events")));
  CHECK(number(scene.database(),
               "select count(*) from app.events e where not exists (select 1 from app.all_payouts p"
               " where p.id = e.payout_id)") == 0);

  // The same request once more: the answer of then, and no second payment.
  const auto paid = scene.simulator().get("/ledger?limit=100000").as_array().size();
  const auto again = host.request(
      "POST", "/v1/payouts", R"({"amount":"5","currency":"EUR","destination":"46733100001","batch":"old"})",
      {{"Idempotency-Key", "pruned-key"}});
  INFO(again.body);
  CHECK(again.status == 201);
  CHECK(again.headers.at("idempotent-replayed") == "true");
  CHECK(json::parse(again.body).at("id") == json::parse(first.body).at("id"));
  const auto other =
      host.request("POST", "/v1/payouts", R"({"amount":"6","currency":"EUR","destination":"46733100001"})",
                   {{"Idempotency-Key", "pruned-key"}});
  INFO(other.body);
  CHECK(other.status == 409);
  // A whole file that is sent again after years.
  scene.post(host, 300, "old");
  scene.post(host, 1, "one-more");
  REQUIRE(scene.wait_until_finished(seconds{30}));
  CHECK(number(scene.database(), "select count(*) from app.all_payouts") == 441);
  CHECK(scene.simulator().get("/ledger?limit=100000").as_array().size() == paid + 1);
  CHECK(number(scene.database(),
               "select count(*) from app.idempotency_keys where pruned_at is not null and payload = '{}'") ==
        301);
  // Nothing personal is left of what was pruned.
  CHECK(number(scene.database(), "select count(*) from app.maintenance where name = 'prune'") == 1);
}

TEST_CASE("pruning leaves alone what is not settled, and the audit log", "[prune]") {
  auto database = DatabaseServer::shared().fresh_database();
  database.value(
      "insert into app.payouts (id, client_id, idempotency_key, provider, state, amount, currency, "
      "destination,"
      " flow_id, finished_at, created_at, attempt_count) select ('00000000-0000-0000-0000-' || lpad(n::text, "
      "12,"
      " '0'))::uuid, 'c', 'k' || n, 'momo', case when n <= 6 then 'CONFIRMED' when n = 7 then 'REVIEW' else"
      " 'UNKNOWN' end::app.payout_state, 1, 'EUR', '1', 'f', case when n <= 6 then now() - interval '200 "
      "days' end,"
      " now() - interval '200 days', 0 from generate_series(1, 8) n");
  database.value(
      "insert into app.idempotency_keys (client_id, key, payout_id, provider, payload_hash, payload)"
      " select client_id, idempotency_key, id, provider, 'h', '{\"amount\": \"1\"}' from app.payouts");
  // 1: still watched; 2: news of it wait to be worked off; 3: news of it came lately; 4: a host works on it.
  const auto id = [](int n) { return "'00000000-0000-0000-0000-00000000000" + std::to_string(n) + "'"; };
  database.value("select app.archive_finished(86400, 100)");
  database.value("update app.payouts_history set next_action_at = now() where id = " + id(1));
  database.value(
      std::string("insert into app.webhook_inbox (id, received_at, provider, method, path, headers, body,"
                  " flow_id, state, payout_id, next_attempt_at) values (gen_random_uuid(), now() - interval"
                  " '150 days', 'momo', 'PUT', '/', '[]', '', 'f', 'received', ") +
      id(2) +
      ", now()), (gen_random_uuid(), now() - interval '1 day', 'momo', 'PUT', '/', '[]', '', 'f',"
      " 'applied', " +
      id(3) +
      ", null), (gen_random_uuid(), now() - interval '150 days', 'momo', 'PUT', '/', '[]', '',"
      " 'f', 'ignored', null, null), (gen_random_uuid(), now() - interval '150 days', 'momo',"
      " 'PUT', '/', '[]', '', 'f', 'verified', null, now())");
  database.value("update app.payouts_history set lease = gen_random_uuid() where id = " + id(4));
  for (int i = 1; i <= 3; ++i)
    database.value("insert into app.audit select " + std::to_string(i) +
                   ", now() - interval '300 days', 'a', 'b', 'c', 200, 'f', '{}', '', ''");
  database.value(
      "insert into app.allowances select id, client_id, null, destination, null, provider, currency, amount,"
      " now() - interval '500 days' from app.payouts_history");
  // A rule that is in use looks back for ever, which is what `previous` does where no window is named.
  const char* rule =
      "local r = { needs = { last = { what = 'previous', of = 'region', by = 'user' } } }\n"
      "function r.check() return 'allow' end\n"
      "r.tests = { { name = 'one', expect = 'allow' } }\nreturn r\n";
  const std::string files = json::serialize(json::object{{"abuse/last.lua", rule}});
  database.value("insert into app.script_bundles (hash, files, created_by) values ('0123456789', $$" + files +
                 "$$, 't')");
  database.value("insert into app.script_generations (hash, actor) values ('0123456789', 't')");
  const auto kept = prune(database, {"--older-than", "300d", "--dry-run"});
  CHECK(count(kept, "allowances") == 0);
  database.value("insert into app.script_bundles (hash, files, created_by) values ('abcdef', '{}', 't')");
  database.value("insert into app.script_generations (hash, actor) values ('abcdef', 't')");
  const auto result = prune(database, {"--older-than", "90d", "--batch", "1"});
  INFO(result.text());
  REQUIRE(result.status == 0);
  CHECK(database.value("select string_agg(right(id::text, 1), ' ' order by id) from app.payouts_history") ==
        "1 2 3 4");
  CHECK(number(database, "select count(*) from app.payouts") == 2);
  CHECK(number(database, "select count(*) from app.audit") == 3);
  CHECK(number(database, "select count(*) from app.webhook_inbox") == 3);
  CHECK(number(database, "select count(*) from app.idempotency_keys") == 8);
  CHECK(number(database, "select count(*) from app.allowances") == 4);
  CHECK(count(result, "allowances") == 2);
  CHECK(result.json().at("retention").at("idempotency_keys_s").is_null());
  CHECK(prune(database, {"--older-than", "1h"}).status == 2);
  CHECK(prune(database, {"--older-than", "soon"}).status == 2);
}

TEST_CASE("pruning waits for a replica that is behind", "[prune]") {
  Cluster primary;
  Cluster replica(primary, {});
  auto server = DatabaseServer::at(primary.admin_dsn());
  auto database = server->fresh_database();
  database.value(
      "insert into app.payouts_history (id, client_id, idempotency_key, provider, state, amount, currency, "
      "destination,"
      " flow_id, finished_at, attempt_count) select gen_random_uuid(), 'c', 'k' || n, 'momo', 'CONFIRMED', "
      "1, 'EUR',"
      " '1', 'f', now() - interval '200 days', 0 from generate_series(1, 200) n");
  replica.run("postgres", "select pg_wal_replay_pause()");
  CHECK(eventually(seconds{20}, [&] {
    database.value("insert into app.batches (id) values (gen_random_uuid())");
    return primary.value("postgres",
                         "select coalesce(max(replay_lag), '0') > interval '2 seconds' from"
                         " pg_stat_replication") == "t";
  }));
  CommandResult result;
  std::thread pruning(
      [&] { result = prune(database, {"--older-than", "90d", "--batch", "10", "--max-lag", "1s"}); });
  std::this_thread::sleep_for(seconds{2});  // what is tested is that nothing happens meanwhile
  const int left = number(database, "select count(*) from app.payouts_history");
  replica.run("postgres", "select pg_wal_replay_resume()");
  pruning.join();
  INFO(result.text());
  CHECK(left == 200);
  CHECK(result.status == 0);
  CHECK(result.json().at("waited_for_replicas_ms").as_int64() > 0);
  CHECK(number(database, "select count(*) from app.payouts_history") == 0);
}
