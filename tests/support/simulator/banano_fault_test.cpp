// Every fault that can be commanded at the simulated Banano node: what the client sees on the wire, and what
// the chain and the payment ledger say happened.
#include <catch2/catch.hpp>
#include <thread>

#include "banano_fixture.hpp"

namespace json = boost::json;
using namespace std::chrono_literals;
using simulator::BananoClient;
using simulator::hash_text;
using simulator::new_destination;
using simulator::payment_to;
using simulator::payments_to;
using simulator::SimulatorProcess;
using simulator::Wire;
using simulator::WireListener;
namespace banano = simulator::banano;

namespace {

struct Faulty {
  SimulatorProcess process{{"--fast"}};
  BananoClient client{process};
  std::string destination = new_destination();
  banano::StateBlock block;

  /// The block is made before the fault is in force.
  explicit Faulty(json::object fault) {
    block = client.send_block(destination, "1");
    fault["protocol"] = "banano";
    process.post("/faults", std::move(fault));
  }

  simulator::Reply publish() { return client.post(BananoClient::process_request(block)); }
  bool paid() {
    const auto payments = payments_to(process, destination);
    return payments.size() == 1 && payments[0].at("paid") == true;
  }
  bool unheard_of() { return payments_to(process, destination).empty(); }
};

json::object on_process(std::string_view fault) {
  return {{"fault", fault}, {"operation", "process"}, {"count", 1}};
}

}  // namespace

TEST_CASE("Banano faults: refuse_connection") {
  Faulty test{{{"fault", "refuse_connection"}}};
  CHECK(test.publish().wire == Wire::kRefused);
  CHECK(test.unheard_of());
  test.process.remove("/faults");
  CHECK(test.publish().answered(200));
  CHECK(test.paid());
}

TEST_CASE("Banano faults: reset_on_accept") {
  Faulty test{{{"fault", "reset_on_accept"}, {"count", 1}}};
  CHECK(test.publish().wire != Wire::kAnswered);
  CHECK(test.unheard_of());
  test.client.wire.close();
  CHECK(test.publish().answered(200));
}

TEST_CASE("Banano faults: no answer, before and after the block was processed") {
  for (const bool after : {false, true}) {
    INFO(after);
    Faulty test{on_process(after ? "never_answer_after_paying" : "never_answer")};
    test.client.patience = 150ms;
    const auto reply = test.publish();
    CHECK(reply.wire == Wire::kTimedOut);
    CHECK(reply.bytes_received == 0);
    CHECK(test.paid() == after);
    CHECK(test.unheard_of() == !after);
    test.client.wire.close();
    test.client.patience = 10s;
    CHECK(test.client.known(hash_text(test.block)) == after);
    test.publish();  // the identical bytes again: paid once whatever was before
    CHECK(test.paid());
    CHECK(payment_to(test.process, test.destination).at("times_requested") == 2);
  }
}

TEST_CASE("Banano faults: the connection ends, before and after the block was processed") {
  for (const bool after : {false, true}) {
    for (const bool reset : {false, true}) {
      INFO(after << reset);
      auto fault = on_process(after ? "pay_and_cut" : "cut_before_paying");
      fault["reset"] = reset;
      Faulty test{fault};
      const auto reply = test.publish();
      CHECK(reply.wire == (reset ? Wire::kReset : Wire::kClosed));
      CHECK(reply.bytes_received == 0);
      CHECK(test.paid() == after);
    }
  }
}

TEST_CASE("Banano faults: a 500 before and after look the same") {
  Faulty before{on_process("answer_500_before_paying")};
  Faulty after{on_process("answer_500_after_paying")};
  const auto unpaid = before.publish();
  const auto paid = after.publish();
  CHECK(unpaid.answered(500));
  CHECK(paid.answered(500));
  CHECK(unpaid.body == paid.body);
  CHECK(json::parse(paid.body).at("error") == "Internal server error in RPC");
  CHECK(before.unheard_of());
  CHECK(after.paid());
}

TEST_CASE("Banano faults: with a code the node itself says something that is not so") {
  for (const bool after : {false, true}) {
    INFO(after);
    auto fault = on_process(after ? "answer_500_after_paying" : "answer_500_before_paying");
    fault["code"] = "Fork";
    Faulty test{fault};
    const auto reply = test.publish();
    CHECK(reply.answered(200));
    CHECK(json::parse(reply.body).at("error") == "Fork");
    CHECK(test.paid() == after);
    CHECK(test.client.confirmed(hash_text(test.block)) == after);
  }
}

