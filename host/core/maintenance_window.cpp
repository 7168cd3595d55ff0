#include "core/maintenance_window.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <utility>

namespace payoutd::core {
namespace {

using std::chrono::days;
using std::chrono::minutes;
using std::chrono::sys_days;
using std::chrono::weekday;

constexpr minutes kDay{24 * 60};
constexpr int kLookAhead = 62;  // days; longer than any month and the one after it take to come round

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  return out;
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  for (const char c : text) {
    if (c != ' ' && c != '\t') {
      word += c;
    } else if (!word.empty()) {
      words.push_back(std::exchange(word, {}));
    }
  }
  if (!word.empty()) words.push_back(std::move(word));
  return words;
}

std::optional<weekday> weekday_of(const std::string& word) {
  constexpr std::array<std::string_view, 7> kNames{"sunday",   "monday", "tuesday", "wednesday",
                                                   "thursday", "friday", "saturday"};
  for (unsigned i = 0; i < kNames.size(); ++i)
    if (word == kNames[i] || word == kNames[i].substr(0, 3)) return weekday(i);
  return std::nullopt;
}

std::optional<int> nth_of(const std::string& word) {
  constexpr std::array<std::string_view, 4> kNames{"first", "second", "third", "fourth"};
  for (std::size_t i = 0; i < kNames.size(); ++i)
    if (word == kNames[i]) return static_cast<int>(i) + 1;
  if (word == "last") return -1;
  return std::nullopt;
}

/// `2:00`, `02:00`, `24:00`.
std::optional<minutes> time_of_day(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon > 2 || text.size() != colon + 3)
    return std::nullopt;
  int hour = 0;
  int minute = 0;
  const auto read = [](std::string_view digits, int& value) {
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return error == std::errc() && end == digits.data() + digits.size() && digits.front() != '-';
  };
  if (!read(text.substr(0, colon), hour) || !read(text.substr(colon + 1), minute)) return std::nullopt;
  if (hour > 24 || minute > 59 || (hour == 24 && minute != 0)) return std::nullopt;
  return minutes{hour * 60 + minute};
}

bool falls_on(const MaintenanceWindow& window, sys_days day) {
  const std::chrono::year_month_day date(day);
  if (window.day && weekday(day) != *window.day) return false;
  const unsigned of_month = static_cast<unsigned>(date.day());
  if (window.nth > 0) return (of_month - 1) / 7 + 1 == static_cast<unsigned>(window.nth);
  if (window.nth == 0) return true;
  const std::chrono::year_month_day_last last(date.year(), std::chrono::month_day_last(date.month()));
  return of_month + 7 > static_cast<unsigned>(last.day());
}

MaintenancePeriod period_of(const MaintenanceWindow& window, sys_days day) {
  return {UtcTime(day + window.from), UtcTime(day + window.to), window.text};
}

/// The period that `at` lies in: from where the first window of it began to where the last of them ends.
std::optional<MaintenancePeriod> covering(const std::vector<MaintenanceWindow>& windows, UtcTime at) {
  std::optional<MaintenancePeriod> first;
  const auto today = std::chrono::floor<days>(at);
  for (const MaintenanceWindow& window : windows) {
    for (const sys_days day : {today - days{1}, today}) {
      if (!falls_on(window, day)) continue;
      const MaintenancePeriod one = period_of(window, day);
      if (at < one.begins || at >= one.ends) continue;
      if (!first || one.begins < first->begins) {
        const UtcTime ends = first ? std::max(first->ends, one.ends) : one.ends;
        first = one;
        first->ends = ends;
      } else {
        first->ends = std::max(first->ends, one.ends);
      }
    }
  }
  return first;
}

/// Windows that touch or overlap are one period.
MaintenancePeriod to_its_end(const std::vector<MaintenanceWindow>& windows, MaintenancePeriod period) {
  for (int i = 0; i < kLookAhead; ++i) {  // windows that fill every day have no end
    const auto more = covering(windows, period.ends);
    if (!more) return period;
    period.ends = more->ends;
  }
  return period;
}

}  // namespace

std::string utc_text(UtcTime time) {
  const auto day = std::chrono::floor<days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::seconds>(time) - day);
  char text[40];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02dZ", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()));
  return text;
}

Result<MaintenanceWindow> parse_maintenance_window(std::string_view text) {
  static const Problem wrong{
      "",
      "must be like 'Sun 02:00-04:00', 'first Sat 01:00-06:00', 'last Fri 22:00-23:30' "
      "or 'daily 03:00-03:30', in UTC"};
  std::vector<std::string> words = words_of(text);
  MaintenanceWindow window;
  window.text = std::string(text);
  if (words.size() == 3) {
    const auto nth = nth_of(lower(words[0]));
    if (!nth) return wrong;
    window.nth = *nth;
    words.erase(words.begin());
  }
  if (words.size() != 2) return wrong;
  const std::string day = lower(words[0]);
  window.day = weekday_of(day);
  if (!window.day && (day != "daily" || window.nth != 0)) return wrong;
  const auto dash = words[1].find('-');
  if (dash == std::string::npos) return wrong;
  const auto from = time_of_day(std::string_view(words[1]).substr(0, dash));
  const auto to = time_of_day(std::string_view(words[1]).substr(dash + 1));
  if (!from || !to || *from == kDay) return wrong;
  if (*from == *to) return Problem{"", "ends when it begins; a whole day is 00:00-24:00"};
  window.from = *from;
  window.to = *to > *from ? *to : *to + kDay;
  return window;
}

std::optional<MaintenancePeriod> maintenance_at(const std::vector<MaintenanceWindow>& windows, UtcTime now) {
  const auto period = covering(windows, now);
  if (!period) return std::nullopt;
  return to_its_end(windows, *period);
}

std::optional<MaintenancePeriod> next_maintenance(const std::vector<MaintenanceWindow>& windows,
                                                  UtcTime now) {
  std::optional<MaintenancePeriod> first;
  const auto today = std::chrono::floor<days>(now);
  for (const MaintenanceWindow& window : windows) {
    for (int ahead = 0; ahead < kLookAhead; ++ahead) {
      const sys_days day = today + days{ahead};
      if (!falls_on(window, day)) continue;
      const MaintenancePeriod one = period_of(window, day);
      if (one.begins <= now) continue;
      if (!first || one.begins < first->begins) first = one;
      break;
    }
  }
  if (!first) return std::nullopt;
  return to_its_end(windows, *first);
}

}  // namespace payoutd::core
