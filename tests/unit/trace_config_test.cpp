#include "ops/trace_config.hpp"

#include <catch2/catch.hpp>

#include "ops/config.hpp"
#include "ops/redact.hpp"
#include "temporary_folder.hpp"

using namespace payoutd;
using namespace payoutd::ops;

namespace {

using Variables = std::map<std::string, std::string>;

Config loaded(const std::string& yaml, Variables variables = {}) {
  const TemporaryFolder folder;
  folder.write("payoutd.yaml", yaml);
  return load_config(folder.path() / "payoutd.yaml",
                     [&](const std::string& name) -> std::optional<std::string> {
                       const auto found = variables.find(name);
                       return found == variables.end() ? std::nullopt : std::optional(found->second);
                     });
}

std::string refusal_of(const std::string& yaml, Variables variables = {}) {
  try {
    loaded(yaml, std::move(variables));
    return "accepted";
  } catch (const ConfigError& error) {
    return error.what();
  }
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("tracing is off without an endpoint", "[config][trace]") {
  const Config config = loaded("tracing: {queue_size: 100, batch_size: 10}\n");
  CHECK_FALSE(config.static_config.tracing.enabled());
  CHECK(config.static_config.tracing.service_name == "payoutd");
  CHECK(config.live_config.trace_sample_ratio == 1);
  CHECK_FALSE(
      loaded("environment: dev\n", {{"OTEL_EXPORTER_OTLP_ENDPOINT", ""}}).static_config.tracing.enabled());
}

TEST_CASE("tracing is read whole, its headers as secrets", "[config][trace]") {
  const Config config = loaded(R"(tracing:
  endpoint: https://collector.example:4318/
  headers: env:OTLP_HEADERS
  service_name: payouts
  sample_ratio: 0.25
  queue_size: 100
  batch_size: 10
  interval: 1s
  timeout: 3s
)",
                               {{"OTLP_HEADERS", "Authorization=Basic%20dG9wOnNlY3JldA==, X-Tenant = west"}});
  const TracingConfig& tracing = config.static_config.tracing;
  CHECK(tracing.url == "https://collector.example:4318/v1/traces");
  REQUIRE(tracing.headers.size() == 2);
  CHECK(tracing.headers[0].first == "Authorization");
  CHECK(tracing.headers[0].second.reveal() == "Basic dG9wOnNlY3JldA==");
  CHECK(tracing.headers[1].first == "X-Tenant");
  CHECK(tracing.headers[1].second.reveal() == "west");
  CHECK(tracing.service_name == "payouts");
  CHECK(config.live_config.trace_sample_ratio == 0.25);
  CHECK(tracing.interval == std::chrono::seconds(1));
  CHECK(redactor().redact("sent dG9wOnNlY3JldA== there, with Basic dG9wOnNlY3JldA==").find("Basic dG9w") ==
        std::string::npos);
}

TEST_CASE("the standard variables go before the file", "[config][trace]") {
  const std::string yaml = "tracing: {endpoint: \"http://file:4318\", service_name: file}\n";
  const auto url = [&](Variables variables) {
    return loaded(yaml, std::move(variables)).static_config.tracing.url;
  };
  CHECK(url({}) == "http://file:4318/v1/traces");
  CHECK(url({{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://all:4318/base"}}) == "http://all:4318/base/v1/traces");
  CHECK(url({{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://all:4318"},
             {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://traces:4318/own/path"}}) ==
        "http://traces:4318/own/path");
  CHECK(loaded(yaml, {{"OTEL_SERVICE_NAME", "variable"}}).static_config.tracing.service_name == "variable");
}

TEST_CASE("mistakes in tracing are named", "[config][trace]") {
  CHECK(has(refusal_of("tracing: {endpont: \"http://x\"}\n"), "did you mean 'endpoint'?"));
  CHECK(has(refusal_of("tracing: {endpoint: collector}\n"), "tracing.endpoint"));
  CHECK(has(refusal_of("name: x\n", {{"OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317"}}),
            "environment variable OTEL_EXPORTER_OTLP_ENDPOINT"));
  CHECK(has(refusal_of("tracing: {sample_ratio: 2}\n"), "tracing.sample_ratio"));
  CHECK(has(refusal_of("tracing: {queue_size: 5, batch_size: 6}\n"), "tracing.batch_size"));
  const std::string refused = refusal_of("tracing: {headers: \"hush hush\"}\n");
  CHECK(has(refused, "tracing.headers"));
  CHECK_FALSE(has(refused, "hush"));
  // Outside of dev a secret does not stand in the file.
  CHECK(has(refusal_of("environment: prod\ntracing: {headers: \"a=hush\"}\n", {{"JWT_SECRET", "x"}}),
            "tracing.headers"));
  const Config warned = loaded("tracing: {endpoint: \"http://10.0.0.5:4318\", headers: \"a=b\"}\n");
  REQUIRE(warned.warnings.size() == 1);
  CHECK(warned.warnings[0].path == "tracing.endpoint");
  CHECK(loaded("tracing: {endpoint: \"http://127.0.0.1:4318\", headers: \"a=b\"}\n").warnings.empty());
}
