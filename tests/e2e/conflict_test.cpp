// Keys that come again with another payload: clients learn nothing from it, operators everything.
#include <catch2/catch.hpp>

#include "control.hpp"
#include "ctl_command.hpp"
#include "harness/scene.hpp"

namespace {

namespace json = boost::json;
using namespace payoutd::test;

const std::string kBody = R"({"amount":"5","currency":"EUR","destination":"46733100001"})";

simulator::Reply post(HostProcess& host, const std::string& key, const std::string& body = kBody) {
  return host.request("POST", "/v1/payouts", body, {{"Idempotency-Key", key}});
}

std::string code_of(const simulator::Reply& reply) {
  return std::string(json::parse(reply.body).at("error").at("code").as_string());
}

}  // namespace

TEST_CASE("a key that comes again with another payload leaves a record for operators only", "[idempotency]") {
  Scene scene("conflicts", {"--fast"});
  HostProcess& host = scene.add_host("host-a");
  host.start();
  REQUIRE(host.wait_until_ready());
  const auto made = post(host, "order/7");
  REQUIRE(made.status == 201);
  const std::string other =
      R"({"amount":"6","currency":"EUR","destination":"46733100002","note":"pineapple",)"
      R"("metadata":{"papaya":"mango"}})";
  for (int i = 0; i < 3; ++i) {
    const auto refused = post(host, "order/7", other);
    CHECK(refused.status == 409);
    CHECK(code_of(refused) == "IDEMPOTENCY_CONFLICT");
    for (const char* sent : {"pineapple", "papaya", "mango", "46733100002", "order/7"})
      CHECK(refused.body.find(sent) == std::string::npos);
  }
  const std::string where = " from app.idempotency_keys where key = 'order/7'";
  CHECK(scene.database().value("select conflict_count" + where) == "3");
  CHECK(scene.database().value("select count(*) from app.idempotency_conflicts") == "1");
  const auto shown = control(host, "GET", "/v1/admin/idempotency/default/order%2F7");
  REQUIRE(shown.status == 200);
  const json::value record = json::parse(shown.body);
  CHECK(record.at("conflicts").at(0).at("count").to_number<int>() == 3);
  std::set<std::string> fields;
  for (const json::value& one : record.at("conflicts").at(0).at("differences").as_array())
    fields.insert(std::string(one.at("field").as_string()));
  CHECK(fields == std::set<std::string>{"amount", "destination", "metadata.papaya", "note"});
  CHECK(shown.body.find("46733100002") == std::string::npos);  // masked as in the log
  // The answer that stands is the one that was given.
  CHECK(json::parse(scene.database().value(
            "select response from app.idempotency_records where idempotency_key = 'order/7'")) ==
        json::parse(made.body));
  // Of very many only the latest are kept; all are counted.
  for (int i = 0; i < 30; ++i) {
    const auto refused = post(
        host, "order/7",
        R"({"amount":")" + std::to_string(100 + i) + R"(","currency":"EUR","destination":"46733100001"})");
    CHECK(refused.status == 409);
  }
  CHECK(scene.database().value("select conflict_count" + where) == "33");
  CHECK(scene.database().value("select count(*) from app.idempotency_conflicts") == "10");
  CHECK(scene.database().value(
            "select count(*) from app.idempotency_conflicts where payload->>'amount' = '129'") == "1");
  // Also where the provider would refuse the payload, and in bulk.
  CHECK(post(host, "order/7", R"({"amount":"5","currency":"XOF","destination":"46733100001"})").status ==
        409);
  CHECK(host.request("POST", "/v1/payouts/bulk",
                     R"({"payouts":[{"idempotency_key":"order/7",)" + other.substr(1) + "]}")
            .status == 207);
  CHECK(scene.database().value("select conflict_count" + where) == "35");
  const CommandEnd listed = ctl_command(host, {"idempotency", "conflicts"});
  CHECK(listed.output.find("order/7") != std::string::npos);
  CHECK(ctl_command(host, {"idempotency", "show", "order/7"}).output.find("amount") != std::string::npos);
  CHECK(ctl_command(host, {"idempotency", "show", "never"}).status == 1);
}
