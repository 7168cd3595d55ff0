#pragma once
#include <chrono>
#include <string>

#include "ctl/context.hpp"
#include "ctl/payout_file.hpp"

namespace payoutd::ctl {

struct PayOptions {
  std::string file;  ///< `-`: standard input
  FileOptions format;
  bool skip_bad = false;
  bool wait = true;
  std::chrono::seconds timeout{0};  ///< for all of it; 0: none
  std::string out_file;             ///< CSV with what became of each row; empty: none
  std::size_t chunk = 250;          ///< payouts in one request
  int in_flight = 4;                ///< requests at the same time
};

/// Sends a file's payouts, waits for their outcomes and prints them. Sending the same file again continues:
/// its keys make the host answer what it answered before.
ExitCode pay(Context& context, const PayOptions& options);

}  // namespace payoutd::ctl
