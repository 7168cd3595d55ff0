// What a host does: the setting `roles`.
#include <catch2/catch.hpp>

#include "ops/config.hpp"
#include "temporary_folder.hpp"

using namespace payoutd;
using core::HostRole;

namespace {

core::HostRoles roles_of(const std::string& line) {
  const TemporaryFolder folder;
  folder.write("payoutd.yaml", "environment: dev\ndatabase: postgresql://payoutd@db/payoutd\n" + line);
  const auto none = [](const std::string&) -> std::optional<std::string> { return std::nullopt; };
  return ops::load_config(folder.path() / "payoutd.yaml", none).static_config.roles;
}

}  // namespace

TEST_CASE("a host has all roles, or those that it is given", "[config]") {
  CHECK(roles_of("") == core::HostRoles::all());
  CHECK(roles_of("roles: [worker]\n") == core::HostRoles{HostRole::worker});
  CHECK(roles_of("roles: [api, webhooks, admin]\n") ==
        core::HostRoles{HostRole::api, HostRole::webhooks, HostRole::admin});
  CHECK(core::to_text(core::HostRoles::all()) == "worker, api, webhooks, admin");
  CHECK_THROWS_WITH(roles_of("roles: [wroker]\n"), Catch::Contains("roles[0]: 'wroker' is not a role") &&
                                                       Catch::Contains("did you mean 'worker'?"));
  CHECK_THROWS_WITH(roles_of("roles: []\n"),
                    Catch::Contains("roles: is empty: name at least one of worker, api"));
}
