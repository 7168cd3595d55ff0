// What people did is written down; retries over HTTP and from the command line.
#include <catch2/catch.hpp>

#include "ctl/retry.hpp"
#include "running_server.hpp"
#include "terminal.hpp"

using namespace payoutd;
using namespace payoutd::test;
namespace json = boost::json;

namespace {

RawResponse post(const RunningServer& running, const std::string& path, const std::string& body = {}) {
  return running.ask_as_operator(request("POST", path, body));
}

}  // namespace

TEST_CASE("what operators change is audited with its answer, what they look at is not") {
  RunningServer running;
  CHECK(running.ask_as_operator(request("GET", "/v1/admin/limits")).status == 200);
  CHECK(running.host.audited.empty());
  CHECK(post(running, "/v1/admin/switches/dry_run", R"({"enabled": true, "note": "a drill"})").status == 200);
  REQUIRE(running.host.audited.size() == 1);
  const store::AuditEntry& entry = running.host.audited[0];
  CHECK(entry.actor.starts_with("operator:"));
  CHECK(entry.action == "POST /v1/admin/switches/{name}");
  CHECK(entry.subject == "dry_run");
  CHECK(entry.status == 200);
  CHECK(json::parse(entry.detail).at("note").as_string() == "a drill");
  CHECK_FALSE(entry.flow_id.empty());
  // What was refused is a fact too.
  CHECK(post(running, "/v1/admin/switches/lights", R"({"enabled": true})").status == 404);
  REQUIRE(running.host.audited.size() == 2);
  CHECK(running.host.audited[1].status == 404);
  const auto rows = running.ask_as_operator(request("GET", "/v1/admin/audit?limit=5")).json();
  CHECK(rows.at("audit").as_array().size() == 2);
}

TEST_CASE("the audit log is verified, and says where it was changed") {
  RunningServer running;
  CHECK(running.ask_as_operator(request("GET", "/v1/admin/audit/verify")).json().at("ok").as_bool());
  running.host.audit_check = {9, 4, "its content was changed", "abcd"};
  const auto bad = running.ask_as_operator(request("GET", "/v1/admin/audit/verify")).json();
  CHECK_FALSE(bad.at("ok").as_bool());
  CHECK(bad.at("first_bad").as_int64() == 4);
}

TEST_CASE("POST /v1/admin/mobile-money/payouts/{transaction_id}/retry accepts SENT and says what it did") {
  RunningServer running;
  running.host.decision =
      engine::OperatorReply{true, {}, "The provider may have it, so it is asked now.", core::State::sent};
  const std::string id = "4a9bd396-474b-4975-bd20-e274cad979bc";
  const auto asked = post(running, "/v1/admin/mobile-money/payouts/" + id + "/retry");
  CHECK(asked.status == 200);
  CHECK(asked.json().at("action").as_string() == "asked");
  CHECK(asked.json().at("state").as_string() == "SENT");
  CHECK(post(running, "/v1/admin/mobile-money/payouts/nothing/retry").status == 404);
  running.host.decision =
      engine::OperatorReply{false, "wrong_state", "It is CONFIRMED: it was paid.", core::State::confirmed};
  CHECK(post(running, "/v1/admin/payouts/" + id + "/retry").status == 409);
}

TEST_CASE("many are retried by a filter, with a preview and a rate") {
  RunningServer running;
  const auto preview = post(running, "/v1/admin/payouts/retry", R"({"provider": "momo", "preview": true})");
  CHECK(preview.status == 200);
  CHECK(preview.json().at("count").as_int64() == 2);
  CHECK_FALSE(running.host.retried);
  const auto done =
      post(running, "/v1/admin/payouts/retry",
           R"({"provider": "momo", "state": "SENT", "older_than_s": 1800, "per_second": 5, "limit": 10})");
  CHECK(done.status == 202);
  REQUIRE(running.host.retried);
  CHECK(running.host.retried->state == "SENT");
  CHECK(running.host.retried->in_state_for == std::chrono::seconds{1800});
  CHECK(running.host.retried_per_second == 5);
  for (const char* bad : {R"({"state": "CONFIRMED"})", R"({"per_second": 0})", R"({"limit": 1000000})",
                          R"({"preview": "yes"})", R"({"older_than_s": "1h"})", R"({"stat": "SENT"})"})
    CHECK(post(running, "/v1/admin/payouts/retry", bad).status == 400);
}

TEST_CASE("payoutctl retry and audit") {
  RunningServer running;
  Terminal terminal(running.socket);
  ctl::RetryOptions options;
  CHECK_THROWS(ctl::retry(terminal.context, options));  // everything is not what one means
  options.provider = "momo";
  options.older_than = "30m";
  options.preview = true;
  CHECK(ctl::retry(terminal.context, options) == ctl::ExitCode::ok);
  CHECK_THAT(terminal.out.str(), Catch::Contains("Nothing was done") && Catch::Contains("300 XOF"));
  options.older_than = "soon";
  CHECK_THROWS_WITH(ctl::retry(terminal.context, options), Catch::Contains("30m"));
  CHECK(ctl::audit_list(terminal.context, {}) == ctl::ExitCode::ok);
  CHECK(ctl::audit_verify(terminal.context) == ctl::ExitCode::ok);
  running.host.audit_check = {9, 4, "its content was changed", "abcd"};
  CHECK(ctl::audit_verify(terminal.context) == ctl::ExitCode::negative);
  CHECK_THAT(terminal.out.str(), Catch::Contains("at entry 4"));
}

TEST_CASE("GET /v1/admin/status tells Support the affected count, the oldest age and an ETA by provider") {
  RunningServer running;
  const auto status = running.ask_as_operator(request("GET", "/v1/admin/status"));
  CHECK(status.status == 200);
  const auto body = status.json();
  REQUIRE(body.at("providers").as_array().size() >= 1);
  const auto& provider = body.at("providers").at(0).as_object();
  CHECK(provider.contains("affected"));
  CHECK(provider.contains("oldest_age_s"));
  CHECK(provider.contains("eta_s"));
  CHECK_FALSE(provider.at("text").as_string().empty());
}

TEST_CASE("GET /api/admin/health and /admin/health/extended are truthful: 503 when something is wrong") {
  RunningServer running;
  for (const char* path : {"/api/admin/health", "/admin/health/extended"}) {
    running.host.ready.db_ok = true;
    running.host.ready.reasons.clear();
    const auto good = running.ask_as_operator(request("GET", path));
    CHECK(good.status == 200);
    CHECK(good.json().at("ok").as_bool());
    running.host.ready.reasons = {"Provider momo is quarantined"};
    const auto bad = running.ask_as_operator(request("GET", path));
    CHECK(bad.status == 503);
    CHECK_FALSE(bad.json().at("ok").as_bool());
  }
}
