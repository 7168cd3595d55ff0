// The kit must catch each vice for what it is, and let the plugin without one pass.
#include "conformance/kit.hpp"

#include <boost/json.hpp>
#include <catch2/catch.hpp>

using namespace payoutd::conformance;

namespace {

VerifyOptions options(const std::string& vice) {
  VerifyOptions options;
  options.provider_executable = PROVIDER_EXECUTABLE;
  options.plugin = CARELESS_PLUGIN;
  options.transcripts = read_transcripts(CARELESS_TRANSCRIPTS);
  options.settings["vice"] = vice;
  return options;
}

/// Where the exact outcome of the quick runs does not matter, the slow ones need not be patient.
VerifyOptions hasty(const std::string& vice) {
  VerifyOptions options = ::options(vice);
  options.jobs = 16;
  options.connect_timeout = std::chrono::milliseconds(200);
  options.response_limit = std::chrono::milliseconds(400);
  return options;
}

std::string told(const Run& run) {
  std::string text = run.life + ", " + run.call + ", " + run.exchange + ", " + run.family + ": " + run.fault +
                     (run.processed ? " (processed)" : "") + ": claims " + run.claim;
  for (const std::string& why : run.wrong) text += "\n    " + why;
  return text;
}

std::string told(const Report& report) {
  std::string text = std::to_string(report.runs.size()) + " runs";
  for (const TranscriptResult& transcript : report.transcripts)
    for (const std::string& problem : transcript.problems) text += "\n" + transcript.title + ": " + problem;
  for (const Run& run : report.runs)
    if (!run.passed()) text += "\n" + told(run);
  return text;
}

struct Finding {
  std::string call;
  std::string exchange;
  std::string family;
  std::string sentence;  ///< a part of it
};

bool is_caught(const Report& report, const Finding& wanted) {
  return std::ranges::any_of(report.runs, [&](const Run& run) {
    const auto says = [&](const std::string& why) { return why.find(wanted.sentence) != std::string::npos; };
    return run.call == wanted.call && run.exchange == wanted.exchange && run.family == wanted.family &&
           std::ranges::any_of(run.wrong, says);
  });
}

/// Every wrong run is of one of these families: a vice is not blamed on what has nothing to do with it.
bool is_caught_only_in(const Report& report, const std::set<std::string>& families) {
  return std::ranges::all_of(report.runs,
                             [&](const Run& run) { return run.passed() || families.contains(run.family); });
}

}  // namespace

TEST_CASE("a plugin without a vice passes", "[kit]") {
  const Report report = verify(options("none"));
  INFO(told(report));
  CHECK(report.passed());
  CHECK(report.plugin == "careless");
  CHECK(report.runs.size() > 150);
  CHECK(std::ranges::all_of(report.runs, &Run::reached));
  const std::set<std::string> families{"connection refused",
                                       "time-out before a byte left",
                                       "time-out after the bytes left",
                                       "reset",
                                       "truncated",
                                       "slow drip",
                                       "repeated answer",
                                       "request delivered twice",
                                       "huge body",
                                       "4xx without a known code",
                                       "5xx without a known code",
                                       "somebody else answers",
                                       "garbage",
                                       "wrong types",
                                       "missing field",
                                       "another payment's record",
                                       "reference spent",
                                       "next payout",
                                       "two at once",
                                       "genuine",
                                       "forged",
                                       "replayed",
                                       "altered",
                                       "meaningless"};
  for (const std::string& family : families) {
    INFO(family);
    CHECK(std::ranges::count(report.runs, family, &Run::family) > 0);
  }
  for (const char* exchange : {"payee", "pay", "status"}) {
    INFO(exchange);
    for (const char* family :
         {"connection refused", "time-out before a byte left", "time-out after the bytes left", "reset",
          "truncated", "slow drip", "5xx without a known code"}) {
      CHECK(std::ranges::any_of(
          report.runs, [&](const Run& run) { return run.exchange == exchange && run.family == family; }));
    }
  }
}

TEST_CASE("faults strike where they are said to", "[kit]") {
  const Report report = verify(options("none"));
  for (const Run& run : report.runs) {
    if (run.call != "submit" || run.exchange != "pay" || run.life != "good") continue;
    INFO(told(run));
    if (run.family == "connection refused" || run.family == "time-out before a byte left") {
      CHECK(run.claim == "not_accepted not_sent");
      CHECK(run.truth == "not paid");
      CHECK(run.end == "CONFIRMED");
    }
    if (run.family == "time-out after the bytes left" || run.family == "slow drip") {
      CHECK(run.claim == "unknown exception");
      CHECK(run.truth == (run.processed ? "paid" : "not paid"));
    }
    if (run.family == "5xx without a known code") {
      CHECK(run.claim.starts_with("unknown http.5"));
      CHECK(run.truth == (run.processed ? "paid" : "not paid"));
      CHECK(run.end == "CONFIRMED");
    }
    if (run.family == "request delivered twice") CHECK(run.claim == "duplicate DUPLICATE");
  }
}

