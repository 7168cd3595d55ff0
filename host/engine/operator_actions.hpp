#pragma once
#include <payoutd/awaitable.hpp>
#include <string>

#include "core/limits.hpp"
#include "engine/dispatcher.hpp"
#include "engine/recorder.hpp"

namespace payoutd::engine {

/// What a human may do with one payout.
enum class OperatorDecision {
  cancel,     ///< do not pay it: allowed while nothing is under way
  release,    ///< HELD: let it go on; the rules judge it (again)
  approve,    ///< HELD: pay it, whatever the rules say; above an amount it takes two people
  reject,     ///< HELD: do not pay it
  hold,       ///< PENDING: keep it from being submitted
  paid,       ///< REVIEW: it was paid
  not_paid,   ///< REVIEW: it was not paid; it is released to be paid again
  ask_again,  ///< REVIEW, UNKNOWN, SENT: ask the provider now
  retry,      ///< the safe thing for its state, now: PENDING is submitted, anything open is asked about
};

struct OperatorReply {
  bool done = false;
  std::string code;     ///< when not done: not_found, wrong_state, changed_meanwhile
  std::string message;  ///< what was done, or why not and what can be done instead
  core::State state = core::State::pending;
};

struct OperatorRequest {
  std::string payout_id;
  OperatorDecision decision = OperatorDecision::ask_again;
  std::string actor;
  std::string note;  ///< the evidence; required for paid and not_paid
};

/// Carries out operators' decisions, with the actor and the note in the event. Fenced by the payout's
/// version.
Awaitable<OperatorReply> decide_as_operator(Recorder& recorder, store::Pool& pool, core::Limits limits,
                                            OperatorRequest request);

std::optional<OperatorDecision> operator_decision(std::string_view name) noexcept;
std::string_view to_string(OperatorDecision decision) noexcept;

}  // namespace payoutd::engine
