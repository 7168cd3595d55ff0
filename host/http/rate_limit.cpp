#include "http/rate_limit.hpp"

#include <algorithm>

namespace payoutd::http {

void RateLimit::configure(double per_second, double burst) {
  per_second_ = per_second;
  burst_ = std::max(1.0, burst);
}

double RateLimit::refilled(const Bucket& bucket, Clock::time_point now) const {
  const std::chrono::duration<double> passed = now - bucket.at;
  return std::min(burst_, bucket.left + std::max(0.0, passed.count()) * per_second_);
}

std::chrono::milliseconds RateLimit::take(const std::string& key, Clock::time_point now) {
  if (per_second_ <= 0) return {};
  auto found = buckets_.find(key);
  if (found == buckets_.end()) {
    if (buckets_.size() >= kMostKeys) make_room(now);
    found = buckets_.emplace(key, Bucket{burst_, now}).first;
  }
  Bucket& bucket = found->second;
  bucket = {refilled(bucket, now), now};
  if (bucket.left >= 1) {
    bucket.left -= 1;
    return {};
  }
  const double wait_ms = (1 - bucket.left) / per_second_ * 1000;
  return std::chrono::milliseconds(std::max<std::int64_t>(1, static_cast<std::int64_t>(wait_ms)));
}

// A bucket that is full says nothing. If all are in use somebody has very many addresses, and forgetting some
// of them costs less than the memory for all.
void RateLimit::make_room(Clock::time_point now) {
  std::erase_if(buckets_, [&](const auto& entry) { return refilled(entry.second, now) >= burst_; });
  while (buckets_.size() >= kMostKeys) buckets_.erase(buckets_.begin());
}

}  // namespace payoutd::http
