// docs/operations.md, lived: every command is run as it stands there against a real host, incidents are
// brought about, and what is printed is compared with what the document says.
#include <catch2/catch.hpp>
#include <chrono>
#include <fstream>
#include <iostream>
#include <regex>
#include <set>

#include "document.hpp"
#include "harness/child_process.hpp"
#include "stage.hpp"

using namespace payoutd::test;
using std::chrono::seconds;

namespace {

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const auto& line : lines) text += line + "\n";
  return text;
}

std::filesystem::path document() {
  const char* draft = std::getenv("PAYOUTD_OPERATIONS");  // for whoever writes one
  return draft != nullptr ? draft : PAYOUTD_SOURCE_DIR "/docs/operations.md";
}

/// What is wrong with a command or an alert; empty: it is as the document says.
std::string difference(Stage& stage, const Step& step) {
  if (step.kind == Step::Kind::event) {
    stage.happen(step.text);
    return {};
  }
  if (step.kind == Step::Kind::alert) {
    const std::string why = stage.why_quiet(step.text);
    return why.empty() ? "" : "the alert " + step.text + " does not fire:\n" + why;
  }
  Printed printed;
  const auto as_expected = [&] {
    printed = stage.run(step.text);
    return matches(step.expected, printed.output);
  };
  if (is_a_look(step.text) ? eventually(seconds{40}, as_expected) : as_expected()) {
    if (std::getenv("PAYOUTD_OPERATIONS_SHOW") != nullptr)
      std::cerr << step.line << " $ " << step.text << "\n" << printed.output;
    return {};
  }
  return "$ " + step.text + "\n--- the document says\n" + joined(step.expected) + "--- it printed (exit " +
         std::to_string(printed.status) + ")\n" + printed.output + "---\n";
}

/// Lives all that the document says on this stage, in its order.
void live(const std::string& name) {
  std::vector<Step> steps;
  for (Step& step : read_steps(document()))
    if (step.stage == name) steps.push_back(std::move(step));
  REQUIRE_FALSE(steps.empty());
  Stage stage(play_called(name));
  int failures = 0;
  for (const Step& step : steps) {
    const std::string wrong = difference(stage, step);
    if (wrong.empty()) continue;
    ++failures;
    std::cerr << document().filename().string() << ":" << step.line << " (" << step.section << ")\n"
              << wrong << "\n";
  }
  CHECK(failures == 0);
  CHECK(stage.wrong_in_books() == "");
}

}  // namespace

// The manual: commands on a host that is well, and a folder where none runs.
TEST_CASE("what operations.md shows is what happens", "[manual]") {
  live("host");
}
TEST_CASE("what operations.md shows where no host runs is what happens", "[manual]") {
  live("no-host");
}

// Incidents.
TEST_CASE("Operational: a failed deploy is refused, named and mended as operations.md says", "[manual]") {
  live("failed-deploy");
}
TEST_CASE("Ops: a leaked key is retired, and its tokens refused, as operations.md says", "[manual]") {
  live("leaked-key");
}
TEST_CASE("NepXy: payouts stuck in SENT are found, asked about and finished as operations.md says",
          "[provider]") {
  live("stuck-in-sent");
}
TEST_CASE(
    "NepXy: callbacks signed with another secret are verified, let in and replayed as operations.md says",
    "[provider]") {
  live("signatures-fail");
}
TEST_CASE("NepXy: a provider that is down is seen, paused, resumed and caught up with as operations.md says",
          "[provider]") {
  live("provider-down");
}
TEST_CASE("Ops: a slow provider is throttled, and Support told when, as operations.md says", "[provider]") {
  live("provider-slow");
}
TEST_CASE("Pay2Slay: an empty account is seen, filled, and its payouts paid as operations.md says",
          "[provider]") {
  live("low-balance");
}
TEST_CASE("Ops: a bad version of a plugin is rolled back and its callbacks replayed as operations.md says",
          "[provider]") {
  live("bad-plugin");
}
TEST_CASE("a plugin that crashes is quarantined and lifted as operations.md says", "[provider]") {
  live("plugin-crashes");
}
TEST_CASE("a provider is taken out of service, too early at first, as operations.md says", "[provider]") {
  live("provider-retired");
}
TEST_CASE("Pay2Slay: a spike of flags is reviewed, backtested, shadowed and cleared as operations.md says",
          "[policy]") {
  live("flags-spike");
}
TEST_CASE("Ops: a rule that holds everybody is rolled back as operations.md says", "[policy]") {
  live("bad-rule");
}
TEST_CASE("Ops: a database outage loses nothing, as operations.md says", "[database]") {
  live("database-away");
}
TEST_CASE("CardMint: a replica falls behind and takes over as operations.md says", "[database]") {
  live("failover");
}
TEST_CASE("CardMint: a full disk stops submits until there is room, as operations.md says", "[database]") {
  live("disk-full");
}
TEST_CASE("CardMint: after a loss of data writes are stopped and a backup is restored as operations.md says",
          "[database]") {
  live("data-loss");
}
TEST_CASE("CardMint: a server without connections is asked until it has some, as operations.md says",
          "[database]") {
  live("too-many-connections");
}
TEST_CASE("CardMint: who blocks everybody is found and ended as operations.md says", "[database]") {
  live("lock-chain");
}
TEST_CASE("NepXy: an exhausted pool is seen and resized as operations.md says", "[database]") {
  live("pool-exhausted");
}
TEST_CASE("Operational: a schema changed by hand is found, and a migration rehearsed, as operations.md says",
          "[database]") {
  live("schema-drift");
}

TEST_CASE("every stage that operations.md names is lived, and every play has its place in it", "[document]") {
  std::set<std::string> named;
  for (const Step& step : read_steps(document())) named.insert(step.stage);
  std::ifstream in(PAYOUTD_SOURCE_DIR "/tests/operations/operations_test.cpp");
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  const std::regex call("  live\\(\"([a-z-]+)\"\\);");
  std::set<std::string> lived;
  for (auto at = std::sregex_iterator(text.begin(), text.end(), call); at != std::sregex_iterator(); ++at)
    lived.insert((*at)[1]);
  CHECK(named == lived);
  const auto all = plays();
  CHECK(std::set<std::string>(all.begin(), all.end()) == lived);
}

TEST_CASE("output is compared line by line, with gaps", "[document]") {
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

TEST_CASE("only commands that change nothing are looks", "[document]") {
  for (const char* look :
       {"payoutctl doctor; echo \"exit $?\"", "payoutctl db pool",
        "payoutctl db activity --database \"$DSN\" | head",
        "psql \"$DSN\" -Atc \"select count(*) from app.payouts\"", "payoutctl provider list"})
    CHECK(is_a_look(look));
  for (const char* act :
       {"payoutctl retry --state SENT", "payoutctl db pool engine --size 8", "payoutctl provider pause momo",
        "psql \"$DSN\" -Atc \"select pg_terminate_backend(pid) from pg_stat_activity\"",
        "payoutctl config show && systemctl restart payoutd", "payoutctl switch set stop_writes on"})
    CHECK_FALSE(is_a_look(act));
}
