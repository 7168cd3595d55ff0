#include "ops/config.hpp"

#include <fnmatch.h>
#include <unistd.h>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <payoutd/money.hpp>

#include "identity/token.hpp"
#include "ops/config_schema.hpp"
#include "ops/config_settings.hpp"
#include "ops/exposure.hpp"
#include "ops/live_systems.hpp"
#include "ops/minimum_balance_setting.hpp"
#include "ops/yaml_tree.hpp"

namespace payoutd::ops {
namespace {

namespace json = boost::json;
namespace fs = std::filesystem;

constexpr std::size_t kLongestSocketPath = 107;  // sun_path
constexpr std::size_t kShortestInstanceKey = 32;
constexpr std::size_t kShortestSigningKey = 16;  // what the runbook asks for
constexpr std::size_t kMostWebhookKeys = 8;
constexpr std::int64_t kDeepest = 100'000'000;
constexpr std::size_t kShorterThanTheHash = 32;  // RFC 7518, 3.2: as long as the hash or longer

using enum SettingType;

constexpr auto kProviderKeys = std::to_array<std::string_view>(
    {"plugin", "enabled", "environment", "settings", "secrets", "webhooks", "submit_rate", "query_rate",
     "admission_rate", "admission_depth", "minimum_balance"});
constexpr auto kProfiles = std::to_array<std::string_view>({"dev", "staging", "prod"});

/// The rows whose values Settings::check reads; secrets are references and read apart.
SettingsSchema plain_schema() {
  SettingsSchema schema;
  for (const auto& row : config_rows())
    if (row.setting.type != secret) schema.push_back(row.setting);
  return schema;
}

fs::path beside_program() {
  std::error_code error;
  const auto program = fs::read_symlink("/proc/self/exe", error);
  const auto prefix = program.parent_path().parent_path();
  const auto installed = prefix / "lib/payoutd/plugins";
  return fs::is_directory(installed, error) ? installed : prefix / "plugins";
}

std::string machine_name() {
  std::array<char, 256> name{};
  ::gethostname(name.data(), name.size() - 1);
  return name.data();
}

bool is_provider_name(std::string_view name) {
  const auto is_allowed = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  return !name.empty() && name.size() <= 32 && name.front() != '-' && std::ranges::all_of(name, is_allowed);
}

/// `MOMO_WEBHOOK_SECRET` of `momo`.
std::string webhook_variable(std::string_view plugin) {
  std::string variable;
  for (const char c : plugin)
    variable += c == '-' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  return variable + "_WEBHOOK_SECRET";
}

/// Of the plugins that come with the host: whose callbacks say something about payments of mobile money.
/// Flooz sends none, and a Banano node's are asked about whoever sends them.
bool sends_callbacks(std::string_view plugin) {
  return plugin == "momo" || plugin == "thunes" || plugin == "tmoney";
}

bool has_password(std::string_view dsn) {
  if (dsn.find("password") != std::string_view::npos) return true;
  const auto authority = dsn.find("://");
  const auto at_sign = dsn.rfind('@');
  return authority != std::string_view::npos && at_sign != std::string_view::npos &&
         dsn.substr(authority + 3, at_sign - authority - 3).find(':') != std::string_view::npos;
}

bool is_dsn(std::string_view text) {
  return text.starts_with("postgres://") || text.starts_with("postgresql://") ||
         text.find('=') != std::string_view::npos;
}

/// Reads the files into one Config and collects every problem on the way.
class Loader {
 public:
  Loader(const fs::path& file, const ReadEnvironment& environment) : environment_(environment) {
    config_.file = file.string();
    folder_ = fs::absolute(file).parent_path();
    main_ = read_yaml(file, problems_);
  }

  Config load() {
    ConfigReading reading = read();
    if (!reading.problems.empty()) throw ConfigError(std::move(reading.problems));
    return std::move(reading.config);
  }

  /// What can be read, and all that is wrong with it.
  ConfigReading read() {
    const bool is_unreadable = main_.kind == YamlTree::Kind::empty && !problems_.empty();
    if (!is_unreadable && read_main()) {  // otherwise what would follow from it says nothing new
      read_includes();
      fill_static();
      fill_live();
      for (const auto& [tree, folder] : provider_maps_) read_providers(*tree, folder);
      check_exposure();
      check_live_credentials();
      collect_settings();
    }
    std::ranges::sort(problems_, [](const ConfigProblem& a, const ConfigProblem& b) {
      return std::tie(a.place.file, a.place.line, a.place.column, a.path) <
             std::tie(b.place.file, b.place.line, b.place.column, b.path);
    });
    return {std::move(config_), std::move(problems_)};
  }

 private:
  void report(Place place, std::string path, std::string reason) {
    problems_.push_back({std::move(place), std::move(path), std::move(reason)});
  }
  void report(std::string path, std::string reason) {
    auto place = config_.locate(path);
    report(std::move(place), std::move(path), std::move(reason));
  }

  // ---- the shape of the files

  void remember(const std::string& path, const YamlTree& tree) {
    config_.places[path] = tree.place;
    for (std::size_t i = 0; i < tree.items.size(); ++i)
      remember(path + "[" + std::to_string(i) + "]", tree.items[i]);
    for (const auto& entry : tree.entries) remember(join_path(path, entry.key), entry.value);
  }

  void refuse_unknown(const YamlTree::Entry& entry, const std::string& path,
                      const std::vector<std::string>& known) {
    std::string reason = "is not a setting";
    if (const auto nearest = nearest_name(entry.key, known)) reason += ", did you mean '" + *nearest + "'?";
    report(entry.place, path, std::move(reason));
  }

  bool expect_map(const YamlTree& tree, const std::string& path) {
    if (tree.kind == YamlTree::Kind::map || tree.kind == YamlTree::Kind::empty) return true;
    report(tree.place, path, "must be a section with settings inside");
    return false;
  }

  /// The names that may follow `section.`: of settings and of sections below.
  static std::vector<std::string> names_below(const std::string& section) {
    std::vector<std::string> names;
    if (section.empty()) names = {"include", "providers", "limits", "profiles"};
    if (section == "auth" || section == "notifications") names = {"keys"};
    const auto prefix = section.empty() ? "" : section + ".";
    for (const auto& row : config_rows()) {
      if (!row.setting.name.starts_with(prefix)) continue;
      const auto rest = row.setting.name.substr(prefix.size());
      names.push_back(rest.substr(0, rest.find('.')));
    }
    return names;
  }

  bool read_main() {
    remember("", main_);
    if (!expect_map(main_, "")) return false;
    read_section(main_, "");
    if (const auto* limits = main_.find("limits")) read_limits(*limits);
    if (const auto* providers = main_.find("providers")) provider_maps_.emplace_back(providers, folder_);
    if (const auto* profiles = main_.find("profiles")) read_profile(*profiles);
    return true;
  }

  static bool belongs_to_the_file(const std::string& key) {
    return key == "environment" || key == "profiles";
  }

