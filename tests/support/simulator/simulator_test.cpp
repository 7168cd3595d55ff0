// The simulated MoMo when nothing is wrong, over real sockets to the real process.
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <set>
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
using simulator::WireClient;
using simulator::WireListener;

namespace {

const std::vector<std::string> kAnyCredentials{"--accept-any-credentials", "--fast", "--delayed-ms", "300"};

std::vector<std::string> with(std::vector<std::string> more) {
  auto options = kAnyCredentials;
  options.insert(options.end(), more.begin(), more.end());
  return options;
}

std::string code_of(const std::string& body) {
  return std::string{parse_object(body).at("code").as_string()};
}

/// The reason in either of its shapes; empty when there is none.
std::string reason_of(const json::object& status) {
  const auto* reason = status.if_contains("reason");
  if (reason == nullptr) return {};
  if (reason->is_string()) return std::string{reason->as_string()};
  return std::string{reason->at("code").as_string()};
}

int exit_status(const std::string& options) {
  const auto status = std::system((SimulatorProcess::program() + " " + options + " >/dev/null 2>&1").c_str());
  return WEXITSTATUS(status);
}

}  // namespace

TEST_CASE("the process starts, says where it listens, and stops on SIGTERM") {
  SimulatorProcess simulator{kAnyCredentials};
  CHECK(simulator.momo_url().starts_with("http://127.0.0.1:"));
  CHECK(simulator.momo_url() != simulator.control_url());
  CHECK(simulator.get("/stats").at("internal_errors") == 0);
  CHECK(simulator.stop() == 0);
}

TEST_CASE("the command line is explained and checked") {
  CHECK(exit_status("--help") == 0);
  CHECK(exit_status("--momo 0.0.0.0:0") != 0);
  CHECK(exit_status("--momo 127.0.0.1:99999") != 0);
  CHECK(exit_status("--processing-ms 9..3") != 0);
  CHECK(exit_status("--api-user lonely") != 0);
  CHECK(exit_status("--balance -5") != 0);
}

TEST_CASE("a port in use is an error, not a hang") {
  SimulatorProcess first{kAnyCredentials};
  CHECK(exit_status("--momo " + first.momo_url().substr(7)) == 1);
}

TEST_CASE("it ends with the process that started it") {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);  // the orphan becomes ours, so that its end can be awaited
  int channel[2];
  REQUIRE(::pipe(channel) == 0);
  const auto middle = ::fork();
  if (middle == 0) {
    auto* orphan = new SimulatorProcess{kAnyCredentials};  // not destroyed: that would stop it properly
    const auto pid = orphan->pid();
    const bool told = ::write(channel[1], &pid, sizeof pid) == sizeof pid;
    ::_exit(told ? 0 : 1);
  }
  pid_t orphan = -1;
  REQUIRE(::read(channel[0], &orphan, sizeof orphan) == sizeof orphan);
  REQUIRE(::waitpid(middle, nullptr, 0) == middle);
  CHECK(::waitpid(orphan, nullptr, 0) == orphan);
  ::close(channel[0]);
  ::close(channel[1]);
  ::prctl(PR_SET_CHILD_SUBREAPER, 0);
}

TEST_CASE("a sandbox user is provisioned, gets a key and a token") {
  SimulatorProcess simulator{{"--fast"}};
  WireClient wire{simulator.momo_url()};
  const auto user = new_reference();
  const simulator::Headers headers{{"X-Reference-Id", user}, {"Ocp-Apim-Subscription-Key", "s"}};
  const std::string host = R"({"providerCallbackHost":"127.0.0.1"})";
  CHECK(wire.exchange("POST", "/v1_0/apiuser", {{"X-Reference-Id", user}}, host).answered(401));
  CHECK(wire.exchange("POST", "/v1_0/apiuser", {{"Ocp-Apim-Subscription-Key", "s"}}, host).answered(400));
  CHECK(wire.exchange("POST", "/v1_0/apiuser", headers, "{}").answered(400));
  CHECK(wire.exchange("POST", "/v1_0/apiuser", headers, host).answered(201));
  CHECK(wire.exchange("POST", "/v1_0/apiuser", headers, host).answered(409));
  CHECK(wire.exchange("GET", "/v1_0/apiuser/" + user, headers, {}).answered(200));
  CHECK(wire.exchange("POST", "/v1_0/apiuser/" + new_reference() + "/apikey", headers, {}).answered(404));
  const auto made = wire.exchange("POST", "/v1_0/apiuser/" + user + "/apikey", headers, {});
  REQUIRE(made.answered(201));
  const std::string key{parse_object(made.body).at("apiKey").as_string()};
  CHECK(key.size() == 32);

  MomoClient wrong{simulator, user, "wrong"};
  CHECK(wrong.request_token().answered(401));
  MomoClient right{simulator, user, key};
  const auto token = parse_object(right.request_token().body);
  CHECK(token.at("token_type") == "access_token");
  CHECK(token.at("expires_in") == 3600);

  right.callback_url = "http://elsewhere.example/hook";
  const auto refused = right.transfer(new_reference(), "host");
  CHECK(refused.status == 500);
  CHECK(code_of(refused.body) == "INVALID_CALLBACK_URL_HOST");
  right.callback_url = "http://127.0.0.1:1/hook";
  CHECK(right.transfer(new_reference(), "host").answered(202));
}

