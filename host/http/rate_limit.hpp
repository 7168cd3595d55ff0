#pragma once
#include <chrono>
#include <string>
#include <unordered_map>

namespace payoutd::http {

/// A token bucket for each key: so many a second on average, `burst` at once. Holds a bounded number of
/// buckets; those that are full again are forgotten first. For one thread.
class RateLimit {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::size_t kMostKeys = 20'000;

  /// 0 a second: everything is let through. Buckets keep what is in them.
  void configure(double per_second, double burst);

  /// Zero if the request may go on; else how long until the next may, and nothing was taken.
  std::chrono::milliseconds take(const std::string& key, Clock::time_point now = Clock::now());

 private:
  struct Bucket {
    double left = 0;
    Clock::time_point at{};
  };
  double refilled(const Bucket& bucket, Clock::time_point now) const;
  void make_room(Clock::time_point now);

  double per_second_ = 0;
  double burst_ = 0;
  std::unordered_map<std::string, Bucket> buckets_;
};

}  // namespace payoutd::http