  /// What the file says for this environment only goes before what it says for all.
  void read_profile(const YamlTree& profiles) {
    if (!expect_map(profiles, "profiles")) return;
    auto wanted = environment_("ENV");
    if (!wanted || wanted->empty()) {
      const auto* written = values_.if_contains("environment");
      wanted = written != nullptr && written->is_string() ? std::string(written->get_string()) : "dev";
    }
    for (const auto& entry : profiles.entries) {
      const auto path = join_path("profiles", entry.key);
      if (std::ranges::count(kProfiles, entry.key) == 0) {
        refuse_unknown(entry, path, {kProfiles.begin(), kProfiles.end()});
      } else if (expect_map(entry.value, path) && entry.key == *wanted) {
        profile_tree_ = entry.value;
        profile_ = &profile_tree_;
      }
    }
    if (profile_ == nullptr) return;
    for (const auto& entry : profile_tree_.entries)
      if (belongs_to_the_file(entry.key))
        report(entry.place, "profiles." + *wanted + "." + entry.key, "does not belong into a profile");
    std::erase_if(profile_tree_.entries, [](const auto& entry) { return belongs_to_the_file(entry.key); });
    for (const auto& entry : profile_tree_.entries) remember(entry.key, entry.value);
    read_section(*profile_, "");
    if (const auto* limits = profile_->find("limits")) read_limits(*limits);
    if (const auto* providers = profile_->find("providers")) provider_maps_.emplace_back(providers, folder_);
  }

  void read_section(const YamlTree& section, const std::string& section_path) {
    const auto names = names_below(section_path);
    for (const auto& entry : section.entries) {
      const auto path = join_path(section_path, entry.key);
      if (path == "include" || path == "providers" || path == "limits" || path == "profiles") continue;
      if (path == "auth.keys" || path == "notifications.keys") continue;
      if (std::ranges::count(names, entry.key) == 0) {
        refuse_unknown(entry, path, names);
        continue;
      }
      const auto row =
          std::ranges::find(config_rows(), path, [](const ConfigRow& r) { return r.setting.name; });
      const bool is_section = path == "database" && entry.value.kind == YamlTree::Kind::map;
      if (row == config_rows().end() || is_section) {
        if (expect_map(entry.value, path)) read_section(entry.value, path);
      } else {
        read_leaf(row->setting, entry.value);
      }
    }
  }

  void read_leaf(const Setting& setting, const YamlTree& value) {
    if (setting.type == list && value.kind == YamlTree::Kind::list) {
      json::array items;
      for (std::size_t i = 0; i < value.items.size(); ++i)
        items.emplace_back(scalar_of(value.items[i], setting.name + "[" + std::to_string(i) + "]"));
      values_[setting.name] = std::move(items);
      return;
    }
    if (value.kind != YamlTree::Kind::scalar)
      return report(value.place, setting.name,
                    value.kind == YamlTree::Kind::empty ? "has no value" : "must be a single value");
    if (setting.type == secret)
      written_secrets_[setting.name] = value.scalar;
    else
      values_[setting.name] = value.scalar;
  }

  void read_includes() {
    if (const auto* include = main_.find("include")) read_includes(include);
    if (profile_ == nullptr) return;
    if (const auto* include = profile_->find("include")) read_includes(include);
  }

  void read_includes(const YamlTree* include) {
    if (include->kind != YamlTree::Kind::list)
      return report("include", "must be a list of files, such as [providers/*.yaml]");
    for (std::size_t i = 0; i < include->items.size(); ++i) {
      const auto path = "include[" + std::to_string(i) + "]";
      if (include->items[i].kind != YamlTree::Kind::scalar) {
        report(path, "must be the name of a file");
        continue;
      }
      for (const auto& file : matching_files(include->items[i].scalar, path)) read_included(file);
    }
  }

  /// The last part of a pattern may have wildcards; files come in the order of their names.
  std::vector<fs::path> matching_files(const std::string& pattern, const std::string& path) {
    const auto wanted = folder_ / pattern;
    if (pattern.find_first_of("*?[") == std::string::npos) return {wanted};
    std::vector<fs::path> files;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(wanted.parent_path(), error))
      if (::fnmatch(wanted.filename().c_str(), entry.path().filename().c_str(), FNM_PERIOD) == 0)
        files.push_back(entry.path());
    if (error)
      report(path, "folder " + wanted.parent_path().string() + " cannot be read: " + error.message());
    std::ranges::sort(files);
    return files;
  }

  void read_included(const fs::path& file) {
    included_.push_back(read_yaml(file, problems_));
    const auto& tree = included_.back();
    if (!expect_map(tree, "")) return;
    for (const auto& entry : tree.entries) {
      if (entry.key == "providers") {
        remember("providers", entry.value);
        provider_maps_.emplace_back(&entry.value, file.parent_path());
      } else {
        report(entry.place, entry.key, "does not belong in an included file, which may hold providers only");
      }
    }
  }

  // ---- the values

  void fill_static() {
    override_from_environment();
    std::vector<Problem> bad;
    values_checked_ = Settings::check(plain_schema(), values_, {}, bad);
    for (auto& problem : bad) report_value(std::move(problem));
    auto& target = config_.static_config;
    target.environment = environment_of(text("environment", "dev"));
    target.name = text("name", machine_name());
    fill_roles(target.roles);
    target.public_url = text("public_url", "");
    target.state_dir = resolve(text("state_dir", "/var/lib/payoutd"));
    target.control_socket = config_has("control_socket") ? resolve(text("control_socket", ""))
                                                         : target.state_dir / "control.sock";
    target.plugins_dir = config_has("plugins_dir") ? resolve(text("plugins_dir", "")) : beside_program();
    if (config_has("scripts_dir")) target.scripts_dir = resolve(text("scripts_dir", ""));
    const auto format = text("logging.format", "auto");
    target.log_format = format == "json"   ? log::Format::json
                        : format == "text" ? log::Format::text
                                           : log::Format::automatic;
    if (target.control_socket.native().size() > kLongestSocketPath)
      report("control_socket", "is longer than the 107 bytes that a unix socket's path may have: " +
                                   target.control_socket.string());
    if (target.environment != Environment::dev && target.public_url.starts_with("http:"))
      report("public_url", "must be https outside of dev");
    fill_tracing(target.tracing);
    fill_http(target.http);
    fill_metrics(target.metrics);
    fill_database(target.database);
    fill_instance_key(target);
  }

  void fill_roles(core::HostRoles& roles) {
    if (!config_has("roles")) return;
    static const std::vector<std::string> kAll = core::HostRoles::all().names();
    roles = {};
    std::size_t at = 0;
    for (const std::string& name : texts("roles")) {
      const auto role = core::parse_host_role(name);
      const auto near = role ? std::nullopt : nearest_name(name, kAll);
      if (role) roles.add(*role);
      if (!role)
        report("roles[" + std::to_string(at) + "]",
               "'" + name + "' is not a role; there are " + core::to_text(core::HostRoles::all()) +
                   (near ? "; did you mean '" + *near + "'?" : std::string()));
      ++at;
    }
    if (at == 0)
      report("roles", "is empty: name at least one of " + core::to_text(core::HostRoles::all()) +
                          ", or leave it out for all of them");
  }

