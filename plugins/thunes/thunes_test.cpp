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
using payoutd::Prepared;
using payoutd::Status;
using payoutd::Submission;

const std::string kBase = "http://127.0.0.1:9";
const std::string kApi = kBase + "/v2/money-transfer";
const std::string kReference = "11111111-2222-4333-8444-555555555555";
const std::string kPayoutId = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee";
const std::string kKey = "planted-api-key";
const std::string kSecret = "planted-api-secret";
const std::string kDestination = "22890123456";

Given plain() {
  return {{{"base_url", kBase},
           {"payer_id", "1"},
           {"currency", "XOF"},
           {"source_currency", "USD"},
           {"source_country", "USA"},
           {"purpose_of_remittance", "SALARY"},
           {"sending_business", json::array{"registered_name=ACME"}},
           {"beneficiary", json::array{"lastname=Mensah", "firstname=Ama"}}},
          {{"api_key", json::array{kKey}}, {"api_secret", json::array{kSecret}}}};
}

payoutd::Order example_order(const std::string& reference = kReference) {
  payoutd::Order order;
  order.payout_id = kPayoutId;
  order.reference = reference;
  order.money = {Amount::parse("10000").value(), "XOF"};
  order.destination = kDestination;
  order.callback_url = "https://pay.example.org/v1/webhooks/thunes/x/y";
  return order;
}

std::string error_body(const std::string& code, const std::string& message = "m") {
  return json::serialize(
      json::object{{"errors", json::array{json::object{{"code", code}, {"message", message}}}}});
}

/// A Thunes that keeps its own books: what it made, what it paid. It answers everything, and at one request
/// it can lose the request before it is processed or the answer after.
class FakeThunes {
 public:
  enum class Loss { none, request, answer };

  explicit FakeThunes(payoutd::testing::FakeClock& clock) : clock_(clock) {}

  HttpResponse respond(const HttpRequest& request) {
    const int index = requests++;
    const bool is_hit = index == lose_at;
    if (is_hit && loss == Loss::request) throw HttpFailure(HttpStage::write, true, "lost on the way there");
    HttpResponse answer = process(request);
    if (is_hit && loss == Loss::answer) throw HttpFailure(HttpStage::read, true, "lost on the way back");
    return answer;
  }

  /// What stands under an external_id; nullptr if there is nothing.
  json::object* transaction(const std::string& external_id) {
    const auto found = transactions.find(external_id);
    return found == transactions.end() ? nullptr : &found->second;
  }
  void set_status(const std::string& external_id, const std::string& status) {
    json::object& it = transactions.at(external_id);
    it["status"] = status;
    it["status_class"] = status.substr(0, 1);
    it["status_message"] = "STATUS-" + status;
  }

  std::map<std::string, json::object> quotations;    // by external_id
  std::map<std::string, json::object> transactions;  // by external_id
  std::vector<std::string> paid;                     // external_ids, one for each payment
  int requests = 0;
  int lose_at = -1;
  Loss loss = Loss::none;
  std::chrono::minutes lifetime{60};
  bool dates_transactions = false;  // sources differ about expiration_date in a transaction
  std::string confirmed_status = "20000";
  std::string refuse_confirmation;  // a code
  std::string refuse_quotation;     // a code
  std::string refuse_transaction;   // a code
  std::string account_status = "AVAILABLE";

 private:
  static HttpResponse refuse(const std::string& code) { return {400, {}, error_body(code)}; }
  static HttpResponse show(int status, const json::object& body) {
    return {status, {}, json::serialize(body)};
  }

  std::chrono::sys_seconds now() const { return std::chrono::floor<std::chrono::seconds>(clock_.wall()); }
  static std::string dated(std::chrono::sys_seconds time) {
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date(day);
    const auto seconds = (time - day).count();
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02dZ", static_cast<int>(date.year()),
                  static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                  static_cast<int>(seconds / 3600), static_cast<int>(seconds / 60 % 60),
                  static_cast<int>(seconds % 60));
    return text.data();
  }
  bool is_over(const json::object& made) const {
    return now().time_since_epoch().count() >= made.at("ends").as_int64();
  }

  HttpResponse process(const HttpRequest& request) {
    std::string path = request.url().substr(kBase.size());
    if (path == "/ping") return {200, {}, R"({"status":"up"})"};
    path = path.substr(std::string("/v2/money-transfer").size());
    if (path == "/balances")
      return {200, {}, R"([{"id":1,"currency":"USD","balance":9,"pending":1,"available":8.50}])"};
    if (path.ends_with("/credit-party-verification"))
      return show(200, {{"id", 5}, {"account_status", account_status}});
    if (path == "/quotations") return make_quotation(json::parse(request.content()).as_object());
    if (request.method() == "POST" && path.ends_with("/transactions"))
      return make_transaction(path, json::parse(request.content()).as_object());
    if (path.starts_with("/quotations/ext-")) return look_up(quotations, path.substr(16), "1008002");
    if (path.starts_with("/transactions/ext-")) return look_up(transactions, path.substr(18), "1008004");
    return change(path);
  }

  static HttpResponse look_up(const std::map<std::string, json::object>& made, const std::string& external_id,
                              const std::string& missing) {
    const auto found = made.find(external_id);
    return found == made.end() ? HttpResponse{404, {}, error_body(missing)} : show(200, found->second);
  }

  HttpResponse make_quotation(const json::object& wish) {
    if (!refuse_quotation.empty()) return refuse(refuse_quotation);
    const std::string external_id(wish.at("external_id").as_string());
    if (quotations.contains(external_id)) return refuse("1007001");
    const auto ends = now() + lifetime;
    json::object made{{"id", next_id_++},
                      {"external_id", external_id},
                      {"destination", wish.at("destination")},
                      {"sent_amount", json::object{{"amount", 17.25}, {"currency", "USD"}}},
                      {"fee", json::object{{"amount", "0.75"}, {"currency", "USD"}}},
                      {"expiration_date", dated(ends)},
                      {"ends", ends.time_since_epoch().count()}};
    quotations[external_id] = made;
    return show(201, made);
  }

  HttpResponse make_transaction(const std::string& path, const json::object& wish) {
    if (!refuse_transaction.empty()) return refuse(refuse_transaction);
    const std::string external_id(wish.at("external_id").as_string());
    const std::string quotation_id = path.substr(12, path.find('/', 12) - 12);
    for (const auto& [name, quotation] : quotations) {
      if (std::to_string(quotation.at("id").as_int64()) != quotation_id && "ext-" + name != quotation_id)
        continue;
      if (transactions.contains(external_id)) return refuse("1007001");
      if (is_over(quotation)) return refuse("1008003");
      transactions[external_id] = {{"id", next_id_++},
                                   {"external_id", external_id},
                                   {"destination", quotation.at("destination")},
                                   {"credit_party_identifier", wish.at("credit_party_identifier")},
                                   {"ends", quotation.at("ends")}};
      if (dates_transactions)
        transactions.at(external_id)["expiration_date"] = quotation.at("expiration_date");
      set_status(external_id, "10000");
      return show(201, transactions.at(external_id));
    }
    return refuse("1008002");
  }

  HttpResponse change(const std::string& path) {
    for (auto& [external_id, it] : transactions) {
      const std::string address = "/transactions/" + std::to_string(it.at("id").as_int64());
      const bool waits = it.at("status") == "10000";
      if (path == address + "/cancel") {
        if (!waits) return refuse("1007014");
        set_status(external_id, "40000");
        return show(200, it);
      }
      if (path != address + "/confirm") continue;
      if (!refuse_confirmation.empty()) return refuse(refuse_confirmation);
      if (it.at("status_class") == "2" || it.at("status_class") == "7") return refuse("1007002");
      if (!waits) return refuse("1007003");
      if (is_over(it)) return refuse("1007004");
      set_status(external_id, confirmed_status);
      paid.push_back(external_id);
      return show(200, it);
    }
    return {404, {}, error_body("1008004")};
  }

  payoutd::testing::FakeClock& clock_;
  std::int64_t next_id_ = 9007199254740993;  // beyond what a double can hold
};

