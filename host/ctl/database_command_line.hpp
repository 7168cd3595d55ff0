#pragma once
#include <filesystem>
#include <functional>

#include "ctl/backup.hpp"
#include "ctl/database_commands.hpp"
#include "ctl/prune.hpp"
#include "ctl/restore_check.hpp"

namespace CLI {
class App;
}

namespace payoutd::ctl {

/// The part of the command line that is about the database itself. Stays where it is as long as `app` lives:
/// the options are read into it.
class DatabaseCommandLine {
 public:
  using Command = std::function<ExitCode(Context&, std::filesystem::path config)>;
  /// Called with what is to be carried out, and whether it needs a host.
  using Choose = std::function<void(Command command, bool needs_host)>;
  DatabaseCommandLine(CLI::App& app, Choose choose);
  DatabaseCommandLine(const DatabaseCommandLine&) = delete;
  DatabaseCommandLine& operator=(const DatabaseCommandLine&) = delete;

 private:
  CLI::App* add(CLI::App& parent, const char* name, const char* about,
                std::function<ExitCode(Context&, const DatabaseOptions&)> command);
  void add_roles(CLI::App& group);
  void add_activity(CLI::App& group);
  void add_pool(CLI::App& group);
  void add_backup(CLI::App& app);
  void add_prune(CLI::App& app);

  Choose choose_;
  DatabaseOptions database_;
  RolesOptions roles_;
  GrantAuditOptions audit_;
  ActivityOptions activity_;
  PoolOptions pool_;
  BackupOptions backup_;
  RestoreCheckOptions restore_;
  bool no_record_ = false;
  PruneOptions prune_;
};

}  // namespace payoutd::ctl
