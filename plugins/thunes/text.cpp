#include "text.hpp"

#include <algorithm>
#include <charconv>

namespace thunes {
namespace {

using payoutd::Amount;

constexpr std::string_view kDigits = "0123456789";

// ---- decimals
// --------------------------------------------------------------------------------------------------

struct Decimal {
  std::string whole;     ///< no leading zeros but "0"
  std::string fraction;  ///< no trailing zeros
};

std::optional<int> read_exponent(std::string_view text) {
  static constexpr int kLargest = 40;
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  if (!is_digits(text) || text.size() > 3) return std::nullopt;
  int value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  if (value > kLargest) return std::nullopt;
  return negative ? -value : value;
}

/// Moves the decimal point as the exponent says: on the text, where nothing can be lost.
std::optional<Decimal> read_decimal(std::string_view text) {
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

std::string text_of(const Decimal& decimal) {
  return decimal.fraction.empty() ? decimal.whole : decimal.whole + "." + decimal.fraction;
}

// ---- UTF-8
// -----------------------------------------------------------------------------------------------------

/// The length in bytes of the well-formed UTF-8 sequence at the start of `text`, or 0.
std::size_t sequence_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  const bool overlong = (first == 0xE0 && byte(1) < 0xA0) || (first == 0xF0 && byte(1) < 0x90);
  const bool surrogate = first == 0xED && byte(1) > 0x9F;
  const bool too_large = first == 0xF4 && byte(1) > 0x8F;
  return overlong || surrogate || too_large ? 0 : length;
}

/// Controls, also those of C1, and the marks that turn the direction of writing.
bool is_control(std::string_view character) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(character[i]); };
  if (character.size() == 1) return byte(0) < 0x20 || byte(0) == 0x7F;
  if (character.size() == 2) return byte(0) == 0xC2 && byte(1) < 0xA0;
  return character.size() == 3 && character.starts_with("\xE2\x80") && byte(2) >= 0xA8 && byte(2) <= 0xAE;
}

void drop_last_character(std::string& text) {
  while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xC0) == 0x80) text.pop_back();
  if (!text.empty()) text.pop_back();
}

// ---- dates
// -----------------------------------------------------------------------------------------------------

/// Takes `count` digits off the front of `text`; -1 if they are not there.
int take_number(std::string_view& text, std::size_t count) {
  if (text.size() < count || !is_digits(text.substr(0, count))) return -1;
  int value = 0;
  std::from_chars(text.data(), text.data() + count, value);
  text.remove_prefix(count);
  return value;
}

bool take(std::string_view& text, std::string_view one_of) {
  if (text.empty() || one_of.find(text[0]) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

/// `Z`, `+02:00`, `+0200` or nothing.
std::optional<std::chrono::minutes> take_offset(std::string_view text) {
  if (text.empty() || text == "Z" || text == "z") return std::chrono::minutes{0};
  const int sign = text[0] == '-' ? -1 : 1;
  if (!take(text, "+-")) return std::nullopt;
  const int hours = take_number(text, 2);
  take(text, ":");
  const int minutes = take_number(text, 2);
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59 || !text.empty()) return std::nullopt;
  return sign * (std::chrono::hours{hours} + std::chrono::minutes{minutes});
}

}  // namespace

std::optional<std::string> msisdn_problem(std::string_view destination,
                                          const std::vector<std::string>& prefixes) {
  if (!is_digits(destination))
    return "must be an international phone number of digits only, without '+' or spaces";
  if (destination.size() < 8 || destination.size() > 15) return "must have 8 to 15 digits";
  if (destination.starts_with('0')) return "must begin with the country code, without leading zeros";
  const auto begins = [&](const std::string& prefix) { return destination.starts_with(prefix); };
  if (prefixes.empty() || std::ranges::any_of(prefixes, begins)) return std::nullopt;
  std::string list;
  for (const std::string& prefix : prefixes) list += (list.empty() ? "" : ", ") + prefix;
  return "must begin with " + list + " for this provider";
}

