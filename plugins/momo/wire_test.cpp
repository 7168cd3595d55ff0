#define CATCH_CONFIG_MAIN
#include "wire.hpp"

#include <catch2/catch.hpp>

namespace {

using payoutd::Amount;
using payoutd::CodeMeaning;
using payoutd::Status;
using payoutd::Submission;

const std::string kReference = "11111111-2222-4333-8444-555555555555";
const std::string kPayoutId = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee";

Amount amount(std::string_view text) {
  return Amount::parse(text).value();
}

/// A status body as MTN documents it, with one part replaced.
std::string status_body(const std::string& status, const std::string& amount_json = "\"100\"",
                        const std::string& rest = "") {
  return R"({"amount":)" + amount_json +
         R"(,"currency":"UGX","financialTransactionId":"363440463","externalId":")" + kPayoutId +
         R"(","payee":{"partyIdType":"MSISDN","partyId":"256772123456"},"status":")" + status + "\"" + rest +
         "}";
}

Status decode(int http_status, const std::string& body) {
  return momo::decode_status(http_status, body, kReference, kPayoutId);
}

momo::Transfer example_transfer() {
  return {amount("100"), "EUR", kPayoutId, "46733123450", "Your reward"};
}

std::string repeated(const std::string& text, std::size_t times) {
  std::string result;
  for (std::size_t i = 0; i < times; ++i) result += text;
  return result;
}

}  // namespace

TEST_CASE("a transfer's body is these bytes exactly") {
  CHECK(momo::encode_transfer(example_transfer(), 2) ==
        R"({"amount":"100","currency":"EUR","externalId":"aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee",)"
        R"("payee":{"partyIdType":"MSISDN","partyId":"46733123450"},)"
        R"("payerMessage":"Your reward","payeeNote":"Your reward"})");
}

TEST_CASE("an amount is written without a point if it is whole, else with the currency's places") {
  const auto written = [](std::string_view text, int decimals) {
    auto transfer = example_transfer();
    transfer.amount = amount(text);
    const std::string body = momo::encode_transfer(transfer, decimals);
    return body.substr(0, body.find(','));
  };
  CHECK(written("1000", 0) == R"({"amount":"1000")");
  CHECK(written("10.1", 2) == R"({"amount":"10.10")");
  CHECK(written("9999999999", 0) == R"({"amount":"9999999999")");
  CHECK_THROWS_AS(written("10.5", 0), std::invalid_argument);
}

TEST_CASE("a transfer's body can be read back") {
  CHECK(momo::decode_transfer(momo::encode_transfer(example_transfer(), 2)).value() == example_transfer());
  CHECK(momo::decode_transfer("").has_error());
  CHECK(momo::decode_transfer("[]").has_error());
  CHECK(momo::decode_transfer(R"({"amount":"1"})").has_error());
}

TEST_CASE("a note is cleaned and cut between characters") {
  struct Row {
    std::string text;
    std::size_t max;
    std::string clean;
  };
  const Row row = GENERATE(values<Row>({
      {"Hello", 160, "Hello"},
      {"it's Koffi's", 160, "its Koffis"},
      {"l\u2019ami \u2018x\u2019 \u02BC", 160, "lami x"},
      {"a\"b\\c<d>&e`", 160, "abcde"},
      {"  two \t\r\n lines  ", 160, "two lines"},
      {"tab\x01\x7F end", 160, "tab end"},
      {"caf\u00E9 caf\u00E9", 4, "caf\u00E9"},
      {"caf\u00E9 caf\u00E9", 5, "caf\u00E9"},
      {"caf\u00E9 caf\u00E9", 6, "caf\u00E9 c"},
      {"\U0001F381\U0001F381\U0001F381", 2, "\U0001F381\U0001F381"},
      {"bad \xC3( \xFF\xF0\x9F end", 160, "bad ( end"},
      {"over\xC0\xAFlong\xED\xA0\x80!", 160, "overlong!"},
      {"\u202Eright to left\u00A0x", 160, "right to left x"},
      {"'''", 160, ""},
      {"", 160, ""},
  }));
  CHECK(momo::clean_note(row.text, row.max) == row.clean);
}

