#pragma once
#include <chrono>
#include <optional>
#include <pqxx/pqxx>
#include <string>
#include <vector>

namespace payoutd::store {

/// One paying account of a serial provider and who holds it.
struct LaneRow {
  std::string provider;
  std::string name;
  std::string state = "{}";  ///< JSON text, the plugin's own
  std::string payout_id;     ///< the payment that holds it; empty: none
  std::string lease;         ///< the host that looks after it; empty: none
  std::string due_at;        ///< RFC 3339
  int failures = 0;
  std::string last_error;
};

/// Adds the lanes that are not known yet; none is ever removed, for a payment may hold it.
void keep_lanes(pqxx::transaction_base& work, const std::string& provider,
                const std::vector<std::string>& names);

/// Leases the free lane among `names` that has been due for upkeep longest; nullopt: none is.
std::optional<LaneRow> claim_lane(pqxx::transaction_base& work, const std::string& host,
                                  const std::string& provider, const std::vector<std::string>& names);

/// What came of the upkeep of a lane.
struct LaneUpkeep {
  std::string provider;
  std::string name;
  std::string state;  ///< JSON text; empty: keep
  std::string error;  ///< empty: it went well
  std::chrono::milliseconds next_in{0};
};

/// Stores it and gives the lane back; false: this host does not hold the lane any more.
bool release_lane(pqxx::transaction_base& work, const std::string& host, const LaneUpkeep& upkeep);

/// Frees lanes that hosts held which are dead or gone, and those that this host holds for longer than any
/// upkeep takes; `predecessors` and `reap` as for take_over().
int free_lanes_of_the_dead(pqxx::transaction_base& work, const std::string& host,
                           const std::vector<std::string>& predecessors, bool reap);

/// All lanes, of one provider or (empty) of all.
std::vector<LaneRow> list_lanes(pqxx::transaction_base& work, const std::string& provider);

}  // namespace payoutd::store