  void fill_tracing(TracingConfig& tracing) {
    const std::string endpoint = text("tracing.endpoint", "");
    if (!endpoint.empty()) tracing.url = is_traces_url_whole_ ? endpoint : traces_url(endpoint);
    tracing.service_name = text("tracing.service_name", "payoutd");
    tracing.queue_size = number("tracing.queue_size");
    tracing.batch_size = number("tracing.batch_size");
    tracing.interval = time("tracing.interval");
    tracing.timeout = time("tracing.timeout");
    if (tracing.batch_size > tracing.queue_size && config_has("tracing.queue_size"))
      report("tracing.batch_size", "must not be larger than tracing.queue_size");
    const auto written = written_secrets_.find("tracing.headers");
    if (written == written_secrets_.end()) return;
    const auto secret = read_secret(written->second, secret_source(folder_));
    if (!secret) return report("tracing.headers", secret.error().reason);
    secret_values_["tracing.headers"].push_back(*secret);
    auto headers = parse_otlp_headers(secret->reveal());
    if (!headers) return report("tracing.headers", headers.error().reason);
    tracing.headers = *std::move(headers);
    if (tracing.url.starts_with("http:") && !is_loopback_url(tracing.url))
      warn("tracing.endpoint", "takes tracing.headers over a network without TLS, where they can be read");
  }

  static bool is_loopback_url(std::string_view url) {
    const std::string_view authority = url.substr(url.find("://") + 3);
    return authority.starts_with("127.") || authority.starts_with("[::1]") ||
           authority.starts_with("localhost");
  }

