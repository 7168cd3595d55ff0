// The simulated Thunes over real sockets to the real process: its life of a payment, and every fault.
#include <catch2/catch.hpp>
#include <set>
#include <thread>

#include "simulator_fixture.hpp"

namespace json = boost::json;
using namespace std::chrono_literals;
using simulator::base64;
using simulator::ledger_count;
using simulator::ledger_entry;
using simulator::parse_object;
using simulator::Reply;
using simulator::SimulatorProcess;
using simulator::Wire;
using simulator::WireClient;
using simulator::WireListener;

namespace {

constexpr const char* kPayee = "22890123456";
const std::string kBase = "/v2/money-transfer";

/// A client of the simulated Thunes that does what it is told, wrong things included.
struct ThunesClient {
  explicit ThunesClient(const SimulatorProcess& simulator, std::string api_key = "key")
      : wire(simulator.url("thunes")), key(std::move(api_key)) {}

  WireClient wire;
  std::string key;
  std::string secret = "secret";
  std::string callback_url;
  std::chrono::milliseconds patience{10'000};

  Reply send(std::string_view method, const std::string& target, const std::string& body = {}) {
    return wire.exchange(
        method, target,
        {{"Authorization", "Basic " + base64(key + ":" + secret)}, {"Content-Type", "application/json"}},
        body, patience);
  }
  Reply post(const std::string& target, const json::object& body) {
    return send("POST", kBase + target, json::serialize(body));
  }
  Reply post(const std::string& target) { return send("POST", kBase + target); }
  Reply get(const std::string& target) { return send("GET", kBase + target); }

  static json::object quotation_body(const std::string& id, const std::string& amount = "10000") {
    return {{"external_id", id},
            {"payer_id", "1"},
            {"mode", "DESTINATION_AMOUNT"},
            {"transaction_type", "B2C"},
            {"source", {{"amount", nullptr}, {"currency", "USD"}, {"country_iso_code", "USA"}}},
            {"destination", {{"amount", amount}, {"currency", "XOF"}}}};
  }
  json::object transaction_body(const std::string& id, const std::string& payee = kPayee) const {
    json::object body{{"external_id", id},
                      {"credit_party_identifier", {{"msisdn", payee}}},
                      {"sending_business", {{"registered_name", "Payer Ltd"}, {"country_iso_code", "USA"}}},
                      {"beneficiary", {{"lastname", "Mensah"}, {"firstname", "Afi"}}},
                      {"purpose_of_remittance", "SALARY"},
                      {"additional_information_1", "order-" + id}};
    if (!callback_url.empty()) body["callback_url"] = callback_url;
    return body;
  }
  /// Quotation and transaction, both with this external id.
  void prepare(const std::string& id, const std::string& payee = kPayee,
               const std::string& amount = "10000") {
    const auto quotation = post("/quotations", quotation_body(id, amount));
    if (!quotation.answered(201)) throw std::runtime_error("quotation: " + quotation.body);
    const auto transaction = post("/quotations/ext-" + id + "/transactions", transaction_body(id, payee));
    if (!transaction.answered(201)) throw std::runtime_error("transaction: " + transaction.body);
  }
  Reply confirm(const std::string& id) { return post("/transactions/ext-" + id + "/confirm"); }
  std::string status(const std::string& id) {
    const auto reply = get("/transactions/ext-" + id);
    return reply.answered(200) ? std::string{parse_object(reply.body).at("status").as_string()}
                               : std::string{};
  }
  void await_status(const std::string& id, std::string_view wanted) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (status(id) != wanted) {
      if (std::chrono::steady_clock::now() > deadline)
        throw std::runtime_error("never " + std::string{wanted});
      std::this_thread::sleep_for(2ms);
    }
  }
};

std::string code_of(const Reply& reply) {
  return std::string{parse_object(reply.body).at("errors").at(0).at("code").as_string()};
}

json::object balance_in(ThunesClient& client, std::string_view currency) {
  const auto accounts = json::parse(client.get("/balances").body);
  for (const auto& account : accounts.as_array()) {
    if (account.at("currency") == json::string(currency)) return account.as_object();
  }
  return {};
}

const std::vector<std::string> kFast{"--accept-any-credentials", "--fast"};

std::vector<std::string> fast_with(std::vector<std::string> more) {
  more.insert(more.end(), kFast.begin(), kFast.end());
  return more;
}

}  // namespace

