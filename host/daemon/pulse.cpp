#include "daemon/pulse.hpp"

#include "ops/log.hpp"
#include "ops/service_manager.hpp"

namespace payoutd::daemon {
namespace {

using std::chrono::milliseconds;
namespace service_manager = ops::service_manager;

constexpr milliseconds kEvery{1'000};

}  // namespace

engine::HostSummary Pulse::look() const {
  engine::HostSummary summary;
  const engine::Heart& heart = parts_.engine.heart();
  summary.draining = draining_;
  summary.signs.database_answers = heart.fresh();
  summary.signs.silence = heart.silence();
  summary.signs.overdue = parts_.engine.pace().overdue();
  summary.signs.at_work = parts_.engine.pace().at_work();
  if (const auto& order = heart.stop_file().order()) {
    summary.waits_for = "the file " + heart.stop_file().path().string() + " stops all writes (" + order->by +
                        (order->note.empty() ? ")" : ": " + order->note + ")");
  } else if (!heart.history_trusted()) {
    summary.waits_for = "the database's history changed, submits wait until what is open is settled";
  } else if (heart.submissions_stopped()) {
    summary.waits_for = "submits are stopped by a switch";
  }
  summary.in_hand = parts_.engine.dispatcher().in_hand();
  for (const providers::ProviderStatus& status : parts_.supervisor.status()) {
    ++summary.providers;
    if (status.state != providers::ProviderState::ready)
      summary.providers_down.push_back(status.name + " (" + std::string(to_string(status.state)) + ")");
  }
  summary.scripts_generation = parts_.scripts_generation();
  return summary;
}

void Pulse::beat() {
  const engine::HostSummary summary = look();
  const std::string hangs = draining_ ? std::string() : engine::what_hangs(summary.signs);
  if (!hangs.empty() && !hung_) {
    log::error("host.hangs",
               "A part of the host does not go on; the service manager is not told that it lives any more.",
               {{"why", hangs}});
  }
  hung_ = !hangs.empty();
  if (!hung_) service_manager::alive();
  std::string line = engine::status_line(summary);
  if (line == said_) return;
  service_manager::status(line);
  said_ = std::move(line);
}

Awaitable<void> Pulse::run() {
  if (!service_manager::present()) co_return;
  // Several times within the limit, so that one that comes late is not the end.
  const milliseconds rest = std::min(kEvery, service_manager::watchdog().value_or(kEvery * 4) / 4);
  while (!stopping_) {
    beat();
    co_await rest_.wait(rest);
  }
}

void Pulse::draining() {
  draining_ = true;
  rest_.notify();
}

void Pulse::stop() {
  stopping_ = true;
  rest_.notify();
}

}  // namespace payoutd::daemon