  /// As the specification of OpenTelemetry's exporters has them: a variable that is empty is not set.
  void tracing_from_environment() {
    const auto take = [this](const char* variable, const char* setting) {
      const auto value = environment_(variable);
      if (!value || value->empty()) return false;
      values_[setting] = *value;
      config_.places[setting] = {std::string("environment variable ") + variable, 0, 0};
      return true;
    };
    take("OTEL_SERVICE_NAME", "tracing.service_name");
    is_traces_url_whole_ = take("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "tracing.endpoint");
    if (!is_traces_url_whole_) take("OTEL_EXPORTER_OTLP_ENDPOINT", "tracing.endpoint");
  }

  void override_from_environment() {
    tracing_from_environment();
    if (auto value = environment_("CORS_ALLOW_ORIGINS"); value && !value->empty()) {
      values_["cors.allow_origins"] = separated_by_commas(*value);
      config_.places["cors.allow_origins"] = {"environment variable CORS_ALLOW_ORIGINS", 0, 0};
    }
    if (auto value = environment_("ENV"); value && !value->empty()) {
      values_["environment"] = *value;
      config_.places["environment"] = {"environment variable ENV", 0, 0};
    }
    if (auto value = environment_("DATABASE_URL"); value && !value->empty()) {
      written_secrets_["database"] = *value;
      config_.places["database"] = {"environment variable DATABASE_URL", 0, 0};
      is_database_from_environment_ = true;
    }
    if (auto value = environment_("DATABASE_READ_URL"); value && !value->empty()) {
      written_secrets_["database.read_url"] = *value;
      config_.places["database.read_url"] = {"environment variable DATABASE_READ_URL", 0, 0};
      is_read_database_from_environment_ = true;
    }
  }

  void report_value(Problem problem) { report(std::move(problem.field), std::move(problem.reason)); }

  bool config_has(std::string_view name) const { return values_checked_.has(name); }
  /// The fallback stands for a value that was refused: loading goes on to find the other problems.
  std::string text(std::string_view name, std::string fallback) const {
    return config_has(name) ? values_checked_.string(name) : std::move(fallback);
  }
  int number(std::string_view name) const {
    return config_has(name) ? static_cast<int>(values_checked_.integer(name)) : 0;
  }
  std::chrono::milliseconds time(std::string_view name) const {
    return config_has(name) ? values_checked_.duration(name) : std::chrono::milliseconds(0);
  }

  /// A factor or a share: no money, so a double will do.
  double decimal(const std::string& name, double min, double max) {
    if (!config_has(name)) return min;
    const auto units = Amount::parse(values_checked_.string(name)).value().units();
    const double value = static_cast<double>(units) / static_cast<double>(Amount::kUnitsPerOne);
    if (value < min || value > max)
      report(name, "must be between " + std::to_string(static_cast<int>(min)) + " and " +
                       std::to_string(static_cast<int>(max)));
    return value;
  }

  static Environment environment_of(std::string_view name) {
    if (name == "prod") return Environment::prod;
    return name == "staging" ? Environment::staging : Environment::dev;
  }

  fs::path resolve(const fs::path& path) const { return (fs::absolute(folder_) / path).lexically_normal(); }

  void fill_http(HttpConfig& http) {
    const bool is_dev = config_.static_config.environment == Environment::dev;
    http.auth_required = config_has("auth.required") ? values_checked_.boolean("auth.required") : !is_dev;
    if (!http.auth_required && !is_dev) report("auth.required", "must be true outside of dev");
    http.max_connections_per_address = number("http.max_connections_per_address");
    http.trusted_proxies = texts("http.trusted_proxies");
    for (const std::string& proxy : http.trusted_proxies)
      if (!is_address_or_network(proxy))
        report("http.trusted_proxies",
               "has an entry that is neither an address nor a network such as 10.0.0.0/8");
    if (config_has("http.tls.certificate")) http.tls_certificate = resolve(text("http.tls.certificate", ""));
    if (config_has("http.tls.key")) http.tls_key = resolve(text("http.tls.key", ""));
    if (http.tls_certificate.empty() != http.tls_key.empty())
      report("http.tls", "needs both: certificate and key");
    http.max_body_bytes =
        config_has("http.max_body_bytes") ? values_checked_.integer("http.max_body_bytes") : 0;
    http.max_connections = number("http.max_connections");
    const auto place = place_of("http.listen", text("http.listen", "127.0.0.1:8480"));
    if (!place) return;
    const auto& [parsed, port] = *place;
    if (!parsed.is_loopback() && !http.auth_required)
      return report("http.listen",
                    "must be a loopback address such as 127.0.0.1 while auth.required is false: no other "
                    "machine may reach an API that asks nobody who they are");
    if (!parsed.is_loopback() && http.tls_certificate.empty())
      warn("http.listen",
           "other machines reach the port without TLS, so tokens can be read on the way: set http.tls, "
           "or listen on loopback behind a proxy that speaks TLS");
    http.listen_address = parsed.to_string();
    http.listen_port = port;
  }

  void fill_metrics(MetricsConfig& metrics) {
    if (!config_has("metrics.listen")) return;
    const auto place = place_of("metrics.listen", text("metrics.listen", ""));
    if (!place) return;
    metrics.listen_address = place->first.to_string();
    metrics.listen_port = place->second;
  }

  /// `127.0.0.1:8480`, `[::1]:8480`, `localhost:8480`.
  std::optional<std::pair<boost::asio::ip::address, std::uint16_t>> place_of(const std::string& setting,
                                                                             const std::string& listen) {
    const auto colon = listen.rfind(':');
    auto address = listen.substr(0, colon);
    std::uint16_t port = 0;
    const auto* end = listen.data() + listen.size();
    const auto [port_end, port_error] =
        std::from_chars(listen.data() + std::min(colon, listen.size() - 1) + 1, end, port);
    const bool has_port = colon != std::string::npos && port_error == std::errc{} && port_end == end;
    if (address.starts_with('[') && address.ends_with(']')) address = address.substr(1, address.size() - 2);
    if (address == "localhost") address = "127.0.0.1";
    boost::system::error_code error;
    const auto parsed = boost::asio::ip::make_address(address, error);
    if (!error && has_port) return std::pair{parsed, port};
    report(setting, "must be an address and a port, such as 127.0.0.1:8480");
    return std::nullopt;
  }

  std::vector<std::string> texts(std::string_view name) const {
    return config_has(name) ? values_checked_.list(name) : std::vector<std::string>();
  }

  // ---- who may ask

  void fill_access(AccessConfig& access) {
    access.clock_skew = time("auth.clock_skew");
    access.requests_per_subject = number("http.rate_limit.per_subject");
    access.requests_per_address = number("http.rate_limit.per_address");
    access.auth_failures_per_minute = number("http.rate_limit.auth_failures_per_minute");
    access.metrics_allow = texts("metrics.allow");
    for (const std::string& one : access.metrics_allow)
      if (!is_address_or_network(one))
        report("metrics.allow", "has an entry that is neither an address nor a network such as 10.0.0.0/8");
    access.cors_origins = texts("cors.allow_origins");
    access.seed_admins = texts("auth.seed_admins");
    for (const std::string& origin : access.cors_origins)
      if (!is_origin(origin))
        report(
            "cors.allow_origins",
            "must be exact origins such as https://ops.example: scheme, host and port, nothing behind, no *");
    std::vector<identity::SigningKey> keys;
    const auto* written = written_keys("auth");
    if (written != nullptr) {
      keys = read_keys(*written);
    } else if (auto secret = environment_("JWT_SECRET"); secret && !secret->empty()) {
      auto value = read_secret("env:JWT_SECRET", secret_source(folder_));
      config_.places["auth.keys"] = {"environment variable JWT_SECRET", 0, 0};
      if (value) secret_values_["auth.keys"].push_back(*value);
      if (value) keys.push_back({.kid = "env", .secret = *std::move(value)});
    }
    for (const auto& key : keys) check_signing_key(key);
    if (keys.empty() && written == nullptr && config_.static_config.http.auth_required)
      report(
          "auth.keys",
          "there is no key to verify tokens with: set JWT_SECRET, or name keys here (auth.required is true)");
    access.keyring = identity::Keyring(std::move(keys));
    if (!access.keyring.empty() && access.keyring.signer(identity::now()) == nullptr)
      warn("auth.keys", "every key is retired: no token can be issued");
  }

  /// `keys` of this section, in the profile or else in the rest of the file; nullptr: there are none.
  const YamlTree* written_keys(std::string_view name) const {
    for (const YamlTree* tree : {profile_, &main_}) {
      const auto* section = tree == nullptr ? nullptr : tree->find(name);
      const auto* keys = section == nullptr ? nullptr : section->find("keys");
      if (keys != nullptr) return keys;
    }
    return nullptr;
  }

  std::vector<identity::SigningKey> read_keys(const YamlTree& tree) {
    std::vector<identity::SigningKey> keys;
    if (tree.kind != YamlTree::Kind::list || tree.items.empty()) {
      report(tree.place, "auth.keys", "must be a list of keys: - {kid: a, secret: file:/path}");
      return keys;
    }
    for (std::size_t i = 0; i < tree.items.size(); ++i) {
      const auto path = "auth.keys[" + std::to_string(i) + "]";
      auto key = read_key(tree.items[i], path);
      if (!key) continue;
      if (std::ranges::count(keys, key->kid, &identity::SigningKey::kid) > 0)
        report(tree.items[i].place, path, "has the kid of a key above");
      keys.push_back(*std::move(key));
    }
    return keys;
  }

  std::optional<identity::SigningKey> read_key(const YamlTree& tree, const std::string& path) {
    if (tree.kind != YamlTree::Kind::map) {
      report(tree.place, path, "must have a kid and a secret");
      return std::nullopt;
    }
    identity::SigningKey key;
    const std::size_t before = problems_.size();
    for (const auto& entry : tree.entries) {
      const auto entry_path = join_path(path, entry.key);
      if (entry.key == "kid") {
        key.kid = scalar_of(entry.value, entry_path);
        if (!identity::is_kid(key.kid))
          report(entry.value.place, entry_path, "must have 1 to 64 letters, digits and ._-");
      } else if (entry.key == "secret") {
        std::vector<Secret> values;
        add_secret(entry.value, entry_path, folder_, values);
        if (!values.empty()) key.secret = std::move(values.front());
      } else if (entry.key == "retired_at") {
        key.retired_at = time_of(entry.value, entry_path);
      } else if (entry.key == "verify_until") {
        key.verify_until = time_of(entry.value, entry_path);
      } else {
        refuse_unknown(entry, entry_path, {"kid", "secret", "retired_at", "verify_until"});
      }
    }
    for (const char* name : {"kid", "secret"})
      if (tree.find(name) == nullptr) report(tree.place, path, std::string("has no ") + name);
    return problems_.size() == before ? std::optional(std::move(key)) : std::nullopt;
  }

  std::optional<identity::Time> time_of(const YamlTree& tree, const std::string& path) {
    const auto time = identity::parse_time(scalar_of(tree, path));
    if (!time) report(tree.place, path, "must be a time in UTC such as 2026-01-31T08:00:00Z");
    return time;
  }

  /// Whoever guesses it makes tokens of their own, so it is refused wherever tokens protect anything.
  void check_signing_key(const identity::SigningKey& key) {
    const std::string& text = key.secret.reveal();
    const bool strict = config_.static_config.environment != Environment::dev;
    const std::string what = "the secret of key " + key.kid + " ";
    if (text.size() < kShortestSigningKey) {
      if (strict) return report("auth.keys", what + "is shorter than 16 characters");
      warn("auth.keys", what + "is shorter than 16 characters");
    } else if (text.size() < kShorterThanTheHash) {
      warn("auth.keys", what + "is shorter than 32 characters");
    }
    if (is_placeholder(text)) {
      if (strict) return report("auth.keys", what + "is a placeholder: generate one (openssl rand -hex 32)");
      warn("auth.keys", what + "is a placeholder");
    }
  }

  void warn(const std::string& path, std::string reason) {
    config_.warnings.push_back({config_.locate(path), path, std::move(reason)});
  }

  static json::array separated_by_commas(std::string_view text) {
    json::array items;
    while (!text.empty()) {
      const auto comma = text.find(',');
      std::string_view item = text.substr(0, comma);
      while (item.starts_with(' ')) item.remove_prefix(1);
      while (item.ends_with(' ')) item.remove_suffix(1);
      if (!item.empty()) items.emplace_back(item);
      text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
    }
    return items;
  }

  /// As browsers send it (RFC 6454, 6.2): scheme, host and perhaps a port, in lower case.
  static bool is_origin(std::string_view text) {
    const bool plain = text.starts_with("http://");
    if (!plain && !text.starts_with("https://")) return false;
    text.remove_prefix(plain ? 7 : 8);
    return !text.empty() &&
           text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.-:[]") == std::string_view::npos;
  }

  static bool is_address_or_network(const std::string& text) {
    boost::system::error_code error;
    if (text.find('/') == std::string::npos) {
      boost::asio::ip::make_address(text, error);
      return !error;
    }
    boost::asio::ip::make_network_v4(text, error);
    if (!error) return true;
    boost::asio::ip::make_network_v6(text, error);
    return !error;
  }

  // ---- what others could change

  /// In prod only: a machine of developers is theirs.
  void check_exposure() {
    if (config_.static_config.environment != Environment::prod) return;
    const auto& fixed = config_.static_config;
    const auto check = [this](const fs::path& root, const std::string& path) {
      for (const fs::path& found : world_writable(root))
        report(path, found.string() + " can be written by every user of this machine: chmod o-w");
    };
    if (!fixed.scripts_dir.empty()) check(fixed.scripts_dir, "scripts_dir");
    check(fixed.plugins_dir, "plugins_dir");
    for (const auto& [name, provider] : config_.live_config.providers) {
      const std::string path = join_path("providers", name);
      if (provider.enabled && provider.library.parent_path() != fixed.plugins_dir) {
        check(provider.library, path + ".plugin");
        for (const fs::path& found : world_writable(provider.library.parent_path(), 1))
          if (found == provider.library.parent_path())
            report(path + ".plugin",
                   found.string() + " can be written by every user of this machine: chmod o-w");
      }
      if (provider.enabled && provider.webhook_keys.empty() && sends_callbacks(provider.plugin))
        report(path + ".webhooks", "has no secret that proves callbacks: set " +
                                       webhook_variable(provider.plugin) +
                                       ", or name it in webhooks.secrets");
      for (const auto& [secret_name, values] : provider.secrets)
        for (const Secret& value : values)
          if (provider.enabled && is_placeholder(value.reveal()))
            report(path + ".secrets." + secret_name, "is a placeholder and no secret");
    }
    if (fixed.instance_key && is_placeholder(fixed.instance_key->reveal()))
      report("instance_key", "is a placeholder and no secret");
    if (config_.live_config.engine.dry_run)
      report("engine.dry_run",
             "must be false in prod, where nothing would ever be paid; `payoutctl switch set dry_run on` "
             "simulates for a time");
  }

  SecretSource secret_source(const fs::path& folder) const {
    return {fs::absolute(folder), environment_, config_.static_config.environment == Environment::dev};
  }

  void fill_database(DatabaseConfig& database) {
    auto found = written_secrets_.find("database");
    if (found == written_secrets_.end()) found = written_secrets_.find("database.url");
    const std::string written = found == written_secrets_.end() ? "embedded" : found->second;
    database.embedded = written == "embedded";
    if (!database.embedded)
      database.dsn = read_dsn("database", written, is_database_from_environment_,
                              "must be the word embedded or a DSN such as postgresql://user@host/name");
    if (!database.dsn.empty()) secret_values_[found->first].push_back(database.dsn);
    const auto read = written_secrets_.find("database.read_url");
    if (read != written_secrets_.end())
      database.read_dsn = read_dsn("database.read_url", read->second, is_read_database_from_environment_,
                                   "must be a DSN such as postgresql://user@replica/name");
    if (!database.read_dsn.empty()) secret_values_["database.read_url"].push_back(database.read_dsn);
  }

  Secret read_dsn(const std::string& path, const std::string& written, bool from_environment,
                  const char* form) {
    auto source = secret_source(folder_);
    source.accept_plain = source.accept_plain || from_environment || !has_password(written);
    auto dsn = read_secret(written, source);
    if (!dsn) {
      report(path, dsn.error().reason);
    } else if (!is_dsn(dsn->reveal())) {
      report(path, form);
    } else {
      return *std::move(dsn);
    }
    return {};
  }

  void fill_instance_key(StaticConfig& target) {
    const auto found = written_secrets_.find("instance_key");
    if (found == written_secrets_.end()) return;
    auto key = read_secret(found->second, secret_source(folder_));
    if (!key) return report("instance_key", key.error().reason);
    if (key->reveal().size() < kShortestInstanceKey)
      return report("instance_key", "must have at least 32 characters");
    secret_values_["instance_key"].push_back(*key);
    target.instance_key = *std::move(key);
  }

  void fill_live() {
    auto& target = config_.live_config;
    target.log_level = log::parse_level(text("logging.level", "info")).value_or(log::Level::info);
    target.trace_sample_ratio = decimal("tracing.sample_ratio", 0, 1);
    target.database_pool = {number("database_pool.engine_connections"),
                            number("database_pool.http_connections"), number("database_pool.job_connections"),
                            time("database_pool.acquire_timeout")};
    fill_access(target.access);
    fill_maintenance(target.maintenance);
    auto& engine = target.engine;
    engine.claim_batch = number("engine.claim_batch");
    engine.claim_interval = time("engine.claim_interval");
    engine.group_commit_window = std::chrono::microseconds(number("engine.group_commit_window_us"));
    engine.backoff = backoff("engine.backoff");
    engine.backoff.max_attempts = number("engine.backoff.max_attempts");
    engine.query_backoff = backoff("engine.query_backoff");
    engine.poll_interval = time("engine.poll_interval");
    engine.unknown_review_after = time("engine.unknown_review_after");
    engine.drain_timeout = time("engine.drain_timeout");
    engine.callback_answer_within = time("engine.callback_answer_within");
    engine.dry_run = config_has("engine.dry_run") && values_checked_.boolean("engine.dry_run");
    fill_notifications(target.notifications);
  }

  // ---- notifications

  void fill_notifications(NotificationConfig& target) {
    target.allow_networks = texts("notifications.allow_networks");
    for (const std::string& network : target.allow_networks)
      if (!is_address_or_network(network))
        report("notifications.allow_networks",
               "has an entry that is neither an address nor a network such as 10.1.0.0/16");
    if (config_has("notifications.ca_file")) target.ca_file = resolve(text("notifications.ca_file", ""));
    std::error_code failed;
    if (!target.ca_file.empty() && !fs::is_regular_file(target.ca_file, failed))
      report("notifications.ca_file", "there is no file " + target.ca_file.string());
    target.timeout = time("notifications.timeout");
    target.per_endpoint = number("notifications.per_endpoint");
    target.max_in_flight = number("notifications.max_in_flight");
    target.give_up_after = time("notifications.give_up_after");
    target.disable_after = time("notifications.disable_after");
    target.rotation_overlap = time("notifications.rotation_overlap");
    target.keep = time("notifications.keep");
    const auto* written = written_keys("notifications");
    if (written != nullptr) {
      read_notification_keys(*written, target.keys);
    } else if (auto secret = environment_("NOTIFICATIONS_SECRET"); secret && !secret->empty()) {
      config_.places["notifications.keys"] = {"environment variable NOTIFICATIONS_SECRET", 0, 0};
      if (auto value = read_secret("env:NOTIFICATIONS_SECRET", secret_source(folder_))) {
        secret_values_["notifications.keys"].push_back(*value);
        target.keys.push_back({"env", *std::move(value)});
      }
    }
    if (config_.static_config.environment == Environment::dev) return;
    for (const auto& key : target.keys) {
      const std::string& bytes = key.secret.reveal();
      if (bytes.size() < kShorterThanTheHash)
        report("notifications.keys", "the secret of key " + key.id + " is shorter than 32 characters");
      if (is_placeholder(bytes))
        report("notifications.keys",
               "the secret of key " + key.id + " is a placeholder: generate one (openssl rand -hex 32)");
    }
  }

  void read_notification_keys(const YamlTree& tree, std::vector<NotificationConfig::Key>& keys) {
    if (tree.kind != YamlTree::Kind::list || tree.items.empty())
      return report(tree.place, "notifications.keys",
                    "must be a list of keys: - {id: a, secret: file:/path}");
    for (std::size_t i = 0; i < tree.items.size(); ++i) {
      const auto path = "notifications.keys[" + std::to_string(i) + "]";
      const YamlTree& item = tree.items[i];
      if (item.kind != YamlTree::Kind::map) {
        report(item.place, path, "must have an id and a secret");
        continue;
      }
      NotificationConfig::Key key;
      std::vector<Secret> values;
      for (const auto& entry : item.entries) {
        const auto entry_path = join_path(path, entry.key);
        if (entry.key == "id") {
          key.id = scalar_of(entry.value, entry_path);
          if (!identity::is_kid(key.id) || key.id == "instance")
            report(entry.value.place, entry_path,
                   "must have 1 to 64 letters, digits and ._-, and not be `instance`");
        } else if (entry.key == "secret") {
          add_secret(entry.value, entry_path, folder_, values);
        } else {
          refuse_unknown(entry, entry_path, {"id", "secret"});
        }
      }
      for (const char* name : {"id", "secret"})
        if (item.find(name) == nullptr) report(item.place, path, std::string("has no ") + name);
      if (std::ranges::count(keys, key.id, &NotificationConfig::Key::id) > 0)
        report(item.place, path, "has the id of a key above");
      if (values.empty()) continue;
      key.secret = std::move(values.front());
      keys.push_back(std::move(key));
    }
  }

  void fill_maintenance(std::vector<core::MaintenanceWindow>& windows) {
    std::size_t at = 0;
    for (const std::string& written : texts("maintenance.windows")) {
      auto window = core::parse_maintenance_window(written);
      if (!window) report("maintenance.windows[" + std::to_string(at) + "]", window.error().reason);
      if (window) windows.push_back(*std::move(window));
      ++at;
    }
  }

  BackoffConfig backoff(const std::string& section) {
    BackoffConfig values;
    values.base = time(section + ".base");
    values.factor = decimal(section + ".factor", 1, 100);
    values.max = time(section + ".max");
    values.jitter = decimal(section + ".jitter", 0, 1);
    if (config_has(section + ".base") && config_has(section + ".max") && values.max < values.base)
      report(section + ".max", "must not be shorter than " + section + ".base");
    return values;
  }

  // ---- the limits

  void read_limits(const YamlTree& tree) {
    remember("limits", tree);
    if (!expect_map(tree, "limits")) return;
    core::Limits& limits = config_.live_config.limits;
    for (const auto& entry : tree.entries) {
      const auto path = join_path("limits", entry.key);
      if (entry.key == "per_payout") {
        read_amounts(entry.value, path, limits.per_payout);
      } else if (entry.key == "two_approvals_above") {
        read_amounts(entry.value, path, limits.two_approvals_above);
      } else if (entry.key == "outflow") {
        read_outflow(entry.value, path, limits);
      } else {
        refuse_unknown(entry, path, {"per_payout", "two_approvals_above", "outflow"});
      }
    }
  }

  /// Currency → amount.
  void read_amounts(const YamlTree& tree, const std::string& path, std::map<std::string, Amount>& amounts) {
    if (!expect_map(tree, path)) return;
    for (const auto& entry : tree.entries)
      if (const auto amount = amount_of(entry, entry.key, join_path(path, entry.key)))
        amounts[entry.key] = *amount;
  }

  /// Provider → currency → hour, day.
  void read_outflow(const YamlTree& tree, const std::string& path, core::Limits& limits) {
    if (!expect_map(tree, path)) return;
    for (const auto& provider : tree.entries) {
      const auto provider_path = join_path(path, provider.key);
      if (!expect_map(provider.value, provider_path)) continue;
      for (const auto& currency : provider.value.entries) {
        const auto currency_path = join_path(provider_path, currency.key);
        if (!expect_map(currency.value, currency_path)) continue;
        core::OutflowLimit& limit = limits.outflow[{provider.key, currency.key}];
        for (const auto& span : currency.value.entries) {
          const auto span_path = join_path(currency_path, span.key);
          if (span.key == "hour") {
            limit.hour = amount_of(span, currency.key, span_path);
          } else if (span.key == "day") {
            limit.day = amount_of(span, currency.key, span_path);
          } else {
            refuse_unknown(span, span_path, {"hour", "day"});
          }
        }
      }
    }
  }

  std::optional<Amount> amount_of(const YamlTree::Entry& entry, const std::string& currency,
                                  const std::string& path) {
    remember(path, entry.value);
    const auto money = parse_money(scalar_of(entry.value, path), currency);
    if (money) return money->amount;
    const Problem& problem = money.error();
    report(entry.value.place, path,
           (problem.field == "currency" ? currency + " " : std::string()) + problem.reason);
    return std::nullopt;
  }

  // ---- the providers

  void read_providers(const YamlTree& providers, const fs::path& folder) {
    if (!expect_map(providers, "providers")) return;
    for (const auto& entry : providers.entries) {
      const auto path = join_path("providers", entry.key);
      if (!is_provider_name(entry.key)) {
        report(entry.place, path, "must be named with at most 32 lower-case letters, digits and dashes");
      } else if (const auto first = provider_places_.find(entry.key); first != provider_places_.end()) {
        report(
            entry.place, path,
            "is configured twice, first in " + first->second.file + ":" + std::to_string(first->second.line));
      } else if (expect_map(entry.value, path)) {
        provider_places_[entry.key] = entry.place;
        config_.live_config.providers[entry.key] = read_provider(entry.key, entry.value, entry.place, folder);
      }
    }
  }

  ProviderConfig read_provider(const std::string& name, const YamlTree& tree, const Place& place,
                               const fs::path& folder) {
    ProviderConfig provider;
    provider.name = name;
    const auto path = join_path("providers", name);
    for (const auto& entry : tree.entries) {
      const auto entry_path = join_path(path, entry.key);
      if (entry.key == "plugin")
        provider.plugin = scalar_of(entry.value, entry_path);
      else if (entry.key == "enabled")
        provider.enabled = boolean_of(entry.value, entry_path);
      else if (entry.key == "environment")
        provider.environment = provider_environment_of(entry.value, entry_path);
      else if (entry.key == "settings")
        provider.settings = read_settings(entry.value, entry_path);
      else if (entry.key == "secrets")
        read_secrets(entry.value, entry_path, folder, provider);
      else if (entry.key == "webhooks")
        read_webhooks(entry.value, entry_path, folder, provider);
      else if (entry.key == "submit_rate")
        provider.submit_rate = rate_of(entry.value, entry_path);
      else if (entry.key == "query_rate")
        provider.query_rate = rate_of(entry.value, entry_path);
      else if (entry.key == "admission_rate")
        provider.admission_rate = rate_of(entry.value, entry_path);
      else if (entry.key == "admission_depth")
        provider.admission_depth = depth_of(entry.value, entry_path);
      else if (entry.key == "minimum_balance")
        provider.minimum_balance = minimum_balance_of(entry.value, entry_path);
      else
        refuse_unknown(entry, entry_path, {kProviderKeys.begin(), kProviderKeys.end()});
    }
    add_webhook_keys_of_environment(provider, path);
    if (tree.find("plugin") == nullptr) report(place, path, "has no plugin: name one, such as plugin: momo");
    const bool is_path = provider.plugin.find('/') != std::string::npos;
    provider.library = is_path ? (fs::absolute(folder) / provider.plugin).lexically_normal()
                               : config_.static_config.plugins_dir / ("lib" + provider.plugin + ".so");
    return provider;
  }

  std::string scalar_of(const YamlTree& tree, const std::string& path) {
    if (tree.kind != YamlTree::Kind::scalar || tree.scalar.empty())
      report(tree.place, path,
             tree.kind == YamlTree::Kind::list || tree.kind == YamlTree::Kind::map ? "must be a single value"
                                                                                   : "has no value");
    return tree.scalar;
  }

  std::string provider_environment_of(const YamlTree& tree, const std::string& path) {
    std::string word = scalar_of(tree, path);
    if (word != "sandbox" && word != "live") report(tree.place, path, "must be sandbox or live");
    return word;
  }

  core::Rate rate_of(const YamlTree& tree, const std::string& path) {
    const auto rate = core::Rate::parse(scalar_of(tree, path));
    if (!rate) report(tree.place, path, rate.error().reason);
    return rate ? *rate : core::Rate{};
  }

  core::MinimumBalance minimum_balance_of(const YamlTree& tree, const std::string& path) {
    return read_minimum_balance(
        tree, path,
        [this](const Place& place, const std::string& at, std::string reason) { report(place, at, reason); });
  }

  std::int64_t depth_of(const YamlTree& tree, const std::string& path) {
    const std::string text = scalar_of(tree, path);
    std::int64_t depth = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), depth);
    if (error != std::errc() || end != text.data() + text.size() || depth < 1 || depth > kDeepest)
      report(tree.place, path, "must be a number from 1 to " + std::to_string(kDeepest));
    return depth;
  }

