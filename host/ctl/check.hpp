#pragma once
#include <filesystem>

#include "ctl/context.hpp"

namespace payoutd::ctl {

/// Reads a configuration as the host would, and each enabled provider's plugin with its settings, and prints
/// every problem as `file:line:column: path: reason`. Starts nothing and changes nothing.
ExitCode check(Context& context, const std::filesystem::path& config,
               std::filesystem::path provider_executable);

}  // namespace payoutd::ctl
