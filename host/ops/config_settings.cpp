#include "ops/config_settings.hpp"

#include "ops/config_schema.hpp"
#include "ops/redact.hpp"

namespace payoutd::ops {
namespace {

namespace json = boost::json;

class Collector {
 public:
  explicit Collector(const WrittenConfig& written) : written_(written) {}

  std::vector<EffectiveSetting> collect() {
    const json::object known = written_.checked.redacted();
    for (const ConfigRow& row : config_rows())
      add(row.setting.type == SettingType::secret ? secret_setting(row) : plain_setting(row, known));
    for (const auto& [path, tree] : written_.keys) {
      if (tree != nullptr) {
        add_written(*tree, path);
      } else if (written_.secret_values.contains(path)) {
        add(setting_of_environment(path));
      }
    }
    for (const YamlTree* tree : written_.trees) {
      if (const auto* include = tree->find("include")) add_written(*include, "include");
      if (const auto* limits = tree->find("limits")) add_written(*limits, "limits");
    }
    for (const YamlTree* tree : written_.providers) add_written(*tree, "providers");
    for (const auto& [name, provider] : written_.config.live_config.providers) add_unwritten(name);
    std::vector<EffectiveSetting> all;
    for (auto& [path, one] : by_path_) all.push_back(std::move(one));
    return all;
  }

 private:
  /// What a profile says again stands last, and counts.
  void add(EffectiveSetting one) {
    std::string path = one.path;
    by_path_.insert_or_assign(std::move(path), std::move(one));
  }

  void add_unwritten(const std::string& provider) {
    const auto path = join_path("providers", provider);
    if (written_.secret_values.contains(path + ".webhooks")) add(setting_of_environment(path + ".webhooks"));
    if (written_.config.places.contains(path + ".enabled")) return;
    add({.path = path + ".enabled",
         .value = "true",
         .source = EffectiveSetting::Source::fallback,
         .place = {},
         .live = false});
  }

  void set_source(EffectiveSetting& one) const {
    const auto place = written_.config.places.find(one.path);
    if (place == written_.config.places.end()) {
      one.source = one.value ? EffectiveSetting::Source::fallback : EffectiveSetting::Source::unset;
      return;
    }
    one.place = place->second;
    one.source = one.place.line == 0 ? EffectiveSetting::Source::environment : EffectiveSetting::Source::file;
  }

  EffectiveSetting plain_setting(const ConfigRow& row, const json::object& known) const {
    EffectiveSetting one{.path = row.setting.name, .value = {}, .place = {}, .live = row.live};
    if (const auto* value = known.if_contains(row.setting.name); value != nullptr && !value->is_null()) {
      if (value->is_array()) {
        std::string items;
        for (const auto& item : value->get_array())
          items.append(items.empty() ? "" : ", ").append(item.as_string().c_str());
        one.value = "[" + items + "]";
      } else {
        one.value = value->is_string() ? std::string(value->get_string()) : json::serialize(*value);
      }
      // As it was written, or would be: 30s, not 30000.
      const auto* written = written_.values.if_contains(row.setting.name);
      if (row.setting.type == SettingType::duration)
        one.value = written != nullptr && written->is_string()
                        ? std::string(written->get_string())
                        : row.setting.default_value.value_or(*one.value);
    }
    if (!one.value) one.value = derived(row.setting.name);
    set_source(one);
    if (one.value) one.value = redactor().redact(*one.value);
    return one;
  }

  /// What counts where nothing is written and the default depends on the rest.
  std::optional<std::string> derived(const std::string& name) const {
    const StaticConfig& fixed = written_.config.static_config;
    if (name == "auth.required") return fixed.http.auth_required ? "true" : "false";
    if (name == "name") return fixed.name;
    if (name == "roles") return "[" + core::to_text(fixed.roles) + "]";
    if (name == "control_socket") return fixed.control_socket.string();
    if (name == "plugins_dir") return fixed.plugins_dir.string();
    return std::nullopt;
  }

