#include <catch2/catch.hpp>

#include "running_server.hpp"

using namespace payoutd;
using namespace payoutd::test;
namespace json = boost::json;

namespace {

RawResponse get(const RunningServer& running, const std::string& path) {
  return running.ask_as_operator(request("GET", "/v1/admin" + path));
}

RawResponse post(const RunningServer& running, const std::string& path, const std::string& body = {}) {
  return running.ask_as_operator(request("POST", "/v1/admin" + path, body));
}

store::DecisionRow decision(std::int64_t id) {
  store::DecisionRow row;
  row.id = id;
  row.at = "2026-01-31T08:00:00.000Z";
  row.payout_id = "00000000-0000-4000-8000-00000000000" + std::to_string(id % 10);
  row.kind = "screen";
  row.bundle = std::string(64, 'a');
  row.verdict = "hold";
  row.rule = "velocity";
  row.inputs = R"({"payout": {"amount": "0.10000001"}, "history": {"count/user/24h": 3}})";
  row.results = R"([{"rule": "velocity", "verdict": "hold"}])";
  row.cost_ns = 1200;
  return row;
}

store::FlagRow flag(std::int64_t id) {
  store::FlagRow row;
  row.id = id;
  row.user = "awa";
  row.rule = "shared_destination";
  row.count = 2;
  row.first_payout = row.last_payout = "00000000-0000-4000-8000-000000000001";
  row.first_at = row.last_at = "2026-01-31T08:00:00.000Z";
  return row;
}

}  // namespace

TEST_CASE("scripts are reloaded, rolled back and promoted, with the actor and the note") {
  RunningServer running;
  FakeScripts& scripts = running.host.script_keeper;
  const std::string first = scripts.generations.back().hash;
  CHECK(get(running, "/scripts").json().at("active").at("hash").as_string() == first);

  const RawResponse reloaded = post(running, "/scripts/reload");
  CHECK(reloaded.status == 200);
  CHECK(reloaded.json().at("generation").as_int64() == 2);
  CHECK(reloaded.json().at("hash").as_string() == scripts.on_disk.hash());
  CHECK(scripts.last_actor.starts_with("operator:"));

  CHECK(post(running, "/scripts/rollback", R"({"note":"too strict"})").status == 200);
  CHECK(scripts.generations.back().hash == first);
  CHECK(scripts.last_note == "too strict");
  const std::string beginning = scripts.on_disk.hash().substr(0, 8);
  CHECK(post(running, "/scripts/rollback", R"({"hash":")" + beginning + R"("})").status == 200);
  CHECK(scripts.generations.back().hash == scripts.on_disk.hash());

  CHECK(post(running, "/scripts/promote").code() == "SCRIPTS_REFUSED");
  CHECK(post(running, "/scripts/shadow", R"({"files":{"abuse/velocity.lua":"return 3"}})").status == 200);
  CHECK_FALSE(scripts.shadow_hash.empty());
  CHECK(get(running, "/scripts/bundles/shadow").json().at("files").at("abuse/velocity.lua").as_string() ==
        "return 3");
  CHECK(post(running, "/scripts/promote", R"({"note":"a day in shadow"})").status == 200);
  CHECK(scripts.last_note == "a day in shadow");
  CHECK(scripts.shadow_hash.empty());
  CHECK(post(running, "/scripts/shadow", R"({"files":{"abuse/velocity.lua":"return 4"}})").status == 200);
  CHECK(post(running, "/scripts/shadow/stop").status == 200);
  CHECK(scripts.shadow_hash.empty());
  CHECK(get(running, "/scripts/bundles/" + beginning).json().at("hash").as_string() ==
        scripts.on_disk.hash());
}

TEST_CASE("refused scripts are answered with file, line and reason") {
  RunningServer running;
  running.host.script_keeper.on_disk.files["abuse/velocity.lua"] = "return 1\nbroken\n";
  const auto body = GENERATE(as<std::string>(), "", R"({"files":{"abuse/velocity.lua":"return 1\nbroken"}})",
                             R"({"files":{"abuse/velocity.lua":7}})");
  INFO(body);
  const RawResponse refused =
      body.empty() ? post(running, "/scripts/reload") : post(running, "/scripts/shadow", body);
  CHECK(refused.status == 409);
  CHECK(refused.code() == "SCRIPTS_REFUSED");
  const json::object problem = refused.json().at("error").at("problems").at(0).as_object();
  CHECK(problem.at("file").as_string() == "abuse/velocity.lua");
  if (body.find('7') == std::string::npos) {
    CHECK(problem.at("line").as_int64() == 2);
    CHECK(problem.at("reason").as_string() == "is broken");
  }
  CHECK(running.host.script_keeper.generations.size() == 1);
}

