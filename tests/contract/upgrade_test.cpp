// Another version of a plugin beside the one that runs: taken over without a pause, or refused without a
// trace.
#include <signal.h>

#include <fstream>
#include <set>

#include "host_fixture.hpp"
#include "scripted_server.hpp"

using namespace contract_tests;
using payoutd::Problem;
using payoutd::Submission;
using providers::ProviderState;

namespace {

/// Holds the answers to payments back until told; answers everything else at once.
struct Psp {
  ~Psp() {
    answer_now = true;
    held_probe = 0;
  }
  std::atomic<int> payments{0};
  std::atomic<bool> answer_now{false};
  std::atomic<bool> knows_us{true};
  std::atomic<int> probes{0};
  std::atomic<int> held_probe{0};  ///< the one of this number is not answered
  ScriptedServer server{answering([this](const std::string& request) {
    if (request.starts_with("POST /pay")) {
      ++payments;
      while (!answer_now) std::this_thread::sleep_for(1ms);
      return http_answer(202, "psp-1");
    }
    if (request.starts_with("GET /probe")) {
      const int number = ++probes;
      while (held_probe == number) std::this_thread::sleep_for(1ms);
      if (!knows_us) return http_answer(403);
    }
    return http_answer(200);
  })};
};

providers::ProviderConfig version(const std::string& file, const Psp& psp) {
  auto config = Host::config(file, psp.server.url());
  config.name = "good";
  return config;
}

std::vector<Problem> upgrade(Host& host, const std::string& file, const Psp& psp) {
  std::vector<providers::ProviderConfig> configs;
  configs.push_back(version(file, psp));
  return run(host.io, host.supervisor->upgrade(std::move(configs)), 30s);
}

/// A submit that goes on while the test does something else.
struct Submit {
  Submit(Host& host, const std::string& attempt) {
    auto& good = host["good"];
    if (!good.announce(attempt)) throw std::runtime_error("not announced");
    boost::asio::co_spawn(host.io, good.submit(Host::order(), {}, attempt, providers::BootTime::now() + 5s),
                          [this](std::exception_ptr, providers::SubmitReply r) { reply = std::move(r); });
  }
  std::optional<providers::SubmitReply> reply;
};

/// Provider processes of this test other than those.
std::vector<pid_t> processes_beside(const std::set<pid_t>& known) {
  std::vector<pid_t> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const pid_t pid = std::atoi(entry.path().filename().c_str());
    if (pid == 0 || known.contains(pid)) continue;
    std::ifstream in(entry.path() / "stat");
    const std::string stat{std::istreambuf_iterator<char>(in), {}};
    const auto name_end = stat.rfind(") ");
    if (name_end == std::string::npos) continue;
    if (std::atoi(stat.c_str() + name_end + 4) == ::getpid() && stat[name_end + 2] != 'Z')
      found.push_back(pid);
  }
  return found;
}

}  // namespace

TEST_CASE("an upgrade takes new work at once while the old version finishes what it has", "[upgrade]") {
  Psp psp;
  std::vector<ProviderState> states;
  Host host;
  host.options.on_state = [&](const std::string&, ProviderState state) { states.push_back(state); };
  host.start({version("good", psp)});
  const pid_t old_process = host.status("good").pid;
  states.clear();
  Submit old_work(host, "attempt-1");
  REQUIRE(run_until(host.io, [&] { return psp.payments == 1; }));

  CHECK(upgrade(host, "good_2", psp).empty());
  CHECK(host["good"].plugin_version() == "2.0.0");
  CHECK(host.status("good").pid != old_process);
  CHECK(host["good"].state() == ProviderState::ready);
  CHECK(std::set<ProviderState>(states.begin(), states.end()) ==
        std::set<ProviderState>{ProviderState::ready});
  CHECK_FALSE(old_work.reply);

  Submit new_work(host, "attempt-2");
  REQUIRE(run_until(host.io, [&] { return psp.payments == 2; }));
  CHECK(::kill(old_process, 0) == 0);  // it waits for its answer
  psp.answer_now = true;
  REQUIRE(run_until(host.io, [&] { return old_work.reply && new_work.reply; }));
  CHECK(old_work.reply->submission.kind == Submission::Kind::accepted);
  CHECK(new_work.reply->submission.kind == Submission::Kind::accepted);
  host["good"].retire("attempt-1");
  host["good"].retire("attempt-2");
  REQUIRE(run_until(host.io, [&] { return host.has_logged("provider.former_version_ended"); }));
  CHECK(::kill(old_process, 0) != 0);
  CHECK_FALSE(host.has_logged("provider.crashed"));
  CHECK(psp.payments == 2);

  CHECK(upgrade(host, "good", psp).empty());  // and back
  CHECK(host["good"].plugin_version() == "1.0.0");
  CHECK(host.query("good").kind == payoutd::Status::Kind::confirmed);
}

