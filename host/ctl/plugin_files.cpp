#include "ctl/plugin_files.hpp"

#include <boost/json.hpp>

#include "ctl/exit_code.hpp"
#include "ops/yaml_tree.hpp"

namespace payoutd::ctl {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using ops::YamlTree;

bool has_json(const fs::path& folder) {
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(folder, failed))
    if (entry.path().extension() == ".json") return true;
  return false;
}

class Reader {
 public:
  explicit Reader(const fs::path& file)
      : folder_(file.parent_path()), tree_(ops::read_yaml(file, problems_)) {}

  GivenSettings read() {
    GivenSettings given;
    const YamlTree* section = &tree_;
    if (const YamlTree* providers = tree_.find("providers")) {
      if (providers->entries.size() != 1)
        report(*providers, "providers", "must have one provider here");
      else
        section = &providers->entries.front().value;
    }
    for (const auto& entry : section->entries) {
      if (entry.key == "settings")
        read_settings(entry.value, given.settings);
      else if (entry.key == "secrets")
        read_secrets(entry.value, given.secrets);
      else if (entry.key != "plugin" && entry.key != "enabled")
        report(entry.value, entry.key, "is not known here: `settings` and `secrets` are");
    }
    if (!problems_.empty()) throw CommandFailed(ExitCode::usage, ops::ConfigError(problems_).what());
    return given;
  }

 private:
  void report(const YamlTree& tree, std::string path, std::string reason) {
    problems_.push_back({tree.place, std::move(path), std::move(reason)});
  }

  void read_settings(const YamlTree& tree, json::object& settings) {
    for (const auto& entry : tree.entries) {
      if (entry.value.kind == YamlTree::Kind::list) {
        json::array items;
        for (const YamlTree& item : entry.value.items) items.emplace_back(item.scalar);
        settings[entry.key] = std::move(items);
      } else if (entry.value.kind == YamlTree::Kind::scalar) {
        settings[entry.key] = entry.value.scalar;
      } else {
        report(entry.value, "settings." + entry.key, "must be a value or a list");
      }
    }
  }

  void read_secrets(const YamlTree& tree, json::object& secrets) {
    for (const auto& entry : tree.entries) {
      json::array values;
      const bool is_list = entry.value.kind == YamlTree::Kind::list;
      for (const YamlTree& item : is_list ? entry.value.items : std::vector<YamlTree>{entry.value}) {
        const auto secret = ops::read_secret(
            item.scalar, {.folder = folder_, .environment = ops::process_environment, .accept_plain = true});
        if (secret)
          values.emplace_back(secret->reveal());
        else
          report(item, "secrets." + entry.key, secret.error().reason);
      }
      secrets[entry.key] = std::move(values);
    }
  }

  fs::path folder_;
  std::vector<ops::ConfigProblem> problems_;
  YamlTree tree_;
};

}  // namespace

fs::path provider_program() {
  std::error_code failed;
  const fs::path self = fs::read_symlink("/proc/self/exe", failed);
  const fs::path beside = self.parent_path() / "payoutd-provider";
  if (!failed && fs::exists(beside)) return beside;
  return self.parent_path().parent_path() / "lib" / "payoutd" / "payoutd-provider";
}

fs::path require_provider_program(const fs::path& named) {
  fs::path program = named.empty() ? provider_program() : named;
  if (!fs::exists(program)) {
    throw CommandFailed(ExitCode::usage, "Plugins cannot be looked into: there is no " + program.string() +
                                             ". Name it with --provider-executable.");
  }
  return program;
}

fs::path require_plugin(const fs::path& written) {
  std::error_code failed;
  if (!fs::is_regular_file(written, failed))
    throw CommandFailed(ExitCode::usage, written.string() + ": there is no such plugin library");
  return fs::absolute(written);
}

std::optional<fs::path> transcripts_beside(const fs::path& plugin, const std::string& name) {
  const fs::path folder = plugin.parent_path() / "transcripts";
  for (const fs::path& candidate : {folder / name, folder})
    if (has_json(candidate)) return candidate;
  return std::nullopt;
}

GivenSettings read_given_settings(const fs::path& file) {
  return Reader(file).read();
}

}  // namespace payoutd::ctl
