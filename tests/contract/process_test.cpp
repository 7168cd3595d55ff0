// The bond between host and provider process: deaths, stops and left-overs on either side.
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <boost/asio/executor_work_guard.hpp>
#include <fstream>
#include <thread>

#include "host_fixture.hpp"
#include "providers/process_identity.hpp"
#include "providers/send_log.hpp"
#include "scripted_server.hpp"

using namespace contract_tests;
using payoutd::Submission;
using providers::ProcessIdentity;
using providers::ProviderState;

namespace {

/// A PSP that notices a request and answers it only when told to.
struct SlowPsp {
  std::atomic<int> requests{0};
  std::atomic<bool> answer_now{false};
  ScriptedServer server{[this](Connection& connection) {
    if (!connection.read_request()) return;
    ++requests;
    while (!answer_now) std::this_thread::sleep_for(1ms);
    connection.send(http_answer(202, "psp-1"));
  }};
  ~SlowPsp() { answer_now = true; }
};

bool is_alive(pid_t pid) {
  const auto found = ProcessIdentity::of(pid);
  std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  std::getline(in, line);
  return found && line.find(") Z ") == std::string::npos;
}

bool dies(pid_t pid, std::chrono::milliseconds limit = 5s) {
  const auto until = std::chrono::steady_clock::now() + limit;
  while (is_alive(pid)) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(5ms);
  }
  return true;
}

/// Runs a host with one provider in a child process; `ready` gets the provider's pid. The child hosts until
/// killed.
pid_t fork_host(const std::filesystem::path& state, const std::string& url, std::filesystem::path pid_file,
                bool submit) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  boost::asio::io_context io(1);
  providers::SupervisorOptions options;
  options.provider_executable = PROVIDER_EXECUTABLE;
  options.state_directory = state;
  auto supervisor = providers::Supervisor::make(io.get_executor(), options);
  supervisor->start({Host::config("good", url)});
  run(io, supervisor->settled(10s));
  {
    std::ofstream out(pid_file.string() + ".new");
    out << supervisor->status()[0].pid << std::endl;
  }
  auto& good = *supervisor->find("good");
  good.announce("attempt-held");
  if (submit) {
    good.announce("attempt-sent");
    boost::asio::co_spawn(io, good.submit(Host::order(), {}, "attempt-sent", providers::BootTime::now() + 5s),
                          [](std::exception_ptr, providers::SubmitReply) {});
  }
  std::filesystem::rename(pid_file.string() + ".new", pid_file);
  const auto work = boost::asio::make_work_guard(io);
  io.restart();
  io.run();
  ::_exit(0);
}

pid_t read_pid(const std::filesystem::path& file) {
  const auto until = std::chrono::steady_clock::now() + 10s;
  while (std::chrono::steady_clock::now() < until) {
    std::ifstream in(file);
    pid_t pid = 0;
    if (in >> pid) return pid;
    std::this_thread::sleep_for(5ms);
  }
  return 0;
}

}  // namespace

TEST_CASE("kill -9 of the process makes its sent submits unknown and it comes back", "[process]") {
  SlowPsp psp;
  Host host;
  host.start({Host::config("good", psp.server.url())});
  auto& good = host["good"];
  REQUIRE(good.announce("attempt-1"));
  std::optional<providers::SubmitReply> reply;
  boost::asio::co_spawn(host.io, good.submit(Host::order(), {}, "attempt-1", providers::BootTime::now() + 5s),
                        [&](std::exception_ptr, providers::SubmitReply r) { reply = r; });
  REQUIRE(run_until(host.io, [&] { return psp.requests == 1; }));
  const pid_t pid = host.status("good").pid;
  ::kill(pid, SIGKILL);
  REQUIRE(run_until(host.io, [&] { return reply.has_value(); }));
  CHECK(reply->submission.kind == Submission::Kind::unknown);
  CHECK(reply->evidence.bytes_left);
  good.retire("attempt-1");
  REQUIRE(host.wait_for_state("good", ProviderState::ready));
  CHECK(host.status("good").pid != pid);
  CHECK(host.serves("good"));
}

