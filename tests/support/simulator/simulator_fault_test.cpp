// Every fault that can be commanded, over real sockets to the real process: what the client sees on the wire,
// and what the ledger says was paid.
#include <catch2/catch.hpp>
#include <thread>

#include "simulator_fixture.hpp"

namespace json = boost::json;
using namespace std::chrono_literals;
using simulator::ledger_count;
using simulator::ledger_entry;
using simulator::MomoClient;
using simulator::new_reference;
using simulator::parse_object;
using simulator::SimulatorProcess;
using simulator::Wire;
using simulator::WireListener;

namespace {

struct Faulty {
  SimulatorProcess process{{"--accept-any-credentials", "--fast", "--delayed-ms", "300"}};
  MomoClient client{process};
  std::string reference = new_reference();

  explicit Faulty(json::object fault) {
    client.token();
    process.post("/faults", std::move(fault));
  }

  bool paid(std::string_view external_id) {
    return ledger_count(process, external_id) == 1 && ledger_entry(process, external_id).at("paid") == true;
  }
  bool unheard_of(std::string_view external_id) { return ledger_count(process, external_id) == 0; }
};

json::object on_transfer(std::string_view fault) {
  return {{"fault", fault}, {"operation", "transfer"}, {"count", 1}};
}

}  // namespace

TEST_CASE("never_answer: nothing comes and nothing was processed") {
  Faulty test{on_transfer("never_answer")};
  test.client.patience = 200ms;
  const auto reply = test.client.transfer(test.reference, "x");
  CHECK(reply.wire == Wire::kTimedOut);
  CHECK(reply.bytes_received == 0);
  CHECK(test.unheard_of("x"));
  test.client.wire.close();
  CHECK(test.client.status(test.reference).answered(404));
  CHECK(test.client.transfer(test.reference, "x").answered(202));
  CHECK(ledger_entry(test.process, "x").at("times_requested") == 2);
}

TEST_CASE("never_answer_after_paying: nothing comes and the money moved") {
  Faulty test{on_transfer("never_answer_after_paying")};
  test.client.patience = 200ms;
  CHECK(test.client.transfer(test.reference, "x").wire == Wire::kTimedOut);
  CHECK(test.paid("x"));
  test.client.wire.close();
  CHECK(test.client.transfer(test.reference, "x").answered(409));
}

TEST_CASE("cut_before_paying: the connection ends and nothing was processed") {
  Faulty test{on_transfer("cut_before_paying")};
  CHECK(test.client.transfer(test.reference, "x").wire == Wire::kClosed);
  CHECK(test.unheard_of("x"));
}

TEST_CASE("a cut can be a reset") {
  auto fault = on_transfer("cut_before_paying");
  fault["reset"] = true;
  Faulty test{fault};
  CHECK(test.client.transfer(test.reference, "x").wire == Wire::kReset);
}

TEST_CASE("pay_and_cut: no byte of an answer, and the money moved") {
  Faulty test{on_transfer("pay_and_cut")};
  const auto reply = test.client.transfer(test.reference, "x");
  CHECK(reply.wire == Wire::kClosed);
  CHECK(reply.bytes_received == 0);
  CHECK(test.paid("x"));
}

TEST_CASE("answer_500_before_paying and answer_500_after_paying look the same") {
  Faulty before{on_transfer("answer_500_before_paying")};
  Faulty after{on_transfer("answer_500_after_paying")};
  const auto unpaid = before.client.transfer(before.reference, "x");
  const auto paid = after.client.transfer(after.reference, "x");
  CHECK(unpaid.answered(500));
  CHECK(paid.answered(500));
  CHECK(unpaid.body == paid.body);
  CHECK(parse_object(paid.body).at("code") == "INTERNAL_PROCESSING_ERROR");
  CHECK(before.unheard_of("x"));
  CHECK(after.paid("x"));
}

TEST_CASE("answer_503_html: a proxy's page, nothing processed") {
  Faulty test{on_transfer("answer_503_html")};
  const auto reply = test.client.transfer(test.reference, "x");
  CHECK(reply.answered(503));
  CHECK(reply.headers.at("content-type") == "text/html");
  CHECK(reply.body.starts_with("<html>"));
  CHECK(test.unheard_of("x"));
}

