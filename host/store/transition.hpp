#pragma once
#include <chrono>
#include <optional>
#include <pqxx/pqxx>
#include <span>
#include <string>
#include <vector>

#include "core/state.hpp"

namespace payoutd::store {

/// The attempt that a journal writes, before any byte leaves.
struct NewAttempt {
  std::string id;
  std::string contract_id;
  std::string plugin_version;
  std::string reference;
  int reference_n = 1;
  std::string lane;
  std::string artefact;
  int artefact_format = 1;
  std::string lookup = "{}";  ///< JSON text
  std::chrono::milliseconds submit_window{0};
  std::chrono::milliseconds response_timeout{0};
  bool repeats = false;  ///< an earlier submit of the same artefact may have arrived
  std::optional<std::chrono::system_clock::time_point> valid_until;
  /// Set when the attempt is only adopted (found at the provider before this host ever submitted it).
  std::string outcome;
};

/// What became known of an attempt.
struct AttemptUpdate {
  std::string id;
  bool live = true;
  std::string outcome;                       ///< empty: keep
  std::string code;                          ///< empty: keep
  std::string message;                       ///< empty: keep
  std::string provider_ref;                  ///< empty: keep
  bool acceptance_sign = false;              ///< once true it stays true
  std::optional<std::int64_t> absent_count;  ///< nullopt: keep
};

struct NewEvent {
  std::string kind;  ///< empty: nothing worth telling, no event is written
  std::string actor;
  std::string attempt_id;   ///< empty: none
  std::string data = "{}";  ///< JSON text
};

/// One change of one payout, with the event that tells it. It is applied whole or not at all.
struct Transition {
  std::string payout_id;
  std::int64_t expected_version = 0;  ///< the payout must still have it
  bool needs_lease = false;           ///< this host must still hold the lease
  bool submits = false;               ///< no switch and no pause may forbid submissions

  core::State to = core::State::pending;
  std::string reason;
  std::string reason_text;
  std::optional<std::chrono::milliseconds> next_action_in;  ///< nullopt: nothing is due
  bool keep_lease = false;
  bool keep_schedule = false;  ///< leave next_action_at as it is
  int attempts_added = 0;
  int reference_n = 1;
  int query_count = 0;
  int refusal_count = 0;
  int defer_count = 0;
  bool verify_first = false;
  std::string provider_ref;  ///< empty: keep; a new reference has none yet

  std::optional<AttemptUpdate> attempt;
  std::optional<NewAttempt> new_attempt;
  std::string lane_state;  ///< JSON text, for the lane that the payout holds; empty: keep
  bool allow = false;    ///< screening is over for it, by a human's word: it enters the ledger of allowances
  std::string decision;  ///< JSON text for app.decisions; empty: none
  NewEvent event;
};

struct Applied {
  enum class Refusal { none, gone, version, lease, lane, switched_off };
  Refusal refusal = Refusal::none;
  std::int64_t version = 0;    ///< after the change
  std::string timeline;        ///< of the database, as the statement saw it
  bool notifications = false;  ///< the batch left something to tell endpoints
  bool applied() const noexcept { return refusal == Refusal::none; }
};

/// Changes the states of many payouts in one statement, each with its attempt, its lane, its event and the
/// notifications of it; results in order. A payout gives its lane back when its payment is final, or when it
/// is certain that nothing was sent. The only writer of app.payouts.state after admission. `host` is this
/// host's incarnation. A payout stands at most once in a batch. Rows are locked in id order, so that two
/// batches never wait for each other in a circle. `replay`: exactly this batch has committed before and its
/// answer was lost; what it changed counts as applied.
std::vector<Applied> apply(pqxx::transaction_base& work, std::span<const Transition> batch,
                           const std::string& host, bool replay = false);

std::string_view to_string(Applied::Refusal refusal) noexcept;

}  // namespace payoutd::store
