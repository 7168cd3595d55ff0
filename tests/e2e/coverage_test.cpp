// The runbooks of Pay2Slay, the ops handbook, CardMint and the operational runbook, line by line, with real
// hosts. docs/runbook-coverage.md says which test stands for which line.
#include <signal.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "desk.hpp"

namespace {

namespace json = boost::json;
using namespace payoutd::test;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// Turns a switch and waits until the host has seen it.
void turn(Desk& desk, const std::string& name, bool on) {
  REQUIRE(desk.operate("POST", "/v1/admin/switches/" + name, {{"enabled", on}, {"note", "a drill"}}).status ==
          200);
  REQUIRE(eventually(seconds{5}, [&] {
    return desk.operate("GET", "/v1/admin/switches").json().at(name) == json::value(on);
  }));
}

std::string code_of(const simulator::Reply& reply) {
  return std::string(json::parse(reply.body).at("error").at("code").as_string());
}

int try_to_pay(Desk& desk, const std::string& key, std::string* code = nullptr) {
  const auto reply = desk.host.request("POST", "/v1/payouts",
                                       R"({"amount":"1","currency":"EUR","destination":"46733100001"})",
                                       {{"Idempotency-Key", key}});
  if (code != nullptr && reply.status >= 400) *code = code_of(reply);
  return reply.status;
}

void restart(Desk& desk) {
  REQUIRE(desk.host.stop() == 0);
  desk.host.start();
  REQUIRE(desk.host.wait_until_listening());
}

}  // namespace

TEST_CASE(
    "Pay2Slay: dry run is a switch that lasts, shows in app_dry_run_mode, and ends payouts as SIMULATED",
    "[coverage]") {
  Desk desk("pay2slay-dry-run");
  CHECK(desk.metric("app_dry_run_mode") == 0);
  turn(desk, "dry_run", true);
  const std::string simulated = desk.pay("simulated");
  REQUIRE(desk.reaches(simulated, "SIMULATED"));
  CHECK(eventually(seconds{5}, [&] { return desk.metric("app_dry_run_mode") == 1; }));
  CHECK(desk.scene.simulator().get("/ledger?limit=10").as_array().empty());
  restart(desk);
  REQUIRE(desk.host.wait_until_ready());
  CHECK(eventually(seconds{5}, [&] { return desk.metric("app_dry_run_mode") == 1; }));
  const json::value audit = desk.operate("GET", "/v1/admin/audit?subject=dry_run").json();
  CHECK(audit.at("audit").at(0).at("detail").at("note").as_string() == "a drill");
  turn(desk, "dry_run", false);
  const std::string paid = desk.pay("paid");
  CHECK(desk.reaches(paid, "CONFIRMED"));
  CHECK(desk.state(simulated) == "SIMULATED");
}

TEST_CASE(
    "Pay2Slay: a dry run of one provider is a switch that lasts, shows everywhere, and ends its payouts as "
    "SIMULATED",
    "[coverage]") {
  Desk desk("pay2slay-provider-dry-run");
  const std::string series = R"(payoutd_provider_dry_run{provider="momo"})";
  CHECK(eventually(seconds{5}, [&] { return desk.metric(series) == 0; }));
  const Ended on = desk.ctl({"provider", "dry-run", "momo", "on", "--note", "rehearsal"});
  CHECK(on.status == 0);
  CHECK_THAT(on.text, Catch::Contains("momo: new payouts end as SIMULATED"));
  const std::string simulated = desk.pay("simulated");
  REQUIRE(desk.reaches(simulated, "SIMULATED"));
  restart(desk);
  REQUIRE(desk.host.wait_until_ready());
  CHECK(eventually(seconds{5}, [&] { return desk.metric(series) == 1; }));
  CHECK(desk.metric("app_dry_run_mode") == 0);
  CHECK_THAT(desk.ctl({"provider", "list"}).text, Catch::Contains("dry run"));
  CHECK_THAT(desk.ctl({"provider", "show", "momo"}).text, Catch::Contains("rehearsal"));
  CHECK_THAT(desk.ctl({"health"}).text, Catch::Contains("A dry run of operator:"));
  const json::value audit = desk.operate("GET", "/v1/admin/audit?subject=momo").json();
  CHECK(audit.at("audit").at(0).at("detail").at("note").as_string() == "rehearsal");
  const Ended off = desk.ctl({"provider", "dry-run", "momo", "off", "--json"});
  CHECK(json::parse(off.text) == json::value{{"provider", "momo"}, {"dry_run", false}});
  CHECK(desk.reaches(desk.pay("paid"), "CONFIRMED"));
  CHECK(desk.state(simulated) == "SIMULATED");
  CHECK(desk.scene.simulator().get("/ledger?limit=10").as_array().size() == 1);
}

