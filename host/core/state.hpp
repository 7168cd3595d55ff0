#pragma once
#include <array>
#include <optional>
#include <string_view>

namespace payoutd::core {

/// Where a payout stands. The names are the same in the database, in the API and in the logs.
enum class State {
  pending,     ///< due at next_action_at
  held,        ///< a rule, a limit, a missing approval or an operator holds it
  submitting,  ///< journaled; the provider may be hearing of it
  sent,        ///< accepted, not final
  unknown,     ///< may or may not have happened
  review,      ///< a human must decide
  confirmed,
  failed,
  cancelled,
  reversed,   ///< was confirmed, came back
  simulated,  ///< dry run: no money was involved
};

inline constexpr std::array kAllStates{State::pending,   State::held,     State::submitting, State::sent,
                                       State::unknown,   State::review,   State::confirmed,  State::failed,
                                       State::cancelled, State::reversed, State::simulated};

std::string_view to_string(State state) noexcept;
std::optional<State> parse_state(std::string_view name) noexcept;

/// No further work is owed, though a confirmed payout may still be watched for a reversal.
bool is_final(State state) noexcept;

}  // namespace payoutd::core
