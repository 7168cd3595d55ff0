#pragma once
#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace payoutd::test {

/// MoMo as far as its clients see it, which notes when it was asked for what. Every payment is pending until
/// finish().
class CountingProvider {
 public:
  using Clock = std::chrono::steady_clock;
  CountingProvider();
  ~CountingProvider();
  CountingProvider(const CountingProvider&) = delete;
  CountingProvider& operator=(const CountingProvider&) = delete;

  std::string url() const;
  void finish() { finished_ = true; }
  std::vector<Clock::time_point> submits() const;
  std::vector<Clock::time_point> queries() const;
  /// The most that happened in any time of this length.
  static int most_in(std::vector<Clock::time_point> times, std::chrono::milliseconds length);

 private:
  void serve();
  void serve_one(int connection);
  std::string answer(const std::string& request);

  int listener_ = -1;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> finished_{false};
  mutable std::mutex mutex_;
  std::vector<Clock::time_point> submits_;
  std::vector<Clock::time_point> queries_;
  std::map<std::string, std::string> transfers_;  ///< body by reference
  std::atomic<int> open_{0};
  std::thread thread_;
};

}  // namespace payoutd::test
