// The simulated Moov merchant service over real sockets to the real process: its life of a payment, and every
// fault.
#include <catch2/catch.hpp>
#include <set>
#include <thread>

#include "simulator_fixture.hpp"

namespace json = boost::json;
using namespace std::chrono_literals;
using simulator::ledger_count;
using simulator::ledger_entry;
using simulator::Reply;
using simulator::SimulatorProcess;
using simulator::Wire;
using simulator::WireClient;

namespace {

constexpr const char* kPayee = "22994512412";
const std::string kPath = "/com.tlc.merchant.api/UssdPush";
// The published vectors: username/password and myusername/mypassword under the vendor's default key.
constexpr const char* kToken = "hnTyz1stTsRO8PxwCssFHwwUakVCzRFeJ4Ms/F9cem0=";
constexpr const char* kOtherToken = "7a1FPyjZ4eqAhFIoHpLumttby9GoBPGuwV5AIaB22tc=";
const std::vector<std::string> kFast{"--accept-any-credentials", "--fast"};

std::vector<std::string> fast_with(std::vector<std::string> more) {
  more.insert(more.end(), kFast.begin(), kFast.end());
  return more;
}

/// The text of the first element with this name; "?" when there is none.
std::string element(const std::string& xml, const std::string& name) {
  if (xml.find("<" + name + "/>") != std::string::npos) return {};
  const auto begin = xml.find("<" + name + ">");
  const auto end = xml.find("</" + name + ">");
  if (begin == std::string::npos || end == std::string::npos) return "?";
  const auto from = begin + name.size() + 2;
  return xml.substr(from, end - from);
}

struct FloozClient {
  explicit FloozClient(const SimulatorProcess& simulator) : wire(simulator.url("flooz")) {}

  WireClient wire;
  std::string token = kToken;
  std::string content_type = "application/soap+xml; charset=utf-8";
  std::chrono::milliseconds patience{10'000};

  static std::string envelope(const std::string& content) {
    return R"(<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" )"
           R"(xmlns:api="http://api.merchant.tlc.com/"><soapenv:Header/><soapenv:Body>)" +
           content + "</soapenv:Body></soapenv:Envelope>";
  }
  std::string operation(const std::string& name, const std::string& request) const {
    return envelope("<api:" + name + "><token>" + token + "</token><request>" + request +
                    "</request></api:" + name + ">");
  }
  Reply send(const std::string& body) {
    return wire.exchange("POST", kPath, {{"Content-Type", content_type}}, body, patience);
  }
  static std::string transfer_fields(const std::string& id, const std::string& payee = kPayee,
                                     const std::string& amount = "10") {
    return "<destination>" + payee + "</destination><amount>" + amount + "</amount><referenceid>" + id +
           "</referenceid><walletid>0</walletid><extendeddata>order-" + id + "</extendeddata>";
  }
  Reply transfer(const std::string& id, const std::string& payee = kPayee, const std::string& amount = "10") {
    return send(operation("transferFlooz", transfer_fields(id, payee, amount)));
  }
  Reply status(const std::string& id) {
    return send(operation("getTransactionStatus", "<transid>" + id + "</transid>"));
  }
  Reply account(const std::string& msisdn) {
    return send(operation("getMobileAccountStatus", "<msisdn>" + msisdn + "</msisdn>"));
  }
};

}  // namespace

