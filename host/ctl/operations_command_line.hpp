#pragma once
#include <filesystem>
#include <functional>
#include <string>

#include "ctl/accepted.hpp"
#include "ctl/config_commands.hpp"
#include "ctl/context.hpp"
#include "ctl/health.hpp"
#include "ctl/secrets_commands.hpp"
#include "ctl/snapshot.hpp"
#include "ctl/top.hpp"

namespace CLI {
class App;
}

namespace payoutd::ctl {

/// The part of the command line that is about the host itself. Stays where it is as long as `app` lives: the
/// options are read into it.
class OperationsCommandLine {
 public:
  using Command = std::function<ExitCode(Context&)>;
  struct Parts {
    /// Called with what is to be carried out, and whether it cannot do without a socket.
    std::function<void(Command command, bool needs_host)> choose;
    std::function<std::filesystem::path()> config_file;
    std::function<std::string()> socket;  ///< throws CommandFailed where a configuration hides it
  };
  OperationsCommandLine(CLI::App& app, Parts parts);
  OperationsCommandLine(const OperationsCommandLine&) = delete;
  OperationsCommandLine& operator=(const OperationsCommandLine&) = delete;

 private:
  CLI::App* add(CLI::App* parent, const char* name, const char* about, Command command,
                bool needs_host = true);
  CLI::App* group(CLI::App& app, const char* name, const char* about);
  void add_looks(CLI::App& app);
  void add_drain(CLI::App& app);
  void add_tests(CLI::App& app);
  void add_config(CLI::App& app);
  void add_secrets(CLI::App& app);
  /// The socket if it can be found: some commands say more without a host than others.
  void find_socket(Context& context) const;

  Parts parts_;
  StatsOptions stats_;
  DrainOptions drain_;
  TestPayoutOptions test_;
  SeedOptions seed_;
  ConfigShowOptions show_;
  ConfigDiffOptions diff_;
  ConfigReferenceOptions reference_;
  bool live_only_ = false;
  std::string secret_;
  RotateCheckOptions rotate_;
  AcceptedOptions accepted_;
  SnapshotOptions snapshot_;
  TopOptions top_;
};

}  // namespace payoutd::ctl
