// Rates of providers, shared among the hosts of one database: together they never go over, whoever comes and
// goes.
#include <catch2/catch.hpp>
#include <random>

#include "core/rate.hpp"
#include "engine_fixture.hpp"
#include "store/rate_share.hpp"

using namespace payoutd;
using namespace payoutd::test;
using std::chrono::milliseconds;
using std::chrono::seconds;
using store::SharePart;
using Steady = std::chrono::steady_clock;

namespace {

/// The most that happened in any time of this length.
int most_in(const std::vector<Steady::time_point>& times, milliseconds length) {
  std::size_t most = 0;
  for (std::size_t begin = 0, end = 0; begin < times.size(); ++begin) {
    while (end < times.size() && times[end] < times[begin] + length) ++end;
    most = std::max(most, end - begin);
  }
  return static_cast<int>(most);
}

std::map<std::string, engine::ProviderPace> submits(std::int64_t count, seconds period = seconds{1}) {
  return {{"acme", {{{count, period}, {}}, {}}}};
}

EngineHost::Options named(const std::string& name) {
  EngineHost::Options options;
  options.name = name;
  return options;
}

int finished(const EngineFixture& f) {
  return std::stoi(f.value("select count(*) from app.all_payouts where state = 'CONFIRMED'"));
}

Awaitable<providers::SubmitReply> noted(std::vector<Steady::time_point>* times) {
  times->push_back(Steady::now());
  co_return ScriptedProvider::reply(Submission::confirmed("paid"));
}

Awaitable<Status> answered(Status::Kind kind, Order order) {
  co_return ScriptedProvider::found(kind, order);
}

}  // namespace

TEST_CASE("rates are read, and counted in the shortest time", "[rates]") {
  CHECK(core::Rate::parse("10/s").value() == core::Rate{10, seconds{1}});
  CHECK(core::Rate::parse("300/m").value().in_shortest_period() == core::Rate{5, seconds{1}});
  CHECK(core::Rate::parse("90/m").value().in_shortest_period() == core::Rate{3, seconds{2}});
  CHECK(core::Rate::parse("100/h").value().in_shortest_period() == core::Rate{1, seconds{36}});
  CHECK(core::Rate::parse("7/m").value().to_string() == "7/m");
  for (const char* bad :
       {"", "10", "/s", "10/", "0/s", "-1/s", "1.5/s", "10/d", "10 /s", "10/ss", "1000001/s"}) {
    INFO(bad);
    CHECK_FALSE(core::Rate::parse(bad).has_value());
  }
}

TEST_CASE("parts of hosts that come and go never overlap, and soon are the whole", "[rates]") {
  std::mt19937 random(7);
  struct One {
    SharePart part;
    bool lives = false;
  };
  std::vector<One> hosts(9);
  const auto beat = [&](std::size_t i, bool may_grow) {
    std::vector<SharePart> others;
    int rank = 0;
    int count = 0;
    for (std::size_t j = 0; j < hosts.size(); ++j) {
      if (!hosts[j].lives) continue;
      if (j < i) ++rank;
      if (j != i) others.push_back(hosts[j].part);
      ++count;
    }
    hosts[i].part = store::next_part(hosts[i].part, store::fair_part(rank, count), others, may_grow);
  };
  const auto sum = [&] {
    std::vector<SharePart> all;
    int parts = 0;
    for (const One& host : hosts) {
      if (!host.lives) continue;
      for (const SharePart& other : all) REQUIRE(store::overlap(other, host.part).empty());
      all.push_back(host.part);
      parts += host.part.to - host.part.from;
    }
    return parts;
  };
  for (int round = 0; round < 200; ++round) {
    One& host = hosts[random() % hosts.size()];
    host.lives = !host.lives;
    host.part = {};
    const int beats = static_cast<int>(random() % 20);
    for (int i = 0; i < beats; ++i) {
      const std::size_t who = random() % hosts.size();
      if (hosts[who].lives) beat(who, random() % 4 != 0);
      CHECK(sum() <= SharePart::kWhole);
    }
  }
  hosts[0].lives = true;
  for (int round = 0; round < 3; ++round)
    for (std::size_t i = 0; i < hosts.size(); ++i)
      if (hosts[i].lives) beat(i, true);
  CHECK(sum() == SharePart::kWhole);
}

