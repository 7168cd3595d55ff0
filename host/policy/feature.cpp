#include "policy/feature.hpp"

#include <array>
#include <charconv>

namespace payoutd::policy {
namespace {

constexpr std::int64_t kMinuteS = 60;
constexpr std::int64_t kHourS = 60 * kMinuteS;
constexpr std::int64_t kDayS = 24 * kHourS;
constexpr std::int64_t kMaxWindowS = 400 * kDayS;

constexpr std::array kFields{Field::user, Field::client, Field::destination, Field::region, Field::provider};
constexpr std::array kWhats{Feature::What::count,          Feature::What::sum,
                            Feature::What::distinct,       Feature::What::previous,
                            Feature::What::since_previous, Feature::What::since_first};

std::int64_t seconds_of(char unit) {
  switch (unit) {
    case 's':
      return 1;
    case 'm':
      return kMinuteS;
    case 'h':
      return kHourS;
    case 'd':
      return kDayS;
    default:
      return 0;
  }
}

template <class Values>
std::vector<std::string> names(const Values& values) {
  std::vector<std::string> all;
  for (const auto value : values) all.emplace_back(to_string(value));
  return all;
}

template <class Values>
auto find_named(const Values& values, std::string_view word) -> std::optional<typename Values::value_type> {
  for (const auto value : values)
    if (to_string(value) == word) return value;
  return std::nullopt;
}

}  // namespace

std::string_view to_string(Field field) noexcept {
  switch (field) {
    case Field::user:
      return "user";
    case Field::client:
      return "client";
    case Field::destination:
      return "destination";
    case Field::region:
      return "region";
    case Field::provider:
      return "provider";
  }
  return "";
}

std::string_view to_string(Feature::What what) noexcept {
  switch (what) {
    case Feature::What::count:
      return "count";
    case Feature::What::sum:
      return "sum";
    case Feature::What::distinct:
      return "distinct";
    case Feature::What::previous:
      return "previous";
    case Feature::What::since_previous:
      return "since_previous";
    case Feature::What::since_first:
      return "since_first";
  }
  return "";
}

std::string to_string(const Window& window) {
  switch (window.kind) {
    case Window::Kind::calendar_day:
      return "day";
    case Window::Kind::calendar_week:
      return "week";
    case Window::Kind::calendar_month:
      return "month";
    case Window::Kind::ever:
      return "ever";
    case Window::Kind::sliding:
      break;
  }
  const std::int64_t seconds = window.length.count();
  // One day is said in hours: `day` is the calendar's.
  if (seconds > kDayS && seconds % kDayS == 0) return std::to_string(seconds / kDayS) + 'd';
  if (seconds % kHourS == 0) return std::to_string(seconds / kHourS) + 'h';
  if (seconds % kMinuteS == 0) return std::to_string(seconds / kMinuteS) + 'm';
  return std::to_string(seconds) + 's';
}

std::optional<Field> parse_field(std::string_view word) noexcept {
  return find_named(kFields, word);
}

std::optional<Feature::What> parse_what(std::string_view word) noexcept {
  return find_named(kWhats, word);
}

std::vector<std::string> field_names() {
  return names(kFields);
}

std::vector<std::string> what_names() {
  return names(kWhats);
}

Result<Window> parse_window(std::string_view text) {
  using Kind = Window::Kind;
  for (const auto kind : {Kind::calendar_day, Kind::calendar_week, Kind::calendar_month, Kind::ever})
    if (const Window window{kind, {}}; text == to_string(window)) return window;
  const Problem unreadable{"",
                           "must be a span such as \"90s\", \"30m\", \"24h\" or \"7d\", or \"day\", "
                           "\"week\", \"month\" or \"ever\""};
  const std::int64_t unit = text.empty() ? 0 : seconds_of(text.back());
  const std::string_view digits = text.substr(0, text.empty() ? 0 : text.size() - 1);
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (unit == 0 || digits.empty() || digits.front() == '-' || error == std::errc::invalid_argument ||
      end != digits.data() + digits.size())
    return unreadable;
  if (error != std::errc{} || number < 1 || number > kMaxWindowS / unit)
    return Problem{"", "must be between 1s and 400d"};
  return Window{Kind::sliding, std::chrono::seconds{number * unit}};
}

}  // namespace payoutd::policy
