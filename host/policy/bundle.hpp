#pragma once
#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "policy/feature.hpp"
#include "policy/policy.hpp"
#include "policy/script_files.hpp"

namespace payoutd::policy {

/// What scripts see of a payout.
struct PayoutFacts {
  std::string id;
  std::string client;
  std::string provider;  ///< empty in routing
  Money money;
  std::string destination;
  std::string user;
  std::string region;
  std::string batch;
  std::string metadata;    ///< JSON text of an object, or empty
  std::int64_t at_s = 0;   ///< when it is judged: seconds since 1970, by the database's clock
  std::int64_t age_s = 0;  ///< since it was admitted
};

/// What one rule said, where it did not simply allow.
struct RuleResult {
  std::string rule;  ///< its file without folder and extension: `velocity`
  Verdict verdict = Verdict::hold;
  std::string reason;   ///< a stable code
  std::string text;     ///< for people
  bool failed = false;  ///< the rule itself went wrong: the payout is held with the reason `rule_failed`
};

/// The verdict on one payout: the strictest of all rules' (deny, hold, flag, allow), of equals the first by
/// name. Results of the other rules that did not allow are kept.
struct Judgement {
  Verdict verdict = Verdict::allow;
  std::string rule;  ///< whose verdict it is; empty: every rule allows
  std::string reason;
  std::string text;
  std::vector<RuleResult> results;
  std::chrono::nanoseconds cost{0};
};

/// A provider that could pay a payout.
struct Candidate {
  std::string name;
  std::string plugin;
  bool ready = false;  ///< its process runs and it is not quarantined
  bool paused = false;
  int failures_percent = 0;  ///< of the last submits and queries
  std::int64_t waiting = 0;  ///< payouts that wait for it
};

struct RouteChoice {
  std::string provider;  ///< one of the candidates'; empty: none, `reason` says why
  std::string reason;
  bool failed = false;  ///< the script went wrong, or chose what is no candidate
  std::string bundle;   ///< hash of the scripts that were asked; empty: none were
  std::chrono::nanoseconds cost{0};
  std::string error;  ///< of a failed one: file, line, reason
};

struct BackoffChoice {
  BackoffAnswer answer;
  std::string script;  ///< `backoff/momo.lua`; empty: no script, the built-in schedule is wanted
  std::chrono::nanoseconds cost{0};
  bool failed = false;  ///< the script went wrong: the built-in schedule is wanted
  std::string error;
};

/// A complete, tested set of scripts. Immutable to its users; nothing that a script does is remembered from
/// one call to the next. Each of its functions may be called from any thread, one at a time for judging and
/// one at a time for advice (backoff and routing): others wait.
class Bundle {
 public:
  /// Loads every file, checks its form and runs every test in it. Throws ScriptError with all problems.
  static std::shared_ptr<Bundle> build(ScriptFiles files);

  virtual ~Bundle() = default;
  virtual const ScriptFiles& files() const = 0;
  virtual const std::string& hash() const = 0;
  virtual int tests_run() const = 0;
  /// What the rules need of the past, each once, sorted.
  virtual const std::vector<Feature>& features() const = 0;
  /// What this rule needs of it; nothing of a name that is no rule's.
  virtual std::vector<Feature> needs_of(const std::string& rule) const = 0;
  /// Names of the rules, sorted.
  virtual std::vector<std::string> rules() const = 0;
  /// `values` stand in the order of features(). Never throws for what a script does.
  virtual Judgement judge(const PayoutFacts& payout, std::span<const FeatureValue> values) = 0;
  virtual BackoffChoice backoff(const BackoffQuestion& question) = 0;
  virtual bool routes() const = 0;  ///< there is a routing.lua
  virtual RouteChoice choose(const PayoutFacts& payout, std::span<const Candidate> candidates) = 0;
};

}  // namespace payoutd::policy
