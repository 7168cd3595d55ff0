#define CATCH_CONFIG_MAIN
#include "wire.hpp"

#include <catch2/catch.hpp>
#include <payoutd/text.hpp>

namespace {

using payoutd::Amount;
using payoutd::CodeMeaning;
using payoutd::Status;
using payoutd::Submission;

const std::string kReference = "abcdefghij0123456789";
const std::string kPayoutId = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee";
const std::vector<std::string> kPassing{"5003"};

Amount amount(std::string_view text) {
  return Amount::parse(text).value();
}

tmoney::Credit example_credit() {
  return {amount("300"), kReference, "22890990990", kPayoutId, "2021-03-30 17:09:03", "Your reward"};
}

/// The answer of the public examples, with some fields replaced or added; a field given as "-" is left out.
std::string answer_body(const std::map<std::string, std::string>& changes = {}) {
  std::vector<std::pair<std::string, std::string>> fields{
      {"code", "\"2000\""},
      {"message", "\"Opération réussie\""},
      {"refTmoney", "\"4711\""},
      {"dateHeureTmoney", "\"2021-03-30 17:09:05\""},
      {"idRequete", "\"" + kReference + "\""},
      {"statutRequete", "\"SUCCES\""},
      {"typeRequete", "\"CREDIT\""},
      {"dateHeureRequete", "\"2021-03-30 17:09:03\""},
      {"refCommande", "\"" + kPayoutId + "\""},
      {"montant", "300"},
      {"numeroClient", "\"22890990990\""},
      {"idPartenaire", "\"12\""},
      {"nomPartenaire", "\"ACME\""},
      {"soldePartenaire", "25000.0"},
  };
  for (const auto& [key, value] : changes) {
    const auto known = std::ranges::find(fields, key, &std::pair<std::string, std::string>::first);
    if (known == fields.end()) {
      fields.emplace_back(key, value);
    } else {
      known->second = value;
    }
  }
  std::string body;
  for (const auto& [key, value] : fields) {
    if (value != "-") body += (body.empty() ? "{\"" : ",\"") + key + "\":" + value;
  }
  return body + "}";
}

tmoney::CreditAnswer decode(int http_status, const std::string& body) {
  return tmoney::decode_credit_answer(http_status, body, example_credit(), kPassing);
}

std::string row(const std::map<std::string, std::string>& changes = {}) {
  std::map<std::string, std::string> all{{"code", "-"}, {"message", "-"}, {"soldePartenaire", "-"}};
  for (const auto& [key, value] : changes) all[key] = value;
  return answer_body(all);
}

std::string rows(const std::vector<std::string>& list, const std::string& total = "") {
  std::string body = "{\"total\":" + (total.empty() ? std::to_string(list.size()) : total) + ",\"data\":[";
  for (std::size_t i = 0; i < list.size(); ++i) body += (i == 0 ? "" : ",") + list[i];
  return body + "]}";
}

Status status_of(const std::string& body, int http_status = 200) {
  return tmoney::decode_status(http_status, body, kReference, kPassing).status;
}

}  // namespace

// ---- what is sent

TEST_CASE("a credit's body is these bytes exactly, and can be read back") {
  const std::string body = tmoney::encode_credit(example_credit());
  CHECK(body == R"({"idRequete":"abcdefghij0123456789","numeroClient":"22890990990","montant":300,)"
                R"("refCommande":"aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee",)"
                R"("dateHeureRequete":"2021-03-30 17:09:03","description":"Your reward"})");
  CHECK(tmoney::decode_credit(body).value() == example_credit());
  for (const std::string bad : {"", "[]", "{}", R"({"montant":1})", R"({"montant":"x"})"})
    CHECK(tmoney::decode_credit(bad).has_error());
}

TEST_CASE("an amount is a whole number, however large, or is not sent") {
  auto credit = example_credit();
  credit.amount = amount("9999999999");
  CHECK(tmoney::encode_credit(credit).find("\"montant\":9999999999,") != std::string::npos);
  credit.amount = amount("0.5");
  CHECK_THROWS_AS(tmoney::encode_credit(credit), std::invalid_argument);
}

TEST_CASE("a description cannot break out of the body") {
  auto credit = example_credit();
  credit.description = payoutd::clean_text("\",\"montant\":9,\"x\":\"\n\\", 100);
  const auto back = tmoney::decode_credit(tmoney::encode_credit(credit));
  CHECK(back.value() == credit);
  CHECK(back.value().amount == amount("300"));
}

