#pragma once
#include <cstdint>
#include <string>

#include "ctl/context.hpp"

namespace payoutd::ctl {

struct FlagsListOptions {
  std::string user, rule;  ///< empty: any
  bool all = false;        ///< cleared ones too
  int limit = 100;
};
ExitCode flags_list(Context& context, const FlagsListOptions& options);
/// Writes `note` to an open flag, and clears it if `clear`; a note is required unless it is cleared.
ExitCode flags_change(Context& context, std::int64_t id, bool clear, const std::string& note);

/// The core's limits, and the outflows that they halted.
ExitCode limits_show(Context& context);
ExitCode limits_lift(Context& context, const std::string& provider, const std::string& currency,
                     const std::string& note);

struct DecisionsOptions {
  std::string payout;   ///< empty: of all
  std::string kind;     ///< empty: of every kind
  std::string since;    ///< `24h`; empty: however long ago
  bool shadow = false;  ///< what the shadow said where it differed
  bool all = false;     ///< page by page to the end
  int limit = 100;
};
/// What scripts were asked and what they said: with everything that they saw if it is about one payout.
ExitCode decisions(Context& context, const DecisionsOptions& options);

}  // namespace payoutd::ctl