TEST_CASE("a note never exceeds its length, whatever is in it") {
  std::string all;
  for (int i = 0; i < 2000; ++i) all += static_cast<char>((i * 7919) % 256);
  for (std::size_t max = 1; max <= 160; max += 13) {
    const std::string clean = momo::clean_note(all, max);
    const auto characters =
        std::ranges::count_if(clean, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
    CHECK(static_cast<std::size_t>(characters) <= max);
    CHECK(clean.find('\'') == std::string::npos);
    CHECK(momo::clean_note(clean, max) == clean);
  }
}

TEST_CASE("the answer to a transfer is judged by its code") {
  struct Row {
    int http_status;
    std::string body;
    Submission::Kind kind;
    std::string code;
  };
  using enum Submission::Kind;
  const std::string padded = R"({"code":"NOT_ALLOWED","message":")" + std::string(70'000, 'x') + "\"}";
  const Row row = GENERATE_COPY(values<Row>({
      {202, "", accepted, ""},
      {202, "<html>", accepted, ""},
      {409,
       R"({"code":"RESOURCE_ALREADY_EXIST","message":"Duplicated reference id. Creation of resource failed."})",
       duplicate, "RESOURCE_ALREADY_EXIST"},
      {500, R"({"code":"NOT_ALLOWED","message":"m"})", refused, "NOT_ALLOWED"},
      {500, R"({"code":"NOT_ALLOWED_TARGET_ENVIRONMENT"})", refused, "NOT_ALLOWED_TARGET_ENVIRONMENT"},
      {500, R"({"code":"INVALID_CALLBACK_URL_HOST","message":"m"})", refused, "INVALID_CALLBACK_URL_HOST"},
      {500, R"({"code":"INVALID_CURRENCY","message":"m"})", refused, "INVALID_CURRENCY"},
      {500, R"({"code":"PAYEE_NOT_FOUND","message":"m"})", refused, "PAYEE_NOT_FOUND"},
      {400, R"({"code":"INVALID_CURRENCY","message":"m"})", refused, "INVALID_CURRENCY"},
      {404, R"({"code":"PAYEE_NOT_FOUND","message":"m"})", refused, "PAYEE_NOT_FOUND"},
      // Not proof that no money moves: the generic error, and every reason that is only final in a status.
      {500, R"({"code":"INTERNAL_PROCESSING_ERROR","message":"m"})", unknown, "INTERNAL_PROCESSING_ERROR"},
      {500, R"({"code":"NOT_ENOUGH_FUNDS"})", unknown, "NOT_ENOUGH_FUNDS"},
      {500, R"({"code":"COULD_NOT_PERFORM_TRANSACTION"})", unknown, "COULD_NOT_PERFORM_TRANSACTION"},
      {503, R"({"code":"SERVICE_UNAVAILABLE"})", unknown, "SERVICE_UNAVAILABLE"},
      {500, R"({"code":"SENDER_ACCOUNT_NOT_ACTIVE"})", unknown, "SENDER_ACCOUNT_NOT_ACTIVE"},
      {400, R"({"code":"VALIDATION_ERROR"})", unknown, "VALIDATION_ERROR"},
      {500, R"({"code":"not_allowed"})", unknown, "not_allowed"},
      {400, R"({"message":"Bad request"})", unknown, "http.400"},
      {400, "", unknown, "http.400"},
      {404, R"({"code":"RESOURCE_NOT_FOUND"})", unknown, "RESOURCE_NOT_FOUND"},
      {409, "", unknown, "http.409"},
      {429, R"({"statusCode":429,"message":"Rate limit is exceeded."})", unknown, "http.429"},
      {403, "<html>Forbidden</html>", unknown, "http.403"},
      {403, R"({"message":"IP not authorized"})", unknown, "http.403"},
      {502, "<html><body>Bad Gateway</body></html>", unknown, "http.502"},
      {504, "", unknown, "http.504"},
      {500, R"({"code":"NOT_ALL)", unknown, "http.500"},
      {500, R"(["NOT_ALLOWED"])", unknown, "http.500"},
      {500, R"("NOT_ALLOWED")", unknown, "http.500"},
      {500, R"({"code":["NOT_ALLOWED"]})", unknown, "http.500"},
      {500, R"({"code":"NOT_ALLOWED"} trailing)", unknown, "http.500"},
      {500, R"({"code":"NOT_ALLOWED","code":"INTERNAL_PROCESSING_ERROR"})", unknown, "http.500"},
      {500, R"({"error":{"code":"NOT_ALLOWED"}})", unknown, "http.500"},
      {500, padded, unknown, "http.500"},
      // Our own codes are not the provider's to use.
      {500, R"({"code":"http.401.token"})", unknown, "http.500"},
      {500, R"({"code":"momo.account_holder_inactive"})", unknown, "http.500"},
      // A refusal's code in an answer that is no refusal, and answers that are not documented at all.
      {200, R"({"code":"NOT_ALLOWED"})", unknown, "NOT_ALLOWED"},
      {200, "", unknown, "http.200"},
      {201, "{}", unknown, "http.201"},
      {302, "", unknown, "http.302"},
      // 401: only a body that says what was wrong in front of the disbursement system.
      {401, R"({"message":"Access denied due to missing subscription key."})", not_accepted,
       "http.401.access_denied"},
      {401, R"({"statusCode":401,"message":"Access denied due to invalid subscription key. Make sure ..."})",
       not_accepted, "http.401.access_denied"},
      {401, R"({"message":"The access token expired"})", not_accepted, "http.401.token"},
      {401, R"({"error":"invalid_token"})", not_accepted, "http.401.token"},
      {401, R"({"code":"TOKEN_EXPIRED","message":"m"})", not_accepted, "http.401.token"},
      {401, R"({"message":"Unauthorized"})", unknown, "http.401"},
      {401, "", unknown, "http.401"},
      {401, "Access denied due to invalid subscription key", unknown, "http.401"},
      {500, R"({"message":"Access denied due to missing subscription key."})", unknown, "http.500"},
  }));
  INFO(row.http_status << " " << row.body.substr(0, 200));
  const Submission submission = momo::decode_submission(row.http_status, row.body);
  CHECK(submission.kind == row.kind);
  CHECK(submission.code == row.code);
}

