#pragma once
#include <map>

#include "policy/abuse_script.hpp"
#include "policy/payout_table.hpp"
#include "policy/script_state.hpp"

namespace payoutd::policy {

/// The schedules and the routing of a bundle, in a Lua state of their own. Not for two threads at once.
class Advice {
 public:
  /// Loads libraries and scripts and runs the tests of the scripts. Problems of libraries are not told: the
  /// screening loads the same ones.
  Advice(const ScriptFiles& files, std::vector<ScriptProblem>& problems);

  int tests_run() const noexcept { return tests_run_; }
  bool routes() const noexcept { return routing_ != nullptr; }
  BackoffChoice backoff(const BackoffQuestion& question);
  RouteChoice choose(const PayoutFacts& payout, std::span<const Candidate> candidates);

 private:
  struct Script {
    LoadedScript loaded;
    int function = LUA_NOREF;
  };
  /// What a schedule said: seconds, an end, or a problem.
  struct Delay {
    std::variant<double, GiveUp, Review> value = 0.0;
    std::optional<ScriptProblem> problem;
  };
  struct BackoffTest;
  struct RouteTest;

  void load_backoff(const std::string& file, const std::string& source, std::vector<ScriptProblem>& problems);
  void load_routing(const std::string& source, std::vector<ScriptProblem>& problems);
  Delay ask(const Script& script, const BackoffQuestion& question);
  Delay read_delay();
  /// `limited` becomes true where the script ran into a limit.
  RouteChoice route(const PayoutFacts& payout, std::span<const Candidate> candidates, bool& limited);
  RouteChoice read_route(std::span<const Candidate> candidates);
  std::optional<ScriptProblem> call(const Script& script, int arguments, int results);
  std::optional<ScriptProblem> settle(const Script& script);
  /// False: it ran into a limit.
  bool run_test(const Script& script, const BackoffTest& test, ScriptCheck& check);
  bool run_test(const RouteTest& test, ScriptCheck& check);

  ScriptState state_;
  HostTable attempt_;
  PayoutTable payout_;
  std::map<std::string, Script, std::less<>> backoff_;  ///< by provider, or `default`
  std::unique_ptr<Script> routing_;
  int tests_run_ = 0;
};

}  // namespace payoutd::policy
