// The runbook for mobile-money payouts, line by line, with real hosts. docs/runbook-coverage.md says which
// test stands for which line.
#include <signal.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "desk.hpp"

namespace {

namespace json = boost::json;
using namespace payoutd::test;
using std::chrono::milliseconds;
using std::chrono::seconds;

json::object said(const simulator::Reply& reply) {
  return json::parse(reply.body).as_object();
}

}  // namespace

TEST_CASE("NepXy: JWT_SECRET, MOMO_WEBHOOK_SECRET, ENV, DATABASE_URL and CORS_ALLOW_ORIGINS work as named",
          "[coverage]") {
  Desk desk("nepxy-environment", [](HostProcess& host) {
    Desk::ask_for_tokens(host);
    host.settings().environment["ENV"] = "dev";
    host.settings().environment["DATABASE_URL"] = host.settings().database;
    host.settings().database = "postgresql://nobody@127.0.0.1:1/nothing";
    host.settings().environment["CORS_ALLOW_ORIGINS"] = "https://app.example,https://admin.example";
  });
  const std::string token = desk.token({"payouts:read", "payouts:write"});
  const simulator::Headers bearer{{"Authorization", "Bearer " + token}, {"Origin", "https://admin.example"}};
  const auto listed = desk.host.request("GET", "/v1/payouts", {}, bearer);
  CHECK(listed.status == 200);
  CHECK(listed.headers.at("access-control-allow-origin") == "https://admin.example");
  const std::string id = desk.pay("environment", "46733100001", bearer);
  CHECK(desk.call(id, Desk::webhook_secret).status == 200);
  CHECK(desk.call(id, "another secret").status == 401);
  // In production a secret that an enabled provider needs, and keys for tokens, must be there.
  const Ended checked =
      desk.ctl({"check"}, {{"ENV", "prod"}, {"JWT_SECRET", ""}, {"MOMO_WEBHOOK_SECRET", ""}});
  INFO(checked.text);
  CHECK(checked.status != 0);
  CHECK(checked.text.find("JWT_SECRET") != std::string::npos);
}

TEST_CASE("NepXy: GET /healthz and /readyz say 503 when false", "[coverage]") {
  DatabaseServer server;
  Desk desk("nepxy-health", {}, {"--fast"}, server);
  const auto healthy = desk.host.request("GET", "/healthz");
  CHECK(healthy.status == 200);
  CHECK(said(healthy).at("ok").as_bool());
  CHECK(said(healthy).at("db_ok").as_bool());
  CHECK_FALSE(said(healthy).at("version").as_string().empty());
  CHECK(said(healthy).contains("build"));
  const auto ready = desk.host.request("GET", "/readyz");
  CHECK(ready.status == 200);
  CHECK(said(ready).at("ready").as_bool());
  CHECK(said(ready).at("migrations_ok").as_bool());
  CHECK_FALSE(said(ready).at("migration_revision").as_string().empty());

  server.kill();
  REQUIRE(eventually(seconds{20}, [&] { return desk.host.request("GET", "/healthz").status == 503; }));
  const auto sick = desk.host.request("GET", "/healthz");
  CHECK_FALSE(said(sick).at("ok").as_bool());
  CHECK_FALSE(said(sick).at("db_ok").as_bool());
  const auto unready = desk.host.request("GET", "/readyz");
  CHECK(unready.status == 503);
  CHECK_FALSE(said(unready).at("ready").as_bool());
  CHECK_FALSE(said(unready).at("reasons").as_array().empty());
  CHECK(desk.host.request("GET", "/livez").status == 200);
  server.start();
  CHECK(eventually(seconds{30}, [&] {
    return desk.host.request("GET", "/healthz").status == 200 &&
           desk.host.request("GET", "/readyz").status == 200;
  }));
}

TEST_CASE(
    "NepXy: GET /metrics has http_requests_total, payout_attempts_total, webhook_events_total and "
    "idempotency_replays_total with their labels",
    "[coverage]") {
  Desk desk("nepxy-metrics");
  const std::string id = desk.pay("metrics");
  CHECK(desk.pay("metrics") == id);
  REQUIRE(desk.reaches(id, "CONFIRMED"));
  CHECK(desk.call(id, Desk::webhook_secret).status == 200);
  CHECK(desk.call(id, "a guess").status == 401);
  CHECK(desk.metric(R"(http_requests_total{method="POST",route="/v1/payouts",status="201"})") == 2);
  CHECK(desk.metric(R"(idempotency_replays_total{route="/v1/payouts"})") == 1);
  CHECK(desk.metric(R"(payout_attempts_total{provider="momo",result="SENT"})") == 1);
  CHECK(desk.metric(R"(payout_attempts_total{provider="momo",result="CONFIRMED"})") == 1);
  CHECK(desk.metric(R"(webhook_events_total{applied="false",provider="momo",signature_valid="false"})") == 1);
  CHECK(eventually(seconds{10}, [&] {
    return desk.metric(R"(webhook_events_total{applied="false",provider="momo",signature_valid="true"})") ==
           1;
  }));
  const auto metrics = desk.host.request("GET", "/metrics");
  CHECK(metrics.headers.at("content-type").starts_with("text/plain; version=0.0.4"));
}