TEST_CASE("a whole bundle may be posted, and not more") {
  RunningServer running;
  const auto files = [](std::size_t size) {
    return R"({"files":{"abuse/a.lua":")" + std::string(size, '-') + R"("}})";
  };
  CHECK(post(running, "/scripts/shadow", files(7'000'000)).status == 200);
  CHECK(post(running, "/scripts/shadow", files(9'000'000)).status == 413);
}

TEST_CASE("what is wrong with a request about scripts is said") {
  RunningServer running;
  struct Case {
    std::string path;
    std::string body;
    int status;
    std::string code;
  };
  const auto bad = GENERATE(values<Case>({
      {"/scripts/reload", R"({"x":1})", 400, "UNKNOWN_FIELD"},
      {"/scripts/rollback", R"({"hash":"12345"})", 400, "BAD_VALUE"},
      {"/scripts/rollback", R"({"hash":"active"})", 400, "BAD_VALUE"},
      {"/scripts/rollback", R"({"hash":7})", 400, "BAD_VALUE"},
      {"/scripts/rollback", R"({"hash":"0000000"})", 409, "SCRIPTS_REFUSED"},
      {"/scripts/rollback", R"({"note":7})", 400, "BAD_VALUE"},
      {"/scripts/promote", R"({"nose":"x"})", 400, "UNKNOWN_FIELD"},
      {"/scripts/shadow", "", 400, "BODY_MISSING"},
      {"/scripts/shadow", "{}", 400, "BAD_VALUE"},
      {"/scripts/shadow", R"({"files":{}})", 400, "BAD_VALUE"},
      {"/scripts/shadow", R"({"files":["a"]})", 400, "BAD_VALUE"},
      {"/scripts/shadow/stop", R"({"x":1})", 400, "UNKNOWN_FIELD"},
  }));
  INFO(bad.path << " " << bad.body);
  const RawResponse response = post(running, bad.path, bad.body);
  CHECK(response.status == bad.status);
  CHECK(response.code() == bad.code);
  CHECK(get(running, "/scripts/bundles/12345").code() == "BUNDLE_NOT_FOUND");
  CHECK(get(running, "/scripts/bundles/shadow").code() == "BUNDLE_NOT_FOUND");
}

TEST_CASE("a host without scripts says so") {
  RunningServer running;
  running.host.has_scripts = false;
  CHECK(get(running, "/scripts").code() == "NO_SCRIPTS");
  CHECK(get(running, "/scripts/bundles/active").code() == "NO_SCRIPTS");
  for (const std::string path : {"/scripts/reload", "/scripts/rollback", "/scripts/shadow",
                                 "/scripts/shadow/stop", "/scripts/promote"}) {
    INFO(path);
    const RawResponse response = post(running, path, "{}");
    CHECK(response.status == 409);
    CHECK(response.code() == "NO_SCRIPTS");
  }
}