  bool boolean_of(const YamlTree& tree, const std::string& path) {
    if (tree.scalar != "true" && tree.scalar != "false") report(tree.place, path, "must be true or false");
    return tree.scalar == "true";
  }

  /// As written: the plugin's schema gives them their types.
  json::object read_settings(const YamlTree& tree, const std::string& path) {
    json::object settings;
    if (!expect_map(tree, path)) return settings;
    for (const auto& entry : tree.entries) {
      const auto entry_path = join_path(path, entry.key);
      if (entry.value.kind == YamlTree::Kind::scalar) {
        settings[entry.key] = entry.value.scalar;
      } else if (entry.value.kind == YamlTree::Kind::list) {
        json::array items;
        for (std::size_t i = 0; i < entry.value.items.size(); ++i)
          items.emplace_back(scalar_of(entry.value.items[i], entry_path + "[" + std::to_string(i) + "]"));
        settings[entry.key] = std::move(items);
      } else {
        report(entry.value.place, entry_path,
               entry.value.kind == YamlTree::Kind::map ? "must be a value or a list" : "has no value");
      }
    }
    return settings;
  }

  void read_secrets(const YamlTree& tree, const std::string& path, const fs::path& folder,
                    ProviderConfig& provider) {
    if (!expect_map(tree, path)) return;
    for (const auto& entry : tree.entries) {
      const auto entry_path = join_path(path, entry.key);
      auto& values = provider.secrets[entry.key];
      if (entry.value.kind == YamlTree::Kind::scalar) {
        add_secret(entry.value, entry_path, folder, values);
      } else if (entry.value.kind == YamlTree::Kind::list &&
                 (entry.value.items.size() == 1 || entry.value.items.size() == 2)) {
        for (const auto& item : entry.value.items) add_secret(item, entry_path, folder, values);
      } else {
        report(entry.value.place, entry_path,
               "must be a secret, or a list of the current one and the previous one");
      }
    }
  }

