#pragma once
#include "bench/bench_server.hpp"
#include "bench/options.hpp"

namespace payoutd::bench {

/// What PostgreSQL itself can do: pgbench makes the row changes of a payout's life, set by set, in the
/// product's own tables, with nobody admitting, preparing or paying anything.
class PgbenchSide {
 public:
  PgbenchSide(BenchServer& server, const Options& options, std::filesystem::path directory);

  /// As long as the product's round, so that vacuum and checkpoints meet both alike.
  Round run_round(double seconds);
  RowChanges changes();
  const std::string& command() const { return command_; }

 private:
  void write_script() const;
  void expect_all_confirmed(std::int64_t payouts);

  BenchServer& server_;
  const Options& options_;
  std::filesystem::path directory_;
  std::string dsn_;
  std::string command_;
  std::int64_t payouts_so_far_ = 0;
};

}  // namespace payoutd::bench