TEST_CASE("thunes: ping needs no credentials, everything else does", "[thunes]") {
  SimulatorProcess simulator{{"--thunes-key", "key", "--thunes-secret", "secret"}};
  ThunesClient client{simulator};
  CHECK(client.wire.exchange("GET", "/ping", {}, {}).body == R"({"status":"up"})");
  CHECK(client.get("/balances").answered(200));
  client.secret = "wrong";
  const auto refused = client.get("/balances");
  CHECK(refused.answered(401));
  CHECK(parse_object(refused.body) ==
        json::value{{"errors", {{{"code", "1000401"}, {"message", "Unauthorized"}}}}});
  client.secret = "secret";
  client.key = "other";
  CHECK(client.get("/balances").answered(401));
  CHECK(client.wire.exchange("GET", kBase + "/balances", {}, {}).answered(401));
}

TEST_CASE("thunes: a payment from its quotation to its end", "[thunes]") {
  SimulatorProcess simulator{{"--accept-any-credentials", "--processing-ms", "120"}};
  ThunesClient client{simulator};
  const auto quoted = client.post("/quotations", ThunesClient::quotation_body("q-1"));
  REQUIRE(quoted.answered(201));
  const auto quotation = parse_object(quoted.body);
  CHECK(quotation.at("id").to_number<std::uint64_t>() > (1ULL << 53U));
  CHECK(quoted.body.find(R"("sent_amount":{"currency":"USD","amount":16.67})") != std::string::npos);
  CHECK(quoted.body.find(R"("fee":{"currency":"USD","amount":0.5})") != std::string::npos);
  CHECK(quotation.at("wholesale_fx_rate") == 600);
  CHECK(quotation.at("destination") == json::value{{"currency", "XOF"}, {"amount", 10000}});
  const auto id = std::to_string(quotation.at("id").to_number<std::uint64_t>());
  CHECK(client.get("/quotations/" + id).body == quoted.body);
  CHECK(client.get("/quotations/ext-q-1").body == quoted.body);

  const auto created =
      client.post("/quotations/" + id + "/transactions", client.transaction_body("t-1", "+22890123456"));
  REQUIRE(created.answered(201));
  auto transaction = parse_object(created.body);
  CHECK(transaction.at("status") == "10000");
  CHECK(transaction.at("status_message") == "CREATED");
  CHECK(transaction.at("status_class") == "1");
  CHECK(transaction.at("external_id") == "t-1");
  CHECK(transaction.at("purpose_of_remittance") == "SALARY");
  CHECK(simulator.get("/ledger").as_array().empty());  // no money can move yet

  const auto confirmed = client.confirm("t-1");
  REQUIRE(confirmed.answered(200));
  CHECK(parse_object(confirmed.body).at("status") == "20000");
  CHECK(client.status("t-1") == "20000");
  CHECK(ledger_entry(simulator, "order-t-1").at("paid") == false);
  client.await_status("t-1", "50000");
  client.await_status("t-1", "70000");

  const auto entry = ledger_entry(simulator, "order-t-1");
  CHECK(entry.at("protocol") == "thunes");
  CHECK(entry.at("reference") == "t-1");
  CHECK(entry.at("paid") == true);
  CHECK(entry.at("amount") == "10000");
  CHECK(entry.at("currency") == "XOF");
  CHECK(entry.at("payee") == kPayee);
  CHECK(simulator.get("/ledger?protocol=thunes").as_array().size() == 1);
  CHECK(simulator.get("/ledger?protocol=momo").as_array().empty());
  const auto transaction_id = std::to_string(transaction.at("id").to_number<std::uint64_t>());
  CHECK(client.get("/transactions/" + transaction_id).body == client.get("/transactions/ext-t-1").body);
}

