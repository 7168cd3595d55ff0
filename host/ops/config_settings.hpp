#pragma once
#include <boost/json/object.hpp>
#include <map>
#include <string>
#include <vector>

#include "ops/config.hpp"
#include "ops/yaml_tree.hpp"

namespace payoutd::ops {

/// What the loader knows when it has read everything. References stay good for one call.
struct WrittenConfig {
  const Config& config;
  const boost::json::object& values;  ///< of the table's rows, as they were written
  const Settings& checked;            ///< the same with their defaults
  const std::map<std::string, std::string, std::less<>>& written_secrets;  ///< references, not values
  const std::map<std::string, std::vector<Secret>>& secret_values;  ///< by the path where each is written
  std::vector<const YamlTree*> trees;             ///< the main file, and its profile behind it
  std::vector<const YamlTree*> providers;         ///< sections `providers`, of all files
  std::map<std::string, const YamlTree*> keys{};  ///< `auth.keys` and the like; nullptr: none are written
};

/// Every setting with its value and its source, by path.
std::vector<EffectiveSetting> effective_settings(const WrittenConfig& written);

}  // namespace payoutd::ops
