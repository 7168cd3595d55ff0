#pragma once
#include <cstdint>
#include <string>

#include "ctl/context.hpp"
#include "ctl/database_access.hpp"

namespace payoutd::ctl {

struct RolesOptions {
  bool print = false;  ///< only the SQL; needs no database
  bool apply = false;
  std::string owner = "payoutd_owner";
  std::string runtime = "payoutd_runtime";
  std::string read_only = "payoutd_readonly";
};
ExitCode database_roles(Context& context, const DatabaseOptions& database, const RolesOptions& options);

struct GrantAuditOptions {
  std::string kind = "runtime";  ///< what the connected role is for
};
/// Ends with 1 if the connected role may do more, or less, than it needs.
ExitCode database_audit(Context& context, const DatabaseOptions& database, const GrantAuditOptions& options);

struct ActivityOptions {
  bool idle = false;              ///< idle sessions too
  std::int64_t long_ms = 30'000;  ///< transactions older than this are pointed out
};
ExitCode database_activity(Context& context, const DatabaseOptions& database, const ActivityOptions& options);

struct PoolOptions {
  std::string name;  ///< all, if empty
  int size = 0;      ///< 0: only show
  std::string note;
};
/// Through the host.
ExitCode database_pool(Context& context, const PoolOptions& options);

}  // namespace payoutd::ctl
