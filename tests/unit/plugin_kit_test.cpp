// What the SDK has for every plugin: standard settings, the checks of validate(), concealed secrets, and the
// bench on which plugins are tested.
#include <catch2/catch.hpp>
#include <payoutd/conceal.hpp>
#include <payoutd/settings_check.hpp>
#include <payoutd/standard_settings.hpp>
#include <payoutd/testing.hpp>
#include <payoutd/url.hpp>

using namespace payoutd;
using namespace std::chrono_literals;
namespace json = boost::json;

namespace {

using Texts = std::vector<std::string>;

SettingsSchema standard_schema() {
  return {concurrency_setting("transfer", 8), query_rate_setting(10), submit_window_setting("order", 10s),
          response_timeout_setting("transfer", 1500ms)};
}

Settings read(const SettingsSchema& schema, const json::object& values = {}) {
  std::vector<Problem> problems;
  auto settings = Settings::check(schema, values, {}, problems);
  CHECK(problems.empty());
  return settings;
}

Texts texts_of(const SettingsCheck& check) {
  Texts texts;
  for (const auto& problem : check.problems()) texts.push_back(problem.field + " " + problem.reason);
  return texts;
}

Texts url_problems(std::string_view url, Environment environment) {
  SettingsCheck check(environment);
  check.expect_base_url("base_url", url,
                        {.sandbox = {"sandbox.acme.example", "must not be Acme's sandbox"},
                         .live = {"api.acme.example", "pays real money"}});
  return texts_of(check);
}

const std::string kNoUrl =
    "base_url must be an absolute http or https URL without a user name, a query and a fragment";

}  // namespace

TEST_CASE("the standard settings speak of the provider's own word") {
  const auto schema = standard_schema();
  CHECK(schema[0].description == "Transfers in flight at once; also how many a crash can make unknown.");
  CHECK(schema[1].description == "Upper limit of status queries a second; 0 for none (never in production).");
  CHECK(query_rate_setting(5, "for none").description ==
        "Upper limit of status queries a second; 0 for none.");
  CHECK(schema[2].description == "How long after its journal entry an order may still be started.");
  CHECK(schema[3].description == "How long to wait for the answer to a transfer.");
}

TEST_CASE("a contract takes the standard settings") {
  Contract contract;
  apply_standard_settings(read(standard_schema()), contract);
  CHECK(contract.concurrency == 8);
  CHECK(contract.query_rate_per_s == 10);
  CHECK(contract.submit_window == 10s);
  CHECK(contract.response_timeout == 1500ms);
  apply_standard_settings(read(standard_schema(), {{"concurrency", 3}, {"submit_window", "2s"}}), contract);
  CHECK(contract.concurrency == 3);
  CHECK(contract.submit_window == 2s);
}

TEST_CASE("what a schema leaves out stays as the contract has it") {
  Contract contract;
  contract.concurrency = 5;
  apply_standard_settings(read({query_rate_setting(7)}), contract);
  CHECK(contract.concurrency == 5);
  CHECK(contract.query_rate_per_s == 7);
  CHECK(contract.submit_window == Contract{}.submit_window);
}

TEST_CASE("a promise in seconds is never sooner than what was written") {
  const SettingsSchema schema{{.name = "wait", .type = SettingType::duration, .optional = true}};
  CHECK(whole_seconds(read(schema, {{"wait", "90s"}}), "wait") == 90s);
  CHECK(whole_seconds(read(schema, {{"wait", "90001ms"}}), "wait") == 91s);
  CHECK_FALSE(whole_seconds(read(schema), "wait"));
}

TEST_CASE("a base URL is one to which paths can be added") {
  for (const char* good : {"http://127.0.0.1:9", "https://acme.example/v1/", "http://[::1]:80/x"})
    CHECK(url_problems(good, Environment::dev).empty());
  for (const char* bad :
       {"acme.example", "/v1", "https://", "ftp://acme.example", "https://acme.example/?x=1",
        "https://acme.example/#x", "https://user@acme.example/"}) {
    INFO(bad);
    CHECK(url_problems(bad, Environment::dev) == Texts{kNoUrl});
  }
}

TEST_CASE("the environment decides which hosts are harmless") {
  const std::string sandbox = "https://eu.SANDBOX.acme.example/v1";
  const std::string live = "https://api.acme.example";
  CHECK(url_problems(sandbox, Environment::dev).empty());
  CHECK(url_problems(sandbox, Environment::staging).empty());
  CHECK(url_problems(sandbox, Environment::prod) == Texts{"base_url must not be Acme's sandbox"});
  CHECK(url_problems(live, Environment::dev).empty());
  CHECK(url_problems(live, Environment::staging) == Texts{"base_url pays real money"});
  CHECK(url_problems(live, Environment::prod).empty());
  CHECK(url_problems("https://evil-api.acme.example", Environment::staging).empty());
  CHECK(url_problems("http://localhost:9", Environment::prod) ==
        Texts{"base_url must be https in production", "base_url must not be this machine in production"});
  CHECK(url_problems("https://[::1]", Environment::prod) ==
        Texts{"base_url must not be this machine in production"});
  SettingsCheck without_rules(Environment::prod);
  without_rules.expect_base_url("base_url", sandbox);
  CHECK(without_rules.problems().empty());
}