/// A provider on fakes, with a Thunes behind it.
struct Fixture : PluginBench {
  explicit Fixture(const Given& given = plain()) : PluginBench(given, example_order()), thunes(*bench.clock) {
    http().otherwise([this](const HttpRequest& request) { return thunes.respond(request); });
  }

  /// The requests so far, as METHOD path, without the part that is always the same.
  std::vector<std::string> calls() {
    std::vector<std::string> calls;
    for (const auto& it : bench.http->requests())
      calls.push_back(it.method() + " " +
                      it.url().substr(it.url().starts_with(kApi) ? kApi.size() : kBase.size()));
    return calls;
  }
  std::string status_of(const std::string& reference = kReference) {
    const auto* it = thunes.transaction(reference);
    return it == nullptr ? "(none)" : std::string(it->at("status").as_string());
  }
  bool logged(const std::string& event) {
    return std::ranges::any_of(bench.log->entries(), [&](const auto& entry) { return entry.event == event; });
  }

  FakeThunes thunes;
};

const std::string kQuotation = "/quotations/ext-" + kReference + "-quotation";
const std::string kTransaction = "/transactions/ext-" + kReference;
const std::string kFirstTransaction = "/transactions/9007199254740994";

using Calls = std::vector<std::string>;

}  // namespace

// ---- settings and contract

TEST_CASE("the descriptor names the plugin and the contract has no contradictions") {
  CHECK(std::string(plugin().name) == "thunes");
  CHECK(descriptor_problems() == std::vector<std::string>{});
  const auto contract = contract_of(plain());
  CHECK(payoutd::validate(contract).empty());
  CHECK(contract.repeat == payoutd::Repeat::refused_as_duplicate);
  CHECK(contract.reference.uuid4);
  CHECK(contract.lookup_by_reference);
  CHECK(contract.absence_is_proof_after == std::chrono::seconds(120));
  CHECK(contract.reversal_window == std::chrono::hours(30 * 24));
  CHECK(contract.webhook == payoutd::WebhookKind::hint);
  CHECK_FALSE(contract.serial);
  CHECK(contract.decimals_of("XOF") == 0);
  CHECK(contract.meaning_of("1007002") == payoutd::CodeMeaning::duplicate);
  CHECK(contract.meaning_of("1007005") == payoutd::CodeMeaning::not_accepted);
  CHECK_FALSE(contract.meaning_of("1007004"));
}

TEST_CASE("settings change the contract") {
  const auto contract = contract_of(plain().with({{"absence_wait", "90500ms"},
                                                  {"reversal_window", "2d"},
                                                  {"currency", "GHS"},
                                                  {"amount_decimals", 1},
                                                  {"concurrency", 3},
                                                  {"query_rate_per_s", 7},
                                                  {"submit_window", "3s"},
                                                  {"response_timeout", "9s"}}));
  CHECK(contract.absence_is_proof_after == std::chrono::seconds(91));
  CHECK(contract.reversal_window == std::chrono::hours(48));
  CHECK(contract.decimals_of("GHS") == 1);
  CHECK_FALSE(contract.decimals_of("XOF"));
  CHECK(contract.concurrency == 3);
  CHECK(contract.query_rate_per_s == 7);
  CHECK(contract.submit_window == std::chrono::seconds(3));
  CHECK(contract.response_timeout == std::chrono::seconds(9));
}

TEST_CASE("the environment decides which settings are harmless") {
  using Names = std::vector<std::string>;
  const auto production = plain().with({{"base_url", "https://api-mt.thunes.example"}});
  CHECK(problems_of(plain(), Environment::dev).empty());
  CHECK(problems_of(plain(), Environment::staging).empty());
  CHECK(problems_of(production, Environment::prod).empty());
  CHECK(problems_of(plain(), Environment::prod) == Names{"base_url", "base_url"});
  const auto in_production = [&](const char* name, json::value value) {
    return problems_of(production.with({{name, std::move(value)}}), Environment::prod);
  };
  CHECK(in_production("base_url", "https://api-mt.pre.thunes.com") == Names{"base_url"});
  CHECK(in_production("base_url", "https://API-MT.PRE.thunes.com/") == Names{"base_url"});
  CHECK(in_production("base_url", "https://[::1]/x") == Names{"base_url"});
  CHECK(in_production("base_url", "http://api-mt.thunes.example") == Names{"base_url"});
  CHECK(in_production("simulated", true) == Names{"simulated"});
  CHECK(in_production("absence_wait", "59s") == Names{"absence_wait"});
  CHECK(in_production("reversal_window", "1h") == Names{"reversal_window"});
  CHECK(in_production("concurrency", 65) == Names{"concurrency"});
  CHECK(in_production("query_rate_per_s", 0) == Names{"query_rate_per_s"});
  CHECK(problems_of(plain().with({{"simulated", true}}), Environment::staging).empty());
}

TEST_CASE("settings that contradict each other are refused everywhere") {
  using Names = std::vector<std::string>;
  const auto problems = [](const json::object& changes) {
    return problems_of(plain().with(changes), Environment::dev);
  };
  const json::array person{"lastname=Mensah", "firstname=Ama"};
  const json::array business{"registered_name=ACME"};
  CHECK(problems({{"base_url", "https://example.org/?x=1"}}) == Names{"base_url"});
  CHECK(problems({{"payer_id", "one"}}) == Names{"payer_id"});
  CHECK(problems({{"account", "a/b"}}) == Names{"account"});
  CHECK(problems({{"source_country", "US"}}) == Names{"source_country"});
  CHECK(problems({{"source_country", "usa"}}) == Names{"source_country"});
  CHECK(problems({{"purpose_of_remittance", ""}}) == Names{"purpose_of_remittance"});
  CHECK(problems({{"currency", "ZZZ"}}) == Names{"currency"});
  CHECK(problems({{"amount_decimals", 2}}) == Names{"amount_decimals"});
  CHECK(problems({{"source_currency", "ZZZ"}}) == Names{"source_currency"});
  CHECK(problems({{"country_prefixes", json::array{"+228"}}}) == Names{"country_prefixes"});
  CHECK(problems({{"temporary_statuses", json::array{"70000"}}}) == Names{"temporary_statuses"});
  CHECK(problems({{"temporary_statuses", json::array{"40000"}}}) == Names{"temporary_statuses"});
  CHECK(problems({{"temporary_statuses", json::array{}}}).empty());
  CHECK(problems({{"beneficiary", json::array{}}}) == Names{"beneficiary"});
  CHECK(problems({{"beneficiary", json::array{"lastname=x"}}}) == Names{"beneficiary"});
  CHECK(problems({{"beneficiary", json::array{"lastname=x", "firstname="}}}) == Names{"beneficiary"});
  CHECK(problems({{"sending_business", json::array{"no value"}}}) == Names{"sending_business"});
  CHECK(problems({{"sending_business", json::array{"a=1", "a=2"}}}) == Names{"sending_business"});
  CHECK(problems({{"sending_business", json::array{"a=\n"}}}) == Names{"sending_business"});
  CHECK(problems({{"transaction_fields", json::array{"external_id=1"}}}) == Names{"transaction_fields"});
  CHECK(problems({{"transaction_fields", json::array{"document_reference_number={payout_id}"}}}).empty());
  CHECK(problems({{"sender", person}}) == Names{"sender"});
  CHECK(problems({{"transaction_type", "C2C"}}) == Names{"sender", "sending_business"});
  CHECK(problems({{"transaction_type", "C2C"}, {"sending_business", json::array{}}, {"sender", person}})
            .empty());
  CHECK(problems(
            {{"transaction_type", "B2B"}, {"beneficiary", json::array{}}, {"receiving_business", business}})
            .empty());
  CHECK(problems({{"transaction_type", "B2B"}}) == Names{"beneficiary", "receiving_business"});
  CHECK(problems({{"verify_credit_party", true}}).empty());
  CHECK(problems({{"transaction_type", "B2B"},
                  {"beneficiary", json::array{}},
                  {"receiving_business", business},
                  {"verify_credit_party", true}}) == Names{"verify_credit_party"});
  CHECK(problems({{"transaction_type", "C2B"},
                  {"sending_business", json::array{}},
                  {"sender", person},
                  {"beneficiary", json::array{}},
                  {"receiving_business", business},
                  {"verify_credit_party", true}}) == Names{"verify_credit_party"});
}

