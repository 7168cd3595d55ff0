#pragma once
#include <filesystem>
#include <string>

#include "ctl/context.hpp"
#include "ctl/database_access.hpp"

namespace payoutd::ctl {

struct RestoreCheckOptions {
  std::filesystem::path
      backup;        ///< a folder that `backup` made, or any dump of pg_dump (custom or directory form)
  std::string into;  ///< DSN of a server on which a scratch database may be made; empty: a private one
  std::filesystem::path scratch;  ///< folder for the private server; the system's temporary one if empty
  int jobs = 2;
  bool record = true;  ///< note the success in the database that hosts use
};

/// Restores a backup aside, looks whether all of it is there and right, and takes the scratch away. Ends with
/// 0 only if everything was checked and nothing was found.
ExitCode restore_check(Context& context, const DatabaseOptions& database, const RestoreCheckOptions& options);

}  // namespace payoutd::ctl
