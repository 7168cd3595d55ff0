#pragma once
#include <boost/json/object.hpp>
#include <vector>

#include "bench/machine.hpp"
#include "bench/options.hpp"
#include "bench/round.hpp"
#include "harness/ledger_check.hpp"

namespace payoutd::bench {

/// Everything that a run found out.
struct Report {
  Options options;
  Machine machine;
  std::string postgresql;                       ///< its version
  std::map<std::string, std::string> settings;  ///< of the server, those that matter here
  std::string pgbench_command;
  std::vector<Round> product;  ///< the counted rounds, in the order in which they ran
  std::vector<Round> pgbench;
  RowChanges product_changes;
  RowChanges pgbench_changes;
  test::LedgerCheck ledger;

  bool right() const { return ledger.all_right(); }
  std::string text() const;
  boost::json::object json() const;
};

}  // namespace payoutd::bench
