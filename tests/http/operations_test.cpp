// What payoutctl makes of a host's answers about itself.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "../unit/temporary_folder.hpp"
#include "core/text.hpp"
#include "ctl/archive.hpp"
#include "ctl/doctor.hpp"
#include "ctl/secrets_commands.hpp"
#include "ctl/top.hpp"

using namespace payoutd;
using namespace payoutd::ctl;
namespace json = boost::json;

namespace {

std::string read_text(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

/// As GitHub makes the anchor of a heading.
std::set<std::string> anchors_of(const std::string& markdown) {
  std::set<std::string> all;
  std::istringstream lines(markdown);
  bool code = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("```")) code = !code;
    if (code || !line.starts_with("#")) continue;
    std::string anchor;
    for (char c : line.substr(line.find(' ') + 1)) {
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
      if (c == ' ') c = '-';
      if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_') anchor += c;
    }
    all.insert(anchor);
  }
  return all;
}

json::object check(const char* name, const char* status, const char* text) {
  return {{"name", name}, {"status", status}, {"text", text}};
}

/// Names of the checks that find something.
std::string found_by(const Facts& facts) {
  std::string names;
  for (const DoctorCheck& one : doctor_checks())
    if (!one.find(facts).empty()) names += std::string(one.name) + " ";
  return names;
}

Facts healthy() {
  Facts facts;
  facts.now_ms = 1'767'225'600'000;  // 2026-01-01
  facts.health = {{"status", "ok"},
                  {"now", "2026-01-01T00:00:01Z"},
                  {"checks", json::array{check("database", "ok", "x")}}};
  return facts;
}

json::object version(const std::string& print, const std::string& host, const std::string& role,
                     std::int64_t age_s, const char* expires = nullptr, const char* secret = "auth.keys") {
  json::object row{{"secret", secret}, {"key_id", print}, {"fingerprint", print}, {"age_s", age_s}};
  row["expires_at"] = expires == nullptr ? json::value(nullptr) : json::value(expires);
  row["hosts"] = json::array{json::object{{"host", host}, {"role", role}}};
  return row;
}

std::string rotation(const json::array& versions) {
  std::string text;
  for (const RotationFinding& one : check_rotation(versions, 90 * 86'400, 30 * 86'400, 1'767'225'600'000))
    text += one.secret + ": " + one.text + "\n";
  return text;
}

}  // namespace

