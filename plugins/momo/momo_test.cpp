#include <catch2/catch.hpp>
#include <payoutd/testing.hpp>

namespace {

namespace json = boost::json;
using namespace payoutd::testing;
using payoutd::Amount;
using payoutd::Environment;
using payoutd::HttpFailure;
using payoutd::HttpRequest;
using payoutd::HttpResponse;
using payoutd::HttpStage;
using payoutd::Status;
using payoutd::Submission;

const std::string kBase = "http://127.0.0.1:9";
const std::string kReference = "11111111-2222-4333-8444-555555555555";
const std::string kPayoutId = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee";
const std::string kApiUser = "99999999-8888-4777-8666-555555555555";
const std::string kApiKey = "planted-api-key";
const std::string kSubscriptionKey = "planted-subscription-key";
const std::string kTokenBody =
    R"({"access_token":"planted-token-1","token_type":"access_token","expires_in":3600})";
const std::string kSecondTokenBody =
    R"({"access_token":"planted-token-2","token_type":"access_token","expires_in":3600})";
const std::string kUnauthorized = R"({"message":"The access token expired"})";
const std::string kPaid =
    R"({"amount":"100","currency":"EUR","financialTransactionId":"363440463","externalId":")" + kPayoutId +
    R"(","payee":{"partyIdType":"MSISDN","partyId":"46733123999"},"status":"SUCCESSFUL"})";

Given plain() {
  return {{{"target_environment", "sandbox"}, {"base_url", kBase}, {"api_user", kApiUser}},
          {{"api_key", json::array{kApiKey}}, {"subscription_key", json::array{kSubscriptionKey}}}};
}

payoutd::Order example_order() {
  payoutd::Order order;
  order.payout_id = kPayoutId;
  order.reference = kReference;
  order.money = {Amount::parse("100").value(), "EUR"};
  order.destination = "46733123999";
  order.note = "Koffi's reward";
  return order;
}

struct Fixture : PluginBench {
  explicit Fixture(const Given& given = plain()) : PluginBench(given, example_order()) {}
};

}  // namespace

// ---- settings and contract

TEST_CASE("the descriptor names the plugin and the contract has no contradictions") {
  CHECK(std::string(plugin().name) == "momo");
  CHECK(descriptor_problems() == std::vector<std::string>{});
  const auto contract = contract_of(plain());
  CHECK(payoutd::validate(contract).empty());
  CHECK(contract.repeat == payoutd::Repeat::refused_as_duplicate);
  CHECK(contract.reference.uuid4);
  CHECK(contract.lookup_by_reference);
  CHECK_FALSE(contract.lookup_by_provider_ref);
  CHECK(contract.absence_is_proof_after == std::chrono::seconds(120));
  CHECK(contract.webhook == payoutd::WebhookKind::hint);
  CHECK(contract.concurrency == 8);
  CHECK(contract.query_rate_per_s == 10);
  CHECK_FALSE(contract.serial);
  CHECK_FALSE(contract.reversal_window);
  CHECK(contract.decimals_of("EUR") == 2);
  CHECK(contract.meaning_of("PAYEE_NOT_FOUND") == payoutd::CodeMeaning::refused);
  CHECK_FALSE(contract.meaning_of("INTERNAL_PROCESSING_ERROR"));
}

TEST_CASE("settings change the contract") {
  const auto contract = contract_of(plain().with({{"target_environment", "mtnghana"},
                                                  {"absence_wait", "90500ms"},
                                                  {"concurrency", 3},
                                                  {"query_rate_per_s", 7},
                                                  {"amount_decimals", 0},
                                                  {"submit_window", "3s"},
                                                  {"response_timeout", "9s"}}));
  CHECK(contract.absence_is_proof_after == std::chrono::seconds(91));
  CHECK(contract.concurrency == 3);
  CHECK(contract.query_rate_per_s == 7);
  CHECK(contract.decimals_of("GHS") == 0);
  CHECK_FALSE(contract.decimals_of("EUR"));
  CHECK(contract.submit_window == std::chrono::seconds(3));
  CHECK(contract.response_timeout == std::chrono::seconds(9));
}

