#include "core/host_roles.hpp"

#include <array>
#include <utility>

namespace payoutd::core {
namespace {

constexpr auto kNames = std::to_array<std::pair<HostRole, std::string_view>>({
    {HostRole::worker, "worker"},
    {HostRole::api, "api"},
    {HostRole::webhooks, "webhooks"},
    {HostRole::admin, "admin"},
});

}  // namespace

std::string_view to_string(HostRole role) noexcept {
  for (const auto& [one, name] : kNames)
    if (one == role) return name;
  return "";
}

std::optional<HostRole> parse_host_role(std::string_view name) noexcept {
  for (const auto& [role, one] : kNames)
    if (one == name) return role;
  return std::nullopt;
}

std::vector<std::string> HostRoles::names() const {
  std::vector<std::string> names;
  for (const auto& [role, name] : kNames)
    if (has(role)) names.emplace_back(name);
  return names;
}

std::string to_text(HostRoles roles) {
  std::string text;
  for (const std::string& name : roles.names()) text += (text.empty() ? "" : ", ") + name;
  return text;
}

}  // namespace payoutd::core
