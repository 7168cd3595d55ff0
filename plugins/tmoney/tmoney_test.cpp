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
const std::string kReference = "abcdefghij0123456789";
const std::string kPayoutId = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee";
const std::string kPassword = "planted-password";
const std::string kLogin = R"({"statut":{"code":"2000","message":"OK"},"data":{"token":"planted.token.1"}})";
const std::string kSecondLogin = R"({"statut":{"code":2000},"data":{"token":"planted.token.2"}})";
const std::string kLoginRefused = R"({"statut":{"code":"4001","message":"Non autorise"}})";
const std::string kCredited = R"({"code":"2000","message":"OK","refTmoney":4711,"idRequete":")" + kReference +
                              R"(","statutRequete":"SUCCES","typeRequete":"CREDIT","refCommande":")" +
                              kPayoutId +
                              R"(","montant":300,"numeroClient":"22890990990","soldePartenaire":25000.0})";
const std::string kRow = R"({"refTmoney":"4711","idRequete":")" + kReference +
                         R"(","statutRequete":"SUCCES","typeRequete":"CREDIT","montant":300,)"
                         R"("numeroClient":"22890990990"})";
const std::string kFound = R"({"total":1,"data":[)" + kRow + "]}";
const std::string kNotFound = R"({"total":0,"data":[]})";

Given plain() {
  return {{{"base_url", kBase}, {"username", "acme"}}, {{"password", json::array{kPassword}}}};
}

payoutd::Order example_order() {
  payoutd::Order order;
  order.payout_id = kPayoutId;
  order.reference = kReference;
  order.money = {Amount::parse("300").value(), "XOF"};
  order.destination = "22890990990";
  order.note = "Paying command 05";
  return order;
}

/// Preparing takes a login's answer from the script when no token is there yet.
struct Fixture : PluginBench {
  explicit Fixture(const Given& given = plain()) : PluginBench(given, example_order()) {}
};

}  // namespace

// ---- settings and contract

TEST_CASE("the descriptor names the plugin and the contract has no contradictions") {
  CHECK(std::string(plugin().name) == "tmoney");
  CHECK(descriptor_problems() == std::vector<std::string>{});
  const auto contract = contract_of(plain());
  CHECK(payoutd::validate(contract).empty());
  CHECK(contract.repeat == payoutd::Repeat::unknown);
  CHECK_FALSE(contract.reference.uuid4);
  CHECK(contract.reference.length == 20);
  CHECK(contract.lookup_by_reference);
  CHECK_FALSE(contract.lookup_by_provider_ref);
  CHECK_FALSE(contract.absence_is_proof_after);  // until a time was agreed with the operator
  CHECK(contract.webhook == payoutd::WebhookKind::hint);
  CHECK(contract.decimals_of("XOF") == 0);
  CHECK(contract.currencies.size() == 1);
  CHECK(contract.meaning_of("ECHEC") == payoutd::CodeMeaning::refused);
  CHECK(contract.submit_codes.size() == 1);
}

TEST_CASE("settings change the contract") {
  const auto contract = contract_of(plain().with({{"absence_wait", "90500ms"},
                                                  {"concurrency", 3},
                                                  {"query_rate_per_s", 7},
                                                  {"passing_codes", json::array{"5003", "5004"}},
                                                  {"submit_window", "3s"},
                                                  {"response_timeout", "9s"}}));
  CHECK(payoutd::validate(contract).empty());
  CHECK(contract.absence_is_proof_after == std::chrono::seconds(91));
  CHECK(contract.concurrency == 3);
  CHECK(contract.query_rate_per_s == 7);
  CHECK(contract.meaning_of("ECHEC") == payoutd::CodeMeaning::refused);
  CHECK(contract.meaning_of("ECHEC.5003") == payoutd::CodeMeaning::refused_for_now);
  CHECK(contract.meaning_of("ECHEC.5004") == payoutd::CodeMeaning::refused_for_now);
  CHECK(contract.submit_window == std::chrono::seconds(3));
  CHECK(contract.response_timeout == std::chrono::seconds(9));
}

