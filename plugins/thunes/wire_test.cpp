#define CATCH_CONFIG_MAIN
#include "wire.hpp"

#include <catch2/catch.hpp>

namespace {

using payoutd::Amount;
using payoutd::CodeMeaning;
using payoutd::Status;
using payoutd::Submission;
using thunes::StatusClass;

const std::string kReference = "11111111-2222-4333-8444-555555555555";
const std::string kId = "9007199254740993";  // as a double this is …992

Amount amount(std::string_view text) {
  return Amount::parse(text).value();
}

thunes::Artefact example_artefact() {
  return {kId,
          kReference,
          "10000",
          amount("10000"),
          "XOF",
          "22890123456",
          thunes::parse_time("2026-01-01T01:00:00Z")};
}

/// A transaction as REST shows it, with some parts replaced.
struct Body {
  std::string id = "\"" + kId + "\"";
  std::string external_id = "\"" + kReference + "\"";
  std::string status = "\"70000\"";
  std::string status_class = "\"7\"";
  std::string amount = "10000";
  std::string currency = "\"XOF\"";
  std::string msisdn = "\"22890123456\"";
  std::string more;

  std::string text() const {
    return R"({"id":)" + id + R"(,"external_id":)" + external_id + R"(,"status":)" + status +
           R"(,"status_message":"WORD","status_class":)" + status_class + R"(,"destination":{"amount":)" +
           amount + R"(,"currency":)" + currency + R"(},"credit_party_identifier":{"msisdn":)" + msisdn +
           "}" + more + "}";
  }
};

Body with_status(const std::string& status) {
  Body body;
  body.status = "\"" + status + "\"";
  body.status_class = "\"" + status.substr(0, 1) + "\"";
  return body;
}

std::string error_body(const std::string& code) {
  return R"({"errors":[{"code":")" + code + R"(","message":"m"}]})";
}

Status decode(const std::string& body, bool completion_recorded = false, int http_status = 200) {
  return thunes::decode_status(http_status, body, example_artefact(), {{"90400"}, completion_recorded});
}

Submission confirm(int http_status, const std::string& body) {
  return thunes::decode_submission(http_status, body, example_artefact());
}

std::string repeated(const std::string& text, std::size_t times) {
  std::string result;
  for (std::size_t i = 0; i < times; ++i) result += text;
  return result;
}

}  // namespace

// ---- requests
// ---------------------------------------------------------------------------------------------------

TEST_CASE("a quotation's body is these bytes exactly") {
  const thunes::QuotationRequest request{
      thunes::quotation_external_id(kReference), "1", "B2C", "USD", "USA", {amount("10000"), "XOF"}};
  CHECK(thunes::encode_quotation(request, 0) ==
        R"({"external_id":"11111111-2222-4333-8444-555555555555-quotation","payer_id":"1",)"
        R"("mode":"DESTINATION_AMOUNT","transaction_type":"B2C",)"
        R"("source":{"amount":null,"currency":"USD","country_iso_code":"USA"},)"
        R"("destination":{"amount":"10000","currency":"XOF"}})");
}

TEST_CASE("both external ids are made from the reference, differ, and fit") {
  CHECK(thunes::quotation_external_id(kReference) != kReference);
  CHECK(thunes::quotation_external_id(kReference) == thunes::quotation_external_id(kReference));
  CHECK(thunes::is_identifier(thunes::quotation_external_id(kReference)));  // at most 64 characters
}

TEST_CASE("an amount is written without a point if it is whole, else with the payer's places") {
  const auto written = [](std::string_view text, int decimals) {
    const std::string body =
        thunes::encode_quotation({"e", "1", "B2C", "USD", "USA", {amount(text), "GHS"}}, decimals);
    return body.substr(body.find("\"destination\""));
  };
  CHECK(written("10", 2) == R"("destination":{"amount":"10","currency":"GHS"}})");
  CHECK(written("10.1", 2) == R"("destination":{"amount":"10.10","currency":"GHS"}})");
  CHECK_THROWS_AS(written("10.5", 0), std::invalid_argument);
}

