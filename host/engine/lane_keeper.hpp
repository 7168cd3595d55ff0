#pragma once
#include <map>
#include <payoutd/awaitable.hpp>
#include <string>
#include <vector>

#include "core/signal.hpp"
#include "engine/life.hpp"
#include "store/lanes.hpp"

namespace payoutd::engine {

/// Looks after the paying accounts of serial providers while no payment holds them: makes their rows, and
/// lets the plugin receive funds and prepare work, from time to time and after each payment. Owned and used
/// by the host's one thread.
class LaneKeeper {
 public:
  struct Parts {
    boost::asio::any_io_executor executor;
    store::Pool& pool;
    Life& life;
    Heart& heart;
    Observer& observer;
    std::function<std::vector<providers::ProviderHandle*>()> providers;
    std::function<void()> on_free;  ///< a lane can take a payment again
  };
  explicit LaneKeeper(Parts parts)
      : parts_(std::move(parts)), wake_(parts_.executor), idle_(parts_.executor) {}

  /// Frees what dead predecessors on this machine held, then runs until drain().
  Awaitable<void> run(std::vector<std::string> predecessors);
  /// Begins no more upkeep; true when none is under way any more, false after `limit`.
  Awaitable<bool> drain(std::chrono::milliseconds limit);
  void wake() { wake_.notify(); }

  /// True once the rows of the provider's lanes stand in the database: before, nothing can be paid from them.
  bool known(const providers::ProviderHandle& handle) const;

 private:
  Awaitable<void> look_after(providers::ProviderHandle* handle);
  Awaitable<void> upkeep(providers::ProviderHandle* handle, store::LaneRow lane);
  Awaitable<void> free_lanes_of_the_dead();

  Parts parts_;
  core::Signal wake_;
  core::Signal idle_;
  std::map<std::string, std::vector<std::string>> known_;  ///< by provider
  std::vector<std::string> predecessors_;
  int under_way_ = 0;
  bool stopping_ = false;
};

}  // namespace payoutd::engine