TEST_CASE("the contract can be shown without settings") {
  std::vector<payoutd::Problem> missing;
  const auto settings = payoutd::Settings::check(plugin().settings_schema(), {}, {}, missing);
  CHECK(missing.size() == 3);
  CHECK(payoutd::validate(plugin().contract(settings)).empty());
}

TEST_CASE("the environment decides which settings are harmless") {
  using Fields = std::vector<std::string>;
  const auto at = [](const std::string& base) { return plain().with({{"base_url", base}}); };
  const std::string gateway = "https://tgpp-mbanking-stp-gw-gen.togocom.tg";
  const std::string pre_production = "https://ms-tpc-prep.togocom.tg/";
  CHECK(problems_of(plain(), Environment::dev).empty());
  CHECK(problems_of(plain(), Environment::staging).empty());
  CHECK(problems_of(plain(), Environment::prod) == Fields{"base_url", "base_url"});
  CHECK(problems_of(at(gateway), Environment::prod).empty());
  CHECK(problems_of(at(gateway), Environment::staging) == Fields{"base_url"});
  CHECK(problems_of(at(pre_production), Environment::prod) == Fields{"base_url"});
  CHECK(problems_of(at(pre_production), Environment::staging).empty());
  CHECK(problems_of(at("http://tmoney.example.org"), Environment::prod) == Fields{"base_url"});
  CHECK(problems_of(at("https://[::1]/x"), Environment::prod) == Fields{"base_url"});

  const auto in_production = [&](const char* name, json::value value) {
    return problems_of(at(gateway).with({{name, std::move(value)}}), Environment::prod);
  };
  CHECK(in_production("absence_wait", "59s") == Fields{"absence_wait"});
  CHECK(in_production("absence_wait", "1h").empty());
  CHECK(in_production("concurrency", 65) == Fields{"concurrency"});
  CHECK(in_production("query_rate_per_s", 0) == Fields{"query_rate_per_s"});
}

TEST_CASE("settings that cannot work are refused everywhere") {
  using Fields = std::vector<std::string>;
  const auto problems = [](const json::object& changes) {
    return problems_of(plain().with(changes), Environment::dev);
  };
  CHECK(problems({{"base_url", "https://example.org/?x=1"}}) == Fields{"base_url"});
  CHECK(problems({{"login_path", "login"}}) == Fields{"login_path"});
  CHECK(problems({{"credit_path", "/api/tpcredit/"}}) == Fields{"credit_path"});
  CHECK(problems({{"credit_path", "/api/tpcredit"}}).empty());
  CHECK(problems({{"status_path", "/x?y=1"}}) == Fields{"status_path"});
  CHECK(problems({{"status_path", "/m-banking/v1/api/tpcredit"}}) == Fields{"status_path"});
  CHECK(problems({{"username", ""}}) == Fields{"username"});
  CHECK(problems({{"default_description", " "}}) == Fields{"default_description"});
  CHECK(problems({{"passing_codes", json::array{"5003", "5003"}}}) == Fields{"passing_codes"});
  for (const char* code : {"2000", "2001", "2002", "4001", "x", ""})
    CHECK(problems({{"passing_codes", json::array{code}}}) == Fields{"passing_codes"});
  CHECK(problems_of(plain().with_secrets({{"password", json::array{"good", "bad\n"}}}), Environment::dev) ==
        Fields{"password"});
}

TEST_CASE("the scope is the address, the paths of credit and status and the user, and no secret") {
  Fixture fixture;
  CHECK(fixture.provider->account_scope() ==
        "http://127.0.0.1:9 /m-banking/v1/api/tpcredit /m-banking/v1/api/tpcredit/check-transaction-id acme");
  const auto scope = [](const json::object& changes) {
    return Fixture(plain().with(changes)).provider->account_scope();
  };
  CHECK(scope({{"base_url", kBase + "/"}}) == fixture.provider->account_scope());
  CHECK(scope({{"base_url", kBase + "/other"}}) != fixture.provider->account_scope());
  CHECK(scope({{"credit_path", "/api/tpcredit"}}) != fixture.provider->account_scope());
  CHECK(scope({{"status_path", "/api/status"}}) != fixture.provider->account_scope());
  CHECK(scope({{"login_path", "/api/login"}}) == fixture.provider->account_scope());
  Fixture rotated(plain().with_secrets({{"password", json::array{"new-password", kPassword}}}));
  CHECK(rotated.provider->account_scope() == fixture.provider->account_scope());
}

