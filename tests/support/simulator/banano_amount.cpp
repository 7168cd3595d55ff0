#include "banano_amount.hpp"

#include <algorithm>

#include "text.hpp"

namespace simulator::banano {
namespace {

constexpr std::size_t kDecimals = 29;
constexpr Raw kMax = ~Raw{0};

/// Digits only; none when they say more than 2^128 - 1.
std::optional<Raw> read_digits(std::string_view digits) {
  if (!all_digits(digits)) return std::nullopt;
  Raw raw = 0;
  for (const char c : digits) {
    const auto digit = static_cast<unsigned>(c - '0');
    if (raw > (kMax - digit) / 10) return std::nullopt;
    raw = raw * 10 + digit;
  }
  return raw;
}

}  // namespace

std::optional<Raw> parse_raw(std::string_view text) {
  if (text.size() > 39 || (text.size() > 1 && text[0] == '0')) return std::nullopt;
  return read_digits(text);
}

std::string raw_text(Raw raw) {
  std::string text;
  do {
    text += static_cast<char>('0' + static_cast<int>(raw % 10));
    raw /= 10;
  } while (raw != 0);
  std::reverse(text.begin(), text.end());
  return text;
}

std::optional<Raw> parse_ban(std::string_view text) {
  const auto point = text.find('.');
  const bool has_point = point != std::string_view::npos;
  const auto fraction = has_point ? text.substr(point + 1) : std::string_view{};
  if (text.empty() || point == 0 || (has_point && fraction.empty()) || fraction.size() > kDecimals)
    return std::nullopt;
  std::string digits{text.substr(0, point)};
  digits.append(fraction).append(kDecimals - fraction.size(), '0');
  return read_digits(digits);
}

std::string ban_text(Raw raw) {
  auto digits = raw_text(raw);
  if (digits.size() <= kDecimals) digits.insert(0, kDecimals + 1 - digits.size(), '0');
  digits.insert(digits.size() - kDecimals, ".");
  digits.erase(digits.find_last_not_of('0') + 1);
  if (digits.back() == '.') digits.pop_back();
  return digits;
}

Units units_of(Raw raw) {
  constexpr std::size_t kSmaller = kDecimals - 8;
  for (std::size_t at = 0; at < kSmaller; ++at) raw /= 10;
  return static_cast<Units>(raw);
}

}  // namespace simulator::banano