TEST_CASE("flooz: a transfer is over when it is answered", "[flooz]") {
  SimulatorProcess simulator{fast_with({"--flooz-balance", "16819"})};
  FloozClient client{simulator};
  const auto reply = client.transfer("1234567890");
  REQUIRE(reply.answered(200));
  CHECK(reply.headers.at("content-type") == "text/xml;charset=UTF-8");
  CHECK(reply.body.find("<ns2:transferFloozResponse xmlns:ns2=\"http://api.merchant.tlc.com/\"><return>") !=
        std::string::npos);
  CHECK(element(reply.body, "status") == "0");
  CHECK(element(reply.body, "transactionid") == "1234567890");
  CHECK(element(reply.body, "senderbalancebefore") == "16819.00");
  CHECK(element(reply.body, "senderbalanceafter") == "16809.00");
  CHECK(element(reply.body, "senderkeycost").empty());
  const auto provider_id = element(reply.body, "referenceid");
  CHECK(provider_id.size() == 15);

  const auto entry = ledger_entry(simulator, "order-1234567890");
  CHECK(entry.at("protocol") == "flooz");
  CHECK(entry.at("reference") == "1234567890");
  CHECK(entry.at("provider_ref").as_string() == provider_id);
  CHECK(entry.at("paid") == true);

  const auto status = client.status(provider_id);
  CHECK(status.answered(200));
  CHECK(status.body.find("getTransactionStatusResponse") != std::string::npos);
  CHECK(element(status.body, "response").find("<status>0</status>") != std::string::npos);
  CHECK(element(status.body, "referenceid") == provider_id);
  CHECK(element(client.status("1234567890").body, "status") == "94");  // by the provider's id only
}

TEST_CASE("flooz: whose id the status knows is an option", "[flooz]") {
  for (const auto& [option, by_provider, by_client] :
       std::vector<std::tuple<std::string, std::string, std::string>>{
           {"provider", "0", "94"}, {"client", "94", "0"}, {"both", "0", "0"}}) {
    INFO(option);
    SimulatorProcess simulator{fast_with({"--flooz-status-by", option})};
    FloozClient client{simulator};
    const auto provider_id = element(client.transfer("ours").body, "referenceid");
    CHECK(element(client.status(provider_id).body, "status") == by_provider);
    CHECK(element(client.status("ours").body, "status") == by_client);
    FloozClient stranger{simulator};
    stranger.token = kOtherToken;
    CHECK(element(stranger.status(provider_id).body, "status") == "94");
    CHECK(element(stranger.status("ours").body, "status") == "94");
  }
}

TEST_CASE("flooz: tokens are decrypted and checked", "[flooz]") {
  SimulatorProcess simulator{{"--flooz-user", "username", "--flooz-password", "password"}};
  FloozClient client{simulator};
  CHECK(element(client.transfer("good").body, "status") == "0");
  for (const char* token :
       {kOtherToken, "", "dXNlcm5hbWU6cGFzc3dvcmQ=", "nonsense", "hnTyz1stTsRO8PxwCssFHw=="}) {
    INFO(token);
    client.token = token;
    const auto refused = client.transfer("bad");
    CHECK(refused.answered(200));
    CHECK(element(refused.body, "status") == "98");
    CHECK(element(client.status("good").body, "status") == "98");
  }
  CHECK(ledger_count(simulator, "order-bad") == 0);
  SimulatorProcess other_key{fast_with({"--flooz-key", "abcdefghijklmnopqrstuvwxyz012345"})};
  FloozClient wrong{other_key};
  CHECK(element(wrong.transfer("x").body, "status") == "98");
}

TEST_CASE("flooz: what is no request is a fault", "[flooz]") {
  SimulatorProcess simulator{kFast};
  FloozClient client{simulator};
  const auto faulty = [&](const std::string& body) {
    const auto reply = client.send(body);
    return reply.answered(500) && !element(reply.body, "faultstring").empty() &&
           element(reply.body, "faultstring") != "?";
  };
  const auto fields = FloozClient::transfer_fields("bad");
  const auto good = client.operation("transferFlooz", fields);
  const auto replaced = [&](const std::string& from, const std::string& to) {
    auto text = good;
    text.replace(text.find(from), from.size(), to);
    return text;
  };
  CHECK(faulty(""));
  CHECK(faulty("{}"));
  CHECK(faulty(good.substr(0, good.size() - 5)));
  CHECK(faulty("<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]>" + good));
  CHECK(faulty(
      replaced("http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope")));
  CHECK(faulty(replaced("http://api.merchant.tlc.com/", "http://elsewhere/")));
  CHECK(faulty(client.operation("transferMoney", fields)));
  CHECK(faulty(replaced("order-bad", "Salt & Pepper")));
  CHECK(faulty(replaced("order-bad", "&company;")));
  CHECK(faulty(replaced("order-bad", "bell\x07")));
  CHECK(faulty(replaced("order-bad", "a < b")));
  CHECK(faulty(FloozClient::envelope("")));
  CHECK(faulty(FloozClient::envelope("<api:transferFlooz><token>t</token></api:transferFlooz>")));
  CHECK(faulty(client.operation("transferFlooz", "<api:amount>5</api:amount>")));
  CHECK(faulty(client.operation("transferFlooz", FloozClient::transfer_fields("bad", kPayee, "1,000"))));
  const auto number = client.transfer("bad", kPayee, "10.5");
  CHECK(element(number.body, "faultcode") == "soap:Server");
  CHECK(element(number.body, "faultstring") == "For input string: \"10.5\"");
  client.content_type = "application/json";
  CHECK(client.send(good).answered(415));
  client.content_type = "text/xml";
  CHECK(client.wire.exchange("GET", kPath, {}, {}).answered(405));
  CHECK(client.wire.exchange("POST", "/elsewhere", {{"Content-Type", "text/xml"}}, good).answered(404));
  CHECK(simulator.get("/ledger").as_array().empty());
  CHECK(client.send(good).answered(200));
}

