// The simulated TMoney over real sockets to the real process: its life of a payment, and every fault.
#include <catch2/catch.hpp>
#include <set>
#include <thread>

#include "simulator_fixture.hpp"

namespace json = boost::json;
using namespace std::chrono_literals;
using simulator::ledger_count;
using simulator::ledger_entry;
using simulator::parse_object;
using simulator::Reply;
using simulator::SimulatorProcess;
using simulator::Wire;
using simulator::WireClient;
using simulator::WireListener;

namespace {

constexpr const char* kPayee = "22890990990";
const std::vector<std::string> kFast{"--accept-any-credentials", "--fast"};

std::vector<std::string> fast_with(std::vector<std::string> more) {
  more.insert(more.end(), kFast.begin(), kFast.end());
  return more;
}

/// "2000", whether it came as a string or as a number.
std::string text_of(const json::value& value) {
  return value.is_string() ? std::string{value.as_string()} : json::serialize(value);
}

struct TmoneyClient {
  explicit TmoneyClient(const SimulatorProcess& simulator) : wire(simulator.url("tmoney")) {}

  WireClient wire;
  std::string scheme = "Bearer ";
  std::string path = "/m-banking/v1/api/tpcredit";
  std::string token;
  std::chrono::milliseconds patience{10'000};

  Reply login(const std::string& user = "user", const std::string& password = "password") {
    return wire.exchange("POST", "/login", {{"Content-Type", "application/json"}},
                         json::serialize(json::object{{"nomUtilisateur", user}, {"motDePasse", password}}),
                         patience);
  }
  simulator::Headers headers() {
    if (token.empty()) token = parse_object(login().body).at("data").at("token").as_string();
    return {{"Authorization", scheme + token}, {"Content-Type", "application/json"}};
  }
  static json::object body(const std::string& id, const std::string& payee = kPayee) {
    return {{"idRequete", id},
            {"numeroClient", payee},
            {"montant", 300},
            {"refCommande", "order-" + id},
            {"dateHeureRequete", "2021-03-30 17:09:03"},
            {"description", "paie"}};
  }
  Reply credit(const json::object& body) {
    return wire.exchange("POST", path, headers(), json::serialize(body), patience);
  }
  Reply credit(const std::string& id, const std::string& payee = kPayee) { return credit(body(id, payee)); }
  Reply status(const std::string& id) {
    return wire.exchange("GET", path + "/check-transaction-id?idRequete=" + id, headers(), {}, patience);
  }
  std::string state(const std::string& id) {
    const auto found = parse_object(status(id).body);
    if (found.at("total") == 0) return {};
    return std::string{found.at("data").at(0).at("statutRequete").as_string()};
  }
  void await_state(const std::string& id, std::string_view wanted) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (state(id) != wanted) {
      if (std::chrono::steady_clock::now() > deadline)
        throw std::runtime_error("never " + std::string{wanted});
      std::this_thread::sleep_for(2ms);
    }
  }
};

}  // namespace

TEST_CASE("tmoney: a login gives a token, or 4001", "[tmoney]") {
  SimulatorProcess simulator{{"--tmoney-user", "user", "--tmoney-password", "password"}};
  TmoneyClient client{simulator};
  const auto good = parse_object(client.login().body);
  CHECK(text_of(good.at("statut").at("code")) == "2000");
  CHECK(good.at("data").at("token").as_string().size() > 20);
  for (const auto& [user, password] :
       std::vector<std::pair<std::string, std::string>>{{"user", "wrong"}, {"other", "password"}, {"", ""}}) {
    const auto bad = client.login(user, password);
    CHECK((bad.answered(401) || bad.answered(200)));
    CHECK(text_of(parse_object(bad.body).at("statut").at("code")) == "4001");
    CHECK(parse_object(bad.body).at("data").is_null());
  }
  client.token = "made-up";
  const auto refused = client.credit("x");
  CHECK(refused.answered(401));
  CHECK((parse_object(refused.body).contains("fault") ||
         text_of(parse_object(refused.body).at("code")) == "4001"));
  CHECK(ledger_count(simulator, "order-x") == 0);
}

