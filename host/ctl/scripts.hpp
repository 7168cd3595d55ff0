#pragma once
#include <filesystem>
#include <string>

#include "ctl/context.hpp"

namespace payoutd::ctl {

/// Which scripts run on which host, since when, and what was refused and why. negative: a host refuses some
/// now.
ExitCode scripts_status(Context& context);

// Each has the host change what all hosts run, and prints what it did. refused: nothing changed; the problems
// are printed with file and line.
ExitCode scripts_reload(Context& context);
/// An empty hash: to the bundle before the active one.
ExitCode scripts_rollback(Context& context, const std::string& hash, const std::string& note);
ExitCode scripts_shadow(Context& context, const std::filesystem::path& directory);
ExitCode scripts_stop_shadow(Context& context);
ExitCode scripts_promote(Context& context, const std::string& note);

/// A bundle that the hosts know, by its hash, `active` or `shadow`: all its files, or (unchanged) one.
ExitCode scripts_show(Context& context, const std::string& hash, const std::string& file);

struct ScriptsDiffOptions {
  /// Each a hash, `active`, `shadow` or a directory. One alone is compared with `active`, and so is
  /// `directory` if both are empty.
  std::string from;
  std::string to;
  std::filesystem::path directory;  ///< empty: the one that a host here reads
};
ExitCode scripts_diff(Context& context, const ScriptsDiffOptions& options);

}  // namespace payoutd::ctl