TEST_CASE("every claim about the money is listed in the contract with the same meaning") {
  const auto rules = momo::submit_codes();
  const auto meaning_of = [&](const std::string& code) {
    const auto rule = std::ranges::find(rules, code, &payoutd::CodeRule::code);
    return rule == rules.end() ? std::nullopt : std::optional(rule->meaning);
  };
  CHECK(meaning_of("PAYEE_NOT_FOUND") == CodeMeaning::refused);
  CHECK(meaning_of("RESOURCE_ALREADY_EXIST") == CodeMeaning::duplicate);
  CHECK(meaning_of("http.401.access_denied") == CodeMeaning::not_accepted);
  CHECK(meaning_of("http.401.token") == CodeMeaning::not_accepted);
  for (const std::string absent :
       {"INTERNAL_PROCESSING_ERROR", "NOT_ENOUGH_FUNDS", "http.429", "http.403", "http.500"}) {
    CHECK_FALSE(meaning_of(absent));
  }
}

TEST_CASE("a status becomes what it says") {
  struct Row {
    std::string status;
    std::string rest;
    Status::Kind kind;
    std::string code;
  };
  using enum Status::Kind;
  const Row row = GENERATE(values<Row>({
      {"SUCCESSFUL", "", confirmed, ""},
      {"SUCCESSFUL", R"(,"reason":null)", confirmed, ""},
      {"PENDING", "", pending, ""},
      {"PENDING", R"(,"reason":"INTERNAL_PROCESSING_ERROR")", pending, "INTERNAL_PROCESSING_ERROR"},
      {"FAILED", "", refused, "FAILED"},
      {"FAILED", R"(,"reason":17)", refused, "17"},
      {"FAILED", R"(,"reason":["NOT_ENOUGH_FUNDS"])", refused, "FAILED"},
      {"FAILED", R"(,"reason":"PAYEE_NOT_FOUND")", refused, "PAYEE_NOT_FOUND"},
      {"FAILED", R"(,"reason":{"code":"PAYEE_NOT_FOUND","message":"m"})", refused, "PAYEE_NOT_FOUND"},
      {"FAILED", R"(,"reason":"EXPIRED")", refused, "EXPIRED"},
      {"FAILED", R"(,"reason":"APPROVAL_REJECTED")", refused, "APPROVAL_REJECTED"},
      {"FAILED", R"(,"reason":"INTERNAL_PROCESSING_ERROR")", refused, "INTERNAL_PROCESSING_ERROR"},
      {"FAILED", R"(,"reason":"SOMETHING_NEW")", refused, "SOMETHING_NEW"},
      {"FAILED", R"(,"reason":"NOT_ENOUGH_FUNDS")", refused_for_now, "NOT_ENOUGH_FUNDS"},
      {"FAILED", R"(,"reason":{"code":"NOT_ENOUGH_FUNDS","message":"m"})", refused_for_now,
       "NOT_ENOUGH_FUNDS"},
      {"FAILED", R"(,"reason":"PAYER_LIMIT_REACHED")", refused_for_now, "PAYER_LIMIT_REACHED"},
      {"FAILED", R"(,"reason":"PAYEE_LIMIT_REACHED")", refused_for_now, "PAYEE_LIMIT_REACHED"},
      {"FAILED", R"(,"reason":"SERVICE_UNAVAILABLE")", refused_for_now, "SERVICE_UNAVAILABLE"},
      {"FAILED", R"(,"reason":"COULD_NOT_PERFORM_TRANSACTION")", refused_for_now,
       "COULD_NOT_PERFORM_TRANSACTION"},
      {"TIMEOUT", "", cannot_tell, "momo.unreadable"},
      {"successful", "", cannot_tell, "momo.unreadable"},
      {"", "", cannot_tell, "momo.unreadable"},
  }));
  INFO(row.status << row.rest);
  const Status status = decode(200, status_body(row.status, "\"100\"", row.rest));
  CHECK(status.kind == row.kind);
  CHECK(status.code == row.code);
  if (row.kind == cannot_tell) {
    CHECK_FALSE(status.found.amount);
    return;
  }
  CHECK(status.provider_ref == "363440463");
  CHECK(status.found.amount == amount("100"));
  CHECK(status.found.currency == "UGX");
  CHECK(status.found.destination == "256772123456");
  CHECK(status.found.reference == kReference);
}