TEST_CASE("each market brings its currency and country code") {
  struct Row {
    std::string target, currency, allowed, refused;
  };
  const Row row = GENERATE(values<Row>({{"mtnbenin", "XOF", "22997000000", "22507000000"},
                                        {"mtnivorycoast", "XOF", "2250700000000", "22997000000"},
                                        {"mtnuganda", "UGX", "256772123456", "250772123456"},
                                        {"mtnghana", "GHS", "233244109197", "229772123456"},
                                        {"mtncameroon", "XAF", "237670000000", "242670000000"},
                                        {"mtnsouthafrica", "ZAR", "27820000000", "268200000000"}}));
  const auto values = plain().with({{"target_environment", row.target}});
  CHECK(problems_of(values, Environment::dev).empty());
  CHECK(contract_of(values).currencies.at(0).code == row.currency);
  Fixture fixture(values);
  CHECK_FALSE(fixture.provider->check_destination(row.allowed));
  const auto problem = fixture.provider->check_destination(row.refused);
  REQUIRE(problem);
  CHECK(problem->field == "destination");
  CHECK(fixture.provider->check_destination("+" + row.allowed));
}

TEST_CASE("the environment decides which settings are harmless") {
  using Fields = std::vector<std::string>;
  const auto production =
      plain().with({{"target_environment", "mtnbenin"}, {"base_url", "https://proxy.momoapi.mtn.com"}});
  CHECK(problems_of(production, Environment::prod).empty());
  CHECK(problems_of(production, Environment::staging) == Fields{"base_url"});
  CHECK(problems_of(production, Environment::dev).empty());
  CHECK(problems_of(plain(), Environment::dev).empty());
  CHECK(problems_of(plain(), Environment::staging).empty());
  CHECK(problems_of(plain(), Environment::prod) == Fields{"base_url", "base_url", "target_environment"});

  const auto in_production = [&](const char* name, json::value value) {
    return problems_of(production.with({{name, std::move(value)}}), Environment::prod);
  };
  CHECK(in_production("base_url", "http://proxy.momoapi.mtn.com") == Fields{"base_url"});
  CHECK(in_production("base_url", "https://localhost") == Fields{"base_url"});
  CHECK(in_production("base_url", "https://127.0.0.2:8443") == Fields{"base_url"});
  CHECK(in_production("base_url", "https://[::1]/x") == Fields{"base_url"});
  CHECK(in_production("base_url", "https://SANDBOX.momodeveloper.mtn.com") == Fields{"base_url"});
  CHECK(in_production("base_url", "https://momo.example.org/mtn/").empty());
  CHECK(in_production("query_rate_per_s", 11) == Fields{"query_rate_per_s"});
  CHECK(in_production("query_rate_per_s", 0) == Fields{"query_rate_per_s"});
  CHECK(in_production("absence_wait", "59s") == Fields{"absence_wait"});
  CHECK(in_production("concurrency", 65) == Fields{"concurrency"});
}

TEST_CASE("settings that contradict each other are refused everywhere") {
  using Fields = std::vector<std::string>;
  const auto problems = [](const json::object& changes) {
    return problems_of(plain().with(changes), Environment::dev);
  };
  CHECK(problems({{"currency", "XOF"}}) == Fields{"currency"});
  CHECK(problems({{"target_environment", "mtnnowhere"}}) == Fields{"currency"});
  CHECK(problems({{"target_environment", "mtnnowhere"}, {"currency", "XOF"}}).empty());
  CHECK(problems({{"target_environment", "MTN Benin"}, {"currency", "XOF"}}) == Fields{"target_environment"});
  CHECK(problems({{"target_environment", "mtnbenin"}, {"currency", "ZZZ"}}) == Fields{"currency"});
  CHECK(problems({{"target_environment", "mtnbenin"}, {"amount_decimals", 2}}) == Fields{"amount_decimals"});
  CHECK(problems({{"base_url", "https://proxy.momoapi.mtn.com"}}) == Fields{"target_environment"});
  CHECK(problems({{"base_url", "https://example.org/?x=1"}}) == Fields{"base_url"});
  CHECK(problems({{"callbacks", true}}) == Fields{"callback_host"});
  CHECK(problems({{"callbacks", true}, {"callback_host", "pay.example.org"}}).empty());
  CHECK(problems({{"callback_host", "https://pay.example.org/"}}) == Fields{"callback_host"});
  CHECK(problems({{"country_prefixes", json::array{"+229"}}}) == Fields{"country_prefixes"});
  CHECK(problems({{"country_prefixes", json::array{"229", "228"}}}).empty());
  CHECK(problems({{"api_user", "a:b"}}) == Fields{"api_user"});
  CHECK(problems({{"default_note", " ' "}}) == Fields{"default_note"});
}

