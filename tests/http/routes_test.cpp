#include <catch2/catch.hpp>

#include "running_server.hpp"

using namespace payoutd;
using namespace payoutd::test;
namespace json = boost::json;

namespace {

std::string payout(const std::string& destination, const std::string& amount = "100") {
  return R"({"amount":")" + amount + R"(","currency":"XOF","destination":")" + destination + R"("})";
}

RawResponse post(const RunningServer& running, const std::string& body, const std::string& key) {
  return running.ask(request("POST", "/v1/payouts", body, {{"Idempotency-Key", key}}));
}

std::string item(const std::string& key, const std::string& destination) {
  return R"({"idempotency_key":")" + key + R"(","amount":"100","currency":"XOF","destination":")" +
         destination + R"("})";
}

}  // namespace

TEST_CASE("a payout is created, replayed with the same answer, and conflicts with another payload") {
  RunningServer running;
  const RawResponse first = post(running, payout("22507000001"), "key-1");
  CHECK(first.status == 201);
  const json::value body = first.json();
  CHECK(body.at("state").as_string() == "PENDING");
  CHECK(body.at("amount").as_string() == "100");
  const std::string self(body.at("links").at("self").as_string());
  CHECK(first.headers.at("location") == self);
  CHECK_FALSE(first.headers.contains("idempotent-replayed"));

  // The order of fields is no part of the payload.
  const RawResponse again =
      post(running, R"({"destination":"22507000001","currency":"XOF","amount":"100"})", "key-1");
  CHECK(again.status == 201);
  CHECK(again.body == first.body);
  CHECK(again.headers.at("idempotent-replayed") == "true");
  CHECK(running.host.replays["/v1/payouts"] == 1);

  const RawResponse conflict = post(running, payout("22507000001", "200"), "key-1");
  CHECK(conflict.status == 409);
  CHECK(conflict.code() == "IDEMPOTENCY_CONFLICT");
  CHECK_THAT(conflict.body, Catch::Contains("what differs: amount."));
  CHECK(running.host.entries.size() == 1);

  const RawResponse stored = running.ask(request("GET", self));
  CHECK(stored.status == 200);
  CHECK(stored.json().at("idempotency_key").as_string() == "key-1");
  CHECK(stored.json().at("provider_ref").is_null());
  CHECK(running.ask(request("GET", self + "/events")).json().at("events").as_array().size() == 1);
  CHECK(running.ask(request("GET", self + "/explain")).json().get_object().contains("headline"));
}

TEST_CASE("what is wrong with a payout is said with a code and a field") {
  struct Case {
    std::string body;
    std::string key;
    int status;
    std::string code;
    std::string field;
  };
  const auto bad = GENERATE_REF(values<Case>({
      {payout("22507000001"), "", 400, "IDEMPOTENCY_KEY_REQUIRED", "idempotency_key"},
      {payout("22507000001"), std::string(129, 'k'), 400, "IDEMPOTENCY_KEY_INVALID", "idempotency_key"},
      {payout("22507000001"), "a b", 400, "IDEMPOTENCY_KEY_INVALID", "idempotency_key"},
      {payout("22507000001"), "caf\xc3\xa9", 400, "IDEMPOTENCY_KEY_INVALID", "idempotency_key"},
      {"{", "k", 400, "MALFORMED_JSON", ""},
      {"[]", "k", 422, "INVALID_PAYOUT", ""},
      {R"({"amount":"1","amount":"2"})", "k", 400, "DUPLICATE_FIELD", "amount"},
      {payout("22507000001", "0"), "k", 422, "INVALID_PAYOUT", "amount"},
      {payout("22507000001", "-1"), "k", 422, "INVALID_PAYOUT", "amount"},
      {payout("22507000001", "1.5"), "k", 422, "INVALID_PAYOUT", "amount"},
      {payout("22507000001", "99999999999"), "k", 422, "INVALID_PAYOUT", "amount"},
      {payout("22507000001", "1e3"), "k", 422, "INVALID_PAYOUT", "amount"},
      {R"({"amount":100,"currency":"XOF","destination":"1"})", "k", 422, "INVALID_PAYOUT", "amount"},
      {R"({"amount":"1","currency":"XXQ","destination":"1"})", "k", 422, "INVALID_PAYOUT", "currency"},
      {R"({"amount":"1","currency":"XOF"})", "k", 422, "INVALID_PAYOUT", "destination"},
      {R"({"amount":"1","currency":"XOF","destination":"1","destinatoin":"2"})", "k", 422, "INVALID_PAYOUT",
       "destinatoin"},
      {R"({"amount":"1","currency":"XOF","destination":"a\u0007b"})", "k", 422, "INVALID_PAYOUT",
       "destination"},
      {payout(std::string(129, '1')), "k", 422, "INVALID_PAYOUT", "destination"},
      {payout("refused"), "k", 422, "PAYOUT_REFUSED", "destination"},
      {payout("not-ready"), "k", 503, "PROVIDER_NOT_READY", "provider"},
      {payout("unavailable"), "k", 503, "DATABASE_UNAVAILABLE", ""},
      {payout("overloaded"), "k", 503, "OVERLOADED", ""},
      {payout("in-doubt"), "k", 503, "OUTCOME_IN_DOUBT", ""},
      {payout("broken"), "k", 500, "INTERNAL", ""},
  }));
  INFO(bad.body << " with key " << bad.key);
  RunningServer running;
  const RawResponse response = bad.key.empty() ? running.ask(request("POST", "/v1/payouts", bad.body))
                                               : post(running, bad.body, bad.key);
  CHECK(response.status == bad.status);
  CHECK(response.code() == bad.code);
  const json::object error = response.json().at("error").as_object();
  CHECK((error.contains("field") ? std::string(error.at("field").as_string()) : std::string()) == bad.field);
  if (bad.status == 503) CHECK(response.headers.at("retry-after") == "1");
  CHECK(response.body.find("secret detail") == std::string::npos);
  CHECK(running.host.entries.empty());
}

