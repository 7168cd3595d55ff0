#include "timestamp.hpp"

#include <array>
#include <charconv>
#include <cstdio>

namespace simulator {

using namespace std::chrono;

Timestamp now() {
  return floor<milliseconds>(system_clock::now());
}

std::string to_text(Timestamp at) {
  const auto day = floor<days>(at);
  const year_month_day date{day};
  const hh_mm_ss time{at - day};
  std::array<char, 32> text{};
  const int length = std::snprintf(
      text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", static_cast<int>(date.year()),
      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
      static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
      static_cast<int>(time.seconds().count()), static_cast<int>(time.subseconds().count()));
  return {text.data(), static_cast<std::size_t>(length)};
}

std::optional<Timestamp> parse_timestamp(std::string_view text) {
  std::int64_t since_epoch_ms = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), since_epoch_ms);
  if (error == std::errc{} && end == text.data() + text.size())
    return Timestamp{milliseconds{since_epoch_ms}};

  const std::string copy{text};
  int year_number = 0;
  unsigned month_number = 0;
  unsigned day_number = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;
  int fraction_ms = 0;
  const int read = std::sscanf(copy.c_str(), "%4d-%2u-%2uT%2d:%2d:%2d.%3dZ", &year_number, &month_number,
                               &day_number, &hour, &minute, &second, &fraction_ms);
  const year_month_day date{year{year_number}, month{month_number}, day{day_number}};
  if (read < 6 || !date.ok()) return std::nullopt;
  return Timestamp{sys_days{date} + hours{hour} + minutes{minute} + seconds{second} +
                   milliseconds{fraction_ms}};
}

}  // namespace simulator