TEST_CASE("a secret with a line break never reaches a header") {
  const auto problems =
      problems_of(plain().with_secrets({{"api_key", json::array{"key\n"}},
                                        {"subscription_key", json::array{kSubscriptionKey, "old key"}}}),
                  Environment::dev);
  REQUIRE(problems.size() == 2);
  CHECK(problems[0] == "api_key");
  CHECK(problems[1] == "subscription_key");
}

TEST_CASE("the scope is address, market and API user, and no secret") {
  Fixture fixture;
  CHECK(fixture.provider->account_scope() == "http://127.0.0.1:9 sandbox " + kApiUser);
  Fixture elsewhere(plain().with({{"base_url", kBase + "/other/"}}));
  CHECK(elsewhere.provider->account_scope() == "http://127.0.0.1:9/other sandbox " + kApiUser);
  Fixture other(plain().with({{"api_user", "other"}}));
  CHECK(other.provider->account_scope() != fixture.provider->account_scope());
  Fixture rotated(
      plain().with_secrets({{"api_key", json::array{"new"}}, {"subscription_key", json::array{"new"}}}));
  CHECK(rotated.provider->account_scope() == fixture.provider->account_scope());
}

// ---- prepare

TEST_CASE("the artefact is the body, the same every time, and preparing asks nobody") {
  Fixture first;
  Fixture second;
  const auto prepared = first.prepare();
  CHECK(prepared.artefact == R"({"amount":"100","currency":"EUR","externalId":")" + kPayoutId +
                                 R"(","payee":{"partyIdType":"MSISDN","partyId":"46733123999"},)"
                                 R"("payerMessage":"Koffis reward","payeeNote":"Koffis reward"})");
  CHECK(prepared.format == 1);
  CHECK_FALSE(prepared.impossible);
  CHECK(second.prepare().artefact == prepared.artefact);
  CHECK(first.http().requests().empty());
}

TEST_CASE("a note is cut to the configured length, and never empty") {
  Fixture longer(plain().with({{"message_length", 160}}));
  Fixture fixture;
  auto order = example_order();
  order.note = std::string(500, 'x');
  CHECK(longer.prepare(order).artefact.find("\"payeeNote\":\"" + std::string(160, 'x') + "\"") !=
        std::string::npos);
  CHECK(fixture.prepare(order).artefact.find("\"payeeNote\":\"" + std::string(128, 'x') + "\"") !=
        std::string::npos);
  order.note = "'";
  CHECK(fixture.prepare(order).artefact.find("\"payeeNote\":\"Payout\"") != std::string::npos);
}

TEST_CASE("an order in another currency is not prepared") {
  Fixture fixture;
  auto order = example_order();
  order.money.currency = "XOF";
  CHECK_THROWS_WITH(fixture.prepare(order), "this account pays in EUR, not in XOF");
}

TEST_CASE("an account holder's state is asked if the settings say so") {
  struct Row {
    int http_status;
    std::string body;
    bool impossible;
  };
  const Row row = GENERATE(values<Row>({{200, R"({"result":true})", false},
                                        {200, R"({"result":"true"})", false},
                                        {200, R"({"result":false})", true},
                                        {200, "<html>", false},
                                        {404, R"({"code":"RESOURCE_NOT_FOUND"})", false},
                                        {500, R"({"result":false})", false}}));
  Fixture fixture(plain().with({{"check_account_holder", true}}));
  fixture.http().answer(200, kTokenBody).answer(row.http_status, row.body);
  const auto prepared = fixture.prepare();
  CHECK(prepared.impossible.has_value() == row.impossible);
  if (row.impossible) CHECK(prepared.impossible->field == "momo.account_holder_inactive");
  CHECK(fixture.request(1).method() == "GET");
  CHECK(fixture.request(1).url() == kBase + "/disbursement/v1_0/accountholder/msisdn/46733123999/active");
  CHECK_FALSE(fixture.request(1).is_money_moving());
}

TEST_CASE("an account holder who cannot be asked about stops no payment") {
  Fixture fixture(plain().with({{"check_account_holder", true}}));
  fixture.http().answer(200, kTokenBody).fail(HttpStage::read, true);
  CHECK_FALSE(fixture.prepare().impossible);
  CHECK(fixture.bench.log->entries().back().event == "momo.account_holder_unchecked");
}

