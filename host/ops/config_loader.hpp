#pragma once
#include <boost/asio/ip/address.hpp>
#include <deque>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "identity/token.hpp"
#include "ops/config.hpp"
#include "ops/yaml_tree.hpp"

namespace payoutd::ops {

namespace json = boost::json;
namespace fs = std::filesystem;

constexpr std::size_t kShortestSigningKey = 16;  ///< characters: what the runbook asks for
constexpr std::size_t kShorterThanTheHash = 32;  ///< RFC 7518, 3.2: as long as the hash or longer

/// `MOMO_WEBHOOK_SECRET` of `momo`.
std::string webhook_variable(std::string_view plugin);

/// Reads the files into one Config and collects every problem on the way. For one reading, by one thread. Its
/// parts stand in config_values.cpp, config_access.cpp, config_notifications.cpp, config_limits.cpp and
/// config_providers.cpp.
class ConfigLoader {
 public:
  ConfigLoader(const fs::path& file, const ReadEnvironment& environment);
  Config load();
  /// What can be read, and all that is wrong with it.
  ConfigReading read();

 private:
  // ---- the shape of the files

  void report(Place place, std::string path, std::string reason);
  void report(std::string path, std::string reason);
  void remember(const std::string& path, const YamlTree& tree);
  void refuse_unknown(const YamlTree::Entry& entry, const std::string& path,
                      const std::vector<std::string>& known);
  bool expect_map(const YamlTree& tree, const std::string& path);
  /// The names that may follow `section.`: of settings and of sections below.
  static std::vector<std::string> names_below(const std::string& section);
  bool read_main();
  static bool belongs_to_the_file(const std::string& key);
  /// What the file says for this environment only goes before what it says for all.
  void read_profile(const YamlTree& profiles);
  void read_section(const YamlTree& section, const std::string& section_path);
  void read_leaf(const Setting& setting, const YamlTree& value);
  void read_includes();
  void read_includes(const YamlTree* include);
  /// The last part of a pattern may have wildcards; files come in the order of their names.
  std::vector<fs::path> matching_files(const std::string& pattern, const std::string& path);
  void read_included(const fs::path& file);
  void warn(const std::string& path, std::string reason);
  std::string scalar_of(const YamlTree& tree, const std::string& path);
  void collect_settings();

  // ---- the values

  void fill_static();
  void fill_roles(core::HostRoles& roles);
  void fill_tracing(TracingConfig& tracing);
  static bool is_loopback_url(std::string_view url);
  /// As the specification of OpenTelemetry's exporters has them: a variable that is empty is not set.
  void tracing_from_environment();
  void override_from_environment();
  void report_value(Problem problem);
  bool config_has(std::string_view name) const;
  /// The fallback stands for a value that was refused: loading goes on to find the other problems.
  std::string text(std::string_view name, std::string fallback) const;
  int number(std::string_view name) const;
  std::chrono::milliseconds time(std::string_view name) const;
  /// A factor or a share: no money, so a double will do.
  double decimal(const std::string& name, double min, double max);
  static Environment environment_of(std::string_view name);
  fs::path resolve(const fs::path& path) const;
  void fill_http(HttpConfig& http);
  void fill_metrics(MetricsConfig& metrics);
  /// `127.0.0.1:8480`, `[::1]:8480`, `localhost:8480`.
  std::optional<std::pair<boost::asio::ip::address, std::uint16_t>> place_of(const std::string& setting,
                                                                             const std::string& listen);
  std::vector<std::string> texts(std::string_view name) const;
  SecretSource secret_source(const fs::path& folder) const;
  void fill_database(DatabaseConfig& database);
  Secret read_dsn(const std::string& path, const std::string& written, bool from_environment,
                  const char* form);
  void fill_instance_key(StaticConfig& target);
  void fill_live();
  void fill_maintenance(std::vector<core::MaintenanceWindow>& windows);
  BackoffConfig backoff(const std::string& section);

  // ---- who may ask, and what others could change

