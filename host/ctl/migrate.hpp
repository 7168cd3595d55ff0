#pragma once
#include <boost/json/object.hpp>

#include "ctl/context.hpp"
#include "ctl/database_access.hpp"

namespace payoutd::store {
struct SchemaVerification;
}

namespace payoutd::ctl {

using MigrateOptions = DatabaseOptions;

// Directly on the database. The embedded one is started if no host runs it, and stopped again.
ExitCode migrate_status(Context& context, const MigrateOptions& options);
ExitCode migrate_plan(Context& context, const MigrateOptions& options);
ExitCode migrate_up(Context& context, const MigrateOptions& options);
ExitCode migrate_verify(Context& context, const MigrateOptions& options);

/// What `migrate verify --json` answers; restore-check has it too.
boost::json::object verification_json(const store::SchemaVerification& result);

}  // namespace payoutd::ctl
