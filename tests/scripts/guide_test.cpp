// Every recipe of the guide is a whole file that a host would take.
#include <catch2/catch.hpp>
#include <sstream>

#include "support.hpp"

using payoutd::policy::ScriptFiles;

namespace {

struct Block {
  std::string path;  ///< what its first line says: `-- abuse/night.lua`
  std::string text;
  int line = 0;  ///< of the guide
};

std::string path_in(const std::string& first_line) {
  const bool named = first_line.starts_with("-- ") && first_line.ends_with(".lua");
  return named ? first_line.substr(3) : std::string();
}

/// All ```lua blocks. Fragments stand in blocks without a language.
std::vector<Block> blocks() {
  std::vector<Block> found;
  std::istringstream guide(text_of(source_folder() / "docs/lua-guide.md"));
  std::string line;
  bool inside = false;
  for (int number = 1; std::getline(guide, line); ++number) {
    if (line == "```lua") {
      found.push_back({"", "", number});
      inside = true;
    } else if (line.starts_with("```")) {
      inside = false;
    } else if (inside) {
      if (found.back().text.empty()) found.back().path = path_in(line);
      found.back().text += line + '\n';
    }
  }
  return found;
}

}  // namespace

TEST_CASE("each recipe of the guide works beside the shipped libraries") {
  const std::vector<Block> all = blocks();
  CHECK(all.size() >= 14);
  ScriptFiles libraries;
  for (const auto& [path, text] : shipped_files().files)
    if (path.starts_with("lib/")) libraries.files[path] = text;
  for (const Block& block : all)
    if (block.path.starts_with("lib/")) libraries.files[block.path] = block.text;
  for (const Block& block : all) {
    INFO("docs/lua-guide.md:" << block.line << " " << block.path);
    CHECK_FALSE(block.path.empty());
    ScriptFiles files = libraries;
    files.files[block.path] = block.text;
    CHECK(problems_of(files) == "");
  }
}

TEST_CASE("all recipes of the guide work together, over the shipped scripts") {
  ScriptFiles files = shipped_files();
  std::set<std::string> seen;
  for (const Block& block : blocks()) {
    INFO(block.path);
    CHECK(seen.insert(block.path).second);
    files.files[block.path] = block.text;
  }
  CHECK(problems_of(files) == "");
}

TEST_CASE("the guide names every shipped script") {
  const std::string guide = text_of(source_folder() / "docs/lua-guide.md");
  for (const auto& [path, text] : shipped_files().files) {
    INFO(path);
    const std::string name = std::filesystem::path(path).filename();
    const std::string library = path.starts_with("lib/") ? "lib." + name.substr(0, name.find('.')) : name;
    CHECK(guide.find(library) != std::string::npos);
  }
}
