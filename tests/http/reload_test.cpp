#include "ctl/reload.hpp"

#include <catch2/catch.hpp>

#include "terminal.hpp"

using namespace payoutd;
using namespace payoutd::test;
using ctl::ExitCode;

TEST_CASE("a reload that was taken over says so, part by part") {
  RunningServer running;
  running.host.reload_report = {
      {{"configuration", true, "taken over; flooz-tg starts with the next start", {}},
       {"scripts", true, "Generation 2 is active.", {}}}};
  Terminal terminal(running.socket);
  CHECK(ctl::reload(terminal.context) == ExitCode::ok);
  CHECK(terminal.out.str() ==
        "configuration: taken over; flooz-tg starts with the next start\nscripts: Generation 2 is active.\n");
  CHECK(running.host.reloaded_by.starts_with("operator:"));
  Terminal machine(running.socket);
  machine.context.json = true;
  CHECK(ctl::reload(machine.context) == ExitCode::ok);
  CHECK(machine.json().at("reloaded").as_bool());
}

TEST_CASE("a reload that was refused gives every reason, and another exit code") {
  RunningServer running;
  running.host.reload_report = {
      {{"configuration", true, "taken over", {}},
       {"providers", false, {}, {"payoutd.yaml:7:3: providers.momo.settings.x: is wrong"}},
       {"scripts", false, {}, {"abuse/a.lua:2: is broken", "routing.lua: no tests"}}}};
  Terminal terminal(running.socket);
  CHECK(ctl::reload(terminal.context) == ExitCode::refused);
  CHECK(terminal.out.str().empty());
  CHECK(terminal.err.str() ==
        "payoutd.yaml:7:3: providers.momo.settings.x: is wrong\nabuse/a.lua:2: is broken\nrouting.lua: no "
        "tests\n"
        "Refused, and as before: providers, scripts. Taken over: configuration.\n");
  Terminal machine(running.socket);
  machine.context.json = true;
  CHECK(ctl::reload(machine.context) == ExitCode::refused);
  CHECK(machine.json().at("problems").at(1).at("part").as_string() == "scripts");
}
