#include "ctl/scripts.hpp"

#include <catch2/catch.hpp>

#include "ctl/commands.hpp"
#include "ctl/policy_commands.hpp"
#include "terminal.hpp"

using namespace payoutd;
using namespace payoutd::test;
using ctl::ExitCode;
namespace json = boost::json;

namespace {

store::FlagRow flag(std::int64_t id, const std::string& user) {
  store::FlagRow row;
  row.id = id;
  row.user = user;
  row.rule = "shared_destination";
  row.text = "three users share it\033[31m";
  row.count = 3;
  row.last_at = "2026-01-31T08:00:00.000Z";
  return row;
}

}  // namespace

TEST_CASE("the status says who runs what, and what was refused with file and line") {
  RunningServer running;
  FakeScripts& scripts = running.host.script_keeper;
  Terminal well(running.socket);
  CHECK(ctl::scripts_status(well.context) == ExitCode::ok);
  const std::string hash = scripts.generations.back().hash.substr(0, 12);
  CHECK_THAT(well.out.str(), Catch::Contains("Active: generation 1, bundle " + hash +
                                             ", since 2026-01-31 07:00:00 UTC by host:one") &&
                                 Catch::Contains("one            1  " + hash + "  2026-01-31 07:00:00  no") &&
                                 Catch::Contains("/etc/payoutd/scripts"));

  scripts.refused_why =
      "abuse/velocity.lua:12: needs.count_24h.window: '24 h' is no window\nrouting.lua: no tests";
  scripts.shadow_hash = std::string(64, 'b');
  scripts.shadow_compared = 12'400;
  scripts.shadow_differed = 17;
  Terminal bad(running.socket);
  CHECK(ctl::scripts_status(bad.context) == ExitCode::negative);
  CHECK_THAT(bad.out.str(),
             Catch::Contains("Shadow: bundle bbbbbbbbbbbb") && Catch::Contains("12400") &&
                 Catch::Contains("17") &&
                 Catch::Contains("one refused what it found at 2026-01-31 07:59:00 UTC") &&
                 Catch::Contains("\n  abuse/velocity.lua:12: needs.count_24h.window: '24 h' is no window\n"
                                 "  routing.lua: no tests\n"));

  Terminal machine(running.socket);
  machine.context.json = true;
  CHECK(ctl::scripts_status(machine.context) == ExitCode::negative);
  CHECK(machine.json().at("shadow").at("hash").as_string() == std::string(64, 'b'));
}

TEST_CASE("a reload says what became of it, and a refusal where it is") {
  RunningServer running;
  FakeScripts& scripts = running.host.script_keeper;
  Terminal well(running.socket);
  CHECK(ctl::scripts_reload(well.context) == ExitCode::ok);
  CHECK_THAT(well.out.str(),
             Catch::Contains("Generation 2 is active. Bundle " + scripts.on_disk.hash().substr(0, 12)));

  scripts.on_disk.files["abuse/velocity.lua"] = "\nbroken";
  Terminal bad(running.socket);
  CHECK(ctl::scripts_reload(bad.context) == ExitCode::refused);
  CHECK(bad.out.str().empty());
  CHECK(bad.err.str() == "abuse/velocity.lua:2: is broken\nRefused; nothing changed.\n");
  Terminal machine(running.socket);
  machine.context.json = true;
  CHECK(ctl::scripts_reload(machine.context) == ExitCode::refused);
  CHECK_FALSE(machine.json().at("done").as_bool());
  CHECK(machine.json().at("problems").at(0).at("line").as_int64() == 2);

  Terminal back(running.socket);
  CHECK(ctl::scripts_rollback(back.context, "", "too strict") == ExitCode::ok);
  CHECK(scripts.last_note == "too strict");
  CHECK_THAT(back.out.str(), Catch::Contains("Generation 3 is active"));
  CHECK(ctl::scripts_rollback(back.context, "abcdef1", "") == ExitCode::refused);
  CHECK_THAT(back.err.str(), Catch::Contains("No bundle has this hash."));

  running.host.has_scripts = false;
  CHECK_THROWS_WITH(ctl::scripts_reload(back.context), Catch::Contains("scripts_dir"));
}

