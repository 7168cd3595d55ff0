#include "ops/config.hpp"

#include <catch2/catch.hpp>

#include "ops/redact.hpp"
#include "temporary_folder.hpp"

using namespace payoutd;
using namespace payoutd::ops;
using namespace std::chrono_literals;

namespace {

using Variables = std::map<std::string, std::string>;

ReadEnvironment reads(Variables variables) {
  return [variables = std::move(variables)](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
}

constexpr auto* kJwtSecret = "a signing secret of 32 characters";

std::string without(std::string text, const std::string& part) {
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at))
    text.erase(at, part.size());
  return text;
}

/// All problems as the operator sees them, the folder taken off.
std::string errors(const TemporaryFolder& folder, Variables variables = {}) {
  variables.try_emplace("JWT_SECRET", kJwtSecret);  // what it takes outside of dev
  try {
    load_config(folder.path() / "payoutd.yaml", reads(variables));
    return "accepted";
  } catch (const ConfigError& error) {
    return without(error.what(), folder.path().string() + "/");
  }
}

std::string errors_of(const std::string& yaml, const Variables& variables = {}) {
  const TemporaryFolder folder;
  folder.write("payoutd.yaml", yaml);
  return errors(folder, variables);
}

constexpr auto* kWhole = R"(environment: staging
name: host-1
public_url: https://pay.example
state_dir: state
http:
  listen: "[::1]:9000"
  max_body_bytes: 65536
database: postgresql://payoutd@db/payoutd
logging: {level: debug, format: json}
engine:
  claim_batch: 50
  backoff: {base: 10s, factor: 1.5, max: 2m, jitter: 0, max_attempts: 6}
  dry_run: true
