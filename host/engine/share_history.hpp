#pragma once
#include <chrono>
#include <deque>

#include "store/rate_share.hpp"

namespace payoutd::engine {

/// Which parts of the shared rates this host had, and since when. What was just gained is not used yet:
/// whoever had it before may have used it within the same second.
class ShareHistory {
 public:
  using Clock = std::chrono::steady_clock;
  /// The longest window of any rate, and a little more.
  static constexpr std::chrono::seconds kKept{3'660};

  void note(store::SharePart part, Clock::time_point now = Clock::now());
  /// What the host had from `window` ago until now without a pause.
  store::SharePart held_for(std::chrono::milliseconds window, Clock::time_point now = Clock::now()) const;

 private:
  struct Held {
    store::SharePart part;
    Clock::time_point since;
  };
  std::deque<Held> held_;  ///< the last one is in force; before the first there was none
};

}  // namespace payoutd::engine
