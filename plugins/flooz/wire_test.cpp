#define CATCH_CONFIG_MAIN
#include "wire.hpp"

#include <catch2/catch.hpp>

#include "token.hpp"

namespace {

using payoutd::Amount;
using payoutd::CodeMeaning;
using payoutd::Secret;
using payoutd::Status;
using payoutd::Submission;

const std::string kReference = "01234567890123456789";
const std::string kMoovReference = "920190616000000";

Amount amount(std::string_view text) {
  return Amount::parse(text).value();
}

/// An answer as the public examples show it.
std::string answer_body(const std::string& operation, const std::string& fields,
                        const std::string& wrapper = "return") {
  return R"(<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><ns2:)" +
         operation + R"( xmlns:ns2="http://api.merchant.tlc.com/"><)" + wrapper + ">" + fields + "</" +
         wrapper + "></ns2:" + operation + "></soap:Body></soap:Envelope>";
}

std::string tag(const std::string& name, const std::string& text) {
  return "<" + name + ">" + text + "</" + name + ">";
}

std::string transfer_body(const std::string& status, const std::string& transaction = kReference,
                          const std::string& moov = kMoovReference) {
  return answer_body("transferFloozResponse",
                     tag("transactionid", transaction) + tag("status", status) + tag("message", "m") +
                         tag("referenceid", moov) +
                         "<senderkeycost/><senderbonus/><senderbalancebefore>16819.00</senderbalancebefore>"
                         "<senderbalanceafter>16809.00</senderbalanceafter>");
}

std::string status_body(const std::string& status, const std::string& moov = kMoovReference,
                        const std::string& more = "") {
  return answer_body("getTransactionStatusResponse",
                     tag("description", "d") + tag("referenceid", moov) + tag("status", status) + more,
                     "response");
}

Submission decode(int http_status, const std::string& body, bool queried_by_reference = false) {
  return flooz::decode_transfer_answer(http_status, body, kReference, queried_by_reference);
}

flooz::StatusQuestion by_moov() {
  return {.transid = kMoovReference,
          .reference = kReference,
          .known_ref = {},
          .by_reference = false,
          .absent_codes = {}};
}
flooz::StatusQuestion by_us() {
  return {.transid = kReference,
          .reference = kReference,
          .known_ref = {},
          .by_reference = true,
          .absent_codes = {"94"}};
}

flooz::Transfer example_transfer() {
  return {"22890123456", amount("10"), kReference, "0", "remarks"};
}

std::string repeated(const std::string& text, std::size_t times) {
  std::string result;
  for (std::size_t i = 0; i < times; ++i) result += text;
  return result;
}

}  // namespace

// ---- token

TEST_CASE("the token is that of the published examples") {
  const Secret key("tlc12345tlc12345tlc12345tlc12345");
  CHECK(flooz::make_token("username", Secret("password"), key).reveal() ==
        "hnTyz1stTsRO8PxwCssFHwwUakVCzRFeJ4Ms/F9cem0=");
  CHECK(flooz::make_token("myusername", Secret("mypassword"), key).reveal() ==
        "7a1FPyjZ4eqAhFIoHpLumttby9GoBPGuwV5AIaB22tc=");
  CHECK_THROWS_AS(flooz::make_token("u", Secret("p"), Secret("short")), std::invalid_argument);
}

// ---- what is sent

TEST_CASE("a transfer's request is these bytes exactly, in this envelope, and can be read back") {
  const std::string request = flooz::encode_transfer(example_transfer());
  CHECK(request ==
        "<request><destination>22890123456</destination><amount>10</amount>"
        "<referenceid>01234567890123456789</referenceid><walletid>0</walletid>"
        "<extendeddata>remarks</extendeddata></request>");
  CHECK(flooz::envelope("transferFlooz", "T", request) ==
        R"(<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" )"
        R"(xmlns:api="http://api.merchant.tlc.com/"><soapenv:Header/><soapenv:Body><api:transferFlooz>)"
        "<token>T</token>" +
            request + "</api:transferFlooz></soapenv:Body></soapenv:Envelope>");
  CHECK(flooz::decode_transfer(request).value() == example_transfer());
  CHECK(flooz::encode_status_request("7&8") == "<request><transid>7&amp;8</transid></request>");
  CHECK(flooz::encode_account_request("228") == "<request><msisdn>228</msisdn></request>");
  for (const std::string bad : {"", "{}", "<request/>", "<x>1</x>", "<request><amount>1</amount></request>"})
    CHECK(flooz::decode_transfer(bad).has_error());
}