TEST_CASE(
    "Pay2Slay: has_min_balance with a margin: what the balance does not cover waits and is paid when there "
    "is "
    "money",
    "[coverage]") {
  Desk desk("pay2slay-balance", [](HostProcess& host) {
    host.settings().more_of_momo =
        "    minimum_balance: {currency: EUR, amount: 50, margin_percent: 10, max_age: 1s}\n";
  });
  const auto fill = [&](const std::string& amount) {
    desk.scene.simulator().post("/balance", {{"protocol", "momo"}, {"amount", amount}});
  };
  const auto balance_is = [&](const std::string& wanted) {
    return eventually(seconds{10}, [&] {
      const json::value check =
          desk.operate("GET", "/v1/admin/providers").json().at("providers").at(0).at("balance_check");
      return check.at("available") == json::value(wanted);
    });
  };
  fill("51.09");
  REQUIRE(balance_is("51.09"));
  const std::string first = desk.pay("first");  // 1 EUR, for which 1.1 must be there above the 50
  REQUIRE(eventually(seconds{10}, [&] {
    return desk.metric(R"(balance_deferred_total{currency="EUR",provider="momo"})") > 0;
  }));
  CHECK(desk.reaches(first, "PENDING"));
  CHECK(eventually(seconds{5}, [&] {
    return desk.metric(R"(provider_balance{currency="EUR",provider="momo"})") == Approx(51.09);
  }));
  CHECK(eventually(seconds{5},
                   [&] { return desk.metric(R"(payoutd_balance_defers{provider="momo",why="low"})") == 1; }));
  CHECK_THAT(desk.ctl({"explain", first}).text, Catch::Contains("The balance of momo does not cover it"));
  CHECK_THAT(desk.ctl({"tally"}).text, Catch::Contains("balance_low"));
  CHECK_THAT(desk.ctl({"provider", "show", "momo"}).text, Catch::Contains("51.09 EUR"));
  CHECK_THAT(desk.ctl({"doctor"}).text, Catch::Contains("Its payouts wait for its balance"));
  // The simulator's balance follows its payments: what is enough for one is not for two.
  fill("51.1");
  REQUIRE(desk.reaches(first, "CONFIRMED"));
  REQUIRE(balance_is("50.1"));
  const std::string second = desk.pay("second");
  REQUIRE(eventually(seconds{10}, [&] {
    return desk.sql("select reason from app.payouts where id = '" + second + "'") == "balance_low";
  }));
  // Whoever cannot tell his balance is not trusted to have one.
  const auto silence = desk.scene.simulator().post(
      "/faults", {{"protocol", "momo"}, {"operation", "balance"}, {"fault", "answer_503_html"}});
  fill("1000");
  REQUIRE(eventually(seconds{10}, [&] {
    return desk.metric(R"(payoutd_balance_defers{provider="momo",why="unknown"})") == 1;
  }));
  CHECK(desk.state(second) == "PENDING");
  desk.scene.simulator().remove("/faults");
  CHECK(desk.reaches(second, "CONFIRMED"));
  CHECK(desk.sql("select count(*) from app.payouts where state = 'FAILED'") == "0");
  CHECK(desk.sql("select max(attempt_count) from app.payouts") == "1");
}

