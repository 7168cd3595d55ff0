#include "ctl/pay.hpp"

#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>

#include "ctl/commands.hpp"
#include "terminal.hpp"

using namespace payoutd;
using namespace payoutd::test;
using ctl::ExitCode;

namespace {

struct File {
  File(const RunningServer& running, const std::string& text)
      : path((running.folder.path / "payouts.csv").string()) {
    std::ofstream(path) << text;
  }
  ctl::PayOptions options(const std::string& batch = "may") const {
    ctl::PayOptions all;
    all.file = path;
    all.format.batch = batch;
    all.timeout = std::chrono::seconds(20);
    return all;
  }
  std::string path;
};

std::string rows(int count) {
  std::string text = "amount,currency,destination\n";
  for (int i = 1; i <= count; ++i)
    text += std::to_string(i) + ",XOF,2250700" + std::to_string(1000 + i) + "\n";
  return text;
}

void finish(store::Payout& payout, core::State state, const std::string& reason) {
  payout.state = state;
  payout.reason = reason;
  payout.reason_text = reason.empty() ? "" : "The payee is not known.";
  payout.finished_at = "2026-01-31T08:00:01.500Z";
}

}  // namespace

TEST_CASE("a file is paid, and paying it again pays nothing twice") {
  RunningServer running;
  running.host.outcome = [](store::Payout& payout) {
    const bool fails = payout.money.amount.units() % (10 * Amount::kUnitsPerOne) == 0;
    finish(payout, fails ? core::State::failed : core::State::confirmed, fails ? "PAYEE_NOT_FOUND" : "");
  };
  const File file(running, rows(1200));
  ctl::PayOptions options = file.options();
  options.out_file = (running.folder.path / "outcome.csv").string();
  Terminal first(running.socket);
  CHECK(ctl::pay(first.context, options) == ExitCode::negative);
  CHECK(running.host.entries.size() == 1200);
  CHECK_THAT(first.out.str(), Catch::Contains("1200 payouts, 1200 new"));
  CHECK_THAT(first.out.str(), Catch::Contains("CONFIRMED   1080"));
  CHECK_THAT(first.out.str(), Catch::Contains("PAYEE_NOT_FOUND  FAILED    120   1.5 s"));

  Terminal again(running.socket);
  again.context.json = true;
  ctl::pay(again.context, options);
  CHECK(running.host.entries.size() == 1200);
  const auto answer = boost::json::parse(again.out.str());
  CHECK(answer.at("created").as_int64() == 0);
  CHECK(answer.at("replayed").as_int64() == 1200);
  CHECK(answer.at("states").at("CONFIRMED").at("count").as_int64() == 1080);

  std::ifstream written(options.out_file);
  std::string line;
  std::getline(written, line);
  CHECK(line == "line,key,id,state,reason,reason_text,error");
  std::getline(written, line);
  CHECK_THAT(line, Catch::StartsWith("2,may:1,"));
  CHECK_THAT(line, Catch::Contains(",CONFIRMED,"));
}

TEST_CASE("payouts without a common batch are followed one by one") {
  RunningServer running;
  running.host.outcome = [](store::Payout& payout) { finish(payout, core::State::confirmed, ""); };
  const File file(running, "key,amount,currency,destination\na,1,XOF,1\nb,2,XOF,2\n");
  Terminal terminal(running.socket);
  CHECK(ctl::pay(terminal.context, file.options("")) == ExitCode::ok);
  CHECK_THAT(terminal.out.str(), Catch::Contains("CONFIRMED      2  3 XOF"));
}

TEST_CASE("a changed row is a conflict with its line") {
  RunningServer running;
  running.host.outcome = [](store::Payout& payout) { finish(payout, core::State::confirmed, ""); };
  Terminal first(running.socket);
  CHECK(ctl::pay(first.context, File(running, rows(3)).options()) == ExitCode::ok);
  std::string changed = rows(3);
  changed.replace(changed.find("2,XOF"), 1, "9");
  Terminal again(running.socket);
  CHECK(ctl::pay(again.context, File(running, changed).options()) == ExitCode::negative);
  CHECK_THAT(again.out.str(), Catch::Contains("payouts.csv:3: ") && Catch::Contains("IDEMPOTENCY_CONFLICT"));
  CHECK(running.host.entries.size() == 3);
}

TEST_CASE("nothing is sent while the file has problems, unless it may be skipped") {
  RunningServer running;
  running.host.outcome = [](store::Payout& payout) { finish(payout, core::State::confirmed, ""); };
  const File file(running, rows(2) + "0,XOF,1\n");
  Terminal terminal(running.socket);
  CHECK_THROWS_AS(ctl::pay(terminal.context, file.options()), ctl::CommandFailed);
  CHECK_THAT(terminal.err.str(), Catch::Contains("payouts.csv:4: amount: "));
  CHECK(running.host.admissions == 0);
  ctl::PayOptions options = file.options();
  options.skip_bad = true;
  CHECK(ctl::pay(terminal.context, options) == ExitCode::negative);
  CHECK(running.host.entries.size() == 2);
}