TEST_CASE("secrets that cannot stand in a header are refused") {
  using Names = std::vector<std::string>;
  const auto problems = [](const json::object& changes) {
    return problems_of(plain().with_secrets(changes), Environment::dev);
  };
  CHECK(problems({{"api_key", json::array{"key\n"}}}) == Names{"api_key"});
  CHECK(problems({{"api_key", json::array{"new", "a:b"}}}) == Names{"api_key"});
  CHECK(problems({{"api_secret", json::array{"a b"}}}) == Names{"api_secret"});
  CHECK(problems({{"api_secret", json::array{"a:b"}}}).empty());
  CHECK(problems({{"callback_credentials", json::array{"user"}}}) == Names{"callback_credentials"});
  CHECK(problems({{"callback_credentials", json::array{":x"}}}) == Names{"callback_credentials"});
  CHECK(problems({{"callback_credentials", json::array{"user:pass", "user:old"}}}).empty());
}

TEST_CASE("the scope is address and account, and no secret") {
  Fixture fixture;
  CHECK(fixture.provider->account_scope() == "http://127.0.0.1:9 default");
  Fixture other(plain().with({{"account", "togo"}}));
  CHECK(other.provider->account_scope() == "http://127.0.0.1:9 togo");
  Fixture elsewhere(plain().with({{"base_url", kBase + "/other/"}}));
  CHECK(elsewhere.provider->account_scope() == "http://127.0.0.1:9/other default");
  Fixture rotated(
      plain().with_secrets({{"api_key", json::array{"new"}}, {"api_secret", json::array{"new"}}}));
  CHECK(rotated.provider->account_scope() == fixture.provider->account_scope());
}

TEST_CASE("a destination is an MSISDN of an allowed country") {
  Fixture fixture(plain().with({{"country_prefixes", json::array{"228"}}}));
  CHECK_FALSE(fixture.provider->check_destination(kDestination));
  REQUIRE(fixture.provider->check_destination("22990123456"));
  CHECK(fixture.provider->check_destination("22990123456")->field == "destination");
  CHECK(fixture.provider->check_destination("+" + kDestination));
}

// ---- prepare

TEST_CASE("preparing makes a quotation and a transaction, and moves no money") {
  Fixture fixture;
  const Prepared prepared = fixture.prepare();
  CHECK(fixture.calls() == Calls{"POST /quotations", "POST /quotations/9007199254740993/transactions"});
  CHECK(fixture.money_moving() == 0);
  for (const auto& request : fixture.http().requests()) {
    // planted-api-key:planted-api-secret in Base64
    CHECK(header_of(request, "Authorization") == "Basic cGxhbnRlZC1hcGkta2V5OnBsYW50ZWQtYXBpLXNlY3JldA==");
    CHECK(header_of(request, "Content-Type") == "application/json");
    CHECK(header_of(request, "Accept") == "application/json");
    CHECK(header_of(request, "x-simulated-transaction") == "(none)");
  }
  CHECK(fixture.request(0).content() ==
        R"({"external_id":"11111111-2222-4333-8444-555555555555-quotation","payer_id":"1",)"
        R"("mode":"DESTINATION_AMOUNT","transaction_type":"B2C",)"
        R"("source":{"amount":null,"currency":"USD","country_iso_code":"USA"},)"
        R"("destination":{"amount":"10000","currency":"XOF"}})");
  CHECK(
      fixture.request(1).content() ==
      R"({"external_id":"11111111-2222-4333-8444-555555555555","credit_party_identifier":{"msisdn":"22890123456"},)"
      R"("sending_business":{"registered_name":"ACME"},"beneficiary":{"lastname":"Mensah","firstname":"Ama"},)"
      R"("purpose_of_remittance":"SALARY","callback_url":"https://pay.example.org/v1/webhooks/thunes/x/y"})");
  CHECK(prepared.artefact ==
        R"({"transaction_id":"9007199254740994","external_id":"11111111-2222-4333-8444-555555555555",)"
        R"("status":"10000","amount":"10000","currency":"XOF","destination":"22890123456",)"
        R"("expires_at":"2026-01-01T01:00:00Z"})");
  CHECK(prepared.format == 1);
  CHECK(prepared.lookup == json::object{{"transaction_id", "9007199254740994"}, {"external_id", kReference}});
  CHECK(prepared.valid_until == fixture.bench.clock->wall() + std::chrono::hours(1));
  CHECK(prepared.cost == payoutd::Money{Amount::parse("18").value(), "USD"});
  CHECK_FALSE(prepared.reference_spent);
  CHECK_FALSE(prepared.impossible);
}

TEST_CASE("settings change what is asked for") {
  Fixture fixture(
      plain().with({{"transaction_type", "C2B"},
                    {"sending_business", json::array{}},
                    {"beneficiary", json::array{}},
                    {"sender", json::array{"lastname=Doe"}},
                    {"receiving_business", json::array{"registered_name=Shop"}},
                    {"transaction_fields", json::array{"document_reference_number=no {payout_id}"}},
                    {"msisdn_plus", true},
                    {"callbacks", false},
                    {"simulated", true}}));
  fixture.prepare();
  CHECK(
      fixture.request(1).content() ==
      R"({"document_reference_number":"no aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee",)"
      R"("external_id":"11111111-2222-4333-8444-555555555555","credit_party_identifier":{"msisdn":"+22890123456"},)"
      R"("sender":{"lastname":"Doe"},"receiving_business":{"registered_name":"Shop"},)"
      R"("purpose_of_remittance":"SALARY"})");
  fixture.submit(fixture.prepare());
  for (const auto& request : fixture.http().requests())
    CHECK(header_of(request, "x-simulated-transaction") == "true");
}

TEST_CASE("an order that is not for this provider is not prepared") {
  Fixture fixture;
  auto order = example_order();
  order.money.currency = "EUR";
  CHECK_THROWS_WITH(fixture.prepare(order), "this provider pays in XOF, not in EUR");
  CHECK_THROWS(fixture.prepare(example_order("../balances")));
  CHECK(fixture.http().requests().empty());
}

TEST_CASE("prepared again, the same transaction is found and used") {
  Fixture fixture;
  const Prepared first = fixture.prepare();
  const Prepared second = fixture.prepare();
  CHECK(second.artefact == first.artefact);
  CHECK(second.valid_until == first.valid_until);
  CHECK(second.cost == first.cost);
  CHECK(fixture.thunes.quotations.size() == 1);
  CHECK(fixture.thunes.transactions.size() == 1);
  const auto calls = fixture.calls();
  CHECK(Calls(calls.begin() + 2, calls.end()) ==
        Calls{"POST /quotations", "GET " + kTransaction, "GET " + kQuotation});
}

TEST_CASE("a crash at any step of preparing leaves one transaction, found under the same reference") {
  using Loss = FakeThunes::Loss;
  const bool verify = GENERATE(false, true);
  const auto loss = GENERATE(Loss::request, Loss::answer);
  for (int at = 0; at < 6; ++at) {
    INFO("request " << at << (loss == Loss::request ? " lost" : "'s answer lost"));
    Fixture fixture(plain().with({{"verify_credit_party", verify}}));
    fixture.thunes.lose_at = at;
    fixture.thunes.loss = loss;
    Prepared prepared;
    for (int attempt = 0; attempt < 3; ++attempt) {  // a crash, a retry, and one that was not needed
      try {
        prepared = fixture.prepare();
      } catch (const HttpFailure&) {
      }
    }
    CHECK(fixture.thunes.quotations.size() == 1);
    CHECK(fixture.thunes.transactions.size() == 1);
    CHECK(prepared.artefact.find("\"transaction_id\":\"" +
                                 std::to_string(fixture.thunes.transaction(kReference)->at("id").as_int64()) +
                                 "\"") != std::string::npos);
    CHECK(fixture.money_moving() == 0);
    CHECK(fixture.submit(prepared).kind == Submission::Kind::accepted);
    CHECK(fixture.thunes.paid == Calls{kReference});
  }
}

TEST_CASE("where preparing was broken off and the quotation is over, the reference is spent") {
  using Loss = FakeThunes::Loss;
  const auto loss = GENERATE(Loss::request, Loss::answer);
  for (int at = 0; at < 2; ++at) {
    INFO("request " << at << (loss == Loss::request ? " lost" : "'s answer lost"));
    Fixture fixture;
    fixture.thunes.lose_at = at;
    fixture.thunes.loss = loss;
    CHECK_THROWS_AS(fixture.prepare(), HttpFailure);
    fixture.bench.clock->advance(std::chrono::minutes(60));
    const bool nothing_made = at == 0 && loss == Loss::request;
    const Prepared prepared = fixture.prepare();
    CHECK(prepared.reference_spent != nothing_made);
    // Whatever was made under a spent reference can never be paid any more.
    if (prepared.reference_spent && fixture.thunes.transaction(kReference))
      CHECK(fixture.status_of() == "40000");
    CHECK(fixture.money_moving() == 0);
  }
}

TEST_CASE("a transaction that was found is reused, replaced or left to the query, by its status") {
  struct Row {
    std::string status;
    bool over;
    bool spent;
    std::string status_after;
  };
  const Row row = GENERATE(values<Row>({
      {"10000", false, false, "10000"},
      {"10000", true, true, "40000"},
      {"30400", false, true, "30400"},
      {"40000", false, true, "40000"},
      {"90201", true, true, "90201"},
      {"20000", false, false, "20000"},
      {"20110", true, false, "20110"},
      {"50000", true, false, "50000"},
      {"70000", true, false, "70000"},
      {"60000", true, false, "60000"},
      {"80000", true, false, "80000"},
  }));
  INFO(row.status << (row.over ? " over" : ""));
  Fixture fixture;
  fixture.thunes.dates_transactions = GENERATE(false, true);
  fixture.prepare();
  fixture.thunes.set_status(kReference, row.status);
  if (row.over) fixture.bench.clock->advance(std::chrono::minutes(61));
  const Prepared prepared = fixture.prepare();
  CHECK(prepared.reference_spent == row.spent);
  CHECK(fixture.status_of() == row.status_after);
  CHECK(fixture.money_moving() == 0);
  if (row.spent || row.status == "10000") return;
  CHECK_FALSE(prepared.valid_until);
  const Submission submission = fixture.submit(prepared);
  // It was confirmed, or may have been: nothing is sent, and the host asks.
  CHECK(submission.kind == Submission::Kind::duplicate);
  CHECK(submission.code == "thunes.confirmed_before");
  CHECK(fixture.money_moving() == 0);
  if (row.status == "60000" || row.status == "80000")
    CHECK(fixture.query(prepared).found.reference == "status=" + row.status);
}

TEST_CASE("a refusal of a second confirmation never makes a payment that may have been made a failed one") {
  Fixture fixture;
  fixture.submit(fixture.prepare());
  REQUIRE(fixture.thunes.paid.size() == 1);
  fixture.thunes.set_status(kReference, "60000");  // AVAILABLE, and the database has forgotten the payment
  fixture.thunes.refuse_confirmation = "1000999";
  const Prepared prepared = fixture.prepare();
  const Submission submission = fixture.submit(prepared);
  CHECK(submission.kind == Submission::Kind::duplicate);
  CHECK(fixture.money_moving() == 1);
  const Status status = fixture.query(prepared);
  CHECK(status.kind == Status::Kind::pending);
  CHECK(status.found.reference == "status=60000");
}

TEST_CASE("a transaction whose status cannot be placed is not confirmed, and a person sees it") {
  Fixture fixture;
  fixture.prepare();
  (*fixture.thunes.transaction(kReference))["status"] = GENERATE("COMPLETED", "1", "100000", "77777");
  const Prepared prepared = fixture.prepare();
  CHECK_FALSE(prepared.reference_spent);
  CHECK(fixture.submit(prepared).kind == Submission::Kind::duplicate);
  CHECK(fixture.query(prepared).found.reference != kReference);
  CHECK(fixture.money_moving() == 0);
}

TEST_CASE("a new transaction must be one that can be confirmed, or dead") {
  struct Row {
    std::string status;
    bool usable;
    bool spent;
  };
  const Row row = GENERATE(values<Row>({{"10000", true, false},
                                        {"20000", true, false},
                                        {"30000", true, true},
                                        {"60000", false, false},
                                        {"80000", false, false},
                                        {"CREATED", false, false}}));
  INFO(row.status);
  Fixture fixture;
  fixture.http().answer(201, R"({"id":5})").answer(201, R"({"id":6,"status":")" + row.status + "\"}");
  if (!row.usable) {
    CHECK_THROWS_WITH(fixture.prepare(), "Thunes' new transaction has a status that cannot be placed");
    return;
  }
  CHECK(fixture.prepare().reference_spent == row.spent);
}