TEST_CASE("amounts are read digit by digit, quoted or not") {
  struct Row {
    std::string json;
    std::optional<std::string> amount;
  };
  const Row row = GENERATE(values<Row>({
      {"\"100\"", "100"},
      {"100", "100"},
      {"100.00", "100"},
      {"\"100.00\"", "100"},
      {"10.10", "10.1"},
      {"\"10.10\"", "10.1"},
      {"0.1", "0.1"},
      {"9007199254740993", std::nullopt},              // not below 10^10
      {"9999999999.99999999", "9999999999.99999999"},  // as a double this is 10000000000
      {"1234567.00000001", "1234567.00000001"},
      {"10.100000000", "10.1"},
      {"10.100000001", std::nullopt},
      {"1e2", "100"},
      {"1E+2", "100"},
      {"1.0E7", "10000000"},  // as Java prints a double
      {"\"1.25E2\"", "125"},
      {"1.000000001E-1", std::nullopt},
      {"1e10", std::nullopt},
      {"1e400", std::nullopt},
      {"-100", std::nullopt},
      {"\"+100\"", std::nullopt},
      {"\"100 \"", std::nullopt},
      {"\"1,000\"", std::nullopt},
      {"\"\"", std::nullopt},
      {"true", std::nullopt},
      {"{}", std::nullopt},
      {"[100]", std::nullopt},
  }));
  INFO(row.json);
  for (const std::string word : {"SUCCESSFUL", "PENDING", "FAILED"}) {
    const Status status = decode(200, status_body(word, row.json));
    if (row.amount) {
      CHECK(status.kind != Status::Kind::cannot_tell);
      CHECK(status.found.amount == amount(*row.amount));
    } else {
      CHECK(status.kind == Status::Kind::cannot_tell);
      CHECK_FALSE(status.found.amount);
    }
  }
}

