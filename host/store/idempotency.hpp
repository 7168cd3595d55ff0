#pragma once
#include <cstdint>
#include <pqxx/pqxx>
#include <span>
#include <string>
#include <vector>

namespace payoutd::store {

/// A key that came again with another payload.
struct NewConflict {
  std::string client_id;
  std::string key;
  std::string payload_hash;
  std::string payload;  ///< canonical JSON
  std::string actor;
  std::string flow_id;
};
/// Counts each at its key and keeps what came: each payload once, the latest ten of a key. A (client, key)
/// stands at most once in `conflicts`.
void record_conflicts(pqxx::transaction_base& work, std::span<const NewConflict> conflicts);

/// One payload that came under a key that stood for another.
struct KeyConflict {
  std::string payload;
  std::int64_t count = 0;
  std::string first_at;
  std::string last_at;
  std::string actor;  ///< of the last time
  std::string flow_id;
};

struct KeyRecord {
  std::string client_id;
  std::string key;
  std::string payload;   ///< canonical JSON of the request
  std::string response;  ///< JSON text: what it was answered, and is answered again
  int response_status = 0;
  std::string payout_id;
  std::string created_at;
  std::int64_t conflict_count = 0;
  std::string last_conflict_at;
  std::vector<KeyConflict> conflicts;  ///< the latest first
};

struct KeyFilter {
  std::string client_id;  ///< empty: of any
  std::string key;        ///< empty: those that were in conflict, the latest first
  int limit = 100;
};
std::vector<KeyRecord> find_keys(pqxx::transaction_base& work, const KeyFilter& filter);

/// Forgets conflicts that nobody repeated for 90 days; the keys keep their counts.
void forget_conflicts(pqxx::transaction_base& work);

}  // namespace payoutd::store