TEST_CASE("configured credentials are checked") {
  SimulatorProcess simulator{{"--api-user", "User-A", "--api-key", "key-a", "--subscription-key", "right"}};
  MomoClient client{simulator};
  client.subscription_key = "wrong";
  CHECK(client.request_token().answered(401));
  client.subscription_key = "right";
  CHECK(client.request_token().answered(200));
  MomoClient stranger{simulator, "user-b", "key-b"};
  stranger.subscription_key = "right";
  const auto refused = stranger.request_token();
  CHECK(refused.answered(401));
  CHECK(simulator.get("/stats").at("token_refreshes") == 1);
}

TEST_CASE("tokens expire and refreshes are counted") {
  SimulatorProcess simulator{with({"--token-ttl-s", "1"})};
  MomoClient client{simulator};
  CHECK(client.get("/disbursement/v1_0/account/balance").answered(200));
  std::this_thread::sleep_for(1100ms);  // the provider's clock is what is tested
  const auto expired = client.get("/disbursement/v1_0/account/balance");
  CHECK(expired.answered(401));
  client.forget_token();
  CHECK(client.get("/disbursement/v1_0/account/balance").answered(200));
  CHECK(simulator.get("/stats").at("token_refreshes") == 2);
}

TEST_CASE("a transfer is accepted, paid once, and can be asked about") {
  SimulatorProcess simulator{with({"--callbacks", "off"})};
  MomoClient client{simulator};
  const auto reference = new_reference();
  CHECK(client.status(reference).answered(404));
  const auto accepted = client.transfer(reference, "order-1");
  REQUIRE(accepted.answered(202));
  CHECK(accepted.body.empty());

  const auto duplicate = client.transfer(reference, "order-1");
  CHECK(duplicate.answered(409));
  CHECK(parse_object(duplicate.body) ==
        json::object{{"code", "RESOURCE_ALREADY_EXIST"},
                     {"message", "Duplicated reference id. Creation of resource failed."}});

  const auto status = client.final_status(reference);
  CHECK(status.at("status") == "SUCCESSFUL");
  CHECK(status.at("amount") == "100");
  CHECK(status.at("currency") == "EUR");
  CHECK(status.at("externalId") == "order-1");
  CHECK(status.at("payee") == json::value{{"partyIdType", "MSISDN"}, {"partyId", simulator::kGoodPayee}});
  CHECK(status.at("financialTransactionId").is_string());

  const auto entry = ledger_entry(simulator, "order-1");
  CHECK(entry.at("paid") == true);
  CHECK(entry.at("reference").as_string() == reference);
  CHECK(entry.at("api_user") == "user-a");
  CHECK(entry.at("times_requested") == 2);
  CHECK(entry.at("final_at").is_string());
}

TEST_CASE("upper and lower case name the same reference") {
  SimulatorProcess simulator{kAnyCredentials};
  MomoClient client{simulator};
  CHECK(client.transfer("AAAAAAAA-0000-4000-8000-00000000ABCD", "case").answered(202));
  CHECK(client.transfer("aaaaaaaa-0000-4000-8000-00000000abcd", "case").answered(409));
  CHECK(ledger_count(simulator, "case") == 1);
}

