// What stands under a key, and how what came later differs from it.
#include <catch2/catch.hpp>

#include "ctl/idempotency.hpp"
#include "running_server.hpp"
#include "terminal.hpp"

using namespace payoutd;
using namespace payoutd::test;
namespace json = boost::json;

namespace {

store::KeyRecord record(const std::string& client, const std::string& key) {
  store::KeyRecord one;
  one.client_id = client;
  one.key = key;
  one.payload =
      R"({"amount":"100","currency":"XOF","destination":"22507123412","metadata":{"order":"7","phone":"22507999912"}})";
  one.response =
      R"({"id":"4a9bd396-474b-4975-bd20-e274cad979bc","state":"PENDING","destination":"22507123412"})";
  one.response_status = 201;
  one.payout_id = "4a9bd396-474b-4975-bd20-e274cad979bc";
  one.created_at = "2026-01-31T08:00:00.000Z";
  return one;
}

store::KeyRecord in_conflict() {
  store::KeyRecord one = record("shop", "order/7 paid");
  one.key = "order/7";
  one.conflict_count = 3;
  one.last_conflict_at = "2026-01-31T09:00:00.000Z";
  one.conflicts.push_back(
      {R"({"amount":"1000","currency":"XOF","destination":"22507555512","metadata":{"order":"8"}})", 3,
       "2026-01-31T08:30:00.000Z", "2026-01-31T09:00:00.000Z", "client:shop", "flow-1"});
  return one;
}

}  // namespace

TEST_CASE("a key shows its request, its answer, and each conflict field by field, masked") {
  RunningServer running;
  running.host.key_records = {in_conflict(), record("other", "order/7"), record("shop", "quiet")};
  const auto one = running.ask_as_operator(request("GET", "/v1/admin/idempotency/shop/order%2F7"));
  REQUIRE(one.status == 200);
  const json::value body = one.json();
  CHECK(body.at("payload").at("amount").as_string() == "100");
  CHECK(body.at("answer").at("status").to_number<int>() == 201);
  CHECK(body.at("conflict_count").to_number<int>() == 3);
  const json::value& conflict = body.at("conflicts").at(0);
  CHECK(conflict.at("flow_id").as_string() == "flow-1");
  std::map<std::string, std::pair<json::value, json::value>> differences;
  for (const json::value& one_field : conflict.at("differences").as_array())
    differences[std::string(one_field.at("field").as_string())] = {one_field.at("stored"),
                                                                   one_field.at("received")};
  CHECK(differences.size() == 4);
  CHECK(differences.at("amount").first == "100");
  CHECK(differences.at("amount").second == "1000");
  CHECK(differences.at("metadata.order").second == "8");
  CHECK(differences.at("metadata.phone").second.is_null());
  CHECK(differences.contains("destination"));
  CHECK_FALSE(differences.contains("currency"));
  for (const char* number : {"22507123412", "22507555512", "22507999912"})
    CHECK(one.body.find(number) == std::string::npos);
  CHECK(running.ask_as_operator(request("GET", "/v1/admin/idempotency/shop/none")).code() == "KEY_NOT_FOUND");
}

TEST_CASE("keys are found over all clients, and those in conflict are listed") {
  RunningServer running;
  running.host.key_records = {in_conflict(), record("other", "order/7"), record("shop", "quiet")};
  const auto count = [&](const std::string& query) {
    return running.ask_as_operator(request("GET", "/v1/admin/idempotency" + query))
        .json()
        .at("records")
        .as_array()
        .size();
  };
  CHECK(count("?key=order%2F7") == 2);
  CHECK(count("?key=order%2F7&client=other") == 1);
  CHECK(count("") == 1);
  CHECK(running.ask_as_operator(request("GET", "/v1/admin/idempotency?limit=0")).status == 400);
  CHECK(running.ask(request("GET", "/v1/admin/idempotency")).status == 403);
}

TEST_CASE("payoutctl idempotency shows what differs") {
  RunningServer running;
  running.host.key_records = {in_conflict()};
  Terminal terminal(running.socket);
  CHECK(ctl::idempotency_show(terminal.context, {.key = "order/7", .client = {}}) == ctl::ExitCode::ok);
  CHECK_THAT(terminal.out.str(), Catch::Contains("amount") && Catch::Contains("1000") &&
                                     Catch::Contains("refused as conflicts") &&
                                     !Catch::Contains("22507555512"));
  CHECK(ctl::idempotency_show(terminal.context, {.key = "nothing", .client = {}}) == ctl::ExitCode::negative);
  terminal.out.str("");
  CHECK(ctl::idempotency_conflicts(terminal.context, {}) == ctl::ExitCode::ok);
  CHECK_THAT(terminal.out.str(), Catch::Contains("order/7") && Catch::Contains("amount, destination"));
}
