#pragma once
#include <filesystem>

#include "ctl/context.hpp"

namespace payoutd::ctl {

struct PluginVerifyOptions {
  std::filesystem::path plugin;
  std::filesystem::path transcripts;  ///< empty: those beside the plugin
  std::filesystem::path settings;     ///< empty: the transcripts' own
  std::filesystem::path provider_executable;
  int jobs = 8;
  bool all = false;  ///< a line for every run instead of one for each kind of fault
};

/// Plays the plugin's transcripts through it with everything going wrong that can, and says for each fault
/// what the plugin claimed about the money and what is true. ok only if nothing claimed is wrong.
ExitCode plugin_verify(Context& context, const PluginVerifyOptions& options);

}  // namespace payoutd::ctl