TEST_CASE("a stopped process is killed after the limit; what it had not marked was not sent", "[process]") {
  std::atomic<int> requests{0};
  ScriptedServer psp(answering([](const std::string&) { return http_answer(202); }, &requests));
  Host host;
  host.options.heartbeat_limit = 1'000ms;
  host.start({Host::config("good", psp.url()), Host::config("harmless", psp.url())});
  auto& good = host["good"];
  ::kill(host.status("good").pid, SIGSTOP);
  REQUIRE(good.announce("attempt-1"));
  std::optional<providers::SubmitReply> reply;
  boost::asio::co_spawn(host.io, good.submit(Host::order(), {}, "attempt-1", providers::BootTime::now() + 5s),
                        [&](std::exception_ptr, providers::SubmitReply r) { reply = r; });
  CHECK(host.submit("harmless").submission.kind == Submission::Kind::accepted);
  REQUIRE(run_until(host.io, [&] { return reply.has_value(); }));
  CHECK(reply->submission.kind == Submission::Kind::not_accepted);
  CHECK(reply->submission.code == "not_sent");
  CHECK(requests == 1);
  REQUIRE(host.wait_for_state("good", ProviderState::ready));
}

TEST_CASE("a process that is continued after its submit was given up sends nothing", "[process]") {
  std::atomic<int> requests{0};
  ScriptedServer psp(answering([](const std::string&) { return http_answer(202); }, &requests));
  Host host;
  host.options.heartbeat_limit = 60s;
  host.start({Host::config("good", psp.url(), {{"response_timeout", "1ms"}})});
  const pid_t pid = host.status("good").pid;
  ::kill(pid, SIGSTOP);
  const auto reply = host.submit("good", "attempt-1", 100ms);
  CHECK(reply.submission.code == "not_sent");
  ::kill(pid, SIGCONT);
  CHECK(host.serves("good"));
  CHECK(requests == 0);
}

TEST_CASE("a process whose host is gone ends, even if it was stopped", "[process]") {
  TemporaryDirectory state;
  for (const bool stopped : {false, true}) {
    const auto pid_file = state.path() / ("pid" + std::to_string(stopped));
    const pid_t host = fork_host(state.path(), "http://127.0.0.1:1", pid_file, false);
    const pid_t provider = read_pid(pid_file);
    REQUIRE(provider > 0);
    CHECK(is_alive(provider));
    if (stopped) ::kill(provider, SIGSTOP);
    ::kill(host, SIGKILL);
    ::waitpid(host, nullptr, 0);
    CHECK(dies(provider));
  }
}

TEST_CASE("the end of the channel ends the process", "[process]") {
  int pair[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
  TemporaryDirectory state;
  static_cast<void>(providers::SendLog::try_take_over(state.path() / "log"));
  const std::string self = std::to_string(::getpid());
  const std::string plugin = std::string(CONTRACT_PLUGINS) + "/good.so";
  const std::string log = (state.path() / "log").string();
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(pair[1], 3);
    ::execl(PROVIDER_EXECUTABLE, "payoutd-provider", "--host-pid", self.c_str(), "--provider", "x",
            "--plugin", plugin.c_str(), "--send-log", log.c_str(), nullptr);
    ::_exit(99);
  }
  ::close(pair[1]);
  char byte = 0;
  REQUIRE(::read(pair[0], &byte, 1) == 1);  // it has said something: it is running
  ::close(pair[0]);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 66);
}

TEST_CASE("a process that was not started by the host it is told ends at once", "[process]") {
  const pid_t child = ::fork();
  if (child == 0) {
    ::execl(PROVIDER_EXECUTABLE, "payoutd-provider", "--host-pid", "1", "--plugin", "x", "--send-log", "y",
            nullptr);
    ::_exit(99);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WEXITSTATUS(status) == 66);
}