TEST_CASE("a destination is a number of Togo with its country code") {
  Fixture fixture;
  CHECK_FALSE(fixture.provider->check_destination("22890990990"));
  for (const char* bad : {"90990990", "+22890990990", "22990990990", "228909909901"}) {
    const auto problem = fixture.provider->check_destination(bad);
    REQUIRE(problem);
    CHECK(problem->field == "destination");
  }
}

// ---- prepare

TEST_CASE(
    "the artefact is the body with the time of the request, and the token is there before the journal") {
  Fixture fixture;
  fixture.http().answer(200, kLogin);
  const auto prepared = fixture.prepare();
  CHECK(prepared.artefact ==
        R"({"idRequete":"abcdefghij0123456789","numeroClient":"22890990990","montant":300,)"
        R"("refCommande":"aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee",)"
        R"("dateHeureRequete":"2026-01-01 00:00:00","description":"Paying command 05"})");
  CHECK(prepared.artefact.find("planted") == std::string::npos);
  CHECK(prepared.format == 1);
  REQUIRE(fixture.http().requests().size() == 1);
  CHECK(fixture.request(0).method() == "POST");
  CHECK(fixture.request(0).url() == kBase + "/login");
  CHECK(fixture.request(0).content() == R"({"nomUtilisateur":"acme","motDePasse":"planted-password"})");
  CHECK(header_of(fixture.request(0), "Content-Type") == "application/json");
  CHECK_FALSE(fixture.request(0).is_money_moving());
}

TEST_CASE("the time of the request has the configured form") {
  Fixture fixture(plain().with({{"time_form", "iso8601"}, {"utc_offset_minutes", 60}}));
  fixture.http().answer(200, kLogin);
  CHECK(fixture.prepare().artefact.find(R"("dateHeureRequete":"2026-01-01T01:00:00+01:00")") !=
        std::string::npos);
}

TEST_CASE("a description is cut to the configured length, and never empty") {
  Fixture fixture(plain().with({{"description_length", 5}}));
  fixture.http().answer(200, kLogin);
  auto order = example_order();
  order.note = std::string(500, 'x');
  CHECK(fixture.prepare(order).artefact.ends_with(R"("description":"xxxxx"})"));
  order.note = " ";
  CHECK(fixture.prepare(order).artefact.ends_with(R"("description":"Payou"})"));
}

TEST_CASE("an order in another currency is not prepared, and neither is one without a token") {
  Fixture fixture;
  auto order = example_order();
  order.money.currency = "EUR";
  CHECK_THROWS_WITH(fixture.prepare(order), "TMoney pays in XOF, not in EUR");
  fixture.http().answer(200, kLoginRefused);
  CHECK_THROWS_WITH(fixture.prepare(),
                    "TMoney refuses the user or the password: HTTP 200 4001: Non autorise");
}

// ---- submit

TEST_CASE("a credit is one marked request with every header and the journaled bytes") {
  const auto [authorization, expected] = GENERATE(
      table<std::string, std::string>({{"bearer", "Bearer planted.token.1"}, {"bare", "planted.token.1"}}));
  Fixture fixture(plain().with({{"authorization", authorization}}));
  fixture.http().answer(200, kLogin).answer(200, kCredited);
  const auto prepared = fixture.prepare();
  fixture.bench.clock->advance(std::chrono::minutes(1));  // the time of the request stays what it was
  const Submission submission = fixture.submit(prepared);
  CHECK(submission.kind == Submission::Kind::confirmed);
  CHECK(submission.provider_ref == "4711");

  REQUIRE(fixture.http().requests().size() == 2);
  const auto& credit = fixture.request(1);
  CHECK(credit.is_money_moving());
  CHECK(credit.method() == "POST");
  CHECK(credit.url() == kBase + "/m-banking/v1/api/tpcredit");
  CHECK(header_of(credit, "Authorization") == expected);
  CHECK(header_of(credit, "Content-Type") == "application/json");
  CHECK(credit.content() == prepared.artefact);
}