TEST_CASE("a transfer of a part of a franc is not encoded") {
  auto transfer = example_transfer();
  transfer.amount = amount("0.5");
  CHECK_THROWS_AS(flooz::encode_transfer(transfer), std::invalid_argument);
}

TEST_CASE("remarks cannot break out of their element") {
  auto transfer = example_transfer();
  transfer.remarks =
      flooz::clean_remarks("</extendeddata><amount>9</amount> & ]]> \"'\x01\xEF\xBF\xBF é", 100);
  const std::string request = flooz::encode_transfer(transfer);
  CHECK(request.find("<amount>9") == std::string::npos);
  CHECK(flooz::decode_transfer(request).value() == transfer);
}

TEST_CASE("remarks are cleaned and cut between characters") {
  CHECK(flooz::clean_remarks("  two \t\r\n lines  ", 100) == "two lines");
  CHECK(flooz::clean_remarks("café café", 6) == "café c");
  CHECK(flooz::clean_remarks("café café", 5) == "café");
  CHECK(flooz::clean_remarks("bad \xC3( \xFF end", 100) == "bad ( end");
  CHECK(flooz::clean_remarks(" \n", 100).empty());
}

TEST_CASE("an account is digits with one of the country codes") {
  CHECK_FALSE(flooz::msisdn_problem("22890123456", {"228"}));
  CHECK_FALSE(flooz::msisdn_problem("22994512412", {"228", "229"}));
  CHECK_FALSE(flooz::msisdn_problem("2290194512412", {"229"}));
  for (const std::string bad : {"", "90123456", "+22890123456", "2289012345", "228901234567", "22994512412",
                                "2289012345a", "22890123456\n", "1234567890123456"}) {
    INFO(bad);
    CHECK(flooz::msisdn_problem(bad, {"228"}));
  }
}

// ---- reading SOAP

TEST_CASE("prefixes, namespaces, wrappers and the order of fields do not matter") {
  const std::string body = GENERATE(
      transfer_body("0"),
      answer_body("transferFloozResponse", tag("status", "0") + tag("transactionid", kReference) +
                                               tag("referenceid", kMoovReference) +
                                               "<extra><deep>1</deep></extra>"),
      answer_body(
          "transferFloozResponse",
          tag("transactionid", kReference) + tag("status", " 0\n") + tag("referenceid", kMoovReference),
          "result"),
      // Servers declare UTF-16 and another namespace, and send UTF-8.
      std::string(R"(<?xml version="1.0" encoding="utf-16"?>
        <S:Envelope xmlns:S="http://www.w3.org/2003/05/soap-envelope"><S:Header><x/></S:Header>
          <S:Body><transferFloozResponse xmlns="http://tlc.com.ph/"><response>
            <transactionid>01234567890123456789</transactionid><status><![CDATA[0]]></status>
            <message>Vous avez envoyé 10.00 FCFA &amp; plus&#233;</message><!-- a comment -->
            <referenceid>920190616000000</referenceid>
          </response></transferFloozResponse></S:Body></S:Envelope>
      )"),
      "\xEF\xBB\xBF" + transfer_body("0"),
      answer_body(
          "transferFloozResponse",
          R"(<a:status xmlns:a="x" a:y="1>2">0</a:status><a:referenceid xmlns:a="x">920190616000000</a:referenceid>)"));
  INFO(body);
  const Submission submission = decode(200, body);
  CHECK(submission.kind == Submission::Kind::confirmed);
  CHECK(submission.provider_ref == kMoovReference);
}

