#pragma once
#include <filesystem>

#include "ctl/context.hpp"

namespace payoutd::ctl {

struct PluginInspectOptions {
  std::filesystem::path plugin;
  std::filesystem::path
      settings;  ///< with which the contract is asked for; empty: defaults, or a transcript's
  std::filesystem::path provider_executable;
};

/// Prints what a plugin library is: descriptor, contract in words, settings. One that the host would refuse
/// is refused with the same sentence.
ExitCode plugin_inspect(Context& context, const PluginInspectOptions& options);

}  // namespace payoutd::ctl