TEST_CASE("the time of a request has the configured form and zone") {
  using tmoney::format_time, tmoney::TimeForm;
  const std::chrono::system_clock::time_point time{
      std::chrono::seconds(1'617'124'143)};  // 2021-03-30T17:09:03Z
  CHECK(format_time(time, TimeForm::plain, std::chrono::minutes(0)) == "2021-03-30 17:09:03");
  CHECK(format_time(time, TimeForm::plain, std::chrono::minutes(420)) == "2021-03-31 00:09:03");
  CHECK(format_time(time, TimeForm::iso8601, std::chrono::minutes(0)) == "2021-03-30T17:09:03+00:00");
  CHECK(format_time(time, TimeForm::iso8601, std::chrono::minutes(-90)) == "2021-03-30T15:39:03-01:30");
}

TEST_CASE("an account is 228 and eight digits") {
  CHECK_FALSE(tmoney::msisdn_problem("22890990990"));
  for (const std::string bad : {"", "90990990", "+22890990990", "0022890990990", "2289099099", "228909909900",
                                "22990990990", "2289099099a", "228 9099099", "22890990990\n"}) {
    INFO(bad);
    CHECK(tmoney::msisdn_problem(bad));
  }
}

TEST_CASE("a login's body holds the credentials, whatever is in them") {
  CHECK(tmoney::encode_login("acme", payoutd::Secret("p\"w")) ==
        R"({"nomUtilisateur":"acme","motDePasse":"p\"w"})");
}

// ---- the answer to a credit

TEST_CASE("the example's answer is a payment, with the balance that it names") {
  const auto answer = decode(200, answer_body());
  CHECK(answer.submission.kind == Submission::Kind::confirmed);
  CHECK(answer.submission.provider_ref == "4711");
  CHECK_FALSE(answer.token_refused);
  CHECK(answer.balance == amount("25000"));
}

TEST_CASE("fields may be strings or integers, null or missing") {
  using enum Submission::Kind;
  CHECK(decode(200, answer_body({{"code", "2000"}, {"refTmoney", "4711"}, {"montant", "\"300\""}}))
            .submission.kind == confirmed);
  CHECK(decode(200, answer_body({{"refTmoney", "4711"}})).submission.provider_ref == "4711");
  CHECK(decode(200, answer_body({{"refTmoney", "\"T#REF802\""}})).submission.provider_ref == "T#REF802");
  CHECK(decode(200, answer_body({{"montant", "300.0"}})).submission.kind == confirmed);
  CHECK(decode(200, answer_body({{"numeroClient", "22890990990"}})).submission.kind == confirmed);
  CHECK(decode(200, answer_body({{"numeroClient", "\"90990990\""}})).submission.kind == confirmed);
  CHECK(decode(200, answer_body({{"numeroClient", "\"+22890990990\""}})).submission.kind == confirmed);
  CHECK(decode(200, answer_body({{"refTmoney", "null"}, {"idRequete", "null"}, {"montant", "null"}}))
            .submission.kind == confirmed);
  CHECK(decode(200, R"({"statutRequete":"SUCCES","code":2002})").submission.kind == confirmed);
  CHECK(decode(201, answer_body()).submission.kind == confirmed);
}

TEST_CASE("the answer to a credit is judged by its words, never by its HTTP status alone") {
  struct Row {
    int http_status;
    std::string body;
    Submission::Kind kind;
    std::string code;
  };
  using enum Submission::Kind;
  const auto body = [](const std::string& statut, const std::string& code) {
    return answer_body({{"statutRequete", statut}, {"code", code}});
  };
  const Row row = GENERATE_COPY(values<Row>({
      {200, body("\"SUCCES\"", "2000"), confirmed, ""},
      {200, body("\"SUCCES\"", "\"2001\""), confirmed, ""},
      {200, body("\"SUCCES\"", "\"2002\""), confirmed, ""},
      {200, body("\" succes \"", "\"2002\""), confirmed, ""},
      // Paid is not believed beside a code that says something else, or without one.
      {200, body("\"SUCCES\"", "\"5000\""), unknown, "5000"},
      {200, body("\"SUCCES\"", "\"9999\""), unknown, "9999"},
      {200, body("\"SUCCES\"", "-"), unknown, "http.200"},
      {200, body("\"SUCCES\"", "\"4001\""), unknown, "4001"},
      {200, body("\"SUCCESS\"", "\"2000\""), unknown, "2000"},
      {200, body("\"SUCCES PARTIEL\"", "\"2000\""), unknown, "2000"},
      {200, body("true", "\"2000\""), unknown, "2000"},
      {200, body("[\"SUCCES\"]", "\"2000\""), unknown, "2000"},
      {500, body("\"SUCCES\"", "\"2000\""), unknown, "2000"},
      {302, body("\"SUCCES\"", "\"2000\""), unknown, "2000"},
      {401, body("\"SUCCES\"", "\"2000\""), unknown, "tmoney.unauthorized"},
      // Not paid.
      {200, body("\"ECHEC\"", "\"5000\""), refused, "ECHEC"},
      {200, body("\"ECHEC\"", "\"2000\""), refused, "ECHEC"},
      {200, body("\"ECHEC\"", "-"), refused, "ECHEC"},
      {200, body("\"ECHEC\"", "5003"), refused_for_now, "ECHEC.5003"},
      {200, body("\"ECHEC\"", "\"2002\""), unknown, "2002"},
      {200, body("\"ECHEC\"", "\"4001\""), unknown, "4001"},
      {400, body("\"ECHEC\"", "\"5000\""), unknown, "5000"},
      {500, body("\"ECHEC\"", "\"5000\""), unknown, "5000"},
      // Taken, not final.
      {200, body("\"EN ATTENTE\"", "\"2000\""), accepted, ""},
      {200, body("\"EN_ATTENTE\"", "2001"), accepted, ""},
      {200, body("\"EN ATTENTE\"", "-"), accepted, ""},
      {200, body("\"EN ATTENTE\"", "\"5000\""), unknown, "5000"},
      {200, body("-", "\"2000\""), accepted, ""},
      {200, body("null", "2001"), accepted, ""},
      {200, body("\"\"", "2002"), accepted, ""},
      {200, body("-", "\"5000\""), unknown, "5000"},
      {200, body("-", "\"5003\""), unknown, "5003"},
      {200, body("-", "-"), unknown, "http.200"},
      {200, body("\"ANNULE\"", "\"2000\""), unknown, "2000"},
      // Somebody in between, and nobody at all.
      {200, R"({"fault":{"code":900901,"message":"Invalid Credentials"}})", unknown, "tmoney.fault"},
      {200, R"({"fault":"x","statutRequete":"ECHEC"})", unknown, "tmoney.fault"},
      {500, R"({"fault":{"message":"Runtime Error"}})", unknown, "tmoney.fault"},
      {401, "", unknown, "tmoney.unauthorized"},
      {401, R"({"code":"4001"})", unknown, "tmoney.unauthorized"},
      {403, "<html>", unknown, "http.403"},
      {404, R"({"message":"m"})", unknown, "http.404"},
      {429, "{}", unknown, "http.429"},
      {502, "<html>Bad Gateway</html>", unknown, "http.502"},
      {200, "", unknown, "http.200"},
      {204, "", unknown, "http.204"},
      {200, "[]", unknown, "http.200"},
      {200, "\"SUCCES\"", unknown, "http.200"},
      {200, "{}", unknown, "http.200"},
      {200, R"({"statutRequete":"SUCCES","code":"2000"} x)", unknown, "http.200"},
      {200, R"({"statutRequete":"ECHEC","statutRequete":"SUCCES","code":"2000"})", unknown, "http.200"},
      // Our own codes are not the provider's to use.
      {200, R"({"code":"tmoney.fault"})", unknown, "http.200"},
      {200, R"({"code":"ECHEC.5003"})", unknown, "http.200"},
  }));
  INFO(row.http_status << " " << row.body);
  const auto answer = decode(row.http_status, row.body);
  CHECK(answer.submission.kind == row.kind);
  CHECK(answer.submission.code == row.code);
}

TEST_CASE("an answer about another payment proves nothing of ours") {
  const std::string statut = GENERATE("\"SUCCES\"", "\"ECHEC\"", "\"EN ATTENTE\"");
  struct Row {
    std::string key, value;
  };
  const Row row = GENERATE(values<Row>({
      {"idRequete", "\"abcdefghij0123456780\""},
      {"idRequete", "17"},
      {"idRequete", "{}"},
      {"montant", "301"},
      {"montant", "\"3OO\""},
      {"montant", "true"},
      {"numeroClient", "\"22890990991\""},
      {"numeroClient", "\"90990991\""},
      {"refCommande", "\"another\""},
      {"typeRequete", "\"DEBIT\""},
  }));
  INFO(row.key << " " << row.value);
  const auto answer = decode(200, answer_body({{"statutRequete", statut}, {row.key, row.value}}));
  CHECK(answer.submission.kind == Submission::Kind::unknown);
  CHECK(answer.submission.code == "tmoney.mismatch");
  CHECK(answer.submission.provider_ref.empty());
  CHECK_FALSE(answer.balance);
}

TEST_CASE("a refused token is said so, and nothing else is") {
  CHECK(decode(401, "").token_refused);
  CHECK(decode(200, R"({"code":"4001"})").token_refused);
  CHECK(decode(200, R"({"statut":{"code":4001}})").token_refused);
  CHECK(decode(500, R"({"fault":{"message":"m"}})").token_refused);
  CHECK_FALSE(decode(200, answer_body()).token_refused);
  CHECK_FALSE(decode(403, "").token_refused);
  CHECK_FALSE(decode(500, R"({"code":"5000"})").token_refused);
}

TEST_CASE("a balance is taken from an answer about our credit only, and only if it is a figure") {
  CHECK(decode(200, answer_body({{"soldePartenaire", "1.25E7"}})).balance == amount("12500000"));
  CHECK(decode(200, answer_body({{"soldePartenaire", "\"7\""}, {"statutRequete", "\"ECHEC\""}})).balance ==
        amount("7"));
  CHECK(decode(200, answer_body({{"soldePartenaire", "-5.0"}})).balance == amount("0"));
  CHECK(decode(200, answer_body({{"soldePartenaire", "1e12"}})).balance == amount("9999999999.99999999"));
  CHECK(decode(200, answer_body({{"soldePartenaire", "0.123456789"}})).balance == amount("0.12345678"));
  CHECK_FALSE(decode(200, answer_body({{"soldePartenaire", "-"}})).balance);
  CHECK_FALSE(decode(500, answer_body()).balance);
}

TEST_CASE("every claim about the money is listed in the contract with the same meaning") {
  const auto rules = tmoney::submit_codes(kPassing);
  REQUIRE(rules.size() == 2);
  CHECK(rules[0] == payoutd::CodeRule{"ECHEC", CodeMeaning::refused});
  CHECK(rules[1] == payoutd::CodeRule{"ECHEC.5003", CodeMeaning::refused_for_now});
}

TEST_CASE("no cut answer is a claim") {
  for (const std::string& whole : {answer_body(), answer_body({{"statutRequete", "\"ECHEC\""}})}) {
    for (std::size_t size = 0; size < whole.size(); ++size)
      REQUIRE(decode(200, whole.substr(0, size)).submission.kind == Submission::Kind::unknown);
  }
}

TEST_CASE("huge and deep answers are unknown") {
  CHECK(decode(200, answer_body({{"message", "\"" + std::string(70'000, 'x') + "\""}})).submission.kind ==
        Submission::Kind::unknown);
  CHECK(decode(200, answer_body({{"x", std::string(50, '[') + std::string(50, ']')}})).submission.kind ==
        Submission::Kind::unknown);
}

// ---- the status query

TEST_CASE("a row of ours says what became of the payment, and is matched by the host") {
  const Status status = status_of(rows({row()}));
  CHECK(status.kind == Status::Kind::confirmed);
  CHECK(status.provider_ref == "4711");
  CHECK(status.found.amount == amount("300"));
  CHECK(status.found.destination == "22890990990");
  CHECK(status.found.reference == kReference);
  CHECK_FALSE(status.found.currency);  // the rows carry none

  const Status other = status_of(rows({row({{"montant", "\"1.0E3\""}, {"numeroClient", "90990999"}})}));
  CHECK(other.kind == Status::Kind::confirmed);
  CHECK(other.found.amount == amount("1000"));
  CHECK(other.found.destination == "22890990999");
}

TEST_CASE("the answer to a query becomes a status") {
  struct Row {
    int http_status;
    std::string body;
    Status::Kind kind;
    std::string code;
  };
  using enum Status::Kind;
  const auto one = [](const std::map<std::string, std::string>& changes) { return rows({row(changes)}); };
  const std::string others = row({{"idRequete", "\"abcdefghij0123456780\""}});
  const Row row_of_table = GENERATE_COPY(values<Row>({
      {200, one({}), confirmed, ""},
      {200, rows({row()}, "\"1\""), confirmed, ""},
      {200, R"({"data":[)" + row() + "]}", confirmed, ""},
      {200, rows({others, row()}), confirmed, ""},
      {200, one({{"statutRequete", "\"EN ATTENTE\""}}), pending, ""},
      {200, one({{"statutRequete", "\"EN ATTENTE\""}, {"montant", "-"}, {"numeroClient", "-"}}), pending, ""},
      {200, one({{"statutRequete", "\"ECHEC\""}}), refused, "ECHEC"},
      {200, one({{"statutRequete", "\"ECHEC\""}, {"code", "5003"}}), refused_for_now, "ECHEC.5003"},
      {200, one({{"statutRequete", "\"ECHEC\""}, {"code", "5000"}}), refused, "ECHEC"},
      // Absent: an empty list, and nothing beside it that says otherwise.
      {200, R"({"total":0,"data":[]})", absent, ""},
      {200, R"({"data":[]})", absent, ""},
      {200, R"({"code":"2000","total":"0","data":[]})", absent, "2000"},
      {200, R"({"total":1,"data":[]})", cannot_tell, "tmoney.unreadable"},
      {200, R"({"code":"5000","total":0,"data":[]})", cannot_tell, "5000"},
      {200, R"({"statut":{"code":"5000"},"data":[]})", cannot_tell, "5000"},
      {200, R"({"total":0,"data":null})", cannot_tell, "tmoney.unreadable"},
      {200, R"({"total":0,"data":{}})", cannot_tell, "tmoney.unreadable"},
      {200, R"({"total":0,"data":""})", cannot_tell, "tmoney.unreadable"},
      {200, R"({"total":0})", cannot_tell, "tmoney.unreadable"},
      {404, R"({"total":0,"data":[]})", cannot_tell, "http.404"},
      {500, R"({"total":0,"data":[]})", cannot_tell, "http.500"},
      {200, R"({"fault":{"message":"m"},"total":0,"data":[]})", cannot_tell, "tmoney.fault"},
      {200, R"({"code":"4001","total":0,"data":[]})", cannot_tell, "4001"},
      // Several rows of ours, or rows that we cannot see: a human looks.
      {200, rows({row(), row()}), cannot_tell, "tmoney.several_rows"},
      {200, rows({row(), row({{"statutRequete", "\"ECHEC\""}})}), cannot_tell, "tmoney.several_rows"},
      {200, rows({row()}, "2"), cannot_tell, "tmoney.unreadable"},
      {200, rows({row()}, "0"), cannot_tell, "tmoney.unreadable"},
      {200, rows({row()}, "[]"), cannot_tell, "tmoney.unreadable"},
      // Rows of others prove neither presence nor absence.
      {200, rows({others}), cannot_tell, "tmoney.unreadable"},
      {200, rows({row({{"idRequete", "-"}})}), cannot_tell, "tmoney.unreadable"},
      {200, rows({row(), "7"}), cannot_tell, "tmoney.unreadable"},
      {200, one({{"typeRequete", "\"DEBIT\""}}), cannot_tell, "tmoney.unreadable"},
      // Final words that do not say which payment is meant, or contradict themselves.
      {200, one({{"montant", "-"}}), cannot_tell, "tmoney.unreadable"},
      {200, one({{"montant", "\"x\""}}), cannot_tell, "tmoney.unreadable"},
      {200, one({{"numeroClient", "-"}}), cannot_tell, "tmoney.unreadable"},
      {200, one({{"numeroClient", "-"}, {"statutRequete", "\"ECHEC\""}}), cannot_tell, "tmoney.unreadable"},
      {200, one({{"code", "5000"}}), cannot_tell, "tmoney.unreadable"},
      {200, one({{"statutRequete", "\"ECHEC\""}, {"code", "2002"}}), cannot_tell, "tmoney.unreadable"},
      {200, one({{"statutRequete", "\"REMBOURSE\""}}), cannot_tell, "tmoney.unreadable"},
      {200, one({{"statutRequete", "-"}}), cannot_tell, "tmoney.unreadable"},
      {200, one({{"statutRequete", "1"}}), cannot_tell, "tmoney.unreadable"},
      {401, "", cannot_tell, "tmoney.unauthorized"},
      {403, "<html>", cannot_tell, "http.403"},
      {503, "", cannot_tell, "http.503"},
      {200, "", cannot_tell, "http.200"},
      {200, "<html>", cannot_tell, "http.200"},
  }));
  INFO(row_of_table.http_status << " " << row_of_table.body);
  const Status status = status_of(row_of_table.body, row_of_table.http_status);
  CHECK(status.kind == row_of_table.kind);
  CHECK(status.code == row_of_table.code);
  const bool known = status.kind != absent && status.kind != cannot_tell;
  CHECK(status.found.reference.has_value() == known);
}

TEST_CASE("no cut answer to a query says anything") {
  for (const std::string& whole : {rows({row()}), std::string(R"({"total":0,"data":[]})")}) {
    for (std::size_t size = 0; size < whole.size(); ++size)
      REQUIRE(status_of(whole.substr(0, size)).kind == Status::Kind::cannot_tell);
  }
}

// ---- login, callback, texts

TEST_CASE("a login gives a token or says why not") {
  const auto token = [](int http_status, const std::string& body) {
    return tmoney::decode_login(http_status, body).token.reveal();
  };
  CHECK(token(200, R"({"statut":{"code":"2000","message":"OK"},"data":{"token":"a.b.c"}})") == "a.b.c");
  CHECK(token(200, R"({"statut":{"code":2000},"data":{"token":"a.b.c"}})") == "a.b.c");
  CHECK(token(200, R"({"data":{"token":"a.b.c"}})") == "a.b.c");
  for (const std::string bad :
       {R"({"data":{"token":""}})", R"({"data":{"token":"a\r\nX: y"}})",
        R"({"data":{"token":7.5e3,"token":"b"}})", R"({"data":{}})", R"({"token":"a"})",
        R"({"statut":{"code":"5000"},"data":{"token":"a"}})", "{}", "x", ""}) {
    INFO(bad);
    CHECK(token(200, bad).empty());
    CHECK_FALSE(tmoney::decode_login(200, bad).problem.empty());
  }
  CHECK(token(500, R"({"data":{"token":"a"}})").empty());
  CHECK(tmoney::decode_login(200, R"({"statut":{"code":"4001","message":"non"}})").credentials_refused);
  CHECK(tmoney::decode_login(401, "").credentials_refused);
  CHECK_FALSE(tmoney::decode_login(500, "").credentials_refused);
  CHECK_FALSE(tmoney::decode_login(200, R"({"fault":{"message":"m"}})").credentials_refused);
}

TEST_CASE("a token that is a JWT says how long it lives") {
  const auto lifetime = [](const std::string& token) {
    return tmoney::decode_login(200, R"({"data":{"token":")" + token + "\"}}").lifetime;
  };
  using std::chrono::seconds;
  // {"sub":"acme","iat":1700000000,"exp":1700000120}
  CHECK(lifetime("h.eyJzdWIiOiJhY21lIiwiaWF0IjoxNzAwMDAwMDAwLCJleHAiOjE3MDAwMDAxMjB9.s") == seconds(120));
  // {"iat":1700000000.5,"exp":1.7000001E9}
  CHECK(lifetime("h.eyJpYXQiOjE3MDAwMDAwMDAuNSwiZXhwIjoxLjcwMDAwMDFFOX0.s") == seconds(99));
  CHECK_FALSE(lifetime("h.eyJleHAiOjE3MDAwMDAxMjB9.s"));                         // no iat
  CHECK_FALSE(lifetime("h.eyJpYXQiOjE3MDAwMDAxMjAsImV4cCI6MTcwMDAwMDAwMH0.s"));  // ends before it begins
  CHECK_FALSE(lifetime("h.eyJpYXQiOjE3MDAwMDAwMDAwMDAsImV4cCI6MTcwMDAwMDEyMDAwMH0.s"));  // milliseconds
  for (const std::string other : {"planted", "a.b.c", "a..c", "...", "h.W10.s", "h.e30=.s", "h.e30"})
    CHECK_FALSE(lifetime(other));
}

TEST_CASE("a callback names a payment at most") {
  const auto callback = tmoney::decode_callback(answer_body());
  CHECK(callback.value().reference == kReference);
  CHECK(callback.value().provider_ref == "4711");
  CHECK(tmoney::decode_callback(R"({"idRequete":"../x","refTmoney":7})").value().reference.empty());
  for (const std::string bad : {"", "{}", "[]", R"({"code":"2000"})"})
    CHECK(tmoney::decode_callback(bad).has_error());
}