TEST_CASE(
    "NepXy: payouts stuck in SENT show by provider in a gauge, and in app.mobile_money_payouts with "
    "attempt_count "
    "and next_retry_at",
    "[coverage]") {
  Desk desk("nepxy-stuck", [](HostProcess& host) { Desk::keep_sent(host); });
  const std::string id = desk.pay("stuck");
  REQUIRE(desk.reaches(id, "SENT"));
  CHECK(
      desk.sql("select status || ' ' || attempt_count || ' ' || (next_retry_at > now()) || ' ' || currency ||"
               " ' ' || amount::float || ' ' || (provider_ref is null) from app.mobile_money_payouts"
               " where transaction_id = '" +
               id + "'") == "SENT 1 true EUR 1 true");
  CHECK(eventually(seconds{20}, [&] {
    return desk.metric(R"(payoutd_payouts{provider="momo",state="SENT"})") == 1 &&
           desk.metric(R"(payoutd_oldest_payout_age_seconds{provider="momo",state="SENT"})") > 0;
  }));
  const Ended probed = desk.ctl({"provider", "probe", "momo"});
  INFO(probed.text);
  CHECK(probed.status == 0);
  CHECK(desk.operate("POST", "/v1/admin/providers/momo/probe").status == 200);
}

TEST_CASE(
    "NepXy: POST /v1/admin/mobile-money/payouts/{transaction_id}/retry accepts SENT, asks the provider first "
    "and "
    "sends nothing again",
    "[coverage]") {
  Desk desk("nepxy-retry", [](HostProcess& host) {
    Desk::keep_sent(host);
    Desk::ask_for_tokens(host);
  });
  const simulator::Headers client{
      {"Authorization", "Bearer " + desk.token({"payouts:read", "payouts:write"})}};
  const simulator::Headers admin{{"Authorization", "Bearer " + desk.token({"admin"}, "awa")}};
  const std::string id = desk.pay("retry", "46733100001", client);
  REQUIRE(desk.reaches(id, "SENT"));
  const std::string target = "/v1/admin/mobile-money/payouts/" + id + "/retry";
  CHECK(desk.host.request("POST", target).status == 401);
  CHECK(desk.host.request("POST", target, {}, client).status == 403);
  const auto retried = desk.host.request("POST", target, R"({"note":"the client asks"})", admin);
  INFO(retried.body);
  CHECK(retried.status == 200);
  CHECK(said(retried).at("action").as_string() == "asked");
  REQUIRE(desk.reaches(id, "CONFIRMED"));
  CHECK(desk.sql("select attempt_count from app.all_payouts where id = '" + id + "'") == "1");
  CHECK(desk.scene.requested_more_than_once() == 0);
  const auto again = desk.host.request("POST", target, {}, admin);
  CHECK(again.status == 409);
  CHECK(said(again).at("error").at("code").as_string() == "WRONG_STATE");
  CHECK(desk.host.request("POST", "/v1/admin/mobile-money/payouts/nothing/retry", {}, admin).status == 404);
}

TEST_CASE(
    "NepXy: signature failures are stored with body and headers, and POST "
    "/v1/admin/webhooks/events/{id}/verify shows "
    "computed against received for every key, masked",
    "[coverage]") {
  Desk desk("nepxy-signatures", [](HostProcess& host) { Desk::keep_sent(host); });
  const std::string id = desk.pay("signatures");
  REQUIRE(desk.reaches(id, "SENT"));
  for (int i = 0; i < 3; ++i) CHECK(desk.call(id, "a rotated secret").status == 401);
  CHECK(desk.metric(R"(webhook_events_total{applied="false",provider="momo",signature_valid="false"})") == 3);
  CHECK(desk.sql("select count(*) from app.webhook_events where not signature_valid and body_raw like '%" +
                 id + "%' and headers::text like '%x-signature%'") == "3");
  const json::value events = desk.operate("GET", "/v1/admin/webhooks/events?state=rejected").json();
  REQUIRE(events.at("events").as_array().size() == 3);
  const std::string event(events.at("events").at(0).at("id").as_string());
  const json::value verified = desk.operate("POST", "/v1/admin/webhooks/events/" + event + "/verify").json();
  CHECK_FALSE(verified.at("valid").as_bool());
  REQUIRE(verified.at("keys").as_array().size() == 2);  // the secret's, and the instance key's URLs
  const json::value& computed = verified.at("keys").at(0).at("signature");
  CHECK_FALSE(computed.at("matches").as_bool());
  CHECK(computed.at("computed").as_string().size() < 32);
  CHECK(computed.at("computed") != verified.at("received").at("x_signature"));
  CHECK(desk.state(id) == "SENT");
}

