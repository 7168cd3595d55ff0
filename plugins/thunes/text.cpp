#include "text.hpp"

#include <algorithm>
#include <charconv>
#include <payoutd/text.hpp>

namespace thunes {
namespace {

constexpr std::string_view kDigits = "0123456789";

// ---- dates
// -----------------------------------------------------------------------------------------------------

/// Takes `count` digits off the front of `text`; -1 if they are not there.
int take_number(std::string_view& text, std::size_t count) {
  if (text.size() < count || !payoutd::is_digits(text.substr(0, count))) return -1;
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

bool is_clean_text(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = payoutd::utf8_length(text);
    if (length == 0 || payoutd::is_control(text.substr(0, length))) return false;
    text.remove_prefix(length);
  }
  return true;
}

bool is_identifier(std::string_view text) {
  return payoutd::is_word(text, "-_");
}

}  // namespace thunes