TEST_CASE("a final word that does not name the payment is not believed") {
  const std::string body = GENERATE(
      R"({"status":"SUCCESSFUL"})", R"({"status":"FAILED","reason":"PAYEE_NOT_FOUND"})",
      R"({"currency":"UGX","payee":{"partyId":"256772123456"},"status":"SUCCESSFUL"})",
      R"({"amount":"100","payee":{"partyId":"256772123456"},"status":"SUCCESSFUL"})",
      R"({"amount":"100","currency":"UGX","status":"FAILED"})",
      R"({"amount":"100","currency":"UGX","payee":"256772123456","status":"SUCCESSFUL"})",
      R"({"amount":"100","currency":"UGX","payee":{},"status":"SUCCESSFUL"})",
      R"({"amount":"100","currency":["UGX"],"payee":{"partyId":"1"},"status":"SUCCESSFUL"})",
      R"({"amount":null,"currency":"UGX","payee":{"partyId":"256772123456"},"status":"SUCCESSFUL"})");
  INFO(body);
  CHECK(decode(200, body).kind == Status::Kind::cannot_tell);
}

TEST_CASE("pending may leave fields out, and reports only what is there") {
  const Status status = decode(200, R"({"status":"PENDING"})");
  CHECK(status.kind == Status::Kind::pending);
  CHECK_FALSE(status.found.amount);
  CHECK_FALSE(status.found.reference);
}

TEST_CASE("the payee is read with or without quotes and plus sign") {
  const auto found = [](const std::string& payee) {
    return decode(200, R"({"amount":"1","currency":"UGX","status":"SUCCESSFUL","payee":{"partyId":)" + payee +
                           "}}")
        .found.destination;
  };
  CHECK(found("\"256772123456\"") == "256772123456");
  CHECK(found("256772123456") == "256772123456");
  CHECK(found("\"+256772123456\"") == "256772123456");
  CHECK(found("\"0772123456\"") == "0772123456");
  CHECK_FALSE(found("\"\""));
}

TEST_CASE("another payout's externalId is reported as another reference") {
  const auto reference = [](const std::string& external_id) {
    return decode(
               200,
               R"({"amount":"1","currency":"UGX","payee":{"partyId":"256772123456"},"status":"SUCCESSFUL",)"
               R"("externalId":)" +
                   external_id + "}")
        .found.reference;
  };
  CHECK(reference("\"" + kPayoutId + "\"") == kReference);
  CHECK(reference("\"AAAAAAAA-BBBB-4CCC-8DDD-EEEEEEEEEEEE\"") == kReference);
  CHECK(reference("\"83453\"") == "externalId=83453");
  CHECK(reference("83453") == "externalId=83453");
  CHECK(reference("\"\"") == "externalId=");
  CHECK(reference("[]") == "externalId=(not a text)");
  CHECK_FALSE(reference("null"));
}