  void fill_access(AccessConfig& access);
  /// `keys` of this section, in the profile or else in the rest of the file; nullptr: there are none.
  const YamlTree* written_keys(std::string_view name) const;
  std::vector<identity::SigningKey> read_keys(const YamlTree& tree);
  std::optional<identity::SigningKey> read_key(const YamlTree& tree, const std::string& path);
  std::optional<identity::Time> time_of(const YamlTree& tree, const std::string& path);
  /// Whoever guesses it makes tokens of their own, so it is refused wherever tokens protect anything.
  void check_signing_key(const identity::SigningKey& key);
  static json::array separated_by_commas(std::string_view text);
  /// As browsers send it (RFC 6454, 6.2): scheme, host and perhaps a port, in lower case.
  static bool is_origin(std::string_view text);
  static bool is_address_or_network(const std::string& text);
  /// In prod only: a machine of developers is theirs.
  void check_exposure();

  // ---- notifications

  void fill_notifications(NotificationConfig& target);
  void read_notification_keys(const YamlTree& tree, std::vector<NotificationConfig::Key>& keys);

  // ---- the limits

  void read_limits(const YamlTree& tree);
  /// Currency → amount.
  void read_amounts(const YamlTree& tree, const std::string& path, std::map<std::string, Amount>& amounts);
  /// Provider → currency → hour, day.
  void read_outflow(const YamlTree& tree, const std::string& path, core::Limits& limits);
  std::optional<Amount> amount_of(const YamlTree::Entry& entry, const std::string& currency,
                                  const std::string& path);

  // ---- the providers

  void read_providers(const YamlTree& providers, const fs::path& folder);
  ProviderConfig read_provider(const std::string& name, const YamlTree& tree, const Place& place,
                               const fs::path& folder);
  std::string provider_environment_of(const YamlTree& tree, const std::string& path);
  core::Rate rate_of(const YamlTree& tree, const std::string& path);
  core::MinimumBalance minimum_balance_of(const YamlTree& tree, const std::string& path);
  std::int64_t depth_of(const YamlTree& tree, const std::string& path);
  bool boolean_of(const YamlTree& tree, const std::string& path);
  /// As written: the plugin's schema gives them their types.
  json::object read_settings(const YamlTree& tree, const std::string& path);
  json::object read_http(const YamlTree& tree, const std::string& path, const fs::path& folder);
  void read_secrets(const YamlTree& tree, const std::string& path, const fs::path& folder,
                    ProviderConfig& provider);
  void read_webhooks(const YamlTree& tree, const std::string& path, const fs::path& folder,
                     ProviderConfig& provider);
  /// A secret, or one with its id and the time at which it stops counting.
  void add_webhook_key(const YamlTree& tree, const std::string& path, const fs::path& folder,
                       ProviderConfig& provider);
  /// MOMO_WEBHOOK_SECRET is a secret of every provider of the plugin momo, MOMO_WEBHOOK_SECRET_PREVIOUS the
  /// one before it.
  void add_webhook_keys_of_environment(ProviderConfig& provider, const std::string& path);
  void check_webhook_key(const core::WebhookKey& key, const Place& place, const std::string& path);
  void add_secret(const YamlTree& written, const std::string& path, const fs::path& folder,
                  std::vector<Secret>& values);
  /// A provider says what its credentials are for; of some addresses it is known.
  void check_live_credentials();
  void check_live_credentials(const std::string& path, const ProviderConfig& provider);

  const ReadEnvironment& environment_;
  Config config_;
  fs::path folder_;
  YamlTree main_;
  YamlTree profile_tree_;
  const YamlTree* profile_ = nullptr;  ///< nullptr: the file has none for this environment
  std::deque<YamlTree> included_;
  std::vector<std::pair<const YamlTree*, fs::path>> provider_maps_;
  std::map<std::string, Place> provider_places_;
  json::object values_;
  std::map<std::string, std::string, std::less<>> written_secrets_;
  std::map<std::string, std::vector<Secret>> secret_values_;  ///< by the path where each is written
  Settings values_checked_;
  bool is_database_from_environment_ = false;
  bool is_traces_url_whole_ = false;
  bool is_read_database_from_environment_ = false;
  std::vector<ConfigProblem> problems_;
};

}  // namespace payoutd::ops
