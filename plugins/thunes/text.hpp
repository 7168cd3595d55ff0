#pragma once
#include <chrono>
#include <optional>
#include <payoutd/money.hpp>
#include <string>
#include <string_view>
#include <vector>

/// The texts that the Thunes API is made of: decimals, dates, phone numbers, messages. Pure, and safe on any
/// bytes.
namespace thunes {

using Time = std::chrono::sys_seconds;

/// Why `destination` cannot be an MSISDN for this API, as half a sentence; nullopt if it can. An empty list
/// of prefixes allows every country.
std::optional<std::string> msisdn_problem(std::string_view destination,
                                          const std::vector<std::string>& prefixes);

/// Reads `2026-01-01T10:00:00Z`, with or without a fraction, with `Z`, an offset or neither (then it is UTC).
std::optional<Time> parse_time(std::string_view text);
std::string format_time(Time time);

/// A decimal number of any notation that JSON allows, exactly: `1e4`, `10000.000`. Nullopt for a sign, for
/// garbage, for more than payoutd can hold.
std::optional<payoutd::Amount> parse_decimal(std::string_view text);

/// A text of the provider's that may be logged and shown: control characters gone, digit runs of seven or
/// more masked but for their last two (they may be account numbers), at most 200 bytes.
std::string safe_text(std::string_view text);

/// Well-formed UTF-8 without control characters.
bool is_clean_text(std::string_view text);

/// Letters, digits, '-' and '_', at most 64: safe in a path.
bool is_identifier(std::string_view text);

/// A balance may be larger, finer or lower than any amount that payoutd pays. It is shown as the nearest
/// below that can be counted, and less than nothing as nothing; nullopt if it is no number.
std::optional<payoutd::Amount> parse_balance(std::string_view text);

bool is_digits(std::string_view text);

}  // namespace thunes
