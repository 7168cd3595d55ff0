// The process dies at every named step of a submit: what the host concludes is what really happened.
#include "host_fixture.hpp"
#include "scripted_server.hpp"

#ifdef PAYOUTD_FAULT_POINTS
#include <fstream>

#include "core/fault.hpp"

using namespace contract_tests;
using payoutd::Submission;
using providers::ProviderState;

namespace {

/// An environment variable for the processes that are started while this lives.
struct Variable {
  Variable(const char* name, const std::string& value) : name_(name) { ::setenv(name, value.c_str(), 1); }
  ~Variable() { ::unsetenv(name_); }
  const char* name_;
};

}  // namespace

TEST_CASE("the process is killed at each step of a submit", "[fault]") {
  struct Row {
    const char* point;
    Submission::Kind kind;
    int paid;  // requests that reached the PSP; -1: may or may not
  };
  const std::vector<Row> rows{
      {"provider.before_connect", Submission::Kind::not_accepted, 0},
      {"provider.before_first_byte", Submission::Kind::unknown, 0},
      {"provider.after_bytes_left", Submission::Kind::unknown, -1},
      {"provider.after_answer", Submission::Kind::unknown, 1},
      {"provider.before_reply", Submission::Kind::unknown, 1},
  };
  for (const Row& row : rows) {
    INFO(row.point);
    std::atomic<int> paid{0};
    ScriptedServer psp(answering([](const std::string&) { return http_answer(202, "x"); }, &paid));
    const Variable faults("PAYOUTD_FAULTS", std::string(row.point) + "=kill");
    Host host;
    host.start({Host::config("good", psp.url())});
    const auto reply = host.submit("good");
    CHECK(reply.submission.kind == row.kind);
    CHECK(reply.evidence.bytes_left == (row.kind == Submission::Kind::unknown));
    if (row.paid >= 0) CHECK(paid == row.paid);
    REQUIRE(host.wait_for_state("good", ProviderState::ready));
  }
}

TEST_CASE("a running process is armed through the control file", "[fault]") {
  TemporaryDirectory directory;
  const auto file = directory.path() / "faults";
  const Variable faults("PAYOUTD_FAULTS_FILE", file.string());
  ScriptedServer psp(answering([](const std::string&) { return http_answer(202, "x"); }));
  Host host;
  host.start({Host::config("good", psp.url())});
  CHECK(host.submit("good", "attempt-1").submission.kind == Submission::Kind::accepted);
  std::ofstream(file) << "# at the second pass\nprovider.before_connect=throw@2\n";
  std::this_thread::sleep_for(10ms);  // the file is looked at every 5 ms
  CHECK(host.submit("good", "attempt-2").submission.kind == Submission::Kind::accepted);
  const auto reply = host.submit("good", "attempt-3");
  CHECK(reply.submission.kind == Submission::Kind::not_accepted);
  CHECK(reply.submission.message == "fault injected at provider.before_connect");
  CHECK(host.submit("good", "attempt-4").submission.kind == Submission::Kind::accepted);
}
#endif
