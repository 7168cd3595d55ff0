#pragma once
#include <string>

#include "ctl/commands.hpp"
#include "ctl/context.hpp"

namespace payoutd::ctl {

struct ExportOptions {
  ListOptions filter{};
  std::string format = "csv";  ///< or jsonl
  std::string file{};          ///< empty: standard output
};
/// Writes all payouts that the filter names. The file is there when all of it is.
ExitCode export_payouts(Context& context, const ExportOptions& options);

}  // namespace payoutd::ctl
