#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace simulator {

/// Money as a count of 10^-8 units; 128 bits, so that the sum of a long run cannot overflow.
__extension__ typedef __int128 Units;

/// Reads a plain decimal ("100", "0.50"): digits, at most `decimals` of them after a point, no sign, no
/// exponent, at most 15 digits before the point. Anything else is no amount.
std::optional<Units> parse_amount(std::string_view text, int decimals);

/// The shortest decimal that says the same: "100", "0.5".
std::string to_text(Units units);

}  // namespace simulator
