#include "ops/config.hpp"

#include <fnmatch.h>
#include <unistd.h>

#include <boost/asio/ip/address.hpp>
#include <payoutd/money.hpp>

#include "ops/yaml_tree.hpp"

namespace payoutd::ops {
namespace {

namespace json = boost::json;
namespace fs = std::filesystem;

constexpr std::size_t kLongestSocketPath = 107;  // sun_path
constexpr std::size_t kShortestInstanceKey = 32;

struct Row {
  Setting setting;
  bool live = false;
};

using enum SettingType;

/// Every setting of the main file but `include` and `providers`. The parser, the defaults and the reference
/// documentation come from this table.
const std::vector<Row>& rows() {
  static const std::vector<Row> table = {
      {{.name = "environment",
        .type = choice,
        .description = "What this host is for: in staging and prod nothing that is fit for development only "
                       "is accepted. The variable ENV goes before it.",
        .default_value = "dev",
        .choices = {"dev", "staging", "prod"}}},
      {{.name = "name",
        .type = string,
        .description = "The name of this host in logs, events and leases; its machine's name if left out.",
        .optional = true}},
      {{.name = "public_url",
        .type = url,
        .description = "Where providers reach this system with their callbacks; without it they are given no "
                       "callback address.",
        .optional = true}},
      {{.name = "state_dir",
        .type = string,
        .description = "Folder of the instance key, the send logs and the embedded database.",
        .default_value = "/var/lib/payoutd"}},
      {{.name = "control_socket",
        .type = string,
        .description =
            "Unix socket on which payoutctl talks to the host; `control.sock` in state_dir if left out.",
        .optional = true}},
      {{.name = "plugins_dir",
        .type = string,
        .description = "Folder of the plugin libraries; beside the program if left out.",
        .optional = true}},
      {{.name = "scripts_dir",
        .type = string,
        .description =
            "Folder of the rules, schedules and routing (Lua). What is saved there becomes active on "
            "all hosts of the database. Left out: this host runs what the others publish.",
        .optional = true}},
      {{.name = "instance_key",
        .type = secret,
        .description = "From it all references are derived. Hosts of one database must share it; generated "
                       "into state_dir/instance.key if left out.",
        .optional = true}},
      {{.name = "http.listen",
        .type = string,
        .description = "Address and port of the API. Only loopback addresses are accepted.",
        .default_value = "127.0.0.1:8480"}},
      {{.name = "http.max_body_bytes",
        .type = integer,
        .description = "Largest request body.",
        .default_value = "4194304",
        .min = 1024,
        .max = 268'435'456}},
      {{.name = "http.max_connections",
        .type = integer,
        .description = "Connections served at once; more are closed.",
        .default_value = "1000",
        .min = 1,
        .max = 100'000}},
      {{.name = "database",
        .type = secret,
        .description = "`embedded` (a private PostgreSQL of the host) or a DSN. The variable DATABASE_URL "
                       "goes before it.",
        .default_value = "embedded"}},
      {{.name = "database_pool.engine_connections",
        .type = integer,
        .description = "Connections of the engine.",
        .default_value = "4",
        .min = 1,
        .max = 64},
       true},
      {{.name = "database_pool.http_connections",
        .type = integer,
        .description = "Connections of the API, so that the engine cannot starve it.",
        .default_value = "2",
        .min = 1,
        .max = 64},
       true},
      {{.name = "database_pool.job_connections",
        .type = integer,
        .description = "Connections of the recurring jobs.",
        .default_value = "1",
        .min = 1,
        .max = 64},
       true},
      {{.name = "database_pool.acquire_timeout",
        .type = duration,
        .description = "How long work waits for a connection before it fails.",
        .default_value = "5s",
        .min = 10,
        .max = 600'000}},
      {{.name = "logging.level",
        .type = choice,
        .description = "The least severe level that is logged.",
        .default_value = "info",
        .choices = {"debug", "info", "warning", "error"}},
       true},
      {{.name = "logging.format",
        .type = choice,
        .description = "`auto` is text on a terminal and json elsewhere.",
        .default_value = "auto",
        .choices = {"auto", "json", "text"}}},
      {{.name = "engine.claim_batch",
        .type = integer,
        .description =
            "Most payouts of one provider that are worked on at once, whatever its contract allows.",
        .default_value = "200",
        .min = 1,
        .max = 5000},
       true},
      {{.name = "engine.claim_interval",
        .type = duration,
        .description = "How often the host looks for due payouts when nothing wakes it earlier.",
        .default_value = "500ms",
        .min = 10,
        .max = 60'000},
       true},
      {{.name = "engine.group_commit_window_us",
        .type = integer,
        .description = "How many microseconds a write waits for others to be committed with.",
        .default_value = "2000",
        .min = 0,
        .max = 100'000}},
      {{.name = "engine.backoff.base",
        .type = duration,
        .description = "Pause after the first refusal for now, before a submit under a new reference.",
        .default_value = "30s",
        .min = 1},
       true},
      {{.name = "engine.backoff.factor",
        .type = amount,
        .description = "By how much each pause is longer than the one before.",
        .default_value = "2"},
       true},
      {{.name = "engine.backoff.max",
        .type = duration,
        .description = "Longest pause before a submit under a new reference.",
        .default_value = "1h",
        .min = 1},
       true},
      {{.name = "engine.backoff.jitter",
        .type = amount,
        .description = "Part of a pause, 0 to 1, by which chance makes it shorter or longer.",
        .default_value = "0.2"},
       true},
      {{.name = "engine.backoff.max_attempts",
        .type = integer,
        .description = "Refusals for now after which a payout fails; 0: without limit.",
        .default_value = "5",
        .min = 0,
        .max = 1000},
       true},
      {{.name = "engine.query_backoff.base",
        .type = duration,
        .description =
            "Pause after the first query that could not tell, and before what was not sent is sent again.",
        .default_value = "2s",
        .min = 1},
       true},
      {{.name = "engine.query_backoff.factor",
        .type = amount,
        .description = "By how much each pause between queries is longer than the one before.",
        .default_value = "2"},
       true},
      {{.name = "engine.query_backoff.max",
        .type = duration,
        .description = "Longest pause between queries.",
        .default_value = "5m",
        .min = 1},
       true},
      {{.name = "engine.query_backoff.jitter",
        .type = amount,
        .description = "Part of a pause, 0 to 1, by which chance makes it shorter or longer.",
        .default_value = "0.2"},
       true},
      {{.name = "engine.poll_interval",
        .type = duration,
        .description = "First pause between queries of a SENT payout; it grows to ten times as long, or a minute.",
        .default_value = "1m",
        .min = 100},
       true},
      {{.name = "engine.unknown_review_after",
        .type = duration,
        .description = "How long a payout may stay UNKNOWN before a person must decide.",
        .default_value = "1d",
        .min = 1000},
       true},
      {{.name = "engine.drain_timeout",
        .type = duration,
        .description = "How long a stopping host waits for the submits in flight.",
        .default_value = "30s",
        .min = 0,
        .max = 600'000},
       true},
      {{.name = "engine.dry_run",
        .type = boolean,
        .description = "Payouts go through everything but the submit and end as SIMULATED.",
        .default_value = "false"},
       true},
  };
  return table;
}

constexpr auto kProviderKeys = std::to_array<std::string_view>({"plugin", "enabled", "settings", "secrets"});

/// The rows whose values Settings::check reads; secrets are references and read apart.
SettingsSchema plain_schema() {
  SettingsSchema schema;
  for (const auto& row : rows())
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
    const bool is_unreadable = main_.kind == YamlTree::Kind::empty && !problems_.empty();
    if (is_unreadable) fail();  // what would follow from it says nothing new
    read_main();
    read_includes();
    fill_static();
    fill_live();
    for (const auto& [tree, folder] : provider_maps_) read_providers(*tree, folder);
    if (!problems_.empty()) fail();
    return std::move(config_);
  }

 private:
  [[noreturn]] void fail() {
    std::ranges::sort(problems_, [](const ConfigProblem& a, const ConfigProblem& b) {
      return std::tie(a.place.file, a.place.line, a.place.column, a.path) <
             std::tie(b.place.file, b.place.line, b.place.column, b.path);
    });
    throw ConfigError(std::move(problems_));
  }

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
    if (section.empty()) names = {"include", "providers"};
    const auto prefix = section.empty() ? "" : section + ".";
    for (const auto& row : rows()) {
      if (!row.setting.name.starts_with(prefix)) continue;
      const auto rest = row.setting.name.substr(prefix.size());
      names.push_back(rest.substr(0, rest.find('.')));
    }
    return names;
  }

  void read_main() {
    remember("", main_);
    if (!expect_map(main_, "")) fail();
    read_section(main_, "");
    if (const auto* limits = main_.find("limits")) read_limits(*limits);
    if (const auto* providers = main_.find("providers")) provider_maps_.emplace_back(providers, folder_);
  }

  void read_section(const YamlTree& section, const std::string& section_path) {
    const auto names = names_below(section_path);
    for (const auto& entry : section.entries) {
      const auto path = join_path(section_path, entry.key);
      if (path == "include" || path == "providers" || path == "limits") continue;
      if (std::ranges::count(names, entry.key) == 0) {
        refuse_unknown(entry, path, names);
        continue;
      }
      const auto row = std::ranges::find(rows(), path, [](const Row& r) { return r.setting.name; });
      if (row == rows().end()) {
        if (expect_map(entry.value, path)) read_section(entry.value, path);
      } else {
        read_leaf(row->setting, entry.value);
      }
    }
  }

  void read_leaf(const Setting& setting, const YamlTree& value) {
    if (value.kind != YamlTree::Kind::scalar)
      return report(value.place, setting.name,
                    value.kind == YamlTree::Kind::empty ? "has no value" : "must be a single value");
    if (setting.type == secret)
      written_secrets_[setting.name] = value.scalar;
    else
      values_[setting.name] = value.scalar;
  }

  void read_includes() {
    const auto* include = main_.find("include");
    if (include == nullptr) return;
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
    fill_http(target.http);
    fill_database(target.database);
    fill_instance_key(target);
  }

  void override_from_environment() {
    if (auto value = environment_("ENV"); value && !value->empty()) {
      values_["environment"] = *value;
      config_.places["environment"] = {"environment variable ENV", 0, 0};
    }
    if (auto value = environment_("DATABASE_URL"); value && !value->empty()) {
      written_secrets_["database"] = *value;
      config_.places["database"] = {"environment variable DATABASE_URL", 0, 0};
      is_database_from_environment_ = true;
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
    http.max_body_bytes =
        config_has("http.max_body_bytes") ? values_checked_.integer("http.max_body_bytes") : 0;
    http.max_connections = number("http.max_connections");
    const auto listen = text("http.listen", "127.0.0.1:8480");
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
    if (error || !has_port)
      return report("http.listen", "must be an address and a port, such as 127.0.0.1:8480");
    if (!parsed.is_loopback())
      return report("http.listen",
                    "must be a loopback address such as 127.0.0.1: the API does not authenticate its clients "
                    "yet, so no other machine may reach it");
    http.listen_address = address;
    http.listen_port = port;
  }

  SecretSource secret_source(const fs::path& folder) const {
    return {fs::absolute(folder), environment_, config_.static_config.environment == Environment::dev};
  }

  void fill_database(DatabaseConfig& database) {
    const auto found = written_secrets_.find("database");
    const std::string written = found == written_secrets_.end() ? "embedded" : found->second;
    database.embedded = written == "embedded";
    if (database.embedded) return;
    auto source = secret_source(folder_);
    source.accept_plain = source.accept_plain || is_database_from_environment_ || !has_password(written);
    auto dsn = read_secret(written, source);
    if (!dsn) return report("database", dsn.error().reason);
    if (!is_dsn(dsn->reveal()))
      return report("database", "must be the word embedded or a DSN such as postgresql://user@host/name");
    database.dsn = *std::move(dsn);
  }

  void fill_instance_key(StaticConfig& target) {
    const auto found = written_secrets_.find("instance_key");
    if (found == written_secrets_.end()) return;
    auto key = read_secret(found->second, secret_source(folder_));
    if (!key) return report("instance_key", key.error().reason);
    if (key->reveal().size() < kShortestInstanceKey)
      return report("instance_key", "must have at least 32 characters");
    target.instance_key = *std::move(key);
  }

  void fill_live() {
    auto& target = config_.live_config;
    target.log_level = log::parse_level(text("logging.level", "info")).value_or(log::Level::info);
    target.database_pool = {number("database_pool.engine_connections"),
                            number("database_pool.http_connections"), number("database_pool.job_connections"),
                            time("database_pool.acquire_timeout")};
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
    engine.dry_run = config_has("engine.dry_run") && values_checked_.boolean("engine.dry_run");
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
      else if (entry.key == "settings")
        provider.settings = read_settings(entry.value, entry_path);
      else if (entry.key == "secrets")
        read_secrets(entry.value, entry_path, folder, provider);
      else
        refuse_unknown(entry, entry_path, {kProviderKeys.begin(), kProviderKeys.end()});
    }
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

  void add_secret(const YamlTree& written, const std::string& path, const fs::path& folder,
                  std::vector<Secret>& values) {
    if (written.kind != YamlTree::Kind::scalar) return report(written.place, path, "must be a single value");
    auto value = read_secret(written.scalar, secret_source(folder));
    if (!value) return report(written.place, path, value.error().reason);
    values.push_back(*std::move(value));
  }

  const ReadEnvironment& environment_;
  Config config_;
  fs::path folder_;
  YamlTree main_;
  std::deque<YamlTree> included_;
  std::vector<std::pair<const YamlTree*, fs::path>> provider_maps_;
  std::map<std::string, Place> provider_places_;
  json::object values_;
  std::map<std::string, std::string, std::less<>> written_secrets_;
  Settings values_checked_;
  bool is_database_from_environment_ = false;
  std::vector<ConfigProblem> problems_;
};

std::string all_texts(const std::vector<ConfigProblem>& problems) {
  std::string text;
  for (const auto& problem : problems) text.append(text.empty() ? "" : "\n").append(problem.text());
  return text;
}

std::string range_text(const Setting& setting) {
  if (!setting.choices.empty()) {
    std::string words;
    for (const auto& word : setting.choices) words.append(words.empty() ? "" : ", ").append(word);
    return words;
  }
  const std::string unit = setting.type == duration ? " ms" : "";
  std::string range(setting.type == amount ? "decimal" : to_string(setting.type));
  if (setting.min) range += ", from " + std::to_string(*setting.min) + unit;
  if (setting.max) range += ", to " + std::to_string(*setting.max) + unit;
  return range;
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
  return Loader(file, environment).load();
}

std::string describe_config() {
  std::string text = "| setting | type | default | at a reload | meaning |\n|---|---|---|---|---|\n";
  const auto add = [&](std::string_view name, std::string_view type, std::string_view fallback, bool live,
                       std::string_view meaning) {
    text.append("| `").append(name).append("` | ").append(type).append(" | ").append(fallback).append(" | ");
    text.append(live ? "taken over" : "needs a restart").append(" | ").append(meaning).append(" |\n");
  };
  for (const auto& [setting, live] : rows())
    add(setting.name, range_text(setting), setting.default_value ? "`" + *setting.default_value + "`" : "",
        live, setting.description);
  add("include", "list", "", true,
      "Files with more providers, such as `[providers/*.yaml]`; relative to this file.");
  add("limits.per_payout.CURRENCY", "amount", "", true, "No payout may be larger, whoever approves it.");
  add("limits.two_approvals_above.CURRENCY", "amount", "", true,
      "Payouts above it are held until two different people have approved them.");
  add("limits.outflow.PROVIDER.CURRENCY.hour", "amount", "", true,
      "More than this in 60 minutes halts the provider's payouts in the currency until it is lifted.");
  add("limits.outflow.PROVIDER.CURRENCY.day", "amount", "", true, "The same for 24 hours.");
  add("providers.NAME.plugin", "string", "", true,
      "The plugin's name (in plugins_dir), or the path of its library.");
  add("providers.NAME.enabled", "boolean", "`true`", true, "A provider that is not enabled is not started.");
  add("providers.NAME.settings", "section", "", true,
      "The plugin's own settings: `payoutd-provider --inspect FILE`.");
  add("providers.NAME.secrets", "section", "", true,
      "The plugin's secrets: `${NAME}`, `env:NAME`, `file:/path` or `credential:NAME`; or a list of the "
      "current and the previous one.");
  return text;
}

}  // namespace payoutd::ops