TEST_CASE("an expired transaction that cannot be cancelled is not replaced") {
  Fixture fixture;
  fixture.prepare();
  fixture.bench.clock->advance(std::chrono::minutes(61));
  SECTION("because the cancellation is lost") {
    fixture.thunes.loss = FakeThunes::Loss::request;
    fixture.thunes.lose_at = fixture.thunes.requests + 3;
    CHECK_THROWS_WITH(fixture.prepare(), "an expired transaction cannot be cancelled");
    CHECK(fixture.calls().at(5) == "POST " + kFirstTransaction + "/cancel");
    CHECK(fixture.prepare().reference_spent);  // the next time it works
  }
  SECTION("because it was confirmed meanwhile") {
    fixture.http().answer(400, error_body("1007001")).answer_with([&](const HttpRequest& request) {
      const HttpResponse before = fixture.thunes.respond(request);
      fixture.thunes.set_status(kReference, "20000");
      return before;
    });
    const Prepared prepared = fixture.prepare();
    CHECK_FALSE(prepared.reference_spent);
    CHECK(fixture.status_of() == "20000");
    CHECK(fixture.submit(prepared).kind == Submission::Kind::duplicate);
  }
}

TEST_CASE("a transaction that differs from the order is never prepared") {
  Fixture fixture;
  fixture.prepare();
  json::object& it = *fixture.thunes.transaction(kReference);
  std::string why;
  SECTION("amount") {
    it["destination"].as_object()["amount"] = 10001;
    why = "its amount is 10001 instead of 10000";
  }
  SECTION("currency") {
    it["destination"].as_object()["currency"] = "XAF";
    why = "its currency is XAF instead of XOF";
  }
  SECTION("payee") {
    it["credit_party_identifier"].as_object()["msisdn"] = "22890123457";
    why = "its payee is another one";
  }
  SECTION("external_id") {
    it["external_id"] = "another";
    why = "its external_id is another one";
  }
  for (const std::string status : {"10000", "20000", "40000", "70000"}) {
    fixture.thunes.set_status(kReference, status);
    CHECK_THROWS_WITH(fixture.prepare(),
                      "Thunes' transaction is not what is owed, it is not confirmed: " + why);
  }
}

TEST_CASE("a new quotation or transaction that differs from the order is not used") {
  Fixture fixture;
  fixture.http().answer(201, R"({"id":5,"destination":{"amount":"9999","currency":"XOF"}})");
  CHECK_THROWS_WITH(fixture.prepare(), "Thunes' quotation is not what was asked for; it is not used");
  fixture.http()
      .answer(201, R"({"id":5,"destination":{"amount":"10000","currency":"XOF"}})")
      .answer(201, R"({"id":6,"status":"10000","destination":{"amount":"1","currency":"XOF"}})");
  CHECK_THROWS_WITH(
      fixture.prepare(),
      "Thunes' transaction is not what is owed, it is not confirmed: its amount is 1 instead of 10000");
  CHECK(fixture.money_moving() == 0);
}

TEST_CASE("refusals of the first steps: for good, or to be tried again") {
  struct Row {
    std::string code;
    bool impossible;
  };
  const Row row = GENERATE(values<Row>({{"1003011", true},
                                        {"1003012", true},
                                        {"1005001", true},
                                        {"1000999", true},
                                        {"1003007", false},
                                        {"1006001", false},
                                        {"1007005", false},
                                        {"1009001", false},
                                        {"1000401", false},
                                        {"7777777", false}}));
  const bool at_quotation = GENERATE(true, false);
  INFO(row.code << (at_quotation ? " for the quotation" : " for the transaction"));
  Fixture fixture;
  (at_quotation ? fixture.thunes.refuse_quotation : fixture.thunes.refuse_transaction) = row.code;
  if (!row.impossible) {
    CHECK_THROWS(fixture.prepare());
    return;
  }
  const Prepared prepared = fixture.prepare();
  REQUIRE(prepared.impossible);
  CHECK(prepared.impossible->field == row.code);
  CHECK(fixture.calls().back() == "GET " + kTransaction);  // nobody was paid under this reference
}

