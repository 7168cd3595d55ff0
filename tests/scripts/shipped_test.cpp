// What the shipped scripts promise: they can be turned, they wait as the host did without them, and they
// leave the demonstration alone.
#include <catch2/catch.hpp>
#include <regex>

#include "policy/built_in_policy.hpp"
#include "support.hpp"

using namespace payoutd;
using namespace payoutd::policy;
using std::chrono::milliseconds;

namespace {

BackoffQuestion question(std::string provider, Purpose purpose, int count, milliseconds in_state = {}) {
  BackoffQuestion asked;
  asked.provider = std::move(provider);
  asked.purpose = purpose;
  asked.count = count;
  asked.in_state = in_state;
  asked.random_ppm = 500'000;
  return asked;
}

milliseconds wait_of(Bundle& bundle, const BackoffQuestion& asked) {
  const BackoffChoice choice = bundle.backoff(asked);
  INFO(choice.error);
  REQUIRE_FALSE(choice.failed);
  REQUIRE(std::holds_alternative<milliseconds>(choice.answer));
  return std::get<milliseconds>(choice.answer);
}

/// The source with one digit more at every number of the table `tunables`, those in texts too.
std::string turned(const std::string& source) {
  const auto begin = source.find("  tunables = {");
  if (begin == std::string::npos) return source;
  const auto end = source.find("\n  },\n", begin);
  REQUIRE(end != std::string::npos);
  const std::string table = source.substr(begin, end - begin);
  static const std::regex kCommentWordNumber(R"(--[^\n]*|[A-Za-z_]\w*|(\d+(?:\.\d+)?))");
  std::string result = source.substr(0, begin);
  auto rest = table.cbegin();
  for (std::sregex_iterator found(table.begin(), table.end(), kCommentWordNumber), none; found != none;
       ++found) {
    result.append(rest, (*found)[0].second);
    rest = (*found)[0].second;
    if ((*found)[1].matched) result += '7';
  }
  result.append(rest, table.cend());
  return result + source.substr(end);
}

/// The value of a feature for somebody who received `count` payouts in this hour, `sum` in all.
FeatureValue value_of(const Feature& feature, std::int64_t count, const Money& sum) {
  switch (feature.what) {
    case Feature::What::count:
    case Feature::What::distinct:
      return count;
    case Feature::What::sum:
      return sum;
    case Feature::What::since_previous:
    case Feature::What::since_first:
      return std::int64_t{0};
    case Feature::What::previous:
      return std::monostate{};
  }
  return std::monostate{};
}

}  // namespace

TEST_CASE("the shipped scripts build, and nothing of them is turned off") {
  const auto bundle = Bundle::build(shipped_files());
  CHECK(bundle->rules() == std::vector<std::string>{"daily_cap", "first_payout", "impossible_delta",
                                                    "region_mismatch", "shared_destination",
                                                    "velocity_amount", "velocity_count",
                                                    "velocity_destinations", "weekly_cap"});
  CHECK(bundle->routes());
  CHECK(bundle->tests_run() > 150);
  CHECK(bundle->features().size() > 10);
}

TEST_CASE("an operator who turns a tunable breaks no test of the file") {
  const ScriptFiles shipped = shipped_files();
  for (const auto& [path, source] : shipped.files) {
    if (path.starts_with("lib/")) continue;
    INFO(path);
    ScriptFiles files = shipped;
    files.files[path] = turned(source);
    CHECK(files.files[path] != source);
    CHECK(problems_of(files) == "");
  }
}

