#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "ctl/context.hpp"
#include "ctl/exit_code.hpp"

namespace payoutd::ctl {

struct ConfigShowOptions {
  std::filesystem::path config;  ///< the host's files
  bool files = false;            ///< what they say, instead of what runs
  std::string profile;           ///< what they say in this environment
  std::string prefix;            ///< only of this section
  bool written = false;          ///< without defaults and what is not set
};
/// Every setting with its value, secrets masked, and where the value comes from.
ExitCode config_show(Context& context, const ConfigShowOptions& options);

struct ConfigDiffOptions {
  std::filesystem::path config;
  std::vector<std::string> files;     ///< two, or one against the host's own
  std::vector<std::string> profiles;  ///< two
};
/// What differs: what runs against the files, or two profiles or files. negative: something does.
ExitCode config_diff(Context& context, const ConfigDiffOptions& options);

/// Has the host take over the live settings of its files, all or none.
ExitCode config_reload(Context& context, bool live_only);

struct ConfigReferenceOptions {
  std::string into;   ///< a file whose section is written anew
  std::string check;  ///< a file whose section is compared
};
/// negative: the checked file is not current.
ExitCode config_reference(Context& context, const ConfigReferenceOptions& options);

}  // namespace payoutd::ctl