TEST_CASE("redirect: who follows it pays, and is found out") {
  Faulty test{on_transfer("redirect")};
  const auto reply = test.client.transfer(test.reference, "x");
  CHECK(reply.answered(307));
  const auto location = reply.headers.at("location");
  CHECK(location == test.process.momo_url() + "/redirected/disbursement/v1_0/transfer");
  CHECK(test.unheard_of("x"));
  auto headers = test.client.headers();
  headers.emplace_back("X-Reference-Id", test.reference);
  CHECK(test.client.wire
            .exchange("POST", "/redirected/disbursement/v1_0/transfer", headers,
                      json::serialize(test.client.body("x")))
            .answered(202));
  CHECK(test.paid("x"));
  CHECK(test.process.get("/stats").at("redirects_followed") == 1);
}

TEST_CASE("answer_401, answer_403, answer_429: nothing processed") {
  for (const auto& [fault, status] : std::vector<std::pair<std::string, int>>{
           {"answer_401", 401}, {"answer_403", 403}, {"answer_429", 429}}) {
    Faulty test{on_transfer(fault)};
    CHECK(test.client.transfer(test.reference, "x").answered(status));
    CHECK(test.unheard_of("x"));
    CHECK(test.client.transfer(test.reference, "x").answered(202));
  }
}

TEST_CASE("slow: the answer comes late, the payment does not") {
  auto fault = on_transfer("slow");
  fault["delay_ms"] = 300;
  Faulty test{fault};
  test.client.patience = 100ms;
  CHECK(test.client.transfer(test.reference, "x").wire == Wire::kTimedOut);
  CHECK(test.paid("x"));
  CHECK(test.client.wire.receive(5s).answered(202));
}

TEST_CASE("slow_drip: a byte at a time") {
  auto fault = on_transfer("slow_drip");
  fault["delay_ms"] = 4;
  Faulty test{fault};
  const auto before = std::chrono::steady_clock::now();
  CHECK(test.client.transfer(test.reference, "x").answered(202));
  CHECK(std::chrono::steady_clock::now() - before > 100ms);
  CHECK(test.paid("x"));
}

TEST_CASE("garbage: bytes that are no JSON behind a good status") {
  Faulty test{{{"fault", "garbage"}}};
  const auto transfer = test.client.transfer(test.reference, "x");
  CHECK(transfer.answered(202));
  CHECK(transfer.body.size() >= 32);
  CHECK(test.paid("x"));
  const auto status = test.client.status(test.reference);
  CHECK(status.answered(200));
  boost::system::error_code error;
  json::parse(status.body, error);
  CHECK(error);
}

TEST_CASE("truncated: the head promises more than comes") {
  Faulty test{{{"fault", "truncated"}}};
  const auto transfer = test.client.transfer(test.reference, "x");
  CHECK(transfer.wire == Wire::kClosed);
  CHECK(transfer.status == 202);
  CHECK(test.paid("x"));
  const auto status = test.client.status(test.reference);
  CHECK(status.wire == Wire::kClosed);
  CHECK(status.bytes_received > 100);
}

TEST_CASE("wrong_types: well-formed JSON in which nothing is what it should be") {
  Faulty test{{{"fault", "wrong_types"}}};
  CHECK(test.client.transfer(test.reference, "x").answered(202));
  CHECK(test.paid("x"));
  CHECK_FALSE(parse_object(test.client.status(test.reference).body).at("status").is_string());
  CHECK_FALSE(parse_object(test.client.request_token().body).at("access_token").is_string());
  CHECK_FALSE(parse_object(test.client.get("/disbursement/v1_0/account/balance").body)
                  .at("availableBalance")
                  .is_string());
  CHECK(parse_object(test.client.get("/disbursement/v1_0/accountholder/msisdn/2250700000001/active").body)
            .at("result")
            .is_object());
}

