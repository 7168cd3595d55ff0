#pragma once
#include <string>
#include <vector>

#include "engine/pace.hpp"

namespace payoutd::engine {

/// What the host knows of its own life.
struct VitalSigns {
  bool database_answers = false;        ///< the last good heartbeat is fresh
  std::chrono::milliseconds silence{};  ///< since the last good heartbeat
  Pace::Slowest overdue{};              ///< of the loops that rest
  Pace::Slowest at_work{};              ///< of the loops that work
};

/// The loop that hangs and how, in a sentence; empty: the host goes on. Somebody who rests past his time
/// hangs, whatever the database does. Somebody who works for long waits for the database, which no restart of
/// the host would mend; only where the database answers the heart all the time does it count as hanging.
std::string what_hangs(const VitalSigns& signs);

/// What `systemctl status` shows.
struct HostSummary {
  bool draining = false;
  VitalSigns signs{};
  std::string waits_for{};  ///< why nothing is submitted, if something other than the database keeps it
  std::size_t in_hand = 0;
  std::size_t providers = 0;
  std::vector<std::string> providers_down{};  ///< `momo-ci (restarting)`
  std::int64_t scripts_generation = 0;        ///< 0: built-in rules
};
std::string status_line(const HostSummary& summary);

}  // namespace payoutd::engine
