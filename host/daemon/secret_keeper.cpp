#include "daemon/secret_keeper.hpp"

#include "ops/log.hpp"
#include "store/errors.hpp"

namespace payoutd::daemon {
namespace {

using std::chrono::days;

constexpr days kSoon{14};

std::int64_t ms_of(identity::Time time) {
  return time.time_since_epoch().count();
}

identity::Time expiry(const store::SecretUse& use) {
  return identity::Time{std::chrono::milliseconds{*use.expires_at_ms}};
}

std::string named(const store::SecretUse& use) {
  return use.key_id.empty() ? use.secret : use.secret + "/" + use.key_id;
}

void add_provider(const std::string& name, const ops::ProviderConfig& provider,
                  const ops::Fingerprints& fingerprints, std::chrono::system_clock::time_point now,
                  std::vector<store::SecretUse>& uses) {
  const std::string base = "providers." + name;
  for (const auto& [secret, values] : provider.secrets) {
    for (std::size_t i = 0; i < values.size(); ++i)
      uses.push_back({base + ".secrets." + secret, fingerprints.of(values[i]), "",
                      "Credential of provider " + name + " (" + provider.plugin + ")", i == 0, std::nullopt});
  }
  bool signs = true;  // the first that has not expired does
  for (const core::WebhookKey& key : provider.webhook_keys) {
    store::SecretUse use{base + ".webhooks",
                         fingerprints.of(key.secret),
                         key.id,
                         "Proves the callbacks of provider " + name,
                         false,
                         std::nullopt};
    if (key.expires_at)
      use.expires_at_ms = ms_of(std::chrono::floor<std::chrono::milliseconds>(*key.expires_at));
    use.current = signs && !key.expired(now);
    if (use.current) signs = false;
    uses.push_back(std::move(use));
  }
}

}  // namespace

std::vector<store::SecretUse> secrets_in_use(const ops::Config& config, const Secret& instance_key,
                                             identity::Time now) {
  const ops::Fingerprints fingerprints(instance_key);
  std::vector<store::SecretUse> uses;
  uses.push_back({"instance_key", fingerprints.of(instance_key), "",
                  "References of payments are derived from it", true, std::nullopt});
  if (!config.static_config.database.embedded)
    uses.push_back({"database", fingerprints.of(config.static_config.database.dsn), "",
                    "Address and password of the database", true, std::nullopt});
  if (!config.static_config.database.read_dsn.empty())
    uses.push_back({"database.read_url", fingerprints.of(config.static_config.database.read_dsn), "",
                    "Address and password of the replica", true, std::nullopt});
  const identity::Keyring& keyring = config.live_config.access.keyring;
  const auto* signer = keyring.signer(now);
  for (const identity::SigningKey& key : keyring.keys()) {
    store::SecretUse use{"auth.keys",    fingerprints.of(key.secret),
                         key.kid,        "Signs and verifies the API's tokens",
                         &key == signer, std::nullopt};
    if (key.verify_until) use.expires_at_ms = ms_of(*key.verify_until);
    uses.push_back(std::move(use));
  }
  bool first = true;
  for (const auto& key : config.live_config.notifications.keys)
    uses.push_back({"notifications.keys", fingerprints.of(key.secret), key.id,
                    "Secrets of notifications' endpoints are derived from it", std::exchange(first, false),
                    std::nullopt});
  for (const auto& [name, provider] : config.live_config.providers)
    if (provider.enabled) add_provider(name, provider, fingerprints, now, uses);
  // One value that is written twice is one version.
  std::vector<store::SecretUse> unique;
  for (store::SecretUse& use : uses) {
    const auto same = [&](const store::SecretUse& one) {
      return one.secret == use.secret && one.fingerprint == use.fingerprint;
    };
    if (std::ranges::none_of(unique, same)) unique.push_back(std::move(use));
  }
  return unique;
}

Awaitable<void> SecretKeeper::use(std::vector<store::SecretUse> uses, std::string actor) {
  uses_ = std::move(uses);
  actor_ = std::move(actor);
  unrecorded_ = true;
  std::string trouble;
  try {
    co_await pool_.transact(
        [incarnation = incarnation_, uses = uses_, actor = actor_](pqxx::transaction_base& work) {
          store::record_secrets(work, incarnation, uses, actor);
        });
    unrecorded_ = false;
  } catch (const store::StoreError& error) {
    trouble = error.what();
  }
  if (!trouble.empty())
    log::warning("secrets.unrecorded",
                 "Which secrets this host uses could not be recorded; it is tried again.",
                 {{"error", trouble}});
}

Awaitable<void> SecretKeeper::look_after(ops::Metrics& metrics, identity::Time now) {
  std::vector<ops::Metrics::Sample> samples;
  for (const store::SecretUse& use : uses_) {
    if (!use.expires_at_ms) continue;
    samples.push_back({named(use), static_cast<double>(*use.expires_at_ms) / 1000});
    warn(use, now);
  }
  metrics.show("secret_expires_timestamp_seconds", std::move(samples));
  if (unrecorded_) {
    co_await use(uses_, actor_);
    co_return;
  }
  try {
    co_await pool_.transact(
        [](pqxx::transaction_base& work) { store::retire_unused_secrets(work, "payoutd"); });
  } catch (const store::StoreError&) {
    // The next round does it.
  }
}

void SecretKeeper::warn(const store::SecretUse& use, identity::Time now) {
  const auto left = std::chrono::floor<days>(expiry(use) - now).count();
  // What is only accepted besides is meant to end, and does so quietly.
  const std::string key = use.secret + " " + use.fingerprint;
  for (const int threshold : {-1, 1, 3, 7, 14}) {
    if (left > threshold) continue;
    const auto [said, first] = warned_.try_emplace(key, threshold);
    if (!first && said->second <= threshold) return;
    said->second = threshold;
    boost::json::object fields{{"secret", named(use)}, {"expires_at", identity::to_text(expiry(use))}};
    if (threshold < 0) {
      log::warning("secrets.expired", "A secret has expired and stands in the configuration still.",
                   std::move(fields));
    } else if (use.current) {
      log::warning("secrets.expiring", "The current version of a secret expires soon.", std::move(fields));
    } else {
      log::info("secrets.overlap_ending", "A secret that is accepted besides the current one ends soon.",
                std::move(fields));
    }
    return;
  }
}

std::vector<http::HealthCheck> secrets_health(const std::vector<store::SecretUse>& uses, identity::Time now) {
  std::vector<http::HealthCheck> checks;
  for (const store::SecretUse& use : uses) {
    if (!use.expires_at_ms) continue;
    const std::string when = identity::to_text(expiry(use));
    if (expiry(use) <= now) {
      // Nothing is left of its kind: what it proved is refused.
      const bool alone = std::ranges::none_of(uses, [&](const store::SecretUse& other) {
        return other.secret == use.secret && (!other.expires_at_ms || expiry(other) > now);
      });
      checks.push_back(
          {"secret:" + named(use), http::HealthStatus::degraded,
           "It expired at " + when +
               (alone ? ", and nothing has taken its place." : "; take it out of the configuration.")});
    } else if (use.current && expiry(use) - now < kSoon) {
      checks.push_back({"secret:" + named(use), http::HealthStatus::degraded,
                        "It is the current one and expires at " + when + ": rotate it."});
    }
  }
  return checks;
}

}  // namespace payoutd::daemon