TEST_CASE("a version that is not fit is refused with its reason, and nothing changes", "[upgrade]") {
  struct Row {
    std::string file;
    std::string field;
    std::string reason;
  };
  const std::vector<Row> rows{
      {"no_such_file", "good", "no_such_file.so"},
      {"wrong_abi_tag", "good", "ABI"},
      {"crashes_at_start", "good", "signal"},
      {"throwing_constructor", "good", "constructor"},
      {"harmless", "good.plugin", "is harmless, but good is running"},
      {"good_other_scope", "good.account_scope", "would not be found"},
      {"good_other_reference", "good.reference", "would lose the references"},
      {"good_forgetful", "good.readable_formats", "artefacts of format 1 are under way"},
  };
  Psp psp;
  psp.answer_now = true;
  Host host;
  host.start({version("good", psp)});
  const pid_t process = host.status("good").pid;
  for (const Row& row : rows) {
    INFO(row.file);
    const auto problems = upgrade(host, row.file, psp);
    REQUIRE(problems.size() == 1);
    CHECK(problems[0].field == row.field);
    CHECK_THAT(problems[0].reason, Catch::Contains(row.reason));
    CHECK(host.status("good").pid == process);
    CHECK(host["good"].plugin_version() == "1.0.0");
    CHECK(host["good"].state() == ProviderState::ready);
  }
  psp.knows_us = false;
  const auto problems = upgrade(host, "good_2", psp);
  REQUIRE(problems.size() == 1);
  CHECK(problems[0].field == "good.probe");
  CHECK_THAT(problems[0].reason, Catch::Contains("does not know us"));
  CHECK(host.submit("good").submission.kind == Submission::Kind::accepted);
  CHECK(host.status("good").restarts == 0);
  psp.knows_us = true;
  CHECK(upgrade(host, "good_2", psp).empty());  // all of them left no trace
}

TEST_CASE("of several providers all take the new version or none", "[upgrade]") {
  Psp psp;
  Host host;
  auto second = version("good", psp);
  second.name = "second";
  host.start({version("good", psp), second});
  std::vector<providers::ProviderConfig> configs{version("good_2", psp), version("good_2", psp)};
  configs[1].name = "second";
  configs[1].settings["concurrency"] = "none";
  const auto problems = run(host.io, host.supervisor->upgrade(configs), 30s);
  REQUIRE(problems.size() == 1);
  CHECK(problems[0].field == "second.concurrency");
  CHECK(host["good"].plugin_version() == "1.0.0");
  CHECK(host["second"].plugin_version() == "1.0.0");
  configs[1].settings["concurrency"] = 4;
  CHECK(run(host.io, host.supervisor->upgrade(configs), 30s).empty());
  CHECK(host["good"].plugin_version() == "2.0.0");
  CHECK(host["second"].contract().concurrency == 4);
}

TEST_CASE("a version that dies while it waits for others is not put in service", "[upgrade]") {
  Psp psp;
  Psp other;
  Host host;
  auto second = version("good", other);
  second.name = "second";
  host.start({version("good", psp), second});
  std::vector<providers::ProviderConfig> configs{version("good_2", psp), version("good_2", other)};
  configs[1].name = "second";
  other.held_probe = other.probes + 1;
  std::optional<std::vector<Problem>> problems;
  boost::asio::co_spawn(host.io, host.supervisor->upgrade(configs),
                        [&](std::exception_ptr, std::vector<Problem> found) { problems = std::move(found); });
  const bool is_held = run_until(host.io, [&] { return other.probes == other.held_probe; });
  const auto trials = processes_beside({host.status("good").pid, host.status("second").pid});
  if (trials.size() == 2) {
    const pid_t first = std::min(trials[0], trials[1]);
    ::kill(first, SIGKILL);
    CHECK(run_until(host.io, [&] { return ::kill(first, 0) != 0; }));
    run_until(host.io, [] { return false; }, 100ms);
  }
  other.held_probe = 0;
  CHECK(is_held);
  CHECK(trials.size() == 2);
  REQUIRE(run_until(host.io, [&] { return problems.has_value(); }));
  REQUIRE(problems->size() == 1);
  CHECK(problems->at(0).field == "good");
  CHECK_THAT(problems->at(0).reason, Catch::Contains("signal 9"));
  for (const char* name : {"good", "second"}) {
    CHECK(host[name].plugin_version() == "1.0.0");
    CHECK(host[name].state() == ProviderState::ready);
  }
}