TEST_CASE("hostile and broken XML is refused, and says nothing of the money") {
  const auto within = [](const std::string& fields) { return answer_body("transferFloozResponse", fields); };
  struct Row {
    std::string body, reason;
  };
  const Row row = GENERATE_COPY(values<Row>({
      {R"(<!DOCTYPE x [<!ENTITY e "0">]>)" + transfer_body("&e;"), "document type"},
      {R"(<!DOCTYPE x SYSTEM "http://evil.example/x.dtd">)" + transfer_body("0"), "document type"},
      {R"(<?xml version="1.0"?><!DOCTYPE x>)" + transfer_body("0"), "document type"},
      {"<!DOCTYPE html><html><body>0</body></html>", "document type"},
      {"<!ENTITY e '0'>" + transfer_body("0"), "document type"},
      {within("<!DOCTYPE y>" + tag("status", "0")), "document type"},
      {transfer_body("&e;"), "entity"},
      {within(R"(<status a="&e;">0</status>)"), "entity"},
      {R"(<?php x ?>)" + transfer_body("0"), "processing instruction"},
      {R"(<?xml version="1.0"?><?xml-stylesheet href="x"?>)" + transfer_body("0"), "processing instruction"},
      {within("<?x?>" + tag("status", "0")), "processing instruction"},
      {transfer_body("0&#0;99"), "character"},
      {transfer_body("0&#x0;99"), "character"},
      {transfer_body("&#xD800;"), "character"},
      {transfer_body("&#99999999;"), "character"},
      {transfer_body("&#48"), "character"},
      {transfer_body(std::string("0\0", 2)), "NUL"},
      {repeated("<a>", 40) + repeated("</a>", 40), "deep"},
      {within(repeated("<a/>", 1200) + tag("status", "0")), "many"},
      {within(tag("message", std::string(70'000, 'x')) + tag("status", "0")), "larger"},
      {transfer_body("0") + transfer_body("0"), "root"},
      {transfer_body("0") + "garbage", "beside"},
      {"garbage" + transfer_body("0"), "beside"},
      {"", "root"},
      {"   ", "root"},
      {"not xml", "beside"},
      {R"({"status":0})", "beside"},
      {"<html><body><p>Bad Gateway</body></html>", "well-formed"},
      {"<html><body>502</body></html>", "envelope"},
      {"<x:Envelope><x:Body/></x:Envelope>", "one element"},
      {"<x:Envelope><x:Body><a/><b/></x:Body></x:Envelope>", "one element"},
      {"<x:Envelope><x:Body><a/></x:Body><x:Body><a/></x:Body></x:Envelope>", "one element"},
      {"<x:Envelope><x:Body><a><other/></a></x:Body></x:Envelope>", "single"},
      {"<x:Envelope><x:Body><a><return/><result/></a></x:Body></x:Envelope>", "single"},
      {within(tag("status", "0") + tag("status", "3")), "twice"},
      {within(tag("status", "0") + "<n:status>0</n:status>"), "twice"},
      {within("<status>0"), "well-formed"},
      {within("<status x=<y>0</status>"), "tag within"},
      {within("<!-- "), "comment"},
      {within("<![CDATA[ "), "CDATA"},
      {"<?xml version='1.0'", "declaration"},
  }));
  INFO(row.body.substr(0, 300));
  const auto answer = flooz::read_answer(row.body);
  REQUIRE(answer.has_error());
  INFO(answer.error().reason);
  CHECK(answer.error().reason.find(row.reason) != std::string::npos);
  CHECK(decode(200, row.body).kind == Submission::Kind::unknown);
  CHECK(decode(200, row.body).code == "flooz.unreadable");
  CHECK(flooz::decode_status(200, row.body, by_us()).kind == Status::Kind::cannot_tell);
}

TEST_CASE("a text in pieces is read whole") {
  const auto answer = flooz::read_answer(answer_body("x", "<status>1<!-- -->0<![CDATA[0]]></status>"));
  CHECK(answer.value().text("status") == "100");
}

// ---- the answer to a transfer

TEST_CASE("each code of the table means what the table says") {
  struct Row {
    std::string code;
    Submission::Kind kind;
  };
  using enum Submission::Kind;
  const Row row = GENERATE(values<Row>({
      {"0", confirmed},        {"100", accepted},       {"3", refused},           {"6", refused},
      {"7", refused},          {"9", refused},          {"11", refused},          {"12", refused},
      {"17", refused},         {"18", refused},         {"555", refused},         {"1", not_accepted},
      {"2", not_accepted},     {"4", not_accepted},     {"8", refused_for_now},   {"10", refused_for_now},
      {"13", refused_for_now}, {"14", refused_for_now}, {"15", refused_for_now},  {"16", refused_for_now},
      {"19", refused_for_now}, {"20", refused_for_now}, {"101", refused_for_now}, {"91", unknown},
      {"92", unknown},         {"93", unknown},         {"94", unknown},          {"95", unknown},
      {"96", unknown},         {"97", unknown},         {"98", unknown},          {"99", unknown},
      {"-1", unknown},         {"5", unknown},          {"21", unknown},          {"102", unknown},
      {"554", unknown},        {"1000", unknown},
  }));
  INFO(row.code);
  const Submission submission = decode(200, transfer_body(row.code));
  CHECK(submission.kind == row.kind);
  if (row.kind != confirmed && row.kind != accepted) CHECK(submission.code == row.code);
  // A refusal leaves no name behind by which the next attempt could be taken for this one.
  const bool named = row.kind == confirmed || row.kind == accepted || row.kind == unknown;
  CHECK(submission.provider_ref == (named ? kMoovReference : ""));
}

TEST_CASE("every claim about the money is listed in the contract with the same meaning") {
  for (const auto& rule : flooz::submit_codes()) {
    const Submission submission = decode(200, transfer_body(rule.code));
    CHECK(submission.code == rule.code);
    CHECK(std::string(payoutd::to_string(rule.meaning)) == std::string(payoutd::to_string(submission.kind)));
  }
}

TEST_CASE("a status that is no code is unknown") {
  for (const std::string bad : {"", " ", "00", "+0", "0.0", "0x0", "O", "-", "--1", "-0x", "0 0", "SUCCESS",
                                "1e2", "0000000", "1234567", "٠"}) {
    INFO(bad);
    CHECK(decode(200, transfer_body(bad)).kind == Submission::Kind::unknown);
  }
  CHECK(decode(200, answer_body("transferFloozResponse", "<status><x>0</x></status>")).kind ==
        Submission::Kind::unknown);
  CHECK(decode(200, answer_body("transferFloozResponse", tag("message", "ok"))).kind ==
        Submission::Kind::unknown);
}

TEST_CASE("an answer to another transfer, or of another operation, is unknown") {
  const std::string code = GENERATE("0", "100", "3", "10", "4");
  for (const std::string other : {"99999999999999999999", "123456789", "x", "012345678901234567890"}) {
    const Submission submission = decode(200, transfer_body(code, other));
    CHECK(submission.kind == Submission::Kind::unknown);
    CHECK(submission.code == "flooz.mismatch");
    CHECK(submission.provider_ref.empty());
  }
  CHECK(decode(200, answer_body("transferFloozResponse",
                                "<transactionid><x/></transactionid>" + tag("status", code)))
            .kind == Submission::Kind::unknown);
  CHECK(decode(200, answer_body("PushResponse", tag("status", code))).kind == Submission::Kind::unknown);
  CHECK(decode(200, status_body(code)).kind == Submission::Kind::unknown);
}

TEST_CASE("our reference is recognised when somebody took it for a number, and need not be repeated") {
  CHECK(decode(200, transfer_body("0", "1234567890123456789")).kind == Submission::Kind::confirmed);
  CHECK(decode(200, transfer_body("0", "")).kind == Submission::Kind::confirmed);
  CHECK(decode(200, answer_body("transferFloozResponse", tag("status", "0"))).kind ==
        Submission::Kind::confirmed);
}

TEST_CASE("only HTTP 200 makes a claim") {
  for (const int http_status : {201, 202, 302, 400, 401, 403, 404, 429, 500, 502, 503}) {
    for (const std::string code : {"0", "100", "3", "10", "4"}) {
      const Submission submission = decode(http_status, transfer_body(code));
      CHECK(submission.kind == Submission::Kind::unknown);
      CHECK(submission.code == "http." + std::to_string(http_status));
    }
  }
}

TEST_CASE("a fault is unknown, in either version of SOAP") {
  const std::string one =
      R"(<soap:Envelope xmlns:soap="s"><soap:Body><soap:Fault><faultcode>soap:Server</faultcode>)"
      R"(<faultstring>For input string 22890123456</faultstring><detail><x/></detail>)"
      R"(</soap:Fault></soap:Body></soap:Envelope>)";
  const std::string two =
      R"(<e:Envelope xmlns:e="s"><e:Body><e:Fault><e:Code><e:Value>e:Sender</e:Value></e:Code>)"
      R"(<e:Reason><e:Text>no</e:Text></e:Reason></e:Fault></e:Body></e:Envelope>)";
  for (const int http_status : {200, 500}) {
    const Submission submission = decode(http_status, one);
    CHECK(submission.kind == Submission::Kind::unknown);
    CHECK(submission.code == "flooz.fault");
    CHECK(submission.message.ends_with("soap:Server: For input string ***56"));
    CHECK(decode(http_status, two).message.ends_with("e:Sender: no"));
    CHECK(flooz::decode_status(http_status, one, by_us()).kind == Status::Kind::cannot_tell);
  }
  CHECK(decode(200, "<E:Envelope><E:Body><E:Fault/></E:Body></E:Envelope>").code == "flooz.fault");
}

TEST_CASE("a pending transfer without Moov's reference can be asked about by ours only") {
  CHECK(decode(200, transfer_body("100", kReference, ""), false).kind == Submission::Kind::unknown);
  CHECK(decode(200, transfer_body("100", kReference, ""), true).kind == Submission::Kind::accepted);
  CHECK(decode(200, transfer_body("100", kReference, "a b"), false).kind == Submission::Kind::unknown);
}

TEST_CASE("no cut answer is a claim") {
  for (const std::string& whole : {transfer_body("0"), transfer_body("3"), transfer_body("10")}) {
    for (std::size_t size = 0; size < whole.size(); ++size)
      REQUIRE(decode(200, whole.substr(0, size)).kind == Submission::Kind::unknown);
  }
}

// ---- the answer to a status query

TEST_CASE("a status that names the payment says what became of it") {
  struct Row {
    std::string code;
    Status::Kind kind;
  };
  using enum Status::Kind;
  const Row row = GENERATE(values<Row>({
      {"0", confirmed},
      {"100", pending},
      {"3", refused},
      {"6", refused},
      {"7", refused},
      {"9", refused},
      {"11", refused},
      {"12", refused},
      {"17", refused},
      {"18", refused},
      {"555", refused},
      {"10", refused_for_now},
      {"13", refused_for_now},
      {"14", refused_for_now},
      {"15", refused_for_now},
      {"16", refused_for_now},
      {"19", refused_for_now},
      {"20", refused_for_now},
      // These may speak of the question.
      {"1", cannot_tell},
      {"2", cannot_tell},
      {"4", cannot_tell},
      {"8", cannot_tell},
      {"101", cannot_tell},
      {"91", cannot_tell},
      {"92", cannot_tell},
      {"94", cannot_tell},
      {"95", cannot_tell},
      {"98", cannot_tell},
      {"99", cannot_tell},
      {"-1", cannot_tell},
      {"77", cannot_tell},
      {"", cannot_tell},
  }));
  INFO(row.code);
  for (const auto& question : {by_moov(), by_us()}) {
    const Status status = flooz::decode_status(200, status_body(row.code), question);
    CHECK(status.kind == row.kind);
    if (row.kind == cannot_tell) {
      CHECK_FALSE(status.found.reference);
      continue;
    }
    CHECK(status.provider_ref == kMoovReference);
    CHECK(status.found.reference == kReference);
    CHECK_FALSE(status.found.amount);  // the answer carries neither amount nor payee
    CHECK_FALSE(status.found.destination);
  }
}

TEST_CASE("a status must name the payment that was asked about") {
  using enum Status::Kind;
  const auto kind = [](const flooz::StatusQuestion& question, const std::string& code, const std::string& ref,
                       const std::string& more = "") {
    return flooz::decode_status(200, status_body(code, ref, more), question).kind;
  };
  for (const std::string code : {"0", "100", "3", "10"}) {
    CHECK(kind(by_moov(), code, "") == cannot_tell);
    CHECK(kind(by_moov(), code, "920190616000001") == cannot_tell);
    CHECK(kind(by_moov(), code, kMoovReference, tag("transid", "99999999999999999999")) == cannot_tell);
    CHECK(kind(by_us(), code, "") == cannot_tell);
    CHECK(kind(by_us(), code, kMoovReference, tag("transactionid", "99999999999999999999")) == cannot_tell);
  }
  CHECK(kind(by_moov(), "0", kMoovReference, tag("transid", kReference)) == confirmed);
  CHECK(kind(by_moov(), "0", kMoovReference, tag("transid", kMoovReference)) == confirmed);
  CHECK(kind(by_moov(), "0", kReference) == confirmed);
  CHECK(kind(by_us(), "0", kReference) == confirmed);
  CHECK(kind(by_us(), "100", kReference) == pending);
  // An echo of ours could be the answer to a question that was not understood: no refusal stands on it.
  CHECK(kind(by_us(), "3", kReference) == cannot_tell);
  CHECK(kind(by_us(), "10", kReference) == cannot_tell);
}

TEST_CASE("where Moov has told its own name of the payment, no other name is taken for it") {
  using enum Status::Kind;
  const auto kind = [](const std::string& code, const std::string& ref, const std::string& known) {
    auto question = by_us();
    question.known_ref = known;
    return flooz::decode_status(200, status_body(code, ref), question).kind;
  };
  for (const std::string code : {"0", "100", "3", "10"})
    CHECK(kind(code, "920190616000009", kMoovReference) == cannot_tell);
  CHECK(kind("0", kMoovReference, kMoovReference) == confirmed);
  CHECK(kind("3", kMoovReference, kMoovReference) == refused);
  CHECK(kind("0", kReference, kMoovReference) == confirmed);
  CHECK(kind("0", "920190616000009", "") == confirmed);  // Moov has named none before
}

TEST_CASE("a description that contradicts the code is not overlooked") {
  const auto kind = [](const std::string& name, const std::string& text) {
    return flooz::decode_status(
               200,
               answer_body("getTransactionStatusResponse",
                           tag(name, text) + tag("referenceid", kMoovReference) + tag("status", "0"),
                           "response"),
               by_moov())
        .kind;
  };
  for (const std::string good :
       {"", "d", "SUCCESS", "Success", "Transaction Completed", "Transaction successful", "Effectuée",
        "Transaction effectuée avec succès", "Paid", "OK", "No error", "no errors", "Sans erreur",
        "Success, without error", "Aucune erreur", "Succès. Frais : aucuns",
        "Transaction traitée avec succès. No error."}) {
    INFO(good);
    CHECK(kind("description", good) == Status::Kind::confirmed);
    CHECK(kind("message", good) == Status::Kind::confirmed);
  }
  for (const std::string bad : {"PENDING",
                                "Transaction Failed",
                                "En attente",
                                "UNAUTHORISED_ERROR",
                                "Echec",
                                "Échec",
                                "ÉCHEC",
                                "échec de la transaction",
                                "Transaction échouée",
                                "TRANSACTION ÉCHOUÉE",
                                "transaction echouee",
                                "transaction does not exist",
                                "Transaction doesn't exist",
                                "not found",
                                "Introuvable",
                                "Transaction non trouvée",
                                "Aucune transaction",
                                "La transaction n'existe pas",
                                "La transaction n’existe pas",
                                "Rejected",
                                "Rejetée",
                                "refusée",
                                "REFUSED",
                                "annulée",
                                "Cancelled",
                                "Declined",
                                "Déclinée",
                                "DÉCLINÉE",
                                "Expired",
                                "expirée",
                                "timeout",
                                "Time out",
                                "timed out",
                                "en cours",
                                "Transaction en cours de traitement",
                                "In progress",
                                "processing",
                                "Insufficient funds",
                                "Solde insuffisant",
                                "Inconnu",
                                "Unknown transaction",
                                "Erreur interne",
                                "unsuccessful",
                                "not successful",
                                "invalid transaction",
                                "casino error",
                                "No error, transaction pending",
                                "no error: error"}) {
    INFO(bad);
    CHECK(kind("description", bad) == Status::Kind::cannot_tell);
    CHECK(kind("message", bad) == Status::Kind::cannot_tell);
  }
}

TEST_CASE("absent is said only by an agreed code, about our own reference") {
  using enum Status::Kind;
  const auto kind = [](const flooz::StatusQuestion& question, const std::string& code,
                       const std::string& ref) {
    return flooz::decode_status(200, status_body(code, ref), question).kind;
  };
  CHECK(kind(by_us(), "94", "") == absent);
  CHECK(kind(by_us(), "94", "0") == absent);
  CHECK(kind(by_us(), "94", kReference) == absent);
  CHECK(kind(by_us(), "94", kMoovReference) == cannot_tell);
  CHECK(kind(by_us(), "92", "") == cannot_tell);
  CHECK(kind(by_moov(), "94", "") == cannot_tell);
  auto none = by_us();
  none.absent_codes.clear();
  CHECK(kind(none, "94", "") == cannot_tell);
  CHECK(flooz::decode_status(404, status_body("94", ""), by_us()).kind == cannot_tell);
  CHECK(flooz::decode_status(200, transfer_body("94", "", ""), by_us()).kind == cannot_tell);
}

// ---- balance and accounts

TEST_CASE("a balance is read from its digits") {
  const auto balance = [](const std::string& fields) {
    return flooz::decode_balance(200, answer_body("getBalanceResponse", fields));
  };
  CHECK(balance(tag("balance", "382222") + tag("status", "0")).value().available == amount("382222"));
  CHECK(balance(tag("balance", "16809.50") + tag("status", "0")).value().available == amount("16809.5"));
  CHECK(balance(tag("balance", "1") + tag("status", "0")).value().currency == "XOF");
  CHECK(balance(tag("balance", "1") + tag("status", "98")).has_error());
  CHECK(balance(tag("balance", "1,000") + tag("status", "0")).has_error());
  CHECK(balance(tag("status", "0")).has_error());
  // More, less and finer than any payment.
  CHECK(balance(tag("balance", "3.8E7") + tag("status", "0")).value().available == amount("38000000"));
  CHECK(balance(tag("balance", "-5.00") + tag("status", "0")).value().available == amount("0"));
  CHECK(balance(tag("balance", "99999999999999") + tag("status", "0")).value().available ==
        amount("9999999999.99999999"));
  CHECK(balance(tag("balance", "1.123456789") + tag("status", "0")).value().available ==
        amount("1.12345678"));
  CHECK(flooz::decode_balance(500, "").has_error());
}

TEST_CASE("only a clear no makes an account unusable") {
  using enum flooz::AccountState;
  struct Row {
    std::string fields;
    flooz::AccountState state;
  };
  const Row row = GENERATE(values<Row>({
      {tag("status", "0") + tag("subscriberstatus", "ACTIVE") + tag("msisdn", "22890123456"), active},
      {tag("status", "0") + tag("subscriberstatus", "active"), active},
      {tag("status", "0") + tag("subscriberstatus", "INACTIVE"), unusable},
      {tag("status", "0") + tag("subscriberstatus", "Suspended"), unusable},
      {tag("status", "0") + tag("subscriberstatus", "WHATEVER"), unclear},
      {tag("status", "0"), unclear},
      {tag("status", "0") + tag("subscriberstatus", "INACTIVE") + tag("msisdn", "22890123457"), unclear},
      {tag("status", "9"), unusable},
      {tag("status", "555"), unusable},
      {tag("status", "11"), unclear},
      {tag("status", "10"), unclear},
      {tag("status", "4"), unclear},
      {tag("status", "98"), unclear},
  }));
  INFO(row.fields);
  const auto account =
      flooz::decode_account(200, answer_body("getMobileAccountStatusResponse", row.fields), "22890123456");
  CHECK(account.state == row.state);
  CHECK(account.reason.empty() == (row.state == active));
  CHECK(flooz::decode_account(500, "<html>", "22890123456").state == unclear);
}

TEST_CASE("the service can be used if it answers and lets us ask") {
  CHECK_FALSE(flooz::service_problem(200, status_body("94", "")));
  CHECK_FALSE(flooz::service_problem(200, status_body("0")));
  CHECK(flooz::service_problem(200, status_body("4")));
  CHECK(flooz::service_problem(200, "<html/>"));
  CHECK(flooz::service_problem(404, status_body("94", "")));
}
