#pragma once
#include <boost/json.hpp>
#include <memory>

#include "bench/bench_server.hpp"
#include "bench/options.hpp"
#include "harness/child_process.hpp"
#include "harness/ledger_check.hpp"
#include "simulator_process.hpp"

namespace payoutd::bench {

/// The product as it is installed: a host, its MoMo provider process, the simulator behind it, and clients
/// that admit in bulk over HTTP.
class ProductSide {
 public:
  ProductSide(BenchServer& server, const Options& options, std::filesystem::path directory);
  ~ProductSide();

  Round run_round();
  /// Every payout of all rounds against the simulator's ledger.
  test::LedgerCheck check();
  /// Ends the host.
  RowChanges changes();

 private:
  void copy_scripts() const;
  void write_configuration() const;
  void start_host();
  std::vector<std::string> bulk_bodies(int round) const;
  void admit_all(const std::vector<std::string>& bodies) const;
  void wait_until_finished();
  void wait_until_called_back();

  BenchServer& server_;
  const Options& options_;
  std::filesystem::path directory_;
  std::string dsn_;
  std::unique_ptr<simulator::SimulatorProcess> simulator_;
  std::unique_ptr<test::ChildProcess> host_;
  std::uint16_t port_ = 0;
  int rounds_ = 0;
};

}  // namespace payoutd::bench
