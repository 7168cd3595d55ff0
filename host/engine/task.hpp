#pragma once
#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <payoutd/awaitable.hpp>
#include <string>

#include "engine/observer.hpp"
#include "engine/pace.hpp"
#include "providers/event.hpp"

namespace payoutd::engine {

/// Runs a task beside the caller. An exception that leaves it is logged under `name`: none is ever lost.
void spawn(boost::asio::any_io_executor executor, Awaitable<void> task, Observer& observer, std::string name);

void report_failed_task(Observer& observer, const std::string& name, const std::string& what);

/// The engine's endless loops: they pause through it, and are waited for before what they use goes away. Host
/// thread only.
class Loops {
 public:
  Loops(boost::asio::any_io_executor executor, Observer& observer)
      : executor_(std::move(executor)), observer_(observer), ended_(executor_), pauses_(executor_) {}

  void spawn(Awaitable<void> loop, std::string name);
  /// Sleeps so long, or until stop().
  Awaitable<void> pause(std::chrono::milliseconds time);
  /// Ends all pauses for good; the loops look at their own conditions.
  void stop();
  /// True when every loop has returned, false after `limit`.
  Awaitable<bool> ended(std::chrono::milliseconds limit);
  /// Where loops say that they go on, under the name that they were spawned with.
  Pace& pace() { return pace_; }

 private:
  Awaitable<void> run(Awaitable<void> loop, std::string name);

  boost::asio::any_io_executor executor_;
  Observer& observer_;
  providers::Event ended_;
  providers::Event pauses_;
  Pace pace_;
  int running_ = 0;
  bool stopped_ = false;
};

}  // namespace payoutd::engine
