#include "daemon/database_keeper.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <chrono>

#include "ops/log.hpp"
#include "ops/service_manager.hpp"

namespace payoutd::daemon {
namespace {

constexpr std::chrono::seconds kRestartPause{1};
// Longer than the pauses between two reports of a recovery, which may take as long as it needs.
constexpr std::chrono::seconds kStepLimit{60};

void tell(std::string_view sentence) {
  log::info("database.embedded", sentence);
  ops::service_manager::extend_timeout(kStepLimit);
  ops::service_manager::status("Starting: " + std::string(sentence));
}

}  // namespace

DatabaseKeeper::DatabaseKeeper(ops::EmbeddedPostgresOptions options)
    : server_(options), dsn_(ops::EmbeddedPostgres::dsn(options)), stop_event_(::eventfd(0, EFD_CLOEXEC)) {
  std::promise<void> started;
  std::future<void> ready = started.get_future();
  thread_ = std::thread(&DatabaseKeeper::keep, this, std::move(started));
  try {
    ready.get();
  } catch (...) {
    thread_.join();
    ::close(stop_event_);
    throw;
  }
}

DatabaseKeeper::~DatabaseKeeper() {
  const std::uint64_t one = 1;
  if (::write(stop_event_, &one, sizeof one) != sizeof one) std::terminate();
  thread_.join();
  ::close(stop_event_);
}

bool DatabaseKeeper::wait_for_death(int death_descriptor) {
  pollfd waits[] = {{stop_event_, POLLIN, 0}, {death_descriptor, POLLIN, 0}};
  const nfds_t count = death_descriptor < 0 ? 1 : 2;
  const int limit_ms =
      death_descriptor < 0 ? static_cast<int>(std::chrono::milliseconds{kRestartPause}.count()) : -1;
  while (::poll(waits, count, limit_ms) < 0 && errno == EINTR) {
  }
  return (waits[0].revents & POLLIN) == 0;
}

void DatabaseKeeper::keep(std::promise<void> started) {
  try {
    server_.start(tell);
  } catch (...) {
    started.set_exception(std::current_exception());
    return;
  }
  started.set_value();
  while (wait_for_death(server_.running() ? server_.death_descriptor() : -1)) {
    try {
      log::error("database.died", "The embedded PostgreSQL died; it is started again.");
      server_.start(tell);
    } catch (const ops::EmbeddedPostgresError& failure) {
      log::error("database.restart_failed", "The embedded PostgreSQL cannot be started; it is tried again.",
                 {{"error", failure.what()}});
    }
  }
  try {
    server_.stop();
  } catch (const ops::EmbeddedPostgresError& failure) {
    log::error("database.stop_failed", "The embedded PostgreSQL did not stop as it should.",
               {{"error", failure.what()}});
  }
}

}  // namespace payoutd::daemon