TEST_CASE(
    "Pay2Slay: submissions, a provider and all writes are stopped by switches that survive a restart and "
    "fail "
    "nothing",
    "[coverage]") {
  Desk desk("pay2slay-switches");
  turn(desk, "stop_submissions", true);
  REQUIRE(desk.operate("POST", "/v1/admin/providers/momo/pause").status == 200);
  const std::string waiting = desk.pay("waiting");
  restart(desk);
  CHECK(eventually(seconds{5}, [&] {
    return desk.operate("GET", "/v1/admin/switches").json().at("stop_submissions").as_bool() &&
           desk.operate("GET", "/v1/admin/providers").json().at("providers").at(0).at("paused").as_bool();
  }));
  CHECK(desk.state(waiting) == "PENDING");
  turn(desk, "stop_submissions", false);
  CHECK(desk.state(waiting) == "PENDING");  // the provider is still paused
  REQUIRE(desk.operate("POST", "/v1/admin/providers/momo/resume").status == 200);
  CHECK(desk.reaches(waiting, "CONFIRMED"));
}

TEST_CASE("Pay2Slay: /metrics has the names of the metrics list", "[coverage]") {
  Desk desk("pay2slay-metrics");
  const auto paid = desk.host.request(
      "POST", "/v1/payouts", R"({"amount":"1","currency":"EUR","destination":"46733100001","region":"CI"})",
      {{"Idempotency-Key", "metrics"}});
  REQUIRE(paid.status == 201);
  REQUIRE(desk.reaches(std::string(json::parse(paid.body).at("id").as_string()), "CONFIRMED"));
  const std::string text = desk.host.request("GET", "/metrics").body;
  for (const char* name : {"http_requests_total", "http_request_duration_seconds", "payouts_by_region_total",
                           "flagged_users_total", "payout_amount_ban", "payout_attempts_total",
                           "payout_retry_latency_seconds", "app_dry_run_mode"}) {
    INFO(name);
    CHECK(text.find("# TYPE " + std::string(name) + " ") != std::string::npos);
  }
  CHECK(desk.metric("flagged_users_total") == 0);
  CHECK(desk.metric(R"(payouts_by_region_total{region="CI"})") == 1);
  // The alert's threshold is a bucket's bound.
  CHECK(text.find(R"(http_request_duration_seconds_bucket{method="POST",route="/v1/payouts",le="0.75"})") !=
        std::string::npos);
}

TEST_CASE("Pay2Slay: flags of users are listed, annotated and cleared over /v1/admin/flags, and counted",
          "[coverage]") {
  Desk desk("pay2slay-flags", [](HostProcess& host) {
    const auto scripts = host.settings().directory / "scripts";
    std::filesystem::create_directories(scripts / "abuse");
    std::ofstream(scripts / "abuse" / "watch.lua")
        << "local rule = {}\nfunction rule.check(payout) return 'flag', 'watched', 'somebody should look' "
           "end\n"
           "rule.tests = { { name = 'all', payout = { user = 'u' }, expect = 'flag', code = 'watched' } }\n"
           "return rule\n";
    host.settings().scripts_directory = scripts;
  });
  const auto reply = desk.host.request(
      "POST", "/v1/payouts", R"({"amount":"1","currency":"EUR","destination":"46733100001","user":"awa"})",
      {{"Idempotency-Key", "flagged"}});
  INFO(reply.body);
  REQUIRE(reply.status == 201);
  const std::string id(json::parse(reply.body).at("id").as_string());
  REQUIRE(desk.reaches(id, "CONFIRMED"));  // a flag stops nothing
  const json::value flags = desk.operate("GET", "/v1/admin/flags?user=awa").json();
  REQUIRE(flags.at("flags").as_array().size() == 1);
  const json::value& flag = flags.at("flags").at(0);
  CHECK(flag.at("rule").as_string() == "watch");
  CHECK(flag.at("last_payout").as_string() == id);
  CHECK(desk.metric("flagged_users_total") == 1);
  const std::string target = "/v1/admin/flags/" + std::to_string(flag.at("id").as_int64());
  CHECK(desk.operate("POST", target + "/note", {{"note", "called her"}}).json().at("note").as_string() ==
        "called her");
  CHECK(desk.operate("POST", target + "/clear", {{"note", "a false positive"}}).status == 200);
  CHECK(desk.operate("GET", "/v1/admin/flags").json().at("flags").as_array().empty());
}

