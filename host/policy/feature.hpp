#pragma once
#include <chrono>
#include <compare>
#include <cstdint>
#include <optional>
#include <payoutd/money.hpp>
#include <payoutd/result.hpp>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace payoutd::policy {

/// A field of a payout that history can be grouped by, or whose values can be counted.
enum class Field { user, client, destination, region, provider };

/// The span of time that a feature looks back over, by the database's clock. Spans are half open: what is
/// exactly as old as the span is outside. Calendar spans begin at midnight UTC: of today, of Monday, of the
/// month's first day.
struct Window {
  enum class Kind { sliding, calendar_day, calendar_week, calendar_month, ever };
  Kind kind = Kind::sliding;
  std::chrono::seconds length{0};  ///< of a sliding one: 1 s to 400 days

  friend auto operator<=>(const Window&, const Window&) = default;
};

/// One thing that a rule wants to know of the past: of the payouts that screening allowed (and that did not
/// end unpaid), those that agree with this one in every field of `by`. A payout without a value for a field
/// of `by` has no history: the value is absent.
struct Feature {
  enum class What {
    count,           ///< how many, this payout included: an integer
    sum,             ///< of their amounts in this payout's currency, this payout included: an amount
    distinct,        ///< how many different values `of` has, this payout's included: an integer
    previous,        ///< the value of `of` in the latest one before this payout: a text, or absent
    since_previous,  ///< seconds since the latest one before this payout: an integer, or absent
    since_first,     ///< seconds since the first one before this payout: an integer, or absent
  };
  What what = What::count;
  std::vector<Field> by;          ///< sorted, without repeats, at least one
  Field of = Field::destination;  ///< for distinct and previous; elsewhere it stays as it is here
  Window window;

  friend auto operator<=>(const Feature&, const Feature&) = default;
};

/// Absent, an integer, an amount, or a text, as the feature's `what` says.
using FeatureValue = std::variant<std::monostate, std::int64_t, Money, std::string>;

std::string_view to_string(Field field) noexcept;
std::string_view to_string(Feature::What what) noexcept;
/// `24h`, `30m`, `90s`, `7d`, `day`, `week`, `month`, `ever`.
std::string to_string(const Window& window);

std::optional<Field> parse_field(std::string_view word) noexcept;
std::optional<Feature::What> parse_what(std::string_view word) noexcept;
/// Reads what to_string(Window) writes, and `1d`; the Problem has no field.
Result<Window> parse_window(std::string_view text);
std::vector<std::string> field_names();
std::vector<std::string> what_names();

}  // namespace payoutd::policy