// ---- submit

TEST_CASE("a transfer is one marked request with every header") {
  Fixture fixture;
  fixture.http().answer(200, kTokenBody).answer(202);
  const Submission submission = fixture.submit();
  CHECK(submission.kind == Submission::Kind::accepted);

  const auto& token = fixture.request(0);
  CHECK(token.method() == "POST");
  CHECK(token.url() == kBase + "/disbursement/token/");
  // The user and key of the fixture, in Base64.
  CHECK(header_of(token, "Authorization") ==
        "Basic OTk5OTk5OTktODg4OC00Nzc3LTg2NjYtNTU1NTU1NTU1NTU1OnBsYW50ZWQtYXBpLWtleQ==");
  CHECK(header_of(token, "Ocp-Apim-Subscription-Key") == kSubscriptionKey);
  CHECK(header_of(token, "Content-Type") == "(none)");
  CHECK(token.content().empty());
  CHECK_FALSE(token.is_money_moving());

  const auto& transfer = fixture.request(1);
  CHECK(transfer.is_money_moving());
  CHECK(transfer.method() == "POST");
  CHECK(transfer.url() == kBase + "/disbursement/v1_0/transfer");
  CHECK(header_of(transfer, "Authorization") == "Bearer planted-token-1");
  CHECK(header_of(transfer, "X-Reference-Id") == kReference);
  CHECK(header_of(transfer, "X-Target-Environment") == "sandbox");
  CHECK(header_of(transfer, "Ocp-Apim-Subscription-Key") == kSubscriptionKey);
  CHECK(header_of(transfer, "X-Callback-Url") == "(none)");
  CHECK(header_of(transfer, "Content-Type") == "application/json");
  CHECK(transfer.content() == fixture.prepare().artefact);
  CHECK(fixture.http().requests().size() == 2);
}

TEST_CASE("the answer to a transfer reaches the host with its code, after one request only") {
  struct Row {
    int http_status;
    std::string body;
    Submission::Kind kind;
    std::string code;
  };
  using enum Submission::Kind;
  const Row row = GENERATE(values<Row>({
      {202, "", accepted, ""},
      {409, R"({"code":"RESOURCE_ALREADY_EXIST","message":"Duplicated reference id."})", duplicate,
       "RESOURCE_ALREADY_EXIST"},
      {500, R"({"code":"PAYEE_NOT_FOUND","message":"m"})", refused, "PAYEE_NOT_FOUND"},
      {400, R"({"code":"INVALID_CURRENCY","message":"m"})", refused, "INVALID_CURRENCY"},
      {500, R"({"code":"INTERNAL_PROCESSING_ERROR","message":"m"})", unknown, "INTERNAL_PROCESSING_ERROR"},
      {400, R"({"message":"m"})", unknown, "http.400"},
      {401, R"({"message":"Access denied due to invalid subscription key."})", not_accepted,
       "http.401.access_denied"},
      {401, kUnauthorized, not_accepted, "http.401.token"},
      {401, "", unknown, "http.401"},
      {403, "<html>", unknown, "http.403"},
      {429, "{}", unknown, "http.429"},
      {502, "<html>", unknown, "http.502"},
      {200, "", unknown, "http.200"},
      {307, "", unknown, "http.307"},
  }));
  INFO(row.http_status << " " << row.body);
  Fixture fixture;
  fixture.http().answer(200, kTokenBody).answer(row.http_status, row.body);
  const Submission submission = fixture.submit();
  CHECK(submission.kind == row.kind);
  CHECK(submission.code == row.code);
  CHECK(fixture.http().requests().size() == 2);
}

TEST_CASE("a failure without an answer stays an exception for the runtime to judge") {
  const bool bytes_left = GENERATE(false, true);
  Fixture fixture;
  fixture.http().answer(200, kTokenBody).fail(bytes_left ? HttpStage::read : HttpStage::connect, bytes_left);
  CHECK_THROWS_AS(fixture.submit(), HttpFailure);
  CHECK(fixture.http().requests().size() == 2);
}

TEST_CASE("without a token nothing is sent") {
  struct Row {
    int http_status;
    std::string body;
  };
  const Row row = GENERATE(values<Row>(
      {{401, R"({"error":"login_failed"})"}, {403, "<html>"}, {500, ""}, {200, "{}"}, {200, "x"}}));
  Fixture fixture;
  fixture.http().answer(row.http_status, row.body);
  CHECK_THROWS(fixture.submit());
  for (const auto& request : fixture.http().requests()) CHECK_FALSE(request.is_money_moving());
}