TEST_CASE(
    "Pay2Slay: a rollback drains: POST /v1/admin/drain ends the host when nothing is in hand, and /healthz "
    "names "
    "version and build",
    "[coverage]") {
  Desk desk("pay2slay-drain");
  const json::value health = desk.host.get("/healthz");
  CHECK_FALSE(health.at("version").as_string().empty());
  CHECK(health.as_object().contains("build"));
  CHECK(desk.metric("payoutd_build_info{build_id=\"" + std::string(health.at("build").as_string()) +
                    "\",environment=\"dev\",version=\"" + std::string(health.at("version").as_string()) +
                    "\"}") == 1);
  const std::string id = desk.pay("before-the-drain");
  // Only on the machine itself.
  CHECK(desk.host.request("POST", "/v1/admin/drain").status == 403);
  CHECK(desk.operate("POST", "/v1/admin/drain").status == 202);
  CHECK(desk.host.process().wait(seconds{30}) == 0);
  desk.host.start();
  REQUIRE(desk.host.wait_until_ready());
  CHECK(desk.reaches(id, "CONFIRMED"));
  CHECK(desk.scene.requested_more_than_once() == 0);
}

TEST_CASE(
    "Ops: while the database is out, new payouts and webhooks are answered 503 with Retry-After, and nothing "
    "is "
    "lost",
    "[coverage]") {
  DatabaseServer server;
  Desk desk("ops-outage", [](HostProcess& host) { Desk::keep_sent(host); }, {"--fast"}, server);
  const std::string id = desk.pay("before");
  REQUIRE(desk.reaches(id, "SENT"));
  server.kill();
  std::string code;
  CHECK(try_to_pay(desk, "during", &code) == 503);
  CHECK((code == "DATABASE_UNAVAILABLE" || code == "OUTCOME_IN_DOUBT"));
  const auto webhook = desk.call(id, Desk::webhook_secret);
  CHECK(webhook.status == 503);
  CHECK(webhook.headers.contains("retry-after"));
  server.start();
  REQUIRE(eventually(seconds{30}, [&] { return desk.host.request("GET", "/readyz").status == 200; }));
  REQUIRE(eventually(seconds{20}, [&] { return try_to_pay(desk, "during") == 201; }));
  REQUIRE(eventually(seconds{20}, [&] { return desk.call(id, Desk::webhook_secret).status == 200; }));
  CHECK(desk.reaches(id, "CONFIRMED"));
  CHECK(desk.sql("select count(*) from app.all_payouts") == "2");
  CHECK(desk.scene.requested_more_than_once() == 0);
}

TEST_CASE(
    "Ops: GET /v1/admin/status tells Support how many are affected, how old the oldest is and when they will "
    "be "
    "done",
    "[coverage]") {
  Desk desk("ops-status", [](HostProcess& host) {
    Desk::keep_sent(host);
    Desk::ask_for_tokens(host);
  });
  const simulator::Headers client{
      {"Authorization", "Bearer " + desk.token({"payouts:read", "payouts:write"})}};
  const simulator::Headers admin{{"Authorization", "Bearer " + desk.token({"admin"}, "awa")}};
  const std::string id = desk.pay("status", "46733100001", client);
  REQUIRE(desk.reaches(id, "SENT"));
  CHECK(desk.host.request("GET", "/v1/admin/status", {}, client).status == 403);
  const simulator::Headers support{
      {"Authorization", "Bearer " + desk.token({"support:read"}, "support-desk")}};
  const auto for_support = desk.host.request("GET", "/v1/admin/status", {}, support);
  CHECK(for_support.status == 200);
  CHECK(for_support.body.find(id) == std::string::npos);
  for (const std::string path : {"/v1/admin/providers", "/v1/admin/audit", "/v1/admin/hosts",
                                 "/v1/admin/webhooks/events", "/admin/health/extended", "/v1/payouts"}) {
    INFO(path);
    CHECK(desk.host.request("GET", path, {}, support).status == 403);
  }
  CHECK(desk.host.request("POST", "/v1/admin/payouts/" + id + "/retry", {}, support).status == 403);
  const auto told = [&] {
    const auto reply = desk.host.request("GET", "/v1/admin/status", {}, admin);
    return json::parse(reply.body).at("providers").at(0).as_object();
  };
  CHECK(told().at("affected").as_int64() == 1);
  CHECK(told().at("eta_s").is_null());  // nothing moves
  CHECK(told().at("by_state").at("SENT").as_int64() == 1);
  CHECK(eventually(seconds{5}, [&] { return told().at("oldest_age_s").as_int64() >= 1; }));
  CHECK(desk.host.request("POST", "/v1/admin/payouts/" + id + "/retry", {}, admin).status == 200);
  REQUIRE(desk.reaches(id, "CONFIRMED"));
  CHECK(told().at("affected").as_int64() == 0);
  CHECK(told().at("eta_s").as_int64() == 0);
}

