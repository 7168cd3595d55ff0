#pragma once
#include <payoutd/contract.hpp>
#include <payoutd/provider.hpp>
#include <string>

#include "core/state.hpp"
#include "policy/policy.hpp"

namespace payoutd::engine {

/// Something that the engine learned about a payout.
enum class Saw {
  prepare_failed,      ///< nothing was sent; trouble that may pass
  prepare_impossible,  ///< nothing was sent; it can never be paid through this provider
  reference_spent,     ///< prepare found that the reference is used up
  submit_confirmed,
  submit_accepted,
  submit_refused,
  submit_refused_for_now,
  submit_not_accepted,  ///< provably not accepted: no byte left, or the provider says so
  submit_duplicate,
  submit_unknown,  ///< anything else: time-out, reset, unlisted code, a process that died
  query_confirmed,
  query_pending,
  query_refused,
  query_refused_for_now,
  query_reversed,
  query_absent,
  query_cannot_tell,
  query_mismatch,  ///< found, but not what we owe
};

/// Which attempt the news is about, seen from where the payout stands.
enum class About {
  live_attempt,    ///< the live one, or no attempt at all (prepare)
  live_reference,  ///< an earlier submit under the reference of the live one
  other,           ///< a closed attempt under another reference, or any closed one while none is live
};

/// What is known when something was seen. All of it was read together, under the payout's version.
struct Standing {
  core::State state = core::State::pending;
  About about = About::live_attempt;
  bool attempt_live = false;     ///< a live attempt exists
  bool acceptance_sign = false;  ///< a 2xx, a duplicate answer, a provider_ref or a webhook is on record
  bool dated = false;            ///< the query started after submit deadline + response time-out + T
  bool same_scope = true;        ///< current credentials see what the attempt submitted
  bool repeat_window_open = true;
  bool repeats = false;               ///< the live attempt repeats one that may have arrived
  bool review_open_question = false;  ///< REVIEW only because nothing could tell: proof may settle it
  int absent_count = 0;               ///< absences that counted so far
  Contract contract;                  ///< the stricter of stored and current
};

/// Which reference the next submit uses: kept until the provider definitively spent it.
enum class ReferenceUse { keep, renew };

/// What is to be done after the change.
enum class Next {
  nothing,       ///< final, or waiting for a human
  wait,          ///< until the policy's time for `purpose`
  at_once,       ///< due now, for `purpose`
  watch,         ///< confirmed, but the contract says that it may still come back: look again, slowly
  submit_again,  ///< the same artefact, under the same reference, now
};

struct Decision {
  bool changes = true;  ///< false: old news, nothing changes
  core::State to = core::State::review;
  ReferenceUse reference = ReferenceUse::keep;
  bool close_attempt = false;
  bool contradiction = false;
  bool acceptance_sign = false;
  int absent_count = 0;
  Next next = Next::nothing;
  policy::Purpose purpose = policy::Purpose::query;
  std::string reason;  ///< a stable code; empty: none
  std::string text;    ///< the same for people
};

/// The table of the engine: what follows from what was seen. Pure. Neither a plugin's optimism nor a script
/// can widen it.
Decision decide(const Standing& standing, Saw saw);

Saw saw_of(Submission::Kind kind) noexcept;
Saw saw_of(Status::Kind kind) noexcept;
std::string_view to_string(Saw saw) noexcept;

}  // namespace payoutd::engine
