// The secrets of callbacks, from files and from the environment.
#include <catch2/catch.hpp>
#include <fstream>

#include "ops/config.hpp"
#include "temporary_folder.hpp"

using namespace payoutd;

namespace {

using Variables = std::map<std::string, std::string>;

struct Loaded {
  explicit Loaded(const std::string& webhooks, Variables variables = {}, const std::string& head = "",
                  const std::string& plugin = "momo") {
    const auto file = folder.path() / "payoutd.yaml";
    std::ofstream(file) << head << "providers:\n  momo-ci:\n    plugin: " << plugin << "\n" << webhooks;
    try {
      config = ops::load_config(file, [variables](const std::string& name) {
        const auto found = variables.find(name);
        return found == variables.end() ? std::nullopt : std::optional<std::string>(found->second);
      });
    } catch (const ops::ConfigError& error) {
      problems = error.what();
    }
  }
  std::string keys() const {
    std::string text;
    for (const core::WebhookKey& key : config->live_config.providers.at("momo-ci").webhook_keys)
      text += key.id + "=" + key.secret.reveal() + (key.expires_at ? "!" : "") + " ";
    return text;
  }
  TemporaryFolder folder;
  std::optional<ops::Config> config;
  std::string problems;
};

}  // namespace

TEST_CASE("TMONEY_/FLOOZ_/MOMO_/THUNES_WEBHOOK_SECRET work as named") {
  for (const std::string plugin : {"tmoney", "flooz", "momo", "thunes"}) {
    std::string variable = plugin + "_WEBHOOK_SECRET";
    for (char& c : variable) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    const Loaded loaded("", {{variable, "the secret of the environment"}}, "", plugin);
    REQUIRE(loaded.config);
    CHECK(loaded.keys() == "env=the secret of the environment ");
    CHECK(Loaded("", {{"OTHER_WEBHOOK_SECRET", "x"}}, "", plugin).keys().empty());
  }
  CHECK(Loaded("", {{"MOMO_WEBHOOK_SECRET", "new"}, {"MOMO_WEBHOOK_SECRET_PREVIOUS", "old"}}).keys() ==
        "env=new env-previous=old ");
}

TEST_CASE("webhook secrets are an ordered list, current and previous with an expiry") {
  CHECK(Loaded("    webhooks:\n      secrets: only-one\n").keys() == "key-1=only-one ");
  CHECK(Loaded("    webhooks:\n      secrets: [first, second]\n").keys() == "key-1=first key-2=second ");
  const std::string list =
      "    webhooks:\n      secrets:\n        - {id: may, secret: first}\n"
      "        - {id: april, secret: second, expires_at: 2026-06-01T00:00:00Z}\n";
  CHECK(Loaded(list).keys() == "may=first april=second! ");
  CHECK(Loaded(list, {{"MOMO_WEBHOOK_SECRET", "third"}}).keys() == "may=first april=second! env=third ");
  CHECK(Loaded(list, {{"MOMO_WEBHOOK_SECRET", "first"}}).keys() == "may=first april=second! ");
}

TEST_CASE("mistakes in webhook secrets are said with their place, and never show a secret") {
  const auto refused = [](const std::string& webhooks, const std::string& reason) {
    const Loaded loaded(webhooks);
    INFO(loaded.problems);
    CHECK(loaded.problems.find("planted") == std::string::npos);
    CHECK(loaded.problems.find("payoutd.yaml:") != std::string::npos);
    CHECK(loaded.problems.find(reason) != std::string::npos);
  };
  refused("    webhooks:\n      secret: planted\n", "did you mean 'secrets'?");
  refused("    webhooks:\n      secrets:\n        - {id: a}\n", "has no secret");
  refused("    webhooks:\n      secrets:\n        - {id: a b, secret: planted}\n", "letters, digits");
  refused(
      "    webhooks:\n      secrets:\n        - {id: a, secret: planted}\n        - {id: a, secret: "
      "planted2}\n",
      "has the id of a secret above");
  refused("    webhooks:\n      secrets:\n        - {secret: planted, expires_at: tomorrow}\n",
          "2026-01-31T08:00:00Z");
  refused("    webhooks:\n      secrets:\n        - {secret: planted, until: x}\n", "until");
  refused("    webhooks:\n      secrets: \"env:NOT_SET_ANYWHERE\"\n", "is not set");
}

TEST_CASE(
    "in prod a missing webhook secret of an enabled provider is fatal, but for one that sends nothing") {
  const std::string prod = "environment: prod\n";
  const std::string reason = "has no secret that proves callbacks: set MOMO_WEBHOOK_SECRET";
  CHECK(Loaded("", {}, prod).problems.find(reason) != std::string::npos);
  CHECK(Loaded("    enabled: false\n", {}, prod).problems.find(reason) == std::string::npos);
  CHECK(Loaded("", {{"MOMO_WEBHOOK_SECRET", "long enough, and no placeholder"}}, prod)
            .problems.find("webhooks") == std::string::npos);
  CHECK(Loaded("", {{"MOMO_WEBHOOK_SECRET", "short"}}, prod).problems.find("shorter than 16") !=
        std::string::npos);
  CHECK(Loaded("", {}, prod, "flooz").problems.find("webhooks") == std::string::npos);
  CHECK(Loaded("", {}, "").problems.empty());
}