TEST_CASE("thunes: an external id names one quotation and one transaction of a key", "[thunes]") {
  SimulatorProcess simulator{kFast};
  ThunesClient client{simulator};
  client.prepare("same");
  const auto again = client.post("/quotations", ThunesClient::quotation_body("same"));
  CHECK(code_of(again) == "1007001");
  client.post("/quotations", ThunesClient::quotation_body("other"));
  CHECK(code_of(client.post("/quotations/ext-other/transactions", client.transaction_body("same"))) ==
        "1007001");
  simulator.post("/expire", {{"protocol", "thunes"}, {"external_id", "same"}});
  CHECK(code_of(client.post("/quotations", ThunesClient::quotation_body("same"))) == "1007001");

  ThunesClient stranger{simulator, "another-key"};
  CHECK(code_of(stranger.get("/quotations/ext-same")) == "1008002");
  CHECK(code_of(stranger.get("/transactions/ext-same")) == "1008004");
  CHECK(code_of(stranger.confirm("same")) == "1008004");
  stranger.prepare("same");
}

TEST_CASE("thunes: what confirms, and what does not", "[thunes]") {
  SimulatorProcess simulator{kFast};
  ThunesClient client{simulator};
  CHECK(code_of(client.confirm("nothing")) == "1008004");
  client.prepare("twice");
  CHECK(client.confirm("twice").answered(200));
  CHECK(code_of(client.confirm("twice")) == "1007002");
  CHECK(code_of(client.post("/transactions/ext-twice/cancel")) == "1007002");
  CHECK(ledger_entry(simulator, "order-twice").at("times_requested") == 2);

  client.prepare("cancelled");
  const auto cancelled = client.post("/transactions/ext-cancelled/cancel");
  CHECK(cancelled.answered(200));
  CHECK(parse_object(cancelled.body).at("status") == "40000");
  CHECK(code_of(client.confirm("cancelled")) == "1007003");
  CHECK(ledger_count(simulator, "order-cancelled") == 0);

  client.prepare("declined", "263775892104");
  CHECK(client.confirm("declined").answered(200));
  CHECK(client.status("declined") == "90201");
  CHECK(code_of(client.confirm("declined")) == "1007002");  // which is why it must be asked what became of it
  const auto summary = simulator.get("/ledger/summary?protocol=thunes");
  CHECK(summary.at("count") == 2);
  CHECK(summary.at("paid_twice").as_array().empty());
}

TEST_CASE("thunes: quotations expire, by time or by command", "[thunes]") {
  SimulatorProcess simulator{fast_with({"--thunes-quotation-ttl-s", "1"})};
  ThunesClient client{simulator};
  client.prepare("before");
  CHECK(client.post("/quotations", ThunesClient::quotation_body("unused")).answered(201));
  std::this_thread::sleep_for(1100ms);  // the provider's clock is what is tested
  CHECK(code_of(client.confirm("before")) == "1007004");
  CHECK(code_of(client.post("/quotations/ext-unused/transactions", client.transaction_body("late"))) ==
        "1008003");
  CHECK(client.status("before") == "10000");
  CHECK(client.post("/transactions/ext-before/cancel").answered(200));

  SimulatorProcess lasting{kFast};
  ThunesClient second{lasting};
  second.prepare("x");
  CHECK(lasting.post("/expire", {{"protocol", "thunes"}, {"external_id", "x"}}).at("expired") == 1);
  CHECK(code_of(second.confirm("x")) == "1007004");
  CHECK(ledger_count(lasting, "order-x") == 0);
  CHECK_THROWS(lasting.post("/expire", {{"protocol", "thunes"}, {"external_id", "x"}}));
  second.prepare("y");
  second.prepare("z");
  CHECK(lasting.post("/expire", {{"protocol", "thunes"}}).at("expired") == 2);
  CHECK_THROWS_WITH(lasting.post("/expire", {{"protocol", "momo"}, {"external_id", "x"}}),
                    Catch::Contains("nothing that expires"));
}

