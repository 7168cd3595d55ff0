#pragma once
#include <compare>
#include <cstdint>
#include <optional>
#include <ostream>
#include <payoutd/result.hpp>
#include <string>
#include <string_view>

namespace payoutd {

/// An exact, non-negative amount of some currency: a count of 10^-8 units, below 10^10 units. Never a float.
class Amount {
 public:
  static constexpr int kDecimals = 8;
  static constexpr std::int64_t kUnitsPerOne = 100'000'000;
  static constexpr std::int64_t kLimitUnits = 10'000'000'000 * kUnitsPerOne;  ///< exclusive

  constexpr Amount() = default;

  /// From a count of 10^-8 units; throws std::out_of_range outside [0, 10^18).
  static Amount from_units(std::int64_t units);

  /// Reads `123`, `123.45`, at most 8 decimals; no sign, no exponent, no spaces, no leading zeros but `0.…`.
  static Result<Amount> parse(std::string_view text);

  constexpr std::int64_t units() const noexcept { return units_; }
  constexpr bool is_zero() const noexcept { return units_ == 0; }

  /// The shortest exact decimal text: `100`, `0.5`, `1.00000001`.
  std::string to_string() const;

  /// Exactly `decimals` places, as providers want it (`100` for XOF, `10.50` for EUR); throws
  /// std::invalid_argument if digits would be lost.
  std::string to_fixed(int decimals) const;

  /// True if no digit stands behind the given decimal place.
  bool fits(int decimals) const noexcept;

  friend constexpr auto operator<=>(const Amount&, const Amount&) = default;

 private:
  std::int64_t units_ = 0;
};

std::ostream& operator<<(std::ostream& out, const Amount& amount);

/// How many decimals a currency has (XOF 0, EUR 2, BAN 8), or nullopt for a code that payoutd does not know.
std::optional<int> currency_decimals(std::string_view code) noexcept;

/// An amount with its currency (ISO 4217 code, or the network's own such as BAN).
struct Money {
  Amount amount;
  std::string currency;

  friend bool operator==(const Money&, const Money&) = default;
};

/// Reads an amount that is to be paid: greater than zero, in a known currency and within its decimals. The
/// Problem names `amount` or `currency`.
Result<Money> parse_money(std::string_view amount, std::string_view currency);

}  // namespace payoutd