TEST_CASE("the older paths are a setting") {
  Fixture fixture(plain().with({{"base_url", kBase + "/x/"}, {"credit_path", "/api/tpcredit"}}));
  fixture.http().answer(200, kLogin).answer(200, kCredited).answer(200, kFound);
  fixture.submit();
  fixture.query();
  CHECK(fixture.request(0).url() == kBase + "/x/login");
  CHECK(fixture.request(1).url() == kBase + "/x/api/tpcredit");
  CHECK(fixture.request(2).url() == kBase + "/x/api/tpcredit/check-transaction-id?idRequete=" + kReference);
}

TEST_CASE("the answer to a credit reaches the host with its code, after one request only") {
  struct Row {
    int http_status;
    std::string body;
    Submission::Kind kind;
    std::string code;
  };
  using enum Submission::Kind;
  const Row row = GENERATE(values<Row>({
      {200, kCredited, confirmed, ""},
      {200, R"({"code":2000,"statutRequete":"EN ATTENTE"})", accepted, ""},
      {200, R"({"code":"2001"})", accepted, ""},
      {200, R"({"code":"5000","message":"Solde insuffisant","statutRequete":"ECHEC"})", refused, "ECHEC"},
      {200, R"({"code":5003,"statutRequete":"ECHEC"})", refused_for_now, "ECHEC.5003"},
      {200, R"({"code":"5000","message":"m"})", unknown, "5000"},
      {200, R"({"code":"2000","statutRequete":"SUCCES","montant":301})", unknown, "tmoney.mismatch"},
      {200, R"({"code":"4001"})", unknown, "4001"},
      {200, R"({"fault":{"message":"m"}})", unknown, "tmoney.fault"},
      {401, "", unknown, "tmoney.unauthorized"},
      {403, "<html>", unknown, "http.403"},
      {500, "", unknown, "http.500"},
      {502, "<html>", unknown, "http.502"},
      {200, "", unknown, "http.200"},
      {307, "", unknown, "http.307"},
  }));
  INFO(row.http_status << " " << row.body);
  Fixture fixture(plain().with({{"passing_codes", json::array{"5003"}}}));
  fixture.http().answer(200, kLogin).answer(row.http_status, row.body);
  const Submission submission = fixture.submit();
  CHECK(submission.kind == row.kind);
  CHECK(submission.code == row.code);
  CHECK(fixture.http().requests().size() == 2);
}

TEST_CASE("a failure without an answer stays an exception for the runtime to judge") {
  const bool bytes_left = GENERATE(false, true);
  Fixture fixture;
  fixture.http().answer(200, kLogin).fail(bytes_left ? HttpStage::read : HttpStage::connect, bytes_left);
  CHECK_THROWS_AS(fixture.submit(), HttpFailure);
  CHECK(fixture.http().requests().size() == 2);
}

TEST_CASE("without a token nothing is sent") {
  struct Row {
    int http_status;
    std::string body;
  };
  const Row row = GENERATE(
      values<Row>({{200, kLoginRefused}, {401, ""}, {403, "<html>"}, {500, ""}, {200, "{}"}, {200, "x"}}));
  Fixture fixture;
  fixture.http().answer(200, kLogin).answer(row.http_status, row.body);
  const auto prepared = fixture.prepare();
  fixture.bench.clock->advance(std::chrono::hours(1));  // the token of prepare is too old by now
  CHECK_THROWS(fixture.submit(prepared));
  for (const auto& request : fixture.http().requests()) CHECK_FALSE(request.is_money_moving());
}

TEST_CASE("a refused token leaves the credit unknown and is forgotten: the query has a new one") {
  struct Row {
    int http_status;
    std::string body;
  };
  const Row row =
      GENERATE(values<Row>({{401, ""}, {200, R"({"code":4001})"}, {500, R"({"fault":{"message":"x"}})"}}));
  Fixture fixture;
  fixture.http()
      .answer(200, kLogin)
      .answer(row.http_status, row.body)
      .answer(200, kSecondLogin)
      .answer(200, kNotFound);
  CHECK(fixture.submit().kind == Submission::Kind::unknown);
  CHECK(fixture.http().requests().size() == 2);
  CHECK(fixture.query().kind == Status::Kind::absent);
  CHECK(header_of(fixture.request(3), "Authorization") == "Bearer planted.token.2");
}