TEST_CASE("thunes: the funds are held at confirm, gone at the end, back after a refusal", "[thunes]") {
  SimulatorProcess simulator{fast_with({"--thunes-balance", "100"})};
  ThunesClient client{simulator};
  simulator.post("/payees", {{"protocol", "thunes"}, {"payee", kPayee}, {"behaviour", "ongoing"}});
  client.prepare("held");  // 16.67 and 0.5
  CHECK(balance_in(client, "USD").at("pending") == 0);
  CHECK(client.confirm("held").answered(200));
  auto account = client.get("/balances").body;
  CHECK(account.find(R"("currency":"USD","balance":100,"pending":17.17,"available":82.83)") !=
        std::string::npos);

  client.prepare("much", kPayee, "60000");  // 100 and 0.5
  CHECK(code_of(client.confirm("much")) == "1007005");
  CHECK(client.status("much") == "10000");
  CHECK(ledger_count(simulator, "order-much") == 0);
  simulator.post("/settle", {{"reference", "held"}, {"status", "FAILED"}, {"reason", "30000"}});
  CHECK(client.status("held") == "30000");
  CHECK(balance_in(client, "USD").at("available") == 100);
  simulator.post("/balance", {{"protocol", "thunes"}, {"account", "USD"}, {"amount", "150"}});
  CHECK(client.confirm("much").answered(200));
  simulator.post("/settle", {{"reference", "much"}, {"status", "SUCCESSFUL"}});
  CHECK(simulator.get("/balance?protocol=thunes").at("USD") ==
        json::value{{"balance", "49.5"}, {"pending", "0"}, {"available", "49.5"}});
}

TEST_CASE("thunes: the numbers of pre-production, with and without a plus sign", "[thunes]") {
  SimulatorProcess simulator{kFast};
  ThunesClient client{simulator};
  for (const auto& [payee, status] :
       std::vector<std::pair<std::string, std::string>>{{"263775892100", "70000"},
                                                        {"263775892117", "90400"},
                                                        {"263775892104", "90201"},
                                                        {"263775892111", "90305"}}) {
    for (const std::string plus : {"", "+"}) {
      INFO(plus << payee);
      const auto id = (plus.empty() ? "m-" : "p-") + payee;
      client.prepare(id, plus + payee);
      CHECK(client.confirm(id).answered(200));
      CHECK(client.status(id) == status);
      const auto entry = ledger_entry(simulator, "order-" + id);
      CHECK(entry.at("paid") == (status == "70000"));
      CHECK(entry.at("reason") == (status == "70000" ? json::value(nullptr) : json::value(status)));
    }
  }
}

TEST_CASE("thunes: payees that end otherwise", "[thunes]") {
  SimulatorProcess simulator{kFast};
  ThunesClient client{simulator};
  struct Ending {
    const char* behaviour;
    const char* status;
    const char* ledger;
  };
  for (const auto& ending : std::vector<Ending>{{"succeed", "70000", "SUCCESSFUL"},
                                                {"ongoing", "50000", "PENDING"},
                                                {"20110", "20110", "PENDING"},
                                                {"20150", "20150", "PENDING"},
                                                {"30000", "30000", "FAILED"},
                                                {"60000", "60000", "PENDING"},
                                                {"60100", "60100", "SUCCESSFUL"},
                                                {"80000", "80000", "FAILED"},
                                                {"90201", "90201", "FAILED"}}) {
    INFO(ending.behaviour);
    const std::string id = std::string{"end-"} + ending.behaviour;
    simulator.post("/payees",
                   {{"protocol", "thunes"}, {"payee", "+22890123456"}, {"behaviour", ending.behaviour}});
    client.prepare(id);
    CHECK(client.confirm(id).answered(200));
    CHECK(client.status(id) == ending.status);
    CHECK(ledger_entry(simulator, "order-" + id).at("status") == ending.ledger);
  }
  for (const std::string code : {"1003007", "1005001", "1006001", "1006002", "1006099"}) {
    INFO(code);
    simulator.post("/payees", {{"protocol", "thunes"}, {"payee", kPayee}, {"behaviour", code}});
    CHECK(client.post("/quotations", ThunesClient::quotation_body("c-" + code)).answered(201));
    CHECK(code_of(client.post("/quotations/ext-c-" + code + "/transactions",
                              client.transaction_body("c-" + code))) == code);
    CHECK(code_of(client.get("/transactions/ext-c-" + code)) == "1008004");
  }
  simulator.post("/payees", {{"protocol", "thunes"}, {"payee", kPayee}, {"behaviour", "1006001@confirm"}});
  client.prepare("at-confirm");
  CHECK(code_of(client.confirm("at-confirm")) == "1006001");
  CHECK(client.status("at-confirm") == "10000");
  CHECK_THROWS_WITH(
      simulator.post("/payees", {{"protocol", "thunes"}, {"payee", kPayee}, {"behaviour", "dance"}}),
      Catch::Contains("behaviour: must be one of"));
}