TEST_CASE("tmoney: the token goes in the form that the option says", "[tmoney]") {
  for (const auto& [option, bearer, bare] : std::vector<std::tuple<std::string, int, int>>{
           {"both", 200, 200}, {"bearer", 200, 401}, {"bare", 401, 200}}) {
    INFO(option);
    SimulatorProcess simulator{fast_with({"--tmoney-authorization", option})};
    TmoneyClient client{simulator};
    CHECK(client.status("x").answered(bearer));
    client.scheme = "";
    CHECK(client.status("x").answered(bare));
  }
}

TEST_CASE("tmoney: tokens expire", "[tmoney]") {
  SimulatorProcess simulator{fast_with({"--tmoney-token-ttl-s", "1"})};
  TmoneyClient client{simulator};
  CHECK(client.status("x").answered(200));
  std::this_thread::sleep_for(1100ms);  // the provider's clock is what is tested
  CHECK(client.status("x").answered(401));
  client.token.clear();
  CHECK(client.status("x").answered(200));
}

TEST_CASE("tmoney: a credit is paid once and can be asked about, on both paths", "[tmoney]") {
  SimulatorProcess simulator{fast_with({"--tmoney-balance", "25000"})};
  TmoneyClient client{simulator};
  CHECK(parse_object(client.status("r-1").body) == json::value{{"total", 0}, {"data", json::array{}}});
  const auto reply = client.credit("r-1");
  REQUIRE(reply.answered(200));
  const auto body = parse_object(reply.body);
  CHECK((text_of(body.at("code")) == "2000" || text_of(body.at("code")) == "2002"));
  CHECK(body.at("statutRequete") == "SUCCES");
  CHECK(body.at("typeRequete") == "CREDIT");
  CHECK(body.at("idRequete") == "r-1");
  CHECK(body.at("refCommande") == "order-r-1");
  CHECK(body.at("montant") == 300);
  CHECK(body.at("numeroClient") == kPayee);
  CHECK(reply.body.find(R"("soldePartenaire":24700.0)") != std::string::npos);

  const auto found = parse_object(client.status("r-1").body);
  CHECK(found.at("total") == 1);
  const auto one = found.at("data").at(0).as_object();
  CHECK(text_of(one.at("refTmoney")) == text_of(body.at("refTmoney")));
  CHECK(one.at("dateHeureRequete") == "2021-03-30 17:09:03");
  CHECK_FALSE(one.contains("soldePartenaire"));
  const auto entry = ledger_entry(simulator, "order-r-1");
  CHECK(entry.at("protocol") == "tmoney");
  CHECK(entry.at("reference") == "r-1");
  CHECK(entry.at("amount") == "300");
  CHECK(entry.at("currency") == "XOF");
  CHECK(entry.at("paid") == true);

  client.path = "/api/tpcredit";
  CHECK(client.credit("r-2").answered(200));
  CHECK(client.state("r-2") == "SUCCES");
  client.path = "/api/elsewhere";
  CHECK(client.credit("r-3").answered(404));
}

TEST_CASE("tmoney: what a credit's body may be", "[tmoney]") {
  SimulatorProcess simulator{kFast};
  TmoneyClient client{simulator};
  const auto changed = [&](std::string_view field, json::value value) {
    auto body = TmoneyClient::body("bad");
    body[field] = std::move(value);
    return client.credit(body).status;
  };
  for (const char* field : {"idRequete", "numeroClient", "montant", "refCommande", "dateHeureRequete"}) {
    INFO(field);
    CHECK(changed(field, nullptr) == 400);
    CHECK(changed(field, "") == 400);
    CHECK(changed(field, json::array{}) == 400);
  }
  for (const json::value& amount :
       {json::value("300"), json::value(0), json::value(-300), json::value(300.5), json::value(3e20)}) {
    INFO(amount);
    CHECK(changed("montant", amount) == 400);
  }
  for (const char* number : {"+22890990990", "90990990", "2289099099", "229909909901", "2289099099x"}) {
    INFO(number);
    CHECK(changed("numeroClient", number) == 400);
  }
  CHECK(changed("idRequete", 5) == 400);
  CHECK(changed("dateHeureRequete", "2021-03-30T17:09:03Z") == 400);
  CHECK(changed("dateHeureRequete", "2021-13-30 17:09:03") == 400);
  CHECK(changed("description", 5) == 400);
  const auto raw = client.wire.exchange("POST", client.path, client.headers(), "{\"idRequete\":");
  CHECK(raw.answered(400));
  CHECK(client.wire
            .exchange("POST", client.path, {{"Authorization", "Bearer " + client.token}},
                      json::serialize(TmoneyClient::body("bad")))
            .answered(400));
  CHECK(text_of(parse_object(raw.body).at("code")) == "5000");
  CHECK(simulator.get("/ledger").as_array().empty());
}