TEST_CASE("flooz: what a transfer's fields may be", "[flooz]") {
  SimulatorProcess simulator{kFast};
  FloozClient client{simulator};
  const auto code = [&](const std::string& id, const std::string& payee, const std::string& amount) {
    return element(client.transfer(id, payee, amount).body, "status");
  };
  CHECK(code("", kPayee, "10") == "91");
  CHECK(code("x", "", "10") == "91");
  CHECK(code("x", kPayee, "") == "91");
  CHECK(code("x y", kPayee, "10") == "91");
  CHECK(code(std::string(65, '7'), kPayee, "10") == "91");
  CHECK(code("x", "+22994512412", "10") == "3");
  CHECK(code("x", "1234567", "10") == "3");
  CHECK(code("x", kPayee, "0") == "12");
  CHECK(code("x", kPayee, "99999999999999999999") == "11");
  CHECK(simulator.get("/ledger").as_array().empty());

  const auto escaped = client.operation("transferFlooz",
                                        "<destination>22994512412</destination><amount>10</"
                                        "amount><referenceid>e</referenceid><walletid>0</walletid>"
                                        "<extendeddata>A &amp; B &lt;c&gt;</extendeddata>");
  CHECK(element(client.send(escaped).body, "status") == "0");
  CHECK(simulator.get("/ledger?reference=e").at(0).at("external_id") == "A & B <c>");
}

TEST_CASE("flooz: payees answer with the codes of the service", "[flooz]") {
  SimulatorProcess simulator{fast_with({"--delayed-ms", "150", "--flooz-balance", "100"})};
  FloozClient client{simulator};
  const auto behave = [&](const std::string& behaviour) {
    simulator.post("/payees", {{"protocol", "flooz"}, {"payee", kPayee}, {"behaviour", behaviour}});
  };
  for (const std::string code :
       {"1", "2", "3", "4", "6", "7", "8", "9", "11", "12", "13", "17", "18", "20", "101", "555"}) {
    INFO(code);
    behave(code);
    const auto reply = client.transfer("c-" + code);
    CHECK(element(reply.body, "status") == code);
    CHECK(element(client.status(element(reply.body, "referenceid")).body, "status") == code);
    const auto entry = ledger_entry(simulator, "order-c-" + code);
    CHECK(entry.at("status") == "FAILED");
    CHECK(entry.at("reason").as_string() == code);
  }
  behave("ongoing");
  const auto pending = client.transfer("pending");
  CHECK(element(pending.body, "status") == "100");
  CHECK(element(client.status(element(pending.body, "referenceid")).body, "status") == "100");
  simulator.post("/settle", {{"reference", "pending"}, {"status", "FAILED"}, {"reason", "9"}});
  CHECK(element(client.status(element(pending.body, "referenceid")).body, "status") == "9");

  behave("delayed");
  const auto delayed = element(client.transfer("delayed").body, "referenceid");
  CHECK(element(client.status(delayed).body, "status") == "100");
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (element(client.status(delayed).body, "status") != "0") {
    REQUIRE(std::chrono::steady_clock::now() < deadline);
    std::this_thread::sleep_for(2ms);
  }
  behave("succeed");
  CHECK(element(client.transfer("poor", kPayee, "5000").body, "status") == "10");
  CHECK(ledger_entry(simulator, "order-poor").at("paid") == false);
  CHECK(simulator.get("/balance?protocol=flooz").at("merchant") == "90");
  CHECK_THROWS_WITH(
      simulator.post("/payees", {{"protocol", "flooz"}, {"payee", kPayee}, {"behaviour", "dance"}}),
      Catch::Contains("behaviour: must be one of"));
}

