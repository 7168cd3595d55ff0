#include "ops/config_schema.hpp"

#include "ops/config.hpp"

namespace payoutd::ops {
namespace {

namespace json = boost::json;
using enum SettingType;

/// What the parser reads by hand, for the reference.
struct WrittenOut {
  std::string_view path;
  std::string_view type;
  std::string_view fallback;
  bool live = false;
  std::string_view description;
};
constexpr auto kWrittenOut = std::to_array<WrittenOut>({
    {"include", "list", "", true,
     "Files with more providers, such as `[providers/*.yaml]`; relative to this file."},
    {"profiles.ENVIRONMENT", "section", "", false,
     "What holds in this environment (dev, staging, prod) only, and goes before the rest of the file: any "
     "of these "
     "settings but `environment`."},
    {"auth.keys", "list", "the variable JWT_SECRET, as key `env`", true,
     "Keys of the tokens, each with `kid`, `secret` (by reference), and perhaps `retired_at` (signs nothing "
     "more) and `verify_until` (what it signed is refused). The first that is not retired signs, all "
     "verify."},
    {"notifications.keys", "list",
     "the variable NOTIFICATIONS_SECRET, as key `env`; without any, the instance key", true,
     "Master keys that endpoints' secrets are derived from, each with `id` and `secret` (by reference). The "
     "first "
     "makes new secrets; the others serve the endpoints whose secrets were made under them."},
    {"limits.per_payout.CURRENCY", "amount", "", true, "No payout may be larger, whoever approves it."},
    {"limits.two_approvals_above.CURRENCY", "amount", "", true,
     "Payouts above it are held until two different people have approved them."},
    {"limits.outflow.PROVIDER.CURRENCY.hour", "amount", "", true,
     "More than this in 60 minutes halts the provider's payouts in the currency until it is lifted."},
    {"limits.outflow.PROVIDER.CURRENCY.day", "amount", "", true, "The same for 24 hours."},
    {"providers.NAME.plugin", "string", "", true,
     "The plugin's name (in plugins_dir), or the path of its library."},
    {"providers.NAME.enabled", "boolean", "`true`", false, "A provider that is not enabled is not started."},
    {"providers.NAME.environment", "sandbox, live", "", true,
     "What its credentials are for. Staging refuses live ones, prod those of a sandbox; addresses of "
     "providers' live "
     "systems are known."},
    {"providers.NAME.submit_rate", "rate", "", true,
     "Most submits of all hosts together, such as `20/s` or `300/m`; each host has its share of it."},
    {"providers.NAME.query_rate", "rate", "", true,
     "Most queries of all hosts together; what the plugin's contract allows counts as well."},
    {"providers.NAME.admission_rate", "rate", "", true,
     "Most new payouts of all hosts together; more are answered 429. `payoutctl provider throttle` goes "
     "before "
     "it."},
    {"providers.NAME.admission_depth", "1 to 100000000", "", true,
     "Payouts under way above which new ones are answered 429. `payoutctl provider throttle` goes before "
     "it."},
    {"providers.NAME.minimum_balance.currency", "currency", "", true,
     "Turns on the check of the provider's balance before each submit: in this currency, which the provider "
     "must "
     "pay and tell its balance in. What does not fit waits."},
    {"providers.NAME.minimum_balance.amount", "amount", "", true,
     "What must stay on the account, such as 50000; may be 0."},
    {"providers.NAME.minimum_balance.margin_percent", "integer, from 0, to 100", "`10`", true,
     "How much more than its amount there must be for a payout, in percent of it."},
    {"providers.NAME.minimum_balance.max_age", "duration, from 1s, to 1h", "`60s`", true,
     "An older balance counts as none, and then nothing is submitted; it is asked for twice in this time."},
    {"providers.NAME.settings", "section", "", true,
     "The plugin's own settings: `payoutd-provider --inspect FILE`."},
    {"providers.NAME.http", "section", "", true,
     "How its plugin's HTTP client connects: `proxy` (`http://host:port`), `ca_file`, "
     "`client_certificate_file` and "
     "`client_key_file` (PEM), `connect_timeout`, `handshake_timeout`, `write_timeout`, `resolve_timeout`, "
     "`idle_timeout`, `response_limit`, `dns_cache_time`, `max_connections`, `max_body_bytes`, "
     "`max_header_bytes`."},
    {"providers.NAME.secrets", "section", "", true,
     "The plugin's secrets: `${NAME}`, `env:NAME`, `file:/path` or `credential:NAME`; or a list of the "
     "current and the previous one."},
    {"providers.NAME.webhooks.secrets", "list", "the variable PLUGIN_WEBHOOK_SECRET, as key `env`", true,
     "Secrets that prove the provider's callbacks (`X-Signature`, and the callback URLs that the host "
     "mints): a secret by reference, or `{id, secret, expires_at}`. The first that has not expired signs, "
     "all that have not expired verify."},
});

/// What a number counts; empty where it has no unit.
std::string unit_of(const Setting& setting) {
  if (setting.type == duration) return "ms";
  if (setting.type != integer) return {};
  constexpr auto kUnits = std::to_array<std::pair<std::string_view, std::string_view>>({
      {"_bytes", "bytes"},
      {"_us", "microseconds"},
      {"_connections", "connections"},
      {"per_subject", "requests a second"},
      {"per_address", "requests a second"},
      {"per_minute", "requests a minute"},
      {"claim_batch", "payouts"},
      {"max_attempts", "attempts"},
  });
  if (setting.name.ends_with("max_connections_per_address")) return "connections";
  for (const auto& [ending, unit] : kUnits)
    if (setting.name.ends_with(ending)) return std::string(unit);
  return {};
}

std::string range_text(const Setting& setting) {
  if (!setting.choices.empty()) {
    std::string words;
    for (const auto& word : setting.choices) words.append(words.empty() ? "" : ", ").append(word);
    return words;
  }
  const std::string unit = setting.type == duration ? " ms" : "";
  std::string range(setting.type == amount ? "decimal" : to_string(setting.type));
  if (const std::string counted = unit_of(setting); !counted.empty() && setting.type != duration)
    range += " of " + counted;
  if (setting.min) range += ", from " + std::to_string(*setting.min) + unit;
  if (setting.max) range += ", to " + std::to_string(*setting.max) + unit;
  return range;
}

}  // namespace

const std::vector<ConfigRow>& config_rows() {
  static const std::vector<ConfigRow> table = {
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
      {{.name = "roles",
        .type = list,
        .description = "What this host does, of [worker, api, webhooks, admin]; all if left out. worker "
                       "claims, submits, asks "
                       "and notifies; api takes payouts in, webhooks callbacks, admin serves operators over "
                       "HTTP. Health, "
                       "metrics and the control socket are everywhere.",
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
        .description = "Address and port of the API. Addresses beyond loopback are accepted where "
                       "auth.required is true.",
        .default_value = "127.0.0.1:8480"}},
      {{.name = "http.max_body_bytes",
        .type = integer,
        .description = "Largest request body.",
        .default_value = "4194304",
        .min = 1024,
        .max = 268'435'456}},
      {{.name = "http.max_connections",
        .type = integer,
        .description = "Connections served at once. For more, those that are idle are ended.",
        .default_value = "1000",
        .min = 1,
        .max = 100'000}},
      {{.name = "http.max_connections_per_address",
        .type = integer,
        .description = "Connections of one address (of one /64 in IPv6) served at once, trusted proxies not "
                       "counted; 0: without limit.",
        .default_value = "256",
        .min = 0,
        .max = 100'000}},
      {{.name = "http.trusted_proxies",
        .type = list,
        .description = "Addresses or networks of the reverse proxies in front of the host, such as "
                       "[127.0.0.1, 10.1.0.0/16]. They must set X-Forwarded-For, which is believed for rate "
                       "limits, for records and for who is near enough to read /metrics; no other right "
                       "hangs on it.",
        .optional = true}},
      {{.name = "http.tls.certificate",
        .type = string,
        .description = "File of the certificate chain (PEM); with it the port speaks TLS only. Read again at "
                       "every reload.",
        .optional = true}},
      {{.name = "http.tls.key",
        .type = string,
        .description = "File of the certificate's private key (PEM). Read again at every reload.",
        .optional = true}},
      {{.name = "http.rate_limit.per_subject",
        .type = integer,
        .description = "Requests a second of one token subject, in bursts up to twice as many; 0: without "
                       "limit.",
        .default_value = "1000",
        .min = 0,
        .max = 1'000'000},
       true},
      {{.name = "http.rate_limit.per_address",
        .type = integer,
        .description = "Requests a second of one address, in bursts up to twice as many; 0: without limit. "
                       "Callers on the machine itself are not limited by address.",
        .default_value = "2000",
        .min = 0,
        .max = 1'000'000},
       true},
      {{.name = "http.rate_limit.auth_failures_per_minute",
        .type = integer,
        .description = "Refused tokens of one address a minute, after which its bad requests are answered "
                       "429; 0: never.",
        .default_value = "60",
        .min = 0,
        .max = 100'000},
       true},
      {{.name = "metrics.listen",
        .type = string,
        .description =
            "Address and port of a listener for monitoring alone, such as 10.0.0.5:9480: /metrics, "
            "/readyz with its reasons, /healthz and /livez, in plain HTTP for whoever reaches it.",
        .optional = true}},
      {{.name = "metrics.allow",
        .type = list,
        .description =
            "Addresses or networks that may read /metrics and the reasons of /readyz at http.listen, "
            "such as [10.0.0.0/8]. This machine always may, and tokens with the role metrics:read.",
        .optional = true},
       true},
      {{.name = "auth.required",
        .type = boolean,
        .description = "Every request to the API carries a token. May be false in dev and on loopback only, "
                       "which is also the default of dev; true elsewhere.",
        .optional = true}},
      {{.name = "auth.clock_skew",
        .type = duration,
        .description = "By how much the clock of whoever issues tokens may differ from the host's.",
        .default_value = "30s",
        .min = 0,
        .max = 300'000},
       true},
      {{.name = "auth.seed_admins",
        .type = list,
        .description =
            "Whom `payoutctl seed admin` may make an administrator in prod, such as [awa]; elsewhere "
            "it may be anybody.",
        .optional = true},
       true},
      {{.name = "maintenance.windows",
        .type = list,
        .description =
            "Times in UTC in which nothing is submitted, on all hosts, such as [Sun 02:00-04:00, first "
            "Sat 01:00-06:00]. What is in flight goes on, and providers are asked.",
        .optional = true},
       true},
      {{.name = "cors.allow_origins",
        .type = list,
        .description = "Origins whose web pages may call the API, such as [https://ops.example]; exact, no "
                       "wildcards. The variable CORS_ALLOW_ORIGINS (with commas) goes before it.",
        .optional = true},
       true},
      {{.name = "database",
        .type = secret,
        .description =
            "`embedded` (a private PostgreSQL of the host) or a DSN. The variable DATABASE_URL "
            "goes before it. From `file:` or `credential:` it is read again at every reload: a new "
            "password or role is taken over, another database needs a restart.",
        .default_value = "embedded"}},
      {{.name = "database.url",
        .type = secret,
        .description =
            "The same as `database: …`, where `database` is a section because of its other settings.",
        .optional = true}},
      {{.name = "database.read_url",
        .type = secret,
        .description =
            "DSN of a replica that lists and figures are read from; while it is away, or more than 30 s "
            "behind, they are read from the database itself. The variable DATABASE_READ_URL goes before it.",
        .optional = true}},
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
        .max = 600'000},
       true},
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
      {{.name = "tracing.endpoint",
        .type = url,
        .description = "Base URL of a collector that takes OTLP over HTTP in JSON, such as "
                       "http://127.0.0.1:4318; spans go to /v1/traces there. Left out: no tracing. The "
                       "variable OTEL_EXPORTER_OTLP_ENDPOINT goes before it, and "
                       "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, a whole URL, before both.",
        .optional = true}},
      {{.name = "tracing.headers",
        .type = secret,
        .description = "Headers of the requests to the collector: `Name=value`, with commas between them, "
                       "values percent-encoded where they need it.",
        .optional = true}},
      {{.name = "tracing.service_name",
        .type = string,
        .description = "The `service.name` of the spans. The variable OTEL_SERVICE_NAME goes before it.",
        .default_value = "payoutd"}},
      {{.name = "tracing.sample_ratio",
        .type = amount,
        .description = "The share, 0 to 1, of traces that are recorded. Where the client sent a traceparent, "
                       "its flag decides instead.",
        .default_value = "1"},
       true},
      {{.name = "tracing.queue_size",
        .type = integer,
        .description = "Spans that may wait for the collector; more are dropped and counted.",
        .default_value = "8192",
        .min = 1,
        .max = 1'000'000}},
      {{.name = "tracing.batch_size",
        .type = integer,
        .description = "Most spans of one request to the collector.",
        .default_value = "512",
        .min = 1,
        .max = 10'000}},
      {{.name = "tracing.interval",
        .type = duration,
        .description = "How long spans wait for company, unless a batch is full before.",
        .default_value = "5s",
        .min = 10,
        .max = 600'000}},
      {{.name = "tracing.timeout",
        .type = duration,
        .description = "How long a request to the collector may take.",
        .default_value = "10s",
        .min = 100,
        .max = 60'000}},
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
        .description =
            "First pause between queries of a SENT payout; it grows to ten times as long, or a minute.",
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
      {{.name = "engine.callback_answer_within",
        .type = duration,
        .description = "A provider's callback is stored and then answered at the latest after this time, "
                       "worked off or not.",
        .default_value = "30ms",
        .min = 0,
        .max = 1'500},
       true},
      {{.name = "engine.dry_run",
        .type = boolean,
        .description = "Payouts go through everything but the submit and end as SIMULATED.",
        .default_value = "false"},
       true},
      {{.name = "notifications.allow_networks",
        .type = list,
        .description =
            "Addresses or networks that endpoints may have though they are not public, such as "
            "[10.1.0.0/16]. Everything else that is private, loopback, link-local or reserved is refused.",
        .optional = true},
       true},
      {{.name = "notifications.ca_file",
        .type = string,
        .description =
            "File of the certificates (PEM) that endpoints' are verified with; the system's if left out.",
        .optional = true},
       true},
      {{.name = "notifications.timeout",
        .type = duration,
        .description =
            "How long an endpoint may take to answer. Connecting and sending have 5 s a step beside it, or "
            "this time if it is shorter.",
        .default_value = "10s",
        .min = 100,
        .max = 60'000},
       true},
      {{.name = "notifications.per_endpoint",
        .type = integer,
        .description =
            "Most notifications that are sent to one endpoint at the same time; to one that failed last, "
            "one at a time.",
        .default_value = "8",
        .min = 1,
        .max = 1000},
       true},
      {{.name = "notifications.max_in_flight",
        .type = integer,
        .description = "Most notifications that this host sends at the same time.",
        .default_value = "128",
        .min = 1,
        .max = 10'000},
       true},
      {{.name = "notifications.give_up_after",
        .type = duration,
        .description = "How long one notification is tried before it counts as failed.",
        .default_value = "3d",
        .min = 1000},
       true},
      {{.name = "notifications.disable_after",
        .type = duration,
        .description = "An endpoint that has only failed for so long is disabled.",
        .default_value = "3d",
        .min = 1000},
       true},
      {{.name = "notifications.rotation_overlap",
        .type = duration,
        .description =
            "How long an endpoint's old secret signs beside the new one, where a rotation does not say.",
        .default_value = "1d",
        .min = 0},
       true},
      {{.name = "notifications.keep",
        .type = duration,
        .description = "Notifications are forgotten after it, delivered or not.",
        .default_value = "30d",
        .min = 3'600'000},
       true},
  };
  return table;
}

json::array config_reference() {
  json::array all;
  const auto number = [](const std::optional<std::int64_t>& value) {
    return value ? json::value(*value) : json::value(nullptr);
  };
  for (const auto& [setting, live] : config_rows()) {
    json::array choices(setting.choices.begin(), setting.choices.end());
    const std::string unit = unit_of(setting);
    all.push_back(json::object{
        {"path", setting.name},
        {"type", to_string(setting.type)},
        {"unit", unit.empty() ? json::value(nullptr) : json::value(unit)},
        {"default", setting.default_value ? json::value(*setting.default_value) : json::value(nullptr)},
        {"choices", choices.empty() ? json::value(nullptr) : json::value(std::move(choices))},
        {"min", number(setting.min)},
        {"max", number(setting.max)},
        {"live", live},
        {"secret", setting.type == secret},
        {"description", setting.description}});
  }
  for (const auto& [path, type, fallback, live, meaning] : kWrittenOut)
    all.push_back(json::object{{"path", path},
                               {"type", type},
                               {"unit", nullptr},
                               {"default", fallback.empty() ? json::value(nullptr) : json::value(fallback)},
                               {"choices", nullptr},
                               {"min", nullptr},
                               {"max", nullptr},
                               {"live", live},
                               {"secret", path.ends_with("secrets") || path.ends_with("keys")},
                               {"description", meaning}});
  return all;
}

std::string describe_config() {
  std::string text = "| setting | type | default | at a reload | meaning |\n|---|---|---|---|---|\n";
  const auto add = [&](std::string_view name, std::string_view type, std::string_view fallback, bool live,
                       std::string_view meaning) {
    text.append("| `").append(name).append("` | ").append(type).append(" | ").append(fallback).append(" | ");
    text.append(live ? "taken over" : "needs a restart").append(" | ").append(meaning).append(" |\n");
  };
  for (const auto& [setting, live] : config_rows())
    add(setting.name, range_text(setting), setting.default_value ? "`" + *setting.default_value + "`" : "",
        live, setting.description);
  for (const auto& [path, type, fallback, live, meaning] : kWrittenOut)
    add(path, type, fallback, live, meaning);
  return text;
}

}  // namespace payoutd::ops
