#include <catch2/catch.hpp>
#include <payoutd/settings.hpp>

using namespace payoutd;
using namespace std::chrono_literals;
namespace json = boost::json;

namespace {

SettingsSchema schema() {
  using enum SettingType;
  return {
      {.name = "base_url", .type = url, .description = "Where the API answers."},
      {.name = "country", .type = choice, .choices = {"ivory_coast", "benin"}},
      {.name = "retries", .type = integer, .default_value = "3", .min = 0, .max = 10},
      {.name = "timeout", .type = duration, .default_value = "30s", .min = 1000, .max = 120'000},
      {.name = "sandbox", .type = boolean, .default_value = "false"},
      {.name = "allowed", .type = list, .default_value = "[a, b]"},
      {.name = "floor", .type = amount, .default_value = "0.50"},
      {.name = "label", .type = string, .optional = true},
      {.name = "api_key", .type = secret},
      {.name = "webhook_secret", .type = secret, .optional = true},
  };
}

const json::object kValues{{"base_url", "https://api.example/v1"}, {"country", "benin"}};
const json::object kSecrets{{"api_key", {"current-key", "previous-key"}}};

Settings check(const json::object& values, const json::object& secrets, std::vector<std::string>& texts) {
  std::vector<Problem> problems;
  auto settings = Settings::check(schema(), values, secrets, problems);
  for (const auto& problem : problems) texts.push_back(problem.field + ": " + problem.reason);
  return settings;
}

using Texts = std::vector<std::string>;

Texts problems_with(std::string_view name, json::value value) {
  auto values = kValues;
  values[name] = std::move(value);
  Texts texts;
  check(values, kSecrets, texts);
  return texts;
}

}  // namespace

TEST_CASE("settings are typed and defaults are filled in", "[settings]") {
  Texts problems;
  const auto settings = check(kValues, kSecrets, problems);
  REQUIRE(problems.empty());
  CHECK(settings.string("base_url") == "https://api.example/v1");
  CHECK(settings.string("country") == "benin");
  CHECK(settings.integer("retries") == 3);
  CHECK(settings.duration("timeout") == 30s);
  CHECK_FALSE(settings.boolean("sandbox"));
  CHECK(settings.list("allowed") == Texts{"a", "b"});
  CHECK(settings.string("floor") == "0.5");
  CHECK_FALSE(settings.has("label"));
  CHECK(settings.has("api_key"));
  CHECK(settings.secret("api_key").reveal() == "current-key");
  REQUIRE(settings.secrets("api_key").size() == 2);
  CHECK(settings.secrets("api_key")[1].reveal() == "previous-key");
  CHECK(settings.secrets("webhook_secret").empty());
  CHECK_FALSE(settings.has("webhook_secret"));
}

TEST_CASE("what a file says may be text or typed", "[settings]") {
  auto values = kValues;
  values["retries"] = "7";
  values["sandbox"] = "true";
  values["allowed"] = json::array{"x"};
  Texts problems;
  const auto settings = check(values, kSecrets, problems);
  REQUIRE(problems.empty());
  CHECK(settings.integer("retries") == 7);
  CHECK(settings.boolean("sandbox"));
  CHECK(settings.list("allowed") == Texts{"x"});
}

TEST_CASE("asking for what the schema does not have is an error of the plugin", "[settings]") {
  Texts problems;
  const auto settings = check(kValues, kSecrets, problems);
  CHECK_THROWS_WITH(settings.string("nonsense"),
                    "setting 'nonsense' is not in the schema, or is optional and not set");
  CHECK_THROWS_WITH(settings.integer("country"), "setting 'country' is a choice, not a integer");
  CHECK_THROWS_AS(settings.string("retries"), std::logic_error);
  CHECK_THROWS_AS(settings.string("api_key"), std::logic_error);
  CHECK_THROWS_AS(settings.secret("label"), std::logic_error);
  CHECK_THROWS_AS(settings.secret("webhook_secret"), std::logic_error);
}

TEST_CASE("each bad value is refused with its reason", "[settings]") {
  CHECK(problems_with("retries", "many") == Texts{"retries: must be an integer"});
  CHECK(problems_with("retries", 1.0) == Texts{"retries: must be an integer"});
  CHECK(problems_with("retries", 11) == Texts{"retries: must be at most 10"});
  CHECK(problems_with("retries", "-1") == Texts{"retries: must be at least 0"});
  CHECK(problems_with("retries", "99999999999999999999") == Texts{"retries: must be an integer"});
  CHECK(problems_with("timeout", "30") ==
        Texts{"timeout: must be a duration such as 500ms, 30s, 5m, 2h or 1d"});
  CHECK(problems_with("timeout", 30) == Texts{"timeout: must be a duration with its unit, such as 30s"});
  CHECK(problems_with("timeout", "10ms") == Texts{"timeout: must be at least 1s"});
  CHECK(problems_with("timeout", "1h") == Texts{"timeout: must be at most 2m"});
  CHECK(problems_with("sandbox", "yes") == Texts{"sandbox: must be true or false"});
  CHECK(problems_with("country", "bennin") ==
        Texts{"country: must be one of ivory_coast, benin; did you mean 'benin'?"});
  CHECK(problems_with("country", "mars") == Texts{"country: must be one of ivory_coast, benin"});
  CHECK(problems_with("allowed", "a,b") == Texts{"allowed: must be a list"});
  CHECK(problems_with("allowed", json::array{1}) == Texts{"allowed: must be a list of strings"});
  CHECK(problems_with("floor", 0.5) == Texts{"floor: must be a decimal amount, written as a string"});
  CHECK(problems_with("floor", "1e3").size() == 1);
  CHECK(problems_with("label", json::object{}) == Texts{"label: must be a string"});
  for (const auto* bad :
       {"api.example", "ftp://api.example", "https://", "https:///path", "https://a b", "//api.example"}) {
    INFO(bad);
    CHECK(problems_with("base_url", bad) == Texts{"base_url: must be an absolute http or https URL"});
  }
  CHECK(problems_with("base_url", "https://user:pw@api.example") ==
        Texts{"base_url: must not carry a user name or password"});
}

TEST_CASE("all problems come at once, with the nearest name", "[settings]") {
  Texts problems;
  check({{"base_ulr", "x"}, {"webhook_secret", "x"}, {"completely_else", 1}},
        {{"api_kye", {"x"}}, {"country", {"x"}}}, problems);
  CHECK(problems == Texts{"base_ulr: is not a setting of this plugin, did you mean 'base_url'?",
                          "webhook_secret: is a secret: it belongs under secrets",
                          "completely_else: is not a setting of this plugin",
                          "api_kye: is not a secret of this plugin, did you mean 'api_key'?",
                          "country: is no secret: it belongs under settings", "base_url: must be set",
                          "country: must be set", "api_key: is a secret that must be set"});
}

TEST_CASE("secrets have a current and perhaps a previous value", "[settings]") {
  const auto* reason =
      "api_key: must be one or two non-empty strings: the current secret and the previous one";
  for (const json::value& bad : {json::value("plain"), json::value(json::array{}), json::value{"a", "b", "c"},
                                 json::value{""}, json::value{1}}) {
    Texts problems;
    check(kValues, {{"api_key", bad}}, problems);
    CHECK(problems == Texts{reason});
  }
}

TEST_CASE("redacted settings show everything but secrets", "[settings]") {
  Texts problems;
  const auto shown = json::serialize(check(kValues, kSecrets, problems).redacted());
  CHECK(shown.find("current-key") == std::string::npos);
  CHECK(shown.find("previous-key") == std::string::npos);
  CHECK(shown.find(R"("api_key":"***")") != std::string::npos);
  CHECK(shown.find(R"("timeout":"30s")") != std::string::npos);
}

TEST_CASE("durations need a unit", "[settings]") {
  CHECK(parse_duration("500ms").value() == 500ms);
  CHECK(parse_duration("30s").value() == 30s);
  CHECK(parse_duration("5m").value() == 5min);
  CHECK(parse_duration("2h").value() == 2h);
  CHECK(parse_duration("1d").value() == 24h);
  CHECK(parse_duration("0s").value() == 0s);
  for (const auto* bad :
       {"", "5", "s", "5 s", "-5s", "+5s", "5S", "5min", "1.5h", "5ss", "99999999999999999999s"}) {
    INFO(bad);
    REQUIRE_FALSE(parse_duration(bad).has_value());
    CHECK(parse_duration(bad).error().reason == "must be a duration such as 500ms, 30s, 5m, 2h or 1d");
  }
  CHECK(parse_duration("9223372036854775807d").error().reason == "must be at most 100 years");
}

TEST_CASE("the nearest name is near", "[settings]") {
  const Texts names{"listen", "level", "format", "max_connections"};
  CHECK(nearest_name("lisen", names) == "listen");
  CHECK(nearest_name("levle", names) == std::nullopt);  // two changes in five letters
  CHECK(nearest_name("max_conections", names) == "max_connections");
  CHECK(nearest_name("x", names) == std::nullopt);
  CHECK(nearest_name("", names) == std::nullopt);
}

TEST_CASE("a schema survives JSON and is read strictly", "[settings]") {
  const auto described = describe(schema());
  const auto read = schema_from_json(described);
  REQUIRE(read.has_value());
  CHECK(describe(*read) == described);
  auto bad = described;
  bad.as_array()[1].as_object()["type"] = "colour";
  CHECK(schema_from_json(bad).error() ==
        Problem{"[1].type",
                "must be one of string, integer, boolean, duration, url, choice, list, amount, secret"});
  bad = described;
  bad.as_array()[0].as_object()["extra"] = 1;
  CHECK(schema_from_json(bad).error() == Problem{"[0].extra", "is not a known field"});
  CHECK(schema_from_json("x").error() == Problem{"", "must be an array of settings"});
}
