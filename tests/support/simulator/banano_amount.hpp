#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "amount.hpp"

namespace simulator::banano {

/// The smallest unit. The whole supply is 2^128 - 1 of them; 1 BAN is 10^29.
__extension__ typedef unsigned __int128 Raw;

/// As the node reads an amount: 1 to 39 digits, no sign, no zero in front of others, below 2^128.
std::optional<Raw> parse_raw(std::string_view text);
std::string raw_text(Raw raw);

/// A plain decimal of BAN with at most 29 digits after the point: "12.5".
std::optional<Raw> parse_ban(std::string_view text);

/// The shortest decimal of BAN that is exactly this many raw.
std::string ban_text(Raw raw);

/// For the payment ledger, which counts 10^-8: what is smaller is cut off.
Units units_of(Raw raw);

}  // namespace simulator::banano
