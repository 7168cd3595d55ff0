// One key, one payout: whoever asks, how often, at the same moment, through whichever host.
#include <catch2/catch.hpp>
#include <set>
#include <thread>

#include "harness/scene.hpp"

namespace {

namespace json = boost::json;
using namespace payoutd::test;
using std::chrono::seconds;

std::string body(const std::string& amount) {
  return R"({"amount":")" + amount + R"(","currency":"EUR","destination":"46733100001"})";
}

simulator::Reply post(HostProcess& host, const std::string& key, const std::string& text) {
  return host.request("POST", "/v1/payouts", text, {{"Idempotency-Key", key}});
}

std::string code_of(const simulator::Reply& reply) {
  return std::string(json::parse(reply.body).at("error").at("code").as_string());
}

/// The same request from so many connections at once; each takes one of the hosts and one of the bodies in
/// turn.
std::vector<simulator::Reply> at_once(const std::vector<HostProcess*>& hosts, const std::string& key,
                                      const std::vector<std::string>& bodies, std::size_t count) {
  std::vector<simulator::Reply> replies(count);
  std::vector<std::thread> clients;
  for (std::size_t i = 0; i < count; ++i) {
    clients.emplace_back([&, i] {
      replies[i] = post(*hosts[i % hosts.size()], key, bodies[i / hosts.size() % bodies.size()]);
    });
  }
  for (std::thread& client : clients) client.join();
  return replies;
}

}  // namespace

TEST_CASE("the same key from many connections and two hosts is one payout with one answer", "[idempotency]") {
  Scene scene("same-key");
  std::vector<HostProcess*> hosts{&scene.add_host("host-a"), &scene.add_host("host-b")};
  for (HostProcess* host : hosts) host->start();
  for (HostProcess* host : hosts) REQUIRE(host->wait_until_ready());
  constexpr int kKeys = 20;
  std::map<std::string, std::string> answers;
  for (int n = 0; n < kKeys; ++n) {
    const std::string key = "key-" + std::to_string(n);
    std::set<std::string> bodies;
    int fresh = 0;
    for (const simulator::Reply& reply : at_once(hosts, key, {body("5")}, 8)) {
      INFO(reply.body);
      CHECK(reply.status == 201);
      bodies.insert(reply.body);
      const auto replayed = reply.headers.find("idempotent-replayed");
      if (replayed == reply.headers.end()) ++fresh;
      if (replayed != reply.headers.end()) CHECK(replayed->second == "true");
    }
    CHECK(bodies.size() == 1);
    CHECK(fresh == 1);
    answers[key] = *bodies.begin();
  }
  CHECK(scene.database().value("select count(*) from app.all_payouts") == std::to_string(kKeys));
  REQUIRE(scene.wait_until_finished(seconds{30}));
  CHECK(scene.check().all_right());

  // Much later, after a restart: the stored answer, and nothing is paid.
  REQUIRE(hosts[0]->stop() == 0);
  hosts[0]->start();
  REQUIRE(hosts[0]->wait_until_ready());
  for (const auto& [key, answer] : answers) {
    const auto reply = post(*hosts[0], key, body("5"));
    CHECK(reply.status == 201);
    CHECK(reply.body == answer);
    CHECK(reply.headers.at("idempotent-replayed") == "true");
  }
  CHECK(scene.database().value("select count(*) from app.all_payouts") == std::to_string(kKeys));
  const json::value ledger = scene.simulator().get("/ledger?limit=1000");
  CHECK(ledger.as_array().size() == kKeys);
}

