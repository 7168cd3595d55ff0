#pragma once
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ops/config.hpp"

namespace payoutd::ops {

/// A YAML document with every position kept, without duplicate keys, and with all scalars as they were
/// written: nothing guesses a number or a date.
struct YamlTree {
  enum class Kind { empty, scalar, list, map };
  struct Entry;

  Kind kind = Kind::empty;
  Place place;
  std::string scalar;
  std::vector<YamlTree> items;
  std::vector<Entry> entries;

  const YamlTree* find(std::string_view key) const;
};

struct YamlTree::Entry {
  std::string key;
  Place place;  ///< of the key
  YamlTree value;
};

/// Problems (unreadable file, bad syntax, duplicate keys) are added to `problems`; what could be read is
/// returned.
YamlTree read_yaml(const std::filesystem::path& file, std::vector<ConfigProblem>& problems);

std::string join_path(std::string_view parent, std::string_view key);

}  // namespace payoutd::ops
