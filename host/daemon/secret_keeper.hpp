#pragma once
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "http/operations_view.hpp"
#include "ops/config.hpp"
#include "ops/metrics.hpp"
#include "store/pool.hpp"

namespace payoutd::daemon {

/// Every version of every secret that this configuration uses, by fingerprints. `instance_key` where the
/// configuration itself names none.
std::vector<store::SecretUse> secrets_in_use(const ops::Config& config, const Secret& instance_key,
                                             identity::Time now);

/// Records which secrets this host uses, and says in time which of them expire. Host thread only.
class SecretKeeper {
 public:
  SecretKeeper(store::Pool& pool, std::string incarnation)
      : pool_(pool), incarnation_(std::move(incarnation)) {}

  /// At the start and after every reload. A database that is away is tried again by look_after().
  Awaitable<void> use(std::vector<store::SecretUse> uses, std::string actor);
  /// Once a minute or so: what was not recorded yet, what nobody uses any more, what expires soon.
  Awaitable<void> look_after(ops::Metrics& metrics, identity::Time now);

  const std::vector<store::SecretUse>& in_use() const { return uses_; }

 private:
  void warn(const store::SecretUse& use, identity::Time now);

  store::Pool& pool_;
  std::string incarnation_;
  std::vector<store::SecretUse> uses_;
  std::string actor_;
  bool unrecorded_ = false;
  std::map<std::string, int> warned_;  ///< days before its end that were last said, by secret and fingerprint
};

/// What is wrong with the times of these secrets, for the health of the host.
std::vector<http::HealthCheck> secrets_health(const std::vector<store::SecretUse>& uses, identity::Time now);

}  // namespace payoutd::daemon