TEST_CASE("Ops: POST /admin/sessions/invalidate-all refuses every token that was issued before",
          "[coverage]") {
  Desk desk("ops-sessions", [](HostProcess& host) { Desk::ask_for_tokens(host); });
  const std::string reader = desk.token({"payouts:read"});
  const std::string admin = desk.token({"admin"}, "awa");
  const auto ask = [&](const std::string& method, const std::string& target, const std::string& token) {
    return desk.host.request(method, target, {}, {{"Authorization", "Bearer " + token}});
  };
  CHECK(ask("GET", "/v1/payouts", reader).status == 200);
  CHECK(ask("POST", "/admin/sessions/invalidate-all", reader).status == 403);
  CHECK(ask("POST", "/admin/sessions/invalidate-all", admin).status == 200);
  const auto refused = ask("GET", "/v1/payouts", reader);
  CHECK(refused.status == 401);
  CHECK(code_of(refused) == "TOKEN_REVOKED");
  CHECK(ask("GET", "/v1/admin/providers", admin).status == 401);
  CHECK(ask("GET", "/v1/payouts", desk.token({"payouts:read"})).status == 200);
}

TEST_CASE(
    "Ops: one flow id per payout: X-Request-Id stands in the answer, in the payout and on the log lines "
    "about it",
    "[coverage]") {
  Desk desk("ops-flow");
  const auto made = desk.host.request("POST", "/v1/payouts",
                                      R"({"amount":"1","currency":"EUR","destination":"46733100001"})",
                                      {{"Idempotency-Key", "flow"}, {"X-Request-Id", "dispute-4711"}});
  CHECK(made.headers.at("x-request-id") == "dispute-4711");
  const std::string id(json::parse(made.body).at("id").as_string());
  REQUIRE(desk.reaches(id, "CONFIRMED"));
  CHECK(desk.host.get("/v1/payouts/" + id).at("flow_id").as_string() == "dispute-4711");
  CHECK(desk.host.log().find("\"flow_id\":\"dispute-4711\"") != std::string::npos);
  // A W3C trace context is answered with a span of the host's own in the same trace.
  const auto traced =
      desk.host.request("GET", "/v1/payouts/" + id, {},
                        {{"traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}});
  CHECK(traced.headers.at("traceparent").starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"));
  const auto refused =
      desk.host.request("GET", "/v1/payouts/nothing", {}, {{"X-Request-Id", "dispute-4712"}});
  CHECK(json::parse(refused.body).at("error").at("flow_id").as_string() == "dispute-4712");
}

TEST_CASE(
    "CardMint: STOP ALL WRITES: one switch stops admissions, submissions and callbacks with 503, over a "
    "restart",
    "[coverage]") {
  Desk desk("cardmint-stop", [](HostProcess& host) { Desk::keep_sent(host); });
  const std::string id = desk.pay("before");
  REQUIRE(desk.reaches(id, "SENT"));
  turn(desk, "stop_writes", true);
  const auto check_stopped = [&] {
    std::string code;
    CHECK(try_to_pay(desk, "during", &code) == 503);
    CHECK(code == "WRITES_STOPPED");
    const auto webhook = desk.call(id, Desk::webhook_secret);
    CHECK(webhook.status == 503);
    CHECK(webhook.headers.contains("retry-after"));
    CHECK(desk.host.request("GET", "/v1/payouts/" + id).status == 200);
  };
  check_stopped();
  restart(desk);
  REQUIRE(eventually(seconds{5}, [&] {
    return desk.operate("GET", "/v1/admin/switches").json().at("stop_writes").as_bool();
  }));
  check_stopped();
  CHECK(desk.sql("select count(*) from app.all_payouts") == "1");
  CHECK(desk.sql("select count(*) from app.webhook_inbox") == "0");
  turn(desk, "stop_writes", false);
  CHECK(try_to_pay(desk, "during") == 201);
  CHECK(desk.call(id, Desk::webhook_secret).status == 200);
  CHECK(desk.reaches(id, "CONFIRMED"));
}

TEST_CASE(
    "CardMint: STOP ALL WRITES works while the database is down, and becomes the switch for all hosts when "
    "it is "
    "back",
    "[coverage]") {
  DatabaseServer server;
  Desk desk("cardmint-stop-down", {}, {"--fast"}, server);
  HostProcess& other = desk.scene.add_host("host-b");
  other.start();
  REQUIRE(other.wait_until_ready());
  const auto file = desk.host.settings().directory / "state" / "stop-writes";
  server.kill();
  const Ended on = desk.ctl({"switch", "set", "stop_writes", "on", "--note", "incident 4711"});
  INFO(on.text);
  CHECK(on.status == 0);
  CHECK_THAT(on.text, Catch::Contains("only host-a has stopped") && Catch::Contains(file.string()));
  CHECK(std::filesystem::exists(file));
  std::string code;
  CHECK(try_to_pay(desk, "during", &code) == 503);
  CHECK(code == "WRITES_STOPPED");
  CHECK_THAT(desk.ctl({"switch", "list"}).text, Catch::Contains("incident 4711"));
  CHECK(eventually(seconds{10}, [&] { return desk.metric("payoutd_stop_file") == 1; }));
  CHECK_THAT(desk.ctl({"health"}).text, Catch::Contains("stops all writes of this host"));
  CHECK_THAT(desk.ctl({"doctor"}).text, Catch::Contains("stops all writes of this host"));

  server.start();
  REQUIRE(eventually(seconds{30}, [&] { return !std::filesystem::exists(file); }));
  CHECK(eventually(seconds{10}, [&] {
    return control(other, "GET", "/v1/admin/switches").json().at("stop_writes").as_bool();
  }));
  CHECK(try_to_pay(desk, "during", &code) == 503);
  CHECK_THAT(desk.sql("select changed_by || ': ' || note from app.switches where name = 'stop_writes'"),
             Catch::StartsWith("operator:") && Catch::Contains("incident 4711"));
  const json::value audit = desk.operate("GET", "/v1/admin/audit?subject=stop_writes").json();
  CHECK(audit.at("audit").at(0).at("action").as_string() == "carry over the stop-writes file");
  restart(desk);
  CHECK(eventually(seconds{5}, [&] { return try_to_pay(desk, "during", &code) == 503; }));
  turn(desk, "stop_writes", false);
  CHECK(try_to_pay(desk, "during") == 201);
}

TEST_CASE(
    "CardMint: STOP ALL WRITES: a file that somebody touched counts from the start of the host on, and is "
    "lifted "
    "without the database",
    "[coverage]") {
  DatabaseServer server;
  Desk desk("cardmint-stop-touch", {}, {"--fast"}, server);
  const auto file = desk.host.settings().directory / "state" / "stop-writes";
  turn(desk, "stop_submissions", true);
  const std::string id = desk.pay("waiting");
  REQUIRE(desk.host.stop() == 0);
  const Ended hint = desk.ctl({"switch", "set", "stop_writes", "on"});
  CHECK(hint.status != 0);
  CHECK_THAT(hint.text, Catch::Contains("touch stop-writes"));
  desk.sql("update app.switches set enabled = false returning 1");
  std::ofstream(file).flush();
  desk.host.start();
  REQUIRE(desk.host.wait_until_ready());
  REQUIRE(eventually(seconds{10}, [&] { return !std::filesystem::exists(file); }));
  CHECK(desk.state(id) == "PENDING");
  CHECK_THAT(desk.sql("select note from app.switches where name = 'stop_writes' and enabled"),
             Catch::Contains("by the file stop-writes of host-a"));
  CHECK(desk.scene.simulator().get("/ledger?limit=10").as_array().empty());
  turn(desk, "stop_writes", false);
  CHECK(desk.reaches(id, "CONFIRMED"));

  server.kill();
  std::ofstream(file) << "a mistake";
  CHECK(eventually(seconds{3}, [&] {
    return desk.operate("GET", "/v1/admin/switches").json().at("stop_writes").as_bool();
  }));
  CHECK(eventually(seconds{10}, [&] { return desk.host.request("GET", "/readyz").status == 503; }));
  const Ended off = desk.ctl({"switch", "set", "stop_writes", "off", "--note", "it was a mistake"});
  INFO(off.text);
  CHECK(off.status == 0);
  CHECK_THAT(off.text, Catch::Contains("last seen off"));
  CHECK_FALSE(std::filesystem::exists(file));
  server.start();
  CHECK(eventually(seconds{30}, [&] { return try_to_pay(desk, "after") == 201; }));
  CHECK(eventually(seconds{10}, [&] {
    return desk.sql("select count(*) from app.audit where action = 'lift the stop-writes file'") == "1";
  }));
}

TEST_CASE("Operational: GET /api/admin/health is truthful: 503 with the reason while a provider is not ready",
          "[coverage]") {
  Desk desk("operational-health");
  const RawResponse good = desk.operate("GET", "/api/admin/health");
  CHECK(good.status == 200);
  CHECK(good.json().at("ok").as_bool());
  CHECK(good.json().at("migrations_ok").as_bool());
  CHECK(good.json().at("providers").at(0).at("state").as_string() == "ready");
  CHECK(desk.operate("GET", "/admin/health/extended").status == 200);
  const pid_t provider = desk.host.provider();
  REQUIRE(provider > 0);
  ::kill(provider, SIGKILL);
  RawResponse bad;
  REQUIRE(eventually(seconds{10}, [&] {
    bad = desk.operate("GET", "/api/admin/health");
    return bad.status == 503;
  }));
  CHECK_FALSE(bad.json().at("ok").as_bool());
  CHECK(std::string(bad.json().at("reasons").at(0).as_string()).find("momo") != std::string::npos);
  CHECK(eventually(seconds{30}, [&] { return desk.operate("GET", "/api/admin/health").status == 200; }));
}

TEST_CASE("Operational: latency, errors and rate-limit blocks are counted by route for the scale triggers",
          "[coverage]") {
  Desk desk("operational-capacity", [](HostProcess& host) { Desk::ask_for_tokens(host); });
  const std::string good = desk.token({"payouts:read"});
  for (int i = 0; i < 100; ++i)
    desk.host.request("GET", "/v1/payouts", {}, {{"Authorization", "Bearer " + good + "x"}});
  CHECK(desk.metric(R"(http_requests_total{method="GET",route="/v1/payouts",status="401"})") > 0);
  CHECK(desk.metric(R"(http_requests_total{method="GET",route="/v1/payouts",status="429"})") > 0);
  CHECK(desk.metric(R"(rate_limit_blocks_total{by="auth_failures"})") > 0);
  CHECK(desk.metric(R"(payoutd_auth_refused_total{reason="bad_signature"})") == 100);
  CHECK(desk.metric(R"(http_request_duration_seconds_count{method="GET",route="/v1/payouts"})") == 100);
  CHECK(desk.host.request("GET", "/v1/payouts", {}, {{"Authorization", "Bearer " + good}}).status == 200);
}
