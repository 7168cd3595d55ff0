#pragma once
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <payoutd/settings.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "core/host_roles.hpp"
#include "core/limits.hpp"
#include "core/maintenance_window.hpp"
#include "core/minimum_balance.hpp"
#include "core/rate.hpp"
#include "core/webhook_key.hpp"
#include "identity/keyring.hpp"
#include "ops/effective_config.hpp"
#include "ops/log.hpp"
#include "ops/secrets.hpp"
#include "ops/trace_config.hpp"

namespace payoutd::ops {

struct ConfigProblem {
  Place place;
  std::string path;  ///< `providers.momo-ci.settings.base_url`; may be empty
  std::string reason;

  /// `config/payoutd.yaml:12:5: http.lisen: is not a setting, did you mean 'listen'?`
  std::string text() const;
};

/// Every problem of the configuration at once; what() has one line for each.
class ConfigError : public std::runtime_error {
 public:
  explicit ConfigError(std::vector<ConfigProblem> problems);
  const std::vector<ConfigProblem>& problems() const noexcept { return problems_; }

 private:
  std::vector<ConfigProblem> problems_;
};

struct HttpConfig {
  std::string listen_address;  ///< beyond loopback only if `auth_required`
  std::uint16_t listen_port = 0;
  std::int64_t max_body_bytes = 0;
  int max_connections = 0;
  int max_connections_per_address = 0;       ///< 0: without limit
  std::vector<std::string> trusted_proxies;  ///< addresses, or networks such as 10.0.0.0/8
  std::filesystem::path tls_certificate;     ///< empty: plain HTTP
  std::filesystem::path tls_key;
  /// False in dev only: whoever reaches the port is `client:default`.
  bool auth_required = true;
};

/// Who may ask, and how often.
struct AccessConfig {
  identity::Keyring keyring;
  std::chrono::milliseconds clock_skew{};
  std::vector<std::string> metrics_allow;  ///< addresses and networks that may read metrics at the API's port
  std::vector<std::string> cors_origins;   ///< exact, such as https://ops.example
  std::vector<std::string> seed_admins;    ///< whom `payoutctl seed admin` may make an administrator in prod
  int requests_per_subject = 0;            ///< a second; 0: without limit
  int requests_per_address = 0;            ///< a second; 0: without limit
  int auth_failures_per_minute = 0;        ///< of one address, after which it is told to wait; 0: never
};

/// Where monitoring reads from, beside this machine.
struct MetricsConfig {
  std::string listen_address;  ///< of a listener for monitoring alone; empty: there is none
  std::uint16_t listen_port = 0;
};

struct DatabaseConfig {
  bool embedded = false;
  Secret dsn;       ///< empty if embedded; a DSN may carry a password, so it is treated as one
  Secret read_dsn;  ///< for lists and figures; empty: they read the same database
};

struct DatabasePoolConfig {
  int engine_connections = 0;
  int http_connections = 0;
  int job_connections = 0;
  std::chrono::milliseconds acquire_timeout{};
};

/// delay = min(base · factor^(n-1), max), spread by ± jitter of itself.
struct BackoffConfig {
  std::chrono::milliseconds base{};
  double factor = 0;
  std::chrono::milliseconds max{};
  double jitter = 0;
  int max_attempts = 0;  ///< 0: without limit
};

struct EngineConfig {
  int claim_batch = 0;
  std::chrono::milliseconds claim_interval{};
  std::chrono::microseconds group_commit_window{};
  BackoffConfig backoff;        ///< between attempts of a payout
  BackoffConfig query_backoff;  ///< between queries of an UNKNOWN payout
  std::chrono::milliseconds poll_interval{};
  std::chrono::milliseconds unknown_review_after{};
  std::chrono::milliseconds drain_timeout{};
  std::chrono::milliseconds callback_answer_within{};
  bool dry_run = false;
};

/// What endpoints of integrators are told, and how.
struct NotificationConfig {
  struct Key {
    std::string id;
    Secret secret;
  };
  std::vector<Key> keys;  ///< the first makes new secrets; may be none
  std::vector<std::string> allow_networks;
  std::filesystem::path ca_file;  ///< empty: the system's certificates
  std::chrono::milliseconds timeout{};
  int per_endpoint = 0;
  int max_in_flight = 0;
  std::chrono::milliseconds give_up_after{};
  std::chrono::milliseconds disable_after{};
  std::chrono::milliseconds rotation_overlap{};
  std::chrono::milliseconds keep{};
};

struct ProviderConfig {
  std::string name;
  std::string plugin;             ///< as written
  std::filesystem::path library;  ///< the file that `plugin` means
  bool enabled = true;
  std::string environment{};     ///< `sandbox`, `live`, or empty: it does not say
  boost::json::object settings;  ///< strings and arrays of strings, as written
  boost::json::object http;      ///< as providers::HttpOptions::parse reads it; files with their whole paths
  std::map<std::string, std::vector<Secret>> secrets;  ///< current first, then the previous one
  core::Rate submit_rate;                              ///< of all hosts together
  core::Rate query_rate;                               ///< of all hosts together
  core::Rate admission_rate;         ///< of all hosts together, unless somebody sets another at run time
  std::int64_t admission_depth = 0;  ///< likewise; 0: without limit
  std::optional<core::MinimumBalance> minimum_balance{};  ///< nothing: its balance is not looked at
  std::vector<core::WebhookKey> webhook_keys;  ///< of callbacks; the first that has not expired signs

