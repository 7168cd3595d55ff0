#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

/// The texts that the Thunes API is made of and others are not. Pure, and safe on any bytes.
namespace thunes {

using Time = std::chrono::sys_seconds;

/// Reads `2026-01-01T10:00:00Z`, with or without a fraction, with `Z`, an offset or neither (then it is UTC).
std::optional<Time> parse_time(std::string_view text);
std::string format_time(Time time);

/// Well-formed UTF-8 without control characters.
bool is_clean_text(std::string_view text);

/// Letters, digits, '-' and '_', at most 64: safe in a path.
bool is_identifier(std::string_view text);

}  // namespace thunes