TEST_CASE("a transaction's body carries both parties, and nothing of ours can be overwritten") {
  const thunes::Parties parties{"sending_business",
                                {{"registered_name", "ACME \"SARL\""}},
                                "beneficiary",
                                {{"lastname", "Mensah"}, {"firstname", "Ama"}}};
  const std::string more =
      thunes::encode_transaction({kReference,
                                  "22890123456",
                                  parties,
                                  "SALARY",
                                  {{"document_reference_number", "7"}, {"external_id", "evil"}},
                                  "https://a.example/x"});
  CHECK(more == R"({"document_reference_number":"7","external_id":"11111111-2222-4333-8444-555555555555",)"
                R"("credit_party_identifier":{"msisdn":"22890123456"},)"
                R"("sending_business":{"registered_name":"ACME \"SARL\""},)"
                R"("beneficiary":{"lastname":"Mensah","firstname":"Ama"},)"
                R"("purpose_of_remittance":"SALARY","callback_url":"https://a.example/x"})");
  CHECK(thunes::encode_transaction({kReference, "1", parties, "SALARY", {}, ""}).find("callback_url") ==
        std::string::npos);
  CHECK(thunes::encode_verification("22890123456") ==
        R"({"credit_party_identifier":{"msisdn":"22890123456"}})");
}

// ---- dates
// --------------------------------------------------------------------------------------------

TEST_CASE("dates are read with and without offset, and written as UTC") {
  struct Row {
    std::string text;
    std::string utc;
  };
  const Row row = GENERATE(values<Row>({
      {"2017-08-09T10:00:00Z", "2017-08-09T10:00:00Z"},
      {"2017-08-09T10:00:00.999Z", "2017-08-09T10:00:00Z"},
      {"2017-08-09 10:00:00", "2017-08-09T10:00:00Z"},
      {"2017-08-09T10:00:00+02:00", "2017-08-09T08:00:00Z"},
      {"2017-08-09T23:30:00-0130", "2017-08-10T01:00:00Z"},
      {"2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"},
      {"2023-02-29T00:00:00Z", ""},
      {"2017-13-01T00:00:00Z", ""},
      {"2017-08-09T24:00:00Z", ""},
      {"2017-08-09T10:61:00Z", ""},
      {"2017-08-09T10:00Z", ""},
      {"2017-08-09", ""},
      {"2017-08-09T10:00:00.Z", ""},
      {"2017-08-09T10:00:00ZZ", ""},
      {"2017-08-09T10:00:00+2", ""},
      {"1502272800", ""},
      {"", ""},
  }));
  INFO(row.text);
  const auto time = thunes::parse_time(row.text);
  REQUIRE(time.has_value() == !row.utc.empty());
  if (time) CHECK(thunes::format_time(*time) == row.utc);
}

// ---- errors
// -----------------------------------------------------------------------------------------------------

TEST_CASE("errors are read with codes as strings and as numbers") {
  CHECK(thunes::decode_error(error_body("1007001")).external_id_used());
  CHECK(thunes::decode_error(R"({"errors":[{"code":1007001}]})").external_id_used());
  CHECK(thunes::decode_error(error_body("1007004")).expired());
  CHECK(thunes::decode_error(error_body("1008003")).expired());
  CHECK(thunes::decode_error(error_body("1008002")).not_found());
  CHECK(thunes::decode_error(error_body("1008004")).not_found());
  CHECK(thunes::decode_error(error_body("1005001")).permanent() == "1005001");
  CHECK(thunes::decode_error(error_body("1003007")).permanent().empty());
  CHECK(thunes::decode_error(R"({"errors":[{"code":"1005001"},{"code":"1003007"}]})").permanent().empty());
  CHECK(thunes::decode_error(R"({"errors":[{"code":"1005001"},{}]})").permanent().empty());
  CHECK(thunes::decode_error(R"({"errors":[{"code":"1","message":"to 22890123456"}]})").message ==
        "to ***56");
  for (const std::string none :
       {"", "<html>", "[]", "{}", R"({"errors":{}})", R"({"errors":[]})", R"({"code":"1007001"})",
        R"({"errors":[{"code":"1007001"}])", R"({"errors":[],"errors":[{"code":"1007001"}]})"}) {
    INFO(none);
    CHECK(thunes::decode_error(none).codes.empty());
  }
}

