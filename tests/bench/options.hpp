#pragma once
#include <filesystem>
#include <string>

namespace payoutd::bench {

/// What a run measures, as given on the command line.
struct Options {
  int payouts = 20'000;        ///< in each round, on either side
  int rounds = 5;              ///< of either side, after one of each that warms up and is not counted
  int connections = 4;         ///< that admit in bulk
  int bulk_items = 500;        ///< payouts in one POST /v1/payouts/bulk
  int concurrency = 256;       ///< of the provider's contract: submits in flight
  int poll_interval_ms = 200;  ///< after which a SENT payout is asked about when no callback comes
  int group_commit_window_us = 2'000;
  int claim_batch = 2'000;
  bool callbacks = false;         ///< the simulator calls back as well; the host polls either way
  std::filesystem::path scripts;  ///< rules of the host (its schedules are left out); empty: none
  int reload_every_ms = 0;        ///< a rule is saved anew this often while a round runs; 0: never
  int pgbench_clients = 8;
  int pgbench_batch = 100;  ///< payouts in each of pgbench's statements
  std::string pgbench_protocol = "prepared";
  bool json = false;
  std::filesystem::path keep;  ///< logs and the database stay there; empty: a directory that is removed
  std::string command_line;
};

}  // namespace payoutd::bench
