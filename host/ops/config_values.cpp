#include <unistd.h>

#include "ops/config_loader.hpp"
#include "ops/config_schema.hpp"

namespace payoutd::ops {
namespace {

using enum SettingType;

constexpr std::size_t kLongestSocketPath = 107;  // sun_path
constexpr std::size_t kShortestInstanceKey = 32;

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

}  // namespace

void ConfigLoader::fill_static() {
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
  target.control_socket =
      config_has("control_socket") ? resolve(text("control_socket", "")) : target.state_dir / "control.sock";
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

void ConfigLoader::fill_roles(core::HostRoles& roles) {
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

void ConfigLoader::fill_tracing(TracingConfig& tracing) {
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

bool ConfigLoader::is_loopback_url(std::string_view url) {
  const std::string_view authority = url.substr(url.find("://") + 3);
  return authority.starts_with("127.") || authority.starts_with("[::1]") ||
         authority.starts_with("localhost");
}

void ConfigLoader::tracing_from_environment() {
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

void ConfigLoader::override_from_environment() {
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

void ConfigLoader::report_value(Problem problem) {
  report(std::move(problem.field), std::move(problem.reason));
}

bool ConfigLoader::config_has(std::string_view name) const {
  return values_checked_.has(name);
}

std::string ConfigLoader::text(std::string_view name, std::string fallback) const {
  return config_has(name) ? values_checked_.string(name) : std::move(fallback);
}

int ConfigLoader::number(std::string_view name) const {
  return config_has(name) ? static_cast<int>(values_checked_.integer(name)) : 0;
}

std::chrono::milliseconds ConfigLoader::time(std::string_view name) const {
  return config_has(name) ? values_checked_.duration(name) : std::chrono::milliseconds(0);
}

double ConfigLoader::decimal(const std::string& name, double min, double max) {
  if (!config_has(name)) return min;
  const auto units = Amount::parse(values_checked_.string(name)).value().units();
  const double value = static_cast<double>(units) / static_cast<double>(Amount::kUnitsPerOne);
  if (value < min || value > max)
    report(name, "must be between " + std::to_string(static_cast<int>(min)) + " and " +
                     std::to_string(static_cast<int>(max)));
  return value;
}

Environment ConfigLoader::environment_of(std::string_view name) {
  if (name == "prod") return Environment::prod;
  return name == "staging" ? Environment::staging : Environment::dev;
}

fs::path ConfigLoader::resolve(const fs::path& path) const {
  return (fs::absolute(folder_) / path).lexically_normal();
}

void ConfigLoader::fill_http(HttpConfig& http) {
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

void ConfigLoader::fill_metrics(MetricsConfig& metrics) {
  if (!config_has("metrics.listen")) return;
  const auto place = place_of("metrics.listen", text("metrics.listen", ""));
  if (!place) return;
  metrics.listen_address = place->first.to_string();
  metrics.listen_port = place->second;
}

std::optional<std::pair<boost::asio::ip::address, std::uint16_t>> ConfigLoader::place_of(
    const std::string& setting, const std::string& listen) {
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

std::vector<std::string> ConfigLoader::texts(std::string_view name) const {
  return config_has(name) ? values_checked_.list(name) : std::vector<std::string>();
}

SecretSource ConfigLoader::secret_source(const fs::path& folder) const {
  return {fs::absolute(folder), environment_, config_.static_config.environment == Environment::dev};
}

void ConfigLoader::fill_database(DatabaseConfig& database) {
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

Secret ConfigLoader::read_dsn(const std::string& path, const std::string& written, bool from_environment,
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

void ConfigLoader::fill_instance_key(StaticConfig& target) {
  const auto found = written_secrets_.find("instance_key");
  if (found == written_secrets_.end()) return;
  auto key = read_secret(found->second, secret_source(folder_));
  if (!key) return report("instance_key", key.error().reason);
  if (key->reveal().size() < kShortestInstanceKey)
    return report("instance_key", "must have at least 32 characters");
  secret_values_["instance_key"].push_back(*key);
  target.instance_key = *std::move(key);
}

void ConfigLoader::fill_live() {
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

void ConfigLoader::fill_maintenance(std::vector<core::MaintenanceWindow>& windows) {
  std::size_t at = 0;
  for (const std::string& written : texts("maintenance.windows")) {
    auto window = core::parse_maintenance_window(written);
    if (!window) report("maintenance.windows[" + std::to_string(at) + "]", window.error().reason);
    if (window) windows.push_back(*std::move(window));
    ++at;
  }
}

BackoffConfig ConfigLoader::backoff(const std::string& section) {
  BackoffConfig values;
  values.base = time(section + ".base");
  values.factor = decimal(section + ".factor", 1, 100);
  values.max = time(section + ".max");
  values.jitter = decimal(section + ".jitter", 0, 1);
  if (config_has(section + ".base") && config_has(section + ".max") && values.max < values.base)
    report(section + ".max", "must not be shorter than " + section + ".base");
  return values;
}

}  // namespace payoutd::ops
