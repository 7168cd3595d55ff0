// payoutctl export: the file is there when it is whole.
#include <catch2/catch.hpp>

#include "ctl/export.hpp"
#include "running_server.hpp"
#include "terminal.hpp"

using namespace payoutd;
using namespace payoutd::test;
namespace json = boost::json;

namespace {

void fill(FakeHost& host, int count) {
  for (int i = 0; i < count; ++i) {
    FakeHost::Entry entry;
    entry.payout.id = core::random_uuid();
    entry.payout.client_id = "default";
    entry.payout.money = parse_money("1", "EUR").value();
    entry.payout.note = "two\nlines, \"quoted\"";
    host.entries[entry.payout.id] = std::move(entry);
  }
}

}  // namespace

TEST_CASE("an export is written, counted and given its name") {
  RunningServer running;
  fill(running.host, 1'300);
  Terminal terminal(running.socket);
  TemporaryFolder folder;
  const std::string file = (folder.path / "all.csv").string();
  terminal.context.json = true;
  CHECK(ctl::export_payouts(terminal.context, {.filter = {}, .format = "csv", .file = file}) ==
        ctl::ExitCode::ok);
  CHECK(terminal.json().at("count").to_number<int>() == 1'300);
  CHECK(std::filesystem::file_size(file) == terminal.json().at("bytes").to_number<std::uintmax_t>());
  CHECK_FALSE(std::filesystem::exists(file + ".part"));
  terminal.context.json = false;
  terminal.out.str("");
  CHECK(ctl::export_payouts(terminal.context, {.filter = {}, .format = "jsonl", .file = {}}) ==
        ctl::ExitCode::ok);
  CHECK_THAT(terminal.out.str(), Catch::EndsWith("{\"end\":true,\"count\":1300}\n"));
  ctl::ListOptions none;
  none.batch = "none";
  CHECK(ctl::export_payouts(terminal.context, {.filter = none, .format = "csv", .file = file}) ==
        ctl::ExitCode::ok);
}

TEST_CASE("an export that was cut leaves no file") {
  RunningServer running;
  fill(running.host, 1'300);
  running.host.pages_until_failure = 1;
  Terminal terminal(running.socket);
  TemporaryFolder folder;
  const std::string file = (folder.path / "all.csv").string();
  try {
    ctl::export_payouts(terminal.context, {.filter = {}, .format = "csv", .file = file});
    FAIL("it was taken for whole");
  } catch (const ctl::CommandFailed& failure) {
    CHECK(failure.code() == ctl::ExitCode::unreachable);
  }
  CHECK(std::filesystem::is_empty(folder.path));
  running.host.pages_until_failure = 0;
  CHECK_THROWS_AS(ctl::export_payouts(terminal.context, {.filter = {}, .format = "csv", .file = file}),
                  ctl::CommandFailed);
  running.host.pages_until_failure = -1;
  terminal.context.json = true;
  CHECK_THROWS_AS(ctl::export_payouts(terminal.context, {}), ctl::CommandFailed);
  terminal.context.json = false;
  CHECK_THROWS_AS(
      ctl::export_payouts(terminal.context, {.filter = {}, .format = "csv", .file = "/nowhere/at/all.csv"}),
      ctl::CommandFailed);
}
