#include "ops/config_loader.hpp"
#include "ops/exposure.hpp"
#include "ops/live_systems.hpp"
#include "ops/minimum_balance_setting.hpp"

namespace payoutd::ops {
namespace {

constexpr std::size_t kMostWebhookKeys = 8;
constexpr std::int64_t kDeepest = 100'000'000;

constexpr auto kProviderKeys = std::to_array<std::string_view>(
    {"plugin", "enabled", "environment", "settings", "http", "secrets", "webhooks", "submit_rate",
     "query_rate", "admission_rate", "admission_depth", "minimum_balance"});

bool is_provider_name(std::string_view name) {
  const auto is_allowed = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  return !name.empty() && name.size() <= 32 && name.front() != '-' && std::ranges::all_of(name, is_allowed);
}

}  // namespace

std::string webhook_variable(std::string_view plugin) {
  std::string variable;
  for (const char c : plugin)
    variable += c == '-' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  return variable + "_WEBHOOK_SECRET";
}

void ConfigLoader::read_providers(const YamlTree& providers, const fs::path& folder) {
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

ProviderConfig ConfigLoader::read_provider(const std::string& name, const YamlTree& tree, const Place& place,
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
    else if (entry.key == "http")
      provider.http = read_http(entry.value, entry_path, folder);
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

std::string ConfigLoader::provider_environment_of(const YamlTree& tree, const std::string& path) {
  std::string word = scalar_of(tree, path);
  if (word != "sandbox" && word != "live") report(tree.place, path, "must be sandbox or live");
  return word;
}

core::Rate ConfigLoader::rate_of(const YamlTree& tree, const std::string& path) {
  const auto rate = core::Rate::parse(scalar_of(tree, path));
  if (!rate) report(tree.place, path, rate.error().reason);
  return rate ? *rate : core::Rate{};
}

core::MinimumBalance ConfigLoader::minimum_balance_of(const YamlTree& tree, const std::string& path) {
  return read_minimum_balance(
      tree, path,
      [this](const Place& place, const std::string& at, std::string reason) { report(place, at, reason); });
}

std::int64_t ConfigLoader::depth_of(const YamlTree& tree, const std::string& path) {
  const std::string text = scalar_of(tree, path);
  std::int64_t depth = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), depth);
  if (error != std::errc() || end != text.data() + text.size() || depth < 1 || depth > kDeepest)
    report(tree.place, path, "must be a number from 1 to " + std::to_string(kDeepest));
  return depth;
}

bool ConfigLoader::boolean_of(const YamlTree& tree, const std::string& path) {
  if (tree.scalar != "true" && tree.scalar != "false") report(tree.place, path, "must be true or false");
  return tree.scalar == "true";
}

json::object ConfigLoader::read_settings(const YamlTree& tree, const std::string& path) {
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

json::object ConfigLoader::read_http(const YamlTree& tree, const std::string& path, const fs::path& folder) {
  json::object http = read_settings(tree, path);
  for (auto& option : http) {
    const auto* text = option.value().if_string();
    if (text == nullptr) continue;
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
    if (option.key().ends_with("_file"))
      option.value() = (fs::absolute(folder) / text->c_str()).lexically_normal().string();
    else if (error == std::errc() && end == text->data() + text->size())
      option.value() = number;
  }
  return http;
}

void ConfigLoader::read_secrets(const YamlTree& tree, const std::string& path, const fs::path& folder,
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

void ConfigLoader::read_webhooks(const YamlTree& tree, const std::string& path, const fs::path& folder,
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

void ConfigLoader::add_webhook_key(const YamlTree& tree, const std::string& path, const fs::path& folder,
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

void ConfigLoader::add_webhook_keys_of_environment(ProviderConfig& provider, const std::string& path) {
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

void ConfigLoader::check_webhook_key(const core::WebhookKey& key, const Place& place,
                                     const std::string& path) {
  if (config_.static_config.environment == Environment::dev) return;
  const std::string& text = key.secret.reveal();
  if (text.size() < kShortestSigningKey) report(place, path, "is shorter than 16 characters");
  if (is_placeholder(text)) report(place, path, "is a placeholder and no secret");
}

void ConfigLoader::add_secret(const YamlTree& written, const std::string& path, const fs::path& folder,
                              std::vector<Secret>& values) {
  if (written.kind != YamlTree::Kind::scalar) return report(written.place, path, "must be a single value");
  auto value = read_secret(written.scalar, secret_source(folder));
  if (!value) return report(written.place, path, value.error().reason);
  secret_values_[path].push_back(*value);
  values.push_back(*std::move(value));
}

void ConfigLoader::check_live_credentials() {
  for (const auto& [name, provider] : config_.live_config.providers)
    if (provider.enabled) check_live_credentials(join_path("providers", name), provider);
}

void ConfigLoader::check_live_credentials(const std::string& path, const ProviderConfig& provider) {
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

}  // namespace payoutd::ops