TEST_CASE("decisions are listed page by page, with what they were based on") {
  RunningServer running;
  for (int id = 1; id <= 3; ++id) running.host.decision_rows.push_back(decision(id));
  running.host.decision_rows[1].results.clear();
  running.host.decision_rows.push_back(decision(4));
  running.host.decision_rows.back().shadow = true;

  const json::value page = get(running, "/decisions?limit=2&since=7d&kind=screen").json();
  REQUIRE(page.at("decisions").as_array().size() == 2);
  CHECK(page.at("next").as_int64() == 2);
  const json::value& first = page.at("decisions").at(0);
  CHECK(first.at("inputs").at("payout").at("amount").as_string() == "0.10000001");
  CHECK(first.at("results").at(0).at("rule").as_string() == "velocity");
  CHECK(first.at("reason").is_null());
  CHECK(page.at("decisions").at(1).at("results").as_array().empty());
  CHECK(running.host.last_decision_filter.since_s == 7 * 86'400);
  const json::value last = get(running, "/decisions?limit=2&after=2").json();
  CHECK(last.at("decisions").as_array().size() == 1);
  CHECK(last.at("next").is_null());
  CHECK(get(running, "/decisions?shadow=true").json().at("decisions").at(0).at("id").as_int64() == 4);
  CHECK(get(running, "/decisions?payout=00000000-0000-4000-8000-000000000003")
            .json()
            .at("decisions")
            .as_array()
            .size() == 1);
  CHECK(get(running, "/decisions/count?since=90s").json().at("count").as_int64() == 3);

  const auto query = GENERATE(as<std::string>(), "payout=7", "kind=abuse", "since=week", "since=ever",
                              "since=0d", "since=401d", "since=7", "after=-1", "after=x", "shadow=yes",
                              "limit=0", "limit=1001", "limit=9999999999999999999");
  INFO(query);
  const RawResponse refused = get(running, "/decisions?" + query);
  CHECK(refused.status == 400);
  CHECK(refused.code() == "BAD_PARAMETER");
  CHECK(refused.json().at("error").at("field").as_string() == query.substr(0, query.find('=')));
}

TEST_CASE("flags are listed, annotated and cleared once") {
  RunningServer running;
  running.host.flag_rows = {flag(7), flag(8)};
  CHECK(get(running, "/flags?user=awa&rule=x&limit=5").json().at("flags").as_array().size() == 2);
  CHECK(running.host.last_flag_filter.user == "awa");
  CHECK(running.host.last_flag_filter.rule == "x");
  CHECK(running.host.last_flag_filter.limit == 5);

  const json::value noted = post(running, "/flags/7/note", R"({"note":"called her"})").json();
  CHECK(noted.at("note").as_string() == "called her");
  CHECK(noted.at("cleared_at").is_null());
  CHECK(std::string(noted.at("noted_by").as_string()).starts_with("operator:"));
  CHECK(post(running, "/flags/7/note", "{}").code() == "NOTE_REQUIRED");
  CHECK(post(running, "/flags/7/note", R"({"note":" "})").code() == "NOTE_REQUIRED");

  CHECK_FALSE(post(running, "/flags/7/clear").json().at("cleared_at").is_null());
  CHECK(post(running, "/flags/7/clear").code() == "FLAG_NOT_FOUND");
  for (const std::string id : {"9", "seven", "7x", "99999999999999999999"})
    CHECK(post(running, "/flags/" + id + "/clear").code() == "FLAG_NOT_FOUND");
  CHECK(get(running, "/flags").json().at("flags").as_array().size() == 1);
  CHECK(get(running, "/flags?all=true").json().at("flags").as_array().size() == 2);
  CHECK(get(running, "/flags?all=1").code() == "BAD_PARAMETER");
  CHECK(get(running, "/flags?limit=0").code() == "BAD_PARAMETER");
}

TEST_CASE("limits are shown with what they halted, and a halt is lifted with a reason") {
  RunningServer running;
  core::Limits& limits = running.host.configured_limits;
  limits.per_payout["XOF"] = Amount::parse("2000000").value();
  limits.two_approvals_above["EUR"] = Amount::parse("1500.5").value();
  limits.outflow[{"momo-ci", "XOF"}].hour = Amount::parse("5000000").value();
  running.host.halt_rows = {{"momo-ci", "XOF", "hour", "5000000", "5000100", "2026-01-31T08:00:00.000Z"}};
  const json::value shown = get(running, "/limits").json();
  CHECK(shown.at("per_payout").at("XOF").as_string() == "2000000");
  CHECK(shown.at("two_approvals_above").at("EUR").as_string() == "1500.5");
  CHECK(shown.at("outflow").at(0).at("hour").as_string() == "5000000");
  CHECK(shown.at("outflow").at(0).at("day").is_null());
  CHECK(shown.at("halts").at(0).at("reached").as_string() == "5000100");

  const auto lift = [&](const std::string& body) { return post(running, "/limits/lift", body); };
  CHECK(lift(R"({"provider":"momo-ci","currency":"XOF"})").code() == "NOTE_REQUIRED");
  CHECK(lift(R"({"provider":"momo-ci","note":"x"})").code() == "BAD_VALUE");
  CHECK(lift(R"({"provider":7,"currency":"XOF","note":"x"})").code() == "BAD_VALUE");
  CHECK(lift(R"({"provider":"momo-ci","currency":"EUR","note":"x"})").code() == "HALT_NOT_FOUND");
  CHECK(running.host.halt_rows.size() == 1);
  CHECK(lift(R"({"provider":"momo-ci","currency":"XOF","note":"salaries, agreed with Awa"})").status == 200);
  CHECK(running.host.halt_rows.empty());
  CHECK_THAT(running.host.last_lift, Catch::StartsWith("operator:") && Catch::EndsWith("agreed with Awa"));
}

TEST_CASE("a held payout is approved or rejected, with who did it and why") {
  RunningServer running;
  const RawResponse admitted = running.ask(
      request("POST", "/v1/payouts", R"({"amount":"100","currency":"XOF","destination":"22507000001"})",
              {{"Idempotency-Key", "k"}}));
  const std::string id(admitted.json().at("id").as_string());
  CHECK(post(running, "/payouts/" + id + "/approve", R"({"note":"known customer"})").status == 200);
  CHECK(running.host.last_decision.decision == engine::OperatorDecision::approve);
  CHECK(running.host.last_decision.note == "known customer");
  CHECK(running.host.last_decision.actor.starts_with("operator:"));
  CHECK(post(running, "/payouts/" + id + "/reject").status == 200);
  CHECK(running.host.last_decision.decision == engine::OperatorDecision::reject);
  CHECK(post(running, "/payouts/00000000-0000-4000-8000-000000000000/reject").code() == "PAYOUT_NOT_FOUND");
}