TEST_CASE("an expired token is forgotten: this submit stops, the next has a new one") {
  Fixture fixture;
  fixture.http().answer(200, kTokenBody).answer(401, kUnauthorized).answer(200, kSecondTokenBody).answer(202);
  CHECK(fixture.submit().kind == Submission::Kind::not_accepted);
  CHECK(fixture.http().requests().size() == 2);
  CHECK(fixture.submit().kind == Submission::Kind::accepted);
  CHECK(header_of(fixture.request(3), "Authorization") == "Bearer planted-token-2");
  CHECK(header_of(fixture.request(3), "X-Reference-Id") == kReference);
  CHECK(fixture.request(3).content() == fixture.request(1).content());
}

TEST_CASE("a foreign artefact or reference is never sent") {
  Fixture fixture;
  auto order = example_order();
  auto prepared = fixture.prepare(order);
  const auto submit = [&] { return fixture.submit(order, prepared); };
  SECTION("another amount") {
    order.money.amount = Amount::parse("101").value();
  }
  SECTION("another currency") {
    order.money.currency = "XOF";
  }
  SECTION("another payee") {
    order.destination = "46733123998";
  }
  SECTION("another payout") {
    order.payout_id = kReference;
  }
  SECTION("another format") {
    prepared.format = 2;
  }
  SECTION("garbage") {
    prepared.artefact = "{";
  }
  SECTION("a reference that is no UUID") {
    order.reference = "x\r\nX-Evil: 1";
  }
  CHECK_THROWS(submit());
  CHECK(fixture.http().requests().empty());
}

TEST_CASE("a callback URL is named only on the registered host") {
  struct Row {
    bool callbacks;
    std::string url, sent;
  };
  const std::string good = "https://pay.example.org/v1/webhooks/momo?reference=x&signature=y";
  const Row row =
      GENERATE_COPY(values<Row>({{true, good, good},
                                 {true, "https://PAY.example.org/x", "https://PAY.example.org/x"},
                                 {true, "https://pay.example.org:8443/x", "https://pay.example.org:8443/x"},
                                 {true, "https://evil.example.org/x", "(none)"},
                                 {true, "https://pay.example.org/x y", "(none)"},
                                 {true, "", "(none)"},
                                 {false, good, "(none)"}}));
  Fixture fixture(plain().with({{"callbacks", row.callbacks}, {"callback_host", "Pay.example.org"}}));
  fixture.http().answer(200, kTokenBody).answer(202);
  auto order = example_order();
  order.callback_url = row.url;
  fixture.submit(order);
  CHECK(header_of(fixture.request(1), "X-Callback-Url") == row.sent);
}

// ---- tokens

TEST_CASE("a token is reused, and refreshed before it ends") {
  Fixture fixture;
  fixture.http()
      .answer(200, kTokenBody)
      .answer(200, kPaid)
      .answer(200, kPaid)
      .answer(200, kSecondTokenBody)
      .answer(200, kPaid);
  fixture.query();
  fixture.bench.clock->advance(std::chrono::minutes(40));
  fixture.query();
  CHECK(fixture.http().requests().size() == 3);
  fixture.bench.clock->advance(std::chrono::minutes(15));  // 55 of 60 minutes
  fixture.query();
  CHECK(fixture.request(3).url() == kBase + "/disbursement/token/");
  CHECK(header_of(fixture.request(4), "Authorization") == "Bearer planted-token-2");
}

TEST_CASE("many transfers at once ask for one token") {
  Fixture fixture;
  fixture.http().otherwise([](const HttpRequest& request) {
    return request.is_money_moving() ? HttpResponse{202, {}, {}} : HttpResponse{200, {}, kTokenBody};
  });
  const auto all = fixture.submit_at_once(fixture.prepare(), 20);
  CHECK(std::ranges::count(all, Submission::Kind::accepted, &Submission::kind) == 20);
  const auto is_token = [](const HttpRequest& request) { return request.url().ends_with("/token/"); };
  CHECK(std::ranges::count_if(fixture.http().requests(), is_token) == 1);
}