TEST_CASE("a foreign artefact or reference is never sent") {
  Fixture fixture;
  fixture.http().answer(200, kLogin);
  auto order = example_order();
  auto prepared = fixture.prepare(order);
  const auto submit = [&] { return fixture.submit(order, prepared); };
  SECTION("another amount") {
    order.money.amount = Amount::parse("301").value();
  }
  SECTION("another currency") {
    order.money.currency = "XAF";
  }
  SECTION("another payee") {
    order.destination = "22890990991";
  }
  SECTION("another payout") {
    order.payout_id = "x";
  }
  SECTION("another reference") {
    order.reference = "abcdefghij0123456780";
  }
  SECTION("another format") {
    prepared.format = 2;
  }
  SECTION("garbage") {
    prepared.artefact = "{";
  }
  SECTION("a reference of another form") {
    order.reference = "x&idRequete=y";
  }
  CHECK_THROWS(submit());
  CHECK(fixture.http().requests().size() == 1);
}

// ---- tokens

TEST_CASE("a token is reused, and refreshed before its configured end") {
  Fixture fixture(plain().with({{"token_lifetime", "10m"}}));
  fixture.http()
      .answer(200, kLogin)
      .answer(200, kFound)
      .answer(200, kFound)
      .answer(200, kSecondLogin)
      .answer(200, kFound);
  fixture.query();
  fixture.bench.clock->advance(std::chrono::minutes(7));
  fixture.query();
  CHECK(fixture.http().requests().size() == 3);
  fixture.bench.clock->advance(std::chrono::minutes(2));
  fixture.query();
  CHECK(fixture.request(3).url() == kBase + "/login");
  CHECK(header_of(fixture.request(4), "Authorization") == "Bearer planted.token.2");
}

TEST_CASE("a token that says that it lives shorter is used for that long") {
  Fixture fixture(plain().with({{"token_lifetime", "10m"}}));
  fixture.http()
      .answer(200,  // {"sub":"acme","iat":1700000000,"exp":1700000120}
              R"({"data":{"token":"h.eyJzdWIiOiJhY21lIiwiaWF0IjoxNzAwMDAwMDAwLCJleHAiOjE3MDAwMDAxMjB9.s"}})")
      .answer(200, kFound)
      .answer(200, kSecondLogin)
      .answer(200, kFound);
  fixture.query();
  fixture.bench.clock->advance(std::chrono::minutes(2));
  fixture.query();
  CHECK(fixture.request(2).url() == kBase + "/login");
  CHECK(header_of(fixture.request(3), "Authorization") == "Bearer planted.token.2");
}

TEST_CASE("many credits at once ask for one token") {
  Fixture fixture;
  fixture.http().otherwise([](const HttpRequest& request) {
    return HttpResponse{200, {}, request.is_money_moving() ? kCredited : kLogin};
  });
  const auto prepared = fixture.prepare();
  fixture.bench.clock->advance(std::chrono::hours(1));
  const auto all = fixture.submit_at_once(prepared, 20);
  CHECK(std::ranges::count(all, Submission::Kind::confirmed, &Submission::kind) == 20);
  const auto is_login = [](const HttpRequest& request) { return request.url().ends_with("/login"); };
  CHECK(std::ranges::count_if(fixture.http().requests(), is_login) == 2);
}

TEST_CASE("during a rotation the previous password still works") {
  Fixture fixture(plain().with_secrets({{"password", json::array{"planted-new-password", kPassword}}}));
  fixture.http().answer(200, kLoginRefused).answer(200, kLogin).answer(200, kFound);
  CHECK(fixture.query().kind == Status::Kind::confirmed);
  CHECK(fixture.request(0).content().find("planted-new-password") != std::string::npos);
  CHECK(fixture.request(1).content().find("\"" + kPassword + "\"") != std::string::npos);
}

