#pragma once
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "ctl/load_api.hpp"
#include "ctl/percentiles.hpp"

namespace payoutd::ctl {

/// What is posted, and when.
struct LoadPlan {
  std::int64_t payouts = 0;
  int bulk = 1;           ///< payouts in a request
  double per_second = 0;  ///< payouts
  int connections = 1;    ///< requests that may be under way at the same time
  std::string provider;
  std::string amount;
  std::string currency;
  std::string destination_prefix;
  int destination_digits = 0;  ///< behind the prefix, counting
  std::string batch;
  std::string key_prefix;  ///< each payout's idempotency key is this and its number
};

/// What came of posting it.
struct LoadPosted {
  std::int64_t requests = 0;
  Percentiles admission;  ///< of each payout that was taken, from the time at which it should have been sent
  std::map<std::string, std::int64_t> errors;  ///< payouts that were not taken, by code
  std::vector<std::string> ids;                ///< of those that were
  std::chrono::microseconds latest_start{0};   ///< how long after its time a request was sent, at the worst
  std::chrono::microseconds took{0};

  std::int64_t failed() const;
  void add(LoadPosted other);
};

/// Posts at a fixed rate, whatever the host does (an open loop): each request has its time from the start on,
/// and a latency counts from that time. So a host that stands still is not hidden by requests that were not
/// made meanwhile.
class LoadSender {
 public:
  LoadSender(LoadPlan plan, LoadApi::Where where) : plan_(std::move(plan)), where_(std::move(where)) {}

  /// Blocks until all of it was posted or `stopped` says so; calls `progress` ten times a second.
  LoadPosted run(const std::function<bool()>& stopped, const std::function<void()>& progress);

  // For the progress line, from any thread.
  std::int64_t taken() const { return taken_; }
  std::int64_t failed() const { return failed_; }

 private:
  using Clock = std::chrono::steady_clock;

  LoadPosted work(Clock::time_point start);
  Clock::time_point time_of(std::int64_t request, Clock::time_point start) const;
  boost::json::array payouts_of(std::int64_t request) const;

  LoadPlan plan_;
  LoadApi::Where where_;
  std::atomic<std::int64_t> next_{0};
  std::atomic<std::int64_t> taken_{0};
  std::atomic<std::int64_t> failed_{0};
  std::atomic<bool> stopped_{false};
};

}  // namespace payoutd::ctl