TEST_CASE("tmoney: credits wait, fail, are refused", "[tmoney]") {
  SimulatorProcess simulator{fast_with({"--delayed-ms", "150", "--tmoney-balance", "1000"})};
  TmoneyClient client{simulator};
  const auto behave = [&](const char* behaviour) {
    simulator.post("/payees", {{"protocol", "tmoney"}, {"payee", kPayee}, {"behaviour", behaviour}});
  };
  behave("ongoing");
  const auto waiting = parse_object(client.credit("o").body);
  CHECK(waiting.at("statutRequete") == "EN ATTENTE");
  CHECK((text_of(waiting.at("code")) == "2000" || text_of(waiting.at("code")) == "2001"));
  CHECK(waiting.at("refTmoney") == "");
  CHECK(client.state("o") == "EN ATTENTE");
  simulator.post("/settle", {{"reference", "o"}, {"status", "FAILED"}});
  CHECK(client.state("o") == "ECHEC");

  behave("delayed");
  CHECK(client.credit("d").answered(200));
  CHECK(client.state("d") == "EN ATTENTE");
  client.await_state("d", "SUCCES");

  behave("ECHEC");
  const auto failed = parse_object(client.credit("f").body);
  CHECK(failed.at("statutRequete") == "ECHEC");
  CHECK(text_of(failed.at("code")) == "5000");
  CHECK(ledger_entry(simulator, "order-f").at("status") == "FAILED");

  behave("5000");
  const auto refused = client.credit("r");
  CHECK(refused.answered(200));
  CHECK(text_of(parse_object(refused.body).at("code")) == "5000");
  CHECK(client.state("r").empty());

  behave("succeed");
  auto much = TmoneyClient::body("poor");
  much["montant"] = 5000;
  CHECK(parse_object(client.credit(much).body).at("statutRequete") == "ECHEC");
  CHECK(ledger_entry(simulator, "order-poor").at("reason") == "SOLDE_INSUFFISANT");
  simulator.post("/balance", {{"protocol", "tmoney"}, {"amount", "5000"}});
  much["idRequete"] = "rich";
  CHECK(parse_object(client.credit(much).body).at("statutRequete") == "SUCCES");
  CHECK(simulator.get("/balance?protocol=tmoney").at("partner") == "0");
  CHECK_THROWS_WITH(
      simulator.post("/payees", {{"protocol", "tmoney"}, {"payee", kPayee}, {"behaviour", "dance"}}),
      Catch::Contains("behaviour: must be one of"));
  CHECK_THROWS_WITH(simulator.post("/reverse", {{"reference", "rich"}}),
                    Catch::Contains("brings no money back"));
}

TEST_CASE("tmoney: behind 5000 the money may have moved or not", "[tmoney]") {
  SimulatorProcess simulator{kFast};
  TmoneyClient client{simulator};
  simulator.post("/payees", {{"protocol", "tmoney"}, {"payee", kPayee}, {"behaviour", "unknown_5000"}});
  int paid = 0;
  for (int at = 0; at < 24; ++at) {
    const auto id = "u-" + std::to_string(at);
    CHECK(text_of(parse_object(client.credit(id).body).at("code")) == "5000");
    const bool known = client.state(id) == "SUCCES";
    CHECK(known == (ledger_count(simulator, "order-" + id) == 1));
    paid += known ? 1 : 0;
  }
  CHECK(paid > 0);
  CHECK(paid < 24);
}

