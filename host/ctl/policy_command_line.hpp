#pragma once
#include <cstdint>
#include <functional>
#include <string>

#include "ctl/backtest.hpp"
#include "ctl/context.hpp"
#include "ctl/policy_commands.hpp"
#include "ctl/script_new.hpp"
#include "ctl/script_test.hpp"
#include "ctl/scripts.hpp"

namespace CLI {
class App;
}

namespace payoutd::ctl {

/// The part of the command line that is about scripts, their decisions, flags and limits. Stays where it is
/// as long as `app` lives: the options are read into it.
class PolicyCommandLine {
 public:
  using Command = std::function<ExitCode(Context&)>;
  /// Called with what is to be carried out, and whether it needs a host.
  using Choose = std::function<void(Command command, bool needs_host)>;
  PolicyCommandLine(CLI::App& app, Choose choose);
  PolicyCommandLine(const PolicyCommandLine&) = delete;
  PolicyCommandLine& operator=(const PolicyCommandLine&) = delete;

 private:
  CLI::App* group(CLI::App& app, const char* name, const char* about);
  CLI::App* add(CLI::App* parent, const char* name, const char* about, Command command,
                bool needs_host = true);
  void add_active(CLI::App* group);
  void add_bundles(CLI::App* group);
  void add_candidates(CLI::App* group);
  void add_writing(CLI::App* group);
  void add_flags(CLI::App& app);
  void add_limits(CLI::App& app);
  void add_decisions(CLI::App& app);
  ExitCode run_shadow(Context& context);

  Choose choose_;
  std::string hash_;
  std::string file_;
  std::string note_;
  std::string provider_;
  std::string currency_;
  std::string directory_;
  std::int64_t flag_ = 0;
  bool stop_ = false;
  ScriptsDiffOptions diff_;
  BacktestOptions backtest_;
  ScriptTestOptions test_;
  ScriptNewOptions new_;
  FlagsListOptions flags_;
  DecisionsOptions decisions_;
};

}  // namespace payoutd::ctl