TEST_CASE("Banano faults: refusals of what stands before the node") {
  for (const auto& [fault, status] : std::vector<std::pair<std::string, int>>{
           {"answer_401", 401}, {"answer_403", 403}, {"answer_429", 429}}) {
    INFO(fault);
    Faulty test{on_process(fault)};
    CHECK(test.publish().answered(status));
    CHECK(test.unheard_of());
  }
  Faulty page{on_process("answer_503_html")};
  CHECK(page.publish().answered(503));
  CHECK(page.unheard_of());
  Faulty redirect{on_process("redirect")};
  const auto moved = redirect.publish();
  CHECK(moved.answered(307));
  CHECK(redirect.unheard_of());
  CHECK(redirect.client.wire
            .exchange("POST", "/redirected/", {},
                      json::serialize(BananoClient::process_request(redirect.block)))
            .answered(200));
  CHECK(redirect.paid());
  CHECK(redirect.process.get("/stats").at("redirects_followed") == 1);
}

TEST_CASE("Banano faults: slow answers to blocks that were processed at once") {
  auto slow = on_process("slow");
  slow["delay_ms"] = 300;
  Faulty late{slow};
  late.client.patience = 100ms;
  CHECK(late.publish().wire == Wire::kTimedOut);
  CHECK(late.paid());
  CHECK(late.client.wire.receive(5s).answered(200));
  auto drip = on_process("slow_drip");
  drip["delay_ms"] = 2;
  Faulty dripping{drip};
  CHECK(json::parse(dripping.publish().body).at("hash").as_string() == hash_text(dripping.block));
}

TEST_CASE("Banano faults: bodies that say nothing") {
  Faulty garbage{{{"fault", "garbage"}}};
  const auto junk = garbage.publish();
  CHECK(junk.answered(200));
  boost::system::error_code error;
  json::parse(junk.body, error);
  CHECK(error);
  CHECK(garbage.paid());

  Faulty truncated{{{"fault", "truncated"}}};
  CHECK(truncated.publish().wire == Wire::kClosed);
  CHECK(truncated.paid());

  Faulty huge{{{"fault", "huge_body"}, {"operation", "block_info"}, {"body_bytes", 2'000'000}}};
  CHECK(huge.publish().answered(200));
  const auto info = huge.client.post({{"action", "block_info"}, {"hash", hash_text(huge.block)}});
  CHECK(info.body.size() > 2'000'000);
}

TEST_CASE("Banano faults: wrong_types keeps every field from being what it should be") {
  Faulty test{{{"fault", "wrong_types"}}};
  auto& client = test.client;
  CHECK_FALSE(json::parse(test.publish().body).at("hash").is_string());
  CHECK(test.paid());
  CHECK_FALSE(client.block_info(hash_text(test.block)).at("confirmed").is_string());
  CHECK_FALSE(
      client.rpc({{"action", "account_info"}, {"account", client.address}}).at("frontier").is_string());
  CHECK_FALSE(
      client.rpc({{"action", "account_balance"}, {"account", client.address}}).at("balance").is_string());
  CHECK_FALSE(
      client.rpc({{"action", "work_generate"}, {"hash", hash_text(test.block)}}).at("work").is_string());
  CHECK(client.rpc({{"action", "pending"}, {"account", client.address}}).at("blocks").is_array());
  CHECK_FALSE(client.rpc({{"action", "version"}}).at("rpc_version").is_string());
}

TEST_CASE("Banano faults: lost_then_late, the block is unknown first and comes in the end") {
  auto fault = on_process("lost_then_late");
  fault["delay_ms"] = 400;
  Faulty test{fault};
  const auto start = std::chrono::steady_clock::now();
  test.client.patience = 100ms;
  CHECK(test.publish().wire == Wire::kTimedOut);
  test.client.wire.close();
  test.client.patience = 10s;
  CHECK_FALSE(test.client.known(hash_text(test.block)));
  CHECK(test.unheard_of());
  test.client.until_confirmed(hash_text(test.block));
  CHECK(std::chrono::steady_clock::now() - start >= 400ms);
  CHECK(test.paid());
}

TEST_CASE("Banano faults: a late block finds its place taken") {
  auto fault = on_process("lost_then_late");
  fault["delay_ms"] = 300;
  Faulty test{fault};
  const auto other_to = new_destination();
  const auto other = test.client.send_block(other_to, "2");
  test.client.patience = 100ms;
  test.publish();
  test.client.wire.close();
  test.client.patience = 10s;
  CHECK(test.client.publish(other) == hash_text(other));
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (test.process.get("/stats").at("scheduled") != 0) {
    REQUIRE(std::chrono::steady_clock::now() < deadline);
    std::this_thread::sleep_for(10ms);
  }
  CHECK_FALSE(test.client.known(hash_text(test.block)));
  CHECK_FALSE(test.paid());
  CHECK(payment_to(test.process, other_to).at("paid") == true);
}