TEST_CASE("flooz: behind the unclear codes the money may have moved or not", "[flooz]") {
  SimulatorProcess simulator{kFast};
  FloozClient client{simulator};
  for (const std::string code : {"92", "95", "99", "-1"}) {
    simulator.post("/payees", {{"protocol", "flooz"}, {"payee", kPayee}, {"behaviour", code}});
    int paid = 0;
    for (int at = 0; at < 16; ++at) {
      const auto id = "u" + code + "-" + std::to_string(at);
      CHECK(element(client.transfer(id).body, "status") == code);
      paid += static_cast<int>(ledger_count(simulator, "order-" + id));
    }
    INFO(code);
    CHECK(paid > 0);
    CHECK(paid < 16);
  }
}

TEST_CASE("flooz: the same referenceid again pays, is refused or is replayed", "[flooz]") {
  {
    SimulatorProcess simulator{kFast};
    FloozClient client{simulator};
    const auto first = client.transfer("same");
    const auto second = client.transfer("same");
    CHECK(element(second.body, "status") == "0");
    CHECK(element(first.body, "referenceid") != element(second.body, "referenceid"));
    CHECK(simulator.get("/ledger/summary").at("paid_twice") == json::array{"order-same"});
    auto bare = client.operation("transferFlooz",
                                 "<destination>22994512412</destination><amount>10</amount>"
                                 "<referenceid>bare</referenceid><walletid>0</walletid>");
    CHECK(element(client.send(bare).body, "status") == "0");
    CHECK(element(client.send(bare).body, "status") == "0");
    CHECK(simulator.get("/ledger/summary?protocol=flooz").at("paid_twice") ==
          json::array{"bare", "order-same"});
    CHECK(element(client.status(element(second.body, "referenceid")).body, "status") == "0");
  }
  SimulatorProcess refusing{fast_with({"--flooz-duplicates", "refuse"})};
  FloozClient refused{refusing};
  CHECK(element(refused.transfer("same").body, "status") == "0");
  CHECK(element(refused.transfer("same").body, "status") == "2");
  CHECK(ledger_entry(refusing, "order-same").at("times_requested") == 2);
  SimulatorProcess replaying{fast_with({"--flooz-duplicates", "replay"})};
  FloozClient replayed{replaying};
  const auto first = replayed.transfer("same");
  CHECK(replayed.transfer("same").body == first.body);
  CHECK(ledger_count(replaying, "order-same") == 1);
}

TEST_CASE("flooz: balance and account status", "[flooz]") {
  SimulatorProcess simulator{fast_with({"--flooz-balance", "25000"})};
  FloozClient client{simulator};
  const auto balance = client.send(client.operation("getBalance", "<msisdn>22998000000</msisdn>"));
  CHECK(element(balance.body, "balance") == "25000.00");
  CHECK(element(balance.body, "status") == "0");
  simulator.post("/balance", {{"protocol", "flooz"}, {"amount", "12.5"}});
  CHECK(element(client.send(client.operation("getBalance", "<msisdn>22998000000</msisdn>")).body,
                "balance") == "12.50");

  const auto account = client.account(kPayee);
  CHECK(element(account.body, "subscriberstatus") == "ACTIVE");
  CHECK(element(account.body, "firstname") == "Afi &amp; Kofi");
  const auto behave = [&](const char* behaviour) {
    simulator.post("/payees", {{"protocol", "flooz"}, {"payee", kPayee}, {"behaviour", behaviour}});
  };
  behave("9");
  CHECK(element(client.account(kPayee).body, "subscriberstatus") == "INACTIVE");
  behave("555");
  CHECK(element(client.account(kPayee).body, "status") == "555");
  CHECK(element(client.account("12").body, "status") == "3");
}