TEST_CASE("nothing is impossible while a transaction lives under the reference") {
  // The database forgot a payment that was confirmed; now the payer has other limits.
  Fixture fixture(plain().with({{"verify_credit_party", true}}));
  fixture.submit(fixture.prepare());
  SECTION("the quotation is refused for good") {
    fixture.thunes.refuse_quotation = "1003012";
  }
  SECTION("the account is barred by now") {
    fixture.thunes.account_status = "BARRED";
  }
  const Prepared prepared = fixture.prepare();
  CHECK_FALSE(prepared.impossible);
  CHECK_FALSE(prepared.reference_spent);
  CHECK(fixture.submit(prepared).kind == Submission::Kind::duplicate);
  CHECK(fixture.query(prepared).kind == Status::Kind::pending);
  CHECK(fixture.thunes.paid.size() == 1);
  // Once it is dead, the refusal stands.
  fixture.thunes.set_status(kReference, "90201");
  CHECK(fixture.prepare().impossible);
}

TEST_CASE("answers that are none make preparing fail, and nothing more is claimed") {
  struct Row {
    int http_status;
    std::string body;
  };
  const Row row = GENERATE(values<Row>({{500, ""},
                                        {502, "<html>"},
                                        {404, "{}"},
                                        {301, ""},
                                        {200, "{}"},
                                        {201, "garbage"},
                                        {201, R"({"id":null})"},
                                        {201, R"({"id":"../x"})"},
                                        {409, R"({"errors":[{"code":"1007001"}]})"}}));
  INFO(row.http_status << row.body);
  if (row.http_status != 409) {
    Fixture fixture;
    fixture.http().answer(row.http_status, row.body);
    CHECK_THROWS(fixture.prepare());
    CHECK(fixture.http().requests().size() == 1);
  }
  // A transaction's used external_id under which Thunes knows nothing is a contradiction.
  Fixture second;
  second.http().answer(201, R"({"id":5})").answer(row.http_status, row.body);
  CHECK_THROWS(second.prepare());
}

TEST_CASE("a used quotation that Thunes no longer shows spends the reference where no transaction stands") {
  struct Row {
    int http_status;
    std::string code;
    bool spent;
  };
  const Row row = GENERATE(values<Row>({{400, "1007004", true},
                                        {400, "1008003", true},
                                        {404, "1008002", true},
                                        {400, "1009001", false},
                                        {401, "1000401", false},
                                        {404, "7777777", false},
                                        {500, "", false}}));
  INFO(row.http_status << " " << row.code);
  Fixture fixture;
  fixture.http()
      .answer(400, error_body("1007001"))
      .answer(404, error_body("1008004"))
      .answer(row.http_status, row.code.empty() ? "" : error_body(row.code));
  if (row.code == "1000401") fixture.http().answer(401, error_body(row.code));
  if (row.spent) {
    CHECK(fixture.prepare().reference_spent);
  } else {
    CHECK_THROWS(fixture.prepare());
  }
  CHECK(fixture.calls().at(1) == "GET " + kTransaction);
  CHECK(fixture.calls().at(2) == "GET " + kQuotation);
  CHECK(fixture.thunes.transactions.empty());
  CHECK(fixture.money_moving() == 0);
}

TEST_CASE("where Thunes has no look-up of quotations, the transaction is made by our name of it") {
  const int http_status = GENERATE(404, 405);
  const std::string post = "POST /quotations/ext-" + kReference + "-quotation/transactions";
  Fixture fixture;
  fixture.thunes.lose_at = 1;  // the transaction's request
  fixture.thunes.loss = FakeThunes::Loss::request;
  SECTION("the quotation is still good") {
    CHECK_THROWS_AS(fixture.prepare(), HttpFailure);
    fixture.http().answer(400, error_body("1007001")).answer(404, error_body("1008004")).answer(http_status);
    const Prepared prepared = fixture.prepare();
    CHECK(fixture.calls().back() == post);
    CHECK_FALSE(prepared.reference_spent);
    CHECK(fixture.submit(prepared).kind == Submission::Kind::accepted);
    CHECK(fixture.thunes.paid == Calls{kReference});
  }
  SECTION("the quotation is over") {
    CHECK_THROWS_AS(fixture.prepare(), HttpFailure);
    fixture.bench.clock->advance(std::chrono::minutes(61));
    fixture.http().answer(400, error_body("1007001")).answer(404, error_body("1008004")).answer(http_status);
    CHECK(fixture.prepare().reference_spent);
    CHECK(fixture.calls().at(5) == post);
    CHECK(fixture.calls().back() == "GET " + kTransaction);
  }
  SECTION("Thunes does not know the quotation") {
    fixture.thunes.lose_at = -1;
    fixture.http().answer(400, error_body("1007001")).answer(404, error_body("1008004")).answer(http_status);
    CHECK(fixture.prepare().reference_spent);
    CHECK(fixture.calls().at(3) == post);
    CHECK(fixture.calls().back() == "GET " + kTransaction);
  }
  SECTION("an answer that says nothing") {
    fixture.thunes.lose_at = -1;
    fixture.http()
        .answer(400, error_body("1007001"))
        .answer(404, error_body("1008004"))
        .answer(http_status)
        .answer(500, "");
    CHECK_THROWS(fixture.prepare());
  }
  CHECK(fixture.money_moving() == (fixture.thunes.paid.empty() ? 0 : 1));
}

TEST_CASE("a transaction that waits is used or replaced, whatever Thunes shows of its quotation") {
  Fixture fixture;
  fixture.prepare();
  const auto look_up = [&](int http_status, const std::string& body) {
    const std::string made = json::serialize(*fixture.thunes.transaction(kReference));
    fixture.http().answer(400, error_body("1007001")).answer(200, made).answer(http_status, body);
    return fixture.prepare();
  };
  const Prepared kept = look_up(405, "");
  CHECK_FALSE(kept.reference_spent);
  CHECK_FALSE(kept.valid_until);
  CHECK(fixture.status_of() == "10000");
  CHECK(look_up(400, error_body("1008003")).reference_spent);
  CHECK(fixture.status_of() == "40000");
  CHECK(fixture.money_moving() == 0);
}

TEST_CASE("a new quotation that is missing at once spends no reference") {
  Fixture fixture;
  fixture.thunes.refuse_transaction = "1008002";
  CHECK_THROWS(fixture.prepare());
}

TEST_CASE("a transaction refused because its quotation is over spends the reference") {
  Fixture fixture;
  const std::string code = GENERATE("1007004", "1008003");
  fixture.thunes.refuse_transaction = code;
  CHECK(fixture.prepare().reference_spent);
  CHECK(fixture.calls().back() == "GET " + kTransaction);
}

TEST_CASE("a quotation that is over by our clock at once is Thunes' to judge") {
  Fixture fixture;
  fixture.thunes.lifetime = std::chrono::minutes(-5);
  fixture.http()
      .answer(201, R"({"id":5,"expiration_date":"2025-12-31T23:55:00Z"})")
      .answer(201, R"({"id":6,"status":"10000"})");
  const Prepared prepared = fixture.prepare();
  CHECK_FALSE(prepared.valid_until);
  CHECK_FALSE(prepared.reference_spent);
  CHECK(fixture.logged("thunes.clock_differs"));
}