TEST_CASE("huge_body: more than anyone should read") {
  Faulty test{{{"fault", "huge_body"}, {"operation", "status"}, {"body_bytes", 3'000'000}}};
  CHECK(test.client.transfer(test.reference, "x").answered(202));
  const auto reply = test.client.status(test.reference);
  CHECK(reply.answered(200));
  CHECK(reply.body.size() > 3'000'000);
  CHECK(json::parse(reply.body).is_object());
}

TEST_CASE("lost_then_late: unknown to queries first, paid in the end") {
  auto fault = on_transfer("lost_then_late");
  fault["delay_ms"] = 500;
  Faulty test{fault};
  const auto start = std::chrono::steady_clock::now();
  test.client.patience = 100ms;
  CHECK(test.client.transfer(test.reference, "x").wire == Wire::kTimedOut);
  test.client.wire.close();
  test.client.patience = 10s;
  CHECK(test.client.status(test.reference).answered(404));
  CHECK_FALSE(test.paid("x"));
  CHECK(test.client.final_status(test.reference).at("status") == "SUCCESSFUL");
  CHECK(std::chrono::steady_clock::now() - start >= 500ms);
  CHECK(test.paid("x"));
}

TEST_CASE("lost_then_late: the reference is taken while it cannot be seen") {
  auto fault = on_transfer("lost_then_late");
  fault["delay_ms"] = 60'000;
  Faulty test{fault};
  test.client.patience = 100ms;
  test.client.transfer(test.reference, "x");
  test.client.wire.close();
  test.client.patience = 10s;
  CHECK(test.client.transfer(test.reference, "x").answered(409));
  CHECK(ledger_entry(test.process, "x").at("times_requested") == 2);
}

TEST_CASE("status_flap: one 404 for a reference that exists") {
  Faulty test{{{"fault", "status_flap"}, {"operation", "status"}}};
  CHECK(test.client.status(test.reference).answered(404));  // truly unknown: the flap is kept
  CHECK(test.client.transfer(test.reference, "x").answered(202));
  CHECK(test.client.status(test.reference).answered(404));
  CHECK(test.client.status(test.reference).answered(200));
}

TEST_CASE("refuse_connection: for a while, then as before") {
  Faulty test{{{"fault", "refuse_connection"}, {"duration_ms", 300}}};
  const auto reply = test.client.transfer(test.reference, "x");
  CHECK(reply.wire == Wire::kRefused);
  CHECK(test.unheard_of("x"));
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (!test.client.transfer(test.reference, "x").answered(202)) {
    REQUIRE(std::chrono::steady_clock::now() < deadline);
    std::this_thread::sleep_for(10ms);
  }
  CHECK(test.paid("x"));
}

TEST_CASE("refuse_connection: until it is deleted") {
  Faulty test{{{"fault", "refuse_connection"}}};
  CHECK(test.client.transfer(test.reference, "x").wire == Wire::kRefused);
  test.process.remove("/faults");
  CHECK(test.client.transfer(test.reference, "x").answered(202));
}

