#include "daemon/database_sampler.hpp"

#include <boost/asio/this_coro.hpp>

#include "core/signal.hpp"
#include "store/inventory.hpp"

namespace payoutd::daemon {
namespace {

constexpr std::chrono::milliseconds kInterval{5'000};

}  // namespace

Awaitable<void> DatabaseSampler::sample() {
  const auto all =
      co_await pool_.transact([](pqxx::transaction_base& work) { return store::maintenance(work); });
  std::map<std::string, std::int64_t> last{{"backup", 0}, {"restore_check", 0}};
  for (const store::Maintenance& one : all) last[one.name] = one.succeeded_at_s;
  for (const char* name : {"backup", "restore_check"}) metrics_->last_success(name, last[name]);
}

Awaitable<void> DatabaseSampler::run() {
  core::Signal never(co_await boost::asio::this_coro::executor);
  while (!stopping_) {
    try {
      co_await sample();
    } catch (const store::StoreError&) {
      // The pools' gauges say that the database is away.
    }
    co_await never.wait(kInterval);
  }
}

}  // namespace payoutd::daemon
