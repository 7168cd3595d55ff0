// kill -9 and SIGSTOP at every step of a payout's way. After the restart, with no human, every payout stands
// where the simulator's own ledger proves it, and none was paid twice.
#include <signal.h>

#include <catch2/catch.hpp>
#include <iostream>
#include <random>
#include <thread>

#include "chaos.hpp"
#include "harness/scene.hpp"
#include "script_churn.hpp"

namespace {

using namespace payoutd::test;
using std::chrono::milliseconds;
using std::chrono::seconds;

enum class Victim { provider, host, both };

struct Step {
  const char* name;
  const char* point;
  bool in_provider;  ///< the point is passed by the provider process, not by the host
};

constexpr Step kSteps[] = {
    {"before the journal", "engine.before_journal", false},
    {"after the journal", "engine.after_journal", false},
    {"after the first byte was announced", "provider.before_first_byte", true},
    {"after the bytes left", "provider.after_bytes_left", true},
    {"after the provider paid", "provider.after_answer", true},
    {"after the answer", "engine.after_answer", false},
    {"before the outcome is committed", "engine.before_record", false},
    {"after the outcome is committed", "engine.after_record", false},
};

const char* name_of(Victim victim) {
  switch (victim) {
    case Victim::provider:
      return "the provider process";
    case Victim::host:
      return "the host";
    case Victim::both:
      return "both";
  }
  return "";
}

// Which process stands still at the point.
pid_t stopped_process(HostProcess& host, const Step& step) {
  return step.in_provider ? host.provider() : host.process().pid();
}

void require_right(Scene& scene) {
  const bool finished = scene.wait_until_finished(seconds{60});
  const LedgerCheck check = scene.check();
  INFO(check.text());
  if (!finished || !check.all_right()) {
    WARN(scene.logs());
  }
  REQUIRE(finished);
  CHECK(check.all_right());
  CHECK(check.paid_twice == 0);
}

}  // namespace

TEST_CASE("a process killed at a step of the way leaves every payout right", "[kill]") {
  const Step& step =
      kSteps[static_cast<std::size_t>(GENERATE(range(0, static_cast<int>(std::size(kSteps)))))];
  const Victim victim = GENERATE(Victim::provider, Victim::host, Victim::both);
  INFO("killed " << name_of(victim) << " " << step.name);
  Scene scene("step");
  HostProcess& host = scene.add_host("host-a", std::string(step.point) + "=stop@5");
  host.start();
  REQUIRE(host.wait_until_ready());
  const pid_t provider = host.provider();
  REQUIRE(provider != 0);
  const pid_t waiting = stopped_process(host, step);
  std::thread poster([&] {
    try {
      scene.post(host, 25);
    } catch (const std::exception&) {
      // The host may be stopped or killed before it answers: what it admitted is in the database.
    }
  });
  const bool reached = eventually(seconds{20}, [&] { return process_state(waiting) == 'T'; });
  if (!reached) WARN(scene.logs());
  CHECK(reached);
  host.disarm();
  if (victim != Victim::host) ::kill(provider, SIGKILL);
  if (victim != Victim::provider) {
    host.kill();
  } else if (!step.in_provider) {
    host.process().signal(SIGCONT);
  }
  poster.join();
  if (victim != Victim::provider) host.start();
  require_right(scene);
  CHECK(scene.check().payouts > 0);
}

TEST_CASE("recovery begins within 10 s of the restart", "[kill]") {
  Scene scene("recovery");
  HostProcess& host = scene.add_host("host-a", "provider.after_bytes_left=stop@3");
  host.start();
  REQUIRE(host.wait_until_ready());
  scene.post(host, 10);
  REQUIRE(eventually(seconds{20}, [&] { return process_state(host.provider()) == 'T'; }));
  host.disarm();
  host.kill();
  const auto killed_with =
      scene.database().value("select count(*) from app.payouts where state = 'SUBMITTING'");
  REQUIRE(killed_with != "0");
  const auto restarted = std::chrono::steady_clock::now();
  host.start_without_waiting();
  REQUIRE(eventually(seconds{20}, [&] {
    return scene.database().value("select count(*) from app.events where kind = 'recovered'") != "0";
  }));
  const auto took = std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - restarted);
  std::cout << "recovery began " << took.count() << " ms after the restart\n";
  CHECK(took < seconds{10});
  require_right(scene);
}