TEST_CASE("the version before has as long as an answer may take, unless the host stops", "[upgrade]") {
  Psp psp;
  Host host;
  host.options.drain_limit = 100ms;
  host.start({version("good", psp)});
  Submit old_work(host, "attempt-1");
  REQUIRE(run_until(host.io, [&] { return psp.payments == 1; }));
  CHECK(upgrade(host, "good_2", psp).empty());
  run_until(host.io, [] { return false; }, 500ms);
  CHECK_FALSE(old_work.reply);
  SECTION("it is answered") {
    psp.answer_now = true;
    REQUIRE(run_until(host.io, [&] { return old_work.reply.has_value(); }));
    CHECK(old_work.reply->submission.kind == Submission::Kind::accepted);
    host["good"].retire("attempt-1");
    CHECK(run_until(host.io, [&] { return host.has_logged("provider.former_version_ended", "finished"); }));
  }
  SECTION("the host stops") {
    host.stop();
    CHECK(host.has_logged("provider.former_version_ended", "were in flight"));
    psp.answer_now = true;
  }
}

TEST_CASE("a second upgrade waits for the end of the first", "[upgrade]") {
  Psp psp;
  Host host;
  host.start({version("good", psp)});
  Submit old_work(host, "attempt-1");
  REQUIRE(run_until(host.io, [&] { return psp.payments == 1; }));
  CHECK(upgrade(host, "good_2", psp).empty());
  const auto problems = upgrade(host, "good", psp);
  REQUIRE(problems.size() == 1);
  CHECK_THAT(problems[0].reason, Catch::Contains("still under way"));
  psp.answer_now = true;
  REQUIRE(run_until(host.io, [&] { return old_work.reply.has_value(); }));
  host["good"].retire("attempt-1");
  REQUIRE(run_until(host.io, [&] { return host.has_logged("provider.former_version_ended"); }));
  CHECK(upgrade(host, "good", psp).empty());
}

TEST_CASE("a version in quarantine is replaced by one that works", "[upgrade]") {
  Psp psp;
  Host host;
  host.options.crashes_until_quarantine = 2;
  host.options.first_restart_delay = 10ms;
  host.start({version("good_crashing", psp)});
  REQUIRE(host.wait_for_state("good", ProviderState::quarantined));
  CHECK(upgrade(host, "good_2", psp).empty());
  CHECK(host["good"].state() == ProviderState::ready);
  CHECK(host["good"].plugin_version() == "2.0.0");
}

TEST_CASE("after an upgrade a successor host learns from the send logs of both versions", "[upgrade]") {
  auto state = std::make_shared<TemporaryDirectory>();
  Psp psp;
  {
    Host host(state);
    host.options.drain_limit = 200ms;
    host.start({version("good", psp)});
    REQUIRE(host["good"].announce("attempt-old"));
    CHECK(upgrade(host, "good_2", psp).empty());
    REQUIRE(host["good"].announce("attempt-new"));
    host.stop();
  }
  Host next(state);
  next.start({version("good_2", psp)});
  const auto& inherited = next["good"].inherited_send_log();
  REQUIRE(inherited);
  std::map<std::string, bool> marked;
  for (const auto& entry : *inherited) marked[entry.attempt_id] = entry.marked;
  CHECK(marked == std::map<std::string, bool>{{"attempt-old", false}, {"attempt-new", false}});
  next["good"].retire("attempt-old");
  next["good"].retire("attempt-new");
  next.stop();
  Host third(state);
  third.start({version("good_2", psp)});
  REQUIRE(third["good"].inherited_send_log());
  CHECK(third["good"].inherited_send_log()->empty());
}