TEST_CASE("a login that fails for another reason is not tried with another password") {
  Fixture fixture(plain().with_secrets({{"password", json::array{"planted-new-password", kPassword}}}));
  fixture.http().answer(503, "");
  CHECK_THROWS(fixture.query());
  CHECK(fixture.http().requests().size() == 1);
}

// ---- query

TEST_CASE("a query asks for our reference and moves no money") {
  Fixture fixture;
  fixture.http().answer(200, kLogin).answer(200, kFound);
  const Status status = fixture.query();
  CHECK(status.kind == Status::Kind::confirmed);
  CHECK(status.provider_ref == "4711");
  CHECK(status.found.amount == Amount::parse("300").value());
  CHECK(status.found.destination == "22890990990");
  CHECK(status.found.reference == kReference);
  const auto& request = fixture.request(1);
  CHECK(request.method() == "GET");
  CHECK(request.url() == kBase + "/m-banking/v1/api/tpcredit/check-transaction-id?idRequete=" + kReference);
  CHECK(header_of(request, "Authorization") == "Bearer planted.token.1");
  CHECK_FALSE(request.is_money_moving());
}

TEST_CASE("a query's answer becomes a status") {
  struct Row {
    int http_status;
    std::string body;
    Status::Kind kind;
  };
  using enum Status::Kind;
  const auto row_with = [](const std::string& statut) {
    std::string body = kFound;
    body.replace(body.find("SUCCES"), 6, statut);
    return body;
  };
  const Row row = GENERATE_COPY(values<Row>({
      {200, kFound, confirmed},
      {200, row_with("EN ATTENTE"), pending},
      {200, row_with("ECHEC"), refused},
      {200, row_with("AUTRE"), cannot_tell},
      {200, kNotFound, absent},
      {200, R"({"total":2,"data":[)" + kRow + "," + kRow + "]}", cannot_tell},
      {200, R"({"total":1,"data":[{"idRequete":"other","statutRequete":"SUCCES"}]})", cannot_tell},
      {200, "", cannot_tell},
      {404, "<html>", cannot_tell},
      {500, R"({"code":"5000"})", cannot_tell},
      {503, "", cannot_tell},
  }));
  INFO(row.http_status << " " << row.body);
  Fixture fixture;
  fixture.http().answer(200, kLogin).answer(row.http_status, row.body);
  CHECK(fixture.query().kind == row.kind);
}

TEST_CASE("a query that is refused for its token is asked once more with a new one") {
  struct Row {
    int http_status;
    std::string body;
  };
  const Row row = GENERATE(values<Row>({{401, ""},
                                        {200, R"({"code":"4001","total":0,"data":[]})"},
                                        {200, R"({"fault":{"message":"Invalid Credentials"}})"}}));
  Fixture fixture;
  fixture.http().answer(200, kLogin).answer(row.http_status, row.body).answer(200, kSecondLogin);
  SECTION("and answered") {
    fixture.http().answer(200, kFound);
    CHECK(fixture.query().kind == Status::Kind::confirmed);
    CHECK(header_of(fixture.request(3), "Authorization") == "Bearer planted.token.2");
  }
  SECTION("and refused again: nothing is known") {
    fixture.http().answer(row.http_status, row.body);
    CHECK(fixture.query().kind == Status::Kind::cannot_tell);
  }
  CHECK(fixture.http().requests().size() == 4);
}

TEST_CASE("a query never puts a foreign text into the URL") {
  Fixture fixture;
  auto order = example_order();
  order.reference = "a&b=c";
  CHECK_THROWS(fixture.query(order));
  CHECK(fixture.http().requests().empty());
}

// ---- account