include: [providers/*.yaml]
)";

constexpr auto* kMomo = R"(providers:
  momo-ci:
    plugin: momo
    settings:
      base_url: https://momo.example
      account: 007
      hosts: [a, b]
    secrets:
      api_key: [file:current.key, "${OLD_KEY}"]
  momo-bj:
    plugin: ../build/libmomo.so
    enabled: false
)";

}  // namespace

TEST_CASE("a provider's HTTP options come with whole paths and numbers") {
  const TemporaryFolder folder;
  folder.write(
      "payoutd.yaml",
      "providers:\n  momo:\n    plugin: momo\n    http: {proxy: 'http://egress:3128', ca_file: ca.pem, "
      "max_connections: 5, connect_timeout: 3s}\n");
  const auto config = load_config(folder.path() / "payoutd.yaml", reads({}));
  const auto& http = config.live_config.providers.at("momo").http;
  CHECK(http == boost::json::object{{"proxy", "http://egress:3128"},
                                    {"ca_file", (folder.path() / "ca.pem").string()},
                                    {"max_connections", 5},
                                    {"connect_timeout", "3s"}});
  const auto problem = config.provider_problem("momo", {"http.proxy", "must be a URL"});
  CHECK(problem.path == "providers.momo.http.proxy");
  CHECK(problem.place.line == 4);
}

TEST_CASE("a whole configuration is read", "[config]") {
  const TemporaryFolder folder;
  const auto file = folder.write("payoutd.yaml", kWhole);
  folder.write("providers/momo.yaml", kMomo);
  folder.write("providers/current.key", "the-current-key\n");
  const auto config = load_config(file, reads({{"OLD_KEY", "the-old-key"}, {"JWT_SECRET", kJwtSecret}}));
  const auto& fixed = config.static_config;
  CHECK(fixed.environment == Environment::staging);
  CHECK(fixed.name == "host-1");
  CHECK(fixed.public_url == "https://pay.example");
  CHECK(fixed.state_dir == folder.path() / "state");
  CHECK(fixed.control_socket == folder.path() / "state/control.sock");
  CHECK(fixed.http.listen_address == "::1");
  CHECK(fixed.http.listen_port == 9000);
  CHECK(fixed.http.max_body_bytes == 65536);
  CHECK(fixed.http.max_connections == 1000);
  CHECK_FALSE(fixed.database.embedded);
  CHECK(fixed.database.dsn.reveal() == "postgresql://payoutd@db/payoutd");
  CHECK(fixed.log_format == log::Format::json);
  CHECK_FALSE(fixed.instance_key);
  const auto& live = config.live_config;
  CHECK(live.log_level == log::Level::debug);
  CHECK(live.engine.claim_batch == 50);
  CHECK(live.engine.backoff.base == 10s);
  CHECK(live.engine.backoff.factor == 1.5);
  CHECK(live.engine.backoff.max == 2min);
  CHECK(live.engine.backoff.jitter == 0);
  CHECK(live.engine.backoff.max_attempts == 6);
  CHECK(live.engine.poll_interval == 1min);
  CHECK(live.engine.group_commit_window == 2ms);
  CHECK(live.engine.dry_run);
  REQUIRE(live.providers.size() == 2);
  const auto& momo = live.providers.at("momo-ci");
  CHECK(momo.enabled);
  CHECK(momo.library == fixed.plugins_dir / "libmomo.so");
  CHECK(boost::json::serialize(momo.settings) ==
        R"({"base_url":"https://momo.example","account":"007","hosts":["a","b"]})");
  CHECK(boost::json::serialize(momo.secrets_json()) == R"({"api_key":["the-current-key","the-old-key"]})");
  CHECK(redactor().redact("the-old-key") == "***");
  CHECK(live.providers.at("momo-bj").library == folder.path() / "build/libmomo.so");
  CHECK_FALSE(live.providers.at("momo-bj").enabled);
}

TEST_CASE("an empty file means the defaults", "[config]") {
  const TemporaryFolder folder;
  const auto config = load_config(folder.write("payoutd.yaml", "{}\n"), reads({}));
  CHECK(config.static_config.environment == Environment::dev);
  CHECK(config.static_config.database.embedded);
  CHECK(config.static_config.http.listen_address == "127.0.0.1");
  CHECK(config.static_config.http.listen_port == 8480);
  CHECK(config.static_config.state_dir == "/var/lib/payoutd");
  CHECK_FALSE(config.static_config.name.empty());
  CHECK(config.live_config.engine.backoff.base == 30s);
  CHECK(config.live_config.engine.backoff.max_attempts == 5);
}

TEST_CASE("the environment goes before the file", "[config]") {
  const TemporaryFolder folder;
  const auto file = folder.write("payoutd.yaml", "environment: dev\ndatabase: embedded\n");
  const auto config = load_config(
      file,
      reads({{"ENV", "prod"}, {"DATABASE_URL", "postgresql://u:pw-of-url@h/d"}, {"JWT_SECRET", kJwtSecret}}));
  CHECK(config.static_config.environment == Environment::prod);
  CHECK(config.static_config.database.dsn.reveal() == "postgresql://u:pw-of-url@h/d");
  CHECK(errors_of("{}", {{"ENV", "production"}}) ==
        "environment variable ENV: environment: must be one of dev, staging, prod");
  CHECK(errors_of("{}", {{"DATABASE_URL", "embeded"}}) ==
        "environment variable DATABASE_URL: database: must be the word embedded or a DSN such as "
        "postgresql://user@host/name");
}

TEST_CASE("bad configurations are refused with place and reason", "[config]") {
  struct Case {
    const char* yaml;
    const char* expected;
  };
  const auto cases = std::to_array<Case>({
      {"htp:\n  listen: x\n", "payoutd.yaml:1:1: htp: is not a setting, did you mean 'http'?"},
      {"http:\n  lisen: 127.0.0.1:1\n",
       "payoutd.yaml:2:3: http.lisen: is not a setting, did you mean 'listen'?"},
      {"entirely_else: 1\n", "payoutd.yaml:1:1: entirely_else: is not a setting"},
      {"http:\n  listen: 127.0.0.1:1\n  listen: 127.0.0.1:2\n",
       "payoutd.yaml:3:3: http.listen: is written twice, first in line 2"},
      {"http: 127.0.0.1:8480\n", "payoutd.yaml:1:7: http: must be a section with settings inside"},
      {"- http\n", "payoutd.yaml:1:1: must be a section with settings inside"},
      {"name: [a]\n", "payoutd.yaml:1:7: name: must be a single value"},
      {"name:\n", "payoutd.yaml:1:1: name: has no value"},
      {"http: {listen: 0.0.0.0:8480}\n",
       "payoutd.yaml:1:16: http.listen: must be a loopback address such as 127.0.0.1 while auth.required is "
       "false: no other machine may reach an API that asks nobody who they are"},
      {"http: {listen: 127.0.0.1}\n",
       "payoutd.yaml:1:16: http.listen: must be an address and a port, such as 127.0.0.1:8480"},
      {"http: {listen: \"127.0.0.1:99999\"}\n",
       "payoutd.yaml:1:16: http.listen: must be an address and a port, such as 127.0.0.1:8480"},
      {"http: {max_body_bytes: lots}\n", "payoutd.yaml:1:24: http.max_body_bytes: must be an integer"},
      {"http: {max_connections: 0}\n", "payoutd.yaml:1:25: http.max_connections: must be at least 1"},
      {"engine:\n  poll_interval: 60\n",
       "payoutd.yaml:2:18: engine.poll_interval: must be a duration such as 500ms, 30s, 5m, 2h or 1d"},
      {"engine:\n  drain_timeout: 2h\n", "payoutd.yaml:2:18: engine.drain_timeout: must be at most 10m"},
      {"engine: {backoff: {base: 1h, max: 1m}}\n",
       "payoutd.yaml:1:35: engine.backoff.max: must not be shorter than engine.backoff.base"},
      {"engine: {backoff: {factor: 0.5}}\n",
       "payoutd.yaml:1:28: engine.backoff.factor: must be between 1 and 100"},
      {"engine: {backoff: {jitter: 2}}\n",
       "payoutd.yaml:1:28: engine.backoff.jitter: must be between 0 and 1"},
      {"engine: {dry_run: yes}\n", "payoutd.yaml:1:19: engine.dry_run: must be true or false"},
      {"environment: live\n", "payoutd.yaml:1:14: environment: must be one of dev, staging, prod"},
      {"logging: {level: warn}\n",
       "payoutd.yaml:1:18: logging.level: must be one of debug, info, warning, error"},
      {"public_url: pay.example\n", "payoutd.yaml:1:13: public_url: must be an absolute http or https URL"},
      {"environment: prod\npublic_url: http://pay.example\n",
       "payoutd.yaml:2:13: public_url: must be https outside of dev"},
      {"database: embeded\n",
       "payoutd.yaml:1:11: database: must be the word embedded or a DSN such as postgresql://user@host/name"},
      {"environment: prod\ndatabase: postgresql://u:pw@h/d\n",
       "payoutd.yaml:2:11: database: is a secret and may be written in plain in dev only: use ${NAME}, "
       "file:/path or credential:NAME"},
      {"instance_key: short\n", "payoutd.yaml:1:15: instance_key: must have at least 32 characters"},
      {"providers:\n  Momo: {plugin: momo}\n",
       "payoutd.yaml:2:3: providers.Momo: must be named with at most 32 lower-case letters, digits and "
       "dashes"},
      {"providers:\n  momo: {enabled: true}\n",
       "payoutd.yaml:2:3: providers.momo: has no plugin: name one, such as plugin: momo"},
      {"providers:\n  momo: {plugin: momo, enabeld: false}\n",
       "payoutd.yaml:2:24: providers.momo.enabeld: is not a setting, did you mean 'enabled'?"},
      {"providers:\n  momo: {plugin: momo, enabled: no}\n",
       "payoutd.yaml:2:33: providers.momo.enabled: must be true or false"},
      {"providers:\n  momo: {plugin: momo, settings: {a: {b: 1}}}\n",
       "payoutd.yaml:2:38: providers.momo.settings.a: must be a value or a list"},
      {"providers:\n  momo: {plugin: momo, secrets: {key: [a, b, c]}}\n",
       "payoutd.yaml:2:39: providers.momo.secrets.key: must be a secret, or a list of the current one and "
       "the previous one"},
      {"providers:\n  momo: {plugin: momo, secrets: {key: \"${GONE}\"}}\n",
       "payoutd.yaml:2:39: providers.momo.secrets.key: environment variable GONE is not set"},
      {"environment: staging\nproviders:\n  momo: {plugin: momo, secrets: {key: hunter2}}\n",
       "payoutd.yaml:3:39: providers.momo.secrets.key: is a secret and may be written in plain in dev only: "
       "use ${NAME}, "
       "file:/path or credential:NAME"},
      {"include: providers/*.yaml\n",
       "payoutd.yaml:1:10: include: must be a list of files, such as [providers/*.yaml]"},
      {"include: [missing.yaml]\n", "missing.yaml: cannot be read: No such file or directory"},
      {"name: &x [*x]\n",
       "payoutd.yaml:1:7: is nested too deeply, or an alias contains itself\npayoutd.yaml:1:7: name: must be "
       "a single value"},
      {"a: [1\n", "payoutd.yaml:2:1: is not valid YAML: end of sequence flow not found"},
      {"\tname: x\n", "payoutd.yaml:1:6: is not valid YAML: illegal map value"},
  });
  for (const auto& bad : cases) {
    INFO(bad.yaml);
    CHECK(errors_of(bad.yaml) == bad.expected);
  }
}

TEST_CASE("all problems of all files come at once, in their order", "[config]") {
  const TemporaryFolder folder;
  folder.write("payoutd.yaml",
               "nam: x\nhttp: {listen: 8.8.8.8:1, lisen: 1}\ninclude: [providers/*.yaml]\nproviders:\n  a: "
               "{plugin: momo}\n");
  folder.write("providers/1.yaml", "providers:\n  a: {plugin: momo}\n  b: {plugin: momo, plugin: x}\n");
  folder.write("providers/2.yaml", "http: {}\nproviders:\n  c: 1\n");
  folder.write("providers/ignored.txt", "x: [");
  CHECK(errors(folder) ==
        "payoutd.yaml:1:1: nam: is not a setting, did you mean 'name'?\n"
        "payoutd.yaml:2:16: http.listen: must be a loopback address such as 127.0.0.1 while auth.required "
        "is false: no other machine may reach an API that asks nobody who they are\n"
        "payoutd.yaml:2:27: http.lisen: is not a setting, did you mean 'listen'?\n"
        "providers/1.yaml:2:3: providers.a: is configured twice, first in payoutd.yaml:5\n"
        "providers/1.yaml:3:21: providers.b.plugin: is written twice, first in line 3\n"
        "providers/2.yaml:1:1: http: does not belong in an included file, which may hold providers only\n"
        "providers/2.yaml:3:6: providers.c: must be a section with settings inside");
}

TEST_CASE("files that cannot be read", "[config]") {
  const TemporaryFolder folder;
  CHECK(errors(folder) == "payoutd.yaml: cannot be read: No such file or directory");
  std::filesystem::create_directory(folder.path() / "payoutd.yaml");
  CHECK(errors(folder) == "payoutd.yaml: is a directory, not a file");
}

TEST_CASE("the problems of a plugin's schema get a place", "[config]") {
  const TemporaryFolder folder;
  const auto file = folder.write("payoutd.yaml",
                                 "providers:\n  momo:\n    plugin: momo\n    settings:\n      retries: "
                                 "many\n      hosts: [a, b]\n    secrets:\n      key: planted-key\n");
  const auto config = load_config(file, reads({}));
  const auto text = [&](const Problem& problem) {
    return without(config.provider_problem("momo", problem).text(), folder.path().string() + "/");
  };
  CHECK(text({"retries", "must be an integer"}) ==
        "payoutd.yaml:5:16: providers.momo.settings.retries: must be an integer");
  CHECK(text({"key", "is not a secret"}) == "payoutd.yaml:8:12: providers.momo.secrets.key: is not a secret");
  CHECK(text({"base_url", "must be set"}) ==
        "payoutd.yaml:3:5: providers.momo.settings.base_url: must be set");
  CHECK(config.locate("providers.momo.settings.hosts[1]").column == 18);
  CHECK(config.locate("providers.momo.settings.hosts[9]").line == 6);
  CHECK(config.locate("engine.backoff.base") == Place{file.string(), 1, 1});
}

TEST_CASE("no error shows a secret", "[config]") {
  CHECK(errors_of("environment: prod\ninstance_key: planted-in-plain\n").find("planted-in-plain") ==
        std::string::npos);
  CHECK(errors_of("database: planted-dsn-password\n").find("planted-dsn-password") == std::string::npos);
}

TEST_CASE("the reference lists every setting", "[config]") {
  const auto text = describe_config();
  for (const auto* name : {"environment", "http.listen", "database", "engine.backoff.base", "logging.level",
                           "providers.NAME.plugin"})
    CHECK(text.find("| `" + std::string(name) + "` |") != std::string::npos);
}