  /// As Settings::check wants them. Never log it.
  boost::json::object secrets_json() const;
};

/// Sealed at start: a change takes effect at the next start.
struct StaticConfig {
  Environment environment = Environment::dev;
  std::string name;  ///< of this host
  core::HostRoles roles = core::HostRoles::all();
  std::string public_url;
  std::filesystem::path state_dir;
  std::filesystem::path control_socket;
  std::filesystem::path plugins_dir;
  std::filesystem::path scripts_dir;   ///< empty: this host has no scripts of its own
  std::optional<Secret> instance_key;  ///< unset: load_or_create_instance_key(state_dir)
  HttpConfig http;
  MetricsConfig metrics;
  DatabaseConfig database;
  log::Format log_format = log::Format::automatic;
  TracingConfig tracing;
};

/// Taken over by a reload.
struct LiveConfig {
  log::Level log_level = log::Level::info;
  double trace_sample_ratio = 1;  ///< of traces that no caller decided about
  AccessConfig access;
  DatabasePoolConfig database_pool;
  EngineConfig engine;
  core::Limits limits;
  NotificationConfig notifications;
  std::vector<core::MaintenanceWindow> maintenance;  ///< in which nothing is submitted
  std::map<std::string, ProviderConfig> providers;
};

/// The whole configuration, checked. Immutable; a reload makes a new one.
struct Config {
  StaticConfig static_config;
  LiveConfig live_config;

  /// Where the value of a path (`providers.momo-ci.settings.base_url`, list items as `[2]`) was written; if
  /// it is written nowhere, where the nearest section around it begins.
  Place locate(std::string_view path) const;
  /// A problem of a plugin's schema with its place: `field` is a setting or secret of the provider.
  ConfigProblem provider_problem(const std::string& provider, const Problem& problem) const;

  std::vector<ConfigProblem> warnings;     ///< what is accepted and should be better
  std::string file;                        ///< the main file, as given
  std::map<std::string, Place> places;     ///< of every value that was written
  std::vector<EffectiveSetting> settings;  ///< every one, those that were not written too, by path
};

/// Reads `file` and what it includes. ENV, DATABASE_URL and CORS_ALLOW_ORIGINS of the environment go before
/// the files, and so do OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, OTEL_EXPORTER_OTLP_ENDPOINT and
/// OTEL_SERVICE_NAME; JWT_SECRET is the keyring where the files have none, NOTIFICATIONS_SECRET likewise the
/// key of notifications, and PLUGIN_WEBHOOK_SECRET is a key of the callbacks of that plugin's providers
/// beside those of the files. Where a variable is not set, the credential of its name in lower case takes its
/// place. Throws ConfigError. Secrets are resolved and registered with the redactor; nothing is written.
Config load_config(const std::filesystem::path& file,
                   const ReadEnvironment& environment = process_environment);

/// What can be said of a configuration that may have problems: for showing and comparing, not for running.
struct ConfigReading {
  Config config;
  std::vector<ConfigProblem> problems;
};
/// The same as load_config(), and never throws ConfigError.
ConfigReading read_config(const std::filesystem::path& file,
                          const ReadEnvironment& environment = process_environment);

/// The reference of all settings, as Markdown, from the table that the parser goes by.
std::string describe_config();
/// The same: `[{"path", "type", "unit"|null, "default"|null, "choices"|null, "min"|null, "max"|null, "live",
/// "secret", "description"}]`.
boost::json::array config_reference();

}  // namespace payoutd::ops
