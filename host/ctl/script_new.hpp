#pragma once
#include <filesystem>
#include <span>
#include <string>

#include "ctl/context.hpp"
#include "ctl/plugin_new.hpp"

namespace payoutd::ctl {

struct ScriptNewOptions {
  std::string kind;                 ///< `rule` or `backoff`
  std::string name;                 ///< of the rule; of the provider, or `default`
  std::filesystem::path directory;  ///< the scripts' directory; empty: ./scripts, which must be there
};

/// Writes a commented skeleton with tests that pass: a rule that is off until it is turned on, or a schedule.
/// The file appears whole or not at all, since a host may be watching; a file that is there is never
/// overwritten.
ExitCode script_new(Context& context, const ScriptNewOptions& options);

/// rule.lua, in which the rule is called my_rule, and backoff.lua, in which the provider is called
/// my_provider.
std::span<const TemplateFile> script_templates();

}  // namespace payoutd::ctl