// ---- the confirmation
// ---------------------------------------------------------------------------------------------

TEST_CASE("the answer to a confirmation is judged by its code, whatever the HTTP status") {
  struct Row {
    std::string code;
    Submission::Kind kind;
  };
  using enum Submission::Kind;
  const Row row = GENERATE(values<Row>({
      {"1007002", duplicate},
      {"1007005", not_accepted},
      {"1003007", not_accepted},
      {"1006001", not_accepted},
      {"1006002", not_accepted},
      {"1006099", not_accepted},
      {"1000401", not_accepted},
      {"1003011", refused},
      {"1003012", refused},
      {"1005001", refused},
      {"1000999", refused},
      // Expired: another transaction may take its place only when this one is seen dead.
      {"1007004", unknown},
      {"1008003", unknown},
      // We made it, so it must be there.
      {"1008002", unknown},
      {"1008004", unknown},
      {"1007001", unknown},
      {"1007003", unknown},
      {"1009001", unknown},
      {"1234567", unknown},
  }));
  for (const int http_status : {400, 401, 404, 409, 500, 503, 200}) {
    INFO(http_status << " " << row.code);
    const Submission submission = confirm(http_status, error_body(row.code));
    CHECK(submission.kind == row.kind);
    CHECK(submission.code == row.code);
    CHECK(submission.provider_ref.empty());
  }
  CHECK(confirm(302, error_body(row.code)).kind == unknown);
}

TEST_CASE("several codes count only if they agree, but one sign of a duplicate is enough") {
  const auto kind = [](const std::string& codes) {
    return confirm(400, R"({"errors":[)" + codes + "]}").kind;
  };
  using enum Submission::Kind;
  CHECK(kind(R"({"code":"1005001"},{"code":"1000999"})") == refused);
  CHECK(kind(R"({"code":"1005001"},{"code":"1007005"})") == unknown);
  CHECK(kind(R"({"code":"1005001"},{"code":"1009001"})") == unknown);
  CHECK(kind(R"({"code":"1005001"},{"message":"m"})") == unknown);
  CHECK(kind(R"({"code":"1005001"},7)") == unknown);
  CHECK(kind(R"({"code":"1009001"},{"code":"1007002"})") == duplicate);
}

TEST_CASE("a confirmed transaction is accepted, and never more than that") {
  struct Row {
    std::string status;
    Submission::Kind kind;
  };
  using enum Submission::Kind;
  const Row row = GENERATE(values<Row>({
      {"20000", accepted},
      {"20110", accepted},
      {"20150", accepted},
      {"29999", accepted},
      {"50000", accepted},
      {"70000", accepted},
      {"10000", unknown},
      {"30000", unknown},
      {"40000", unknown},
      {"60000", unknown},
      {"80000", unknown},
      {"90400", unknown},
      {"00000", unknown},
  }));
  INFO(row.status);
  const Submission submission = confirm(200, with_status(row.status).text());
  CHECK(submission.kind == row.kind);
  CHECK(submission.code == (row.kind == accepted ? "" : row.status));
  CHECK(submission.provider_ref.empty());  // kept for the completion
  CHECK(confirm(500, with_status(row.status).text()).kind == unknown);
}

