// What the host tells its service manager about itself.
#include "engine/vital_signs.hpp"

#include <catch2/catch.hpp>

using namespace payoutd::engine;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

struct Fixture {
  Pace::Clock::time_point now{};
  Pace pace{[this] { return now; }};

  VitalSigns signs(bool database_answers) const {
    return {.database_answers = database_answers,
            .silence = database_answers ? milliseconds{200} : milliseconds{14'300},
            .overdue = pace.overdue(),
            .at_work = pace.at_work()};
  }
};

}  // namespace

TEST_CASE("a loop that wakes in time hangs never, one that does not wake hangs, with or without a database",
          "[vital_signs]") {
  Fixture f;
  f.pace.rests("payments of momo", milliseconds{500});
  f.now += seconds{10};
  CHECK(what_hangs(f.signs(true)).empty());  // late, as on a machine that stood still
  f.now += seconds{1};
  CHECK(what_hangs(f.signs(true)) == "payments of momo should have gone on 10 s ago");
  CHECK(what_hangs(f.signs(false)) == "payments of momo should have gone on 10 s ago");
  f.pace.rests("payments of momo", milliseconds{500});
  CHECK(what_hangs(f.signs(true)).empty());
}

TEST_CASE("a loop at work hangs only while the database answers", "[vital_signs]") {
  Fixture f;
  f.pace.works("recovery");
  f.now += minutes{5};
  CHECK(what_hangs(f.signs(true)).empty());
  f.now += seconds{1};
  CHECK(what_hangs(f.signs(true)) == "recovery has not come to an end for 301 s while the database answers");
  // It waits for the database, for as long as that is away: no restart would help.
  f.now += minutes{600};
  CHECK(what_hangs(f.signs(false)).empty());
}

TEST_CASE("a loop that returned is not missed", "[vital_signs]") {
  Fixture f;
  f.pace.rests("a", milliseconds{100});
  f.pace.rests("b", seconds{60});
  f.pace.ended("a");
  f.now += seconds{30};
  CHECK(f.pace.overdue().loop.empty());
  f.now += seconds{60};
  CHECK(f.pace.overdue().loop == "b");
}

TEST_CASE("the status says what matters first", "[vital_signs]") {
  HostSummary s;
  s.signs.database_answers = true;
  CHECK(status_line(s) == "Running; 0 payouts in hand; no provider is configured; built-in rules");
  s.in_hand = 1;
  s.providers = 3;
  s.scripts_generation = 7;
  CHECK(status_line(s) == "Running; 1 payout in hand; 3 of 3 providers up; scripts generation 7");
  s.providers_down = {"momo-ci (restarting)", "flooz (quarantined)"};
  CHECK(status_line(s) ==
        "Running; 1 payout in hand; 1 of 3 providers up, not momo-ci (restarting), flooz (quarantined); "
        "scripts "
        "generation 7");
  s.waits_for = "submits are stopped by a switch";
  CHECK(status_line(s).starts_with("Degraded: submits are stopped by a switch; 1 payout"));
  s.signs.database_answers = false;
  s.signs.silence = milliseconds{14'300};
  CHECK(
      status_line(s).starts_with("Degraded: the database has not answered for 14 s, nothing is submitted; "));
  s.waits_for = "the file /state/stop-writes stops all writes (operator:awa: incident)";
  CHECK(status_line(s).starts_with(
      "Degraded: the database has not answered for 14 s, nothing is submitted; the file "
      "/state/stop-writes stops all writes (operator:awa: incident); "));
  s.signs.overdue = {"heart", seconds{12}};
  CHECK(status_line(s).starts_with("Hangs: heart should have gone on 12 s ago; "));
  s.draining = true;
  CHECK(status_line(s).starts_with("Draining: nothing new is submitted; 1 payout in hand; "));
}
