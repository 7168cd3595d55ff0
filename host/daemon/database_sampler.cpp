#include "daemon/database_sampler.hpp"

#include <boost/asio/this_coro.hpp>

#include "core/signal.hpp"
#include "ops/log.hpp"
#include "store/activity.hpp"
#include "store/inventory.hpp"
#include "store/prune.hpp"

namespace payoutd::daemon {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kInterval{5'000};
constexpr milliseconds kLook{250};
// The work's own locks are held for milliseconds.
constexpr milliseconds kLongLockWait{1'000};
// After the last refusal for want of space: then it is tried again.
constexpr milliseconds kFullFor{5'000};

}  // namespace

Awaitable<void> DatabaseSampler::sample_locks() {
  const auto waiters = co_await parts_.pool.transact(
      [](pqxx::transaction_base& work) { return store::lock_waiters(work, kLongLockWait); });
  metrics_->show("payoutd_database_lock_waiters", {{"", static_cast<double>(waiters)}});
}

Awaitable<void> DatabaseSampler::sample_maintenance() {
  const auto all =
      co_await parts_.pool.transact([](pqxx::transaction_base& work) { return store::maintenance(work); });
  std::map<std::string, std::int64_t> last{{"backup", 0}, {"restore_check", 0}};
  for (const store::Maintenance& one : all) last[one.name] = one.succeeded_at_s;
  for (const char* name : {"backup", "restore_check"}) metrics_->last_success(name, last[name]);
}

Awaitable<void> DatabaseSampler::sample_storage() {
  const auto bytes = co_await parts_.pool.transact([](pqxx::transaction_base& work) {
    return work.exec1("select pg_database_size(current_database())")[0].as<std::int64_t>();
  });
  std::optional<double> used;
  std::error_code error;
  if (!parts_.embedded_in.empty()) {
    const auto space = std::filesystem::space(parts_.embedded_in, error);
    if (!error && space.capacity > 0)
      used = 1 - static_cast<double>(space.available) / static_cast<double>(space.capacity);
  }
  metrics_->database_storage(bytes, used);
}

Awaitable<void> DatabaseSampler::sample_replicas() {
  if (const auto lag = co_await parts_.reports.measure_lag()) metrics_->replica_lag("read", *lag);
  const auto seen =
      co_await parts_.pool.transact([](pqxx::transaction_base& work) { return store::replica_lag(work); });
  if (seen.readable) metrics_->replica_lag("primary", seen.longest);
}

Awaitable<void> DatabaseSampler::run() {
  core::Signal never(co_await boost::asio::this_coro::executor);
  while (!stopping_) {
    try {
      co_await sample_locks();  // first, as what follows reads tables that may be locked
      co_await sample_maintenance();
      co_await sample_storage();
      co_await sample_replicas();
    } catch (const store::StoreError&) {
      // The pools' gauges say that the database is away.
    }
    co_await never.wait(kInterval);
  }
}

void DatabaseSampler::set_full(bool is_full) {
  if (full_ == is_full) return;
  full_ = is_full;
  parts_.heart.set_database_full(is_full);
  metrics_->storage_full(is_full);
  if (is_full)
    log::error("database.storage_full",
               "The database's disk is full (53100). Nothing is submitted until it takes writes again.");
  else
    log::info("database.storage_recovered", "The database takes writes again; submits go on.");
}

Awaitable<void> DatabaseSampler::watch_storage() {
  core::Signal never(co_await boost::asio::this_coro::executor);
  std::uint64_t seen = 0;
  auto last = std::chrono::steady_clock::time_point::min();
  while (!stopping_) {
    const auto now = std::chrono::steady_clock::now();
    if (const auto count = parts_.pools.storage_full(); count != seen) {
      seen = count;
      last = now;
      set_full(true);
    } else if (full_ && now - last > kFullFor) {
      set_full(false);
    }
    co_await never.wait(kLook);
  }
}

}  // namespace payoutd::daemon