  // ---- the secrets of callbacks

  void read_webhooks(const YamlTree& tree, const std::string& path, const fs::path& folder,
                     ProviderConfig& provider) {
    if (!expect_map(tree, path)) return;
    for (const auto& entry : tree.entries) {
      const auto entry_path = join_path(path, entry.key);
      if (entry.key != "secrets") {
        refuse_unknown(entry, entry_path, {"secrets"});
        continue;
      }
      if (entry.value.kind != YamlTree::Kind::list) {
        add_webhook_key(entry.value, entry_path, folder, provider);
        continue;
      }
      for (std::size_t i = 0; i < entry.value.items.size(); ++i)
        add_webhook_key(entry.value.items[i], entry_path + "[" + std::to_string(i) + "]", folder, provider);
    }
    if (provider.webhook_keys.size() > kMostWebhookKeys)
      report(tree.place, path, "has more than " + std::to_string(kMostWebhookKeys) + " secrets");
  }

  /// A secret, or one with its id and the time at which it stops counting.
  void add_webhook_key(const YamlTree& tree, const std::string& path, const fs::path& folder,
                       ProviderConfig& provider) {
    core::WebhookKey key;
    std::vector<Secret> values;
    if (tree.kind == YamlTree::Kind::scalar) {
      add_secret(tree, path, folder, values);
    } else {
      if (!expect_map(tree, path)) return;
      for (const auto& entry : tree.entries) {
        const auto entry_path = join_path(path, entry.key);
        if (entry.key == "id") {
          key.id = scalar_of(entry.value, entry_path);
          if (!identity::is_kid(key.id))
            report(entry.value.place, entry_path, "must have 1 to 64 letters, digits and ._-");
        } else if (entry.key == "secret") {
          add_secret(entry.value, entry_path, folder, values);
        } else if (entry.key == "expires_at") {
          if (const auto at = time_of(entry.value, entry_path)) key.expires_at = *at;
        } else {
          refuse_unknown(entry, entry_path, {"id", "secret", "expires_at"});
        }
      }
      if (tree.find("secret") == nullptr) report(tree.place, path, "has no secret");
    }
    if (values.empty()) return;
    key.secret = std::move(values.front());
    if (key.id.empty()) key.id = "key-" + std::to_string(provider.webhook_keys.size() + 1);
    for (const auto& other : provider.webhook_keys)
      if (other.id == key.id) return report(tree.place, path, "has the id of a secret above");
    check_webhook_key(key, tree.place, path);
    provider.webhook_keys.push_back(std::move(key));
  }

