// Who holds what, who waits for whom.
#include "store/activity.hpp"

#include <catch2/catch.hpp>
#include <thread>

#include "database/database.hpp"
#include "harness/child_process.hpp"
#include "payoutctl.hpp"

namespace {

using namespace payoutd;
using namespace payoutd::test;
using std::chrono::seconds;

}  // namespace

TEST_CASE("a chain of locks is shown from its head to its end", "[activity]") {
  auto database = DatabaseServer::shared().fresh_database();
  const auto connect = [&](const std::string& name) {
    return std::make_unique<store::Connection>(
        store::connection_string(database.dsn() + " application_name='" + name + "'", {}));
  };
  database.value("insert into app.switches (name, enabled, changed_by) values ('dry_run', false, 'test')");
  auto holder = connect("payoutd engine");
  auto holding = std::make_unique<pqxx::work>(*holder);
  holding->exec("update app.switches set note = 'held'");
  const int holder_pid = holder->backendpid();

  auto altering = connect("psql");
  auto reading = connect("payoutd http");
  const int altering_pid = altering->backendpid();
  const int reading_pid = reading->backendpid();
  std::thread alters([&] {
    pqxx::work work(*altering);
    work.exec("alter table app.switches add column more integer");
  });
  auto looking = database.connect();
  const auto waits = [&](int pid) {
    for (const auto& one : store::sessions(looking))
      if (one.pid == pid) return !one.blocked_by.empty();
    return false;
  };
  const bool altering_waits = eventually(seconds{10}, [&] { return waits(altering_pid); });
  std::thread reads([&] {
    pqxx::work work(*reading);
    work.exec("select * from app.switches");
  });
  const bool reading_waits = eventually(seconds{10}, [&] { return waits(reading_pid); });

  const auto long_waits = [&] {
    return store::in_transaction(looking, "BEGIN", [](store::Transaction& work) {
      return store::lock_waiters(work, std::chrono::milliseconds{300});
    });
  };
  const bool both_counted = eventually(seconds{10}, [&] { return long_waits() == 2; });
  const auto result = payoutctl({"db", "activity", "--database", database.dsn(), "--json"});
  const auto text = payoutctl({"db", "activity", "--database", database.dsn()});
  holding.reset();
  alters.join();
  reads.join();
  CHECK(both_counted);
  CHECK(long_waits() == 0);
  CHECK(altering_waits);
  CHECK(reading_waits);
  INFO(result.text());
  INFO(text.text());
  REQUIRE(result.status == 0);
  const auto json = result.json();
  const auto& chains = json.at("lock_chains").as_array();
  REQUIRE(chains.size() == 1);
  CHECK(chains[0].at("pid").to_number<int>() == holder_pid);
  const auto& second = chains[0].at("blocks").as_array();
  REQUIRE(second.size() == 1);
  CHECK(second[0].at("pid").to_number<int>() == altering_pid);
  REQUIRE(second[0].at("blocks").as_array().size() == 1);
  CHECK(second[0].at("blocks").as_array()[0].at("pid").to_number<int>() == reading_pid);
  for (const auto& one : json.at("sessions").as_array()) {
    if (one.at("pid").to_number<int>() == holder_pid) {
      CHECK(one.at("state").as_string() == "idle in transaction");
      CHECK(one.at("payoutd").as_bool());
      CHECK(boost::json::serialize(one.at("holds")).find("app.switches RowExclusive") != std::string::npos);
    }
    if (one.at("pid").to_number<int>() == altering_pid)
      CHECK(boost::json::serialize(one.at("wants")).find("app.switches AccessExclusive") !=
            std::string::npos);
  }
  CHECK(text.out.find("Who blocks whom") != std::string::npos);
}
