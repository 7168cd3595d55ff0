#include <catch2/catch.hpp>

#include "policy/bundle.hpp"

using namespace payoutd::policy;

TEST_CASE("the shipped scripts load and pass their tests", "[shipped]") {
  const std::filesystem::path directory = std::filesystem::path(PAYOUTD_SOURCE_DIR) / "scripts";
  if (!std::filesystem::exists(directory)) return;
  try {
    const auto bundle = Bundle::build(read_scripts(directory));
    CHECK(bundle->tests_run() > 0);
    CHECK(bundle->hash().size() == 64);
  } catch (const ScriptError& error) {
    FAIL(error.what());
  }
}
