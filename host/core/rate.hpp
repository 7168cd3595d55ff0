#pragma once
#include <chrono>
#include <cstdint>
#include <payoutd/result.hpp>
#include <string>
#include <string_view>

namespace payoutd::core {

/// So many of something in a time, written `10/s`, `300/m` or `5000/h`. A count of 0: without limit.
struct Rate {
  static constexpr std::int64_t kMost = 1'000'000;

  std::int64_t count = 0;
  std::chrono::seconds period{1};

  bool limited() const { return count > 0; }
  double per_second() const { return static_cast<double>(count) / static_cast<double>(period.count()); }
  /// The same in the shortest time that it can be counted in: 300 a minute are 5 a second, 90 are 3 in 2 s.
  Rate in_shortest_period() const;
  /// As it is written; empty without limit.
  std::string to_string() const;
  static Result<Rate> parse(std::string_view text);

  friend bool operator==(const Rate&, const Rate&) = default;
};

}  // namespace payoutd::core
