#include <payoutd/decimal.hpp>
#include <payoutd/text.hpp>

namespace payoutd {
namespace {

struct Decimal {
  std::string whole;     ///< no leading zeros but "0"
  std::string fraction;  ///< no trailing zeros
};

std::optional<int> read_exponent(std::string_view text) {
  static constexpr int kLargest = 40;
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  if (!is_digits(text)) return std::nullopt;
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || value > kLargest) return std::nullopt;
  return negative ? -value : value;
}

/// Moves the decimal point as the exponent says: on the text, where nothing can be lost.
std::optional<Decimal> parse_decimal(std::string_view text) {
  static constexpr std::size_t kLongest = 64;
  if (text.size() > kLongest) return std::nullopt;
  int exponent = 0;
  if (const auto e = text.find_first_of("eE"); e != std::string_view::npos) {
    const auto read = read_exponent(text.substr(e + 1));
    if (!read) return std::nullopt;
    exponent = *read;
    text = text.substr(0, e);
  }
  const auto point = text.find('.');
  const auto whole = text.substr(0, point);
  const auto fraction = point == std::string_view::npos ? std::string_view{} : text.substr(point + 1);
  if (!is_digits(whole) || (whole.size() > 1 && whole[0] == '0')) return std::nullopt;
  if (point != std::string_view::npos && !is_digits(fraction)) return std::nullopt;
  std::string digits = std::string(whole).append(fraction);
  int place = static_cast<int>(whole.size()) + exponent;
  if (place < 1) digits.insert(0, static_cast<std::size_t>(1 - place), '0'), place = 1;
  const auto places = static_cast<std::size_t>(place);
  if (digits.size() < places) digits.append(places - digits.size(), '0');
  Decimal decimal{digits.substr(0, places), digits.substr(places)};
  decimal.whole.erase(0, std::min(decimal.whole.find_first_not_of('0'), decimal.whole.size() - 1));
  while (decimal.fraction.ends_with('0')) decimal.fraction.pop_back();
  return decimal;
}

std::optional<Amount> amount_of(const Decimal& decimal) {
  const auto amount =
      Amount::parse(decimal.fraction.empty() ? decimal.whole : decimal.whole + "." + decimal.fraction);
  return amount ? std::optional(*amount) : std::nullopt;
}

}  // namespace

std::optional<Amount> read_decimal(std::string_view text) {
  const auto decimal = parse_decimal(text);
  return decimal ? amount_of(*decimal) : std::nullopt;
}

std::optional<Amount> read_balance(std::string_view text) {
  static constexpr std::size_t kWholeDigitsOfLimit = 10;
  const bool negative = text.starts_with('-');
  auto decimal = parse_decimal(negative ? text.substr(1) : text);
  if (!decimal) return std::nullopt;
  if (negative) return Amount{};
  if (decimal->whole.size() > kWholeDigitsOfLimit) return Amount::from_units(Amount::kLimitUnits - 1);
  decimal->fraction.resize(std::min<std::size_t>(decimal->fraction.size(), Amount::kDecimals));
  return amount_of(*decimal);
}

}  // namespace payoutd
