// What must stay on a provider's account, as the configuration says it.
#include <catch2/catch.hpp>

#include "ops/config.hpp"
#include "temporary_folder.hpp"

using namespace payoutd;
using namespace payoutd::ops;

namespace {

Config load(const TemporaryFolder& folder, const std::string& minimum) {
  const auto nothing = [](const std::string&) -> std::optional<std::string> { return std::nullopt; };
  return load_config(folder.write("payoutd.yaml", "providers:\n  momo:\n    plugin: momo\n" + minimum),
                     nothing);
}

core::MinimumBalance accepted(const std::string& minimum) {
  const TemporaryFolder folder;
  return load(folder, "    minimum_balance: " + minimum + "\n")
      .live_config.providers.at("momo")
      .minimum_balance.value();
}

std::string refusal(const std::string& minimum) {
  const TemporaryFolder folder;
  try {
    load(folder, "    minimum_balance: " + minimum + "\n");
    return "accepted";
  } catch (const ConfigError& error) {
    return error.what();
  }
}

}  // namespace

TEST_CASE("a minimum balance is read, with a margin of 10 % and an age of a minute by default", "[config]") {
  CHECK(accepted("{currency: BAN, amount: 50}") ==
        core::MinimumBalance{"BAN", Amount::parse("50").value(), 10, std::chrono::seconds{60}});
  CHECK(accepted("{currency: BAN, amount: 0.00000001, margin_percent: 0, max_age: 90s}") ==
        core::MinimumBalance{"BAN", Amount::from_units(1), 0, std::chrono::seconds{90}});
  CHECK(accepted("{currency: XOF, amount: 0}").amount.is_zero());
  const TemporaryFolder folder;
  CHECK_FALSE(load(folder, "").live_config.providers.at("momo").minimum_balance);
}

TEST_CASE("a minimum balance that is none is refused by field, place and reason", "[config]") {
  const std::string at = "payoutd.yaml:4:";
  const std::string path = "providers.momo.minimum_balance";
  const auto refused = [&](const std::string& minimum, const std::string& field, const std::string& why) {
    const std::string text = refusal(minimum);
    INFO(text);
    CHECK_THAT(text, Catch::Contains(at) && Catch::Contains(path + field + ": " + why));
  };
  refused("50000", "", "must be a section with currency and amount");
  refused("{amount: 50}", "", "has no currency");
  refused("{currency: XOF}", "", "has no amount");
  refused("{currency: XYZ, amount: 50}", ".currency", "is not a currency that payoutd knows");
  refused("{currency: XOF, amount: 0.5}", ".amount", "has more than the 0 decimals of XOF");
  refused("{currency: XOF, amount: -1}", ".amount", "");
  refused("{currency: XOF, amount: 1e3}", ".amount", "");
  refused("{currency: XOF, amount: 1, margin_percent: 10.5}", ".margin_percent",
          "must be a whole number of percent from 0 to 100");
  refused("{currency: XOF, amount: 1, margin_percent: 101}", ".margin_percent", "must be a whole number");
  refused("{currency: XOF, amount: 1, max_age: 500ms}", ".max_age", "must be a time from 1s to 1h");
  refused("{currency: XOF, amount: 1, max_age: soon}", ".max_age", "must be a time");
  refused("{currency: XOF, amount: 1, margin_percnt: 10}", ".margin_percnt",
          "is not a setting, did you mean 'margin_percent'?");
}

TEST_CASE("a minimum balance is a live setting", "[config]") {
  const TemporaryFolder folder;
  const Config config = load(folder, "    minimum_balance: {currency: XOF, amount: 50000}\n");
  const auto one = std::ranges::find(config.settings, std::string("providers.momo.minimum_balance.amount"),
                                     &EffectiveSetting::path);
  REQUIRE(one != config.settings.end());
  CHECK(one->live);
  CHECK(one->value == "50000");
}
