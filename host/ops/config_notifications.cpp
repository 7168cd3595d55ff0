#include "ops/config_loader.hpp"
#include "ops/exposure.hpp"

namespace payoutd::ops {

void ConfigLoader::fill_notifications(NotificationConfig& target) {
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

void ConfigLoader::read_notification_keys(const YamlTree& tree, std::vector<NotificationConfig::Key>& keys) {
  if (tree.kind != YamlTree::Kind::list || tree.items.empty())
    return report(tree.place, "notifications.keys", "must be a list of keys: - {id: a, secret: file:/path}");
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

}  // namespace payoutd::ops
