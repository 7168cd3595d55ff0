#include <catch2/catch.hpp>
#include <payoutd/testing.hpp>

namespace {

namespace json = boost::json;
using namespace payoutd::testing;
using payoutd::Amount;
using payoutd::Environment;
using payoutd::HttpFailure;
using payoutd::HttpRequest;
using payoutd::HttpStage;
using payoutd::Status;
using payoutd::Submission;

const std::string kEndpoint = "http://127.0.0.1:9/com.tlc.merchant.api/UssdPush";
const std::string kReference = "12345678901234567890";
const std::string kMoovReference = "920190616000000";
/// Of username and password, in base64: the first published vector.
const std::string kToken = "hnTyz1stTsRO8PxwCssFHwwUakVCzRFeJ4Ms/F9cem0=";

Given plain() {
  return {{{"endpoint", kEndpoint}, {"username", "username"}}, {{"password", json::array{"password"}}}};
}

Given by_client_ref() {
  return plain().with(
      {{"query_by", "client_ref"}, {"absence_wait", "2m"}, {"absent_codes", json::array{"94"}}});
}

payoutd::Order example_order() {
  payoutd::Order order;
  order.payout_id = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee";
  order.reference = kReference;
  order.money = {Amount::parse("10").value(), "XOF"};
  order.destination = "22890123456";
  order.note = "Koffi's <reward>";
  return order;
}

std::string answer_body(const std::string& operation, const std::string& fields) {
  return R"(<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><ns2:)" +
         operation + R"( xmlns:ns2="http://api.merchant.tlc.com/"><return>)" + fields +
         "</return></ns2:" + operation + "></soap:Body></soap:Envelope>";
}

std::string transfer_body(const std::string& status, const std::string& transaction = kReference) {
  return answer_body("transferFloozResponse", "<transactionid>" + transaction + "</transactionid><status>" +
                                                  status + "</status><message>m</message><referenceid>" +
                                                  kMoovReference + "</referenceid>");
}

std::string status_body(const std::string& status, const std::string& reference = kMoovReference) {
  return answer_body("getTransactionStatusResponse", "<description>d</description><referenceid>" + reference +
                                                         "</referenceid><status>" + status + "</status>");
}

std::string account_body(const std::string& word) {
  return answer_body(
      "getMobileAccountStatusResponse",
      "<firstname>A</firstname><status>0</status><subscriberstatus>" + word + "</subscriberstatus>");
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

struct Fixture : PluginBench {
  explicit Fixture(const Given& given = plain()) : PluginBench(given, example_order()) {}

  Status query(const std::string& provider_ref, const payoutd::Order& of = example_order()) {
    return PluginBench::query(of, {}, provider_ref);
  }
};

}  // namespace

// ---- settings and contract

TEST_CASE("the descriptor names the plugin and the contract has no contradictions") {
  CHECK(std::string(plugin().name) == "flooz");
  CHECK(descriptor_problems() == std::vector<std::string>{});
  const auto contract = contract_of(plain());
  CHECK(payoutd::validate(contract).empty());
  CHECK(contract.repeat == payoutd::Repeat::unknown);
  CHECK_FALSE(contract.reference.uuid4);
  CHECK(contract.reference.charset == "0123456789");
  CHECK(contract.reference.length == 20);
  CHECK_FALSE(contract.lookup_by_reference);  // whether Moov takes ours is not known
  CHECK(contract.lookup_by_provider_ref);
  CHECK_FALSE(contract.absence_is_proof_after);
  CHECK(contract.webhook == payoutd::WebhookKind::none);
  CHECK(contract.decimals_of("XOF") == 0);
  CHECK(contract.currencies.size() == 1);
  CHECK(contract.response_timeout == std::chrono::seconds(60));
  CHECK(contract.meaning_of("555") == payoutd::CodeMeaning::refused);
  CHECK(contract.meaning_of("10") == payoutd::CodeMeaning::refused_for_now);
  CHECK(contract.meaning_of("4") == payoutd::CodeMeaning::not_accepted);
  for (const char* code : {"0", "100", "-1", "91", "94", "95", "98", "99"})
    CHECK_FALSE(contract.meaning_of(code));
}

TEST_CASE("settings change the contract") {
  const auto contract = contract_of(by_client_ref().with({{"absence_wait", "90500ms"},
                                                          {"reference_form", "alphanumeric"},
                                                          {"concurrency", 3},
                                                          {"query_rate_per_s", 7},
                                                          {"submit_window", "3s"},
                                                          {"response_timeout", "9s"}}));
  CHECK(payoutd::validate(contract).empty());
  CHECK(contract.lookup_by_reference);
  CHECK(contract.absence_is_proof_after == std::chrono::seconds(91));
  CHECK(contract.reference.length == 13);
  CHECK(contract.concurrency == 3);
  CHECK(contract.query_rate_per_s == 7);
  CHECK(contract.submit_window == std::chrono::seconds(3));
  CHECK(contract.response_timeout == std::chrono::seconds(9));
}

TEST_CASE("without an agreed time absence proves nothing, whoever is asked") {
  const auto contract =
      contract_of(plain().with({{"query_by", "client_ref"}, {"absent_codes", json::array{"94"}}}));
  CHECK(payoutd::validate(contract).empty());
  CHECK(contract.lookup_by_reference);
  CHECK_FALSE(contract.absence_is_proof_after);
}

TEST_CASE("what was sent before query_by was changed can still be asked about, and proves no absence") {
  const auto before = contract_of(plain());
  const auto after = contract_of(by_client_ref());
  for (const auto& both : {payoutd::stricter(before, after), payoutd::stricter(after, before)}) {
    CHECK(both.can_look_up());
    CHECK_FALSE(both.absence_is_proof_after);
  }
}

TEST_CASE("the contract can be shown without settings") {
  std::vector<payoutd::Problem> missing;
  const auto settings = payoutd::Settings::check(plugin().settings_schema(), {}, {}, missing);
  CHECK(missing.size() == 3);
  CHECK(payoutd::validate(plugin().contract(settings)).empty());
}

TEST_CASE("the environment decides which settings are harmless") {
  using Fields = std::vector<std::string>;
  const auto at = [](const std::string& endpoint) { return plain().with({{"endpoint", endpoint}}); };
  const std::string live = "https://apimarchand.moov-africa.bj/com.tlc.merchant.api/UssdPush";
  const std::string test = "https://testapimarchand2.moov-africa.bj:2010/com.tlc.merchant.api/UssdPush";
  CHECK(problems_of(plain(), Environment::dev).empty());
  CHECK(problems_of(plain(), Environment::prod) == Fields{"endpoint", "endpoint"});
  CHECK(problems_of(at(live), Environment::prod).empty());
  CHECK(problems_of(at(live), Environment::staging) == Fields{"endpoint"});
  CHECK(problems_of(at(test), Environment::prod) == Fields{"endpoint"});
  CHECK(problems_of(at(test), Environment::staging).empty());
  CHECK(problems_of(at("http://moov.example.org/x"), Environment::prod) == Fields{"endpoint"});
  const auto in_production = [&](const char* name, json::value value) {
    return problems_of(by_client_ref().with({{"endpoint", live}, {name, std::move(value)}}),
                       Environment::prod);
  };
  CHECK(in_production("absence_wait", "59s") == Fields{"absence_wait"});
  CHECK(in_production("absence_wait", "1h").empty());
  CHECK(in_production("concurrency", 65) == Fields{"concurrency"});
  CHECK(in_production("query_rate_per_s", 0) == Fields{"query_rate_per_s"});
}

TEST_CASE("settings that contradict each other are refused everywhere") {
  using Fields = std::vector<std::string>;
  const auto problems = [](const json::object& changes) {
    return problems_of(plain().with(changes), Environment::dev);
  };
  CHECK(problems({{"endpoint", "https://example.org/?wsdl"}}) == Fields{"endpoint"});
  CHECK(problems({{"username", "a:b"}}) == Fields{"username"});
  CHECK(problems({{"wallet_id", "<0>"}}) == Fields{"wallet_id"});
  CHECK(problems({{"country_prefixes", json::array{"+228"}}}) == Fields{"country_prefixes"});
  CHECK(problems({{"country_prefixes", json::array{}}}) == Fields{"country_prefixes"});
  CHECK(problems({{"country_prefixes", json::array{"228", "229"}}}).empty());
  CHECK(problems({{"account_msisdn", "+228"}}) == Fields{"account_msisdn"});
  CHECK(problems({{"default_remarks", " "}}) == Fields{"default_remarks"});
  CHECK(problems({{"absence_wait", "2m"}}) == Fields{"absence_wait", "absence_wait"});
  CHECK(problems({{"absence_wait", "2m"}, {"absent_codes", json::array{"94"}}}) == Fields{"absence_wait"});
  CHECK(problems({{"absence_wait", "2m"}, {"query_by", "client_ref"}}) == Fields{"absence_wait"});
  CHECK(problems_of(by_client_ref(), Environment::dev).empty());
  for (const char* code : {"0", "100", "3", "10", "1", "x", ""})
    CHECK(problems({{"absent_codes", json::array{code}}}) == Fields{"absent_codes"});
  CHECK(problems({{"absent_codes", json::array{"94", "94"}}}) == Fields{"absent_codes"});
  CHECK(problems({{"absent_codes", json::array{"94", "-1"}}}).empty());
  CHECK(problems_of(plain().with_secrets(
                        {{"password", json::array{"a\nb"}}, {"encryption_key", json::array{"too short"}}}),
                    Environment::dev) == Fields{"password", "encryption_key"});
}

TEST_CASE("the scope is the whole address and the user, and no secret") {
  Fixture fixture;
  CHECK(fixture.provider->account_scope() == "http://127.0.0.1:9/com.tlc.merchant.api/UssdPush username");
  const auto scope = [](const std::string& endpoint) {
    return Fixture(plain().with({{"endpoint", endpoint}})).provider->account_scope();
  };
  CHECK(scope(kEndpoint + "/") == fixture.provider->account_scope());
  CHECK(scope("http://MOOV.example/x") == scope("http://moov.example/x"));
  CHECK(scope("http://moov.example/X") != scope("http://moov.example/x"));
  CHECK(scope("http://127.0.0.1:9/togo/UssdPush") != fixture.provider->account_scope());
  Fixture rotated(plain().with_secrets({{"password", json::array{"new"}}}));
  CHECK(rotated.provider->account_scope() == fixture.provider->account_scope());
}

TEST_CASE("a destination is a number of one of the countries") {
  Fixture fixture;
  CHECK_FALSE(fixture.provider->check_destination("22890123456"));
  const auto problem = fixture.provider->check_destination("22994512412");
  REQUIRE(problem);
  CHECK(problem->field == "destination");
  Fixture benin(plain().with({{"country_prefixes", json::array{"229"}}}));
  CHECK_FALSE(benin.provider->check_destination("22994512412"));
}

// ---- prepare

TEST_CASE("the artefact is the request without the token, the same every time, and preparing asks nobody") {
  Fixture first;
  Fixture second;
  const auto prepared = first.prepare();
  CHECK(prepared.artefact ==
        "<request><destination>22890123456</destination><amount>10</amount><referenceid>12345678901234567890"
        "</referenceid><walletid>0</walletid><extendeddata>Koffi&apos;s "
        "&lt;reward&gt;</extendeddata></request>");
  CHECK(prepared.format == 1);
  CHECK_FALSE(prepared.impossible);
  CHECK(second.prepare().artefact == prepared.artefact);
  CHECK(first.http().requests().empty());
}

TEST_CASE("remarks are cut to the configured length, and never empty") {
  Fixture fixture(plain().with({{"remarks_length", 5}, {"wallet_id", "7"}}));
  auto order = example_order();
  order.note = std::string(500, 'x');
  CHECK(
      contains(fixture.prepare(order).artefact, "<walletid>7</walletid><extendeddata>xxxxx</extendeddata>"));
  order.note = " ";
  CHECK(contains(fixture.prepare(order).artefact, "<extendeddata>Payou</extendeddata>"));
}

TEST_CASE("an order in another currency is not prepared") {
  Fixture fixture;
  auto order = example_order();
  order.money.currency = "EUR";
  CHECK_THROWS_WITH(fixture.prepare(order), "Flooz pays in XOF, not in EUR");
}

TEST_CASE("a payee's account is asked about if the settings say so") {
  struct Row {
    int http_status;
    std::string body;
    bool impossible;
  };
  const Row row = GENERATE(values<Row>({{200, account_body("ACTIVE"), false},
                                        {200, account_body("INACTIVE"), true},
                                        {200, account_body("BLOCKED"), true},
                                        {200, account_body("?"), false},
                                        {500, account_body("INACTIVE"), false},
                                        {200, "<html>", false}}));
  INFO(row.body);
  Fixture fixture(plain().with({{"check_account", true}}));
  fixture.http().answer(row.http_status, row.body);
  const auto prepared = fixture.prepare();
  CHECK(prepared.impossible.has_value() == row.impossible);
  if (row.impossible) CHECK(prepared.impossible->field == "flooz.account_inactive");
  CHECK(contains(fixture.request(0).content(),
                 "<api:getMobileAccountStatus><token>" + kToken +
                     "</token><request><msisdn>22890123456</msisdn></request></api:getMobileAccountStatus>"));
  CHECK_FALSE(fixture.request(0).is_money_moving());
}

TEST_CASE("a payee's account that cannot be asked about stops no payment") {
  Fixture fixture(plain().with({{"check_account", true}}));
  fixture.http().fail(HttpStage::read, true);
  CHECK_FALSE(fixture.prepare().impossible);
  REQUIRE(fixture.bench.log->entries().size() == 1);
  CHECK(fixture.bench.log->entries().back().event == "flooz.account_unchecked");
}

// ---- submit

TEST_CASE("a transfer is one marked request: the journaled bytes and the token in an envelope") {
  Fixture fixture;
  fixture.http().answer(200, transfer_body("0"));
  const Submission submission = fixture.submit();
  CHECK(submission.kind == Submission::Kind::confirmed);
  CHECK(submission.provider_ref == kMoovReference);
  REQUIRE(fixture.http().requests().size() == 1);
  const auto& request = fixture.request(0);
  CHECK(request.is_money_moving());
  CHECK(request.method() == "POST");
  CHECK(request.url() == kEndpoint);
  CHECK(header_of(request, "Content-Type") == "application/soap+xml; charset=utf-8");
  CHECK(contains(request.content(), "<soapenv:Body><api:transferFlooz><token>" + kToken + "</token>" +
                                        fixture.prepare().artefact + "</api:transferFlooz></soapenv:Body>"));
}

TEST_CASE("the key and the content type are settings") {
  Fixture fixture(plain()
                      .with({{"content_type", "text/xml"}})
                      .with_secrets({{"encryption_key", json::array{"0123456789abcdef0123456789abcdef"}}}));
  fixture.http().answer(200, transfer_body("0"));
  fixture.submit();
  CHECK(header_of(fixture.request(0), "Content-Type") == "text/xml; charset=utf-8");
  CHECK_FALSE(contains(fixture.request(0).content(), kToken));
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
      {200, transfer_body("0"), confirmed, ""},
      {200, transfer_body("100"), accepted, ""},
      {200, transfer_body("3"), refused, "3"},
      {200, transfer_body("555"), refused, "555"},
      {200, transfer_body("10"), refused_for_now, "10"},
      {200, transfer_body("101"), refused_for_now, "101"},
      {200, transfer_body("1"), not_accepted, "1"},
      {200, transfer_body("2"), not_accepted, "2"},
      {200, transfer_body("4"), not_accepted, "4"},
      {200, transfer_body("94"), unknown, "94"},
      {200, transfer_body("-1"), unknown, "-1"},
      {200, transfer_body("0", "12345678901234567891"), unknown, "flooz.mismatch"},
      {200, "<html><body>0</body></html>", unknown, "flooz.unreadable"},
      {200, "", unknown, "flooz.unreadable"},
      {500,
       "<E:Envelope "
       "xmlns:E='e'><E:Body><E:Fault><faultstring>x</faultstring></E:Fault></E:Body></E:Envelope>",
       unknown, "flooz.fault"},
      {500, "", unknown, "http.500"},
      {401, "", unknown, "http.401"},
      {502, "<html>", unknown, "http.502"},
      {302, transfer_body("0"), unknown, "http.302"},
  }));
  INFO(row.http_status << " " << row.body);
  Fixture fixture;
  fixture.http().answer(row.http_status, row.body);
  const Submission submission = fixture.submit();
  CHECK(submission.kind == row.kind);
  CHECK(submission.code == row.code);
  CHECK(fixture.http().requests().size() == 1);
}