TEST_CASE("a candidate goes into shadow and is promoted") {
  RunningServer running;
  FakeScripts& scripts = running.host.script_keeper;
  const ScriptFolder candidate({{{"abuse/velocity.lua", "return 3\n"}}});
  Terminal terminal(running.socket);
  CHECK(ctl::scripts_shadow(terminal.context, candidate.path()) == ExitCode::ok);
  CHECK(scripts.shadow_hash == policy::read_scripts(candidate.path()).hash());
  CHECK_THAT(terminal.out.str(), Catch::Contains("payoutctl scripts promote"));
  CHECK(ctl::scripts_promote(terminal.context, "agreed") == ExitCode::ok);
  CHECK(scripts.bundles.at(scripts.generations.back().hash).files.at("abuse/velocity.lua") == "return 3\n");
  CHECK(ctl::scripts_promote(terminal.context, "") == ExitCode::refused);
  CHECK(ctl::scripts_stop_shadow(terminal.context) == ExitCode::ok);

  const ScriptFolder bad({{{"abuse/velocity.lua", "broken"}}});
  CHECK(ctl::scripts_shadow(terminal.context, bad.path()) == ExitCode::refused);
  CHECK_THAT(terminal.err.str(), Catch::Contains("abuse/velocity.lua:1: is broken"));
  const ScriptFolder empty({});
  for (const std::string& path : {empty.path(), std::string("/nonexistent")}) {
    try {
      ctl::scripts_shadow(terminal.context, path);
      FAIL("there are no scripts");
    } catch (const ctl::CommandFailed& failure) {
      CHECK(failure.code() == ExitCode::usage);
      CHECK_THAT(failure.what(), Catch::StartsWith(path));
    }
  }
}

TEST_CASE("a bundle is shown, one file of it unchanged") {
  RunningServer running;
  const std::string text = "-- a\ttab, and an escape \033[31m\nreturn 9\n";
  running.host.script_keeper.use({{{"abuse/velocity.lua", text}, {"routing.lua", "return 1\n"}}},
                                 "operator:awa");
  const std::string hash = running.host.script_keeper.generations.back().hash;
  Terminal file(running.socket);
  CHECK(ctl::scripts_show(file.context, hash.substr(0, 6), "abuse/velocity.lua") == ExitCode::ok);
  CHECK(file.out.str() == text);
  Terminal all(running.socket);
  CHECK(ctl::scripts_show(all.context, "", "") == ExitCode::ok);
  CHECK_THAT(all.out.str(), Catch::Contains("Bundle " + hash) &&
                                Catch::Contains("==> routing.lua <==\nreturn 1\n") &&
                                Catch::Contains("-- a\ttab, and an escape ?[31m\nreturn 9\n"));
  CHECK_THROWS_WITH(ctl::scripts_show(all.context, "", "abuse/other.lua"), Catch::Contains("has no file"));
  CHECK_THROWS_WITH(ctl::scripts_show(all.context, "abcdef1", ""), Catch::Contains("BUNDLE_NOT_FOUND"));
}

