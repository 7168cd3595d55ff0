#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace simulator {

using Timestamp = std::chrono::time_point<std::chrono::system_clock, std::chrono::milliseconds>;

Timestamp now();

/// RFC 3339 in UTC with milliseconds: "2026-01-31T09:30:00.250Z".
std::string to_text(Timestamp at);

/// Reads what `to_text` writes (milliseconds optional), or a count of milliseconds since 1970.
std::optional<Timestamp> parse_timestamp(std::string_view text);

}  // namespace simulator