TEST_CASE("a failure without an answer stays an exception for the runtime to judge") {
  const bool bytes_left = GENERATE(false, true);
  Fixture fixture;
  fixture.http().fail(bytes_left ? HttpStage::read : HttpStage::connect, bytes_left);
  CHECK_THROWS_AS(fixture.submit(), HttpFailure);
  CHECK(fixture.http().requests().size() == 1);
}

TEST_CASE("a foreign artefact or reference is never sent") {
  Fixture fixture;
  auto order = example_order();
  auto prepared = fixture.prepare(order);
  const auto submit = [&] { return fixture.submit(order, prepared); };
  SECTION("another amount") {
    order.money.amount = Amount::parse("11").value();
  }
  SECTION("another currency") {
    order.money.currency = "XAF";
  }
  SECTION("another payee") {
    order.destination = "22890123457";
  }
  SECTION("another reference") {
    order.reference = "12345678901234567891";
  }
  SECTION("another format") {
    prepared.format = 2;
  }
  SECTION("garbage") {
    prepared.artefact = "<request>";
  }
  SECTION("an artefact with something behind it") {
    prepared.artefact += "<request/>";
  }
  SECTION("a reference of another form") {
    order.reference = "</transid>";
  }
  CHECK_THROWS(submit());
  CHECK(fixture.http().requests().empty());
}