  EffectiveSetting secret_setting(const ConfigRow& row) const {
    const std::string& name = row.setting.name;
    EffectiveSetting one{.path = name, .value = {}, .place = {}, .live = row.live, .is_secret = true};
    const auto reference = written_.written_secrets.find(name);
    if (reference != written_.written_secrets.end()) one.value = shown_secret(reference->second);
    if (const auto values = written_.secret_values.find(name); values != written_.secret_values.end())
      one.secrets = values->second;
    // Another password or role of the same database is taken over.
    if (name.starts_with("database")) one.live = !one.secrets.empty();
    if (name == "database" && written_.config.static_config.database.embedded)
      one = {.path = name, .value = "embedded", .place = {}, .live = false};
    set_source(one);
    // `database` may be a section, which says nothing by itself.
    if (!one.value) one.source = EffectiveSetting::Source::unset;
    return one;
  }

  EffectiveSetting setting_of_environment(const std::string& path) const {
    EffectiveSetting one{.path = path, .value = "***", .place = {}, .live = false, .is_secret = true};
    one.source = EffectiveSetting::Source::environment;
    one.place = {"environment", 0, 0};
    if (const auto place = written_.config.places.find(path);
        place != written_.config.places.end() && place->second.line == 0)
      one.place = place->second;
    one.secrets = written_.secret_values.at(path);
    return one;
  }

  /// Where it is read from; one that stands there in plain is not shown.
  static std::string shown_secret(const std::string& written) {
    const auto reference = SecretReference::parse(written);
    switch (reference.kind) {
      case SecretReference::Kind::environment:
        return "*** (env:" + reference.name + ")";
      case SecretReference::Kind::file:
        return "*** (file:" + reference.name + ")";
      case SecretReference::Kind::credential:
        return "*** (credential:" + reference.name + ")";
      case SecretReference::Kind::plain:
        break;
    }
    return "***";
  }

  /// `providers.NAME.secrets.X`, `….webhooks.secrets…` but for ids and times, and what is named like a
  /// secret.
  static bool holds_secret(const std::string& path, const std::string& parent) {
    if (names_a_secret(path)) return true;
    if (path.ends_with(".id") || path.ends_with(".kid") || path.ends_with("_at") || path.ends_with("_until"))
      return false;
    return parent.ends_with(".secrets") || (parent.find(".webhooks") != std::string::npos &&
                                            path.find(".webhooks.secrets") != std::string::npos);
  }

  void add_written(const YamlTree& tree, const std::string& path, const std::string& parent = {}) {
    using Kind = YamlTree::Kind;
    // A secret and the one before it are one setting.
    const bool pair =
        tree.kind == Kind::list && parent.ends_with(".secrets") && parent.starts_with("providers.");
    if (tree.kind == Kind::map) {
      for (const auto& entry : tree.entries) add_written(entry.value, join_path(path, entry.key), path);
      return;
    }
    if (tree.kind == Kind::list && !pair) {
      for (std::size_t i = 0; i < tree.items.size(); ++i)
        add_written(tree.items[i], path + "[" + std::to_string(i) + "]", path);
      return;
    }
    EffectiveSetting one{.path = path,
                         .value = {},
                         .source = EffectiveSetting::Source::file,
                         .place = tree.place,
                         .live = !path.ends_with(".enabled")};
    one.is_secret = pair || holds_secret(path, parent);
    if (one.is_secret) {
      std::string shown;
      for (const auto* item : pair ? pointers_to(tree.items) : std::vector<const YamlTree*>{&tree})
        shown.append(shown.empty() ? "" : ", ").append(shown_secret(item->scalar));
      one.value = std::move(shown);
      if (const auto values = written_.secret_values.find(path); values != written_.secret_values.end())
        one.secrets = values->second;
    } else {
      one.value = redactor().redact(tree.scalar);
    }
    add(std::move(one));
  }

  static std::vector<const YamlTree*> pointers_to(const std::vector<YamlTree>& items) {
    std::vector<const YamlTree*> all;
    for (const YamlTree& item : items) all.push_back(&item);
    return all;
  }

  const WrittenConfig& written_;
  std::map<std::string, EffectiveSetting> by_path_;
};

}  // namespace

std::vector<EffectiveSetting> effective_settings(const WrittenConfig& written) {
  return Collector(written).collect();
}

}  // namespace payoutd::ops
