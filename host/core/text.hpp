#pragma once
#include <string>
#include <string_view>

namespace payoutd::core {

/// Well-formed UTF-8 without overlong forms, surrogates or values above U+10FFFF.
bool is_utf8(std::string_view text) noexcept;

/// A control character of ASCII (below 0x20, or 0x7f) stands in the text.
bool has_control_character(std::string_view text) noexcept;

/// How many code points the (well-formed) text has.
std::size_t length_utf8(std::string_view text) noexcept;

/// An account number or phone number shortened for people: its first 5 and last 2 characters (`22507•••12`).
std::string shorten_account(std::string_view account);

}  // namespace payoutd::core