TEST_CASE("a stopped provider process, its host killed, continued after another host took over", "[kill]") {
  Scene scene("takeover");
  HostProcess& first = scene.add_host("host-a", "provider.before_first_byte=stop@3");
  first.start();
  REQUIRE(first.wait_until_ready());
  const pid_t provider = first.provider();
  scene.post(first, 10);
  REQUIRE(eventually(seconds{20}, [&] { return process_state(provider) == 'T'; }));
  first.disarm();
  first.kill();
  HostProcess& second = scene.add_host("host-b");
  second.start();
  REQUIRE(eventually(seconds{30}, [&] {
    return scene.database().value("select count(*) from app.payouts where state = 'SUBMITTING'") == "0";
  }));
  ::kill(provider, SIGCONT);  // it died with its host; if it had not, it must send nothing now
  require_right(scene);
}

TEST_CASE("a host that was stopped for 20 s and continued", "[kill]") {
  Scene scene("stopped-host");
  HostProcess& first = scene.add_host("host-a", "engine.after_journal=stop@5");
  first.start();
  REQUIRE(first.wait_until_ready());
  std::thread poster([&] {
    try {
      scene.post(first, 20);
    } catch (const std::exception&) {
    }
  });
  REQUIRE(eventually(seconds{20}, [&] { return process_state(first.process().pid()) == 'T'; }));
  HostProcess& second = scene.add_host("host-b");
  second.start();
  std::this_thread::sleep_for(
      seconds{20});  // what is measured here is time itself: the host is away for so long
  first.process().signal(SIGCONT);
  poster.join();
  require_right(scene);
  CHECK(first.running());
}

TEST_CASE(
    "random kills of hosts and provider processes under load, while scripts are reloaded without a pause",
    "[kill][random]") {
  const int wanted = kills_wanted(20);
  const unsigned seed = seed_wanted();
  std::cout << "seed " << seed << ", " << wanted << " kills\n";
  std::mt19937 random(seed);
  Scene scene("random", {"--seed", std::to_string(seed), "--transfer-latency-ms", "20"});
  std::vector<HostProcess*> hosts{&scene.add_host("host-a"), &scene.add_host("host-b")};
  ScriptChurn churn(scene.directory() / "scripts");
  for (HostProcess* host : hosts) host->settings().scripts_directory = churn.directory();
  for (HostProcess* host : hosts) host->start();
  for (HostProcess* host : hosts) REQUIRE(host->wait_until_ready());
  churn.begin();
  const auto pick = [&](int low, int high) { return std::uniform_int_distribution<int>(low, high)(random); };
  int batch = 0;
  for (int kill = 0; kill < wanted; ++kill) {
    lift_quarantine(scene, hosts, "momo");
    HostProcess& host = *hosts[static_cast<std::size_t>(pick(0, 1))];
    try {
      scene.post(host, 40, "random-" + std::to_string(batch++));
    } catch (const std::exception&) {
    }
    std::this_thread::sleep_for(milliseconds{pick(5, 400)});
    const int victim = pick(0, 2);
    const pid_t provider = host.provider();
    if (victim != 1 && provider != 0) ::kill(provider, SIGKILL);
    if (victim != 0) {
      host.kill();
      host.start();
    }
  }
  lift_quarantine(scene, hosts, "momo");
  churn.stop();
  require_right(scene);
  const auto count = [&](const std::string& sql) { return std::stoi(scene.database().value(sql)); };
  const int generations = count("select count(*) from app.script_generations");
  CHECK(generations > wanted / 2);
  CHECK(count("select count(*) from app.decisions where kind = 'screen'") > 0);
  std::cout << scene.check().text() << ", " << generations << " generations of scripts\n";
}