TEST_CASE(
    "NepXy: a provider that is down is paused without failing anything, and its payouts are retried in bulk "
    "with "
    "preview and rate",
    "[coverage]") {
  Desk desk("nepxy-downtime", [](HostProcess& host) { Desk::keep_sent(host); });
  const std::string sent = desk.pay("before");
  REQUIRE(desk.reaches(sent, "SENT"));
  CHECK(desk.operate("POST", "/v1/admin/providers/momo/pause", {{"note", "the status page is red"}}).status ==
        200);
  const std::string waiting = desk.pay("meanwhile");
  const json::value status = desk.operate("GET", "/v1/admin/status").json();
  const json::object& momo = status.at("providers").at(0).as_object();
  CHECK(momo.at("affected").as_int64() == 2);
  CHECK(eventually(seconds{5}, [&] {
    return desk.operate("GET", "/v1/admin/status").json().at("providers").at(0).at("stopped").as_bool();
  }));
  CHECK(desk.state(waiting) == "PENDING");
  CHECK(desk.operate("POST", "/v1/admin/providers/momo/resume").status == 200);
  REQUIRE(desk.reaches(waiting, "SENT"));
  const json::object filter{{"provider", "momo"}, {"state", "SENT"}, {"per_second", 50}};
  json::object preview = filter;
  preview["preview"] = true;
  const RawResponse shown = desk.operate("POST", "/v1/admin/payouts/retry", preview);
  CHECK(shown.status == 200);
  CHECK(shown.json().at("count").as_int64() == 2);
  CHECK(desk.state(sent) == "SENT");
  CHECK(desk.operate("POST", "/v1/admin/payouts/retry", filter).status == 202);
  CHECK(desk.reaches(sent, "CONFIRMED"));
  CHECK(desk.reaches(waiting, "CONFIRMED"));
  CHECK(desk.sql("select count(*) from app.all_payouts where state = 'FAILED'") == "0");
  CHECK(desk.scene.requested_more_than_once() == 0);
}

TEST_CASE(
    "NepXy: a request with a used Idempotency-Key gets the stored answer, or 409 IDEMPOTENCY_CONFLICT that "
    "names what "
    "differs",
    "[coverage]") {
  Desk desk("nepxy-idempotency");
  const auto post = [&](const std::string& amount, const std::string& note) {
    return desk.host.request(
        "POST", "/v1/payouts",
        json::serialize(json::object{
            {"amount", amount}, {"currency", "EUR"}, {"destination", "46733100001"}, {"note", note}}),
        {{"Idempotency-Key", "invoice-17"}, {"X-Request-Id", "flow-of-the-client"}});
  };
  const auto first = post("5", "salary");
  REQUIRE(first.status == 201);
  const auto again = post("5", "salary");
  CHECK(again.status == 201);
  CHECK(again.body == first.body);
  CHECK(again.headers.at("idempotent-replayed") == "true");
  const auto other = post("6", "bonus");
  CHECK(other.status == 409);
  const json::object error = said(other).at("error").as_object();
  CHECK(error.at("code").as_string() == "IDEMPOTENCY_CONFLICT");
  CHECK(std::string(error.at("message").as_string()).find("amount, note") != std::string::npos);
  CHECK(desk.sql("select count(*) from app.idempotency_keys where key = 'invoice-17'") == "1");
  // The operator finds the same in the log, by the flow id.
  const std::string log = desk.host.log();
  const auto at = log.find("http.idempotency_conflict");
  REQUIRE(at != std::string::npos);
  const std::string line = log.substr(at, log.find('\n', at) - at);
  CHECK(line.find("flow-of-the-client") != std::string::npos);
  CHECK(line.find("amount, note") != std::string::npos);
  CHECK(line.find("bonus") == std::string::npos);
}

TEST_CASE(
    "NepXy: /metrics has gauges of the connection pools, their waiting times and time-outs; a pool is "
    "resized by a "
    "reload",
    "[coverage]") {
  Desk desk("nepxy-pool");
  const auto file = desk.host.settings().directory / "payoutd.yaml";
  CHECK(desk.metric(R"(payoutd_database_acquire_timeouts_total{pool="http"})") == 0);
  CHECK(desk.metric(R"(payoutd_database_wait_seconds_count{pool="http"})") >= 0);
  CHECK(desk.metric(R"(payoutd_database_connections{pool="http",state="busy"})") >= 0);
  CHECK(desk.metric(R"(payoutd_database_connections{pool="http",state="wanted"})") == 2);
  std::ofstream(file, std::ios::app) << "database_pool:\n  http_connections: 5\n";
  REQUIRE(desk.reload());
  CHECK(eventually(seconds{10}, [&] {
    return desk.metric(R"(payoutd_database_connections{pool="http",state="wanted"})") == 5;
  }));
  const std::string id = desk.pay("after-the-resize");
  CHECK(desk.reaches(id, "CONFIRMED"));
}