TEST_CASE("thunes: behind 1009001 the money may have moved or not", "[thunes]") {
  SimulatorProcess simulator{kFast};
  ThunesClient client{simulator};
  simulator.post("/payees", {{"protocol", "thunes"}, {"payee", kPayee}, {"behaviour", "1009001@confirm"}});
  int paid = 0;
  for (int at = 0; at < 24; ++at) {
    const auto id = "unexpected-" + std::to_string(at);
    client.prepare(id);
    const auto reply = client.confirm(id);
    CHECK(reply.answered(500));
    CHECK(code_of(reply) == "1009001");
    const bool known = client.status(id) != "10000";
    CHECK(known == (ledger_count(simulator, "order-" + id) == 1));
    paid += known ? 1 : 0;
  }
  CHECK(paid > 0);
  CHECK(paid < 24);
}

TEST_CASE("thunes: a completed payment can come back", "[thunes]") {
  SimulatorProcess simulator{fast_with({"--thunes-balance", "100"})};
  ThunesClient client{simulator};
  WireListener listener;
  client.callback_url = listener.url() + "/hook";
  client.prepare("back");
  CHECK_THROWS(simulator.post("/reverse", {{"reference", "back"}}));
  CHECK(client.confirm("back").answered(200));
  for (int at = 0; at < 4; ++at) REQUIRE(listener.next());
  simulator.post("/reverse", {{"reference", "back"}});
  CHECK(client.status("back") == "80000");
  CHECK(balance_in(client, "USD").at("available") == 100);
  const auto entry = ledger_entry(simulator, "order-back");
  CHECK(entry.at("status") == "REVERSED");
  CHECK(entry.at("paid") == false);
  CHECK(entry.at("reversed_at").is_string());
  const auto callback = listener.next();
  REQUIRE(callback);
  CHECK(parse_object(callback->body).at("status") == 80000);
  CHECK_THROWS(simulator.post("/reverse", {{"reference", "back"}}));
  CHECK(simulator.get("/ledger/summary").at_pointer("/by_status/REVERSED/count") == 1);
}

TEST_CASE("thunes: callbacks carry numbers, authentication, and come more than once", "[thunes]") {
  SimulatorProcess simulator{fast_with({"--thunes-callback-auth", "hook:word"})};
  ThunesClient client{simulator};
  WireListener listener;
  client.callback_url = listener.url() + "/hook?token=5";
  client.prepare("called");
  CHECK(client.confirm("called").answered(200));
  std::multiset<int> statuses;
  for (int at = 0; at < 4; ++at) {
    const auto callback = listener.next();
    REQUIRE(callback);
    CHECK(callback->method == "POST");
    CHECK(callback->target == "/hook?token=5");
    CHECK(callback->headers.at("authorization") == "Basic " + base64("hook:word"));
    const auto body = parse_object(callback->body);
    CHECK(body.at("external_id") == "called");
    CHECK(body.at("status_class") == body.at("status").to_number<int>() / 10000);
    statuses.insert(body.at("status").to_number<int>());
  }
  CHECK(statuses == std::multiset<int>{50000, 50000, 70000, 70000});
  CHECK_FALSE(listener.next(200, 100ms));
}