TEST_CASE("tmoney: the same idRequete again pays, is refused or is replayed", "[tmoney]") {
  {
    SimulatorProcess simulator{kFast};
    TmoneyClient client{simulator};
    CHECK(client.credit("same").answered(200));
    CHECK(client.credit("same").answered(200));
    CHECK(simulator.get("/ledger/summary").at("paid_twice") == json::array{"order-same"});
    const auto found = parse_object(client.status("same").body);
    CHECK(found.at("total") == 2);
    CHECK(text_of(found.at("data").at(0).at("refTmoney")) != text_of(found.at("data").at(1).at("refTmoney")));

    auto body = TmoneyClient::body("renamed");
    CHECK(client.credit(body).answered(200));
    body["refCommande"] = "another order";
    CHECK(client.credit(body).answered(200));
    CHECK(simulator.get("/ledger/summary?protocol=tmoney").at("paid_twice") ==
          json::array{"order-same", "renamed"});
    CHECK(simulator.get("/stats").at("transfers_duplicated") == 2);
  }
  SimulatorProcess refusing{fast_with({"--tmoney-duplicates", "refuse"})};
  TmoneyClient refused{refusing};
  CHECK(refused.credit("same").answered(200));
  CHECK(refused.credit("same").answered(400));
  CHECK(ledger_entry(refusing, "order-same").at("times_requested") == 2);
  SimulatorProcess replaying{fast_with({"--tmoney-duplicates", "replay"})};
  TmoneyClient replayed{replaying};
  const auto first = replayed.credit("same");
  CHECK(replayed.credit("same").body == first.body);
  CHECK(ledger_count(replaying, "order-same") == 1);
}

TEST_CASE("tmoney: a credit can be paid and yet be absent for a while", "[tmoney]") {
  SimulatorProcess simulator{fast_with({"--tmoney-absence-ms", "200"})};
  TmoneyClient client{simulator};
  const auto before = std::chrono::steady_clock::now();
  CHECK(parse_object(client.credit("x").body).at("statutRequete") == "SUCCES");
  CHECK(client.state("x").empty());
  CHECK(ledger_entry(simulator, "order-x").at("paid") == true);
  client.await_state("x", "SUCCES");
  CHECK(std::chrono::steady_clock::now() - before >= 200ms);
}

TEST_CASE("tmoney: code and refTmoney are strings, integers or both", "[tmoney]") {
  for (const auto& [option, kinds] : std::vector<std::pair<std::string, std::set<json::kind>>>{
           {"strings", {json::kind::string}},
           {"integers", {json::kind::int64}},
           {"mixed", {json::kind::string, json::kind::int64}}}) {
    INFO(option);
    SimulatorProcess simulator{fast_with({"--tmoney-types", option})};
    TmoneyClient client{simulator};
    std::set<json::kind> codes;
    std::set<json::kind> references;
    for (int at = 0; at < 16; ++at) {
      const auto body = parse_object(client.credit("k-" + std::to_string(at)).body);
      codes.insert(body.at("code").kind());
      references.insert(body.at("refTmoney").kind());
    }
    CHECK(codes == kinds);
    CHECK(references == kinds);
  }
}

TEST_CASE("tmoney: a final credit is told where it is wanted", "[tmoney]") {
  SimulatorProcess simulator{kFast};
  TmoneyClient client{simulator};
  WireListener listener;
  simulator.post("/callback-url", {{"protocol", "tmoney"}, {"url", listener.url() + "/hook"}});
  CHECK(client.credit("x").answered(200));
  const auto callback = listener.next();
  REQUIRE(callback);
  CHECK(callback->method == "POST");
  CHECK(parse_object(callback->body).at("statutRequete") == "SUCCES");
  simulator.post("/faults", {{"fault", "out_of_order_callback"}, {"delay_ms", 20}, {"protocol", "tmoney"}});
  CHECK(client.credit("y").answered(200));
  REQUIRE(listener.next());
  const auto stale = listener.next();
  REQUIRE(stale);
  CHECK(parse_object(stale->body).at("statutRequete") == "EN ATTENTE");
  CHECK_THROWS_WITH(simulator.post("/callback-url", {{"protocol", "momo"}, {"url", "http://x"}}),
                    Catch::Contains("no callback address"));
}

