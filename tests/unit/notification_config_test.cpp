// The settings of notifications: where they may go, and the keys of their secrets.
#include <catch2/catch.hpp>

#include "ops/config.hpp"
#include "temporary_folder.hpp"

using namespace payoutd;
using ops::ConfigError;

namespace {

ops::Config load(const std::string& yaml, const std::map<std::string, std::string>& environment = {}) {
  const TemporaryFolder folder;
  folder.write("payoutd.yaml", yaml);
  folder.write("june", std::string(40, 'j') + "une\n");
  return ops::load_config(folder.path() / "payoutd.yaml", [&](const std::string& name) {
    const auto found = environment.find(name);
    return found == environment.end() ? std::nullopt : std::optional(found->second);
  });
}

std::string problems(const std::string& yaml, const std::map<std::string, std::string>& environment = {}) {
  try {
    load(yaml, environment);
    return "";
  } catch (const ConfigError& error) {
    return error.what();
  }
}

const std::map<std::string, std::string> kToken{{"JWT_SECRET", "a signing key for tokens, long enough"}};

}  // namespace

TEST_CASE("notifications without a section have the documented defaults, and no key", "[notifications]") {
  const auto c = load("environment: dev\n").live_config.notifications;
  CHECK(c.keys.empty());
  CHECK(c.allow_networks.empty());
  CHECK(c.timeout == std::chrono::seconds{10});
  CHECK(c.per_endpoint == 8);
  CHECK(c.max_in_flight == 128);
  CHECK(c.give_up_after == std::chrono::hours{72});
  CHECK(c.disable_after == std::chrono::hours{72});
  CHECK(c.rotation_overlap == std::chrono::hours{24});
  CHECK(c.keep == std::chrono::hours{24 * 30});
}

TEST_CASE("keys of notifications come from the file, or else from the variable", "[notifications]") {
  const auto from_file = load(
                             "notifications:\n  keys:\n    - {id: june, secret: \"file:june\"}\n    - {id: "
                             "may, secret: plain-in-dev}\n",
                             {{"NOTIFICATIONS_SECRET", "ignored beside the file's"}})
                             .live_config.notifications.keys;
  REQUIRE(from_file.size() == 2);
  CHECK(from_file[0].id == "june");
  CHECK(from_file[0].secret.reveal() == std::string(40, 'j') + "une");
  const auto from_variable = load("environment: dev\n", {{"NOTIFICATIONS_SECRET", "of the variable"}});
  REQUIRE(from_variable.live_config.notifications.keys.size() == 1);
  CHECK(from_variable.live_config.notifications.keys[0].id == "env");
}

TEST_CASE("mistakes in the section of notifications are named with their place", "[notifications]") {
  CHECK(problems("notifications:\n  keys: june\n").find("must be a list of keys") != std::string::npos);
  CHECK(problems("notifications:\n  keys:\n    - {id: a}\n").find("has no secret") != std::string::npos);
  CHECK(problems("notifications:\n  keys:\n    - {secret: x}\n").find("has no id") != std::string::npos);
  CHECK(problems("notifications:\n  keys:\n    - {id: a, secret: x}\n    - {id: a, secret: y}\n")
            .find("id of a key above") != std::string::npos);
  CHECK(problems("notifications:\n  keys:\n    - {id: instance, secret: x}\n").find("instance") !=
        std::string::npos);
  CHECK(problems("notifications:\n  keys:\n    - {id: a, secrt: x}\n").find("did you mean 'secret'") !=
        std::string::npos);
  CHECK(problems("notifications:\n  allow_networks: [10.0.0.0/8, nonsense]\n").find("neither an address") !=
        std::string::npos);
  CHECK(problems("notifications:\n  timout: 1s\n").find("did you mean 'timeout'") != std::string::npos);
  CHECK(problems("notifications:\n  keep: 1m\n") != "");
  CHECK(problems("notifications:\n  ca_file: nowhere.pem\n").find("there is no file") != std::string::npos);
}

TEST_CASE("outside of dev, a key of notifications is long and no placeholder", "[notifications]") {
  const auto with = [](const std::string& value) {
    auto environment = kToken;
    environment["NOTIFICATIONS_SECRET"] = value;
    return problems("environment: staging\n", environment);
  };
  CHECK(with("short").find("shorter than 32") != std::string::npos);
  CHECK(with(std::string(40, 'x')).find("placeholder") != std::string::npos);
  CHECK(with("6f1d9a02c57e4b83a7d0f2e1958c4b6a").empty());
}