TEST_CASE("a successor host learns from the send log what was sent", "[process]") {
  auto state = std::make_shared<TemporaryDirectory>();
  SlowPsp psp;
  const auto pid_file = state->path() / "pid";
  const pid_t old_host = fork_host(state->path(), psp.server.url(), pid_file, true);
  const pid_t old_provider = read_pid(pid_file);
  REQUIRE(old_provider > 0);
  const auto until = std::chrono::steady_clock::now() + 10s;
  while (psp.requests == 0 && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(1ms);
  REQUIRE(psp.requests == 1);
  ::kill(old_provider, SIGSTOP);
  ::kill(old_host, SIGKILL);
  ::waitpid(old_host, nullptr, 0);

  Host host(state);
  host.start({Host::config("good", psp.server.url())});
  REQUIRE(host["good"].state() == ProviderState::ready);
  CHECK_FALSE(is_alive(old_provider));
  const auto& inherited = host["good"].inherited_send_log();
  REQUIRE(inherited);
  std::map<std::string, bool> marked;
  for (const auto& entry : *inherited) marked[entry.attempt_id] = entry.marked;
  CHECK(marked == std::map<std::string, bool>{{"attempt-held", false}, {"attempt-sent", true}});

  host["good"].retire("attempt-held");
  host.stop();
  Host third(state);  // what was retired is gone, what was not is still known
  third.start({Host::config("good", psp.server.url())});
  REQUIRE(third["good"].inherited_send_log());
  REQUIRE(third["good"].inherited_send_log()->size() == 1);
  CHECK(third["good"].inherited_send_log()->front().attempt_id == "attempt-sent");
}

TEST_CASE("two hosts cannot share a state directory", "[process]") {
  auto state = std::make_shared<TemporaryDirectory>();
  Host first(state);
  first.start({Host::config("good")});
  Host second(state);
  CHECK_THROWS_WITH(second.start({Host::config("good")}), Catch::Contains("in use by another host"));
  second.supervisor.reset();
  CHECK(first.serves("good"));
}

TEST_CASE("SIGTERM to the whole group does not cut off a submit under way", "[process]") {
  SlowPsp psp;
  Host host;
  host.start({Host::config("good", psp.server.url())});
  auto& good = host["good"];
  REQUIRE(good.announce("attempt-1"));
  std::optional<providers::SubmitReply> reply;
  boost::asio::co_spawn(host.io, good.submit(Host::order(), {}, "attempt-1", providers::BootTime::now() + 5s),
                        [&](std::exception_ptr, providers::SubmitReply r) { reply = r; });
  REQUIRE(run_until(host.io, [&] { return psp.requests == 1; }));
  ::kill(host.status("good").pid, SIGTERM);
  psp.answer_now = true;
  REQUIRE(run_until(host.io, [&] { return reply.has_value(); }));
  CHECK(reply->submission.kind == Submission::Kind::accepted);
  good.retire("attempt-1");
}

TEST_CASE("stopping drains: the submit under way is awaited, no new one is taken", "[process]") {
  SlowPsp psp;
  Host host;
  host.start({Host::config("good", psp.server.url())});
  auto& good = host["good"];
  REQUIRE(good.announce("attempt-1"));
  std::optional<providers::SubmitReply> reply;
  boost::asio::co_spawn(host.io, good.submit(Host::order(), {}, "attempt-1", providers::BootTime::now() + 5s),
                        [&](std::exception_ptr, providers::SubmitReply r) { reply = r; });
  REQUIRE(run_until(host.io, [&] { return psp.requests == 1; }));
  bool stopped = false;
  boost::asio::co_spawn(host.io, host.supervisor->stop(), [&](std::exception_ptr) { stopped = true; });
  REQUIRE(host.wait_for_state("good", ProviderState::draining));
  CHECK_FALSE(good.announce("attempt-2"));
  CHECK_FALSE(stopped);
  psp.answer_now = true;
  REQUIRE(run_until(host.io, [&] { return stopped; }));
  REQUIRE(reply);
  CHECK(reply->submission.kind == Submission::Kind::accepted);
  CHECK(good.state() == ProviderState::stopped);
}

TEST_CASE("the process is handed no database and no stray descriptor", "[process]") {
  ::setenv("DATABASE_URL", "postgresql://user:planted-secret@db/payoutd", 1);
  const int stray = ::fcntl(0, F_DUPFD, 200);  // without O_CLOEXEC
  Host host;
  host.start({Host::config("good")});
  const std::string proc = "/proc/" + std::to_string(host.status("good").pid);
  std::ifstream environment(proc + "/environ");
  const std::string text((std::istreambuf_iterator<char>(environment)), {});
  CHECK(text.find("planted-secret") == std::string::npos);
  CHECK_FALSE(std::filesystem::exists(proc + "/fd/" + std::to_string(stray)));
  ::close(stray);
  ::unsetenv("DATABASE_URL");
}