TEST_CASE("references belong to one API user") {
  SimulatorProcess simulator{kAnyCredentials};
  MomoClient first{simulator};
  MomoClient second{simulator, "user-b", "key-b"};
  const auto reference = new_reference();
  REQUIRE(first.transfer(reference, "scoped").answered(202));
  CHECK(second.status(reference).answered(404));
  CHECK(second.transfer(reference, "scoped").answered(202));
  CHECK(simulator.get("/ledger/summary").at("paid_twice") == json::array{"scoped"});
}

TEST_CASE("what a transfer's head may be") {
  SimulatorProcess simulator{kAnyCredentials};
  MomoClient client{simulator};
  const auto target = "/disbursement/v1_0/transfer";
  const auto body = json::serialize(client.body("head"));
  auto send = [&](std::string_view missing, std::string_view name = {}, std::string value = {}) {
    simulator::Headers kept;
    auto all = client.headers();
    all.emplace_back("X-Reference-Id", new_reference());
    for (const auto& header : all) {
      if (header.first != missing && header.first != name) kept.push_back(header);
    }
    if (!name.empty()) kept.emplace_back(name, value);
    return client.wire.exchange("POST", target, kept, body);
  };
  CHECK(send("").answered(202));
  CHECK(send("Authorization").answered(401));
  CHECK(send("", "Authorization", "Bearer nonsense").answered(401));
  CHECK(send("Ocp-Apim-Subscription-Key").answered(401));
  CHECK(send("X-Reference-Id").answered(400));
  CHECK(send("", "X-Reference-Id", "12345").answered(400));
  CHECK(send("", "X-Reference-Id", "aaaaaaaa-0000-1000-8000-00000000abcd").answered(400));  // version 1
  CHECK(send("", "X-Reference-Id", "aaaaaaaa-0000-4000-0000-00000000abcd").answered(400));  // wrong variant
  CHECK(send("X-Target-Environment").answered(400));
  const auto environment = send("", "X-Target-Environment", "mtnatlantis");
  CHECK(environment.answered(500));
  CHECK(code_of(environment.body) == "NOT_ALLOWED_TARGET_ENVIRONMENT");
  CHECK(ledger_count(simulator, "head") == 1);
  CHECK(client.get("/disbursement/v9/nothing").answered(404));
}

TEST_CASE("what a transfer's body may be") {
  SimulatorProcess simulator{kAnyCredentials};
  MomoClient client{simulator};
  const auto refused = [&](const json::object& body) {
    return client.transfer(new_reference(), body).answered(400);
  };
  const auto changed = [&](std::string_view field, json::value value) {
    auto body = client.body("body");
    body[field] = std::move(value);
    return body;
  };
  for (const char* amount :
       {"0", "0.00", "-1", "+1", "1e3", "", " 1", "1.", ".5", "1.234", "abc", "1,5", "0x10"}) {
    INFO(amount);
    CHECK(refused(changed("amount", amount)));
  }
  CHECK(refused(changed("amount", 100)));
  CHECK(refused(changed("amount", nullptr)));
  CHECK(refused(changed("currency", 978)));
  CHECK(refused(changed("externalId", 7)));
  CHECK(refused(changed("payee", "46733123400")));
  CHECK(refused(changed("payee", json::object{{"partyIdType", "EMAIL"}, {"partyId", "a@b.c"}})));
  for (const char* party :
       {"+2250700000001", "225 0700000001", "1234567", "1234567890123456", "0700000001", ""}) {
    INFO(party);
    CHECK(refused(changed("payee", json::object{{"partyIdType", "MSISDN"}, {"partyId", party}})));
  }
  for (const char* message : {"payerMessage", "payeeNote"}) {
    CHECK(refused(changed(message, json::string(161, 'x'))));
    CHECK(refused(changed(message, "l'argent")));
    CHECK(refused(changed(message, 5)));
  }
  auto head = client.headers();
  head.emplace_back("X-Reference-Id", new_reference());
  CHECK(client.wire.exchange("POST", "/disbursement/v1_0/transfer", head, "{\"amount\":").answered(400));
  CHECK(client.wire.exchange("POST", "/disbursement/v1_0/transfer", head, "[]").answered(400));
  CHECK(ledger_count(simulator, "body") == 0);

  json::string accented;
  for (int at = 0; at < 160; ++at) accented += "é";
  CHECK(client.transfer(new_reference(), changed("payeeNote", accented)).answered(202));
}