TEST_CASE("an answer about something else accepts nothing") {
  Body body = with_status("20000");
  SECTION("another transaction") {
    body.id = "1";
  }
  SECTION("another external_id") {
    body.external_id = "\"x\"";
  }
  SECTION("another amount") {
    body.amount = "10001";
  }
  SECTION("another currency") {
    body.currency = "\"XAF\"";
  }
  SECTION("another payee") {
    body.msisdn = "\"22890123457\"";
  }
  const Submission submission = confirm(200, body.text());
  CHECK(submission.kind == Submission::Kind::unknown);
  CHECK(submission.code == "thunes.other_transaction");
}

TEST_CASE("an answer without a listed code or a transaction leaves the outcome unknown") {
  const std::string body =
      GENERATE("", "{}", "[]", "null", "\"20000\"", "<html>ok</html>", "20000", R"({"status":"20000"})",
               R"({"code":"1007005"})", R"({"errors":"1007005"})", R"({"errors":[{"code":["1007005"]}]})",
               R"({"errors":[{"code":"thunes.confirmed_before"}]})", R"({"errors":[{"code":"10070055555"}]})",
               R"({"error":{"code":"1007005"}})");
  for (const int http_status : {200, 201, 204, 301, 400, 401, 403, 404, 409, 429, 500, 502, 504}) {
    INFO(http_status << " " << body);
    CHECK(confirm(http_status, body).kind == Submission::Kind::unknown);
  }
}

TEST_CASE("every claim about the money is listed in the contract with the same meaning") {
  const auto rules = thunes::submit_codes();
  const auto meaning = [&](const std::string& code) {
    const auto rule = std::ranges::find(rules, code, &payoutd::CodeRule::code);
    return rule == rules.end() ? std::nullopt : std::optional(rule->meaning);
  };
  CHECK(meaning("1007002") == CodeMeaning::duplicate);
  CHECK(meaning("thunes.confirmed_before") == CodeMeaning::duplicate);
  CHECK(meaning("1007005") == CodeMeaning::not_accepted);
  CHECK(meaning("1005001") == CodeMeaning::refused);
  for (const std::string absent : {"1007004", "1008003", "1008002", "1008004", "1009001", "1007001"})
    CHECK_FALSE(meaning(absent));
}

// ---- statuses
// ---------------------------------------------------------------------------------------------------

TEST_CASE("a status becomes what its class says, as string and as number") {
  struct Row {
    std::string status;
    Status::Kind kind;
  };
  using enum Status::Kind;
  const Row row = GENERATE(values<Row>({
      {"10000", absent},
      {"19999", absent},
      {"20000", pending},
      {"20110", pending},
      {"20150", pending},
      {"30000", refused},
      {"30110", refused},
      {"40000", refused_for_now},
      {"50000", pending},
      {"70000", confirmed},
      {"70001", confirmed},
      {"90000", refused},
      {"90201", refused},
      {"90400", refused_for_now},
  }));
  INFO(row.status);
  Body strings = with_status(row.status);
  Body numbers = strings;
  numbers.status = row.status;
  numbers.status_class = row.status.substr(0, 1);
  Body no_class = strings;
  no_class.status_class = "null";
  Body empty_class = strings;
  empty_class.status_class = "\"\"";
  for (const Body& body : {strings, numbers, no_class, empty_class}) {
    const Status status = decode(body.text());
    CHECK(status.kind == row.kind);
    CHECK(status.code == row.status);
    CHECK(decode(body.text(), true).kind == row.kind);
    const bool is_found = row.kind != absent;
    CHECK(status.found.amount.has_value() == is_found);
    if (!is_found) continue;
    CHECK(status.found.amount == amount("10000"));
    CHECK(status.found.currency == "XOF");
    CHECK(status.found.destination == "22890123456");
    CHECK(status.found.reference == kReference);
  }
}

