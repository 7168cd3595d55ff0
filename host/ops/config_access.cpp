#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>

#include "ops/config_loader.hpp"
#include "ops/exposure.hpp"

namespace payoutd::ops {
namespace {

/// Of the plugins that come with the host: whose callbacks say something about payments of mobile money.
/// Flooz sends none, and a Banano node's are asked about whoever sends them.
bool sends_callbacks(std::string_view plugin) {
  return plugin == "momo" || plugin == "thunes" || plugin == "tmoney";
}

}  // namespace

void ConfigLoader::fill_access(AccessConfig& access) {
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

const YamlTree* ConfigLoader::written_keys(std::string_view name) const {
  for (const YamlTree* tree : {profile_, &main_}) {
    const auto* section = tree == nullptr ? nullptr : tree->find(name);
    const auto* keys = section == nullptr ? nullptr : section->find("keys");
    if (keys != nullptr) return keys;
  }
  return nullptr;
}

std::vector<identity::SigningKey> ConfigLoader::read_keys(const YamlTree& tree) {
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

std::optional<identity::SigningKey> ConfigLoader::read_key(const YamlTree& tree, const std::string& path) {
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

std::optional<identity::Time> ConfigLoader::time_of(const YamlTree& tree, const std::string& path) {
  const auto time = identity::parse_time(scalar_of(tree, path));
  if (!time) report(tree.place, path, "must be a time in UTC such as 2026-01-31T08:00:00Z");
  return time;
}

void ConfigLoader::check_signing_key(const identity::SigningKey& key) {
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

json::array ConfigLoader::separated_by_commas(std::string_view text) {
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

bool ConfigLoader::is_origin(std::string_view text) {
  const bool plain = text.starts_with("http://");
  if (!plain && !text.starts_with("https://")) return false;
  text.remove_prefix(plain ? 7 : 8);
  return !text.empty() &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.-:[]") == std::string_view::npos;
}

bool ConfigLoader::is_address_or_network(const std::string& text) {
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

void ConfigLoader::check_exposure() {
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
                                     webhook_variable(provider.plugin) + ", or name it in webhooks.secrets");
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

}  // namespace payoutd::ops
