#include "jobs/housekeeper.hpp"

#include <boost/asio/this_coro.hpp>

#include "core/signal.hpp"
#include "store/housekeeping.hpp"
#include "store/idempotency.hpp"
#include "store/inbox.hpp"

namespace payoutd::jobs {

Awaitable<void> Housekeeper::run_once() {
  co_await pool_.transact([](pqxx::transaction_base& work) { store::ensure_partitions(work); });
  co_await pool_.transact([](pqxx::transaction_base& work) { store::forget_old(work); });
  co_await pool_.transact([](pqxx::transaction_base& work) { store::compact_outflow(work); });
  co_await pool_.transact([](pqxx::transaction_base& work) { store::prune_inbox(work); });
  co_await pool_.transact([](pqxx::transaction_base& work) { store::forget_conflicts(work); });
  for (;;) {
    const auto moved = co_await pool_.transact([o = options_](pqxx::transaction_base& work) {
      return store::archive_finished(work, o.archive_after, o.archive_batch);
    });
    if (moved < options_.archive_batch || stopping_) break;
  }
}

Awaitable<void> Housekeeper::run() {
  core::Signal never(co_await boost::asio::this_coro::executor);
  while (!stopping_) {
    std::string failure;
    try {
      co_await run_once();
    } catch (const std::exception& error) {
      failure = error.what();
    }
    if (!failure.empty()) {
      observer_.log(engine::LogLevel::warning, "jobs.housekeeping_failed",
                    "Housekeeping failed; it is tried again.", {{"error", failure}});
    }
    co_await never.wait(options_.interval);
  }
}

}  // namespace payoutd::jobs
