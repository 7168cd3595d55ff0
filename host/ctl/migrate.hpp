#pragma once
#include <filesystem>
#include <string>

#include "ctl/context.hpp"

namespace payoutd::ctl {

/// Which database: a DSN, or what the configuration names.
struct MigrateOptions {
  std::string database;  ///< goes before the configuration
  std::filesystem::path config;
};

// Directly on the database. The embedded one is started if no host runs it, and stopped again.
ExitCode migrate_status(Context& context, const MigrateOptions& options);
ExitCode migrate_plan(Context& context, const MigrateOptions& options);
ExitCode migrate_up(Context& context, const MigrateOptions& options);

}  // namespace payoutd::ctl
