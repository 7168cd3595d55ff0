#include "ctl/percentiles.hpp"

#include <algorithm>

namespace payoutd::ctl {

void Percentiles::add(Duration duration) {
  measured_.push_back(duration);
  sorted_ = false;
}

void Percentiles::add(const Percentiles& others) {
  measured_.insert(measured_.end(), others.measured_.begin(), others.measured_.end());
  sorted_ = false;
}

Percentiles::Duration Percentiles::at(int percent) const {
  if (measured_.empty()) return Duration{0};
  if (!sorted_) std::ranges::sort(measured_);
  sorted_ = true;
  const std::size_t rank = (measured_.size() * static_cast<std::size_t>(percent) + 99) / 100;
  return measured_[std::max<std::size_t>(rank, 1) - 1];
}

boost::json::object Percentiles::to_json() const {
  const auto ms = [this](int percent) -> boost::json::value {
    if (measured_.empty()) return nullptr;
    return static_cast<double>(at(percent).count()) / 1000;
  };
  return {
      {"count", count()}, {"p50_ms", ms(50)}, {"p95_ms", ms(95)}, {"p99_ms", ms(99)}, {"max_ms", ms(100)}};
}

}  // namespace payoutd::ctl