TEST_CASE("the transaction's id is reported with the completion and not before") {
  CHECK(decode(with_status("70000").text()).provider_ref == kId);
  for (const std::string status : {"10000", "20000", "30000", "40000", "50000", "60000", "80000", "90000"}) {
    INFO(status);
    CHECK(decode(with_status(status).text()).provider_ref.empty());
  }
}

TEST_CASE("what only a person can judge is known, and matches nothing") {
  struct Row {
    std::string status, status_class, code, reference;
  };
  const Row row = GENERATE(values<Row>({
      {"60000", "6", "60000", "status=60000"},
      {"\"60020\"", "\"6\"", "60020", "status=60020"},
      {"\"80000\"", "\"8\"", "80000", "status=80000"},
      {"80100", "8", "80100", "status=80100"},
      {"\"7000\"", "\"7\"", "7000", "status=7000"},
      {"\"700000\"", "\"7\"", "700000", "status=700000"},
      {"\"00000\"", "\"0\"", "00000", "status=00000"},
      {"\"COMPLETED\"", "\"7\"", "COMPLETED", "status=COMPLETED"},
      {"\"70000 \"", "\"7\"", "thunes.unreadable", "status=70000 "},
      {"7e4", "7", "7e4", "status=7e4"},
      {"70000.0", "7", "thunes.unreadable", "status=70000.0"},
      {"\"\"", "\"7\"", "thunes.unreadable", "status="},
      {"70000", "\"6\"", "70000", "status=70000"},
      {"70000", "60", "70000", "status=70000"},
  }));
  INFO(row.status << " " << row.status_class);
  Body body;
  body.status = row.status;
  body.status_class = row.status_class;
  const Status status = decode(body.text());
  CHECK(status.kind == Status::Kind::pending);
  CHECK(status.code == row.code);
  CHECK(status.found.reference == row.reference);
  CHECK(status.provider_ref.empty());
  // A recorded completion makes a difference to a reversal only.
  const bool is_reversal = row.code.starts_with("80");
  const Status after = decode(body.text(), true);
  CHECK(after.kind == (is_reversal ? Status::Kind::reversed : Status::Kind::pending));
  CHECK(after.found.reference == (is_reversal ? kReference : row.reference));
}

TEST_CASE("a status of another type is no answer") {
  Body body;
  SECTION("status") {
    body.status = GENERATE("null", "{}", "[70000]", "true");
  }
  SECTION("class") {
    body.status_class = GENERATE("{}", "[7]", "true");
  }
  CHECK(decode(body.text()).kind == Status::Kind::cannot_tell);
  CHECK(decode(body.text()).code == "thunes.unreadable");
}

TEST_CASE("what was found is reported as it is, so that the host sees every difference") {
  const std::string status = GENERATE("20000", "50000", "70000", "30000", "40000", "90000");
  Body body = with_status(status);
  const auto found = [&] { return decode(body.text()).found; };
  SECTION("another amount") {
    body.amount = "9999.5";
    CHECK(found().amount == amount("9999.5"));
  }
  SECTION("another currency") {
    body.currency = "\"EUR\"";
    CHECK(found().currency == "EUR");
  }
  SECTION("another payee") {
    body.msisdn = "22890999999";
    CHECK(found().destination == "22890999999");
  }
  SECTION("another external_id") {
    body.external_id = "77";
    CHECK(found().reference == "external_id=77");
  }
  SECTION("another id") {
    body.id = "9007199254740992";
    CHECK(found().reference == "id=9007199254740992");
  }
  CHECK(decode(body.text()).provider_ref.empty());  // it is no completion of ours
}

TEST_CASE("an unconfirmed transaction that is another one proves nothing") {
  Body body = with_status("10000");
  SECTION("another amount") {
    body.amount = "9999";
  }
  SECTION("another currency") {
    body.currency = "1";
  }
  SECTION("another payee") {
    body.msisdn = "1";
  }
  SECTION("another external_id") {
    body.external_id = "1";
  }
  SECTION("another id") {
    body.id = "1";
  }
  const Status status = decode(body.text());
  CHECK(status.kind == Status::Kind::cannot_tell);
  CHECK(status.code == "thunes.other_transaction");
}

