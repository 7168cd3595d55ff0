#pragma once
#include <payoutd/awaitable.hpp>
#include <string>

#include "core/signal.hpp"
#include "engine/engine.hpp"
#include "engine/vital_signs.hpp"
#include "providers/supervisor.hpp"

namespace payoutd::daemon {

/// Tells the service manager how the host is, and that it lives, as long as it really does. Runs on the
/// host's thread like everything that it judges, so an event loop that is stuck is silent by itself.
class Pulse {
 public:
  struct Parts {
    boost::asio::any_io_executor executor;
    engine::Engine& engine;
    providers::Supervisor& supervisor;
    std::function<std::int64_t()> scripts_generation;
  };
  explicit Pulse(Parts parts) : parts_(std::move(parts)), rest_(parts_.executor) {}

  /// Until stop(). Returns at once where no service manager listens.
  Awaitable<void> run();
  /// The host ends in an orderly way: whatever has not returned yet is waited for with limits of its own.
  void draining();
  void stop();

 private:
  engine::HostSummary look() const;
  void beat();

  Parts parts_;
  core::Signal rest_;
  bool draining_ = false;
  bool stopping_ = false;
  bool hung_ = false;
  std::string said_;
};

}  // namespace payoutd::daemon