TEST_CASE("flooz: the look of the XML varies when it is told to", "[flooz]") {
  SimulatorProcess simulator{fast_with({"--flooz-varied-xml"})};
  FloozClient client{simulator};
  std::set<std::string> wrappers;
  std::set<std::string> heads;
  std::string all;
  for (int at = 0; at < 40; ++at) {
    const auto reply = client.transfer("v-" + std::to_string(at));
    CHECK(element(reply.body, "status") == "0");
    for (const char* wrapper : {"return", "response", "result"}) {
      if (reply.body.find(std::string{"</"} + wrapper + ">") != std::string::npos) wrappers.insert(wrapper);
    }
    heads.insert(reply.body.substr(0, 40));
    all += reply.body;
  }
  CHECK(wrappers.size() == 3);
  CHECK(heads.size() >= 4);
  CHECK(all.find("http://www.w3.org/2003/05/soap-envelope") != std::string::npos);
  CHECK(all.find("<?xml version") != std::string::npos);
}

TEST_CASE("flooz: every fault of a transfer", "[flooz]") {
  SimulatorProcess simulator{fast_with({"--flooz-duplicates", "refuse"})};
  for (const auto& fault : simulator::request_faults()) {
    INFO(fault.fault);
    FloozClient client{simulator};
    const std::string id = std::string{"f-"} + fault.fault;
    simulator.post("/faults", {{"fault", fault.fault},
                               {"protocol", "flooz"},
                               {"operation", "transfer"},
                               {"external_id", "order-" + id},
                               {"body_bytes", 100'000}});
    if (fault.wire == Wire::kTimedOut) client.patience = 150ms;
    const auto reply = client.transfer(id);
    CHECK(reply.wire == fault.wire);
    CHECK(reply.status == (fault.status == -1 ? 200 : fault.status));
    CHECK(ledger_count(simulator, "order-" + id) == (fault.processed ? 1 : 0));
    const std::string name = fault.fault;
    if (reply.status == 500 || reply.status == 401 || reply.status == 403 || reply.status == 429) {
      CHECK(reply.headers.at("content-type") == "text/xml;charset=UTF-8");
      CHECK(element(reply.body, "faultstring").size() > 3);
    }
    if (name == "wrong_types") CHECK(element(reply.body, "status") == "DONE");
    if (name == "huge_body") {
      CHECK(reply.body.starts_with("<soap:Envelope"));
      CHECK(reply.body.ends_with("</soap:Envelope>"));
    }
    simulator.remove("/faults");
    client.wire.close();
    client.patience = 10s;
    CHECK(element(client.transfer(id).body, "status") == (fault.processed ? "2" : "0"));
    CHECK(ledger_entry(simulator, "order-" + id).at("times_requested") == 2);
    CHECK(ledger_entry(simulator, "order-" + id).at("paid") == true);
  }
  CHECK(simulator.get("/stats").at("internal_errors") == 0);
}

TEST_CASE("flooz: lost and late, flapping", "[flooz]") {
  SimulatorProcess simulator{fast_with({"--flooz-status-by", "client"})};
  FloozClient client{simulator};
  simulator.post("/faults",
                 {{"fault", "lost_then_late"}, {"protocol", "flooz"}, {"delay_ms", 300}, {"count", 1}});
  client.patience = 50ms;
  CHECK(client.transfer("late").wire == Wire::kTimedOut);
  client.wire.close();
  client.patience = 10s;
  CHECK(element(client.status("late").body, "status") == "94");
  CHECK(ledger_entry(simulator, "order-late").at("paid") == false);
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (element(client.status("late").body, "status") != "0") {
    REQUIRE(std::chrono::steady_clock::now() < deadline);
    std::this_thread::sleep_for(2ms);
  }
  CHECK(ledger_entry(simulator, "order-late").at("paid") == true);
  simulator.post("/faults", {{"fault", "status_flap"}, {"protocol", "flooz"}});
  CHECK(element(client.status("late").body, "status") == "94");
  CHECK(element(client.status("late").body, "status") == "0");
}
