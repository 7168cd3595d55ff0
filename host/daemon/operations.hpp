#pragma once
#include <functional>
#include <string>

#include "daemon/secret_keeper.hpp"
#include "http/host_view.hpp"
#include "http/operations_view.hpp"
#include "ops/config.hpp"
#include "store/pool.hpp"

namespace payoutd::daemon {

/// The host about itself: its health, its configuration, its secrets. Host thread only.
class Operations final : public http::OperationsView {
 public:
  struct Parts {
    engine::Engine& engine;
    store::Pool& pool;  ///< of the API
    http::HostView& view;
    SecretKeeper& secrets;
    std::string config_file;
    Secret instance_key;
    /// Takes over the live part; a line for each thing that a part of the host refused.
    std::function<Awaitable<std::vector<std::string>>(ops::Config fresh, std::string actor)> take_over;
  };
  Operations(Parts parts, const ops::Config& running);

  /// What a reload took over; settings that are `kept` were refused, and are as they were.
  void took_over(const ops::Config& fresh, const std::vector<std::string>& kept = {});
  /// What differs between what runs and these settings.
  std::vector<ops::SettingDifference> differences_to(const ops::Config& fresh) const;

  Awaitable<Health> health() override;
  Awaitable<store::Stats> stats(store::StatsFilter filter) override;
  Awaitable<bool> set_drained(std::string host, bool drained, std::string actor, std::string note) override;
  Awaitable<http::SeedReply> seed_admin(http::SeedRequest request) override;
  boost::json::object maintenance() const override;
  boost::json::object config() const override;
  boost::json::object config_difference() const override;
  Awaitable<http::ConfigReload> reload_config(std::string actor, bool live_only) override;
  Awaitable<std::vector<store::SecretVersion>> secrets(std::string secret, bool all) override;
  std::vector<std::string> recent_log(std::size_t most) const override;

 private:
  void check_host(std::vector<http::HealthCheck>& checks) const;
  void check_switches(std::vector<http::HealthCheck>& checks) const;
  void check_providers(std::vector<http::HealthCheck>& checks) const;
  /// Live workers there are, and none has this provider configured.
  bool is_abandoned(const std::string& provider) const;
  Awaitable<void> check_payouts(std::vector<http::HealthCheck>* checks);
  Awaitable<void> check_scripts(std::vector<http::HealthCheck>* checks);
  Awaitable<void> check_hosts(std::vector<http::HealthCheck>* checks);

  Parts parts_;
  std::vector<ops::EffectiveSetting> running_;
  std::string loaded_at_;
  Environment environment_;
  std::string name_;
  identity::Keyring keyring_;
  std::vector<std::string> seed_admins_;
  bool dry_run_configured_ = false;
};

/// For the log and answers: `http.listen, name`.
std::string list_text(const std::vector<std::string>& items);

}  // namespace payoutd::daemon
