#pragma once
#include <string>

namespace payoutd::core {

/// The token with which somebody came, by the names that it carries. Empty: they came without one, or over
/// the control socket, where the kernel says who they are.
struct UsedToken {
  std::string key_id{};  ///< of the key that signed it
  std::string id{};      ///< its own: `jti`
};

}  // namespace payoutd::core