TEST_CASE("thunes: a credit party can be verified", "[thunes]") {
  SimulatorProcess simulator{kFast};
  ThunesClient client{simulator};
  const auto verify = [&](const std::string& payer, const std::string& type, const json::object& body) {
    return client.post("/payers/" + payer + "/" + type + "/credit-party-verification", body);
  };
  const json::object body{{"credit_party_identifier", {{"msisdn", "+22890123456"}}}};
  CHECK(parse_object(verify("5", "B2C", body).body) ==
        json::value{{"id", 5}, {"account_status", "AVAILABLE"}});
  simulator.post("/payees", {{"protocol", "thunes"}, {"payee", kPayee}, {"behaviour", "BARRED"}});
  CHECK(parse_object(verify("5", "C2C", body).body).at("account_status") == "BARRED");
  CHECK(verify("5", "X2Y", body).answered(404));
  CHECK(code_of(verify("5", "B2C", {{"msisdn", kPayee}})) == "1000999");
}

TEST_CASE("thunes: what a quotation's body may be", "[thunes]") {
  SimulatorProcess simulator{fast_with({"--thunes-minimum", "100", "--thunes-maximum", "500000"})};
  ThunesClient client{simulator};
  const auto with = [](const char* pointer, json::value value) {
    json::value body = ThunesClient::quotation_body("q");
    body.at_pointer(pointer) = std::move(value);
    return body.as_object();
  };
  const auto refused = [&](const json::object& body) { return code_of(client.post("/quotations", body)); };
  CHECK(refused(with("/external_id", 7)) == "1000999");
  CHECK(refused(with("/external_id", "")) == "1000999");
  CHECK(refused(with("/external_id", json::string(65, 'x'))) == "1000999");
  CHECK(refused(with("/payer_id", "one")) == "1000999");
  CHECK(refused(with("/mode", "SOURCE")) == "1000999");
  CHECK(refused(with("/transaction_type", "B2X")) == "1000999");
  CHECK(refused(with("/source", "USD")) == "1000999");
  CHECK(refused(with("/source/amount", "5")) == "1000999");
  CHECK(refused(with("/source/currency", "XXX")) == "1000999");
  CHECK(refused(with("/source/country_iso_code", "US")) == "1000999");
  CHECK(refused(with("/source/country_iso_code", nullptr)) == "1000999");
  for (const json::value& amount :
       {json::value("0"), json::value("-5"), json::value("1e3"), json::value("10.5"), json::value(nullptr),
        json::value(json::array{}), json::value(1.5)}) {
    INFO(amount);
    CHECK(refused(with("/destination/amount", amount)) == "1000999");
  }
  CHECK(refused(with("/destination/amount", "99")) == "1003011");
  CHECK(refused(with("/destination/amount", 500001)) == "1003012");
  CHECK(refused(with("/source/currency", "GHS")) == "1000999");  // no account in it
  CHECK(code_of(client.send("POST", kBase + "/quotations", "{\"external_id\":")) == "1000999");
  const auto untyped = client.wire.exchange("POST", kBase + "/quotations",
                                            {{"Authorization", "Basic " + base64("key:secret")}},
                                            json::serialize(ThunesClient::quotation_body("q")));
  CHECK(code_of(untyped) == "1000999");
  CHECK(client.post("/quotations", with("/destination/amount", 500000)).answered(201));

  auto by_source = ThunesClient::quotation_body("by-source");
  by_source["mode"] = "SOURCE_AMOUNT";
  by_source["source"].as_object()["amount"] = "10.50";
  by_source["destination"].as_object()["amount"] = nullptr;
  const auto reply = client.post("/quotations", by_source);
  CHECK(reply.answered(201));
  CHECK(parse_object(reply.body).at("destination").at("amount") == 6300);
}