TEST_CASE("each target environment has its currency and its account") {
  SimulatorProcess simulator{with({"--balance", "1000"})};
  struct Expected {
    const char* environment;
    const char* currency;
    const char* fraction;
    int status;
  };
  const std::vector<Expected> countries{
      {"mtnivorycoast", "XOF", "1.50", 400}, {"mtnbenin", "XOF", "1.50", 400},
      {"mtnuganda", "UGX", "1.50", 400},     {"mtncameroon", "XAF", "1.50", 400},
      {"mtnghana", "GHS", "1.50", 202},      {"sandbox", "EUR", "1.50", 202}};
  for (const auto& country : countries) {
    INFO(country.environment);
    MomoClient client{simulator};
    client.environment = country.environment;
    client.currency = country.currency;
    const auto external_id = std::string{"country-"} + country.environment;
    CHECK(client.transfer(new_reference(), external_id).answered(202));
    const auto balance = parse_object(client.get("/disbursement/v1_0/account/balance").body);
    CHECK(balance == json::object{{"availableBalance", "900"}, {"currency", country.currency}});
    CHECK(client.transfer(new_reference(), client.body("fraction", simulator::kGoodPayee, country.fraction))
              .answered(country.status));
    client.currency = "USD";
    const auto refused = client.transfer(new_reference(), "dollars");
    CHECK(refused.answered(500));
    CHECK(code_of(refused.body) == "INVALID_CURRENCY");
  }
  CHECK(ledger_count(simulator, "dollars") == 0);
}

TEST_CASE("an empty account pays nothing") {
  SimulatorProcess simulator{kAnyCredentials};
  MomoClient client{simulator};
  simulator.post("/balance", {{"amount", "150"}});
  const auto first = new_reference();
  const auto second = new_reference();
  CHECK(client.transfer(first, "rich").answered(202));
  CHECK(client.transfer(second, "poor").answered(202));
  CHECK(client.final_status(first).at("status") == "SUCCESSFUL");
  const auto failed = client.final_status(second);
  CHECK(failed.at("status") == "FAILED");
  CHECK(reason_of(failed) == "NOT_ENOUGH_FUNDS");
  CHECK(ledger_entry(simulator, "poor").at("paid") == false);
  CHECK(simulator.get("/balance").at("sandbox") == "50");
}

TEST_CASE("the sandbox payees fail as they should") {
  SimulatorProcess simulator{kAnyCredentials};
  MomoClient client{simulator};
  const std::vector<std::pair<std::string, std::string>> failing{{"46733123450", "INTERNAL_PROCESSING_ERROR"},
                                                                 {"46733123451", "APPROVAL_REJECTED"},
                                                                 {"46733123452", "EXPIRED"},
                                                                 {"46733123455", "NOT_ENOUGH_FUNDS"},
                                                                 {"46733123456", "PAYER_LIMIT_REACHED"},
                                                                 {"46733123463", "SERVICE_UNAVAILABLE"}};
  for (const auto& [payee, reason] : failing) {
    INFO(payee);
    const auto reference = new_reference();
    CHECK(client.transfer(reference, payee, payee).answered(202));
    const auto status = client.final_status(reference);
    CHECK(status.at("status") == "FAILED");
    CHECK(reason_of(status) == reason);
    CHECK_FALSE(status.contains("financialTransactionId"));
    CHECK(ledger_entry(simulator, payee).at("paid") == false);
    CHECK(ledger_entry(simulator, payee).at("reason").as_string() == reason);
  }

  const std::vector<std::pair<std::string, std::string>> refused{
      {"46733123457", "PAYEE_NOT_FOUND"},
      {"46733123458", "NOT_ALLOWED"},
      {"46733123459", "NOT_ALLOWED_TARGET_ENVIRONMENT"},
      {"46733123460", "INVALID_CALLBACK_URL_HOST"},
      {"46733123461", "INVALID_CURRENCY"}};
  for (const auto& [payee, code] : refused) {
    INFO(payee);
    const auto reference = new_reference();
    const auto reply = client.transfer(reference, payee, payee);
    CHECK(reply.answered(500));
    CHECK(code_of(reply.body) == code);
    CHECK(client.status(reference).answered(404));
    CHECK(ledger_count(simulator, payee) == 0);
  }
}

