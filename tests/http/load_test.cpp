// The parts of payoutctl load that need no host.
#include <catch2/catch.hpp>

#include "ctl/load_guard.hpp"
#include "ctl/percentiles.hpp"

using namespace payoutd::ctl;
namespace json = boost::json;
using std::chrono::milliseconds;

namespace {

json::object configured(const std::string& path, const std::string& value) {
  return {{"settings", json::array{json::object{{"path", "providers.momo.plugin"}, {"value", "momo"}},
                                   json::object{{"path", path}, {"value", value}}}}};
}

}  // namespace

TEST_CASE("percentiles are of what was measured: the nearest rank") {
  Percentiles all;
  CHECK(all.at(95).count() == 0);
  CHECK(all.to_json().at("p95_ms").is_null());
  for (int i = 100; i >= 1; --i) all.add(milliseconds(i));
  CHECK(all.at(50) == milliseconds(50));
  CHECK(all.at(95) == milliseconds(95));
  CHECK(all.at(99) == milliseconds(99));
  CHECK(all.max() == milliseconds(100));
  Percentiles one;
  one.add(milliseconds(7));
  CHECK(one.at(1) == milliseconds(7));
  CHECK(one.at(99) == milliseconds(7));
  all.add(one);
  CHECK(all.count() == 101);
  CHECK(all.to_json().at("max_ms").as_double() == Approx(100));
}

TEST_CASE("a load is let through only where no real money can be paid") {
  const std::string url = "providers.momo.settings.base_url";
  const auto loopback = configured(url, "http://127.0.0.1:4000");
  const auto sandbox = configured("providers.momo.environment", "sandbox");
  CHECK(real_money_risk("dev", sandbox, "momo").empty());
  CHECK(real_money_risk("staging", sandbox, "momo").empty());
  CHECK(real_money_risk("prod", sandbox, "momo") == "the host's environment is prod");
  CHECK(real_money_risk("", loopback, "momo") == "the host's environment is not known");
  CHECK(real_money_risk("dev", loopback, "thunes") == "the host has no provider thunes");
  CHECK(real_money_risk("dev", loopback, "momo") == "providers.momo.environment does not say sandbox");
  CHECK(real_money_risk("dev", configured("providers.momo.environment", "live"), "momo") ==
        "providers.momo.environment is live");
  CHECK(real_money_risk("dev", configured(url, "https://proxy.momoapi.mtn.com"), "momo") ==
        "providers.momo.settings.base_url leads to the live system of MTN MoMo");
}
