#include "ops/yaml_tree.hpp"

#include <errno.h>
#include <yaml-cpp/yaml.h>

#include <fstream>
#include <sstream>
#include <system_error>

namespace payoutd::ops {
namespace {

constexpr int kDeepest = 16;
constexpr std::size_t kMostNodes = 100'000;  // aliases can make a small file endless

class Converter {
 public:
  Converter(std::string file, std::vector<ConfigProblem>& problems)
      : file_(std::move(file)), problems_(problems) {}

  YamlTree convert(const YAML::Node& node, const std::string& path, int depth) {
    YamlTree tree;
    tree.place = place_of(node.Mark());
    if (depth > kDeepest || ++nodes_ > kMostNodes) {
      if (!is_too_large_) report(tree.place, "", "is nested too deeply, or an alias contains itself");
      is_too_large_ = true;
      return tree;
    }
    if (node.IsScalar()) {
      tree.kind = YamlTree::Kind::scalar;
      tree.scalar = node.Scalar();
    } else if (node.IsSequence()) {
      tree.kind = YamlTree::Kind::list;
      for (const auto& item : node)
        tree.items.push_back(convert(item, path + "[" + std::to_string(tree.items.size()) + "]", depth + 1));
    } else if (node.IsMap()) {
      tree.kind = YamlTree::Kind::map;
      for (const auto& pair : node) convert_entry(pair.first, pair.second, path, depth, tree);
    }
    return tree;
  }

 private:
  Place place_of(const YAML::Mark& mark) const { return {file_, mark.line + 1, mark.column + 1}; }

  void report(Place place, std::string path, std::string reason) {
    problems_.push_back({std::move(place), std::move(path), std::move(reason)});
  }

  void convert_entry(const YAML::Node& key, const YAML::Node& value, const std::string& path, int depth,
                     YamlTree& map) {
    const auto place = place_of(key.Mark());
    if (!key.IsScalar()) return report(place, path, "has a key that is not a plain name");
    const auto& name = key.Scalar();
    const auto key_path = join_path(path, name);
    const auto first = std::ranges::find(map.entries, name, &YamlTree::Entry::key);
    if (first != map.entries.end())
      return report(place, key_path, "is written twice, first in line " + std::to_string(first->place.line));
    map.entries.push_back({name, place, convert(value, key_path, depth + 1)});
    if (value.IsNull())
      map.entries.back().value.place = place;  // an empty value's own mark is on the next line
  }

  std::string file_;
  std::vector<ConfigProblem>& problems_;
  std::size_t nodes_ = 0;
  bool is_too_large_ = false;
};

}  // namespace

const YamlTree* YamlTree::find(std::string_view key) const {
  const auto found = std::ranges::find(entries, key, &Entry::key);
  return found == entries.end() ? nullptr : &found->value;
}

YamlTree read_yaml(const std::filesystem::path& file, std::vector<ConfigProblem>& problems) {
  const Place whole_file{file.string(), 0, 0};
  errno = 0;
  std::ifstream stream(file);
  std::ostringstream text;
  std::error_code ignored;
  if (std::filesystem::is_directory(file, ignored)) {
    problems.push_back({whole_file, "", "is a directory, not a file"});
    return {};
  }
  if (!stream || !(text << stream.rdbuf())) {
    const auto reason =
        errno == 0 ? std::string("is empty") : "cannot be read: " + std::generic_category().message(errno);
    problems.push_back({whole_file, "", reason});
    return {};
  }
  try {
    Converter converter(file.string(), problems);
    auto tree = converter.convert(YAML::Load(text.str()), "", 0);
    if (tree.place.line < 1) tree.place = {file.string(), 1, 1};
    return tree;
  } catch (const YAML::Exception& error) {
    const bool has_place = !error.mark.is_null();
    problems.push_back(
        {has_place ? Place{file.string(), error.mark.line + 1, error.mark.column + 1} : whole_file, "",
         "is not valid YAML: " + error.msg});
    return {};
  }
}

std::string join_path(std::string_view parent, std::string_view key) {
  return parent.empty() ? std::string(key) : std::string(parent).append(".").append(key);
}

}  // namespace payoutd::ops
