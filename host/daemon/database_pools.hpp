#pragma once
#include <boost/json/array.hpp>
#include <string>
#include <vector>

#include "ops/metrics.hpp"
#include "store/pool.hpp"

namespace payoutd::daemon {

ops::PoolSnapshot snapshot(const store::PoolStats& stats);

/// The host's pools by their names, as operators see them. The work, the API, the jobs and the heartbeat have
/// pools of their own, so that none can starve another. Host thread only.
class DatabasePools {
 public:
  struct Pool {
    std::string name;
    store::Pool* pool = nullptr;
    bool resizable = true;
  };
  explicit DatabasePools(std::vector<Pool> pools) : pools_(std::move(pools)) {}

  boost::json::array to_json() const;
  /// False: there is no such pool, or it has one size.
  bool resize(const std::string& name, int connections);
  void show(ops::Metrics& metrics) const;
  /// Work that ended because the database's disk was full, in all pools since the start.
  std::uint64_t storage_full() const;
  std::vector<store::Pool*> all() const;
  void stop();

 private:
  std::vector<Pool> pools_;
};

}  // namespace payoutd::daemon
