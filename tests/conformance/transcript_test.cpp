// Reading transcripts, and matching requests with them.
#include "conformance/transcript.hpp"

#include <boost/json.hpp>
#include <catch2/catch.hpp>

#include "conformance/exact_json.hpp"
#include "conformance/fault.hpp"

using namespace payoutd::conformance;
using Catch::Matchers::Contains;

namespace {

const std::string kOrder = R"("reference":"r-1","amount":"100","currency":"XOF","destination":"22890123456")";

std::string document(const std::string& more = {}) {
  return R"({"title":"t","settings":{"url":"${server}/api","count":3,"list":["a","b"]},"secrets":{"key":"k"},
    "order":{"payout_id":"p-1",)" +
         kOrder + R"(},
    "exchanges":[{"name":"pay","moves_money":true,"request":{"method":"POST","path":"/pay/${reference}",
      "headers":{"X-Key":"k"},"body":{"amount":"${amount}","to":{"msisdn":"${destination}"}}},
      "response":{"status":202,"body":{"id":25000.0,"amount":"${amount}"}}}])" +
         more + "}";
}

Transcript parsed(const std::string& text) {
  return parse_transcript(text, "t.json");
}

std::string refusal(const std::string& text) {
  try {
    parsed(text);
  } catch (const TranscriptError& error) {
    return error.what();
  }
  return {};
}

