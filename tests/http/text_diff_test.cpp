#include "ctl/text_diff.hpp"

#include <catch2/catch.hpp>
#include <random>
#include <sstream>

using payoutd::ctl::unified_diff;

namespace {

/// What `patch` would make of it; fails where the lines before a change are not those of the text.
std::string patched(const std::string& before, const std::string& diff) {
  std::istringstream lines(before);
  std::istringstream edits(diff);
  std::string out, line, edit;
  int at = 1;
  while (std::getline(edits, edit)) {
    if (edit.starts_with("---") || edit.starts_with("+++")) continue;
    if (edit.starts_with("@@")) {
      int first = 0;
      int count = 1;
      std::sscanf(edit.c_str(), "@@ -%d,%d", &first, &count);
      if (count == 0) ++first;  // behind this line
      for (; at < first && std::getline(lines, line); ++at) out += line + "\n";
      continue;
    }
    if (edit.front() == '\\') continue;
    if (edit.front() != '+') {
      REQUIRE(std::getline(lines, line));
      CHECK(line == edit.substr(1));
      ++at;
    }
    if (edit.front() != '-') out += edit.substr(1) + "\n";
  }
  while (std::getline(lines, line)) out += line + "\n";
  return out;
}

std::string numbered(int from, int to) {
  std::string text;
  for (int i = from; i <= to; ++i) text += std::to_string(i) + "\n";
  return text;
}

}  // namespace

TEST_CASE("a difference reads as diff -u prints it") {
  CHECK(unified_diff("a\nb\n", "a\nb\n", "x", "y").empty());
  CHECK(unified_diff("1\n2\n3\n4\n5\n6\n7\n8\n", "1\n2\n3\n4\nfive\n6\n7\n8\n", "a/x", "b/x") ==
        "--- a/x\n+++ b/x\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n");
  CHECK(unified_diff("", "a\n", "/dev/null", "b/x") == "--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+a\n");
  CHECK(unified_diff("a\n", "", "a/x", "/dev/null") == "--- a/x\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n");
  CHECK(unified_diff("a", "a\n", "x", "x") ==
        "--- x\n+++ x\n@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n");
}

TEST_CASE("changes that are near each other share their surroundings") {
  std::string text = numbered(1, 30);
  text.replace(text.find("5\n"), 1, "V");
  text.replace(text.find("\n11\n") + 1, 2, "XI");
  CHECK_THAT(unified_diff(numbered(1, 30), text, "x", "x"),
             Catch::Contains("@@ -2,13 +2,13 @@") && !Catch::Contains("@@ -8"));
  text.replace(text.find("\n25\n") + 1, 2, "XXV");
  CHECK_THAT(unified_diff(numbered(1, 30), text, "x", "x"), Catch::Contains("@@ -22,7 +22,7 @@"));
}

TEST_CASE("a difference leads from one text to the other, whatever they are") {
  std::mt19937 random(17);
  for (int round = 0; round < 300; ++round) {
    std::string texts[2];
    for (std::string& text : texts)
      for (unsigned i = random() % 40; i > 0; --i)
        text += std::string(1, static_cast<char>('a' + random() % 3)) + "\n";
    INFO(texts[0] << "-----\n" << texts[1]);
    REQUIRE(patched(texts[0], unified_diff(texts[0], texts[1], "x", "x")) == texts[1]);
  }
}

TEST_CASE("texts that have little in common are told apart in no time") {
  const std::string before = numbered(1, 20'000);
  const std::string after = numbered(15'000, 40'000);
  CHECK(patched(before, unified_diff(before, after, "x", "x")) == after);
}
