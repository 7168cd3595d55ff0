// The send log: what it proves, to whom, and when it proves nothing.
#include "providers/send_log.hpp"

#include <signal.h>
#include <sys/wait.h>

#include <fstream>
#include <thread>

#include "host_fixture.hpp"
#include "providers/process_identity.hpp"

using namespace contract_tests;
using namespace payoutd::providers;

namespace {

std::unique_ptr<SendLog> take_over(const std::filesystem::path& path) {
  const auto until = std::chrono::steady_clock::now() + 5s;
  while (std::chrono::steady_clock::now() < until) {
    if (auto log = SendLog::try_take_over(path)) return log;
    std::this_thread::sleep_for(2ms);
  }
  throw std::runtime_error("the send log cannot be taken over");
}

void overwrite(const std::filesystem::path& path, std::streamoff at, const std::string& bytes) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(at);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

constexpr std::streamoff kBootIdAt = 16;
constexpr std::streamoff kOwnerAt = 64;

}  // namespace

TEST_CASE("an attempt is marked or revoked, never both", "[send_log]") {
  TemporaryDirectory directory;
  const auto log = take_over(directory.path() / "log");
  CHECK_FALSE(log->inherited());
  const auto marker = SendLogMarker::attach(directory.path() / "log");

  const auto sent = log->announce("sent");
  const auto held = log->announce("held");
  REQUIRE(sent);
  REQUIRE(held);
  CHECK(marker->is_announced(*sent, "sent"));
  CHECK_FALSE(marker->is_announced(*sent, "held"));
  CHECK_FALSE(marker->is_announced({sent->slot, sent->sequence + 1}, "sent"));
  CHECK_FALSE(marker->is_announced({SendLogFile::kSlots, 1}, "sent"));

  CHECK(marker->mark(*sent));
  CHECK_FALSE(marker->mark(*sent));
  CHECK(log->may_have_sent(*sent));
  CHECK_FALSE(log->revoke(*sent));

  CHECK_FALSE(log->may_have_sent(*held));
  CHECK(log->revoke(*held));
  CHECK(log->revoke(*held));
  CHECK_FALSE(marker->mark(*held));
  CHECK_FALSE(log->announce("held"));  // revoked: it must not be sent under this announcement any more
}

TEST_CASE("a slot that was reused is not hit by an old ticket", "[send_log]") {
  TemporaryDirectory directory;
  const auto log = take_over(directory.path() / "log");
  const auto marker = SendLogMarker::attach(directory.path() / "log");
  const auto old = log->announce("old");
  log->retire("old");
  CHECK_FALSE(marker->mark(*old));
  const auto next = log->announce("next");
  REQUIRE(next->slot == old->slot);
  CHECK_FALSE(marker->mark(*old));
  CHECK(marker->is_announced(*next, "next"));
  CHECK(log->revoke(*next));
}

TEST_CASE("a full log takes no announcement until one is retired", "[send_log]") {
  TemporaryDirectory directory;
  const auto log = take_over(directory.path() / "log");
  for (std::uint32_t i = 0; i < SendLogFile::kSlots; ++i)
    REQUIRE(log->announce("attempt-" + std::to_string(i)));
  CHECK_FALSE(log->announce("one too many"));
  log->retire("attempt-7");
  CHECK(log->announce("one too many"));
  CHECK_FALSE(log->announce(""));
  CHECK_FALSE(log->announce(std::string(48, 'x')));
}

TEST_CASE("a successor kills the left-over process before it reads", "[send_log]") {
  TemporaryDirectory directory;
  const auto path = directory.path() / "log";
  auto first = take_over(path);
  const auto sent = first->announce("sent");
  REQUIRE(first->announce("held"));
  int ready[2];
  REQUIRE(::pipe(ready) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto marker = SendLogMarker::attach(path);
    marker->mark(*sent);
    static_cast<void>(::write(ready[1], "x", 1));
    ::raise(SIGSTOP);
    for (;;) ::pause();
  }
  char byte = 0;
  REQUIRE(::read(ready[0], &byte, 1) == 1);
  first.reset();  // the old host is gone
  const auto second = take_over(path);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WTERMSIG(status) == SIGKILL);
  REQUIRE(second->inherited());
  std::map<std::string, bool> marked;
  for (const auto& entry : *second->inherited()) marked[entry.attempt_id] = entry.marked;
  CHECK(marked == std::map<std::string, bool>{{"held", false}, {"sent", true}});
  CHECK(second->find("sent"));
  second->retire("sent");
  CHECK_FALSE(second->find("sent"));
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_CASE("a recycled pid is never hit", "[send_log]") {
  const pid_t child = ::fork();
  if (child == 0) {
    for (;;) ::pause();
  }
  auto identity = *ProcessIdentity::of(child);
  auto recycled = identity;
  recycled.start_ticks += 1;
  CHECK(kill_process(recycled) == KillResult::gone);
  CHECK(::waitpid(child, nullptr, WNOHANG) == 0);

  // The same through a log whose owner died and whose pid now belongs to the child.
  TemporaryDirectory directory;
  const auto path = directory.path() / "log";
  take_over(path)->announce("x");
  std::string owner(16, '\0');
  const std::int64_t pid = child;
  std::memcpy(owner.data(), &pid, 8);
  std::memcpy(owner.data() + 8, &recycled.start_ticks, 8);
  overwrite(path, kOwnerAt, owner);
  CHECK(take_over(path)->inherited()->size() == 1);
  CHECK(::waitpid(child, nullptr, WNOHANG) == 0);

  CHECK(kill_process(identity) == KillResult::signalled);
  CHECK(::waitpid(child, nullptr, 0) == child);
  CHECK(kill_process(identity) == KillResult::gone);
}

TEST_CASE("entries of another boot, or of a broken file, prove nothing", "[send_log]") {
  TemporaryDirectory directory;
  const auto path = directory.path() / "log";
  take_over(path)->announce("x");
  CHECK(take_over(path)->inherited()->size() == 1);
  overwrite(path, kBootIdAt, "00000000-0000-0000-0000-000000000000");
  CHECK_FALSE(take_over(path)->inherited());
  CHECK(take_over(path)->inherited()->empty());
  overwrite(path, 0, "garbage!");
  CHECK_FALSE(take_over(path)->inherited());
  std::filesystem::resize_file(path, 10);
  CHECK_FALSE(take_over(path)->inherited());
}

TEST_CASE("a log that another process holds is not taken", "[send_log]") {
  TemporaryDirectory directory;
  const auto path = directory.path() / "log";
  static_cast<void>(take_over(path));
  const auto holder = SendLogMarker::attach(path);
  CHECK_THROWS_WITH(SendLogMarker::attach(path), Catch::Contains("locked by another process"));
  // Its owner is this very process, which the take-over would kill: pretend that it is unknown, as in a
  // container.
  overwrite(path, kOwnerAt, std::string(16, '\0'));
  CHECK(SendLog::try_take_over(path) == nullptr);
}