// ---- query

TEST_CASE("by default Moov is asked by its own reference, and moves no money") {
  Fixture fixture;
  fixture.http().answer(200, status_body("0"));
  const Status status = fixture.query(kMoovReference);
  CHECK(status.kind == Status::Kind::confirmed);
  CHECK(status.provider_ref == kMoovReference);
  CHECK(status.found.reference == kReference);
  const auto& request = fixture.request(0);
  CHECK(request.url() == kEndpoint);
  CHECK(contains(request.content(), "<api:getTransactionStatus><token>" + kToken +
                                        "</token><request><transid>" + kMoovReference +
                                        "</transid></request></api:getTransactionStatus>"));
  CHECK_FALSE(request.is_money_moving());
}

TEST_CASE("a transfer whose answer was lost cannot be asked about by default, and nobody is asked") {
  Fixture fixture;
  const Status status = fixture.query("");
  CHECK(status.kind == Status::Kind::cannot_tell);
  CHECK(status.code == "flooz.no_provider_ref");
  CHECK(fixture.http().requests().empty());
}

TEST_CASE("where Moov takes our reference, it is asked by that") {
  const std::string provider_ref = GENERATE(as<std::string>{}, "", kMoovReference);
  Fixture fixture(by_client_ref());
  fixture.http().answer(200, status_body("0"));
  CHECK(fixture.query(provider_ref).kind == Status::Kind::confirmed);
  CHECK(contains(fixture.request(0).content(), "<transid>" + kReference + "</transid>"));
}