TEST_CASE("a completion that does not say what was paid is not believed; a refusal needs only its name") {
  const auto shortened = [](const std::string& status, const std::string& rest) {
    return R"({"id":)" + kId + R"(,"status":")" + status + "\"" + rest + "}";
  };
  CHECK(decode(shortened("70000", "")).kind == Status::Kind::cannot_tell);
  CHECK(decode(shortened("70000", R"(,"destination":{"amount":10000})")).kind == Status::Kind::cannot_tell);
  CHECK(decode(shortened("70000", R"(,"destination":{"currency":"XOF"})")).kind == Status::Kind::cannot_tell);
  const Status paid = decode(shortened("70000", R"(,"destination":{"amount":10000,"currency":"XOF"})"));
  CHECK(paid.kind == Status::Kind::confirmed);
  CHECK(paid.found.reference == kReference);  // the id vouches for it
  CHECK_FALSE(paid.found.destination);
  CHECK(decode(shortened("90000", "")).kind == Status::Kind::refused);
  CHECK(decode(R"({"external_id":")" + kReference + R"(","status":"70000"})").kind ==
        Status::Kind::cannot_tell);
}

TEST_CASE("amounts and names of unreadable form are no answer") {
  Body body = with_status(GENERATE("10000", "20000", "70000", "90000"));
  const auto kind = [&] { return decode(body.text()).kind; };
  SECTION("amount") {
    body.amount = GENERATE("\"\"", "{}", "[10000]", "true", "-10000", "\"10,000\"", "\"1e\"", "1e400");
    CHECK(kind() == Status::Kind::cannot_tell);
  }
  SECTION("currency") {
    body.currency = GENERATE("{}", "[\"XOF\"]", "true");
    CHECK(kind() == Status::Kind::cannot_tell);
  }
  SECTION("payee") {
    body.msisdn = GENERATE("{}", "\"\"", "false");
    CHECK(kind() == Status::Kind::cannot_tell);
  }
  SECTION("id") {
    body.id = GENERATE("null", "\"\"", "{}", "\"../balances\"", "1.5");
    CHECK(kind() == Status::Kind::cannot_tell);
  }
  SECTION("external_id") {
    body.external_id = GENERATE("{}", "true");
    CHECK(kind() == Status::Kind::cannot_tell);
  }
}

TEST_CASE("the payee is compared without a plus sign, quoted or not") {
  Body body;
  for (const std::string msisdn : {"\"22890123456\"", "\"+22890123456\"", "22890123456"}) {
    body.msisdn = msisdn;
    CHECK(decode(body.text()).kind == Status::Kind::confirmed);
    CHECK(decode(body.text()).found.destination == "22890123456");
  }
}

TEST_CASE("nothing but the transaction itself answers a look-up") {
  for (const std::string code : {"1008002", "1008004", "1000401", "1009001", "1007002", "1005001"}) {
    const Status status = decode(error_body(code), false, 404);
    CHECK(status.kind == Status::Kind::cannot_tell);
    CHECK(status.code == code);
    CHECK(decode(error_body(code)).kind == Status::Kind::cannot_tell);
  }
  for (const int http_status : {301, 400, 401, 403, 404, 429, 500, 502, 503}) {
    CHECK(decode("<html>", false, http_status).code == "http." + std::to_string(http_status));
    CHECK(decode(Body{}.text(), false, http_status).kind == Status::Kind::cannot_tell);
  }
}

