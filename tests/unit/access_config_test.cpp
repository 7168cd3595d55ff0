#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "ops/config.hpp"
#include "ops/exposure.hpp"
#include "temporary_folder.hpp"

using namespace payoutd;
using namespace payoutd::ops;
using namespace std::chrono_literals;
using Variables = std::map<std::string, std::string>;

namespace {

constexpr auto* kSecret = "a signing secret of 32 characters";

ReadEnvironment reads(Variables variables) {
  return [variables](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
}

Config load(const TemporaryFolder& folder, const std::string& yaml, const Variables& variables = {}) {
  return load_config(folder.write("payoutd.yaml", yaml), reads(variables));
}

std::string errors(const TemporaryFolder& folder, const std::string& yaml, const Variables& variables = {}) {
  try {
    load(folder, yaml, variables);
    return "accepted";
  } catch (const ConfigError& error) {
    std::string text = error.what();
    const std::string path = folder.path().string() + "/";
    for (auto at = text.find(path); at != std::string::npos; at = text.find(path))
      text.erase(at, path.size());
    return text;
  }
}

std::string errors_of(const std::string& yaml, const Variables& variables = {}) {
  return errors(TemporaryFolder(), yaml, variables);
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("JWT_SECRET is a keyring of one", "[config]") {
  const TemporaryFolder folder;
  const Config config = load(folder, "{}\n", {{"ENV", "prod"}, {"JWT_SECRET", kSecret}});
  const auto& keys = config.live_config.access.keyring.keys();
  REQUIRE(keys.size() == 1);
  CHECK(keys[0].kid == "env");
  CHECK(keys[0].secret.reveal() == kSecret);
  CHECK(config.static_config.http.auth_required);
  CHECK(config.warnings.empty());
  CHECK(load(folder, "{}\n").live_config.access.keyring.empty());
  CHECK_FALSE(load(folder, "{}\n").static_config.http.auth_required);
}

TEST_CASE("a keyring of several keys is read in its order", "[config]") {
  const TemporaryFolder folder;
  folder.write("june.key", std::string(kSecret) + "\n");
  const Config config =
      load(folder,
           "environment: staging\n"
           "auth:\n  clock_skew: 10s\n  keys:\n"
           "    - {kid: june, secret: file:june.key}\n"
           "    - {kid: may, secret: \"${MAY}\", retired_at: 2026-06-01T00:00:00Z,\n"
           "       verify_until: 2026-07-01T00:00:00Z}\n",
           {{"MAY", "the signing secret of May, 32 chars"}, {"JWT_SECRET", "not looked at"}});
  const auto& access = config.live_config.access;
  REQUIRE(access.keyring.keys().size() == 2);
  CHECK(access.keyring.keys()[0].kid == "june");
  CHECK(access.keyring.keys()[1].retired_at == identity::parse_time("2026-06-01T00:00:00Z"));
  CHECK(access.keyring.keys()[1].verify_until == identity::parse_time("2026-07-01T00:00:00Z"));
  CHECK(access.clock_skew == 10s);
}

TEST_CASE("what is wrong with keys is said with its place", "[config]") {
  const auto keys = [](const std::string& list) { return "auth:\n  keys:\n" + list; };
  CHECK(errors_of("auth:\n  keys: x\n") ==
        "payoutd.yaml:2:9: auth.keys: must be a list of keys: - {kid: a, secret: file:/path}");
  CHECK(errors_of(keys("    - {kid: a}\n")) == "payoutd.yaml:3:7: auth.keys[0]: has no secret");
  CHECK(has(errors_of(keys("    - {kid: a b, secret: x}\n")), "auth.keys[0].kid: must have 1 to 64 letters"));
  CHECK(has(errors_of(keys("    - {kid: a, secret: x, retird_at: y}\n")), "did you mean 'retired_at'?"));
  CHECK(has(errors_of(keys("    - {kid: a, secret: x, retired_at: tomorrow}\n")), "must be a time in UTC"));
  CHECK(has(errors_of(keys("    - {kid: a, secret: x}\n    - {kid: a, secret: y}\n")),
            "auth.keys[1]: has the kid of a key above"));
  CHECK(
      has(errors_of(keys("    - {kid: a, secret: \"${GONE}\"}\n")), "environment variable GONE is not set"));
  CHECK(has(errors_of("auth: {kees: []}\n"), "did you mean 'keys'?"));
}

TEST_CASE("outside of dev tokens are required, and their keys must be good", "[config]") {
  const auto* environment = GENERATE("staging", "prod");
  const auto of = [&](const std::string& secret) {
    return errors_of("{}\n", {{"ENV", environment}, {"JWT_SECRET", secret}});
  };
  CHECK(has(errors_of("{}\n", {{"ENV", environment}}),
            "there is no key to verify tokens with: set JWT_SECRET"));
  CHECK(has(errors_of("auth: {required: false}\n", {{"ENV", environment}, {"JWT_SECRET", kSecret}}),
            "auth.required: must be true outside of dev"));
  CHECK(has(of("fifteen chars.."), "is shorter than 16 characters"));
  CHECK(of("16 characters ok") == "accepted");
  CHECK(has(of("change-me-change-me-change-me-now"), "is a placeholder"));
  CHECK(has(of(std::string(40, 'x')), "is a placeholder"));
  CHECK_FALSE(has(of("fifteen chars.."), "fifteen"));
  const TemporaryFolder folder;
  const Config weak = load(folder, "{}\n", {{"ENV", environment}, {"JWT_SECRET", "16 characters ok"}});
  REQUIRE(weak.warnings.size() == 1);
  CHECK(has(weak.warnings[0].text(), "is shorter than 32 characters"));
}

TEST_CASE("other machines may reach the port only where tokens are required", "[config]") {
  CHECK(has(errors_of("http: {listen: \"0.0.0.0:80\"}\n"), "while auth.required is false"));
  CHECK(errors_of("http: {listen: \"0.0.0.0:80\"}\nauth: {required: true}\n", {{"JWT_SECRET", kSecret}}) ==
        "accepted");
  CHECK(errors_of("http: {listen: \"[::]:80\"}\n", {{"ENV", "prod"}, {"JWT_SECRET", kSecret}}) == "accepted");
}

TEST_CASE("in prod every reason is listed at once", "[config]") {
  const TemporaryFolder folder;
  folder.write("scripts/abuse/rule.lua", "return {}\n");
  folder.write("plugins/libmomo.so", "");
  folder.write("plugins/libother.so", "");
  ::chmod((folder.path() / "scripts/abuse/rule.lua").c_str(), 0666);
  ::chmod((folder.path() / "plugins").c_str(), 0777);
  ::chmod((folder.path() / "plugins/libother.so").c_str(), 0646);
  folder.write("api.key", "change-me\n");
  const std::string yaml =
      "scripts_dir: scripts\nplugins_dir: plugins\nengine: {dry_run: true}\nproviders:\n"
      "  momo: {plugin: momo, secrets: {api_key: file:api.key}}\n";
  const std::string all = errors(folder, yaml, {{"ENV", "prod"}, {"JWT_SECRET", "secret"}});
  for (const char* part :
       {"scripts_dir: ", "rule.lua can be written by every user", "plugins can be written by every user",
        "libother.so can be written by every user", "providers.momo.secrets.api_key: is a placeholder",
        "engine.dry_run: must be false in prod", "is shorter than 16 characters"}) {
    INFO(all);
    CHECK(has(all, part));
  }
  CHECK_FALSE(has(all, "libmomo.so can be"));
  CHECK(errors(folder, yaml, {{"ENV", "dev"}}) == "accepted");
}

TEST_CASE("a plugin outside of the folder is looked at with its folder", "[config]") {
  const TemporaryFolder folder;
  folder.write("plugins/readme", "");
  folder.write("own/libmomo.so", "");
  const std::string yaml = "plugins_dir: plugins\nproviders:\n  momo: {plugin: own/libmomo.so}\n";
  const Variables prod{{"ENV", "prod"}, {"JWT_SECRET", kSecret}};
  CHECK(errors(folder, yaml, prod) == "accepted");
  ::chmod((folder.path() / "own").c_str(), 0777);
  CHECK(has(errors(folder, yaml, prod), "providers.momo.plugin: own can be written by every user"));
}

TEST_CASE("origins are exact, from the file or from CORS_ALLOW_ORIGINS", "[config]") {
  const TemporaryFolder folder;
  const std::string yaml = "cors: {allow_origins: [\"https://ops.example\"]}\n";
  CHECK(load(folder, yaml).live_config.access.cors_origins ==
        std::vector<std::string>{"https://ops.example"});
  CHECK(load(folder, yaml, {{"CORS_ALLOW_ORIGINS", "https://a.example, http://localhost:3000"}})
            .live_config.access.cors_origins ==
        std::vector<std::string>{"https://a.example", "http://localhost:3000"});
  for (const char* bad : {"*", "https://a.example/", "a.example", "https://*.example", "https://", "null"})
    CHECK(has(errors_of("{}\n", {{"CORS_ALLOW_ORIGINS", bad}}), "must be exact origins"));
}

TEST_CASE("proxies, TLS and rates are read", "[config]") {
  const TemporaryFolder folder;
  const Config config =
      load(folder,
           "http:\n  trusted_proxies: [127.0.0.1, 10.0.0.0/8]\n  max_connections_per_address: 9\n"
           "  tls: {certificate: a.pem, key: b.pem}\n"
           "  rate_limit: {per_subject: 5, per_address: 6, auth_failures_per_minute: 7}\n");
  const auto& http = config.static_config.http;
  CHECK(http.trusted_proxies == std::vector<std::string>{"127.0.0.1", "10.0.0.0/8"});
  CHECK(http.max_connections_per_address == 9);
  CHECK(http.tls_certificate == folder.path() / "a.pem");
  CHECK(http.tls_key == folder.path() / "b.pem");
  CHECK(config.live_config.access.requests_per_subject == 5);
  CHECK(config.live_config.access.requests_per_address == 6);
  CHECK(config.live_config.access.auth_failures_per_minute == 7);
  CHECK(has(errors_of("http: {trusted_proxies: [proxy.example]}\n"), "neither an address nor a network"));
  CHECK(has(errors_of("http: {tls: {certificate: a.pem}}\n"), "needs both"));
}
