// Every command of docs/operations.md, run as it stands there against a real host, and its output compared
// with what the document says.
#include <catch2/catch.hpp>
#include <iostream>

#include "document.hpp"
#include "stage.hpp"

using namespace payoutd::test;

namespace {

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const auto& line : lines) text += line + "\n";
  return text;
}

}  // namespace

TEST_CASE("what operations.md shows is what happens", "[operations]") {
  const char* other = std::getenv("PAYOUTD_OPERATIONS");  // a draft, for whoever writes one
  const auto steps = read_steps(other != nullptr ? other : PAYOUTD_SOURCE_DIR "/docs/operations.md");
  REQUIRE(steps.size() > 20);
  std::unique_ptr<Stage> stage;
  int failures = 0;
  for (const Step& step : steps) {
    if (!stage || stage->name() != step.stage) {
      stage.reset();
      stage = std::make_unique<Stage>(step.stage);
    }
    const Printed printed = stage->run(step.command);
    if (matches(step.expected, printed.output)) continue;
    ++failures;
    std::cerr << "operations.md:" << step.line << " (" << step.section << ")\n$ " << step.command
              << "\n--- the document says\n"
              << joined(step.expected) << "--- it printed (exit " << printed.status << ")\n"
              << printed.output << "---\n\n";
  }
  CHECK(failures == 0);
}

TEST_CASE("output is compared line by line, with gaps", "[operations]") {
  CHECK(matches({"a b"}, "a   b  \n"));
  CHECK_FALSE(matches({"a b"}, "a b\nc\n"));
  CHECK(matches({"a b", "…"}, "a b\nc\nd\n"));
  CHECK(matches({"…", "d"}, "a b\nc\nd\n"));
  CHECK_FALSE(matches({"…", "c"}, "a b\nc\nd\n"));
  CHECK(matches({"id … is …."}, "id 4711 is paid.\n"));
  CHECK_FALSE(matches({"id … is …."}, "id 4711 was paid.\n"));
  CHECK_FALSE(matches({}, "something\n"));
  CHECK(matches({}, ""));
}
