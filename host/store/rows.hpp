#pragma once
#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <payoutd/money.hpp>
#include <string>
#include <vector>

#include "core/state.hpp"

namespace payoutd::store {

/// A payout as it stands in the database. Times are RFC 3339 text in UTC with milliseconds; empty text is
/// null.
struct Payout {
  std::string id;
  std::string client_id;
  std::string idempotency_key;
  std::string provider;
  core::State state = core::State::pending;
  std::string reason;
  std::string reason_text;
  std::int64_t version = 1;
  Money money;
  std::string destination;
  std::string user_ref;
  std::string region;
  std::string note;
  std::string metadata;  ///< JSON text
  std::string batch;
  std::string flow_id;
  std::string traceparent;  ///< the client's, if it sent one; read with claims only
  std::string tracestate;
  int attempt_count = 0;
  int reference_n = 1;
  int query_count = 0;
  int refusal_count = 0;
  int defer_count = 0;
  bool verify_first = false;
  std::string lane;  ///< held by its payment now
  std::string provider_ref;
  std::string next_action_at;
  std::string lease;
  std::string created_at;
  std::string updated_at;
  std::string finished_at;
  bool archived = false;         ///< it stands in the history, not among the live ones
  std::int64_t age_ms = 0;       ///< since created_at, by the database's clock
  std::int64_t in_state_ms = 0;  ///< since updated_at, by the database's clock
};

/// One submit of a payout and what came of it.
struct Attempt {
  std::string id;
  std::string payout_id;
  int n = 1;
  std::string provider;
  std::string contract_id;
  std::string plugin_version;
  std::string reference;
  int reference_n = 1;
  std::string lane;
  std::string artefact;
  int artefact_format = 1;
  std::string lookup;  ///< JSON text
  std::string host;
  bool live = true;
  std::string outcome;
  std::string code;
  std::string message;
  std::string provider_ref;
  bool acceptance_sign = false;
  int absent_count = 0;
  bool repeats = false;  ///< an earlier submit of the same artefact may have arrived
  bool expired = false;  ///< the provider takes the artefact no longer, by the database's clock
  std::string valid_until;
  std::string journaled_at;
  std::string submit_deadline;
  std::string answer_deadline;
  std::string closed_at;
  std::int64_t since_answer_deadline_ms =
      0;  ///< by the database's clock when the row was read; negative: before
  std::int64_t since_first_submit_ms = 0;  ///< since this reference was first submitted
};

struct Event {
  std::int64_t id = 0;
  std::string at;
  std::string kind;
  std::string from_state;
  std::string to_state;
  std::string actor;
  std::string host;
  std::string attempt_id;
  std::string data;  ///< JSON text
};

/// A payout with the attempt that is live, if one is.
struct Claimed {
  Payout payout;
  std::optional<Attempt> attempt;
  std::string lane_state;  ///< JSON text; empty: the payout holds no lane
};

}  // namespace payoutd::store
