#pragma once
#include <filesystem>

#include "ctl/context.hpp"

namespace payoutd::ctl {

struct ScriptTestOptions {
  /// The scripts' directory, or one file in it (as an editor names it); empty: ./scripts, else the installed.
  std::filesystem::path path;
};

/// Builds the bundle as a host would, every test included, and says what is wrong as `file:line: reason`.
/// Needs no host. ok: a host would take it. negative: it would not. usage: there are no scripts at that
/// place.
ExitCode script_test(Context& context, const ScriptTestOptions& options);

/// ./scripts if it is there, else the scripts that were installed with this program; empty if there are none.
std::filesystem::path usual_scripts();

}  // namespace payoutd::ctl