TEST_CASE("bundles and directories are compared file by file") {
  RunningServer running;
  FakeScripts& scripts = running.host.script_keeper;
  const ScriptFolder edited({{{"abuse/velocity.lua", "return 2\n"}, {"routing.lua", "return 1\n"}}});
  scripts.directory = edited.path();
  Terminal usual(running.socket);
  CHECK(ctl::scripts_diff(usual.context, {}) == ExitCode::ok);  // with what the host reads
  CHECK_THAT(usual.out.str(), Catch::StartsWith("From active (") &&
                                  Catch::Contains(") to " + edited.path()) &&
                                  Catch::Contains("--- a/abuse/velocity.lua\n+++ b/abuse/velocity.lua\n"
                                                  "@@ -1 +1 @@\n-return 1\n+return 2\n") &&
                                  Catch::Contains("--- /dev/null\n+++ b/routing.lua\n"));

  const std::string first = scripts.generations.back().hash;
  scripts.use(policy::read_scripts(edited.path()), "operator:awa");
  Terminal back(running.socket);
  back.context.json = true;
  CHECK(ctl::scripts_diff(back.context, {.from = first.substr(0, 8), .to = {}, .directory = {}}) ==
        ExitCode::ok);
  CHECK(back.json().at("from").at("name").as_string() == "active");
  CHECK(back.json().at("to").at("hash").as_string() == first);
  CHECK(back.json().at("files").at(1).at("change").as_string() == "removed");

  Terminal same(running.socket);
  CHECK(ctl::scripts_diff(same.context, {.from = "active", .to = edited.path(), .directory = {}}) ==
        ExitCode::ok);
  CHECK_THAT(same.out.str(), Catch::Contains("are the same bundle"));
  CHECK_THROWS_AS(ctl::scripts_diff(same.context, {.from = {}, .to = {}, .directory = "/nonexistent"}),
                  ctl::CommandFailed);
}

TEST_CASE("flags are listed, annotated and cleared") {
  RunningServer running;
  Terminal none(running.socket);
  CHECK(ctl::flags_list(none.context, {}) == ExitCode::ok);
  CHECK_THAT(none.out.str(), Catch::Contains("--all"));
  running.host.flag_rows = {flag(7, "awa"), flag(8, "kofi")};
  Terminal terminal(running.socket);
  CHECK(ctl::flags_list(terminal.context, {.user = "a b", .rule = "x", .all = false, .limit = 2}) ==
        ExitCode::ok);
  CHECK(running.host.last_flag_filter.user == "a b");
  CHECK_THAT(terminal.out.str(), Catch::Contains("   7  awa   shared_destination        3") &&
                                     Catch::Contains("three users share it?[31m"));
  CHECK(ctl::flags_change(terminal.context, 7, false, "called") == ExitCode::ok);
  CHECK(running.host.flag_rows[0].note == "called");
  CHECK(ctl::flags_change(terminal.context, 7, true, "") == ExitCode::ok);
  CHECK_THAT(terminal.out.str(), Catch::Contains("Flag 7 (awa, shared_destination) is cleared"));
  CHECK_THROWS_WITH(ctl::flags_change(terminal.context, 7, true, ""), Catch::Contains("FLAG_NOT_FOUND"));
  Terminal all(running.socket);
  CHECK(ctl::flags_list(all.context, {.user = {}, .rule = {}, .all = true, .limit = 100}) == ExitCode::ok);
  CHECK_THAT(all.out.str(), Catch::Contains("cleared by operator:") && Catch::Contains("called ("));
}

TEST_CASE("limits are shown with how to lift what they halted") {
  RunningServer running;
  Terminal none(running.socket);
  CHECK(ctl::limits_show(none.context) == ExitCode::ok);
  CHECK_THAT(none.out.str(), Catch::Contains("One payout at most:                not limited") &&
                                 Catch::Contains("Outflow of a provider:             not limited"));
  running.host.configured_limits.per_payout["XOF"] = Amount::parse("2000000").value();
  running.host.configured_limits.outflow[{"momo-ci", "XOF"}].day = Amount::parse("5000000").value();
  running.host.halt_rows = {{"momo-ci", "XOF", "day", "5000000", "5000100", "2026-01-31T08:00:00.000Z"}};
  Terminal terminal(running.socket);
  CHECK(ctl::limits_show(terminal.context) == ExitCode::ok);
  CHECK_THAT(terminal.out.str(), Catch::Contains("2000000 XOF") && Catch::Contains("5000000  halted") &&
                                     Catch::Contains("momo-ci XOF is halted since 2026-01-31 08:00:00 UTC") &&
                                     Catch::Contains("payoutctl limits lift momo-ci XOF --note WHY"));
  CHECK(ctl::limits_lift(terminal.context, "momo-ci", "XOF", "salaries") == ExitCode::ok);
  CHECK(running.host.halt_rows.empty());
  CHECK_THROWS_WITH(ctl::limits_lift(terminal.context, "momo-ci", "XOF", "salaries"),
                    Catch::Contains("HALT_NOT_FOUND"));
  CHECK_THROWS_WITH(ctl::limits_lift(terminal.context, "momo-ci", "XOF", ""),
                    Catch::Contains("NOTE_REQUIRED"));
}