TEST_CASE("during a rotation the previous secrets still work") {
  Fixture fixture(
      plain().with_secrets({{"subscription_key", json::array{"planted-new-key", kSubscriptionKey}}}));
  fixture.http()
      .answer(401, R"({"message":"Access denied due to invalid subscription key."})")
      .answer(200, kTokenBody)
      .answer(202);
  CHECK(fixture.submit().kind == Submission::Kind::accepted);
  CHECK(header_of(fixture.request(0), "Ocp-Apim-Subscription-Key") == "planted-new-key");
  CHECK(header_of(fixture.request(1), "Ocp-Apim-Subscription-Key") == kSubscriptionKey);
  CHECK(header_of(fixture.request(2), "Ocp-Apim-Subscription-Key") == kSubscriptionKey);
}

// ---- query

TEST_CASE("a query asks for our reference and moves no money") {
  Fixture fixture;
  fixture.http().answer(200, kTokenBody).answer(200, kPaid);
  const Status status = fixture.query();
  CHECK(status.kind == Status::Kind::confirmed);
  CHECK(status.provider_ref == "363440463");
  CHECK(status.found.amount == Amount::parse("100").value());
  CHECK(status.found.currency == "EUR");
  CHECK(status.found.destination == "46733123999");
  CHECK(status.found.reference == kReference);
  const auto& request = fixture.request(1);
  CHECK(request.method() == "GET");
  CHECK(request.url() == kBase + "/disbursement/v1_0/transfer/" + kReference);
  CHECK(header_of(request, "Authorization") == "Bearer planted-token-1");
  CHECK(header_of(request, "X-Target-Environment") == "sandbox");
  CHECK(header_of(request, "Ocp-Apim-Subscription-Key") == kSubscriptionKey);
  CHECK_FALSE(request.is_money_moving());
}

TEST_CASE("a query's answer becomes a status") {
  struct Row {
    int http_status;
    std::string body;
    Status::Kind kind;
  };
  using enum Status::Kind;
  const auto body = [](const std::string& rest) {
    return R"({"amount":100,"currency":"EUR","payee":{"partyId":"46733123999"},)" + rest + "}";
  };
  const Row row = GENERATE_COPY(values<Row>({
      {200, kPaid, confirmed},
      {200, body(R"("status":"PENDING")"), pending},
      {200, body(R"("status":"FAILED","reason":"PAYEE_NOT_FOUND")"), refused},
      {200, body(R"("status":"FAILED","reason":{"code":"NOT_ENOUGH_FUNDS","message":"m"})"), refused_for_now},
      {200, body(R"("status":"WHATEVER")"), cannot_tell},
      {200, "", cannot_tell},
      {404, R"({"code":"RESOURCE_NOT_FOUND","message":"m"})", absent},
      {404, "<html>", cannot_tell},
      {429, "{}", cannot_tell},
      {500, R"({"code":"INTERNAL_PROCESSING_ERROR"})", cannot_tell},
      {503, "", cannot_tell},
  }));
  INFO(row.http_status << " " << row.body);
  Fixture fixture;
  fixture.http().answer(200, kTokenBody).answer(row.http_status, row.body);
  CHECK(fixture.query().kind == row.kind);
}

TEST_CASE("a query that is refused for its token is asked once more with a new one") {
  Fixture fixture;
  fixture.http().answer(200, kTokenBody).answer(401, kUnauthorized).answer(200, kSecondTokenBody);
  SECTION("and answered") {
    fixture.http().answer(200, kPaid);
    CHECK(fixture.query().kind == Status::Kind::confirmed);
    CHECK(header_of(fixture.request(3), "Authorization") == "Bearer planted-token-2");
  }
  SECTION("and refused again: nothing is known") {
    fixture.http().answer(401, kUnauthorized);
    CHECK(fixture.query().kind == Status::Kind::cannot_tell);
  }
  CHECK(fixture.http().requests().size() == 4);
}

TEST_CASE("a query never puts a foreign text into the path") {
  Fixture fixture;
  auto order = example_order();
  order.reference = "../account/balance";
  CHECK_THROWS(fixture.query(order));
  CHECK(fixture.http().requests().empty());
}

// ---- account