TEST_CASE("thunes: what a transaction's body may be", "[thunes]") {
  SimulatorProcess simulator{kFast};
  ThunesClient client{simulator};
  CHECK(client.post("/quotations", ThunesClient::quotation_body("q")).answered(201));
  const auto send = [&](const json::object& body) {
    return client.post("/quotations/ext-q/transactions", body);
  };
  const auto changed = [&](std::string_view field, json::value value) {
    auto body = client.transaction_body("t");
    body[field] = std::move(value);
    return code_of(send(body));
  };
  for (const char* required : {"external_id", "credit_party_identifier", "sending_business", "beneficiary",
                               "purpose_of_remittance"}) {
    INFO(required);
    CHECK(changed(required, nullptr) == "1000999");
    CHECK(changed(required, 5) == "1000999");
  }
  CHECK(changed("credit_party_identifier", json::object{{"msisdn", 22890123456}}) == "1000999");
  CHECK(changed("credit_party_identifier", json::object{{"msisdn", "022890"}}) == "1000999");
  CHECK(changed("beneficiary", json::object{{"lastname", 5}}) == "1000999");
  CHECK(changed("beneficiary", json::object{{"lastname", "M"}, {"country_iso_code", "TG"}}) == "1000999");
  CHECK(changed("purpose_of_remittance", "for fun") == "1000999");
  CHECK(changed("callback_url", "elsewhere") == "1000999");
  CHECK(code_of(client.post("/quotations/ext-none/transactions", client.transaction_body("t"))) == "1008002");
  CHECK(code_of(client.post("/quotations/17/transactions", client.transaction_body("t"))) == "1008002");
  CHECK(send(client.transaction_body("t")).answered(201));
  CHECK(client.post("/nothing").answered(404));
}

