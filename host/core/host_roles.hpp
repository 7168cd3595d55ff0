#pragma once
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace payoutd::core {

/// What a host does. Health, metrics and the control socket are served by every host.
enum class HostRole : std::uint8_t {
  worker,  ///< claims payouts, submits them, asks about them; works off stored callbacks; notifies; tidies up
  api,     ///< takes payouts of clients in, and shows them
  webhooks,  ///< takes callbacks of providers in
  admin,     ///< serves operators over HTTP
};

/// `worker`, `api`, `webhooks`, `admin`.
std::string_view to_string(HostRole role) noexcept;
std::optional<HostRole> parse_host_role(std::string_view name) noexcept;

class HostRoles {
 public:
  constexpr HostRoles() = default;
  constexpr HostRoles(std::initializer_list<HostRole> roles) {
    for (const HostRole role : roles) add(role);
  }
  static constexpr HostRoles all() {
    return {HostRole::worker, HostRole::api, HostRole::webhooks, HostRole::admin};
  }

  constexpr void add(HostRole role) { bits_ |= bit(role); }
  constexpr bool has(HostRole role) const { return (bits_ & bit(role)) != 0; }
  constexpr bool empty() const { return bits_ == 0; }
  std::vector<std::string> names() const;
  friend constexpr bool operator==(HostRoles, HostRoles) = default;

 private:
  static constexpr std::uint8_t bit(HostRole role) {
    return static_cast<std::uint8_t>(1U << static_cast<unsigned>(role));
  }
  std::uint8_t bits_ = 0;
};

/// The names with a comma between them.
std::string to_text(HostRoles roles);

}  // namespace payoutd::core
