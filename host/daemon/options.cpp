#include "daemon/options.hpp"

#include "core/ids.hpp"

namespace payoutd::daemon {
namespace {

using std::chrono::milliseconds;

policy::Schedule schedule_of(const ops::BackoffConfig& c) {
  return {c.base, c.max, static_cast<int>(c.jitter * 100), static_cast<int>(c.factor * 100)};
}

}  // namespace

policy::BuiltInOptions policy_options(const ops::EngineConfig& c) {
  policy::BuiltInOptions options;
  options.retry = schedule_of(c.backoff);
  options.query = schedule_of(c.query_backoff);
  options.resend = options.query;
  // A minute at the longest, unless less often was asked for.
  const auto longest = std::min(10 * c.poll_interval, std::max(c.poll_interval, milliseconds{60'000}));
  options.poll = {c.poll_interval, longest, 20};
  options.max_attempts = c.backoff.max_attempts;
  options.review_after = c.unknown_review_after;
  return options;
}

engine::DispatcherOptions dispatcher_options(const ops::EngineConfig& c) {
  engine::DispatcherOptions options;
  options.tick = c.claim_interval;
  options.max_in_hand = c.claim_batch;
  return options;
}

std::map<std::string, engine::ProviderPace> paces(const ops::LiveConfig& live) {
  std::map<std::string, engine::ProviderPace> all;
  for (const auto& [name, p] : live.providers)
    all[name] = {{p.submit_rate, p.query_rate}, {p.admission_rate, p.admission_depth}};
  return all;
}

engine::MinimumBalances minimum_balances(const ops::LiveConfig& live) {
  engine::MinimumBalances all;
  for (const auto& [name, provider] : live.providers)
    if (provider.minimum_balance) all[name] = *provider.minimum_balance;
  return all;
}

core::WebhookKeys webhook_keys(const ops::LiveConfig& live) {
  core::WebhookKeys keys;
  for (const auto& [name, provider] : live.providers)
    if (provider.enabled && !provider.webhook_keys.empty()) keys[name] = provider.webhook_keys;
  return keys;
}

http::GateOptions gate_options(const ops::HttpConfig& http, const ops::AccessConfig& access) {
  http::GateOptions options;
  options.auth_required = http.auth_required;
  options.trusted_proxies = http.trusted_proxies;
  options.metrics_allow = access.metrics_allow;
  options.keyring = access.keyring;
  options.clock_skew = access.clock_skew;
  options.cors_origins = access.cors_origins;
  options.requests_per_subject = access.requests_per_subject;
  options.requests_per_address = access.requests_per_address;
  options.auth_failures_per_minute = access.auth_failures_per_minute;
  return options;
}

notify::Notifier::Options notifier_options(const ops::Config& config, const ops::NotificationConfig& c,
                                           const Secret& instance_key) {
  const auto seconds = [](milliseconds time) {
    return std::chrono::duration_cast<std::chrono::seconds>(time);
  };
  std::vector<notify::EndpointKeys::Key> keys;
  for (const auto& key : c.keys) keys.push_back({key.id, key.secret});
  keys.push_back({"instance", Secret(core::hmac_sha256_hex(instance_key, "payoutd notifications 1"))});
  notify::Notifier::Options options;
  options.rotation_overlap = seconds(c.rotation_overlap);
  notify::SenderOptions& sender = options.sender;
  sender.keys = notify::EndpointKeys(std::move(keys));
  sender.allowed_networks = c.allow_networks;
  sender.plain_http = config.static_config.environment == Environment::dev;
  sender.ca_file = c.ca_file.string();
  sender.timeout = c.timeout;
  sender.per_endpoint = c.per_endpoint;
  sender.max_in_flight = c.max_in_flight;
  sender.give_up_after = seconds(c.give_up_after);
  sender.disable_after = seconds(c.disable_after);
  sender.keep = seconds(c.keep);
  return options;
}

store::PoolOptions pool_options(const std::string& dsn, int connections, milliseconds acquire,
                                const char* name) {
  store::PoolOptions options;
  options.dsn = dsn;
  options.connections = connections;
  options.acquire_timeout_ms = static_cast<int>(acquire.count());
  options.application_name = name;
  return options;
}

}  // namespace payoutd::daemon
