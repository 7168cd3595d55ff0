#pragma once
#include <boost/json/object.hpp>
#include <chrono>
#include <cstdint>
#include <vector>

namespace payoutd::ctl {

/// Every measured duration is kept, so that percentiles are exact: the nearest rank, always one that was
/// measured.
class Percentiles {
 public:
  using Duration = std::chrono::microseconds;

  void add(Duration duration);
  void add(const Percentiles& others);

  std::int64_t count() const { return std::ssize(measured_); }
  /// So many per cent were not longer; `percent` from 1 to 100. Zero where nothing was measured.
  Duration at(int percent) const;
  Duration max() const { return at(100); }
  /// `count`, `p50_ms`, `p95_ms`, `p99_ms`, `max_ms`; milliseconds with three decimals, null where nothing
  /// was measured.
  boost::json::object to_json() const;

 private:
  mutable std::vector<Duration> measured_;
  mutable bool sorted_ = true;
};

}  // namespace payoutd::ctl
