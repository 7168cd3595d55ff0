#include "daemon/database_pools.hpp"

#include <boost/json.hpp>

namespace payoutd::daemon {

ops::PoolSnapshot snapshot(const store::PoolStats& s) {
  ops::PoolSnapshot out;
  out.size = s.size;
  out.connected = s.connected;
  out.busy = s.busy;
  out.outdated = s.outdated;
  out.queued = s.queued;
  out.acquired = s.acquired;
  out.acquire_timeouts = s.acquire_timeouts;
  out.connect_failures = s.connect_failures;
  out.connections_lost = s.connections_lost;
  out.wait_bounds_s.assign(s.kWaitBounds_s.begin(), s.kWaitBounds_s.end());
  out.wait_counts.assign(s.wait_counts.begin(), s.wait_counts.end());
  out.wait_sum_s = s.wait_sum_s;
  out.run_bounds_s.assign(s.kRunBounds_s.begin(), s.kRunBounds_s.end());
  out.run_counts.assign(s.run_counts.begin(), s.run_counts.end());
  out.run_sum_s = s.run_sum_s;
  out.storage_full = s.storage_full;
  out.too_many_connections = s.too_many_connections;
  return out;
}

boost::json::array DatabasePools::to_json() const {
  boost::json::array all;
  for (const Pool& one : pools_) {
    const store::PoolStats stats = one.pool->stats();
    const double waits = static_cast<double>(std::max<std::uint64_t>(stats.acquired, 1));
    all.push_back(boost::json::object{{"name", one.name},
                                      {"connections", stats.size},
                                      {"connected", stats.connected},
                                      {"busy", stats.busy},
                                      {"outdated", stats.outdated},
                                      {"queued", stats.queued},
                                      {"acquired", stats.acquired},
                                      {"acquire_timeouts", stats.acquire_timeouts},
                                      {"connect_failures", stats.connect_failures},
                                      {"connections_lost", stats.connections_lost},
                                      {"mean_wait_ms", stats.wait_sum_s * 1000 / waits},
                                      {"mean_run_ms", stats.run_sum_s * 1000 / waits},
                                      {"last_connect_error", stats.last_connect_error},
                                      {"resizable", one.resizable}});
  }
  return all;
}

bool DatabasePools::resize(const std::string& name, int connections) {
  for (const Pool& one : pools_) {
    if (one.name != name || !one.resizable) continue;
    one.pool->resize(connections);
    return true;
  }
  return false;
}

void DatabasePools::show(ops::Metrics& metrics) const {
  for (const Pool& one : pools_) metrics.pool(one.name, snapshot(one.pool->stats()));
}

std::uint64_t DatabasePools::storage_full() const {
  std::uint64_t count = 0;
  for (const Pool& one : pools_) count += one.pool->stats().storage_full;
  return count;
}

std::vector<store::Pool*> DatabasePools::all() const {
  std::vector<store::Pool*> pools;
  for (const Pool& one : pools_) pools.push_back(one.pool);
  return pools;
}

void DatabasePools::stop() {
  for (const Pool& one : pools_) one.pool->stop();
}

}  // namespace payoutd::daemon