TEST_CASE("the balance is the one that the last credit's answer told") {
  Fixture fixture;
  const auto balance = [&] { return fixture.balance(); };
  CHECK_THROWS_AS(balance(), payoutd::Unsupported);
  fixture.http().answer(200, kLogin).answer(200, kCredited);
  fixture.submit();
  CHECK(balance().available == Amount::parse("25000").value());
  CHECK(balance().currency == "XOF");
  fixture.http().answer(200, R"({"code":"5000","statutRequete":"ECHEC","soldePartenaire":"1.5E1"})");
  fixture.submit();
  CHECK(balance().available == Amount::parse("15").value());
  fixture.http().answer(200, R"({"code":"5000","idRequete":"another","soldePartenaire":99})");
  fixture.submit();
  fixture.http().answer(500, R"({"soldePartenaire":99})");
  fixture.submit();
  CHECK(balance().available == Amount::parse("15").value());
}

TEST_CASE("a probe finds wrong credentials, a wrong form of authorization and a wrong path") {
  Fixture fixture;
  const auto probe = [&] { fixture.probe(); };
  SECTION("all is well") {
    fixture.http().answer(200, kLogin).answer(200, kNotFound);
    CHECK_NOTHROW(probe());
    for (const auto& request : fixture.http().requests()) CHECK_FALSE(request.is_money_moving());
  }
  SECTION("the credentials are refused") {
    fixture.http().answer(200, kLoginRefused);
    CHECK_THROWS_WITH(probe(), "TMoney refuses the user or the password: HTTP 200 4001: Non autorise");
  }
  SECTION("the token is refused") {
    fixture.http().answer(200, kLogin).answer(401).answer(200, kSecondLogin).answer(401);
    CHECK_THROWS_WITH(probe(), Catch::Contains("tmoney.unauthorized"));
  }
  SECTION("the path is wrong") {
    fixture.http().answer(200, kLogin).answer(404, "<html>");
    CHECK_THROWS_WITH(probe(), Catch::Contains("http.404"));
  }
}

// ---- webhooks

TEST_CASE("a callback is a hint at most") {
  using Kind = payoutd::WebhookReading::Kind;
  struct Row {
    std::string method, body, url_reference;
    Kind kind;
    std::string reference, provider_ref;
  };
  const Row row = GENERATE_COPY(values<Row>({
      {"POST", kCredited, "", Kind::hint, kReference, "4711"},
      {"POST", kCredited, "jjjjjjjjjj0123456789", Kind::hint, "jjjjjjjjjj0123456789", "4711"},
      {"POST", "garbage", kReference, Kind::hint, kReference, ""},
      {"POST", R"({"idRequete":"../../x"})", "", Kind::hint, "", ""},
      {"POST", "garbage", "", Kind::rejected, "", ""},
      {"POST", "{}", "", Kind::rejected, "", ""},
      {"GET", kCredited, kReference, Kind::rejected, "", ""},
  }));
  Fixture fixture;
  const auto reading =
      fixture.provider->read_webhook({row.method, "/v1/webhooks/tmoney", {}, row.body, row.url_reference});
  CHECK(reading.kind == row.kind);
  CHECK(reading.reference == row.reference);
  CHECK(reading.provider_ref == row.provider_ref);
  CHECK(reading.reason.empty() == (row.kind == Kind::hint));
}

// ---- secrets

TEST_CASE("nothing that the plugin says holds a secret or a phone number, even when TMoney echoes them") {
  const std::string echo = R"({"code":"X","message":"password planted-password of 22890990990"})";
  Fixture fixture;
  fixture.http().answer(200, echo);
  fixture.note_failure([&] { fixture.prepare(); });
  fixture.http().answer(200, kLogin).answer(400, echo);
  fixture.note(fixture.submit().message);
  fixture.http().answer(200,
                        R"({"code":"X","message":"planted-password 22890990990","statutRequete":"ECHEC"})");
  fixture.note(fixture.submit().message);
  fixture.http().answer(400, echo);
  fixture.note(fixture.query().message);
  fixture.http().answer(400, echo);
  fixture.note_failure([&] { fixture.probe(); });

  const std::string said = fixture.said();
  INFO(said);
  CHECK(said.find("password *** of ***90") != std::string::npos);
  CHECK(said.find("code X: *** ***90") != std::string::npos);
  CHECK(said.find("tmoney.token_refreshed") != std::string::npos);
  CHECK(said.find("planted") == std::string::npos);
  CHECK(said.find("22890990990") == std::string::npos);
}
