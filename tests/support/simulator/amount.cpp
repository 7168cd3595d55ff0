#include "amount.hpp"

#include <algorithm>

#include "text.hpp"

namespace simulator {
namespace {

constexpr int kDecimals = 8;
constexpr std::size_t kMaxWholeDigits = 15;
constexpr Units kOne = 100'000'000;

}  // namespace

std::optional<Units> parse_amount(std::string_view text, int decimals) {
  const auto point = text.find('.');
  const auto whole = text.substr(0, point);
  if (!all_digits(whole) || whole.size() > kMaxWholeDigits) return std::nullopt;
  Units units = 0;
  for (const char c : whole) units = units * 10 + (c - '0');
  units *= kOne;
  if (point == std::string_view::npos) return units;

  const auto fraction = text.substr(point + 1);
  if (!all_digits(fraction) || fraction.size() > static_cast<std::size_t>(std::min(decimals, kDecimals))) {
    return std::nullopt;
  }
  Units place = kOne;
  for (const char c : fraction) {
    place /= 10;
    units += place * (c - '0');
  }
  return units;
}

std::string to_text(Units units) {
  const bool negative = units < 0;
  if (negative) units = -units;
  auto whole = units / kOne;
  auto fraction = static_cast<long long>(units % kOne);
  std::string text;
  do {
    text.insert(text.begin(), static_cast<char>('0' + static_cast<int>(whole % 10)));
    whole /= 10;
  } while (whole != 0);
  if (fraction != 0) {
    auto digits = std::to_string(fraction);
    digits.insert(0, static_cast<std::size_t>(kDecimals) - digits.size(), '0');
    digits.erase(digits.find_last_not_of('0') + 1);
    text += "." + digits;
  }
  return negative ? "-" + text : text;
}

}  // namespace simulator
