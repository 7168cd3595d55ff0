#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace payoutd::identity {

/// What somebody may do. Each route of the API names the one that it asks for.
enum class Role : std::uint8_t {
  payouts_read,     ///< see the payouts of one's own client
  payouts_write,    ///< make payouts for one's own client
  webhooks_replay,  ///< have stored provider callbacks worked off again
  metrics_read,     ///< read metrics, and why the host is not ready
  support_read,     ///< see what Support tells clients: counts by provider, and no payout
  approver,         ///< approve payouts that limits or rules hold
  admin,            ///< see the payouts of every client; everything else under /v1/admin
};

/// `payouts:read`, `payouts:write`, `webhooks:replay`, `metrics:read`, `support:read`, `approver`, `admin`.
std::string_view to_string(Role role) noexcept;
std::optional<Role> parse_role(std::string_view name) noexcept;
/// The names of all roles.
const std::vector<std::string>& role_names();

class Roles {
 public:
  constexpr Roles() = default;
  constexpr Roles(std::initializer_list<Role> roles) {
    for (const Role role : roles) add(role);
  }
  static constexpr Roles all() {
    return {Role::payouts_read, Role::payouts_write, Role::webhooks_replay,
            Role::metrics_read, Role::support_read,  Role::approver,
            Role::admin};
  }

  constexpr void add(Role role) { bits_ |= bit(role); }
  constexpr bool has(Role role) const { return (bits_ & bit(role)) != 0; }
  constexpr bool empty() const { return bits_ == 0; }
  /// `admin` includes reading payouts, metrics and Support's status, and replaying webhooks. It includes
  /// neither making nor approving payouts, so that one token alone cannot do both.
  constexpr bool allow(Role wanted) const {
    return has(wanted) ||
           (has(Role::admin) && (wanted == Role::payouts_read || wanted == Role::webhooks_replay ||
                                 wanted == Role::metrics_read || wanted == Role::support_read));
  }
  std::vector<std::string> names() const;
  friend constexpr bool operator==(Roles, Roles) = default;

 private:
  static constexpr std::uint8_t bit(Role role) {
    return static_cast<std::uint8_t>(1U << static_cast<unsigned>(role));
  }
  std::uint8_t bits_ = 0;
};

}  // namespace payoutd::identity