ReceivedRequest request(std::string body, std::string target = "/pay/r-1") {
  return {"POST", std::move(target), {{"x-key", "k"}, {"Host", "h"}}, std::move(body)};
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("a transcript is read as it was written", "[transcript]") {
  const Transcript transcript = parsed(document());
  CHECK(transcript.settings.at("count") == "3");
  CHECK(transcript.secrets.at("key") == boost::json::array{"k"});
  CHECK(transcript.order.money.amount.to_string() == "100");
  REQUIRE(transcript.money_moving() != nullptr);
  const WireAnswer answer =
      transcript.money_moving()->response.render(binding_of(transcript.order, "http://s"));
  CHECK(answer.status == 202);
  CHECK(answer.body == R"({"id":25000.0,"amount":"100"})");
  CHECK(expand_json(transcript.settings, binding_of(transcript.order, "http://s")).at("url") ==
        "http://s/api");
}

TEST_CASE("mistakes in a transcript are named with their place", "[transcript]") {
  CHECK_THAT(refusal("{\n  \"title\": }"), Contains("t.json: is not JSON: line 2, column"));
  CHECK_THAT(refusal(replaced(document(), "moves_money", "moves_mony")),
             Contains("did you mean 'moves_money'"));
  CHECK_THAT(refusal(replaced(document(), "${amount}", "${amont}")),
             Contains("'amont', which is not known; did you mean 'amount'"));
  CHECK_THAT(refusal(replaced(document(), "\"100\"", "100")), Contains("order.amount must be a text"));
  CHECK_THAT(refusal(replaced(document(), "\"100\"", "\"1.5\"")), Contains("order.amount"));
  CHECK_THAT(refusal(replaced(document(), "\"moves_money\":true", "\"moves_money\":false")),
             Contains("must have one with moves_money, and have 0"));
  CHECK_THAT(refusal(replaced(document(), "\"status\":202", "\"status\":99")),
             Contains("exchanges[0].response.status"));
  CHECK_THAT(refusal(document(R"(,"webhok":{})")), Contains("did you mean 'webhook'"));
}

TEST_CASE("a request matches by method, path, headers and a part of its body", "[transcript]") {
  const Transcript transcript = parsed(document());
  const RequestPattern& pattern = transcript.exchanges.front().request;
  const Binding binding = binding_of(transcript.order, "http://s");
  const auto why = [&](const ReceivedRequest& received) { return pattern.difference(received, binding); };
  CHECK(why(request(R"({"more":[1],"amount":"100","to":{"msisdn":"22890123456","x":1}})")).empty());
  CHECK(why(request(R"({"amount":100,"to":{"msisdn":"22890123456"}})")).empty());
  CHECK(why(request(R"({"amount":"100","to":{"msisdn":"22890123456"}})", "/pay/r-1?trace=1")).empty());
  CHECK_THAT(why(request(R"({"amount":"1000","to":{"msisdn":"22890123456"}})")),
             Contains("amount is \"1000\" instead of \"100\""));
  CHECK_THAT(why(request(R"({"amount":"100","to":{}})")), Contains("to.msisdn is missing"));
  CHECK_THAT(why(request("amount=100")), Contains("not JSON"));
  CHECK_THAT(why(request("{}", "/pay/r-2")), Contains("path is /pay/r-2"));
  ReceivedRequest other = request("{}");
  other.headers[0].second = "x";
  CHECK_THAT(why(other), Contains("header X-Key"));
}

TEST_CASE("a transcript's own variables have a value for each of two payments", "[transcript]") {
  const std::string values = R"(,"values":{"cents":[10000,10100],"word":["a","b"]})";
  const auto with = [&](const std::string& amount) {
    return replaced(replaced(document(values), R"("amount":"${amount}","to")", R"("amount":"${cents}","to")"),
                    R"("id":25000.0,"amount":"${amount}")", amount);
  };
  const Transcript transcript = parsed(with(R"("amount":"${cents}","text":"${cents} ${word}")"));
  payoutd::Order next = transcript.order;
  next.payout_id = "p-2";
  const Exchange& pay = transcript.exchanges.front();
  const Binding first = binding_of(transcript, transcript.order, "http://s");
  const Binding second = binding_of(transcript, next, "http://s");
  CHECK(pay.response.render(first).body == R"({"amount":10000,"text":"10000 a"})");
  CHECK(pay.response.render(second).body == R"({"amount":10100,"text":"10100 b"})");
  const ReceivedRequest received = request(R"({"amount":10100,"to":{"msisdn":"22890123456"}})");
  CHECK(pay.request.difference(received, second).empty());
  CHECK_THAT(pay.request.difference(received, first), Contains("amount is 10100 instead of 10000"));

  CHECK_THAT(refusal(with(R"("amount":"${cent}")")),
             Contains("'cent', which is not known; did you mean 'cents'"));
  CHECK_THAT(refusal(document(R"(,"values":{"cents":[1]})")), Contains("values.cents must be two texts"));
  CHECK_THAT(refusal(document(R"(,"values":{"cents":[1,true]})")), Contains("values.cents must be two"));
  CHECK_THAT(refusal(document(R"(,"values":{"amount":[1,2]})")), Contains("values.amount is a variable"));
}

TEST_CASE("numbers keep their digits", "[transcript]") {
  for (const std::string text :
       {R"({"a":9999999999.99999999})", "[1.50,0.1,1e3,-2]", R"({"a":"1","b":[null,true]})"})
    CHECK(serialize_exact(parse_exact(text)) == text);
  CHECK_THROWS_AS(parse_exact("{} {}"), NotJson);
  CHECK_THROWS_AS(parse_exact("{"), NotJson);
  CHECK_THROWS_AS(parse_exact(R"({"amount":1,"amount":2})"), NotJson);  // which of the two would be played?
  CHECK_THROWS_AS(parse_exact(R"({"amount":"\u00015"})"), NotJson);     // a text that would pass for a number
}

TEST_CASE("faults follow the answer that they spoil", "[fault]") {
  const Transcript transcript = parsed(document());
  FaultPlace place;
  place.exchange = transcript.money_moving();
  place.call = "submit";
  place.answer = place.exchange->response.render(binding_of(transcript.order, "http://s"));
  place.has_effect = true;
  place.order = transcript.order;
  const std::vector<Fault> faults = faults_at(place);
  const auto rewritten = [&](const std::string& text) -> std::string {
    for (const Fault& fault : faults)
      if (fault.text == text) return fault.rewrite(place.answer).body;
    return "no such fault";
  };
  CHECK(rewritten("id is a text") == R"({"id":"25000.0","amount":"100"})");
  CHECK(rewritten("amount is a number") == R"({"id":25000.0,"amount":100})");
  CHECK(rewritten("amount is null") == R"({"id":25000.0,"amount":null})");
  CHECK(rewritten("amount is left out") == R"({"id":25000.0})");
  const auto both = [&](const std::string& family) {
    const auto is = [&](bool processed) {
      return std::ranges::any_of(
          faults, [&](const Fault& f) { return f.family == family && f.processed == processed; });
    };
    return is(true) && is(false);
  };
  CHECK(both("5xx without a known code"));
  CHECK(both("time-out after the bytes left"));
  place.answer = {200, "text/xml", {}, "<a><status>0</status><message> </message></a>"};
  const std::vector<Fault> of_xml = faults_at(place);
  const auto status = std::ranges::find(of_xml, "status is '###'", &Fault::text);
  REQUIRE(status != of_xml.end());
  CHECK(status->rewrite(place.answer).body == "<a><status>###</status><message> </message></a>");
}
