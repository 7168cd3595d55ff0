#include "core/rate.hpp"

#include <charconv>
#include <numeric>

namespace payoutd::core {
namespace {

constexpr std::chrono::seconds period_of(char unit) {
  switch (unit) {
    case 's':
      return std::chrono::seconds{1};
    case 'm':
      return std::chrono::minutes{1};
    case 'h':
      return std::chrono::hours{1};
    default:
      return std::chrono::seconds{0};
  }
}

}  // namespace

Rate Rate::in_shortest_period() const {
  const auto divisor = std::gcd(count, std::int64_t{period.count()});
  return {count / divisor, std::chrono::seconds{period.count() / divisor}};
}

std::string Rate::to_string() const {
  if (!limited()) return {};
  for (const char unit : {'s', 'm', 'h'})
    if (period == period_of(unit)) return std::to_string(count) + "/" + unit;
  return std::to_string(count) + " in " + std::to_string(period.count()) + " s";
}

Result<Rate> Rate::parse(std::string_view text) {
  const Problem problem{"", "must be a rate from 1 to 1000000 such as 10/s, 300/m or 5000/h"};
  Rate rate;
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, rate.count);
  if (error != std::errc() || end - at != 2 || *at != '/') return problem;
  rate.period = period_of(at[1]);
  if (rate.period.count() == 0 || rate.count < 1 || rate.count > kMost) return problem;
  return rate;
}

}  // namespace payoutd::core