TEST_CASE("a part counts once it was held for the whole window", "[rates]") {
  engine::ShareHistory history;
  const Steady::time_point start = Steady::now();
  const auto at = [&](int ms) { return start + milliseconds{ms}; };
  history.note({0, 100}, at(0));
  CHECK(history.held_for(milliseconds{1'000}, at(999)).empty());
  CHECK(history.held_for(milliseconds{1'000}, at(1'000)) == SharePart{0, 100});
  history.note({0, 40}, at(2'000));  // less at once
  CHECK(history.held_for(milliseconds{1'000}, at(2'000)) == SharePart{0, 40});
  history.note({20, 100}, at(3'000));
  CHECK(history.held_for(milliseconds{1'000}, at(3'500)) == SharePart{20, 40});
  CHECK(history.held_for(milliseconds{1'000}, at(4'000)) == SharePart{20, 100});
  history.note({}, at(5'000));
  history.note({20, 100}, at(5'500));
  CHECK(history.held_for(milliseconds{1'000}, at(6'400)).empty());
  CHECK(history.held_for(milliseconds{100}, at(6'400)) == SharePart{20, 100});
}

TEST_CASE("two hosts together submit no more in any second than the rate", "[rates]") {
  EngineFixture f(named("host-a"));
  std::vector<Steady::time_point> times;
  f.provider.on_submit = [&](Order, Prepared) { return noted(&times); };
  f.host->engine().set_pace(submits(10));
  f.provider.the_state = providers::ProviderState::restarting;
  for (int i = 0; i < 90; ++i) f.post("k" + std::to_string(i));
  f.provider.the_state = providers::ProviderState::ready;
  f.host->engine().dispatcher().wake_payments();
  REQUIRE(f.run_until([&] { return times.size() >= 20; }));
  {
    // Another host comes while the first one is at it, and goes again.
    EngineHost other(f.io, f.database, f.provider, named("host-b"));
    other.engine().set_pace(submits(10));
    const auto by_both = [&] {
      return f.value("select count(distinct host) from app.attempts") == "2" && times.size() >= 65;
    };
    CHECK(f.run_until(by_both, seconds{30}));
    CHECK(other.engine().heart().last().admitting_hosts == 2);
  }
  const auto left = times.size();
  REQUIRE(f.run_until([&] { return finished(f) == 90; }, seconds{30}));
  CHECK(times.size() > left);
  CHECK(times.size() == 90);
  CHECK(most_in(times, milliseconds{1'000}) <= 10);
  CHECK(most_in(times, milliseconds{1'000}) >= 8);
  // Fast enough: the rate is used, but for the time of the changes.
  CHECK(times.back() - times.front() < seconds{16});
}

TEST_CASE("fewer requests than hosts: some hosts have none, and all payouts are paid", "[rates]") {
  EngineFixture f(named("host-a"));
  EngineHost second(f.io, f.database, f.provider, named("host-b"));
  EngineHost third(f.io, f.database, f.provider, named("host-c"));
  std::vector<Steady::time_point> times;
  f.provider.on_submit = [&](Order, Prepared) { return noted(&times); };
  for (EngineHost* host : {f.host.get(), &second, &third}) host->engine().set_pace(submits(2));
  for (int i = 0; i < 12; ++i) f.post("k" + std::to_string(i));
  REQUIRE(f.run_until([&] { return finished(f) == 12; }, seconds{30}));
  CHECK(most_in(times, milliseconds{1'000}) <= 2);
}

TEST_CASE("questions keep to the contract's rate over all hosts", "[rates]") {
  EngineFixture f(named("host-a"));
  f.provider.the_contract.query_rate_per_s = 8;
  EngineHost other(f.io, f.database, f.provider, named("host-b"));
  std::vector<Steady::time_point> times;
  f.provider.on_query = [&](Order order) {
    times.push_back(Steady::now());
    return answered(times.size() > 40 ? Status::Kind::confirmed : Status::Kind::pending, std::move(order));
  };
  for (int i = 0; i < 20; ++i) f.post("k" + std::to_string(i));
  REQUIRE(f.run_until([&] { return finished(f) == 20; }, seconds{40}));
  CHECK(most_in(times, milliseconds{1'000}) <= 8);
  CHECK(times.size() >= 60);
}

TEST_CASE("nothing is journaled for which there is no room", "[rates]") {
  EngineFixture f;
  f.host->engine().set_pace(submits(3));
  for (int i = 0; i < 12; ++i) f.post("k" + std::to_string(i));
  REQUIRE(f.run_until([&] { return finished(f) == 12; }, seconds{30}));
  CHECK(f.value("select count(*) from app.attempts") == "12");
  CHECK(f.value("select count(*) from app.payouts where attempt_count <> 1") == "0");
}

TEST_CASE("a drained host leaves its part of the rates to the others", "[rates]") {
  EngineFixture f(named("host-a"));
  EngineHost other(f.io, f.database, f.provider, named("host-b"));
  const auto part = [&](const std::string& name) {
    return f.value("select share_to - share_from from app.hosts where name = '" + name + "'");
  };
  REQUIRE(f.run_until([&] { return part("host-a") == "360360" && part("host-b") == "360360"; }));
  f.value("insert into app.drained_hosts (host, drained_by) values ('host-b', 'operator:awa')");
  REQUIRE(f.run_until([&] { return part("host-a") == "720720" && part("host-b") == "0"; }));
  CHECK(other.engine().heart().share(milliseconds{0}).empty());
  CHECK(other.engine().heart().last().admitting_hosts == 2);  // it still admits payouts
  f.value("delete from app.drained_hosts");
  REQUIRE(f.run_until([&] { return part("host-a") == "360360" && part("host-b") == "360360"; }));
}

TEST_CASE("a host without the role worker claims nothing, and needs no part of the rates", "[rates]") {
  EngineHost::Options front = named("host-a");
  front.roles = {core::HostRole::api, core::HostRole::webhooks, core::HostRole::admin};
  EngineFixture f(front);
  f.post("waits");
  f.run_for(milliseconds{300});
  CHECK(f.value("select state from app.payouts") == "PENDING");
  CHECK(f.host->engine().heart().last().working_hosts == 0);
  const auto part = [&](const std::string& name) {
    return f.value("select share_to - share_from from app.hosts where name = '" + name + "'");
  };
  EngineHost::Options back = named("host-b");
  back.roles = {core::HostRole::worker};
  EngineHost worker(f.io, f.database, f.provider, back);
  REQUIRE(f.run_until([&] { return part("host-a") == "0" && part("host-b") == "720720"; }));
  REQUIRE(f.run_until([&] { return finished(f) == 1; }, seconds{20}));
  CHECK(f.host->engine().heart().last().admitting_hosts == 1);
  CHECK(worker.engine().heart().last().working_hosts == 1);
}
