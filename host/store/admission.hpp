#pragma once
#include <pqxx/pqxx>
#include <span>
#include <string>
#include <vector>

#include "core/used_token.hpp"
#include "store/rows.hpp"

namespace payoutd::store {

/// A payout that a client wants to have paid, already checked.
struct NewPayout {
  std::string id;  ///< UUID, the same for the same client and key
  std::string client_id;
  std::string idempotency_key;
  std::string payload;       ///< canonical JSON of what the client sent
  std::string payload_hash;  ///< SHA-256 of it, hex
  std::string provider;
  Money money;
  std::string destination;
  std::string user_ref;
  std::string region;
  std::string note;
  std::string metadata;  ///< JSON text or empty
  std::string batch;
  std::string flow_id;
  std::string traceparent;  ///< the client's; empty: it sent none
  std::string tracestate;
  std::string actor;
  core::UsedToken token;
  std::string decision;  ///< JSON text of the routing decision, or empty
};

struct Admitted {
  enum class Kind {
    created,   ///< a new payout
    replayed,  ///< the key was used before with the same payload: this is the payout it made
    conflict,  ///< the key was used before with another payload
  };
  Kind kind = Kind::created;
  std::string payout_id;
  std::string created_at;        ///< of the payout that stands
  std::string provider;          ///< of the payout that stands
  std::string existing_payload;  ///< canonical JSON, for a conflict
};

/// Writes keys, payouts and their first events in one statement, and keeps what came under a key that stands
/// for something else; results in order. A (client, key) stands at most once in a batch. Rerunning it after a
/// commit whose answer was lost gives the same results: what was created is what is as old as the row
/// `batch_id` of app.batches, or as this transaction while there is none.
std::vector<Admitted> admit(pqxx::transaction_base& work, std::span<const NewPayout> batch,
                            const std::string& host, const std::string& batch_id);

/// What stands under a key, if anything: `replayed` or `conflict`, judged by the payload's hash.
std::optional<Admitted> find_key(pqxx::transaction_base& work, const std::string& client_id,
                                 const std::string& key, const std::string& payload_hash);

}  // namespace payoutd::store