TEST_CASE("the payee's account is verified if the settings say so") {
  struct Row {
    std::string account_status;
    std::string impossible;
    bool warned;
  };
  const Row row = GENERATE(values<Row>({{"AVAILABLE", "", false},
                                        {"UNVERIFIED", "", true},
                                        {"SOMETHING_NEW", "", true},
                                        {"BARRED", "thunes.account_barred", false},
                                        {"INACTIVE", "thunes.account_inactive", false},
                                        {"SUSPENDED", "thunes.account_suspended", false}}));
  INFO(row.account_status);
  Fixture fixture(plain().with({{"verify_credit_party", true}}));
  fixture.thunes.account_status = row.account_status;
  const Prepared prepared = fixture.prepare();
  CHECK(fixture.calls().front() == "POST /payers/1/B2C/credit-party-verification");
  CHECK(fixture.request(0).content() == R"({"credit_party_identifier":{"msisdn":"22890123456"}})");
  CHECK((prepared.impossible ? prepared.impossible->field : "") == row.impossible);
  CHECK(fixture.logged("thunes.credit_party_unchecked") == row.warned);
  if (!row.impossible.empty()) CHECK(fixture.thunes.quotations.empty());
}

TEST_CASE("a verification without an answer stops nothing") {
  Fixture fixture(plain().with({{"verify_credit_party", true}}));
  SECTION("no answer") {
    fixture.http().fail(HttpStage::read, true);
  }
  SECTION("an error") {
    fixture.http().answer(500, error_body("1007101"));
  }
  SECTION("a page") {
    fixture.http().answer(200, "<html>");
  }
  SECTION("a state in an answer that is no success") {
    fixture.http().answer(503, R"({"account_status":"BARRED"})");
  }
  CHECK_FALSE(fixture.prepare().impossible);
  CHECK(fixture.logged("thunes.credit_party_unchecked"));
  CHECK(fixture.thunes.transactions.size() == 1);
}

// ---- submit

TEST_CASE("a confirmation is one marked request without a body") {
  Fixture fixture;
  const Prepared prepared = fixture.prepare();
  const Submission submission = fixture.submit(prepared);
  CHECK(submission.kind == Submission::Kind::accepted);
  CHECK(submission.provider_ref.empty());
  CHECK(submission.message == "transaction 9007199254740994: STATUS-20000");
  CHECK(fixture.money_moving() == 1);
  const auto& confirm = fixture.request(2);
  CHECK(confirm.is_money_moving());
  CHECK(confirm.method() == "POST");
  CHECK(confirm.url() == kApi + kFirstTransaction + "/confirm");
  CHECK(confirm.content().empty());
  CHECK(header_of(confirm, "Content-Type") == "(none)");
  CHECK(header_of(confirm, "Authorization") == "Basic cGxhbnRlZC1hcGkta2V5OnBsYW50ZWQtYXBpLXNlY3JldA==");
  CHECK(fixture.http().requests().size() == 3);
}

TEST_CASE("the answer to a confirmation reaches the host with its code, after one request only") {
  struct Row {
    int http_status;
    std::string body;
    Submission::Kind kind;
    std::string code;
  };
  using enum Submission::Kind;
  const Row row = GENERATE(values<Row>({
      {200, R"({"id":9007199254740994,"status":"20000"})", accepted, ""},
      {200, R"({"id":9007199254740994,"status":50000})", accepted, ""},
      {200, R"({"id":9007199254740994,"status":"10000"})", unknown, "10000"},
      {200, R"({"id":9007199254740994,"status":"90400"})", unknown, "90400"},
      {200, R"({"id":9007199254740995,"status":"20000"})", unknown, "thunes.other_transaction"},
      {200, "", unknown, "thunes.unreadable"},
      {200, "<html>", unknown, "thunes.unreadable"},
      {409, error_body("1007002"), duplicate, "1007002"},
      {400, error_body("1007005"), not_accepted, "1007005"},
      {400, error_body("1003007"), not_accepted, "1003007"},
      {401, error_body("1000401"), not_accepted, "1000401"},
      {400, error_body("1005001"), refused, "1005001"},
      {400, error_body("1000999"), refused, "1000999"},
      {404, error_body("1008004"), unknown, "1008004"},
      {500, error_body("1009001"), unknown, "1009001"},
      {400, "{}", unknown, "http.400"},
      {401, "", unknown, "http.401"},
      {403, "<html>", unknown, "http.403"},
      {429, "{}", unknown, "http.429"},
      {502, "<html>", unknown, "http.502"},
      {307, "", unknown, "http.307"},
  }));
  INFO(row.http_status << " " << row.body);
  Fixture fixture;
  const Prepared prepared = fixture.prepare();
  fixture.http().answer(row.http_status, row.body);
  const Submission submission = fixture.submit(prepared);
  CHECK(submission.kind == row.kind);
  CHECK(submission.code == row.code);
  CHECK(submission.provider_ref.empty());
  CHECK(fixture.http().requests().size() == 3);
}

TEST_CASE("a failure without an answer stays an exception for the runtime to judge") {
  const bool bytes_left = GENERATE(false, true);
  Fixture fixture;
  const Prepared prepared = fixture.prepare();
  fixture.http().fail(bytes_left ? HttpStage::read : HttpStage::connect, bytes_left);
  CHECK_THROWS_AS(fixture.submit(prepared), HttpFailure);
  CHECK(fixture.http().requests().size() == 3);
}

TEST_CASE(
    "an expired quotation is reported as unknown, and the transaction is cancelled for the query to see") {
  const std::string code = GENERATE("1007004", "1008003");
  Fixture fixture;
  const Prepared prepared = fixture.prepare();
  fixture.thunes.refuse_confirmation = code;
  SECTION("and the cancellation arrives") {
    const Submission submission = fixture.submit(prepared);
    CHECK(submission.kind == Submission::Kind::unknown);
    CHECK(submission.code == code);
    CHECK(fixture.calls().back() == "POST " + kFirstTransaction + "/cancel");
    CHECK(fixture.status_of() == "40000");
    const Status status = fixture.query(prepared);
    CHECK(status.kind == Status::Kind::refused_for_now);
    CHECK(status.code == "40000");
    CHECK(fixture.prepare().reference_spent);
  }
  SECTION("and the cancellation is lost") {
    fixture.thunes.loss = FakeThunes::Loss::request;
    fixture.thunes.lose_at = fixture.thunes.requests + 1;
    CHECK(fixture.submit(prepared).kind == Submission::Kind::unknown);
    CHECK(fixture.query(prepared).kind == Status::Kind::absent);
    CHECK(fixture.status_of() == "10000");
  }
  CHECK(fixture.money_moving() == 1);
}

TEST_CASE("after an insufficient balance the same transaction is confirmed later") {
  Fixture fixture;
  fixture.thunes.refuse_confirmation = "1007005";
  CHECK(fixture.submit(fixture.prepare()).kind == Submission::Kind::not_accepted);
  fixture.thunes.refuse_confirmation.clear();
  const Prepared again = fixture.prepare();
  CHECK_FALSE(again.reference_spent);
  CHECK(fixture.submit(again).kind == Submission::Kind::accepted);
  CHECK(fixture.thunes.transactions.size() == 1);
  CHECK(fixture.thunes.paid == Calls{kReference});
}

TEST_CASE("a foreign artefact or reference is never sent") {
  Fixture fixture;
  auto order = example_order();
  auto prepared = fixture.prepare(order);
  SECTION("another amount") {
    order.money.amount = Amount::parse("10001").value();
  }
  SECTION("another currency") {
    order.money.currency = "XAF";
  }
  SECTION("another payee") {
    order.destination = "22890123457";
  }
  SECTION("another reference") {
    order.reference = kPayoutId;
  }
  SECTION("another format") {
    prepared.format = 2;
  }
  SECTION("garbage") {
    prepared.artefact = "{";
  }
  SECTION("nothing") {
    prepared.artefact.clear();
  }
  CHECK_THROWS(fixture.submit(order, prepared));
  CHECK_THROWS(fixture.query(order, prepared));
  CHECK(fixture.http().requests().size() == 2);
}

// ---- query

TEST_CASE("a query asks for our reference and moves no money") {
  Fixture fixture;
  const Prepared prepared = fixture.prepare();
  fixture.submit(prepared);
  fixture.thunes.set_status(kReference, "70000");
  const Status status = fixture.query(prepared);
  CHECK(status.kind == Status::Kind::confirmed);
  CHECK(status.provider_ref == "9007199254740994");
  CHECK(status.found.amount == Amount::parse("10000").value());
  CHECK(status.found.currency == "XOF");
  CHECK(status.found.destination == kDestination);
  CHECK(status.found.reference == kReference);
  CHECK(fixture.calls().back() == "GET " + kTransaction);
  CHECK_FALSE(fixture.request(3).is_money_moving());
}

