#include "ops/log.hpp"

#include <catch2/catch.hpp>
#include <fstream>
#include <regex>
#include <sstream>
#include <thread>

#include "ops/redact.hpp"

using namespace payoutd;
namespace json = boost::json;

namespace {

struct Capture {
  std::vector<std::string> lines;

  explicit Capture(log::Format format, log::Level level = log::Level::info) {
    log::configure({level, format, "host-1", [this](std::string_view line) { lines.emplace_back(line); }});
  }
  ~Capture() { log::configure({}); }
};

std::string read_file(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

/// Ids in calls such as `log::info("engine.x", …)` and `services_.log->warning("momo.y", …)`.
std::set<std::string> events_in_source() {
  static const std::regex call(
      R"(\b(?:debug|info|warning|error|log|write)\(\s*(?:[\w:]+,\s*)?"([a-z0-9_]+(?:\.[a-z0-9_]+)+)\")");
  std::set<std::string> events;
  for (const auto* folder : {"host", "plugins"}) {
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(std::filesystem::path(PAYOUTD_SOURCE_DIR) / folder)) {
      if (entry.path().extension() != ".cpp" && entry.path().extension() != ".hpp") continue;
      if (entry.path().filename() == "log.hpp") continue;  // its comments show examples
      if (entry.path().stem().string().ends_with("_test")) continue;
      const auto text = read_file(entry.path());
      for (std::sregex_iterator match(text.begin(), text.end(), call), end; match != end; ++match)
        events.insert((*match)[1]);
    }
  }
  return events;
}

}  // namespace

TEST_CASE("a JSON line has the fixed fields first, then its own", "[log]") {
  Capture capture(log::Format::json);
  log::info("engine.payout_confirmed", "the payout is paid",
            {{"payout", "p-1"}, {"flow_id", "f-1"}, {"attempt", 2}});
  REQUIRE(capture.lines.size() == 1);
  const auto line = json::parse(capture.lines[0]).as_object();
  std::vector<std::string> names;
  for (const auto& field : line) names.emplace_back(field.key());
  CHECK(names ==
        std::vector<std::string>{"ts", "level", "event", "message", "host", "payout", "flow_id", "attempt"});
  CHECK(line.at("level") == "info");
  CHECK(line.at("event") == "engine.payout_confirmed");
  CHECK(line.at("message") == "the payout is paid");
  CHECK(line.at("host") == "host-1");
  CHECK(line.at("attempt") == 2);
  CHECK(std::regex_match(std::string(line.at("ts").as_string()),
                         std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)")));
}

TEST_CASE("a field cannot replace a fixed one, nor a message break a line", "[log]") {
  Capture capture(log::Format::json);
  log::warning("x.y", "two\nlines \"quoted\"", {{"event", "forged"}, {"level", "debug"}});
  CHECK(capture.lines[0].find('\n') == std::string::npos);
  const auto line = json::parse(capture.lines[0]).as_object();
  CHECK(line.at("event") == "x.y");
  CHECK(line.at("level") == "warning");
  CHECK(line.at("field_event") == "forged");
  CHECK(line.at("message") == "two\nlines \"quoted\"");
}

TEST_CASE("the level can be changed while it runs", "[log]") {
  Capture capture(log::Format::json);
  log::debug("a.b", "hidden");
  log::set_level(log::Level::debug);
  log::debug("a.b", "shown");
  log::set_level(log::Level::error);
  log::warning("a.b", "hidden");
  log::error("a.b", "shown");
  CHECK(capture.lines.size() == 2);
}

TEST_CASE("text is one readable line", "[log]") {
  Capture capture(log::Format::text);
  log::info("engine.started", "the engine\nruns", {{"payouts", 3}, {"name", "x"}});
  REQUIRE(capture.lines.size() == 1);
  const auto plain = std::regex_replace(capture.lines[0], std::regex("\033\\[[0-9]*m"), "");
  CHECK(plain.substr(13) == "info    the engine runs  engine.started payouts=3 name=x");
}

TEST_CASE("nothing secret passes the log, in either format", "[log]") {
  ops::redactor().add_secret(Secret("planted-log-secret"));
  for (const auto format : {log::Format::json, log::Format::text}) {
    Capture capture(format);
    log::error("x.y", "refused planted-log-secret for 2250712345612",
               {{"url", "http://x/planted-log-secret"},
                {"body", {{"deep", {"planted-log-secret"}}}},
                {"destination", "+2250712345612"},
                {"header", "Authorization: Bearer abc.def"},
                {"dsn", "postgresql://u:hidden-pw@h/d"}});
    REQUIRE(capture.lines.size() == 1);
    const auto& line = capture.lines[0];
    INFO(line);
    for (const auto* leak : {"planted-log-secret", "2250712345612", "abc.def", "hidden-pw"})
      CHECK(line.find(leak) == std::string::npos);
    CHECK(line.find("22507•••••12") != std::string::npos);
  }
}

TEST_CASE("threads do not mix their lines", "[log]") {
  Capture capture(log::Format::json);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([t] {
      for (int i = 0; i < 200; ++i) log::info("a.b", std::string(100, 'x'), {{"thread", t}, {"i", i}});
    });
  for (auto& thread : threads) thread.join();
  CHECK(capture.lines.size() == 800);
  for (const auto& line : capture.lines) REQUIRE_NOTHROW(json::parse(line));
}

TEST_CASE("every event is explained to operators", "[log]") {
  const auto document = read_file(std::filesystem::path(PAYOUTD_SOURCE_DIR) / "docs/log-events.md");
  REQUIRE_FALSE(document.empty());
  std::vector<std::string> missing;
  for (const auto& event : events_in_source())
    if (document.find("### `" + event + "`\n") == std::string::npos) missing.push_back(event);
  INFO("docs/log-events.md lacks a heading `### ` with each of these ids and a paragraph below it");
  CHECK(missing == std::vector<std::string>{});
}
