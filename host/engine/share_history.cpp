#include "engine/share_history.hpp"

namespace payoutd::engine {

void ShareHistory::note(store::SharePart part, Clock::time_point now) {
  if (!held_.empty() && held_.back().part == part) return;
  held_.push_back({part, now});
  // The one before the oldest that is kept was in force when the longest window began.
  while (held_.size() > 1 && held_[1].since < now - kKept) held_.pop_front();
}

store::SharePart ShareHistory::held_for(std::chrono::milliseconds window, Clock::time_point now) const {
  const Clock::time_point begin = now - window;
  if (held_.empty() || held_.front().since > begin) return {};
  store::SharePart all = held_.back().part;
  for (std::size_t i = held_.size() - 1; i > 0 && held_[i].since > begin; --i)
    all = store::overlap(all, held_[i - 1].part);
  return all;
}

}  // namespace payoutd::engine