TEST_CASE("'not sent' after a read time-out is caught, though the host does not believe it", "[kit]") {
  const Report report = verify(hasty("claims_not_sent_after_timeout"));
  INFO(told(report));
  CHECK_FALSE(report.passed());
  CHECK(is_caught(report, {"submit", "pay", "time-out after the bytes left",
                           "'not_accepted' of a payment that was made"}));
  CHECK(is_caught(report, {"submit", "pay", "reset", "'not_accepted' of a payment that was made"}));
  CHECK(is_caught_only_in(report,
                          {"time-out after the bytes left", "reset", "truncated", "slow drip", "huge body"}));
  const auto run = std::ranges::find_if(report.runs, [](const Run& r) { return !r.passed(); });
  REQUIRE(run != report.runs.end());
  CHECK(run->claim == "not_accepted TIMEOUT");
  CHECK(run->believed == "unknown");
}

TEST_CASE("taking a 500 for a refusal is caught", "[kit]") {
  const Report report = verify(hasty("takes_500_for_a_refusal"));
  INFO(told(report));
  CHECK_FALSE(report.passed());
  CHECK(is_caught(report,
                  {"submit", "pay", "5xx without a known code", "'refused' of a payment that was made"}));
  CHECK(is_caught(report,
                  {"submit", "pay", "5xx without a known code", "though the provider refused nothing"}));
  CHECK(is_caught_only_in(report, {"5xx without a known code"}));
}

TEST_CASE("trusting an unsigned callback is caught", "[kit]") {
  const Report report = verify(hasty("trusts_unsigned_callbacks"));
  INFO(told(report));
  CHECK_FALSE(report.passed());
  CHECK(is_caught(report, {"webhook", "callback", "forged", "a forged callback verified"}));
  CHECK(is_caught(report, {"webhook", "callback", "altered", "verifies an altered callback"}));
  CHECK(is_caught_only_in(report, {"forged", "altered", "meaningless"}));
}

TEST_CASE("using a reference that is spent is caught", "[kit]") {
  const Report report = verify(hasty("reuses_a_spent_reference"));
  INFO(told(report));
  CHECK_FALSE(report.passed());
  CHECK(is_caught(report, {"submit", "pay", "reference spent", "again, which was used up"}));
  CHECK(is_caught(report, {"submit", "pay", "reference renewed", "of an earlier payment instead of"}));
  CHECK(is_caught_only_in(report, {"reference spent", "reference renewed"}));
}

TEST_CASE("a plugin that can only do its first payment is caught by the next one", "[kit]") {
  const std::string vice = GENERATE("remembers_the_first_amount", "remembers_the_first_payee");
  const Report report = verify(hasty(vice));
  INFO(vice << "\n" << told(report));
  CHECK_FALSE(report.passed());
  CHECK(report.transcripts.front().confirmed);
  CHECK(is_caught(report, {"submit", "pay", "next payout", "and is not paid; it should end CONFIRMED"}));
  CHECK(is_caught_only_in(report, {"next payout", "two at once"}));
}

TEST_CASE("a next payout that pays the first one again is caught", "[kit]") {
  VerifyOptions options = hasty("repeats_the_first_payment");
  options.transcripts.front().exchanges[1].repeat.reset();
  const Report report = verify(options);
  INFO(told(report));
  CHECK_FALSE(report.passed());
  CHECK(is_caught(report, {"submit", "pay", "next payout", "the first one is paid 2 times"}));
}

TEST_CASE("a plugin that mixes up two payments in flight is caught", "[kit]") {
  const Report report = verify(hasty("keeps_the_order_in_a_member"));
  INFO(told(report));
  CHECK_FALSE(report.passed());
  CHECK(is_caught(report, {"submit", "pay", "two at once", "and is not paid; it should end CONFIRMED"}));
  CHECK(is_caught_only_in(report, {"two at once"}));
}