TEST_CASE("the same key with another payload is refused, also at the same moment", "[idempotency]") {
  Scene scene("conflict");
  std::vector<HostProcess*> hosts{&scene.add_host("host-a"), &scene.add_host("host-b")};
  for (HostProcess* host : hosts) host->start();
  for (HostProcess* host : hosts) REQUIRE(host->wait_until_ready());
  for (int n = 0; n < 20; ++n) {
    const std::string key = "race-" + std::to_string(n);
    int created = 0;
    std::set<std::string> ids;
    for (const simulator::Reply& reply : at_once(hosts, key, {body("5"), body("6")}, 8)) {
      INFO(reply.body);
      if (reply.status == 201) {
        ids.insert(std::string(json::parse(reply.body).at("id").as_string()));
        if (!reply.headers.contains("idempotent-replayed")) ++created;
      } else {
        CHECK(reply.status == 409);
        CHECK(code_of(reply) == "IDEMPOTENCY_CONFLICT");
        CHECK(reply.headers.at("content-type").starts_with("application/json"));
      }
    }
    CHECK(created == 1);
    CHECK(ids.size() == 1);
  }
  REQUIRE(scene.wait_until_finished(seconds{30}));
  CHECK(scene.check().payouts == 20);
  CHECK(scene.check().all_right());
}

TEST_CASE("what is the same payload, and what is not", "[idempotency]") {
  Scene scene("payload");
  HostProcess& host = scene.add_host("host-a");
  host.start();
  REQUIRE(host.wait_until_ready());
  const auto first =
      post(host, "k",
           R"({"amount":"5","currency":"EUR","destination":"46733100001","metadata":{"a":"1","b":"2"}})");
  REQUIRE(first.status == 201);
  CHECK_FALSE(first.headers.contains("idempotent-replayed"));
  const auto same = [&](const std::string& text) {
    const auto reply = post(host, "k", text);
    INFO(text << " " << reply.body);
    CHECK(reply.status == 201);
    CHECK(reply.body == first.body);
    CHECK(reply.headers.contains("idempotent-replayed"));
  };
  same(
      R"({ "metadata": {"b":"2","a":"1"}, "destination":"46733100001", "currency":"EUR", "amount":"5.00" })");
  same(
      R"({"amount":"5","currency":"EUR","destination":"46733100001","metadata":{"a":"1","b":"2"},"note":null})");
  const auto other = [&](const std::string& text) {
    const auto reply = post(host, "k", text);
    INFO(text << " " << reply.body);
    CHECK(reply.status == 409);
    CHECK(code_of(reply) == "IDEMPOTENCY_CONFLICT");
    CHECK(json::parse(reply.body).at("error").at("field").as_string() == "idempotency_key");
  };
  other(R"({"amount":"5.01","currency":"EUR","destination":"46733100001","metadata":{"a":"1","b":"2"}})");
  other(R"({"amount":"5","currency":"EUR","destination":"46733100002","metadata":{"a":"1","b":"2"}})");
  other(R"({"amount":"5","currency":"EUR","destination":"46733100001","metadata":{"a":"1","b":"3"}})");
  other(R"({"amount":"5","currency":"EUR","destination":"46733100001"})");
  // The same key inside a bulk request is the same key.
  const auto bulk = host.request(
      "POST", "/v1/payouts/bulk",
      R"({"payouts":[{"idempotency_key":"k","amount":"5","currency":"EUR","destination":"46733100001","metadata":{"a":"1","b":"2"}},)"
      R"({"idempotency_key":"k","amount":"7","currency":"EUR","destination":"46733100001"},)"
      R"({"idempotency_key":"k2","amount":"7","currency":"EUR","destination":"46733100001"},)"
      R"({"idempotency_key":"k2","amount":"7","currency":"EUR","destination":"46733100001"}]})");
  INFO(bulk.body);
  CHECK(bulk.status == 207);
  const json::value answer = json::parse(bulk.body);
  CHECK(answer.at("created").to_number<int>() == 1);
  CHECK(answer.at("replayed").to_number<int>() == 2);
  CHECK(answer.at("failed").to_number<int>() == 1);
  CHECK(answer.at("results").at(1).at("error").at("code").as_string() == "IDEMPOTENCY_CONFLICT");
  CHECK(scene.database().value("select count(*) from app.all_payouts") == "2");
}