TEST_CASE("refuse_connection: a later command moves the end") {
  Faulty test{{{"fault", "refuse_connection"}, {"duration_ms", 60'000}}};
  const auto moved_at = std::chrono::steady_clock::now();
  test.process.post("/faults", {{"fault", "refuse_connection"}, {"duration_ms", 400}});
  CHECK(test.client.transfer(test.reference, "x").wire == Wire::kRefused);
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (!test.client.transfer(test.reference, "x").answered(202)) {
    REQUIRE(std::chrono::steady_clock::now() < deadline);
    std::this_thread::sleep_for(10ms);
  }
  CHECK(std::chrono::steady_clock::now() - moved_at >= 400ms);
}

TEST_CASE("reset_on_accept: the connection dies before a byte is read") {
  Faulty test{{{"fault", "reset_on_accept"}, {"count", 2}}};
  const auto broken = [](const simulator::Reply& reply) { return reply.wire != Wire::kAnswered; };
  CHECK(broken(test.client.transfer(test.reference, "x")));
  test.client.wire.close();
  CHECK(broken(test.client.transfer(test.reference, "x")));
  test.client.wire.close();
  CHECK(test.client.transfer(test.reference, "x").answered(202));
  CHECK(ledger_entry(test.process, "x").at("times_requested") == 1);
  CHECK(test.process.get("/stats").at("connections_reset") == 2);
}

TEST_CASE("callbacks: duplicated, out of order, delayed, missing") {
  WireListener listener;
  const auto run = [&](json::object fault, auto&& check) {
    Faulty test{std::move(fault)};
    test.client.callback_url = listener.url() + "/hook";
    REQUIRE(test.client.transfer(test.reference, "x").answered(202));
    check();
  };
  run({{"fault", "duplicate_callback"}}, [&] {
    const auto first = listener.next();
    const auto second = listener.next();
    REQUIRE((first && second));
    CHECK(first->body == second->body);
  });
  run({{"fault", "out_of_order_callback"}, {"delay_ms", 50}}, [&] {
    const auto first = listener.next();
    const auto second = listener.next();
    REQUIRE((first && second));
    CHECK(parse_object(first->body).at("status") == "SUCCESSFUL");
    CHECK(parse_object(second->body).at("status") == "PENDING");
  });
  run({{"fault", "delayed_callback"}, {"delay_ms", 300}}, [&] {
    CHECK_FALSE(listener.next(200, 100ms));
    CHECK(listener.next());
  });
  run({{"fault", "no_callback"}}, [&] { CHECK_FALSE(listener.next(200, 200ms)); });
}

TEST_CASE("a fault meets only what it names") {
  Faulty test{{{"fault", "answer_429"}, {"operation", "transfer"}, {"external_id", "marked"}}};
  CHECK(test.client.transfer(new_reference(), "other").answered(202));
  CHECK(test.client.transfer(test.reference, "marked").answered(429));
  test.process.remove("/faults");
  CHECK(test.client.transfer(test.reference, "marked").answered(202));
  test.process.post("/faults", {{"fault", "answer_429"}, {"operation", "status"}, {"external_id", "marked"}});
  CHECK(test.client.status(test.reference).answered(429));
  test.process.remove("/faults");
  test.process.post("/faults", {{"fault", "answer_429"}, {"payee", "2250700000009"}});
  CHECK(test.client.transfer(new_reference(), "other").answered(202));
  CHECK(test.client.transfer(new_reference(), "other", "2250700000009").answered(429));
}

TEST_CASE("a fault is counted, listed and deleted") {
  Faulty test{{{"fault", "answer_429"}, {"operation", "transfer"}, {"count", 2}}};
  const auto id = test.process.post("/faults", {{"fault", "answer_403"}, {"operation", "balance"}}).at("id");
  CHECK(test.client.transfer(test.reference, "x").answered(429));
  auto list = test.process.get("/faults").as_array();
  REQUIRE(list.size() == 2);
  CHECK(list[0].at("applied") == 1);
  CHECK(list[0].at("count") == 1);
  CHECK(test.client.get("/disbursement/v1_0/account/balance").answered(403));
  test.process.remove("/faults/" + std::to_string(id.to_number<int>()));
  CHECK(test.client.get("/disbursement/v1_0/account/balance").answered(200));
  CHECK(test.client.transfer(test.reference, "x").answered(429));
  CHECK(test.client.transfer(test.reference, "x").answered(202));
  CHECK(test.process.get("/stats").at_pointer("/faults_applied/answer_429") == 2);
  CHECK(test.process.get("/stats").at("internal_errors") == 0);
}

TEST_CASE("a probable fault follows from the seed") {
  std::vector<std::string> runs;
  for (int run = 0; run < 2; ++run) {
    Faulty test{{{"fault", "answer_429"}, {"operation", "balance"}, {"probability", 0.5}}};
    std::string seen;
    for (int at = 0; at < 40; ++at) {
      seen += test.client.get("/disbursement/v1_0/account/balance").status == 429 ? 'x' : '.';
    }
    runs.push_back(seen);
  }
  CHECK(runs[0] == runs[1]);
  CHECK(runs[0].find('x') != std::string::npos);
  CHECK(runs[0].find('.') != std::string::npos);
}