TEST_CASE("only the API's own 404 means absent") {
  struct Row {
    int http_status;
    std::string body;
    Status::Kind kind;
    std::string code;
  };
  using enum Status::Kind;
  const Row row = GENERATE(values<Row>({
      {404, R"({"code":"RESOURCE_NOT_FOUND","message":"Requested resource was not found."})", absent,
       "RESOURCE_NOT_FOUND"},
      {404, R"({"code":"TRANSACTION_NOT_FOUND"})", absent, "TRANSACTION_NOT_FOUND"},
      {404, R"({"statusCode":404,"message":"Resource not found"})", cannot_tell, "http.404"},
      {404, "<html><h1>404 Not Found</h1></html>", cannot_tell, "http.404"},
      {404, "", cannot_tell, "http.404"},
      {404, R"({"code":"RESOURCE_NOT_FO)", cannot_tell, "http.404"},
      {404, R"({"code":"PAYEE_NOT_FOUND"})", cannot_tell, "PAYEE_NOT_FOUND"},
      {404, R"({"code":404})", cannot_tell, "404"},
      {200, R"({"code":"RESOURCE_NOT_FOUND"})", cannot_tell, "momo.unreadable"},
      {200, "", cannot_tell, "momo.unreadable"},
      {200, "null", cannot_tell, "momo.unreadable"},
      {200, "<html>maintenance</html>", cannot_tell, "momo.unreadable"},
      {500, R"({"code":"RESOURCE_NOT_FOUND"})", cannot_tell, "RESOURCE_NOT_FOUND"},
      {500, R"({"code":"NOT_ALLOWED"})", cannot_tell, "NOT_ALLOWED"},
      {400, R"({"message":"bad"})", cannot_tell, "http.400"},
      {401, R"({"message":"Access denied due to missing subscription key."})", cannot_tell, "http.401"},
      {403, "", cannot_tell, "http.403"},
      {429, R"({"statusCode":429,"message":"Rate limit is exceeded."})", cannot_tell, "http.429"},
      {503, "", cannot_tell, "http.503"},
      {202, "", cannot_tell, "http.202"},
      {301, "", cannot_tell, "http.301"},
  }));
  INFO(row.http_status << " " << row.body);
  const Status status = decode(row.http_status, row.body);
  CHECK(status.kind == row.kind);
  CHECK(status.code == row.code);
}

