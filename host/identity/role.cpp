#include "identity/role.hpp"

namespace payoutd::identity {
namespace {

constexpr auto kNames = std::to_array<std::pair<Role, std::string_view>>({
    {Role::payouts_read, "payouts:read"},
    {Role::payouts_write, "payouts:write"},
    {Role::webhooks_replay, "webhooks:replay"},
    {Role::metrics_read, "metrics:read"},
    {Role::support_read, "support:read"},
    {Role::approver, "approver"},
    {Role::admin, "admin"},
});

}  // namespace

std::string_view to_string(Role role) noexcept {
  for (const auto& [one, name] : kNames)
    if (one == role) return name;
  return "";
}

std::optional<Role> parse_role(std::string_view name) noexcept {
  for (const auto& [role, one] : kNames)
    if (one == name) return role;
  return std::nullopt;
}

const std::vector<std::string>& role_names() {
  static const std::vector<std::string> names = Roles::all().names();
  return names;
}

std::vector<std::string> Roles::names() const {
  std::vector<std::string> names;
  for (const auto& [role, name] : kNames)
    if (has(role)) names.emplace_back(name);
  return names;
}

}  // namespace payoutd::identity