TEST_CASE("the ongoing payee stays pending until a command settles it, the slow one ends by itself") {
  SimulatorProcess simulator{kAnyCredentials};
  MomoClient client{simulator};
  const auto ongoing = new_reference();
  const auto delayed = new_reference();
  CHECK(client.transfer(ongoing, "ongoing", "46733123453").answered(202));
  CHECK(client.transfer(delayed, "delayed", "46733123454").answered(202));
  CHECK(parse_object(client.status(delayed).body).at("status") == "PENDING");
  CHECK(ledger_entry(simulator, "delayed").at("paid") == false);
  CHECK(client.final_status(delayed).at("status") == "SUCCESSFUL");
  CHECK(ledger_entry(simulator, "delayed").at("paid") == true);

  CHECK(parse_object(client.status(ongoing).body).at("status") == "PENDING");
  simulator.post("/settle", {{"reference", ongoing}, {"status", "FAILED"}, {"reason", "EXPIRED"}});
  CHECK(reason_of(client.final_status(ongoing)) == "EXPIRED");
  CHECK_THROWS(simulator.post("/settle", {{"reference", ongoing}, {"status", "SUCCESSFUL"}}));
}

TEST_CASE("behind INTERNAL_PROCESSING_ERROR the money may have moved or not") {
  SimulatorProcess simulator{kAnyCredentials};
  MomoClient client{simulator};
  int paid = 0;
  constexpr int kTries = 40;
  for (int at = 0; at < kTries; ++at) {
    const auto reference = new_reference();
    const auto external_id = "unknown-" + std::to_string(at);
    const auto reply = client.transfer(reference, external_id, "46733123462");
    CHECK(reply.answered(500));
    CHECK(code_of(reply.body) == "INTERNAL_PROCESSING_ERROR");
    const bool known = client.status(reference).answered(200);
    CHECK(known == (ledger_count(simulator, external_id) == 1));
    paid += known ? 1 : 0;
  }
  CHECK(paid > 0);
  CHECK(paid < kTries);
}

TEST_CASE("any payee can be told how to behave") {
  SimulatorProcess simulator{kAnyCredentials};
  MomoClient client{simulator};
  simulator.post("/payees", {{"payee", simulator::kGoodPayee}, {"behaviour", "PAYEE_LIMIT_REACHED"}});
  const auto reference = new_reference();
  CHECK(client.transfer(reference, "limited").answered(202));
  CHECK(reason_of(client.final_status(reference)) == "PAYEE_LIMIT_REACHED");
  simulator.post("/payees", {{"payee", simulator::kGoodPayee}, {"behaviour", "NOT_ALLOWED"}});
  CHECK(client.transfer(new_reference(), "refused").answered(500));
  simulator.post("/payees", {{"payee", simulator::kGoodPayee}, {"behaviour", "succeed"}});
  const auto paid = new_reference();
  CHECK(client.transfer(paid, "succeeds").answered(202));
  CHECK(client.final_status(paid).at("status") == "SUCCESSFUL");
  CHECK_THROWS_WITH(simulator.post("/payees", {{"payee", "123456789"}, {"behaviour", "dance"}}),
                    Catch::Contains("behaviour: must be one of"));
}

TEST_CASE("account holders are active, in either shape of the answer") {
  SimulatorProcess simulator{kAnyCredentials};
  MomoClient client{simulator};
  std::set<json::kind> kinds;
  for (int at = 0; at < 20; ++at) {
    const auto msisdn = std::to_string(2250700000100 + at);
    const auto reply = client.get("/disbursement/v1_0/accountholder/msisdn/" + msisdn + "/active");
    REQUIRE(reply.answered(200));
    const auto result = parse_object(reply.body).at("result");
    kinds.insert(result.kind());
    CHECK((result == true || result == "true"));
  }
  CHECK(kinds.size() == 2);
  const auto unknown =
      parse_object(client.get("/disbursement/v1_0/accountholder/msisdn/46733123457/active").body);
  CHECK((unknown.at("result") == false || unknown.at("result") == "false"));
  CHECK(client.get("/disbursement/v1_0/accountholder/msisdn/+225/active").answered(400));
}

