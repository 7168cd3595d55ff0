#include "engine/vital_signs.hpp"

namespace payoutd::engine {
namespace {

using std::chrono::milliseconds;

// A machine that stood still for a moment makes every timer late; a lost wake-up is late for ever.
constexpr milliseconds kLatest{10'000};
// The longest statement that is worth waiting for: a lock that a migration or an operator holds.
constexpr milliseconds kLongestWork{300'000};

std::string seconds_text(milliseconds time) {
  return std::to_string(time.count() / 1'000) + " s";
}

std::string counted(std::size_t count, const char* one, const char* many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

}  // namespace

std::string what_hangs(const VitalSigns& signs) {
  if (signs.overdue.time > kLatest)
    return signs.overdue.loop + " should have gone on " + seconds_text(signs.overdue.time) + " ago";
  if (signs.database_answers && signs.at_work.time > kLongestWork)
    return signs.at_work.loop + " has not come to an end for " + seconds_text(signs.at_work.time) +
           " while the database answers";
  return {};
}

std::string status_line(const HostSummary& s) {
  std::string text;
  if (const std::string hangs = what_hangs(s.signs); !hangs.empty() && !s.draining) {
    text = "Hangs: " + hangs;
  } else if (s.draining) {
    text = "Draining: nothing new is submitted";
  } else if (!s.signs.database_answers) {
    text = "Degraded: the database has not answered for " + seconds_text(s.signs.silence) +
           ", nothing is submitted" + (s.waits_for.empty() ? "" : "; " + s.waits_for);
  } else if (!s.waits_for.empty()) {
    text = "Degraded: " + s.waits_for;
  } else {
    text = "Running";
  }
  text += "; " + counted(s.in_hand, "payout", "payouts") + " in hand; ";
  if (s.providers == 0) {
    text += "no provider is configured";
  } else {
    text += std::to_string(s.providers - s.providers_down.size()) + " of " +
            counted(s.providers, "provider", "providers") + " up";
    for (std::size_t i = 0; i < s.providers_down.size(); ++i)
      text += (i == 0 ? ", not " : ", ") + s.providers_down[i];
  }
  text += s.scripts_generation == 0 ? "; built-in rules"
                                    : "; scripts generation " + std::to_string(s.scripts_generation);
  return text;
}

}  // namespace payoutd::engine