TEST_CASE("waiting ends when only humans can go on") {
  RunningServer running;
  running.host.outcome = [](store::Payout& payout) { payout.state = core::State::review; };
  Terminal terminal(running.socket);
  CHECK(ctl::pay(terminal.context, File(running, rows(2)).options()) == ExitCode::negative);
  CHECK_THAT(terminal.err.str(), Catch::Contains("2 wait for a human"));
}

TEST_CASE("waiting ends with the time limit and says how to go on") {
  RunningServer running;
  ctl::PayOptions options = File(running, rows(2)).options();
  options.timeout = std::chrono::seconds(1);
  Terminal terminal(running.socket);
  CHECK(ctl::pay(terminal.context, options) == ExitCode::negative);
  CHECK_THAT(terminal.err.str(),
             Catch::Contains("Stopped waiting; 2 are not final") && Catch::Contains("--batch may"));
}

TEST_CASE("without waiting, taken is good enough") {
  RunningServer running;
  ctl::PayOptions options = File(running, rows(2)).options();
  options.wait = false;
  Terminal terminal(running.socket);
  CHECK(ctl::pay(terminal.context, options) == ExitCode::ok);
}

TEST_CASE("an interruption is orderly") {
  RunningServer running;
  ctl::PayOptions options = File(running, rows(2)).options();
  Terminal terminal(running.socket);
  std::thread later([&] {
    running.await_admissions(2);
    ctl::interrupted() = true;
  });
  CHECK(ctl::pay(terminal.context, options) == ExitCode::interrupted);
  later.join();
  CHECK_THAT(terminal.err.str(), Catch::Contains("Nothing is lost") && Catch::Contains("payoutctl pay"));
}

TEST_CASE("the host may restart while a file is being paid") {
  TemporaryFolder folder;
  http::ServerOptions server;
  server.control_socket = folder.path / "control.sock";
  std::optional<RunningServer> running(std::in_place, server);
  running->host.switches_now.stop_writes = true;  // every row is answered 503 until the host comes back
  std::ofstream(folder.path / "f.csv") << rows(600);
  ctl::PayOptions options;
  options.file = (folder.path / "f.csv").string();
  options.format.batch = "may";
  options.timeout = std::chrono::seconds(8);  // generous: all of it takes about one second
  Terminal terminal(server.control_socket.string());
  ExitCode code = ExitCode::failed;
  std::thread paying([&] { code = ctl::pay(terminal.context, options); });
  while (running->host.counted_requests("POST /v1/payouts/bulk 503") == 0) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  running.reset();
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  running.emplace(server);
  paying.join();
  CHECK(code == ExitCode::negative);  // the fake host leaves them PENDING until the time limit
  CHECK(running->host.entries.size() == 600);
}

TEST_CASE("no host is told at once, and how to find it") {
  Terminal terminal("/nonexistent/control.sock");
  CHECK_THROWS_WITH(ctl::providers(terminal.context),
                    Catch::Contains("does not exist") && Catch::Contains("--socket"));
}

TEST_CASE("commands print what the host says, and refuse with its words") {
  RunningServer running;
  Terminal terminal(running.socket);
  CHECK(ctl::providers(terminal.context) == ExitCode::ok);
  CHECK_THAT(terminal.out.str(), Catch::Contains("momo-ci"));
  CHECK(ctl::set_switch(terminal.context, "dry_run", true, "test") == ExitCode::ok);
  CHECK(running.host.last_switch.note == "test");
  CHECK(ctl::provider_action(terminal.context, "momo-ci", "probe", "") == ExitCode::ok);
  running.host.probe_fails = true;
  CHECK(ctl::provider_action(terminal.context, "momo-ci", "probe", "") == ExitCode::negative);
  CHECK(ctl::switches(terminal.context) == ExitCode::ok);
  CHECK(ctl::hosts(terminal.context) == ExitCode::ok);
  CHECK(ctl::tally(terminal.context, "", "") == ExitCode::ok);
  CHECK(ctl::version(terminal.context) == ExitCode::ok);
  try {
    ctl::show(terminal.context, "00000000-0000-4000-8000-000000000000");
    FAIL("there is no such payout");
  } catch (const ctl::CommandFailed& refused) {
    CHECK(refused.code() == ExitCode::refused);
    CHECK_THAT(refused.what(), Catch::Contains("PAYOUT_NOT_FOUND"));
  }
}