TEST_CASE("thunes: every fault of a confirm", "[thunes]") {
  SimulatorProcess simulator{kFast};
  for (const auto& fault : simulator::request_faults()) {
    INFO(fault.fault);
    ThunesClient client{simulator};
    const std::string id = std::string{"f-"} + fault.fault;
    client.prepare(id);
    simulator.post("/faults", {{"fault", fault.fault},
                               {"protocol", "thunes"},
                               {"operation", "confirm"},
                               {"external_id", "order-" + id},
                               {"body_bytes", 100'000}});
    if (fault.wire == Wire::kTimedOut) client.patience = 150ms;
    const auto reply = client.confirm(id);
    CHECK(reply.wire == fault.wire);
    CHECK(reply.status == (fault.status == -1 ? 200 : fault.status));
    CHECK(ledger_count(simulator, "order-" + id) == (fault.processed ? 1 : 0));
    const std::string name = fault.fault;
    if (reply.status == 500) CHECK(code_of(reply) == "1009001");
    if (reply.status == 401) CHECK(code_of(reply) == "1000401");
    if (reply.status == 403 || reply.status == 429) CHECK(code_of(reply).size() == 7);
    if (name == "wrong_types") CHECK(parse_object(reply.body).at("status").is_object());
    if (name == "huge_body") CHECK(parse_object(reply.body).size() == 1);
    simulator.remove("/faults");
    client.wire.close();
    client.patience = 10s;
    const auto again = client.confirm(id);
    CHECK(again.answered(fault.processed ? 409 : 200));
    CHECK(ledger_entry(simulator, "order-" + id).at("paid") == true);
  }
  CHECK(simulator.get("/ledger/summary").at("paid_twice").as_array().empty());
  CHECK(simulator.get("/stats").at("internal_errors") == 0);
}

TEST_CASE("thunes: wrong types of every answer", "[thunes]") {
  SimulatorProcess simulator{kFast};
  ThunesClient client{simulator};
  client.prepare("x");
  simulator.post("/faults", {{"fault", "wrong_types"}, {"protocol", "thunes"}});
  CHECK(json::parse(client.get("/balances").body).is_array());
  CHECK(parse_object(client.get("/quotations/ext-x").body).at("id").is_object());
  CHECK(parse_object(client.get("/transactions/ext-x").body).at("status").is_object());
  CHECK(parse_object(client.send("GET", "/ping").body).at("status").is_array());
}

TEST_CASE("thunes: a lost confirm comes late, and finds what was done meanwhile", "[thunes]") {
  SimulatorProcess simulator{kFast};
  const auto lose = [&](const std::string& id) {
    ThunesClient client{simulator};
    client.prepare(id);
    simulator.post(
        "/faults",
        {{"fault", "lost_then_late"}, {"external_id", "order-" + id}, {"delay_ms", 300}, {"count", 1}});
    client.patience = 50ms;
    CHECK(client.confirm(id).wire == Wire::kTimedOut);
  };
  ThunesClient client{simulator};
  lose("late");
  CHECK(client.status("late") == "10000");
  CHECK(ledger_count(simulator, "order-late") == 0);
  client.await_status("late", "70000");

  lose("overtaken");
  CHECK(client.confirm("overtaken").answered(200));
  lose("cancelled");
  CHECK(client.post("/transactions/ext-cancelled/cancel").answered(200));
  lose("marker");
  client.await_status("marker", "70000");  // by now the late ones before it have come
  CHECK(ledger_count(simulator, "order-overtaken") == 1);
  CHECK(client.status("cancelled") == "40000");
  CHECK(ledger_count(simulator, "order-cancelled") == 0);
}

TEST_CASE("thunes: a status flaps, callbacks misbehave", "[thunes]") {
  SimulatorProcess simulator{fast_with({"--thunes-callback-times", "1"})};
  ThunesClient client{simulator};
  client.prepare("x");
  simulator.post("/faults", {{"fault", "status_flap"}, {"protocol", "thunes"}});
  CHECK(code_of(client.get("/transactions/ext-x")) == "1008004");
  CHECK(client.status("x") == "10000");

  WireListener listener;
  client.callback_url = listener.url() + "/hook";
  const auto statuses = [&](const std::string& id, json::object fault, int expected) {
    client.prepare(id);
    simulator.post("/faults", std::move(fault));
    CHECK(client.confirm(id).answered(200));
    std::multiset<int> seen;
    for (int at = 0; at < expected; ++at) {
      const auto callback = listener.next();
      REQUIRE(callback);
      seen.insert(parse_object(callback->body).at("status").to_number<int>());
    }
    CHECK_FALSE(listener.next(200, 100ms));
    simulator.remove("/faults");
    return seen;
  };
  CHECK(statuses("d", {{"fault", "duplicate_callback"}, {"protocol", "thunes"}}, 4) ==
        std::multiset<int>{50000, 50000, 70000, 70000});
  CHECK(statuses("o", {{"fault", "out_of_order_callback"}, {"delay_ms", 20}}, 4) ==
        std::multiset<int>{20000, 50000, 50000, 70000});
  CHECK(statuses("n", {{"fault", "no_callback"}, {"operation", "confirm"}}, 0).empty());
}

TEST_CASE("thunes: a payout under two references is found to be paid twice", "[thunes]") {
  SimulatorProcess simulator{kFast};
  ThunesClient client{simulator};
  for (const std::string id : {"one", "two"}) {
    client.post("/quotations", ThunesClient::quotation_body(id));
    auto body = client.transaction_body(id);
    body["additional_information_1"] = "payout-7";
    client.post("/quotations/ext-" + id + "/transactions", body);
    CHECK(client.confirm(id).answered(200));
  }
  CHECK(simulator.get("/ledger/summary?protocol=thunes").at("paid_twice") == json::array{"payout-7"});
  CHECK(simulator.get("/ledger/summary?protocol=momo").at("paid_twice").as_array().empty());
  simulator.post("/reset");
  CHECK(client.confirm("one").answered(404));
  client.prepare("one");
}