TEST_CASE("hostile bodies are unreadable, not dangerous") {
  const std::string valid = Body{}.text();
  REQUIRE(decode(valid).kind == Status::Kind::confirmed);
  const std::string open = valid.substr(0, valid.size() - 1);
  const auto cannot_tell = [](const std::string& body) {
    return decode(body).kind == Status::Kind::cannot_tell;
  };
  CHECK(decode(valid + " \r\n\t").kind == Status::Kind::confirmed);
  CHECK(cannot_tell(valid + std::string(thunes::kMaxBodyBytes, ' ')));
  CHECK(cannot_tell(valid + "x"));
  CHECK(cannot_tell(valid + valid));
  for (std::size_t length = 0; length < valid.size(); ++length) CHECK(cannot_tell(valid.substr(0, length)));
  CHECK(cannot_tell(repeated("[", 100'000)));
  CHECK(cannot_tell(repeated("{\"a\":", 10'000)));
  CHECK(cannot_tell(open + R"(,"status":"40000"})"));
  CHECK(cannot_tell(open + R"(,"destination":{"amount":1,"currency":"XOF"}})"));
  CHECK(cannot_tell(open + R"(,"x":")" + std::string(70'000, 'y') + "\"}"));
  CHECK(cannot_tell(open + ",\"x\":\"\xFF\"}"));
  CHECK(cannot_tell(std::string("\0\0\0", 3)));
}

// ---- quotations, artefacts
// ------------------------------------------------------------------------------------------

TEST_CASE("a quotation gives its id, its end and what it costs") {
  const auto quotation = thunes::decode_quotation(
      R"({"id":9223372036854775807,"external_id":"e","sent_amount":{"amount":17.25,"currency":"USD"},)"
      R"("fee":{"currency":"USD","amount":"0.75"},"destination":{"amount":10000.0,"currency":"XOF"},)"
      R"("expiration_date":"2026-01-01T01:00:00Z","wholesale_fx_rate":579.71014492753,"unknown":[1]})");
  REQUIRE(quotation.has_value());
  CHECK(quotation->id == "9223372036854775807");
  CHECK(quotation->amount == amount("10000"));
  CHECK(quotation->currency == "XOF");
  CHECK(quotation->cost == payoutd::Money{amount("18"), "USD"});
  CHECK(thunes::format_time(quotation->expires_at.value()) == "2026-01-01T01:00:00Z");
}

TEST_CASE("a cost is left out where it cannot be told exactly") {
  const auto cost = [](const std::string& parts) {
    return thunes::decode_quotation(R"({"id":1,)" + parts + "}").value().cost;
  };
  CHECK(cost(R"("sent_amount":{"amount":5,"currency":"USD"})") == payoutd::Money{amount("5"), "USD"});
  CHECK(cost(R"("sent_amount":{"amount":5,"currency":"USD"},"fee":{"amount":1,"currency":"EUR"})") ==
        payoutd::Money{amount("5"), "USD"});
  CHECK_FALSE(cost(R"("fee":{"amount":1,"currency":"USD"})"));
  CHECK_FALSE(cost(R"("sent_amount":{"amount":0.123456789,"currency":"USD"})"));
  CHECK_FALSE(cost(R"("sent_amount":{"amount":99999999999,"currency":"USD"})"));
  CHECK_FALSE(cost(R"("sent_amount":{"amount":5,"currency":"dollars"})"));
  CHECK_FALSE(
      cost(R"("sent_amount":{"amount":9999999999,"currency":"USD"},"fee":{"amount":1,"currency":"USD"})"));
  CHECK_FALSE(cost(R"("sent_amount":5)"));
}

TEST_CASE("an artefact can be read back, and only a whole one") {
  const auto artefact = example_artefact();
  CHECK(thunes::decode_artefact(thunes::encode_artefact(artefact)).value() == artefact);
  CHECK(thunes::encode_artefact(artefact) ==
        R"({"transaction_id":"9007199254740993","external_id":"11111111-2222-4333-8444-555555555555",)"
        R"("status":"10000","amount":"10000","currency":"XOF","destination":"22890123456",)"
        R"("expires_at":"2026-01-01T01:00:00Z"})");
  auto endless = artefact;
  endless.expires_at.reset();
  CHECK(thunes::decode_artefact(thunes::encode_artefact(endless)).value() == endless);
  for (
      const std::string bad :
      {"", "{}", "[]",
       R"({"transaction_id":"1","external_id":"e","amount":"1","currency":"XOF","destination":"1"})",
       R"({"transaction_id":"../x","external_id":"e","status":"10000","amount":"1","currency":"XOF","destination":"1"})",
       R"({"transaction_id":"1","external_id":"e","status":"10000","amount":"x","currency":"XOF","destination":"1"})"}) {
    INFO(bad);
    CHECK(thunes::decode_artefact(bad).has_error());
  }
}

// ---- account
// ----------------------------------------------------------------------------------------------------

TEST_CASE("the balance that pays is picked by its currency, and what is available counts") {
  const std::string body =
      R"([{"id":1,"currency":"EUR","balance":1,"pending":0,"available":1,"credit_facility":0},)"
      R"({"id":2,"currency":"USD","balance":100.5,"pending":20,"available":80.5,"credit_facility":0}])";
  const auto balance = thunes::decode_balances(body, "USD");
  REQUIRE(balance.has_value());
  CHECK(balance->available == amount("80.5"));
  CHECK(balance->currency == "USD");
  CHECK(thunes::decode_balances(body, "GBP").has_error());
  const auto available = [](const std::string& number) {
    return thunes::decode_balances(R"([{"currency":"USD","available":)" + number + "}]", "USD");
  };
  CHECK(available("\"12.30\"").value().available == amount("12.3"));
  CHECK(available("1.0E7").value().available == amount("10000000"));
  CHECK(available("0.123456789").value().available == amount("0.12345678"));
  CHECK(available("-5.25").value().available == amount("0"));
  CHECK(available("123456789012345").value().available == amount("9999999999.99999999"));
  for (const std::string bad : {"null", "\"\"", "{}", "\"x\"", "\"-x\"", "true"})
    CHECK(available(bad).has_error());
  for (const std::string bad : {"", "{}", "[]", "[1]", R"([{"available":1}])"})
    CHECK(thunes::decode_balances(bad, "USD").has_error());
}

TEST_CASE("a ping is up, or it is not") {
  CHECK(thunes::decode_ping(R"({"status":"up"})"));
  for (const std::string bad : {"", "up", "{}", R"({"status":"down"})", R"({"status":true})"})
    CHECK_FALSE(thunes::decode_ping(bad));
}

TEST_CASE("a verification says the account's state, or nothing") {
  CHECK(thunes::decode_verification(R"({"id":1,"account_status":"BARRED"})") == "BARRED");
  for (const std::string bad : {"", "{}", R"({"account_status":1.5})", R"({"account_status":null})",
                                R"({"account_status":"a\nb"})", R"({"account_status":""})"})
    CHECK_FALSE(thunes::decode_verification(bad));
}

TEST_CASE("a callback names its transaction") {
  const auto callback = thunes::decode_callback(Body{}.text());
  CHECK(callback.value().external_id == kReference);
  CHECK(callback.value().transaction_id == kId);
  CHECK(thunes::decode_callback(R"({"id":5,"status":70000})").value().transaction_id == "5");
  CHECK(thunes::decode_callback(R"({"external_id":"a b","status":70000})").value().external_id.empty());
  for (const std::string bad : {"", "{}", "[]", R"({"hello":1})", "<xml/>"})
    CHECK(thunes::decode_callback(bad).has_error());
}

// ---- texts
// ------------------------------------------------------------------------------------------------------

TEST_CASE("a clean text is UTF-8 without control characters") {
  CHECK(thunes::is_clean_text("Kossi Adjo\u00E9"));
  CHECK_FALSE(thunes::is_clean_text("a\nb"));
  CHECK_FALSE(thunes::is_clean_text("\xC3("));
}