TEST_CASE("a query's answer becomes a status") {
  struct Row {
    std::string status;
    Status::Kind kind;
    bool warned;
  };
  using enum Status::Kind;
  const Row row = GENERATE(values<Row>({
      {"10000", absent, false},
      {"20000", pending, false},
      {"20110", pending, false},
      {"20150", pending, false},
      {"50000", pending, false},
      {"70000", confirmed, false},
      {"30000", refused, false},
      {"30400", refused_for_now, false},
      {"30500", refused_for_now, false},
      {"40000", refused_for_now, false},
      {"90201", refused, false},
      {"90305", refused, false},
      {"90331", refused_for_now, false},
      {"90400", refused_for_now, false},
      {"60000", pending, true},
      {"80000", pending, true},
      {"77", pending, true},
  }));
  INFO(row.status);
  Fixture fixture;
  const Prepared prepared = fixture.prepare();
  fixture.thunes.set_status(kReference, row.status);
  const Status status = fixture.query(prepared);
  CHECK(status.kind == row.kind);
  CHECK(fixture.logged("thunes.needs_a_person") == row.warned);
  // The host takes to a person what does not match.
  if (row.warned) CHECK(status.found.reference == "status=" + row.status);
  CHECK(fixture.money_moving() == 0);
}

TEST_CASE("which refusals pass with time is a setting") {
  Fixture fixture(plain().with({{"temporary_statuses", json::array{"90201"}}}));
  const Prepared prepared = fixture.prepare();
  fixture.thunes.set_status(kReference, "90201");
  CHECK(fixture.query(prepared).kind == Status::Kind::refused_for_now);
  fixture.thunes.set_status(kReference, "90400");
  CHECK(fixture.query(prepared).kind == Status::Kind::refused);
}

TEST_CASE("a reversal counts only after a completion that was recorded") {
  Fixture fixture;
  const Prepared prepared = fixture.prepare();
  fixture.submit(prepared);
  fixture.thunes.set_status(kReference, "70000");
  const std::string recorded = fixture.query(prepared).provider_ref;  // the host keeps it
  fixture.thunes.set_status(kReference, "80000");
  CHECK(fixture.query(prepared, recorded).kind == Status::Kind::reversed);
  for (const std::string not_recorded : {"", "another"}) {
    const Status status = fixture.query(prepared, not_recorded);
    CHECK(status.kind == Status::Kind::pending);
    CHECK(status.found.reference == "status=80000");
  }
}

TEST_CASE("an unconfirmed transaction is cancelled by the query only when its quotation is over") {
  Fixture fixture;
  const Prepared prepared = fixture.prepare();
  CHECK(fixture.query(prepared).kind == Status::Kind::absent);
  CHECK(fixture.status_of() == "10000");
  fixture.bench.clock->advance(std::chrono::minutes(60));
  SECTION("and reported dead when it is seen dead") {
    const Status status = fixture.query(prepared);
    CHECK(status.kind == Status::Kind::refused_for_now);
    CHECK(fixture.status_of() == "40000");
    const auto calls = fixture.calls();
    CHECK(Calls(calls.end() - 3, calls.end()) ==
          Calls{"GET " + kTransaction, "POST " + kFirstTransaction + "/cancel", "GET " + kTransaction});
  }
  SECTION("and not reported dead when the cancellation was lost") {
    fixture.thunes.loss = FakeThunes::Loss::request;
    fixture.thunes.lose_at = fixture.thunes.requests + 1;
    CHECK(fixture.query(prepared).kind == Status::Kind::absent);
  }
  SECTION("and reported alive when the confirmation was faster") {
    fixture.http().answer_with([&](const HttpRequest& request) {
      const HttpResponse before = fixture.thunes.respond(request);
      fixture.thunes.set_status(kReference, "20000");
      return before;
    });
    CHECK(fixture.query(prepared).kind == Status::Kind::pending);
    CHECK(fixture.status_of() == "20000");
  }
}

TEST_CASE("not found, refused or broken: a query that cannot tell") {
  struct Row {
    int http_status;
    std::string body;
  };
  const Row row = GENERATE(values<Row>({{404, error_body("1008004")},
                                        {404, error_body("1008002")},
                                        {404, "<html>"},
                                        {401, error_body("1000401")},
                                        {429, "{}"},
                                        {500, error_body("1009001")},
                                        {503, ""},
                                        {200, ""},
                                        {200, "{}"},
                                        {302, ""}}));
  INFO(row.http_status << " " << row.body);
  Fixture fixture;
  const Prepared prepared = fixture.prepare();
  fixture.http().answer(row.http_status, row.body);
  CHECK(fixture.query(prepared).kind == Status::Kind::cannot_tell);
}

TEST_CASE("a transaction that is not ours is shown to the host as it is, and its absence is not believed") {
  Fixture fixture;
  const Prepared prepared = fixture.prepare();
  (*fixture.thunes.transaction(kReference))["destination"].as_object()["amount"] = 1;
  CHECK(fixture.query(prepared).kind == Status::Kind::cannot_tell);
  fixture.thunes.set_status(kReference, "70000");
  const Status status = fixture.query(prepared);
  CHECK(status.found.amount == Amount::parse("1").value());
  CHECK(status.provider_ref.empty());
}

// ---- a whole life with one fault

namespace {

/// Does what the host does with each answer, in its plainest form: a journal, references that are kept until
/// they are spent, and a second submit only after a dated absence.
struct Life {
  Fixture fixture;
  int reference_n = 0;
  std::optional<Prepared> journaled;
  bool taken = false;
  std::string end;

  payoutd::Order order() const {
    auto order = example_order();
    order.reference.back() = static_cast<char>('0' + reference_n);
    return order;
  }
  void retry(bool renew) {
    journaled.reset();
    taken = false;
    if (renew) ++reference_n;
  }
  void pay() {
    const Prepared prepared = fixture.prepare(order());
    if (prepared.reference_spent) return retry(true);
    journaled = prepared;
    const Submission submission = fixture.submit(order(), prepared);
    using enum Submission::Kind;
    if (submission.kind == accepted || submission.kind == duplicate) taken = true;
    if (submission.kind == not_accepted) retry(false);
    if (submission.kind == refused) end = "failed";
  }
  void ask() {
    const Status status = fixture.query(order(), *journaled);
    using enum Status::Kind;
    if (status.kind == confirmed) end = "confirmed";
    if (status.kind == refused) end = "failed";
    if (status.kind == refused_for_now) retry(true);
    if (status.kind == absent && !taken) retry(false);
  }
  std::string run(std::chrono::minutes pause) {
    for (int step = 0; step < 40 && end.empty(); ++step) {
      try {
        journaled ? ask() : pay();
      } catch (const HttpFailure&) {
        // Whether it crashed before or after the request was processed, the journal is all that is left.
      }
      fixture.bench.clock->advance(pause);
      for (auto& [external_id, it] : fixture.thunes.transactions) {
        if (it.at("status") == "20000") fixture.thunes.set_status(external_id, "70000");
      }
    }
    return end;
  }
};

}  // namespace

TEST_CASE("whatever single request or answer is lost, the payout is paid exactly once") {
  using Loss = FakeThunes::Loss;
  const auto loss = GENERATE(Loss::none, Loss::request, Loss::answer);
  const int pause_min = GENERATE(1, 20, 59, 90);  // 90: every quotation is over before the next step
  for (int at = 0; at < 10; ++at) {
    INFO("request " << at << (loss == Loss::request ? " lost" : "'s answer lost") << ", steps " << pause_min
                    << " min apart");
    Life life;
    life.fixture.thunes.lose_at = at;
    life.fixture.thunes.loss = loss;
    CHECK(life.run(std::chrono::minutes(pause_min)) == "confirmed");
    CHECK(life.fixture.thunes.paid.size() == 1);
    long unconfirmed = 0;
    for (const auto& [external_id, it] : life.fixture.thunes.transactions)
      unconfirmed += it.at("status") == "10000" ? 1 : 0;
    CHECK(unconfirmed == 0);
  }
}