TEST_CASE("others' gzip and tar read the archive", "[operations]") {
  const TemporaryFolder folder;
  std::string large;
  for (int i = 0; i < 60'000; ++i) large += "line " + std::to_string(i * i) + "\n";
  const std::vector<ArchivedFile> files{{"a/empty", ""},
                                        {"a/block", std::string(512, 'x')},
                                        {"a/bytes", std::string("\0\xff\n", 3)},
                                        {"a/large", large}};
  const std::string packed = gzip(tar(files, 1'767'225'600));
  CHECK(packed.size() < large.size() / 2);
  const auto archive = folder.write("x.tar.gz", packed);
  REQUIRE(std::system(("gzip -t " + archive.string()).c_str()) == 0);
  REQUIRE(std::system(("tar -xzf " + archive.string() + " -C " + folder.path().string()).c_str()) == 0);
  for (const ArchivedFile& file : files) CHECK((read_text(folder.path() / file.name) == file.content));
  CHECK(std::system(("test \"$(tar -tzf " + archive.string() + " | wc -l)\" = 4").c_str()) == 0);
  const auto empty = folder.write("empty.gz", gzip(""));
  CHECK(std::system(("gzip -t " + empty.string()).c_str()) == 0);
}

TEST_CASE("every check of the doctor leads to a section of the manual", "[operations]") {
  const auto anchors =
      anchors_of(read_text(std::filesystem::path(PAYOUTD_SOURCE_DIR) / "docs/operations.md"));
  for (const DoctorCheck& one : doctor_checks()) {
    INFO(one.name << " → " << one.anchor);
    CHECK(anchors.contains(std::string(one.anchor)));
  }
}

TEST_CASE("the doctor finds what is wrong, and nothing where nothing is", "[operations]") {
  CHECK(found_by(healthy()).empty());
  struct Case {
    const char* check;
    const char* finds;
  };
  for (const auto& [name, finds] :
       {Case{"database", "database "}, Case{"history", "history "}, Case{"switches", "switches "},
        Case{"host", "switches "}, Case{"provider:momo", "providers "}, Case{"payouts", "payouts "},
        Case{"limits", "limits "}, Case{"callbacks", "callbacks "}, Case{"scripts", "scripts "},
        Case{"hosts", "hosts "}, Case{"workers", "workers "}, Case{"schema", "schema "}}) {
    Facts facts = healthy();
    facts.health["checks"] = json::array{check(name, "degraded", "something")};
    INFO(name);
    CHECK(found_by(facts) == finds);
  }
  Facts facts = healthy();
  facts.unreachable = "nobody listens";
  CHECK(found_by(facts) == "host ");
  facts = healthy();
  facts.difference = {{"problems", json::array()},
                      {"differences", json::array{json::object{{"path", "name"}, {"needs_restart", true}}}}};
  CHECK(found_by(facts) == "pending changes ");
  facts = healthy();
  facts.now_ms += 60'000;
  CHECK(found_by(facts) == "clocks ");
  facts = healthy();
  facts.stats = {
      {"finished", json::array{json::object{{"provider", "momo"}, {"state", "CONFIRMED"}, {"count", 90}},
                               json::object{{"provider", "momo"}, {"state", "FAILED"}, {"count", 10}}}}};
  CHECK(found_by(facts) == "failures ");
  facts.stats.at("finished").as_array()[1].as_object()["count"] = 4;
  CHECK(found_by(facts).empty());
  facts = healthy();
  facts.metrics = read_metrics(
      "# HELP webhook_events_total x\n"
      "webhook_events_total{provider=\"momo\",signature_valid=\"false\",applied=\"false\"} 5\n"
      "webhook_events_total{provider=\"momo\",signature_valid=\"true\",applied=\"true\"} 95\n"
      "payoutd_database_acquire_timeouts_total{pool=\"http\"} 0\n");
  CHECK(found_by(facts) == "signatures ");
  facts.metrics = read_metrics("payoutd_database_acquire_timeouts_total{pool=\"http\"} 3\n");
  CHECK(found_by(facts).empty());  // that was once
  facts.metrics["payoutd_database_queued{pool=\"http\"}"] = 2;
  CHECK(found_by(facts) == "connections ");
  facts.health["checks"] =
      json::array{check("database", "down", "away"), check("queries", "down", "refused")};
  CHECK(found_by(facts) == "database ");  // what follows from it says nothing new
  facts = healthy();
  facts.metrics = read_metrics(
      "payoutd_database_connections{pool=\"http\",state=\"wanted\"} 2\n"
      "payoutd_database_connections{pool=\"http\",state=\"connected\"} 1\n");
  CHECK(found_by(facts).empty());  // it may be idle
  facts.metrics["payoutd_database_connect_failures_total{pool=\"http\"}"] = 1;
  CHECK(found_by(facts) == "connections ");
  facts = healthy();
  facts.metrics = read_metrics("payoutd_provider_failures_in_a_row{provider=\"momo\"} 2\n");
  CHECK(found_by(facts).empty());
  facts.metrics = read_metrics("payoutd_provider_failures_in_a_row{provider=\"momo\"} 3\n");
  CHECK(found_by(facts) == "answers ");
  facts = healthy();
  facts.secrets = {{"secrets", json::array{version("old", "a", "current", 100 * 86'400)}}};
  CHECK(found_by(facts) == "secrets ");
}

TEST_CASE("each state in which payouts wait too long has a section of its own", "[operations]") {
  const auto anchors =
      anchors_of(read_text(std::filesystem::path(PAYOUTD_SOURCE_DIR) / "docs/operations.md"));
  Facts facts = healthy();
  facts.health["checks"] = json::array{check(
      "payouts", "degraded",
      "The oldest PENDING has been there for 1.5 h. The oldest UNKNOWN has been there for 20 min. The oldest "
      "SENT has been there for 3 h. 1 waits in REVIEW for somebody to decide.")};
  std::string found;
  for (const DoctorCheck& one : doctor_checks())
    for (const Finding& finding : one.find(facts)) {
      CHECK(anchors.contains(std::string(finding.anchor)));
      found += finding.what + " → " + std::string(finding.anchor) + "\n";
    }
  CHECK(found ==
        "The oldest PENDING has been there for 1.5 h. → stopping-payments\n"
        "The oldest UNKNOWN has been there for 20 min. → deciding\n"
        "The oldest SENT has been there for 3 h. → payouts-stuck-in-sent\n"
        "1 waits in REVIEW for somebody to decide. → deciding\n");
}

TEST_CASE("rotations that are half done, due or without an end are named", "[operations]") {
  constexpr std::int64_t kDay = 86'400;
  CHECK(rotation({version("new", "a", "current", kDay)}).empty());
  CHECK(rotation({version("new", "a", "current", kDay), version("old", "b", "current", 20 * kDay)})
            .find("do not agree") != std::string::npos);
  CHECK(rotation({version("old", "a", "current", 91 * kDay)}).find("rotate it") != std::string::npos);
  CHECK(rotation({version("old", "a", "current", 91 * kDay, nullptr, "instance_key")}).empty());
  CHECK(rotation({version("new", "a", "current", kDay), version("old", "a", "previous", 31 * kDay)})
            .find("without an end") != std::string::npos);
  CHECK(rotation({version("new", "a", "current", kDay),
                  version("old", "a", "previous", 31 * kDay, "2026-02-01T00:00:00Z")})
            .empty());
  CHECK(rotation({version("new", "a", "current", kDay),
                  version("old", "a", "previous", kDay, "2025-12-31T00:00:00Z")})
            .find("take it out") != std::string::npos);
  CHECK(rotation({version("new", "a", "current", kDay, "2026-01-05T00:00:00Z")})
            .find("put a new one in front") != std::string::npos);
  // What only one of two hosts verifies.
  json::object both = version("new", "a", "current", kDay);
  both["hosts"] = json::array{json::object{{"host", "a"}, {"role", "current"}},
                              json::object{{"host", "b"}, {"role", "current"}}};
  CHECK(rotation({both, version("old", "a", "previous", kDay)}).find("host b does not have it") !=
        std::string::npos);
}

TEST_CASE("a picture of the host fits the terminal", "[operations]") {
  TopFacts facts;
  facts.health = {{"status", "degraded"},
                  {"host", "host-a"},
                  {"now", "2026-01-01T00:00:00Z"},
                  {"checks", json::array{check("provider:momo", "degraded",
                                               "It is paused: a long reason with ünïcödé …")}},
                  {"maintenance", {{"active", {{"ends_at", "2026-01-01T04:00:00Z"}}}}}};
  facts.providers = {
      {"providers", json::array{json::object{{"name", "momo"}, {"state", "ready"}, {"paused", true}}}}};
  facts.stats = {
      {"open", json::array{json::object{
                   {"provider", "momo"}, {"state", "SENT"}, {"count", 12}, {"oldest_ms", 61'000}}}},
      {"admitted", json::array{json::object{{"provider", "momo"}, {"per_minute", 120.0}}}},
      {"finished", json::array()}};
  for (const std::size_t width : {10UL, 40UL, 80UL, 200UL}) {
    for (const bool colours : {false, true}) {
      for (const std::string& line : top_picture(facts, width, Style(colours))) {
        std::string plain;
        for (std::size_t i = 0; i < line.size(); ++i) {
          if (line[i] == '\033') {
            while (line[i] != 'm') ++i;
          } else {
            plain += line[i];
          }
        }
        INFO(plain);
        CHECK(core::length_utf8(plain) <= width);
        CHECK(core::is_utf8(plain));
      }
    }
  }
  std::string whole;
  for (const std::string& line : top_picture(facts, 200, Style(false))) whole += line + "\n";
  INFO(whole);
  for (const char* part : {"host-a", "degraded", "maintenance until 2026-01-01T04:00:00Z", "momo", "paused",
                           "2.0/s", "12", "1 min 01 s SENT", "a long reason"})
    CHECK(whole.find(part) != std::string::npos);
}