TEST_CASE("asked by our reference, Moov must not name another transfer than the one that it had named") {
  Fixture fixture(by_client_ref());
  fixture.http().answer(200, status_body("0", "920190616000009"));
  CHECK(fixture.query(kMoovReference).kind == Status::Kind::cannot_tell);
}

TEST_CASE("a query's answer becomes a status") {
  struct Row {
    int http_status;
    std::string body;
    Status::Kind default_kind, client_ref_kind;
  };
  using enum Status::Kind;
  const Row row = GENERATE(values<Row>({
      {200, status_body("0"), confirmed, confirmed},
      {200, status_body("100"), pending, pending},
      {200, status_body("9"), refused, refused},
      {200, status_body("10"), refused_for_now, refused_for_now},
      {200, status_body("94", ""), cannot_tell, absent},
      {200, status_body("0", "920190616000009"), cannot_tell, confirmed},
      {200, status_body("0", ""), cannot_tell, cannot_tell},
      {200, status_body("4"), cannot_tell, cannot_tell},
      {200, status_body("99"), cannot_tell, cannot_tell},
      {200, "<html>", cannot_tell, cannot_tell},
      {500, "", cannot_tell, cannot_tell},
      {404, status_body("94", ""), cannot_tell, cannot_tell},
  }));
  INFO(row.http_status << " " << row.body);
  Fixture first;
  first.http().answer(row.http_status, row.body);
  CHECK(first.query(kMoovReference).kind == row.default_kind);
  Fixture second(by_client_ref());
  second.http().answer(row.http_status, row.body);
  CHECK(second.query("").kind == row.client_ref_kind);
}