TEST_CASE("Banano faults: a wallet's send that is lost comes late, once for its id") {
  Faulty test{{{"fault", "lost_then_late"}, {"operation", "send"}, {"count", 1}, {"delay_ms", 300}}};
  const json::object send{{"action", "send"},
                          {"wallet", std::string(64, '1')},
                          {"source", test.client.address},
                          {"destination", test.destination},
                          {"amount", "1000"},
                          {"id", "late"}};
  test.client.patience = 100ms;
  CHECK(test.client.post(send).wire == Wire::kTimedOut);
  test.client.wire.close();
  test.client.patience = 10s;
  CHECK(test.unheard_of());
  CHECK(test.client.rpc(send).contains("block"));
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (test.process.get("/stats").at("scheduled") != 0) {
    REQUIRE(std::chrono::steady_clock::now() < deadline);
    std::this_thread::sleep_for(10ms);
  }
  CHECK(test.paid());
}

TEST_CASE("Banano faults: status_flap, one 'Block not found' for a block that is there") {
  Faulty test{{{"fault", "status_flap"}, {"operation", "block_info"}}};
  test.publish();
  CHECK(test.client.block_info(hash_text(test.block)).at("error") == "Block not found");
  CHECK(test.client.known(hash_text(test.block)));
}

TEST_CASE("Banano faults: each operation can be met alone") {
  SimulatorProcess process{{"--fast"}};
  BananoClient client{process};
  const std::string hash = client.pay(new_destination(), "1");
  const std::vector<std::pair<std::string, json::object>> requests{
      {"version", {{"action", "version"}}},
      {"account_info", {{"action", "account_info"}, {"account", client.address}}},
      {"account_balance", {{"action", "account_balance"}, {"account", client.address}}},
      {"block_info", {{"action", "block_info"}, {"hash", hash}}},
      {"pending", {{"action", "pending"}, {"account", client.address}}},
      {"work_generate", {{"action", "work_generate"}, {"hash", hash}}},
      {"block_confirm", {{"action", "block_confirm"}, {"hash", hash}}}};
  for (const auto& [operation, request] : requests) {
    INFO(operation);
    process.post("/faults", {{"fault", "answer_503_html"}, {"operation", operation}, {"protocol", "banano"}});
    CHECK(client.post(request).answered(503));
    for (const auto& [other, harmless] : requests) {
      if (other != operation) CHECK(client.post(harmless).answered(200));
    }
    process.remove("/faults");
  }
}

TEST_CASE("Banano faults: a fault of process meets sends, not receives") {
  SimulatorProcess process{{"--fast"}};
  BananoClient client{process};
  const auto deposit = process.post("/banano/deposit", {{"account", 0}, {"amount", "1"}});
  const auto receive = client.receive_block(std::string{deposit.at("hash").as_string()}, "1");
  process.post("/faults", {{"fault", "answer_503_html"}, {"operation", "process"}, {"protocol", "banano"}});
  CHECK(client.post(BananoClient::process_request(receive, "receive")).answered(200));
  CHECK(client.post(BananoClient::process_request(client.send_block(new_destination(), "1"))).answered(503));
  process.remove("/faults");
  const auto marked = new_destination();
  process.post("/faults", {{"fault", "answer_503_html"}, {"payee", marked}});
  CHECK(client.post(BananoClient::process_request(client.send_block(new_destination(), "1"))).answered(200));
  CHECK(client.post(BananoClient::process_request(client.send_block(marked, "1"))).answered(503));
}

TEST_CASE("Banano faults: callbacks duplicated, out of order, delayed, missing") {
  WireListener listener;
  const auto run = [&](json::object fault, auto&& check) {
    Faulty test{std::move(fault)};
    test.process.post("/callback-url", {{"protocol", "banano"}, {"url", listener.url() + "/hook"}});
    REQUIRE(test.publish().answered(200));
    check(hash_text(test.block));
  };
  const auto next_hash = [&] {
    const auto callback = listener.next();
    REQUIRE(callback);
    return std::string{json::parse(callback->body).at("hash").as_string()};
  };
  run({{"fault", "duplicate_callback"}}, [&](const std::string& hash) {
    CHECK(next_hash() == hash);
    CHECK(next_hash() == hash);
  });
  run({{"fault", "out_of_order_callback"}, {"delay_ms", 50}}, [&](const std::string& hash) {
    CHECK(next_hash() == hash);
    CHECK(next_hash() != hash);  // the block below it
  });
  run({{"fault", "delayed_callback"}, {"delay_ms", 300}}, [&](const std::string& hash) {
    CHECK_FALSE(listener.next(200, 100ms));
    CHECK(next_hash() == hash);
  });
  run({{"fault", "no_callback"}}, [&](const std::string&) { CHECK_FALSE(listener.next(200, 150ms)); });
}