TEST_CASE("while writes are stopped, nothing is admitted") {
  RunningServer running;
  running.host.switches_now.stop_writes = true;
  CHECK(post(running, payout("22507000001"), "k").code() == "WRITES_STOPPED");
  CHECK(running.host.admissions == 0);
}

TEST_CASE("the flow id is the client's, if it is well-formed") {
  struct Case {
    std::map<std::string, std::string> headers;
    std::string expected;  ///< empty: a new one
  };
  const auto one = GENERATE(values<Case>({
      {{{"X-Request-Id", "order:17.a_b-c"}}, "order:17.a_b-c"},
      {{{"traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}},
       "4bf92f3577b34da6a3ce929d0e0e4736"},
      {{{"traceparent", "00-00000000000000000000000000000000-00f067aa0ba902b7-01"}}, ""},
      {{{"traceparent", "nonsense"}}, ""},
      {{{"X-Request-Id", "<script>"}}, ""},
      {{{"X-Request-Id", std::string(65, 'a')}}, ""},
      {{}, ""},
  }));
  RunningServer running;
  auto headers = one.headers;
  headers["Idempotency-Key"] = "k";
  const RawResponse response = running.ask(request("POST", "/v1/payouts", payout("22507000001"), headers));
  const std::string flow_id = response.headers.at("x-request-id");
  if (one.expected.empty()) {
    CHECK(core::is_uuid(flow_id));
  } else {
    CHECK(flow_id == one.expected);
  }
  CHECK(running.host.entries.begin()->second.request.flow_id == flow_id);
}

TEST_CASE("bulk admits each item for itself") {
  RunningServer running;
  SECTION("all well: 200, in order") {
    running.host.admit_delay = std::chrono::milliseconds(50);
    std::string body = R"({"payouts":[)";
    for (int i = 0; i < 200; ++i) body += (i == 0 ? "" : ",") + item("k" + std::to_string(i), "22507000001");
    const auto began = std::chrono::steady_clock::now();
    const RawResponse response = running.ask(request("POST", "/v1/payouts/bulk", body + "]}"));
    CHECK(std::chrono::steady_clock::now() - began <
          std::chrono::seconds(3));  // one after another would take 10 s
    CHECK(response.status == 200);
    CHECK(response.json().at("created").as_int64() == 200);
    const json::array results = response.json().at("results").as_array();
    for (std::size_t i = 0; i < results.size(); ++i) {
      CHECK(results[i].at("idempotency_key").as_string() == "k" + std::to_string(i));
      CHECK(results[i].at("status").as_int64() == 201);
    }
  }
  SECTION("some not: 207, and what was wrong with each") {
    CHECK(post(running, payout("22507000001"), "old").status == 201);
    const std::string body = R"({"payouts":[)" + item("new", "22507000001") + "," +
                             item("old", "22507000001") + "," + item("old", "22507000002") + "," +
                             item("", "22507000001") + "," + item("x", "refused") + "," +
                             item("y", "in-doubt") + ",7]}";
    const RawResponse response = running.ask(request("POST", "/v1/payouts/bulk", body));
    CHECK(response.status == 207);
    CHECK(response.json().at("created").as_int64() == 1);
    CHECK(response.json().at("replayed").as_int64() == 1);
    CHECK(response.json().at("failed").as_int64() == 5);
    const std::vector<std::pair<std::int64_t, std::string>> expected = {{201, ""},
                                                                        {201, ""},
                                                                        {409, "IDEMPOTENCY_CONFLICT"},
                                                                        {422, "INVALID_PAYOUT"},
                                                                        {422, "PAYOUT_REFUSED"},
                                                                        {503, "OUTCOME_IN_DOUBT"},
                                                                        {422, "INVALID_PAYOUT"}};
    const json::array results = response.json().at("results").as_array();
    REQUIRE(results.size() == expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      CHECK(results[i].at("index").to_number<std::size_t>() == i);
      CHECK(results[i].at("status").as_int64() == expected[i].first);
      if (!expected[i].second.empty())
        CHECK(results[i].at("error").at("code").as_string() == expected[i].second);
    }
    CHECK(results[1].at("replayed").as_bool());
  }
  SECTION("the database away: 503") {
    const RawResponse response =
        running.ask(request("POST", "/v1/payouts/bulk", R"({"payouts":[)" + item("a", "unavailable") + "]}"));
    CHECK(response.status == 503);
    CHECK(response.json().at("failed").as_int64() == 1);
    CHECK(response.headers.at("retry-after") == "1");
  }
  SECTION("lines of JSON, a bad one among them") {
    const std::string lines = item("a", "1") + "\r\n\n" + "{oops\n" + item("b", "2");
    const RawResponse response =
        running.ask(request("POST", "/v1/payouts/bulk", lines, {{"Content-Type", "application/x-ndjson"}}));
    CHECK(response.status == 207);
    CHECK(response.json().at("created").as_int64() == 2);
    CHECK(response.json().at("results").at(1).at("error").at("code").as_string() == "MALFORMED_JSON");
    CHECK_THAT(response.json().at("results").at(1).at("error").at("message").as_string().c_str(),
               Catch::Contains("line 3"));
  }
  SECTION("what is no bulk request is refused whole") {
    CHECK(running.ask(request("POST", "/v1/payouts/bulk", "{}")).code() == "MALFORMED_JSON");
    CHECK(running.ask(request("POST", "/v1/payouts/bulk", R"({"payouts":[],"x":1})")).code() ==
          "MALFORMED_JSON");
    CHECK(running.ask(request("POST", "/v1/payouts/bulk", R"({"payouts":[]})")).code() == "NO_ITEMS");
    std::string many = R"({"payouts":[0)";
    for (int i = 0; i < 1000; ++i) many += ",0";
    CHECK(running.ask(request("POST", "/v1/payouts/bulk", many + "]}")).code() == "TOO_MANY_ITEMS");
    CHECK(running.host.admissions == 0);
  }
}

TEST_CASE("lists pass filters on, page by cursor, and refuse what they do not know") {
  RunningServer running;
  for (int i = 0; i < 3; ++i) post(running, payout("22507000001"), "k" + std::to_string(i));
  const RawResponse first = running.ask(request("GET", "/v1/payouts?limit=2&state=pending"));
  CHECK(first.json().at("payouts").as_array().size() == 2);
  CHECK(running.host.last_filter.state == "PENDING");
  CHECK(running.host.last_filter.client_id == "default");
  const std::string next(first.json().at("next").as_string());
  const RawResponse second = running.ask(request("GET", "/v1/payouts?limit=2&cursor=" + next));
  CHECK(second.json().at("payouts").as_array().size() == 1);
  CHECK(second.json().at("next").is_null());
  running.ask(request("GET", "/v1/payouts?user=a%20b+c&destination=%2B225"));
  CHECK(running.host.last_filter.user_ref == "a b c");
  CHECK(running.host.last_filter.destination == "+225");
  running.ask_as_operator(request("GET", "/v1/payouts"));
  CHECK(running.host.last_filter.client_id.empty());

  const auto [query, code] = GENERATE(table<std::string, std::string>({
      {"limit=0", "BAD_PARAMETER"},
      {"limit=501", "BAD_PARAMETER"},
      {"limit=ten", "BAD_PARAMETER"},
      {"state=LOST", "BAD_PARAMETER"},
      {"created_after=yesterday", "BAD_PARAMETER"},
      {"created_before=2026-01-31", "BAD_PARAMETER"},
      {"cursor=x", "BAD_PARAMETER"},
      {"cursor=now,22507000-0000-4000-8000-000000000000", "BAD_PARAMETER"},
      {"stat=PENDING", "UNKNOWN_PARAMETER"},
      {"state=PENDING&state=SENT", "DUPLICATE_PARAMETER"},
  }));
  INFO(query);
  const RawResponse refused = running.ask(request("GET", "/v1/payouts?" + query));
  CHECK(refused.status == 400);
  CHECK(refused.code() == code);
}

TEST_CASE("a payout that is not there is not found, whatever its id looks like") {
  RunningServer running;
  for (const std::string id : {"7", "00000000-0000-4000-8000-000000000000", "'; drop table", "%27"}) {
    std::string encoded;
    for (const char c : id) encoded += c == ' ' ? std::string("%20") : std::string(1, c);
    CHECK(running.ask(request("GET", "/v1/payouts/" + encoded)).code() == "PAYOUT_NOT_FOUND");
    CHECK(running.ask(request("GET", "/v1/payouts/" + encoded + "/explain")).code() == "PAYOUT_NOT_FOUND");
  }
}

TEST_CASE("health and readiness say what they know, and 503 when false") {
  RunningServer running;
  const RawResponse healthy = running.ask(request("GET", "/healthz"));
  CHECK(healthy.status == 200);
  CHECK(healthy.json() == json::parse(R"({"ok":true,"db_ok":true,"version":"1.2.3","build":"abc"})"));
  CHECK(running.ask(request("GET", "/readyz")).json().at("migration_revision").as_string() == "0002");
  CHECK(running.ask(request("GET", "/metrics"))
            .headers.at("content-type")
            .starts_with("text/plain; version=0.0.4"));
  running.host.ready.migrations_ok = false;
  const RawResponse behind = running.ask(request("GET", "/readyz"));
  CHECK(behind.status == 503);
  CHECK_FALSE(behind.json().at("ready").as_bool());
  CHECK(behind.json().at("reasons").as_array().size() == 1);
  CHECK(running.ask(request("GET", "/healthz")).status == 200);
  running.host.ready = {
      .db_ok = false, .migrations_ok = true, .migration_revision = {}, .draining = true, .reasons = {"x"}};
  CHECK(running.ask(request("GET", "/readyz")).json().at("reasons").as_array().size() == 3);
  CHECK(running.ask(request("GET", "/healthz")).status == 503);
  CHECK(running.ask(request("GET", "/livez")).status == 200);
}

TEST_CASE("requests are counted by route pattern and never by what stands in them") {
  RunningServer running;
  running.ask(request("GET", "/v1/payouts/00000000-0000-4000-8000-000000000000"));
  running.ask(request("GET", "/secret/22507000001"));
  CHECK(running.host.counted_requests("GET /v1/payouts/{id} 404") == 1);
  CHECK(running.host.counted_requests("GET other 404") == 1);
}

TEST_CASE("web pages cannot reach the API by a name of their own") {
  RunningServer running;
  for (const std::string host : {"evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8480"}) {
    CHECK(running.ask(request("GET", "/v1/payouts", {}, {{"Host", host}})).status == 421);
  }
  for (const std::string host : {"localhost:8480", "127.0.0.1", "[::1]:8480"}) {
    CHECK(running.ask(request("GET", "/v1/payouts", {}, {{"Host", host}})).status == 200);
  }
  // Providers and load balancers come by other names.
  CHECK(running.ask(request("GET", "/readyz", {}, {{"Host", "payouts.example"}})).status == 200);
  CHECK(
      running.ask(request("POST", "/v1/webhooks/momo-ci/r/s", "{}", {{"Host", "payouts.example"}})).status ==
      200);
}

TEST_CASE("without keys for tokens, what operators do is refused on TCP, and done on the control socket") {
  RunningServer running;
  for (const http::Route& route : running.router.routes()) {
    const bool admin = route.pattern.starts_with("/v1/admin/");
    if (!admin) continue;
    CHECK_FALSE(route.any_host);
    if (route.role == identity::Role::payouts_read) continue;  // what everybody may see who sees payouts
    std::string path = route.pattern;
    for (std::size_t at; (at = path.find('{')) != std::string::npos;)
      path.replace(at, path.find('}') - at + 1, "x");
    const RawResponse refused = running.ask(request(route.method, path, route.method == "POST" ? "{}" : ""));
    CHECK(refused.status == 403);
    CHECK(refused.code() == "CONTROL_SOCKET_ONLY");
  }
  const std::string id(post(running, payout("22507000001"), "k").json().at("id").as_string());
  const auto operate = [&](const std::string& path, const std::string& body) {
    return running.ask_as_operator(request("POST", "/v1/admin" + path, body));
  };
  const RawResponse cancelled = operate("/payouts/" + id + "/cancel", R"({"note":"typo"})");
  CHECK(cancelled.status == 200);
  CHECK(running.host.last_decision.note == "typo");
  CHECK(running.host.last_decision.actor.starts_with("operator:"));
  CHECK(operate("/payouts/" + id + "/review", R"({"decision":"paid"})").code() == "NOTE_REQUIRED");
  CHECK(operate("/payouts/" + id + "/review", R"({"decision":"cancel"})").code() == "BAD_VALUE");
  CHECK(operate("/payouts/" + id + "/review", R"({"decision":"not_paid","note":"statement of 3 May"})")
            .status == 200);
  CHECK(running.host.last_decision.decision == engine::OperatorDecision::not_paid);
  running.host.entries.at(id).payout.state = core::State::confirmed;
  CHECK(operate("/payouts/" + id + "/hold", "{}").code() == "WRONG_STATE");
  CHECK(operate("/payouts/7/hold", "{}").status == 404);
  CHECK(operate("/payouts/" + id + "/hold", R"({"not":"x"})").code() == "UNKNOWN_FIELD");

  CHECK(operate("/providers/momo-ci/pause", R"({"note":"maintenance"})").status == 200);
  CHECK(running.host.last_pause.find("momo-ci paused by operator:") == 0);
  CHECK(operate("/providers/nope/pause", "{}").code() == "PROVIDER_NOT_FOUND");
  CHECK(operate("/providers/momo-ci/dry-run", R"({"enabled":true,"note":"rehearsal"})").status == 200);
  CHECK(running.host.last_dry_run.find("momo-ci simulated by operator:") == 0);
  CHECK_THAT(running.host.last_dry_run, Catch::EndsWith(": rehearsal"));
  CHECK(operate("/providers/momo-ci/dry-run", R"({"enabled":false})").json().at("dry_run") == false);
  CHECK(operate("/providers/momo-ci/dry-run", R"({"note":"rehearsal"})").code() == "BAD_VALUE");
  CHECK(operate("/providers/nope/dry-run", R"({"enabled":true})").code() == "PROVIDER_NOT_FOUND");
  CHECK(operate("/providers/momo-ci/probe", "{}").status == 200);
  running.host.probe_fails = true;
  const RawResponse probe = operate("/providers/momo-ci/probe", "{}");
  CHECK(probe.status == 502);
  CHECK_THAT(probe.body, Catch::Contains("credentials are refused"));
  CHECK(running.ask_as_operator(request("GET", "/v1/admin/providers/momo-ci/balance"))
            .json()
            .at("available")
            .as_string() == "1250.5");
  CHECK(operate("/switches/stop_writes", R"({"enabled":true,"note":"incident"})").status == 200);
  CHECK(running.host.last_switch.enabled);
  CHECK(operate("/switches/stop_writes", R"({"enabled":"yes"})").code() == "BAD_VALUE");
  running.host.switch_reply =
      engine::SwitchReply{.enabled = true, .all_hosts = false, .message = "The database does not answer."};
  const RawResponse alone = operate("/switches/stop_writes", R"({"enabled":true})");
  CHECK(alone.status == 200);
  CHECK(alone.json().at("scope").as_string() == "this_host");
  CHECK(alone.json().at("message").as_string() == "The database does not answer.");
  running.host.switch_reply =
      engine::SwitchReply{.done = false, .message = "Nothing changed: the disk is full."};
  CHECK(operate("/switches/stop_writes", R"({"enabled":true})").code() == "SWITCH_NOT_SET");
  running.host.switches_now.stop_file =
      engine::StopOrder{"operator:awa", "2026-05-03T10:00:00.000Z", "drill"};
  CHECK(running.ask_as_operator(request("GET", "/v1/admin/switches"))
            .json()
            .at("stop_file")
            .at("by")
            .as_string() == "operator:awa");
  CHECK(operate("/switches/other", R"({"enabled":true})").code() == "SWITCH_NOT_FOUND");
  CHECK(running.ask_as_operator(request("GET", "/v1/admin/hosts")).json().at("hosts").as_array().size() == 1);
  CHECK(running.ask_as_operator(request("GET", "/v1/admin/tally?batch=x")).status == 200);
  CHECK(operate("/drain", "{}").status == 202);
  CHECK(running.host.drained_by.starts_with("operator:"));
}
