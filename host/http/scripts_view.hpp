#pragma once
#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <payoutd/awaitable.hpp>
#include <string>
#include <vector>

#include "policy/script_files.hpp"

namespace payoutd::http {

/// What became of a wish to run other scripts.
struct ScriptChange {
  bool done = false;            ///< false: refused, and nothing changed
  std::string message;          ///< what was done, or why nothing was
  std::int64_t generation = 0;  ///< that is active now
  std::string hash;             ///< of the active bundle, or of the new shadow
  std::vector<policy::ScriptProblem> problems;
};

/// The scripts of this host and of all others. Everything throws the store's errors when the database is
/// away.
class ScriptsView {
 public:
  virtual ~ScriptsView() = default;
  /// `{"active": {"generation", "hash"}|null, "shadow": {"hash"}|null, "hosts": [{"host", "incarnation",
  /// "directory", "generation", "hash", "shadow_hash", "shadow_compared", "shadow_differed", "updated_at",
  /// "refused": {"hash", "why", "at"}|null}], "generations": [{"generation", "hash", "actor", "note",
  /// "at"}]}`; generations: the latest first; `why`: a line for each problem.
  virtual Awaitable<boost::json::object> status() = 0;
  /// Reads the host's directory and makes it the active bundle of all hosts.
  virtual Awaitable<ScriptChange> reload(std::string actor) = 0;
  /// Makes an earlier bundle active again; an empty hash: the one before the active one.
  virtual Awaitable<ScriptChange> rollback(std::string hash, std::string actor, std::string note) = 0;
  /// Lets a candidate judge beside the active bundle, on all hosts.
  virtual Awaitable<ScriptChange> shadow(policy::ScriptFiles files, std::string actor) = 0;
  virtual Awaitable<ScriptChange> stop_shadow(std::string actor) = 0;
  /// Makes the shadow the active bundle, and ends it.
  virtual Awaitable<ScriptChange> promote(std::string actor, std::string note) = 0;
  /// `{"hash", "created_at", "created_by", "files": {path: text}}`; `hash`: `active`, `shadow`, or a
  /// beginning of at least 6 digits.
  virtual Awaitable<std::optional<boost::json::object>> show(std::string hash) = 0;
};

}  // namespace payoutd::http
