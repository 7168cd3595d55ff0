// docs/runbook-coverage.md names a test for each line of the runbooks: they exist, and none that is meant for
// it is left out.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>

namespace {

namespace fs = std::filesystem;

const fs::path kSource = PAYOUTD_SOURCE_DIR;

std::string read_file(const fs::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// The file's tests: name and tags. Literals that stand behind one another are one.
std::map<std::string, std::string> tests_of(const fs::path& file) {
  static const std::regex kSeam("\"\\s*\n\\s*\"");
  static const std::regex kCase(R"re(TEST_CASE\(\s*"((?:[^"\\]|\\.)*)"(?:,\s*"([^"]*)")?)re");
  const std::string text = std::regex_replace(read_file(file), kSeam, "");
  std::map<std::string, std::string> tests;
  for (auto at = std::sregex_iterator(text.begin(), text.end(), kCase); at != std::sregex_iterator(); ++at)
    tests[(*at)[1]] = (*at)[2];
  return tests;
}

/// File and name, as the page writes them.
std::set<std::pair<std::string, std::string>> named_tests() {
  static const std::regex kNamed("`([a-z0-9_/]+\\.cpp): \"([^\"]+)\"`");
  const std::string page = read_file(kSource / "docs/runbook-coverage.md");
  std::set<std::pair<std::string, std::string>> named;
  for (auto at = std::sregex_iterator(page.begin(), page.end(), kNamed); at != std::sregex_iterator(); ++at)
    named.emplace((*at)[1], (*at)[2]);
  return named;
}

}  // namespace

TEST_CASE("every test that the page about the runbooks names exists", "[runbooks]") {
  const auto named = named_tests();
  REQUIRE(named.size() > 40);
  std::map<std::string, std::map<std::string, std::string>> files;
  for (const auto& [file, name] : named) {
    INFO(file << ": " << name);
    if (!files.contains(file)) files[file] = tests_of(kSource / file);
    CHECK(files[file].contains(name));
  }
}

TEST_CASE("every test that stands for a line of a runbook is on the page about them", "[runbooks]") {
  const auto named = named_tests();
  int marked = 0;
  for (const auto& entry : fs::directory_iterator(kSource / "tests/e2e")) {
    if (entry.path().extension() != ".cpp") continue;
    for (const auto& [name, tags] : tests_of(entry.path())) {
      if (tags.find("[coverage]") == std::string::npos) continue;
      ++marked;
      INFO(entry.path().filename().string() << ": " << name);
      CHECK(named.contains({"tests/e2e/" + entry.path().filename().string(), name}));
    }
  }
  CHECK(marked > 20);
}

TEST_CASE("every line of the runbooks has a test, or says with what it comes", "[runbooks]") {
  std::ifstream in(kSource / "docs/runbook-coverage.md");
  int lines = 0;
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with("| ") || line.starts_with("| line ")) continue;
    ++lines;
    INFO(line);
    CHECK((line.find(".cpp: \"") != std::string::npos || line.find("with: ") != std::string::npos ||
           line.find("there is no ") != std::string::npos));
  }
  CHECK(lines > 50);
}
