#include "ops/config_loader.hpp"

#include <fnmatch.h>

#include <algorithm>

#include "ops/config_schema.hpp"
#include "ops/config_settings.hpp"

namespace payoutd::ops {
namespace {

constexpr auto kProfiles = std::to_array<std::string_view>({"dev", "staging", "prod"});

}  // namespace

ConfigLoader::ConfigLoader(const fs::path& file, const ReadEnvironment& environment)
    : environment_(environment) {
  config_.file = file.string();
  folder_ = fs::absolute(file).parent_path();
  main_ = read_yaml(file, problems_);
}

Config ConfigLoader::load() {
  ConfigReading reading = read();
  if (!reading.problems.empty()) throw ConfigError(std::move(reading.problems));
  return std::move(reading.config);
}

ConfigReading ConfigLoader::read() {
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

void ConfigLoader::report(Place place, std::string path, std::string reason) {
  problems_.push_back({std::move(place), std::move(path), std::move(reason)});
}

void ConfigLoader::report(std::string path, std::string reason) {
  auto place = config_.locate(path);
  report(std::move(place), std::move(path), std::move(reason));
}

void ConfigLoader::remember(const std::string& path, const YamlTree& tree) {
  config_.places[path] = tree.place;
  for (std::size_t i = 0; i < tree.items.size(); ++i)
    remember(path + "[" + std::to_string(i) + "]", tree.items[i]);
  for (const auto& entry : tree.entries) remember(join_path(path, entry.key), entry.value);
}

void ConfigLoader::refuse_unknown(const YamlTree::Entry& entry, const std::string& path,
                                  const std::vector<std::string>& known) {
  std::string reason = "is not a setting";
  if (const auto nearest = nearest_name(entry.key, known)) reason += ", did you mean '" + *nearest + "'?";
  report(entry.place, path, std::move(reason));
}

bool ConfigLoader::expect_map(const YamlTree& tree, const std::string& path) {
  if (tree.kind == YamlTree::Kind::map || tree.kind == YamlTree::Kind::empty) return true;
  report(tree.place, path, "must be a section with settings inside");
  return false;
}

std::vector<std::string> ConfigLoader::names_below(const std::string& section) {
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

bool ConfigLoader::read_main() {
  remember("", main_);
  if (!expect_map(main_, "")) return false;
  read_section(main_, "");
  if (const auto* limits = main_.find("limits")) read_limits(*limits);
  if (const auto* providers = main_.find("providers")) provider_maps_.emplace_back(providers, folder_);
  if (const auto* profiles = main_.find("profiles")) read_profile(*profiles);
  return true;
}

bool ConfigLoader::belongs_to_the_file(const std::string& key) {
  return key == "environment" || key == "profiles";
}

void ConfigLoader::read_profile(const YamlTree& profiles) {
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

void ConfigLoader::read_section(const YamlTree& section, const std::string& section_path) {
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

void ConfigLoader::read_leaf(const Setting& setting, const YamlTree& value) {
  if (setting.type == SettingType::list && value.kind == YamlTree::Kind::list) {
    json::array items;
    for (std::size_t i = 0; i < value.items.size(); ++i)
      items.emplace_back(scalar_of(value.items[i], setting.name + "[" + std::to_string(i) + "]"));
    values_[setting.name] = std::move(items);
    return;
  }
  if (value.kind != YamlTree::Kind::scalar)
    return report(value.place, setting.name,
                  value.kind == YamlTree::Kind::empty ? "has no value" : "must be a single value");
  if (setting.type == SettingType::secret)
    written_secrets_[setting.name] = value.scalar;
  else
    values_[setting.name] = value.scalar;
}

void ConfigLoader::read_includes() {
  if (const auto* include = main_.find("include")) read_includes(include);
  if (profile_ == nullptr) return;
  if (const auto* include = profile_->find("include")) read_includes(include);
}

void ConfigLoader::read_includes(const YamlTree* include) {
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

std::vector<fs::path> ConfigLoader::matching_files(const std::string& pattern, const std::string& path) {
  const auto wanted = folder_ / pattern;
  if (pattern.find_first_of("*?[") == std::string::npos) return {wanted};
  std::vector<fs::path> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(wanted.parent_path(), error))
    if (::fnmatch(wanted.filename().c_str(), entry.path().filename().c_str(), FNM_PERIOD) == 0)
      files.push_back(entry.path());
  if (error) report(path, "folder " + wanted.parent_path().string() + " cannot be read: " + error.message());
  std::ranges::sort(files);
  return files;
}

void ConfigLoader::read_included(const fs::path& file) {
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

void ConfigLoader::warn(const std::string& path, std::string reason) {
  config_.warnings.push_back({config_.locate(path), path, std::move(reason)});
}

std::string ConfigLoader::scalar_of(const YamlTree& tree, const std::string& path) {
  if (tree.kind != YamlTree::Kind::scalar || tree.scalar.empty())
    report(tree.place, path,
           tree.kind == YamlTree::Kind::list || tree.kind == YamlTree::Kind::map ? "must be a single value"
                                                                                 : "has no value");
  return tree.scalar;
}

void ConfigLoader::collect_settings() {
  WrittenConfig written{config_, values_, values_checked_, written_secrets_, secret_values_, {}, {}, {}};
  for (const YamlTree* tree : {static_cast<const YamlTree*>(&main_), profile_})
    if (tree != nullptr) written.trees.push_back(tree);
  for (const auto& [tree, folder] : provider_maps_) written.providers.push_back(tree);
  for (const std::string section : {"auth", "notifications"})
    written.keys[section + ".keys"] = written_keys(section);
  config_.settings = effective_settings(written);
}

}  // namespace payoutd::ops
