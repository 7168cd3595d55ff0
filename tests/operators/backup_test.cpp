// Backups that are made while payouts run, and checks that find what is wrong with one.
#include <catch2/catch.hpp>
#include <fstream>
#include <thread>

#include "harness/cluster.hpp"
#include "harness/scene.hpp"
#include "payoutctl.hpp"

namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using namespace payoutd::test;
using std::chrono::seconds;

std::string metric(HostProcess& host, const std::string& name) {
  const std::string text = host.request("GET", "/metrics").body;
  const auto at = text.find("\n" + name + " ");
  if (at == std::string::npos) return "";
  const auto begin = at + name.size() + 2;
  return text.substr(begin, text.find('\n', begin) - begin);
}

/// The step of a restore check by its name.
json::object step(const CommandResult& result, const std::string& name) {
  const json::value answer = result.json();
  for (const auto& one : answer.at("steps").as_array())
    if (one.at("name").as_string() == name) return one.as_object();
  return {};
}

bool failed(const CommandResult& result, const std::string& name) {
  const auto found = step(result, name);
  return result.status == 1 && !found.empty() && !found.at("ok").as_bool();
}

std::string text_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

fs::path backup_of(const TestDatabase& database, const fs::path& out, int jobs = 1) {
  const auto made = payoutctl({"backup", "--out", out.string(), "--database", database.dsn(), "--jobs",
                               std::to_string(jobs), "--json"});
  INFO(made.text());
  REQUIRE(made.status == 0);
  return std::string(made.json().at("folder").as_string());
}

CommandResult check(const fs::path& backup, const std::vector<std::string>& more = {"--no-record"}) {
  std::vector<std::string> words{"restore-check", backup.string(), "--json"};
  words.insert(words.end(), more.begin(), more.end());
  return payoutctl(words, 200);
}

}  // namespace

TEST_CASE("a backup made while payouts run is of one moment, and passes its check", "[backup]") {
  Scene scene("backup", {"--transfer-latency-ms", "20..120"});
  HostProcess& host = scene.add_host("host-a");
  host.start();
  REQUIRE(host.wait_until_ready());
  CHECK(
      eventually(seconds{10}, [&] { return metric(host, "backup_last_success_timestamp_seconds") == "0"; }));
  scene.post(host, 100, "before");
  std::thread more([&] {
    for (int i = 0; i < 6; ++i) scene.post(host, 60, "during-" + std::to_string(i));
  });
  const fs::path folder = backup_of(scene.database(), scene.directory() / "backups");
  more.join();
  const json::value manifest = json::parse(text_of(folder / "manifest.json"));
  INFO(json::serialize(manifest));
  std::int64_t payouts = 0;
  for (const auto& one : manifest.at("states").as_array()) payouts += one.at("count").as_int64();
  CHECK(payouts >= 100);
  CHECK(manifest.at("schema").at("revision").as_string() ==
        payoutd::store::embedded_migrations().back().version);
  CHECK((fs::status(folder).permissions() & fs::perms::others_all) == fs::perms::none);

  const auto passed = check(folder, {"--database", scene.database().dsn()});
  INFO(passed.text());
  CHECK(passed.status == 0);
  CHECK(passed.json().at("passed").as_bool());
  CHECK(passed.json().at("recorded").as_bool());
  for (const char* name : {"files", "restore", "schema", "counts", "money", "audit"})
    CHECK(!step(passed, name).empty());
  CHECK(eventually(seconds{15}, [&] {
    return metric(host, "backup_last_success_timestamp_seconds").size() > 5 &&
           metric(host, "restore_check_last_success_timestamp_seconds").size() > 5;
  }));
  REQUIRE(scene.wait_until_finished(seconds{60}));
  CHECK(scene.check().all_right());

  // In the directory's form, into a server that somebody named.
  const fs::path second = backup_of(scene.database(), scene.directory() / "backups", 2);
  CHECK(fs::is_directory(second / "dump"));
  Cluster cluster;
  const auto into = check(second, {"--no-record", "--into", cluster.admin_dsn()});
  INFO(into.text());
  CHECK(into.status == 0);
  CHECK(cluster.value("postgres", "select count(*) from pg_database where datname like 'payoutd%'") == "0");
}

TEST_CASE("a check finds a backup that is damaged, short, or of a journal that contradicts itself",
          "[backup]") {
  Scene scene("bad-backup", {"--transfer-latency-ms", "1..10"});
  HostProcess& host = scene.add_host("host-a");
  host.start();
  REQUIRE(host.wait_until_ready());
  scene.post(host, 30);
  REQUIRE(scene.wait_until_finished(seconds{60}));
  REQUIRE(host.stop() == 0);
  const fs::path out = scene.directory() / "backups";
  const fs::path folder = backup_of(scene.database(), out);

  std::string manifest = text_of(folder / "manifest.json");
  std::string dump = text_of(folder / "dump");
  {  // a byte that is not what it was
    std::string bad = dump;
    bad[bad.size() / 2] = static_cast<char>(bad[bad.size() / 2] ^ 1);
    std::ofstream(folder / "dump", std::ios::binary) << bad;
    const auto result = check(folder);
    INFO(result.text());
    CHECK(failed(result, "files"));
    std::ofstream(folder / "dump", std::ios::binary) << dump;
  }
  {  // a dump that holds less than was written down
    std::string other = manifest;
    const auto at = other.find("\"count\":30");
    REQUIRE(at != std::string::npos);
    other.replace(at, 10, "\"count\":31");
    std::ofstream(folder / "manifest.json") << other;
    const auto result = check(folder);
    INFO(result.text());
    CHECK(failed(result, "counts"));
  }
  const auto broken = [&](const std::string& sql, const std::string& rule) {
    auto copy = DatabaseServer::shared().empty_database();
    const auto restored = std::system(
        ("pg_restore --no-owner -d '" + copy.dsn() + "' '" + (folder / "dump").string() + "' 2>/dev/null")
            .c_str());
    REQUIRE(restored == 0);
    copy.value(sql);
    static int times = 0;
    const auto result = check(backup_of(copy, out / std::to_string(++times)));
    INFO(sql << "\n" << result.text());
    CHECK(failed(result, rule));
    return json::serialize(step(result, rule));
  };
  using Catch::Contains;
  CHECK_THAT(
      broken("drop index app.attempts_one_live; update app.attempts set live = true; insert into app.attempts"
             " select (jsonb_populate_record(a, jsonb_build_object('id', gen_random_uuid(), 'n', 2))).* from"
             " app.attempts a limit 1; update app.payouts p set attempt_count = (select count(*) from"
             " app.attempts a where a.payout_id = p.id)",
             "money"),
      Contains("one_live_attempt") && !Contains("attempts_counted"));
  CHECK_THAT(broken("update app.payouts set attempt_count = 2", "money"), Contains("attempts_counted"));
  CHECK_THAT(broken("update app.payouts set amount = amount + 1 where id = (select min(id::text)::uuid from "
                    "app.payouts)",
                    "money"),
             Contains("amounts_as_asked"));
  CHECK_THAT(
      broken(
          "delete from app.idempotency_keys where payout_id = (select min(id::text)::uuid from app.payouts)",
          "money"),
      Contains("keys_agree"));
  CHECK_THAT(
      broken(
          "update app.payouts set state = 'FAILED' where id = (select min(id::text)::uuid from app.payouts)",
          "money"),
      Contains("events_tell_states"));
  CHECK_THAT(broken("alter table app.payouts alter column note set default 'x'", "schema"),
             Contains("app.payouts.note"));
  CHECK(payoutctl({"restore-check", (out / "none").string()}).status == 2);
}
