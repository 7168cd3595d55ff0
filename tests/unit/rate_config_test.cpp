// How fast providers are used, and who may read metrics, as the configuration says it.
#include <catch2/catch.hpp>

#include "ops/config.hpp"
#include "temporary_folder.hpp"

using namespace payoutd;
using namespace payoutd::ops;
using Variables = std::map<std::string, std::string>;

namespace {

ReadEnvironment reads(Variables variables) {
  return [variables](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
}

Config load(const TemporaryFolder& folder, const std::string& yaml, const Variables& variables = {}) {
  return load_config(folder.write("payoutd.yaml", yaml), reads(variables));
}

std::string errors_of(const std::string& yaml) {
  const TemporaryFolder folder;
  try {
    load(folder, yaml);
    return "accepted";
  } catch (const ConfigError& error) {
    return error.what();
  }
}

bool warns(const Config& config, const std::string& part) {
  return std::ranges::any_of(
      config.warnings, [&](const ConfigProblem& one) { return one.text().find(part) != std::string::npos; });
}

}  // namespace

TEST_CASE("a provider's rates and depth are read, and default to none", "[config]") {
  const TemporaryFolder folder;
  const Config config =
      load(folder,
           "providers:\n  fast: {plugin: momo, submit_rate: 20/s, query_rate: 300/m,\n"
           "         admission_rate: 5000/h, admission_depth: 400}\n  free: {plugin: momo}\n");
  const ProviderConfig& fast = config.live_config.providers.at("fast");
  CHECK(fast.submit_rate.to_string() == "20/s");
  CHECK(fast.query_rate.to_string() == "300/m");
  CHECK(fast.admission_rate.to_string() == "5000/h");
  CHECK(fast.admission_depth == 400);
  const ProviderConfig& free = config.live_config.providers.at("free");
  CHECK_FALSE(free.submit_rate.limited());
  CHECK(free.admission_depth == 0);
}

TEST_CASE("a rate or a depth that is none is refused with its place", "[config]") {
  const std::string text = errors_of(
      "providers:\n  momo:\n    plugin: momo\n    submit_rate: fast\n    admission_depth: 0\n    query_rat: "
      "1/s\n");
  CHECK_THAT(text, Catch::Contains(":4:") && Catch::Contains("providers.momo.submit_rate: must be a rate"));
  CHECK_THAT(text, Catch::Contains("providers.momo.admission_depth: must be a number from 1"));
  CHECK_THAT(text, Catch::Contains("did you mean 'query_rate'?"));
}

TEST_CASE("monitoring has a listener and addresses of its own", "[config]") {
  const TemporaryFolder folder;
  const Config config = load(folder, "metrics: {listen: \"[::1]:9480\", allow: [10.0.0.0/8, 192.0.2.7]}\n");
  CHECK(config.static_config.metrics.listen_address == "::1");
  CHECK(config.static_config.metrics.listen_port == 9480);
  CHECK(config.live_config.access.metrics_allow == std::vector<std::string>{"10.0.0.0/8", "192.0.2.7"});
  CHECK(load(folder, "{}\n").static_config.metrics.listen_address.empty());
  CHECK_THAT(errors_of("metrics: {listen: \"9480\"}\n"),
             Catch::Contains("metrics.listen: must be an address"));
  CHECK_THAT(errors_of("metrics: {allow: [everybody]}\n"), Catch::Contains("metrics.allow: has an entry"));
}

TEST_CASE("a port that other machines reach without TLS is warned of everywhere", "[config]") {
  const Variables secret{{"JWT_SECRET", "a signing secret of 32 characters"}};
  const std::string open = "auth: {required: true}\nhttp: {listen: \"0.0.0.0:8480\"";
  for (const char* environment : {"dev", "staging", "prod"}) {
    INFO(environment);
    const TemporaryFolder folder;
    Variables variables = secret;
    variables["ENV"] = environment;
    CHECK(warns(load(folder, open + "}\n", variables),
                "http.listen: other machines reach the port without TLS"));
    CHECK_FALSE(
        warns(load(folder, open + ", tls: {certificate: a.pem, key: b.pem}}\n", variables), "without TLS"));
    CHECK_FALSE(warns(load(folder, "{}\n", variables), "without TLS"));
  }
}