TEST_CASE("a query never puts a foreign text into the request") {
  Fixture fixture(by_client_ref());
  auto order = example_order();
  order.reference = "</transid>";
  CHECK_THROWS(fixture.query("", order));
  CHECK(fixture.http().requests().empty());
  Fixture escaping;
  escaping.http().answer(200, "");
  CHECK(escaping.query("<x>").kind == Status::Kind::cannot_tell);
  CHECK(contains(escaping.request(0).content(), "<transid>&lt;x&gt;</transid>"));
}

// ---- account

TEST_CASE("the balance is asked of the merchant's own number") {
  Fixture without;
  CHECK_THROWS_AS(without.bench.run(without.provider->balance()), payoutd::Unsupported);
  Fixture fixture(plain().with({{"account_msisdn", "22890000001"}}));
  fixture.http().answer(200,
                        answer_body("getBalanceResponse",
                                    "<balance>382222</balance><message>SUCCESS</message><status>0</status>"));
  const auto balance = fixture.balance();
  CHECK(balance.available == Amount::parse("382222").value());
  CHECK(balance.currency == "XOF");
  CHECK(contains(fixture.request(0).content(),
                 "<request><msisdn>22890000001</msisdn></request></api:getBalance>"));
  fixture.http().answer(200,
                        answer_body("getBalanceResponse", "<message>bad token</message><status>98</status>"));
  CHECK_THROWS_WITH(fixture.balance(), "Moov does not tell the balance:  98: bad token");
}

