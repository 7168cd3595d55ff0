// A provider that takes no more for now: what clients are told, and how operators set it.
#include <catch2/catch.hpp>

#include "ctl/throttle.hpp"
#include "running_server.hpp"
#include "terminal.hpp"

using namespace payoutd;
using namespace payoutd::test;
namespace json = boost::json;

namespace {

RawResponse post(const RunningServer& running, const std::string& body) {
  return running.ask_as_operator(request("POST", "/v1/admin/providers/momo-ci/throttle", body));
}

std::string payout(const std::string& key, const std::string& destination) {
  return R"({"idempotency_key":")" + key + R"(","amount":"1","currency":"XOF","destination":")" +
         destination + "\"}";
}

}  // namespace

TEST_CASE("a throttled payout is answered 429 with the time to come again") {
  RunningServer running;
  const auto refused = running.ask(request("POST", "/v1/payouts",
                                           R"({"amount":"1","currency":"XOF","destination":"throttled"})",
                                           {{"Idempotency-Key", "k"}}));
  CHECK(refused.status == 429);
  CHECK(refused.code() == "PROVIDER_THROTTLED");
  CHECK(refused.headers.at("retry-after") == "7");
  CHECK(std::string(refused.json().at("error").at("message").as_string()).find("momo-ci") !=
        std::string::npos);
}

TEST_CASE("in bulk each throttled item says so for itself") {
  RunningServer running;
  const auto answer = running.ask(
      request("POST", "/v1/payouts/bulk",
              R"({"payouts":[)" + payout("a", "22507000001") + "," + payout("b", "throttled") + "]}"));
  CHECK(answer.status == 207);
  CHECK(answer.headers.at("retry-after") == "7");
  const json::value body = answer.json();
  CHECK(body.at("created").to_number<int>() == 1);
  const json::value& item = body.at("results").at(1);
  CHECK(item.at("status").to_number<int>() == 429);
  CHECK(item.at("error").at("code").as_string() == "PROVIDER_THROTTLED");
  CHECK(item.at("retry_after_s").to_number<int>() == 7);
}

TEST_CASE("a throttle is set by parts, lifted, and given back to the configuration") {
  RunningServer running;
  const auto set = post(running, R"({"rate": "10/s", "note": "slow today"})");
  CHECK(set.status == 200);
  CHECK(set.json().at("rate").as_string() == "10/s");
  CHECK(set.json().at("depth").is_null());
  CHECK(running.host.last_throttle.note == "slow today");
  CHECK(running.host.last_throttle.actor.starts_with("operator:"));
  REQUIRE(running.host.audited.size() == 1);
  CHECK(running.host.audited[0].subject == "momo-ci");
  // What is not named stays.
  CHECK(post(running, R"({"depth": 5000})").json().at("rate").as_string() == "10/s");
  const auto no_rate = post(running, R"({"rate": null})").json();
  CHECK(no_rate.at("rate").is_null());
  CHECK(no_rate.at("depth").to_number<int>() == 5000);
  CHECK_FALSE(post(running, R"({"off": true})").json().at("throttled").as_bool());
  CHECK(post(running, R"({"default": true})").json().at("set_by").as_string() == "configuration");
  CHECK(running.host.last_throttle.by_configuration);
  for (const char* bad :
       {"{}", R"({"rate": "10"})", R"({"rate": "0/s"})", R"({"rate": 10})", R"({"depth": 0})",
        R"({"depth": "5"})", R"({"off": "yes"})", R"({"off": true, "rate": "1/s"})",
        R"({"default": true, "off": true})", R"({"speed": "1/s"})"}) {
    INFO(bad);
    CHECK(post(running, bad).status == 400);
  }
  CHECK(running.ask_as_operator(request("POST", "/v1/admin/providers/nobody/throttle", R"({"off": true})"))
            .status == 404);
}

TEST_CASE("payoutctl provider throttle says what is in force") {
  RunningServer running;
  Terminal terminal(running.socket);
  CHECK(ctl::throttle(terminal.context, {.provider = "momo-ci", .rate = "10/s", .depth = "50"}) ==
        ctl::ExitCode::ok);
  CHECK(terminal.out.str().find("10/s") != std::string::npos);
  CHECK(terminal.out.str().find("50 are under way") != std::string::npos);
  CHECK(running.host.throttle_now.depth == 50);
  CHECK(ctl::throttle(terminal.context, {.provider = "momo-ci", .rate = {}, .depth = "none"}) ==
        ctl::ExitCode::ok);
  CHECK(running.host.throttle_now.depth == 0);
  CHECK_THROWS_AS(ctl::throttle(terminal.context, {.provider = "momo-ci"}), ctl::CommandFailed);
  CHECK_THROWS_AS(ctl::throttle(terminal.context, {.provider = "momo-ci", .rate = {}, .depth = "many"}),
                  ctl::CommandFailed);
  CHECK(ctl::provider_show(terminal.context, "momo-ci") == ctl::ExitCode::ok);
  CHECK_THROWS_AS(ctl::provider_show(terminal.context, "nobody"), ctl::CommandFailed);
}