TEST_CASE("decisions are listed, and about one payout with all that was seen") {
  RunningServer running;
  for (int i = 1; i <= 3; ++i) {
    store::DecisionRow row;
    row.id = i;
    row.at = "2026-01-31T08:00:00.000Z";
    row.payout_id = "00000000-0000-4000-8000-00000000000" + std::to_string(i);
    row.kind = "screen";
    row.bundle = std::string(64, 'a');
    row.verdict = i == 2 ? "hold" : "allow";
    row.rule = i == 2 ? "velocity" : "";
    row.reason = i == 2 ? "velocity_count" : "";
    row.inputs =
        R"({"payout":{"amount":"100","currency":"XOF"},"history":{"count/user/24h":31,"count/region/24h":null}})";
    if (i == 2)
      row.results =
          R"([{"rule":"velocity","verdict":"hold","reason":"velocity_count","text":"31 in a day"}])";
    row.cost_ns = 2'345;
    running.host.decision_rows.push_back(row);
  }
  Terminal list(running.socket);
  CHECK(ctl::decisions(
            list.context,
            {.payout = {}, .kind = "screen", .since = "1h", .shadow = false, .all = false, .limit = 2}) ==
        ExitCode::ok);
  CHECK(running.host.last_decision_filter.since_s == 3600);
  CHECK_THAT(list.out.str(),
             Catch::Contains("2026-01-31 08:00:00  screen  hold     velocity  velocity_count  "
                             "aaaaaaaaaaaa  2.3 µs  00000000-0000-4000-8000-000000000002"));
  CHECK_THAT(list.err.str(), Catch::Contains("--all"));
  ctl::DecisionsOptions every;
  every.all = true;
  Terminal machine(running.socket);
  machine.context.json = true;
  CHECK(ctl::decisions(machine.context, every) == ExitCode::ok);
  CHECK(machine.json().at("decisions").as_array().size() == 3);

  ctl::DecisionsOptions one;
  one.payout = "00000000-0000-4000-8000-000000000002";
  Terminal detail(running.socket);
  CHECK(ctl::decisions(detail.context, one) == ExitCode::ok);
  CHECK_THAT(detail.out.str(), Catch::Contains("rule velocity: hold velocity_count, 31 in a day") &&
                                   Catch::Contains("saw       amount=100 currency=XOF") &&
                                   Catch::Contains("history   count/region/24h=nil count/user/24h=31"));
  CHECK_THROWS_WITH(
      ctl::decisions(detail.context,
                     {.payout = "7", .kind = {}, .since = {}, .shadow = false, .all = false, .limit = 1}),
      Catch::Contains("BAD_PARAMETER"));
}

TEST_CASE("a held payout is approved and rejected from the command line") {
  RunningServer running;
  const RawResponse admitted = running.ask(
      request("POST", "/v1/payouts", R"({"amount":"100","currency":"XOF","destination":"22507000001"})",
              {{"Idempotency-Key", "k"}}));
  const std::string id(admitted.json().at("id").as_string());
  Terminal terminal(running.socket);
  CHECK(ctl::change(terminal.context, "approve", id, "known") == ExitCode::ok);
  CHECK(running.host.last_decision.decision == engine::OperatorDecision::approve);
  CHECK(ctl::change(terminal.context, "reject", id, "fraud") == ExitCode::ok);
  CHECK(running.host.last_decision.decision == engine::OperatorDecision::reject);
  CHECK(running.host.last_decision.note == "fraud");
}
