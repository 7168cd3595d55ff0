#pragma once
#include <chrono>
#include <functional>
#include <payoutd/awaitable.hpp>

#include "engine/observer.hpp"
#include "store/pool.hpp"

namespace payoutd::jobs {

struct HousekeeperOptions {
  std::chrono::milliseconds interval{60'000};
  std::chrono::seconds archive_after{3'600};  ///< finished payouts stay this long among the live ones
  int archive_batch = 1'000;
};

/// Keeps the tables in shape: partitions ahead of time, finished payouts to the history, old traces away. Any
/// number of hosts may do it at once.
class Housekeeper {
 public:
  Housekeeper(store::Pool& pool, engine::Observer& observer, HousekeeperOptions options)
      : pool_(pool), observer_(observer), options_(options) {}

  Awaitable<void> run();
  Awaitable<void> run_once();
  void stop() { stopping_ = true; }

 private:
  store::Pool& pool_;
  engine::Observer& observer_;
  HousekeeperOptions options_;
  bool stopping_ = false;
};

}  // namespace payoutd::jobs