TEST_CASE("the shapes that MTN leaves open follow from the seed") {
  std::set<json::kind> reasons;
  std::set<json::kind> amounts;
  std::vector<std::string> bodies;
  for (int run = 0; run < 2; ++run) {
    SimulatorProcess simulator{with({"--seed", "42", "--unquoted-numbers"})};
    MomoClient client{simulator};
    std::string all;
    for (int at = 0; at < 16; ++at) {
      const auto reference =
          "0000000" + std::string(1, "0123456789abcdef"[at]) + "-0000-4000-8000-00000000f00d";
      CHECK(client.transfer(reference, "shape", "46733123452").answered(202));
      const auto reply = client.status(reference);
      all += reply.body;
      reasons.insert(parse_object(reply.body).at("reason").kind());
      amounts.insert(parse_object(reply.body).at("amount").kind());
    }
    bodies.push_back(all);
  }
  CHECK(bodies[0] == bodies[1]);
  CHECK(reasons.size() == 2);
  CHECK(amounts.size() == 2);
}

TEST_CASE("processing takes time when it is told to") {
  SimulatorProcess simulator{
      {"--accept-any-credentials", "--processing-ms", "250..300", "--transfer-latency-ms", "60"}};
  MomoClient client{simulator};
  client.token();
  const auto reference = new_reference();
  const auto before = std::chrono::steady_clock::now();
  CHECK(client.transfer(reference, "slow").answered(202));
  CHECK(std::chrono::steady_clock::now() - before >= 60ms);
  CHECK(parse_object(client.status(reference).body).at("status") == "PENDING");
  client.final_status(reference);
  CHECK(std::chrono::steady_clock::now() - before >= 240ms);
}

TEST_CASE("callbacks come by PUT or POST, carry the status, and no reference") {
  SimulatorProcess simulator{kAnyCredentials};
  MomoClient client{simulator};
  WireListener listener;
  std::set<std::string> methods;
  for (int at = 0; at < 12; ++at) {
    const auto reference = new_reference();
    const auto external_id = "callback-" + std::to_string(at);
    client.callback_url = listener.url() + "/hook/" + reference + "?n=" + std::to_string(at);
    REQUIRE(client.transfer(reference, external_id).answered(202));
    const auto callback = listener.next();
    REQUIRE(callback);
    methods.insert(callback->method);
    CHECK(callback->target == "/hook/" + reference + "?n=" + std::to_string(at));
    CHECK(callback->body == client.status(reference).body);
    CHECK(callback->body.find(reference) == std::string::npos);
  }
  CHECK(methods == std::set<std::string>{"POST", "PUT"});
}

TEST_CASE("a callback that is not accepted comes again") {
  SimulatorProcess simulator{kAnyCredentials};
  MomoClient client{simulator};
  WireListener listener;
  client.callback_url = listener.url() + "/hook";
  REQUIRE(client.transfer(new_reference(), "again").answered(202));
  REQUIRE(listener.next(500));
  REQUIRE(listener.next(500));
  REQUIRE(listener.next(204));
  CHECK_FALSE(listener.next(200, 200ms));
  CHECK(simulator.get("/stats").at("callbacks_delivered") == 1);
  CHECK(simulator.get("/stats").at("callbacks_sent") == 3);
}

TEST_CASE("callbacks can be switched off") {
  SimulatorProcess simulator{with({"--callbacks", "off"})};
  MomoClient client{simulator};
  WireListener listener;
  client.callback_url = listener.url() + "/hook";
  REQUIRE(client.transfer(new_reference(), "silent").answered(202));
  CHECK_FALSE(listener.next(200, 200ms));
}

