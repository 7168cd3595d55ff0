#pragma once
#include <filesystem>
#include <string>

#include "ctl/context.hpp"
#include "ctl/exit_code.hpp"

namespace payoutd::ctl {

struct SnapshotOptions {
  std::string out;               ///< the archive; empty: named after the time
  std::filesystem::path config;  ///< its secrets are masked once more
};
/// What there is to know of a host at this moment, in one archive without secrets. negative: parts are
/// missing.
ExitCode snapshot(Context& context, const SnapshotOptions& options);

}  // namespace payoutd::ctl