std::optional<Time> parse_time(std::string_view text) {
  using namespace std::chrono;
  const int y = take_number(text, 4);
  const bool dash_1 = take(text, "-");
  const int m = take_number(text, 2);
  const bool dash_2 = take(text, "-");
  const int d = take_number(text, 2);
  if (y < 2000 || m < 1 || d < 1 || !dash_1 || !dash_2) return std::nullopt;
  const year_month_day date{year{y}, month{static_cast<unsigned>(m)}, day{static_cast<unsigned>(d)}};
  if (!date.ok() || !take(text, "Tt ")) return std::nullopt;
  const int hour = take_number(text, 2);
  const bool colon_1 = take(text, ":");
  const int minute = take_number(text, 2);
  const bool colon_2 = take(text, ":");
  const int second = take_number(text, 2);
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60) return std::nullopt;
  if (!colon_1 || !colon_2) return std::nullopt;
  if (take(text, ".")) {
    const auto digits = std::min(text.find_first_not_of(kDigits), text.size());
    if (digits == 0) return std::nullopt;
    text.remove_prefix(digits);  // an instant a little earlier is the careful one
  }
  const auto offset = take_offset(text);
  if (!offset) return std::nullopt;
  return sys_days(date) + hours{hour} + minutes{minute} + seconds{second} - *offset;
}

std::string format_time(Time time) {
  using namespace std::chrono;
  const auto date = floor<days>(time);
  const year_month_day ymd(date);
  const hh_mm_ss clock(time - date);
  const auto padded = [](auto number, std::size_t width) {
    const std::string digits = std::to_string(number);
    return std::string(width > digits.size() ? width - digits.size() : 0, '0') + digits;
  };
  return padded(static_cast<int>(ymd.year()), 4) + "-" + padded(static_cast<unsigned>(ymd.month()), 2) + "-" +
         padded(static_cast<unsigned>(ymd.day()), 2) + "T" + padded(clock.hours().count(), 2) + ":" +
         padded(clock.minutes().count(), 2) + ":" + padded(clock.seconds().count(), 2) + "Z";
}

std::optional<Amount> parse_decimal(std::string_view text) {
  const auto decimal = read_decimal(text);
  if (!decimal) return std::nullopt;
  const auto amount = Amount::parse(text_of(*decimal));
  return amount ? std::optional(*amount) : std::nullopt;
}

std::string safe_text(std::string_view text) {
  static constexpr std::size_t kMaxBytes = 200, kAccountDigits = 7, kShownDigits = 2, kKeyCharacters = 32;
  static constexpr std::string_view kWord =
      "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_.=+";
  const auto run_of = [&text](std::string_view set) {
    return std::min(text.find_first_not_of(set), text.size());
  };
  std::string safe;
  while (!text.empty() && safe.size() < kMaxBytes) {
    if (const auto word = run_of(kWord); word >= kKeyCharacters) {
      safe += "***";
      text.remove_prefix(word);
      continue;
    }
    if (const auto digits = run_of(kDigits); digits > 0) {
      const bool masked = digits >= kAccountDigits;
      safe += masked ? "***" : "";
      safe += masked ? text.substr(digits - kShownDigits, kShownDigits) : text.substr(0, digits);
      text.remove_prefix(digits);
      continue;
    }
    const std::size_t length = sequence_length(text);
    const std::string_view character = text.substr(0, std::max<std::size_t>(length, 1));
    if (length > 0) safe += is_control(character) ? " " : character;
    text.remove_prefix(character.size());
  }
  while (safe.size() > kMaxBytes) drop_last_character(safe);
  return safe;
}

bool is_clean_text(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = sequence_length(text);
    if (length == 0 || is_control(text.substr(0, length))) return false;
    text.remove_prefix(length);
  }
  return true;
}

bool is_identifier(std::string_view text) {
  const auto allowed = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  };
  return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, allowed);
}

std::optional<Amount> parse_balance(std::string_view text) {
  static constexpr std::size_t kWholeDigitsOfLimit = 10;
  const bool negative = text.starts_with('-');
  auto decimal = read_decimal(negative ? text.substr(1) : text);
  if (!decimal) return std::nullopt;
  if (negative) return Amount{};
  if (decimal->whole.size() > kWholeDigitsOfLimit) return Amount::from_units(Amount::kLimitUnits - 1);
  decimal->fraction.resize(std::min<std::size_t>(decimal->fraction.size(), Amount::kDecimals));
  const auto amount = Amount::parse(text_of(*decimal));
  return amount ? std::optional(*amount) : std::nullopt;
}

bool is_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of(kDigits) == std::string_view::npos;
}

}  // namespace thunes
