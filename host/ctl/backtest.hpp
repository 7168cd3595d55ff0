#pragma once
#include <filesystem>
#include <string>

#include "ctl/context.hpp"

namespace payoutd::ctl {

struct BacktestOptions {
  std::filesystem::path directory;  ///< of the candidate
  std::string since = "7d";
  bool all = false;             ///< list every payout that fares otherwise
  bool fail_on_change = false;  ///< negative if any decision comes out otherwise
  int page = 500;               ///< decisions fetched at once
};

/// Judges the decisions that a host recorded again, by the scripts of a directory, and prints what would have
/// been otherwise. Nothing changes. usage: a host would not take these scripts; their problems are printed.
ExitCode backtest(Context& context, const BacktestOptions& options);

}  // namespace payoutd::ctl
