// All writes are stopped by the file of a host, whatever the database says: with the database, without it,
// and from the one to the other.
#include <catch2/catch.hpp>
#include <fstream>

#include "../unit/temporary_folder.hpp"
#include "engine_fixture.hpp"

using namespace payoutd;
using namespace payoutd::test;
using engine::SwitchReply;
using std::chrono::milliseconds;
using std::chrono::seconds;
namespace fs = std::filesystem;

namespace {

EngineHost::Options with_stop_file(const TemporaryFolder& folder) {
  EngineHost::Options options;
  options.stop_file = (folder.path() / "stop-writes").string();
  return options;
}

/// So that a file is not carried over, and what it does by itself can be seen: it cannot be removed.
void block_removal(const fs::path& path) {
  fs::create_directories(path / "full");
}

SwitchReply turn(EngineFixture& f, bool on, const std::string& note = "a drill") {
  return f.await(f.host->engine().set_switch({"stop_writes", on, "operator:awa", note}));
}

std::string the_switch(EngineFixture& f) {
  return f.value(
      "select case when enabled then 'on ' else 'off ' end || changed_by || ': ' || coalesce(note, '')"
      " from app.switches where name = 'stop_writes'");
}

/// Until this host knows that the database is back, or away.
bool until_fresh(EngineFixture& f, bool fresh) {
  return f.run_until([&] { return f.host->engine().heart().fresh() == fresh; }, seconds{30});
}

}  // namespace

TEST_CASE("with the database the switch is set for all hosts, and no file is left", "[stop]") {
  const TemporaryFolder folder;
  EngineFixture f(with_stop_file(folder));
  const SwitchReply on = turn(f, true, "incident 12");
  CHECK((on.done && on.enabled && on.all_hosts && on.message.empty()));
  CHECK(the_switch(f) == "on operator:awa: incident 12");
  CHECK_FALSE(fs::exists(folder.path() / "stop-writes"));
  CHECK(f.host->engine().heart().writes_stopped());
  const SwitchReply off = turn(f, false);
  CHECK((off.done && !off.enabled && off.all_hosts));
  CHECK_FALSE(f.host->engine().heart().writes_stopped());
}

TEST_CASE(
    "a file that is touched stops this host within a second and becomes the switch, in its owner's name",
    "[stop]") {
  const TemporaryFolder folder;
  EngineFixture f(with_stop_file(folder));
  REQUIRE(f.run_until_state(f.post("before"), "CONFIRMED"));
  std::ofstream(folder.path() / "stop-writes") << "incident 4711";
  REQUIRE(f.run_until([&] { return f.host->engine().heart().writes_stopped(); }, seconds{1}));
  REQUIRE(f.run_until([&] { return !fs::exists(folder.path() / "stop-writes"); }));
  CHECK(f.host->engine().heart().writes_stopped());
  CHECK_THAT(the_switch(f), Catch::StartsWith("on operator:") &&
                                Catch::EndsWith(": incident 4711 (by the file stop-writes of host-a)"));
  CHECK(f.value("select count(*) from app.audit where subject = 'stop_writes' and action = 'carry over the "
                "stop-writes file' and detail->>'note' = 'incident 4711'") == "1");
  const std::string id = f.post("during");
  f.run_for(milliseconds{300});
  CHECK(f.state(id) == "PENDING");
  CHECK_FALSE(turn(f, false).enabled);
  CHECK(f.run_until_state(id, "CONFIRMED"));
}

TEST_CASE("a switch that is on already keeps who set it and why", "[stop]") {
  const TemporaryFolder folder;
  EngineFixture f(with_stop_file(folder));
  turn(f, true, "the first one");
  std::ofstream(folder.path() / "stop-writes") << "the second one";
  REQUIRE(f.run_until([&] { return f.host->observer().logged("engine.stop_file_carried_over"); }));
  CHECK(the_switch(f) == "on operator:awa: the first one");
}

TEST_CASE("while the file is there nothing is claimed, asked or taken, from the start on", "[stop]") {
  const TemporaryFolder folder;
  block_removal(folder.path() / "stop-writes");
  EngineHost::Options options = with_stop_file(folder);
  EngineFixture f(options);
  const auto& heart = f.host->engine().heart();
  CHECK(heart.writes_stopped());
  const std::string id = f.post("k");
  // The switch for all hosts is lifted by somebody else, and still this host is stopped by its own file.
  REQUIRE(f.run_until([&] { return f.host->observer().logged("engine.stop_file_stays"); }));
  f.value("update app.switches set enabled = false returning 1");
  f.await(f.host->engine().heart().beat_now());
  CHECK_FALSE(heart.last().stop_writes);
  CHECK(heart.writes_stopped());
  CHECK(heart.submissions_stopped());
  f.run_for(milliseconds{500});
  CHECK(f.state(id) == "PENDING");
  CHECK(f.value("select lease is null from app.payouts") == "t");
  CHECK(f.provider.submitted.empty());
  engine::Callback callback;
  callback.provider = "acme";
  CHECK(f.await(f.host->engine().inbox().receive(callback)).kind ==
        engine::CallbackReply::Kind::writes_stopped);
  const auto told = f.await(f.host->engine().explain(id));
  REQUIRE(told);
  CHECK(told->at("waits_for").at(0).at("kind").as_string() == "stop_file");
  CHECK_THAT(std::string(told->at("headline").as_string()), Catch::Contains("stops all writes of host-a"));
  // What cannot be lifted is not said to be.
  const SwitchReply off = turn(f, false);
  CHECK(off.enabled);
  CHECK_THAT(off.message, Catch::Contains("cannot be removed"));
  fs::remove(folder.path() / "stop-writes" / "full");
  CHECK_FALSE(turn(f, false).enabled);
  CHECK(f.run_until_state(id, "CONFIRMED"));
}

