#include "core/state.hpp"

namespace payoutd::core {

std::string_view to_string(State state) noexcept {
  switch (state) {
    case State::pending:
      return "PENDING";
    case State::held:
      return "HELD";
    case State::submitting:
      return "SUBMITTING";
    case State::sent:
      return "SENT";
    case State::unknown:
      return "UNKNOWN";
    case State::review:
      return "REVIEW";
    case State::confirmed:
      return "CONFIRMED";
    case State::failed:
      return "FAILED";
    case State::cancelled:
      return "CANCELLED";
    case State::reversed:
      return "REVERSED";
    case State::simulated:
      return "SIMULATED";
  }
  return "";
}

std::optional<State> parse_state(std::string_view name) noexcept {
  for (const State state : kAllStates) {
    if (to_string(state) == name) return state;
  }
  return std::nullopt;
}

bool is_final(State state) noexcept {
  return state == State::confirmed || state == State::failed || state == State::cancelled ||
         state == State::reversed || state == State::simulated;
}

}  // namespace payoutd::core