TEST_CASE("a payout whose confirmation finds its quotation over is paid under the next reference") {
  Life life;
  life.fixture.thunes.refuse_confirmation = "1007004";
  life.pay();
  CHECK(life.fixture.status_of(life.order().reference) == "40000");
  life.fixture.thunes.refuse_confirmation.clear();
  CHECK(life.run(std::chrono::minutes(1)) == "confirmed");
  CHECK(life.reference_n == 1);
  CHECK(life.fixture.thunes.paid == Calls{life.order().reference});
}

// ---- credentials

TEST_CASE("during a rotation the previous secrets still work, and the confirmation goes with what worked") {
  // Which pair is good: the new one is not in force yet, or the key stayed, or the secret did.
  struct Row {
    json::array keys, secrets;
    std::string good;
  };
  const auto row = GENERATE(values<Row>({
      {{"key-new", "key-old"}, {"secret-new", "secret-old"}, "Basic a2V5LW5ldzpzZWNyZXQtbmV3"},
      {{"key-new", "key-old"}, {"secret-new", "secret-old"}, "Basic a2V5LW9sZDpzZWNyZXQtb2xk"},
      {{"key"}, {"secret-new", "secret-old"}, "Basic a2V5OnNlY3JldC1vbGQ="},
      {{"key-new", "key-old"}, {"secret"}, "Basic a2V5LW9sZDpzZWNyZXQ="},
  }));
  Fixture fixture(plain().with_secrets({{"api_key", row.keys}, {"api_secret", row.secrets}}));
  fixture.http().otherwise([&](const HttpRequest& request) {
    if (header_of(request, "Authorization") != row.good) return HttpResponse{401, {}, error_body("1000401")};
    return fixture.thunes.respond(request);
  });
  CHECK(fixture.submit(fixture.prepare()).kind == Submission::Kind::accepted);
  CHECK(header_of(fixture.http().requests().back(), "Authorization") == row.good);
  CHECK(fixture.money_moving() == 1);
}

TEST_CASE("credentials that are refused are named as the reason") {
  Fixture fixture;
  fixture.http().otherwise(
      [](const HttpRequest&) { return HttpResponse{401, {}, error_body("1000401", "Unauthorized")}; });
  CHECK_THROWS_WITH(fixture.prepare(), "Thunes makes no quotation: HTTP 401 1000401: Unauthorized");
  CHECK_THROWS_WITH(fixture.balance(), "Thunes does not tell the balances: HTTP 401 1000401: Unauthorized");
}

// ---- account

TEST_CASE("the balance is what is available in the currency that pays") {
  Fixture fixture;
  const auto balance = fixture.balance();
  CHECK(balance.available == Amount::parse("8.5").value());
  CHECK(balance.currency == "USD");
  Fixture other(plain().with({{"source_currency", "EUR"}}));
  CHECK_THROWS_WITH(
      other.balance(),
      "Thunes' answer about the balances cannot be used: currency EUR is in no balance of this account");
}

TEST_CASE("a probe pings and reads the balance") {
  Fixture fixture;
  SECTION("all is well") {
    CHECK_NOTHROW(fixture.probe());
    CHECK(fixture.calls() == Calls{"GET /ping", "GET /balances"});
  }
  SECTION("down") {
    fixture.http().answer(200, R"({"status":"down"})");
    CHECK_THROWS_WITH(fixture.probe(), "Thunes does not say that it is up: HTTP 200");
  }
  SECTION("up, but the balance is not shown") {
    fixture.http().answer(200, R"({"status":"up"})").answer(401, error_body("1000401"));
    CHECK_THROWS(fixture.probe());
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
  const std::string paid =
      R"({"id":77,"external_id":")" + kReference + R"(","status":70000,"status_class":7})";
  const Row row = GENERATE_COPY(values<Row>({
      {"POST", paid, kReference, Kind::hint, "77"},
      {"PUT", paid, kReference, Kind::hint, "77"},
      {"POST", R"({"id":"77","status":"70000"})", kReference, Kind::hint, "77"},
      {"POST", "garbage", kReference, Kind::hint, ""},
      {"POST", paid, "", Kind::hint, "77"},
      {"POST", R"({"id":77,"external_id":"other","status":70000})", "", Kind::rejected, ""},
      {"POST", R"({"id":77,"status":70000})", "", Kind::rejected, ""},
      {"POST", "garbage", "", Kind::rejected, ""},
      {"GET", paid, kReference, Kind::rejected, ""},
  }));
  INFO(row.method << " " << row.body);
  Fixture fixture;
  const auto reading =
      fixture.provider->read_webhook({row.method, "/v1/webhooks/thunes", {}, row.body, row.reference});
  CHECK(reading.kind == row.kind);
  CHECK(reading.provider_ref == row.provider_ref);
  CHECK(reading.reason.empty() == (row.kind == Kind::hint));
  if (row.kind == Kind::hint) CHECK(reading.reference == kReference);
}

TEST_CASE("callbacks must carry the agreed credentials, where there are any, and stay hints") {
  using Kind = payoutd::WebhookReading::Kind;
  struct Row {
    std::string name, value;
    Kind kind;
    std::string key_id;
  };
  const Row row = GENERATE(values<Row>({
      {"Authorization", "Basic dXNlcjpuZXdwYXNz", Kind::hint, "current"},   // user:newpass
      {"authorization", "basic dXNlcjpvbGRwYXNz", Kind::hint, "previous"},  // user:oldpass
      {"Authorization", "Basic dXNlcjpiYWRwYXNz", Kind::rejected, ""},      // user:badpass
      {"Authorization", "Bearer dXNlcjpuZXdwYXNz", Kind::rejected, ""},
      {"Authorization", "Basic", Kind::rejected, ""},
      {"Authorization", "", Kind::rejected, ""},
      {"X-Other", "Basic dXNlcjpuZXdwYXNz", Kind::rejected, ""},
  }));
  INFO(row.name << ": " << row.value);
  Fixture fixture(
      plain().with_secrets({{"callback_credentials", json::array{"user:newpass", "user:oldpass"}}}));
  const auto reading = fixture.provider->read_webhook(
      {"POST", "/v1/webhooks/thunes", {{row.name, row.value}}, R"({"id":1,"status":70000})", kReference});
  CHECK(reading.kind == row.kind);
  CHECK(reading.key_id == row.key_id);
}

// ---- secrets

TEST_CASE("nothing that the plugin says holds a secret or a phone number, even when Thunes echoes them") {
  const std::string echo = error_body(
      "1009001", "key planted-api-key, planted-api-secret, planted-user:planted-pass, payee +22890123456");
  Fixture fixture(plain()
                      .with({{"verify_credit_party", true}})
                      .with_secrets({{"callback_credentials", json::array{"planted-user:planted-pass"}}}));

  fixture.http().answer(500, echo).answer(500, echo);
  fixture.note_failure([&] { fixture.prepare(); });
  const Prepared prepared = fixture.prepare();
  fixture.http().answer(500, echo);
  fixture.note(fixture.submit(prepared).message);
  fixture.http().answer(500, echo);
  fixture.note(fixture.query(prepared).message);
  fixture.http().answer(
      200, R"({"id":9007199254740994,"status":"60000","status_message":"planted-api-secret 22890123456"})");
  fixture.note(fixture.query(prepared).message);
  fixture.http().answer(400, error_body("1007004", "planted-api-secret")).answer(500, echo);
  fixture.note(fixture.submit(prepared).message);
  fixture.http().answer(500, echo);
  fixture.note_failure([&] { fixture.balance(); });
  fixture.http().answer(500, echo);
  fixture.note_failure([&] { fixture.probe(); });

  const std::string said = fixture.said();
  INFO(said);
  CHECK(said.find("key ***, ***, ***, payee +***56") != std::string::npos);
  CHECK(said.find("thunes.credit_party_unchecked") != std::string::npos);
  CHECK(said.find("thunes.needs_a_person") != std::string::npos);
  CHECK(said.find("thunes.cancelled_expired") != std::string::npos);
  CHECK(said.find("planted") == std::string::npos);
  CHECK(said.find(kDestination) == std::string::npos);
}