  /// MOMO_WEBHOOK_SECRET is a secret of every provider of the plugin momo, MOMO_WEBHOOK_SECRET_PREVIOUS the
  /// one before it.
  void add_webhook_keys_of_environment(ProviderConfig& provider, const std::string& path) {
    if (provider.plugin.empty() || provider.plugin.find('/') != std::string::npos) return;
    const std::string variable = webhook_variable(provider.plugin);
    for (const auto& [name, id] : {std::pair{variable, "env"}, {variable + "_PREVIOUS", "env-previous"}}) {
      const auto written = environment_(name);
      if (!written || written->empty()) continue;
      auto value = read_secret("env:" + name, secret_source(folder_));
      if (!value) continue;
      core::WebhookKey key{id, *std::move(value), std::nullopt};
      const auto same = [&](const core::WebhookKey& one) {
        return one.secret.reveal() == key.secret.reveal() || one.id == key.id;
      };
      if (std::ranges::any_of(provider.webhook_keys, same)) continue;
      check_webhook_key(key, {"environment variable " + name, 0, 0}, path + ".webhooks");
      secret_values_[path + ".webhooks"].push_back(key.secret);
      provider.webhook_keys.push_back(std::move(key));
    }
  }

  void check_webhook_key(const core::WebhookKey& key, const Place& place, const std::string& path) {
    if (config_.static_config.environment == Environment::dev) return;
    const std::string& text = key.secret.reveal();
    if (text.size() < kShortestSigningKey) report(place, path, "is shorter than 16 characters");
    if (is_placeholder(text)) report(place, path, "is a placeholder and no secret");
  }

