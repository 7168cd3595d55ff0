#pragma once
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "ctl/context.hpp"

namespace payoutd::ctl {

struct PluginNewOptions {
  std::string name;
  std::filesystem::path into;  ///< empty: a folder of that name, here
};

/// Writes a project for a plugin of its own: it builds against an installed payoutd and passes its tests as
/// it is. The folder must be empty or not there yet.
ExitCode plugin_new(Context& context, const PluginNewOptions& options);

/// A file of the template, in which the plugin is called acme and its class Acme.
struct TemplateFile {
  std::string_view path;
  std::string_view text;
};
std::span<const TemplateFile> plugin_template();

}  // namespace payoutd::ctl
