#pragma once
#include <boost/json/object.hpp>
#include <optional>
#include <payoutd/awaitable.hpp>
#include <string>
#include <vector>

#include "store/drains.hpp"
#include "store/secret_registry.hpp"
#include "store/seeds.hpp"
#include "store/stats.hpp"

namespace payoutd::http {

/// How well a host is, or one thing about it; each is worse than the one before.
enum class HealthStatus { ok, degraded, down };
inline const char* to_string(HealthStatus status) {
  constexpr const char* kNames[] = {"ok", "degraded", "down"};
  return kNames[static_cast<int>(status)];
}

struct HealthCheck {
  std::string name;  ///< stable, such as `database` or `provider:momo`
  HealthStatus status = HealthStatus::ok;
  std::string text;  ///< a sentence for people
};

struct SeedRequest {
  std::string subject;
  std::int64_t ttl_s = 0;
  bool new_token = false;  ///< also if the record is there already
  std::string actor;
};
struct SeedReply {
  std::string refused;  ///< why not, as a sentence; empty: it was done
  store::SeededAdmin admin;
  std::string token;       ///< empty: none was made
  std::string kid;         ///< of the key that signed it
  std::string expires_at;  ///< of the token
};

/// One thing that is wrong with a configuration.
struct ConfigComplaint {
  std::string file;
  int line = 0;
  int column = 0;
  std::string path;
  std::string reason;
};

struct ConfigReload {
  bool done = false;
  std::string message;  ///< what was done, or why nothing was
  std::vector<ConfigComplaint>
      problems;                      ///< of the files; or of what plugins refused of a reload that was done
  std::vector<std::string> changed;  ///< paths that were taken over
  std::vector<std::string> needs_restart;  ///< paths that differ from what runs, and wait for a start
};

/// What operators have in hand about the host itself. Everything that is awaited throws the store's errors
/// when the database is away, unless it says otherwise. Host thread only.
class OperationsView {
 public:
  virtual ~OperationsView() = default;

  struct Health {
    std::string host;
    std::string environment;
    std::string now;  ///< the database's time, as far as the host knows it
    std::vector<HealthCheck> checks;
  };
  /// Never throws the store's errors: that the database is away is an answer.
  virtual Awaitable<Health> health() = 0;
  virtual Awaitable<store::Stats> stats(store::StatsFilter filter) = 0;
  virtual Awaitable<bool> set_drained(std::string host, bool drained, std::string actor,
                                      std::string note) = 0;
  virtual Awaitable<SeedReply> seed_admin(SeedRequest request) = 0;

  /// `{"now", "windows": [text], "active": {"window", "begins_at", "ends_at"}|null, "next": the same|null}`
  virtual boost::json::object maintenance() const = 0;

  /// `{"file", "environment", "loaded_at", "settings": [{"path", "value"|null, "source", "file", "line",
  /// "live", "secret", "fingerprint"|null}]}`; `source`: default, file, environment or unset.
  virtual boost::json::object config() const = 0;
  /// What the files say now against what runs: `{"problems": [{"file", "line", "column", "path", "reason"}],
  /// "differences": [{"path", "running"|null, "file"|null, "secret", "needs_restart"}]}`; problems: the files
  /// would be refused, and there are no differences to tell.
  virtual boost::json::object config_difference() const = 0;
  /// `live_only`: what changed beside the live settings waits for a restart, instead of being a reason to
  /// refuse.
  virtual Awaitable<ConfigReload> reload_config(std::string actor, bool live_only) = 0;

  virtual Awaitable<std::vector<store::SecretVersion>> secrets(std::string secret, bool all) = 0;
  /// The last lines of the log as JSON, the latest last.
  virtual std::vector<std::string> recent_log(std::size_t most) const = 0;
};

}  // namespace payoutd::http