  void add_secret(const YamlTree& written, const std::string& path, const fs::path& folder,
                  std::vector<Secret>& values) {
    if (written.kind != YamlTree::Kind::scalar) return report(written.place, path, "must be a single value");
    auto value = read_secret(written.scalar, secret_source(folder));
    if (!value) return report(written.place, path, value.error().reason);
    secret_values_[path].push_back(*value);
    values.push_back(*std::move(value));
  }

  // ---- live and sandbox

  /// A provider says what its credentials are for; of some addresses it is known.
  void check_live_credentials() {
    for (const auto& [name, provider] : config_.live_config.providers)
      if (provider.enabled) check_live_credentials(join_path("providers", name), provider);
  }

  void check_live_credentials(const std::string& path, const ProviderConfig& provider) {
    const Environment here = config_.static_config.environment;
    const std::string own = path + ".environment";
    bool at_live_system = false;
    for (const auto& setting : provider.settings) {
      if (!setting.value().is_string()) continue;
      const auto system = live_system(std::string_view(setting.value().get_string()));
      if (!system) continue;
      at_live_system = true;
      const std::string at = path + ".settings." + std::string(setting.key());
      const std::string what =
          "leads to the live system of " + std::string(*system) + ", which pays real money";
      if (here == Environment::staging) report(at, what + ": not in staging");
      if (here == Environment::dev) warn(at, what);
      if (provider.environment == "sandbox" && here != Environment::staging)
        report(own, "is sandbox, while " + std::string(setting.key()) + " " + what);
    }
    if (here == Environment::staging && provider.environment == "live")
      report(own, "is live: staging takes no live credentials");
    if (here == Environment::prod && provider.environment == "sandbox")
      report(own, "is sandbox: in prod nobody would be paid through it");
    if (here == Environment::staging && provider.environment.empty() && !at_live_system)
      warn(path,
           "does not say `environment: sandbox`, so nobody can tell whether its credentials are live ones");
    if (here == Environment::dev && provider.environment == "live" && !at_live_system)
      warn(own, "is live: it pays real money");
  }

  // ---- what it all comes to

  void collect_settings() {
    WrittenConfig written{config_, values_, values_checked_, written_secrets_, secret_values_, {}, {}, {}};
    for (const YamlTree* tree : {static_cast<const YamlTree*>(&main_), profile_})
      if (tree != nullptr) written.trees.push_back(tree);
    for (const auto& [tree, folder] : provider_maps_) written.providers.push_back(tree);
    for (const std::string section : {"auth", "notifications"})
      written.keys[section + ".keys"] = written_keys(section);
    config_.settings = effective_settings(written);
  }

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

std::string all_texts(const std::vector<ConfigProblem>& problems) {
  std::string text;
  for (const auto& problem : problems) text.append(text.empty() ? "" : "\n").append(problem.text());
  return text;
}

}  // namespace

std::string ConfigProblem::text() const {
  std::string text = place.file;
  if (place.line > 0) text += ":" + std::to_string(place.line) + ":" + std::to_string(place.column);
  return text + ": " + (path.empty() ? "" : path + ": ") + reason;
}

ConfigError::ConfigError(std::vector<ConfigProblem> problems)
    : std::runtime_error(all_texts(problems)), problems_(std::move(problems)) {}

json::object ProviderConfig::secrets_json() const {
  json::object object;
  for (const auto& [secret_name, values] : secrets) {
    json::array texts;
    for (const auto& value : values) texts.emplace_back(value.reveal());
    object[secret_name] = std::move(texts);
  }
  return object;
}

Place Config::locate(std::string_view path) const {
  while (true) {
    if (const auto found = places.find(std::string(path)); found != places.end()) return found->second;
    const auto end = path.find_last_of(".[");
    if (path.empty()) return {file, 1, 1};
    path = end == std::string_view::npos ? std::string_view{} : path.substr(0, end);
  }
}

ConfigProblem Config::provider_problem(const std::string& provider, const Problem& problem) const {
  const auto base = join_path("providers", provider);
  for (const std::string_view part : {"settings", "secrets"}) {
    const auto path = join_path(join_path(base, part), problem.field);
    if (places.contains(path)) return {places.at(path), path, problem.reason};
  }
  return {locate(base), problem.field.empty() ? base : join_path(join_path(base, "settings"), problem.field),
          problem.reason};
}

Config load_config(const std::filesystem::path& file, const ReadEnvironment& environment) {
  const ReadEnvironment known = with_credentials(environment);
  return Loader(file, known).load();
}

ConfigReading read_config(const std::filesystem::path& file, const ReadEnvironment& environment) {
  const ReadEnvironment known = with_credentials(environment);
  return Loader(file, known).read();
}

}  // namespace payoutd::ops
