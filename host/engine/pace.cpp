#include "engine/pace.hpp"

namespace payoutd::engine {

Pace::Slowest Pace::slowest(bool resting) const {
  Slowest found;
  const Clock::time_point now = now_();
  for (const auto& [loop, turn] : turns_) {
    if (turn.resting != resting) continue;
    const auto time = std::chrono::duration_cast<std::chrono::milliseconds>(now - turn.since) - turn.allowed;
    if (time > found.time) found = {loop, time};
  }
  return found;
}

}  // namespace payoutd::engine
