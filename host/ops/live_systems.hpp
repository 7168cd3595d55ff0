#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace payoutd::ops {

/// Whose live system a URL leads to, which moves real money: `MTN MoMo`; nullopt: none that is known.
std::optional<std::string_view> live_system(std::string_view url) noexcept;

}  // namespace payoutd::ops