TEST_CASE("the ledger can be filtered, paged and summed") {
  SimulatorProcess simulator{kAnyCredentials};
  MomoClient client{simulator};
  std::string reference;
  constexpr int kPaid = 700;  // more than one chunk of the answer
  for (int at = 0; at < kPaid; ++at) {
    reference = new_reference();
    REQUIRE(client.transfer(reference, "l-" + std::to_string(at)).answered(202));
  }
  std::this_thread::sleep_for(2ms);
  REQUIRE(client.transfer(new_reference(), client.body("last", "46733123453", "0.5")).answered(202));
  const std::string last_at{ledger_entry(simulator, "last").at("accepted_at").as_string()};

  const auto all = simulator.get("/ledger").as_array();
  CHECK(all.size() == kPaid + 1);
  CHECK(all[5].at("external_id") == "l-5");
  const auto page = simulator.get("/ledger?offset=690&limit=5").as_array();
  REQUIRE(page.size() == 5);
  CHECK(page[0].at("external_id") == "l-690");
  CHECK(simulator.get("/ledger?offset=9999").as_array().empty());
  CHECK(simulator.get("/ledger?reference=" + reference).as_array().size() == 1);
  CHECK(simulator.get("/ledger?status=PENDING").as_array().size() == 1);
  CHECK(simulator.get("/ledger?since=" + last_at).as_array().size() == 1);
  CHECK_THROWS(simulator.get("/ledger?since=yesterday"));
  CHECK_THROWS(simulator.get("/ledger?limit=few"));

  const auto summary = simulator.get("/ledger/summary");
  CHECK(summary.at("count") == kPaid + 1);
  CHECK(summary.at_pointer("/by_status/SUCCESSFUL/count") == kPaid);
  CHECK(summary.at_pointer("/by_status/SUCCESSFUL/sum/EUR") == "70000");
  CHECK(summary.at_pointer("/by_status/PENDING/sum/EUR") == "0.5");
  CHECK(summary.at("paid_twice").as_array().empty());
}

TEST_CASE("a payment made twice is found") {
  SimulatorProcess simulator{kAnyCredentials};
  MomoClient client{simulator};
  CHECK(client.transfer(new_reference(), "twice").answered(202));
  CHECK(client.transfer(new_reference(), "twice").answered(202));
  CHECK(client.transfer(new_reference(), "once").answered(202));
  CHECK(client.transfer(new_reference(), "once", "46733123452").answered(202));  // failed: not paid
  CHECK(simulator.get("/ledger/summary").at("paid_twice") == json::array{"twice"});
}

TEST_CASE("a reset forgets payments and keeps credentials") {
  SimulatorProcess simulator{with({"--balance", "1000"})};
  MomoClient client{simulator};
  const auto reference = new_reference();
  CHECK(client.transfer(reference, "before").answered(202));
  CHECK(client.transfer(new_reference(), "delayed", "46733123454").answered(202));
  simulator.post("/faults", {{"fault", "answer_429"}});
  simulator.post("/reset");
  CHECK(simulator.get("/ledger").as_array().empty());
  CHECK(simulator.get("/faults").as_array().empty());
  CHECK(simulator.get("/stats").at("scheduled") == 0);
  CHECK(simulator.get("/balance").at("sandbox") == "1000");
  CHECK(client.status(reference).answered(404));
  CHECK(client.transfer(reference, "after").answered(202));
  CHECK(simulator.get("/stats").at("token_refreshes") == 0);
}

TEST_CASE("commands that make no sense are refused with a reason") {
  SimulatorProcess simulator{kAnyCredentials};
  using Catch::Contains;
  CHECK_THROWS_WITH(simulator.post("/faults", {{"fault", "earthquake"}}), Contains("pay_and_cut"));
  CHECK_THROWS_WITH(simulator.post("/faults", json::object{}), Contains("fault: must be one of"));
  CHECK_THROWS_WITH(simulator.post("/faults", {{"fault", "slow"}, {"operation", "dance"}}),
                    Contains("transfer"));
  CHECK_THROWS_WITH(simulator.post("/faults", {{"fault", "slow"}, {"probability", 2}}),
                    Contains("probability"));
  CHECK_THROWS_WITH(simulator.post("/faults", {{"fault", "slow"}, {"delay", 2}}),
                    Contains("delay: unknown field"));
  CHECK_THROWS_WITH(simulator.post("/faults", {{"fault", "slow"}, {"count", -1}}), Contains("count"));
  CHECK_THROWS_WITH(simulator.post("/faults", {{"fault", "slow"}, {"protocol", "telex"}}), Contains("telex"));
  CHECK_THROWS_WITH(simulator.post("/faults", json::array{}), Contains("JSON object"));
  CHECK_THROWS_WITH(simulator.post("/balance", {{"amount", 5}}), Contains("amount"));
  CHECK_THROWS_WITH(simulator.post("/balance", {{"amount", "five"}}), Contains("amount"));
  CHECK_THROWS_WITH(simulator.post("/seed", {{"seed", "x"}}), Contains("seed"));
  CHECK_THROWS(simulator.get("/nothing"));
  CHECK_THROWS(simulator.remove("/faults/77"));
  CHECK(simulator.get("/stats").at("internal_errors") == 0);
}
