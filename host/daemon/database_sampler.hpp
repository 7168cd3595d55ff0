#pragma once
#include <filesystem>
#include <payoutd/awaitable.hpp>

#include "daemon/database_pools.hpp"
#include "daemon/report_reader.hpp"
#include "engine/heart.hpp"
#include "ops/metrics.hpp"
#include "store/pool.hpp"

namespace payoutd::daemon {

/// Reads what the database alone knows for the metrics: locks, backups, replicas, storage. Stops submits
/// while the database's disk is full. Host thread only.
class DatabaseSampler {
 public:
  struct Parts {
    store::Pool& pool;
    DatabasePools& pools;
    ReportReader& reports;
    engine::Heart& heart;
    std::filesystem::path embedded_in;  ///< the folder of the embedded database; empty: it is elsewhere
  };
  explicit DatabaseSampler(Parts parts) : parts_(std::move(parts)) {}
  /// Before run() and watch_storage().
  void attach(ops::Metrics& metrics) { metrics_ = &metrics; }

  /// Until stop(); never throws: while the database is away the figures stay as they were.
  Awaitable<void> run();
  /// Looks several times a second whether work failed because the disk is full.
  Awaitable<void> watch_storage();
  void stop() { stopping_ = true; }

 private:
  Awaitable<void> sample_locks();
  Awaitable<void> sample_maintenance();
  Awaitable<void> sample_storage();
  Awaitable<void> sample_replicas();
  void set_full(bool is_full);

  Parts parts_;
  ops::Metrics* metrics_ = nullptr;
  bool stopping_ = false;
  bool full_ = false;
};

}  // namespace payoutd::daemon
