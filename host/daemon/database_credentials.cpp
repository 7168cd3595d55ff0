#include "daemon/database_credentials.hpp"

#include <boost/asio/this_coro.hpp>

#include "ops/log.hpp"

namespace payoutd::daemon {
namespace {

constexpr int kTryLimit_ms = 5'000;

Awaitable<void> try_to_connect(std::string dsn) {
  store::PoolOptions options;
  options.dsn = std::move(dsn);
  options.connections = 1;
  options.acquire_timeout_ms = kTryLimit_ms;
  options.application_name = "payoutd reload";
  store::Pool trial(co_await boost::asio::this_coro::executor, options);
  co_await trial.transact(
      [](pqxx::transaction_base& work) { work.exec("select count(*) from app.switches"); });
}

}  // namespace

Awaitable<bool> take_over_credentials(std::string before, std::string after,
                                      std::vector<store::Pool*> pools) {
  if (before == after) co_return true;
  std::string trouble;
  try {
    if (!store::same_database(before, after)) {
      log::warning("database.change_needs_restart",
                   "The configuration names another database, which takes effect at the next start.");
      co_return false;
    }
    co_await try_to_connect(after);
    for (store::Pool* pool : pools) pool->set_dsn(after);
  } catch (const std::exception& error) {
    trouble = error.what();
  }
  if (!trouble.empty()) {
    log::error("database.credentials_refused",
               "The database does not let the host in with the new credentials; those before stay in use.",
               {{"error", trouble}});
    co_return false;
  }
  log::info("database.credentials_changed",
            "New connections use the new credentials; those that stand are replaced one by one.");
  co_return true;
}

}  // namespace payoutd::daemon