TEST_CASE("the balance is asked and read") {
  Fixture fixture;
  fixture.http().answer(200, kTokenBody).answer(200, R"({"availableBalance":"2000","currency":"EUR"})");
  const auto balance = fixture.balance();
  CHECK(balance.available == Amount::parse("2000").value());
  CHECK(balance.currency == "EUR");
  CHECK(fixture.request(1).url() == kBase + "/disbursement/v1_0/account/balance");
  fixture.http().answer(500, R"({"code":"NOT_ALLOWED","message":"no"})");
  CHECK_THROWS_WITH(fixture.balance(), "MTN does not tell the balance: HTTP 500 NOT_ALLOWED: no");
  fixture.http().answer(200, "{}");
  CHECK_THROWS(fixture.balance());
}

TEST_CASE("a probe finds wrong credentials and a wrong currency") {
  Fixture fixture;
  SECTION("all is well") {
    fixture.http().answer(200, kTokenBody).answer(200, R"({"availableBalance":"0","currency":"EUR"})");
    CHECK_NOTHROW(fixture.probe());
  }
  SECTION("the account is in another currency") {
    fixture.http().answer(200, kTokenBody).answer(200, R"({"availableBalance":"0","currency":"UGX"})");
    CHECK_THROWS_WITH(fixture.probe(), "the account is in UGX, but the settings say EUR");
  }
  SECTION("the credentials are refused") {
    fixture.http().answer(401, R"({"error":"login_failed"})");
    CHECK_THROWS_WITH(fixture.probe(),
                      "MTN refuses the API user, its key or the subscription key: HTTP 401: login_failed");
  }
}

// ---- webhooks

TEST_CASE("a callback is a hint at most") {
  using Kind = payoutd::WebhookReading::Kind;
  struct Row {
    std::string method, body, reference;
    Kind kind;
    std::string provider_ref;
  };
  const Row row = GENERATE_COPY(values<Row>({
      {"PUT", kPaid, kReference, Kind::hint, "363440463"},
      {"POST", kPaid, kReference, Kind::hint, "363440463"},
      {"POST", R"({"status":"FAILED","reason":"EXPIRED"})", kReference, Kind::hint, ""},
      {"POST", "garbage", kReference, Kind::hint, ""},
      {"POST", "", kReference, Kind::hint, ""},
      {"POST", kPaid, "", Kind::hint, "363440463"},
      {"POST", "garbage", "", Kind::rejected, ""},
      {"POST", "{}", "", Kind::rejected, ""},
      {"GET", kPaid, kReference, Kind::rejected, ""},
      {"DELETE", kPaid, kReference, Kind::rejected, ""},
  }));
  Fixture fixture;
  const auto reading =
      fixture.provider->read_webhook({row.method, "/v1/webhooks/momo", {}, row.body, row.reference});
  CHECK(reading.kind == row.kind);
  CHECK(reading.provider_ref == row.provider_ref);
  CHECK(reading.reason.empty() == (row.kind == Kind::hint));
  if (row.kind == Kind::hint) CHECK(reading.reference == row.reference);
}

// ---- secrets

TEST_CASE("nothing that the plugin says holds a secret or a phone number, even when MTN echoes them") {
  const std::string echo =
      R"({"code":"X","message":"key planted-api-key, planted-subscription-key and payee 46733123999"})";
  Fixture fixture(
      plain().with({{"check_account_holder", true}, {"callbacks", true}, {"callback_host", "a.example"}}));

  auto order = example_order();
  order.callback_url = "https://b.example/x";
  fixture.http().answer(200, kTokenBody).answer(500, echo);
  const auto prepared = fixture.prepare(order);
  fixture.http().answer(400, echo);
  fixture.note(fixture.submit(order, prepared).message);
  fixture.http().answer(400, echo);
  fixture.note(fixture.query(order).message);
  fixture.http().answer(400, echo);
  fixture.note_failure([&] { fixture.balance(); });
  fixture.http().answer(401, echo).answer(401, echo);
  fixture.note_failure([&] { fixture.query(order); });
  fixture.http().answer(500, echo);
  fixture.note_failure([&] { fixture.query(order); });

  const std::string said = fixture.said();
  INFO(said);
  CHECK(said.find("key ***, *** and payee ***99") != std::string::npos);
  CHECK(said.find("momo.token_refreshed") != std::string::npos);
  CHECK(said.find("momo.account_holder_unchecked") != std::string::npos);
  CHECK(said.find("momo.callback_host_differs") != std::string::npos);
  CHECK(said.find("planted") == std::string::npos);
  CHECK(said.find("46733123999") == std::string::npos);
}