TEST_CASE("an answer that was on its way when writes were stopped is recorded", "[stop]") {
  const TemporaryFolder folder;
  EngineFixture f(with_stop_file(folder));
  bool answered = false;
  f.provider.on_submit = [&answered](Order, Prepared) -> Awaitable<providers::SubmitReply> {
    boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor);
    while (!answered) {
      timer.expires_after(milliseconds{5});
      co_await timer.async_wait(boost::asio::use_awaitable);
    }
    co_return ScriptedProvider::reply(Submission::confirmed("paid"));
  };
  const std::string id = f.post("k");
  REQUIRE(f.run_until([&] { return f.provider.submitted.size() == 1; }));
  block_removal(folder.path() / "stop-writes");
  REQUIRE(f.run_until([&] { return f.host->engine().heart().writes_stopped(); }));
  answered = true;
  CHECK(f.run_until_state(id, "CONFIRMED"));
  CHECK(f.provider.submitted.size() == 1);
}

TEST_CASE("without the database this host stops by its file, which becomes the switch when it is back",
          "[stop]") {
  DatabaseServer server;
  const TemporaryFolder folder;
  EngineFixture f(with_stop_file(folder), server);
  server.kill();  // which the host does not know yet
  const SwitchReply on = turn(f, true, "incident 12");
  CHECK((on.done && on.enabled));
  CHECK_FALSE(on.all_hosts);
  CHECK_THAT(on.message, Catch::Contains("only host-a has stopped") && Catch::Contains("stop-writes"));
  CHECK(fs::exists(folder.path() / "stop-writes"));
  CHECK(f.host->engine().heart().writes_stopped());
  server.start();
  REQUIRE(f.run_until([&] { return !fs::exists(folder.path() / "stop-writes"); }, seconds{30}));
  CHECK(f.host->engine().heart().last().stop_writes);
  CHECK(the_switch(f) == "on operator:awa: incident 12 (by the file stop-writes of host-a)");
  CHECK(f.value("select actor || ' ' || (detail->>'host') from app.audit") == "operator:awa host-a");
}

TEST_CASE("without the database the file can be lifted, and the switch of the database is not", "[stop]") {
  DatabaseServer server;
  const TemporaryFolder folder;
  EngineFixture f(with_stop_file(folder), server);
  const bool on_for_all = GENERATE(false, true);
  if (on_for_all) turn(f, true, "for all");
  server.kill();
  REQUIRE(until_fresh(f, false));
  CHECK_THROWS_AS(turn(f, false),
                  store::Unavailable);  // without a file there is nothing that could be lifted
  turn(f, true, "here too");
  const SwitchReply off = turn(f, false, "a mistake");
  CHECK(off.enabled == on_for_all);
  CHECK_FALSE(off.all_hosts);
  CHECK_THAT(off.message, Catch::Contains(on_for_all ? "on, and still counts" : "last seen off"));
  CHECK_FALSE(fs::exists(folder.path() / "stop-writes"));
  CHECK(f.host->engine().heart().writes_stopped() == on_for_all);
  server.start();
  REQUIRE(until_fresh(f, true));
  REQUIRE(f.run_until([&] { return f.value("select count(*) from app.audit") == "1"; }));
  CHECK(f.value("select action || ': ' || (detail->>'note') from app.audit") ==
        "lift the stop-writes file: a mistake");
  CHECK(the_switch(f) == (on_for_all ? "on operator:awa: for all" : ""));
}

TEST_CASE("where neither the database nor the file can be written, it is said that nothing changed",
          "[stop]") {
  DatabaseServer server;
  EngineHost::Options options;
  const TemporaryFolder folder;
  options.stop_file = (folder.path() / "missing" / "stop-writes").string();
  EngineFixture f(options, server);
  server.kill();
  REQUIRE(until_fresh(f, false));
  const SwitchReply on = turn(f, true);
  CHECK_FALSE(on.done);
  CHECK_THAT(on.message, Catch::Contains("Nothing changed") && Catch::Contains("No such file"));
}