TEST_CASE("a probe asks the balance, or at least whether anybody answers") {
  const auto probe = [](Fixture& fixture) { fixture.probe(); };
  Fixture with_number(plain().with({{"account_msisdn", "22890000001"}}));
  with_number.http().answer(200, answer_body("getBalanceResponse", "<balance>0</balance><status>0</status>"));
  CHECK_NOTHROW(probe(with_number));
  with_number.http().answer(200, answer_body("getBalanceResponse", "<status>98</status>"));
  CHECK_THROWS(probe(with_number));

  Fixture without;
  without.http().answer(200, status_body("94", ""));
  CHECK_NOTHROW(probe(without));
  without.http().answer(200, status_body("4", ""));
  CHECK_THROWS(probe(without));
  without.http().answer(404, "<html>");
  CHECK_THROWS_WITH(probe(without), Catch::Contains("http.404"));
  for (const auto& request : without.http().requests()) CHECK_FALSE(request.is_money_moving());
}

TEST_CASE("callbacks are rejected: there are none") {
  Fixture fixture;
  CHECK(fixture.provider->read_webhook({"POST", "/", {}, transfer_body("0"), kReference}).kind ==
        payoutd::WebhookReading::Kind::rejected);
}

// ---- secrets

TEST_CASE(
    "nothing that the plugin says or stores holds a secret or a phone number, even when Moov echoes them") {
  Fixture fixture(plain()
                      .with({{"check_account", true}, {"account_msisdn", "22890000001"}})
                      .with_secrets({{"password", json::array{"planted-password"}},
                                     {"encryption_key", json::array{"planted-key-planted-key-planted-"}}}));
  fixture.http().answer(200, account_body("ACTIVE")).answer(200, transfer_body("0"));
  fixture.submit();
  const std::string& sent = fixture.request(1).content();
  const auto begin = sent.find("<token>") + 7;
  const std::string token = sent.substr(begin, sent.find("</token>") - begin);
  REQUIRE(token.size() > 20);

  const std::string echo =
      "p planted-password t " + token + " k planted-key-planted-key-planted- n 22890123456";
  const auto echo_in = [&](const std::string& operation) {
    return answer_body(operation,
                       "<status>99</status><message>" + echo + "</message><referenceid>7</referenceid>");
  };
  fixture.http()
      .answer(200, echo_in("getMobileAccountStatusResponse"))
      .answer(200, echo_in("transferFloozResponse"));
  fixture.note(fixture.submit().message);
  fixture.http().answer(200, echo_in("getTransactionStatusResponse"));
  fixture.note(fixture.query("7").message);
  fixture.http().answer(200, echo_in("getBalanceResponse"));
  fixture.note_failure([&] { fixture.balance(); });
  fixture.http().answer(200, account_body("ACTIVE"));
  fixture.note(fixture.prepare().artefact);

  const std::string said = fixture.said();
  INFO(said);
  CHECK(contains(said, "p *** t *** k *** n ***56"));
  CHECK(contains(said, "flooz.account_unchecked"));
  CHECK_FALSE(contains(said, "planted"));
  CHECK_FALSE(contains(said, token));
  CHECK_FALSE(contains(said, "2890123456 "));
}