TEST_CASE("a transcript that serves only its first payment is caught by the next one", "[kit]") {
  VerifyOptions options = hasty("none");
  RequestPattern& pay = options.transcripts.front().exchanges[1].request;
  SECTION("it holds the first reference") {
    pay.path = "/payments/" + options.transcripts.front().order.reference;
    const Report report = verify(options);
    INFO(told(report));
    CHECK_FALSE(report.passed());
    CHECK(report.transcripts.front().confirmed);
    CHECK(is_caught(report, {"submit", "pay", "next payout", "it should end CONFIRMED and be paid once"}));
    CHECK(is_caught(report,
                    {"submit", "pay", "reference renewed", "it should end CONFIRMED and be paid once"}));
    CHECK(is_caught_only_in(report, {"next payout", "two at once", "reference renewed"}));
  }
  SECTION("it holds the first amount") {
    pay.body.as_object()["amount"] = "1500";
    const Report report = verify(options);
    INFO(told(report));
    CHECK_FALSE(report.passed());
    CHECK(is_caught(report, {"submit", "pay", "next payout", "it should end CONFIRMED and be paid once"}));
    CHECK(is_caught_only_in(report, {"next payout", "two at once"}));
  }
  SECTION("it names no reference anywhere") {
    const std::string first = "/payments/" + options.transcripts.front().order.reference;
    pay.path = options.transcripts.front().exchanges[2].request.path = first;
    const Report report = verify(options);
    INFO(told(report));
    CHECK_FALSE(report.passed());
    CHECK(is_caught(report, {"submit", "pay", "next payout", "it should end CONFIRMED and be paid once"}));
  }
}

TEST_CASE("other carelessness is caught", "[kit]") {
  struct Row {
    std::string vice;
    Finding wanted;
  };
  const Row row = GENERATE(values<Row>({
      {"takes_any_404_for_absence",
       {"query", "status", "4xx without a known code", "'absent' of a payment that was made"}},
      {"reports_the_order_as_found", {"query", "status", "another payment's record", "has another amount"}},
      {"says_impossible_when_it_cannot_ask",
       {"prepare", "payee", "5xx without a known code", "can never be made"}},
      {"crashes_on_garbage", {"prepare", "payee", "garbage", "process died"}},
  }));
  const Report report = verify(hasty(row.vice));
  INFO(row.vice << "\n" << told(report));
  CHECK_FALSE(report.passed());
  CHECK(is_caught(report, row.wanted));
}

TEST_CASE("what is wrong without any fault fails the undisturbed life", "[kit]") {
  struct Row {
    std::string vice;
    std::string sentence;
  };
  const Row row = GENERATE(values<Row>({
      {"does_not_mark_the_request", "not marked with moves_money()"},
      {"pays_in_a_query", "sent the request that moves money in query"},
      {"sends_twice", "sent the request that moves money 2 times in one call"},
  }));
  const Report report = verify(hasty(row.vice));
  INFO(row.vice << "\n" << told(report));
  CHECK_FALSE(report.passed());
  CHECK_FALSE(report.transcripts.front().confirmed);
  CHECK(std::ranges::any_of(report.transcripts.front().problems, [&](const std::string& problem) {
    return problem.find(row.sentence) != std::string::npos;
  }));
}

TEST_CASE("a provider that pays every repeat shows who was paid twice", "[kit]") {
  VerifyOptions options = hasty("pays_in_a_query");
  options.transcripts.front().exchanges[1].repeat.reset();
  const Report report = verify(options);
  INFO(told(report));
  CHECK_FALSE(report.passed());
  CHECK(std::ranges::any_of(report.transcripts.front().problems, [](const std::string& problem) {
    return problem.find("The payee was paid 2 times") != std::string::npos;
  }));
}

TEST_CASE("a plugin that cannot be used is refused with the host's reason", "[kit]") {
  VerifyOptions missing = options("none");
  missing.plugin = "/nowhere/libnothing.so";
  CHECK_THROWS_WITH(verify(missing), Catch::Matchers::Contains("there is no such file"));
  CHECK_THROWS_WITH(verify(hasty("virtue")), Catch::Matchers::Contains("vice must be one of"));
}

TEST_CASE("a plugin is let speak to nobody but the kit", "[kit]") {
  VerifyOptions elsewhere = options("none");
  elsewhere.settings["url"] = "https://api.example";  // the transcript's own address goes before it
  CHECK(verify(elsewhere).transcripts.front().confirmed);
  VerifyOptions nobody = options("none");
  nobody.transcripts.front().settings["url"] = "https://api.example";
  CHECK_THROWS_WITH(verify(nobody), Catch::Matchers::Contains("${server}"));
}

TEST_CASE("a transcript that does not fit the plugin is told apart from a careless plugin", "[kit]") {
  VerifyOptions other = options("none");
  other.transcripts.front().exchanges[1].request.path = "/v2/payments/${reference}";
  const Report report = verify(other);
  CHECK_FALSE(report.passed());
  CHECK(report.wrong_runs() == 0);
  INFO(told(report));
  CHECK(std::ranges::any_of(report.transcripts.front().problems, [](const std::string& problem) {
    return problem.find("its path is /payments/") != std::string::npos;
  }));
}
