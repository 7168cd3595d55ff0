#pragma once
#include <payoutd/awaitable.hpp>

#include "ops/metrics.hpp"
#include "store/pool.hpp"

namespace payoutd::daemon {

/// Reads what the database alone knows for the metrics: when it was last backed up and checked. Host thread
/// only.
class DatabaseSampler {
 public:
  explicit DatabaseSampler(store::Pool& pool) : pool_(pool) {}
  /// Before run().
  void attach(ops::Metrics& metrics) { metrics_ = &metrics; }

  /// Until stop(); never throws: while the database is away the figures stay as they were.
  Awaitable<void> run();
  void stop() { stopping_ = true; }

 private:
  Awaitable<void> sample();

  store::Pool& pool_;
  ops::Metrics* metrics_ = nullptr;
  bool stopping_ = false;
};

}  // namespace payoutd::daemon
