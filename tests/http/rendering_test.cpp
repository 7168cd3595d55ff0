#include <boost/json.hpp>
#include <catch2/catch.hpp>
#include <sstream>

#include "ctl/client.hpp"
#include "ctl/outcome.hpp"
#include "ctl/report.hpp"

using namespace payoutd::ctl;
namespace json = boost::json;
using std::chrono::milliseconds;

TEST_CASE("an explanation reads as an incident report") {
  const json::value explanation = json::parse(R"({
    "headline": "CONFIRMED: 1500 XOF to 22507•••01 through momo-ci was paid, once.",
    "payout": {"id": "11111111-1111-4111-8111-111111111111", "state": "CONFIRMED", "provider": "momo-ci",
               "amount": "1500", "currency": "XOF", "destination": "22507•••01", "idempotency_key": "k-1",
               "flow_id": "f-1", "created_at": "2026-01-31T08:00:00.000Z", "finished_at": "2026-01-31T08:00:12.500Z"},
    "timeline": [
      {"at": "2026-01-31T08:00:00.000Z", "by": "client:default", "to": "PENDING", "what": "It was admitted."},
      {"at": "2026-01-31T08:00:00.250Z", "by": "engine", "from": "PENDING", "to": "SUBMITTING", "what": "Journaled."},
      {"at": "2026-01-31T08:00:02.500Z", "by": "engine", "from": "SUBMITTING", "to": "UNKNOWN", "what": "The answer was lost."},
      {"at": "2026-01-31T08:00:12.500Z", "by": "engine", "from": "UNKNOWN", "to": "CONFIRMED", "what": "Found\u001b[31m paid."}],
    "evidence": ["Attempt 1: reference r-1."],
    "next": "Nothing more happens.", "who_may_act": "Nobody has to act.", "commands": ["payoutctl show x"]})");
  std::ostringstream out;
  print_explanation(explanation.as_object(), out, Style(false));
  const std::string text = out.str();
  CHECK_THAT(text, Catch::StartsWith("CONFIRMED: 1500 XOF"));
  CHECK_THAT(text, Catch::Contains("finished 2026-01-31 08:00:12 UTC, after 12.5 s"));
  CHECK_THAT(text, Catch::Contains("2026-01-31 08:00:02.500  +2.2 s"));
  CHECK_THAT(text, Catch::Contains("SUBMITTING → UNKNOWN  by engine\n      The answer was lost."));
  CHECK_THAT(text, Catch::Contains("\nEvidence\n  - Attempt 1: reference r-1."));
  CHECK_THAT(text, Catch::Contains("\nWhat happens next\n  Nothing more happens."));
  CHECK_THAT(text, Catch::Contains("\nWho may act\n  Nobody has to act.\n    payoutctl show x\n"));
  CHECK(text.find('\033') == std::string::npos);  // what came from outside steers no terminal
  std::ostringstream coloured;
  print_explanation(explanation.as_object(), coloured, Style(true));
  CHECK_THAT(coloured.str(), Catch::Contains("\033[32mCONFIRMED\033[0m"));
}

TEST_CASE("an explanation with nothing in it is printed too") {
  std::ostringstream out;
  print_explanation({}, out, Style(false));
  CHECK_THAT(out.str(), Catch::Contains("What happens next"));
}

TEST_CASE("tables are aligned, whatever the letters") {
  Table table({{"NAME"}, {"N", true}});
  table.add({"é", "1"});
  table.add({{"longer", Colour::red}, "12345"});
  std::ostringstream out;
  table.print(out, Style(false));
  CHECK(out.str() == "NAME        N\né           1\nlonger  12345\n");
}

TEST_CASE("durations are short and clear") {
  CHECK(duration_text(milliseconds(7)) == "0.01 s");
  CHECK(duration_text(milliseconds(420)) == "0.42 s");
  CHECK(duration_text(milliseconds(12'345)) == "12.3 s");
  CHECK(duration_text(milliseconds(187'000)) == "3 min 07 s");
  CHECK(duration_text(milliseconds(7'500'000)) == "2 h 05 min");
  CHECK(duration_text(milliseconds(273'600'000)) == "3 d 4 h");
}

TEST_CASE("times are read to the millisecond") {
  CHECK(time_ms("1970-01-01T00:00:01.250Z") == 1'250);
  CHECK(time_ms("2026-01-31T08:00:00Z") == 1'769'846'400'000);
  CHECK(time_ms("2026-01-31T08:00:00.123456Z") == 1'769'846'400'123);
  CHECK(time_ms("") == -1);
}

TEST_CASE("percentiles are values that occurred") {
  std::vector<std::int64_t> values;
  for (int i = 1; i <= 100; ++i) values.push_back(i);
  CHECK(percentile(values, 0.5) == 50);
  CHECK(percentile(values, 0.95) == 95);
  CHECK(percentile(values, 1.0) == 100);
  CHECK(percentile({7}, 0.5) == 7);
  CHECK(percentile({}, 0.5) == 0);
}

TEST_CASE("sums of amounts are exact") {
  Sums sums;
  for (int i = 0; i < 3; ++i) sums.add("0.10", "EUR");
  sums.add("9999999999.99999999", "BAN");
  sums.add("9999999999.99999999", "BAN");
  CHECK(sums.text() == "19999999999.99999998 BAN, 0.3 EUR");
}

TEST_CASE("text is percent-encoded for URLs") {
  CHECK(percent_encoded("a b/é+&") == "a%20b%2F%C3%A9%2B%26");
}