TEST_CASE("hostile bodies are unreadable, not dangerous") {
  const std::string valid = status_body("SUCCESSFUL");
  REQUIRE(decode(200, valid).kind == Status::Kind::confirmed);
  CHECK(decode(200, valid + " \r\n\t").kind == Status::Kind::confirmed);
  CHECK(decode(200, valid + std::string(70'000, ' ')).kind == Status::Kind::cannot_tell);
  CHECK(decode(200, valid + "x").kind == Status::Kind::cannot_tell);
  CHECK(decode(200, valid + valid).kind == Status::Kind::cannot_tell);
  for (std::size_t length = 0; length < valid.size(); ++length) {
    CHECK(decode(200, valid.substr(0, length)).kind == Status::Kind::cannot_tell);
  }
  CHECK(decode(200, repeated("[", 60'000)).kind == Status::Kind::cannot_tell);
  CHECK(decode(200, repeated("{\"a\":", 10'000)).kind == Status::Kind::cannot_tell);
  CHECK(decode(200, valid.substr(0, valid.size() - 1) + R"(,"status":"FAILED"})").kind ==
        Status::Kind::cannot_tell);
  CHECK(
      decode(200, valid.substr(0, valid.size() - 1) + R"(,"x":")" + std::string(70'000, 'y') + "\"}").kind ==
      Status::Kind::cannot_tell);
  CHECK(decode(200, valid.substr(0, valid.size() - 1) + ",\"x\":\"\xFF\"}").kind ==
        Status::Kind::cannot_tell);
  CHECK(decode(200, std::string("\0\0\0", 3)).kind == Status::Kind::cannot_tell);
}

TEST_CASE("messages are shown without account numbers and control characters") {
  CHECK(momo::decode_status(
            200, status_body("FAILED", "1", R"(,"reason":{"code":"X","message":"to 256772123456"})"),
            kReference, kPayoutId)
            .message == "to ***56");
}

TEST_CASE("a token is read with its lifetime") {
  const auto token =
      momo::decode_token(R"({"access_token":"abc.def","token_type":"access_token","expires_in":3600})");
  REQUIRE(token.has_value());
  CHECK(token->value.reveal() == "abc.def");
  CHECK(token->lifetime == std::chrono::seconds(3600));
  const auto lifetime = [](const std::string& expires_in) {
    return momo::decode_token(R"({"access_token":"t","expires_in":)" + expires_in + "}")
        .value()
        .lifetime.count();
  };
  CHECK(lifetime("\"3600\"") == 3600);
  CHECK(lifetime("0") == 1);
  CHECK(lifetime("-5") == 1);
  CHECK(lifetime("99999999") == 86'400);
  CHECK(lifetime("99999999999999999999") == 300);
  CHECK(lifetime("36.5") == 300);
  CHECK(lifetime("null") == 300);
  for (const std::string bad :
       {"", "{}", "[]", R"({"access_token":""})", R"({"access_token":null})",
        R"({"access_token":"a\r\nX-Evil: 1"})", R"({"access_token":"a b"})", R"({"error":"login_failed"})"}) {
    INFO(bad);
    CHECK(momo::decode_token(bad).has_error());
  }
}

TEST_CASE("a balance is exact") {
  const auto balance = momo::decode_balance(R"({"availableBalance":"2000","currency":"UGX"})");
  REQUIRE(balance.has_value());
  CHECK(balance->available == amount("2000"));
  CHECK(balance->currency == "UGX");
  CHECK(momo::decode_balance(R"({"availableBalance":10.10,"currency":"EUR"})").value().available ==
        amount("10.1"));
  const auto large = [](const std::string& text) {
    return momo::decode_balance(R"({"availableBalance":")" + text + R"(","currency":"UGX"})");
  };
  CHECK(large("10000000000").value().available == amount("9999999999.99999999"));
  CHECK(large("1000000000000.50").value().available == amount("9999999999.99999999"));
  CHECK(large("10000000000x").has_error());
  CHECK(large("00000000001").has_error());
  CHECK(large(std::string(25, '9')).value().available == amount("9999999999.99999999"));
  CHECK(large("1.0E7").value().available == amount("10000000"));
  CHECK(large("-1").value().available == amount("0"));
  CHECK(large("1.123456789").value().available == amount("1.12345678"));
  for (const std::string bad :
       {"", "{}", R"({"availableBalance":"2000"})", R"({"currency":"UGX"})",
        R"({"availableBalance":"x","currency":"UGX"})", R"({"availableBalance":"1","currency":""})"}) {
    INFO(bad);
    CHECK(momo::decode_balance(bad).has_error());
  }
}

TEST_CASE("an account holder is active, inactive or not told") {
  CHECK(momo::decode_account_holder(R"({"result":true})").value());
  CHECK(momo::decode_account_holder(R"({"result":"true"})").value());
  CHECK_FALSE(momo::decode_account_holder(R"({"result":false})").value());
  CHECK_FALSE(momo::decode_account_holder(R"({"result":"False"})").value());
  for (const std::string bad :
       {"", "true", "{}", R"({"result":1})", R"({"result":null})", R"({"result":"yes"})"}) {
    INFO(bad);
    CHECK(momo::decode_account_holder(bad).has_error());
  }
}

TEST_CASE("a callback gives at most MTN's transaction id") {
  CHECK(momo::decode_callback(status_body("SUCCESSFUL")).value().provider_ref == "363440463");
  CHECK(momo::decode_callback(R"({"financialTransactionId":363440463})").value().provider_ref == "363440463");
  CHECK(momo::decode_callback(R"({"status":"FAILED"})").value().provider_ref.empty());
  CHECK(momo::decode_callback(R"({"status":"FAILED","financialTransactionId":"a\nb"})")
            .value()
            .provider_ref.empty());
  for (const std::string bad : {"", "{}", "[]", R"({"hello":1})", "<xml/>"}) {
    INFO(bad);
    CHECK(momo::decode_callback(bad).has_error());
  }
}
