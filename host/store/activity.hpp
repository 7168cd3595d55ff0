// What the database's sessions are doing now, as pg_stat_activity and pg_locks show it.
#pragma once
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "store/connection.hpp"

namespace payoutd::store {

struct Session {
  int pid = 0;
  std::string user;
  std::string application;  // "payoutd engine", "payoutctl migrate", "psql"
  std::string client;       // address, or "local"
  std::string state;        // active, idle, idle in transaction, …
  std::string wait;         // "Lock: relation", "Client: ClientRead"; empty: it runs
  std::string query;        // its beginning; what it last ran if it is idle. Of others' sessions only with
                            // pg_read_all_stats
  std::int64_t connected_ms = 0;
  std::int64_t transaction_ms = -1;  // age of its transaction; -1: none is open
  std::int64_t state_ms = 0;         // since when it is in its state
  std::vector<int> blocked_by;       // that hold, or wait in front of it for, what it waits for
  std::vector<std::string> holds;    // "app.payouts RowExclusive"; plain reads are left out
  std::vector<std::string> wants;    // the same, not granted

  bool ours() const { return application.starts_with("payoutd") || application.starts_with("payoutctl"); }
};

// All client sessions of the connection's database but its own, the oldest transaction first.
std::vector<Session> sessions(Connection& connection);

// How many sessions of the database have waited for a lock for longer than that. Needs no privilege.
std::int64_t lock_waiters(pqxx::transaction_base& work, std::chrono::milliseconds longer_than);

}  // namespace payoutd::store
