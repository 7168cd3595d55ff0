// What a configuration comes to: values with their sources, profiles, what differs, what is live, the
// reference.
#include "ops/effective_config.hpp"

#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>

#include "ops/config.hpp"
#include "ops/live_systems.hpp"
#include "temporary_folder.hpp"

using namespace payoutd;
using namespace payoutd::ops;

namespace {

using Variables = std::map<std::string, std::string>;

ReadEnvironment reads(Variables variables) {
  return [variables = std::move(variables)](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
}

struct Read {
  explicit Read(const std::string& yaml, const Variables& variables = {}) {
    file = folder.write("payoutd.yaml", yaml);
    reading = read_config(file, reads(variables));
  }
  const EffectiveSetting& at(const std::string& path) const {
    for (const auto& one : reading.config.settings)
      if (one.path == path) return one;
    throw std::runtime_error("no setting " + path);
  }
  std::string text(const std::string& path) const {
    const auto& one = at(path);
    std::string source = one.source_text();
    if (const auto slash = source.rfind('/'); slash != std::string::npos) source = source.substr(slash + 1);
    return one.value.value_or("null") + " | " + source;
  }
  std::string problems() const {
    std::string all;
    for (const auto& one : reading.problems) all += one.path + ": " + one.reason + "\n";
    return all;
  }
  std::string warnings() const {
    std::string all;
    for (const auto& one : reading.config.warnings) all += one.path + ": " + one.reason + "\n";
    return all;
  }
  TemporaryFolder folder;
  std::filesystem::path file;
  ConfigReading reading;
};

std::string read_text(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

bool is_live(const char* url) {
  return live_system(url).has_value();
}

std::string paths(const std::vector<SettingDifference>& all) {
  std::string text;
  for (const auto& one : all) text += one.path + (one.needs_restart ? "! " : " ");
  return text;
}

constexpr auto* kProvider = R"(providers:
  momo-ci:
    plugin: momo
    settings: {base_url: "http://127.0.0.1:1", password: planted-in-settings}
    secrets:
      api_key: planted-current
      subscription_key: [planted-new, planted-old]
    webhooks:
      secrets:
        - {id: june, secret: planted-webhook-june}
        - planted-webhook-plain
)";

}  // namespace

TEST_CASE("every setting has its value and its source", "[effective]") {
  const Read read("name: a\nengine:\n  poll_interval: 90s\nmaintenance: {windows: [Sun 02:00-04:00]}\n",
                  {{"ENV", "dev"}, {"CORS_ALLOW_ORIGINS", "https://a.example"}});
  CHECK(read.problems().empty());
  CHECK(read.text("name") == "a | payoutd.yaml:1");
  CHECK(read.text("engine.poll_interval") == "90s | payoutd.yaml:3");
  CHECK(read.text("engine.backoff.base") == "30s | default");
  CHECK(read.text("public_url") == "null | not set");
  CHECK(read.text("auth.required") == "false | default");
  CHECK(read.text("environment") == "dev | environment variable ENV");
  CHECK(read.text("cors.allow_origins") == "[https://a.example] | environment variable CORS_ALLOW_ORIGINS");
  CHECK(read.text("maintenance.windows") == "[Sun 02:00-04:00] | payoutd.yaml:4");
  CHECK(read.at("engine.poll_interval").live);
  CHECK_FALSE(read.at("http.listen").live);
}

TEST_CASE("no secret is in what a configuration comes to", "[effective]") {
  const Read read(std::string("instance_key: planted-instance-key-of-32-characters\n"
                              "database: postgresql://u:planted-dsn@db/x\nauth:\n  keys:\n"
                              "    - {kid: may, secret: planted-signing-key-of-32-characters}\n") +
                      kProvider,
                  {{"MOMO_WEBHOOK_SECRET", "planted-variable"}});
  CHECK(read.problems().empty());
  int secrets = 0;
  for (const auto& one : read.reading.config.settings) {
    INFO(one.path << " = " << one.value.value_or(""));
    CHECK(one.value.value_or("").find("planted") == std::string::npos);
    secrets += one.is_secret ? 1 : 0;
  }
  CHECK(secrets == 12);
  CHECK(read.text("providers.momo-ci.secrets.subscription_key") == "***, *** | payoutd.yaml:12");
  CHECK(read.text("auth.keys[0].kid") == "may | payoutd.yaml:5");
  CHECK(read.text("providers.momo-ci.webhooks.secrets[0].id") == "june | payoutd.yaml:15");
  const Read referenced("instance_key: env:KEY\n");
  CHECK(referenced.text("instance_key") == "*** (env:KEY) | payoutd.yaml:1");
}

TEST_CASE("a profile goes before the rest of the file, in its environment only", "[effective]") {
  const std::string yaml =
      "environment: dev\nengine: {poll_interval: 1s, dry_run: false}\nlimits: {per_payout: {XOF: 10}}\n"
      "profiles:\n  staging:\n    engine: {poll_interval: 30s}\n    limits: {per_payout: {XOF: 5}}\n"
      "    auth: {keys: [{kid: s, secret: env:STAGING}]}\n"
      "    providers: {momo-s: {plugin: momo, environment: sandbox}}\n"
      "  prod:\n    engine: {poll_interval: 60s}\n";
  const Variables variables{{"STAGING", "a signing secret of 32 characters"}};
  const Read dev(yaml, variables);
  CHECK(dev.problems().empty());
  CHECK(dev.text("engine.poll_interval") == "1s | payoutd.yaml:2");
  auto with = variables;
  with["ENV"] = "staging";
  const Read staging(yaml, with);
  CHECK(staging.problems().empty());
  CHECK(staging.text("engine.poll_interval") == "30s | payoutd.yaml:6");
  CHECK(staging.reading.config.live_config.engine.poll_interval == std::chrono::seconds(30));
  CHECK(staging.reading.config.live_config.limits.per_payout.at("XOF") == Amount::parse("5").value());
  CHECK(staging.reading.config.live_config.access.keyring.find("s") != nullptr);
  CHECK(staging.reading.config.live_config.providers.contains("momo-s"));
  CHECK_FALSE(dev.reading.config.live_config.providers.contains("momo-s"));
  CHECK(paths(differences(dev.reading.config.settings, staging.reading.config.settings)) ==
        "auth.keys[0].kid auth.keys[0].secret auth.required! engine.poll_interval environment! "
        "limits.per_payout.XOF providers.momo-s.enabled! providers.momo-s.environment! "
        "providers.momo-s.plugin! ");
  CHECK(Read("profiles: {stagin: {}}\n").problems() ==
        "profiles.stagin: is not a setting, did you mean 'staging'?\n");
  CHECK(Read("profiles: {dev: {environment: prod}}\n").problems() ==
        "profiles.dev.environment: does not belong into a profile\n");
  CHECK(Read("profiles: {dev: {engine: {pol_interval: 1s}}}\n").problems() ==
        "engine.pol_interval: is not a setting, did you mean 'poll_interval'?\n");
}

TEST_CASE("what differs, and what of it a reload takes over", "[effective]") {
  const Read before(std::string("name: a\nengine: {poll_interval: 1s}\n") + kProvider);
  std::string changed = kProvider;
  changed.replace(changed.find("planted-current"), 15, "planted-another");
  const Read after(std::string("name: b\nengine: {poll_interval: 2s}\n") + changed);
  const auto found = differences(before.reading.config.settings, after.reading.config.settings);
  CHECK(paths(found) == "engine.poll_interval name! providers.momo-ci.secrets.api_key ");
  const auto now = taken_over(before.reading.config.settings, after.reading.config.settings);
  CHECK(paths(differences(now, after.reading.config.settings)) == "name! ");
  CHECK(paths(differences(before.reading.config.settings, before.reading.config.settings)).empty());
  const Read off(
      std::string("name: a\nengine: {poll_interval: 1s}\n") +
      std::string(kProvider).replace(std::string(kProvider).find("    plugin"), 0, "    enabled: false\n"));
  CHECK(paths(differences(before.reading.config.settings, off.reading.config.settings)) ==
        "providers.momo-ci.enabled! ");
}

TEST_CASE("staging refuses live credentials, prod those of a sandbox", "[effective]") {
  const auto in = [](const std::string& environment, const std::string& declared, const std::string& url) {
    Variables variables{{"ENV", environment},
                        {"JWT_SECRET", "a signing secret of 32 characters"},
                        {"MOMO_WEBHOOK_SECRET", "a webhook secret of 32 characters"}};
    return Read("plugins_dir: /nowhere\nproviders:\n  momo-ci:\n    plugin: momo\n" +
                    (declared.empty() ? std::string() : "    environment: " + declared + "\n") +
                    "    settings: {base_url: \"" + url + "\"}\n",
                variables);
  };
  const std::string live = "https://proxy.momoapi.mtn.com/v1";
  const std::string sandbox = "https://sandbox.momodeveloper.mtn.com";
  CHECK(in("staging", "sandbox", sandbox).problems().empty());
  CHECK(in("staging", "sandbox", sandbox).warnings().empty());
  CHECK(in("staging", "", live).problems() ==
        "providers.momo-ci.settings.base_url: leads to the live system of MTN MoMo, which pays real money: "
        "not in "
        "staging\n");
  CHECK(in("staging", "sandbox", live).problems().find("not in staging") != std::string::npos);
  CHECK(in("staging", "live", sandbox).problems() ==
        "providers.momo-ci.environment: is live: staging takes no live credentials\n");
  CHECK(in("staging", "", sandbox).warnings().find("does not say `environment: sandbox`") !=
        std::string::npos);
  CHECK(in("prod", "live", live).problems().empty());
  CHECK(in("prod", "sandbox", sandbox).problems() ==
        "providers.momo-ci.environment: is sandbox: in prod nobody would be paid through it\n");
  CHECK(in("dev", "", live).warnings().find("pays real money") != std::string::npos);
  CHECK(in("dev", "test", live).problems() == "providers.momo-ci.environment: must be sandbox or live\n");
}

TEST_CASE("live systems are known by their names", "[effective]") {
  CHECK(live_system("https://proxy.momoapi.mtn.com") == "MTN MoMo");
  CHECK(live_system("https://PROXY.momoapi.MTN.com:443/x") == "MTN MoMo");
  CHECK(live_system("https://api-mt.thunes.com") == "Thunes");
  CHECK_FALSE(is_live("https://api-mt.pre.thunes.com"));
  CHECK_FALSE(is_live("https://evil-thunes.com"));
  CHECK_FALSE(is_live("https://testapimarchand2.moov-africa.bj:2010/x"));
  CHECK(is_live("https://apimarchand.moov-africa.bj/x"));
  CHECK_FALSE(is_live("proxy.momoapi.mtn.com"));
  CHECK_FALSE(is_live("http://"));
}

TEST_CASE("fingerprints tell secrets apart and say nothing else", "[effective]") {
  const Fingerprints ours(Secret("an instance key of 32 characters!"));
  const Fingerprints theirs(Secret("another instance key, as long !!"));
  const Secret secret("planted-secret");
  CHECK(ours.of(secret).size() == 16);
  CHECK(ours.of(secret) == ours.of(Secret("planted-secret")));
  CHECK(ours.of(secret) != ours.of(Secret("planted-secreT")));
  CHECK(ours.of(secret) != theirs.of(secret));
}

TEST_CASE("docs/configuration.md has the reference as it is now", "[effective]") {
  const auto text = read_text(std::filesystem::path(PAYOUTD_SOURCE_DIR) / "docs/configuration.md");
  const auto written = with_section(text, "settings (payoutctl config reference)", describe_config());
  REQUIRE(written);
  INFO("payoutctl config reference --into docs/configuration.md");
  CHECK((*written == text));
}

TEST_CASE("config/payoutd.yaml names every setting", "[effective]") {
  // Each as its last word before a colon, in use or behind a #.
  const auto text = read_text(std::filesystem::path(PAYOUTD_SOURCE_DIR) / "config/payoutd.yaml");
  for (const auto& value : config_reference()) {
    const std::string path(value.at("path").as_string());
    if (path.find("PROVIDER") != std::string::npos || path.find("CURRENCY") != std::string::npos ||
        path.find("NAME") != std::string::npos || path.starts_with("profiles."))
      continue;
    const auto dot = path.rfind('.');
    const std::string name = (dot == std::string::npos ? path : path.substr(dot + 1)) + ":";
    INFO(path);
    CHECK(text.find(name) != std::string::npos);
  }
}