TEST_CASE("country codes are digits without a zero in front") {
  SettingsCheck check(Environment::dev);
  check.expect_country_codes("prefixes", {"228", "1"});
  CHECK(check.problems().empty());
  for (const char* bad : {"", "+228", "0228", "22 8", "123456789"})
    check.expect_country_codes("prefixes", {bad});
  CHECK(texts_of(check) == Texts(5, "prefixes must be country codes of digits only, such as \"228\""));
}

TEST_CASE("a currency is a known one, with no more decimals than it has") {
  SettingsCheck check(Environment::dev);
  check.expect_currency("currency", "EUR", "decimals", 2);
  check.expect_currency("currency", "EUR", "decimals", 0);
  CHECK(check.problems().empty());
  check.expect_currency("currency", "XOF", "decimals", 1);
  check.expect_currency("currency", "ZZZ", "decimals", 1);
  CHECK(texts_of(check) == Texts{"decimals must not be more than the currency has (0)",
                                 "currency is not a currency that payoutd knows"});
}

TEST_CASE("limits are careful in production only, and only those that the settings have") {
  auto schema = standard_schema();
  schema.push_back({.name = "absence_wait", .type = SettingType::duration, .optional = true});
  const auto careless = read(schema, {{"concurrency", 65}, {"query_rate_per_s", 0}, {"absence_wait", "59s"}});
  for (const auto environment : {Environment::dev, Environment::staging}) {
    SettingsCheck check(environment);
    check.expect_careful_limits(careless);
    CHECK(check.problems().empty());
  }
  SettingsCheck check(Environment::prod);
  check.expect_careful_limits(read(schema));
  check.expect_careful_limits(read({}));
  CHECK(check.problems().empty());
  check.expect_careful_limits(careless);
  CHECK(texts_of(check) == Texts{"absence_wait must be at least 60s in production",
                                 "concurrency must be at most 64 in production",
                                 "query_rate_per_s must be at least 1 in production"});
}

TEST_CASE("secrets are concealed wherever they stand, and short ones are none") {
  CHECK(conceal("key planted-key, again planted-keyplanted-key", "planted-key") == "key ***, again ******");
  CHECK(conceal("a simulator", "a") == "a simulator");
  CHECK(conceal("seven77 eight888", std::vector<Secret>{Secret("seven77"), Secret("eight888")}) ==
        "seven77 ***");
  CHECK(conceal("nothing", "").size() == 7);
}

TEST_CASE("an authority names something even where there is no URL") {
  CHECK(authority_of("https://API.acme.example:8443/x") == "api.acme.example:8443");
  CHECK(authority_of("no url") == "no url");
  CHECK(without_slash_at_end("https://acme.example//") == "https://acme.example");
}

// ---- the bench

namespace {

std::vector<Problem> validate_short(const Settings& settings, Environment environment) {
  SettingsCheck check(environment);
  check.expect(settings.string("name").size() < 5, "name", "must be short");
  return check.problems();
}

const PluginDescriptor kGood{sizeof(PluginDescriptor),
                             kSdkVersion,
                             kAbiTag,
                             "acme",
                             "1.0.0",
                             [] {
                               return SettingsSchema{{.name = "name", .description = "A name."},
                                                     concurrency_setting("order", 1)};
                             },
                             &validate_short,
                             [](const Settings&) { return Contract{}; },
                             nullptr};

}  // namespace

TEST_CASE("a good descriptor has no problems") {
  CHECK(payoutd::testing::descriptor_problems(kGood) == Texts{});
}

TEST_CASE("what the host would refuse and what operators would stumble over is found") {
  PluginDescriptor bad = kGood;
  bad.sdk_version = kSdkVersion + 1;
  bad.abi_tag = "sdk=0";
  bad.version = "";
  bad.settings_schema = [] {
    return SettingsSchema{
        {.name = "key", .type = SettingType::secret, .description = "A key.", .default_value = "x"},
        {.name = "rate",
         .type = SettingType::integer,
         .description = "A rate.",
         .default_value = "9",
         .max = 3},
        {.name = "twice", .optional = true},
        {.name = "twice", .description = "Again.", .optional = true}};
  };
  CHECK(payoutd::testing::descriptor_problems(bad) ==
        Texts{"sdk_version is another SDK's", "abi_tag is another build's", "the plugin has no version",
              "key is a secret with a default", "rate refuses its own default", "twice has no description",
              "twice is described twice"});
}

TEST_CASE("settings that the schema refuses fail the test, with their names") {
  const payoutd::testing::Given good{{{"name", "x"}}, {}};
  CHECK(payoutd::testing::checked(good, kGood).string("name") == "x");
  CHECK_THROWS_WITH(payoutd::testing::checked(good.with({{"concurrency", 0}, {"nam", "y"}}), kGood),
                    Catch::Contains("concurrency ") && Catch::Contains("nam "));
  CHECK_THROWS_AS(payoutd::testing::checked(good.with_secrets({{"key", {"k"}}}), kGood), std::logic_error);
}

TEST_CASE("a failure is its text, and a header is found by its name") {
  CHECK(payoutd::testing::failure_of([] { throw std::runtime_error("no"); }) == "no");
  CHECK(payoutd::testing::failure_of([] { return 1; }) == "(none)");
  const auto request = HttpRequest::get("http://x").header("A", "1");
  CHECK(payoutd::testing::header_of(request, "A") == "1");
  CHECK(payoutd::testing::header_of(request, "B") == "(none)");
}