TEST_CASE("tmoney: every fault of a credit", "[tmoney]") {
  SimulatorProcess simulator{fast_with({"--tmoney-duplicates", "refuse"})};
  for (const auto& fault : simulator::request_faults()) {
    INFO(fault.fault);
    TmoneyClient client{simulator};
    client.headers();
    const std::string id = std::string{"f-"} + fault.fault;
    simulator.post("/faults", {{"fault", fault.fault},
                               {"protocol", "tmoney"},
                               {"operation", "credit"},
                               {"reference", id},
                               {"body_bytes", 100'000}});
    if (fault.wire == Wire::kTimedOut) client.patience = 150ms;
    const auto reply = client.credit(id);
    CHECK(reply.wire == fault.wire);
    CHECK(reply.status == (fault.status == -1 ? 200 : fault.status));
    CHECK(ledger_count(simulator, "order-" + id) == (fault.processed ? 1 : 0));
    const std::string name = fault.fault;
    if (reply.status == 401 || reply.status == 500) {
      const auto body = parse_object(reply.body);
      CHECK((body.contains("fault") || body.contains("code")));
    }
    if (reply.status == 403 || reply.status == 429) CHECK(parse_object(reply.body).contains("fault"));
    if (name == "wrong_types") CHECK(parse_object(reply.body).at("statutRequete").is_array());
    simulator.remove("/faults");
    client.wire.close();
    client.patience = 10s;
    CHECK(client.credit(id).answered(fault.processed ? 400 : 200));
    CHECK(ledger_entry(simulator, "order-" + id).at("times_requested") == 2);
    CHECK(ledger_entry(simulator, "order-" + id).at("paid") == true);
  }
  CHECK(simulator.get("/stats").at("internal_errors") == 0);
}

TEST_CASE("tmoney: faults of a login keep its shape, or are a gateway's", "[tmoney]") {
  SimulatorProcess simulator{kFast};
  TmoneyClient client{simulator};
  for (const auto& [fault, status] :
       std::vector<std::pair<std::string, int>>{{"answer_401", 401}, {"answer_500_before_paying", 500}}) {
    simulator.post("/faults", {{"fault", fault}, {"operation", "login"}});
    const auto reply = client.login();
    CHECK(reply.answered(status));
    const auto body = parse_object(reply.body);
    CHECK((body.contains("fault") || body.at("statut").as_object().contains("code")));
    simulator.remove("/faults");
  }
}

TEST_CASE("tmoney: the two 500s of a credit look the same", "[tmoney]") {
  std::vector<std::string> bodies;
  for (const char* fault : {"answer_500_before_paying", "answer_500_after_paying"}) {
    SimulatorProcess simulator{kFast};
    TmoneyClient client{simulator};
    simulator.post("/faults", {{"fault", fault}, {"operation", "credit"}});
    bodies.push_back(client.credit("same").body);
  }
  CHECK(bodies[0] == bodies[1]);
}

TEST_CASE("tmoney: lost and late, flapping, wrong types elsewhere", "[tmoney]") {
  SimulatorProcess simulator{kFast};
  TmoneyClient client{simulator};
  client.headers();
  simulator.post("/faults",
                 {{"fault", "lost_then_late"}, {"operation", "credit"}, {"delay_ms", 300}, {"count", 1}});
  client.patience = 50ms;
  CHECK(client.credit("late").wire == Wire::kTimedOut);
  client.wire.close();
  client.patience = 10s;
  CHECK(client.state("late").empty());
  CHECK(ledger_entry(simulator, "order-late").at("paid") == false);
  client.await_state("late", "SUCCES");

  simulator.post("/faults", {{"fault", "status_flap"}, {"protocol", "tmoney"}});
  CHECK(client.state("late").empty());
  CHECK(client.state("late") == "SUCCES");
  simulator.post("/faults", {{"fault", "wrong_types"}, {"protocol", "tmoney"}});
  CHECK(parse_object(client.login().body).at("statut").is_string());
  CHECK(parse_object(client.status("late").body).at("total").is_string());
}