TEST_CASE("without a schedule of its own, a provider waits as the built-in schedule does") {
  const auto bundle = Bundle::build(shipped_files());
  BuiltInOptions options;  // the defaults of the configuration, without chance
  options.retry = {milliseconds{30'000}, milliseconds{3'600'000}, 0};
  options.resend = options.query = {milliseconds{2'000}, milliseconds{300'000}, 0};
  BuiltInPolicy built_in(options);
  for (const Purpose purpose : {Purpose::retry, Purpose::resend, Purpose::query}) {
    for (int count = 1; count <= 40; ++count) {
      INFO(to_string(purpose) << " " << count);
      const BackoffQuestion asked = question("momo-ci", purpose, count);
      const BackoffAnswer expected = built_in.backoff(asked).answer;
      const BackoffChoice choice = bundle->backoff(asked);
      CHECK(choice.script == "backoff/default.lua");
      CHECK_FALSE(choice.failed);
      CHECK(choice.answer.index() == expected.index());
      if (std::holds_alternative<milliseconds>(expected)) {
        CHECK(std::get<milliseconds>(choice.answer) == std::get<milliseconds>(expected));
      }
    }
  }
  CHECK(std::holds_alternative<Review>(
      bundle->backoff(question("momo-ci", Purpose::query, 300, std::chrono::hours{24})).answer));
}

TEST_CASE("the simulators of the demonstration are asked as fast as its configuration says") {
  const auto bundle = Bundle::build(shipped_files());
  for (const char* provider : {"momo-dev", "thunes-dev", "tmoney-dev", "flooz-dev", "banano-dev"}) {
    INFO(provider);
    CHECK(wait_of(*bundle, question(provider, Purpose::retry, 1)) == milliseconds{1'000});
    CHECK(wait_of(*bundle, question(provider, Purpose::query, 1)) == milliseconds{500});
    CHECK(wait_of(*bundle, question(provider, Purpose::resend, 1)) == milliseconds{500});
    CHECK(wait_of(*bundle, question(provider, Purpose::poll, 1)) <= milliseconds{1'200});
    for (int count = 1; count <= 30; ++count)
      CHECK(wait_of(*bundle, question(provider, Purpose::query, count)) <= milliseconds{5'000});
    CHECK(std::holds_alternative<GiveUp>(bundle->backoff(question(provider, Purpose::retry, 3)).answer));
  }
}

TEST_CASE("each provider with a file of its own has it asked") {
  const auto bundle = Bundle::build(shipped_files());
  for (const char* provider : {"momo", "thunes", "tmoney", "flooz", "banano"})
    CHECK(bundle->backoff(question(provider, Purpose::poll, 1)).script ==
          "backoff/" + std::string(provider) + ".lua");
}

TEST_CASE("whatever the question, a shipped schedule answers it") {
  const auto bundle = Bundle::build(shipped_files());
  for (const char* provider : {"momo", "thunes", "tmoney", "flooz", "banano", "other", "x-dev"}) {
    for (const Purpose purpose : {Purpose::retry, Purpose::resend, Purpose::poll, Purpose::query}) {
      for (const int count : {1, 2, 7, 100, 1'000'000}) {
        for (const auto in_state :
             {milliseconds{0}, milliseconds{86'400'000}, milliseconds{31'536'000'000}}) {
          for (const char* code : {"", "10", "13", "14", "NOT_ENOUGH_FUNDS", "1007005"}) {
            BackoffQuestion asked = question(provider, purpose, count, in_state);
            asked.code = code;
            asked.random_ppm = count % 2 == 0 ? 0 : 999'999;
            const BackoffChoice choice = bundle->backoff(asked);
            INFO(provider << " " << to_string(purpose) << " " << count << " " << code << " " << choice.error);
            CHECK_FALSE(choice.failed);
          }
        }
      }
    }
  }
}

TEST_CASE("the rules leave the demonstration alone") {
  const auto bundle = Bundle::build(shipped_files());
  struct Payment {
    const char* currency;
    const char* amount;
    const char* sum;
    const char* provider;
  };
  // More than any user of ./dev up receives: eight payouts, and four users at one destination.
  for (const Payment& payment :
       {Payment{"XOF", "140", "1200", "tmoney-dev"}, Payment{"EUR", "41", "400", "momo-dev"},
        Payment{"BAN", "0.12", "1", "banano-dev"}}) {
    PayoutFacts facts;
    facts.id = "0e1c7f9e-6d1c-4c7e-8a53-8d2b8a2f2c11";
    facts.client = "default";
    facts.provider = payment.provider;
    facts.money = {Amount::parse(payment.amount).value(), payment.currency};
    facts.destination = "22890000001";
    facts.user = "user-1";
    facts.batch = "demo";
    facts.metadata = "{}";
    facts.at_s = 1'790'000'000;
    const Money sum{Amount::parse(payment.sum).value(), payment.currency};
    std::vector<FeatureValue> values;
    for (const Feature& feature : bundle->features()) {
      const bool by_destination = feature.by == std::vector<Field>{Field::destination};
      values.push_back(value_of(feature, by_destination ? 4 : 8, sum));
    }
    const Judgement judgement = bundle->judge(facts, values);
    INFO(payment.currency << " " << judgement.rule << " " << judgement.reason << " " << judgement.text);
    CHECK(judgement.verdict == Verdict::allow);
    CHECK(judgement.results.empty());

    // With nothing but the payout itself known, the first of a user.
    facts.user.clear();
    CHECK(bundle->judge(facts, std::vector<FeatureValue>(bundle->features().size())).verdict ==
          Verdict::allow);
  }
}
