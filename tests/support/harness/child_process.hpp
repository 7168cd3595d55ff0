#pragma once
#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace payoutd::test {

/// A program that a test runs. It dies with the test's process.
class ChildProcess {
 public:
  struct Start {
    std::filesystem::path program;
    std::vector<std::string> arguments;
    std::map<std::string, std::string> environment;  ///< over the test's own
    std::filesystem::path log;                       ///< output and errors are appended to it
  };
  explicit ChildProcess(const Start& start);
  ~ChildProcess();  ///< SIGKILL, if it still runs
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  void signal(int number) const;
  /// The exit status as a shell shows it (128 + signal); nullopt if it still runs after `limit`.
  std::optional<int> wait(std::chrono::milliseconds limit);
  bool running();

 private:
  pid_t pid_ = -1;
  std::optional<int> status_;
};

/// The processes whose parent is `pid` and whose command contains `name`.
std::vector<pid_t> children_of(pid_t pid, const std::string& name);
/// The state letter in /proc (R, S, T, Z …), or 0 if there is no such process.
char process_state(pid_t pid);

/// Calls `done` every 20 ms until it is true or `limit` is over.
template <class Done>
bool eventually(std::chrono::milliseconds limit, Done done);

bool eventually_call(std::chrono::milliseconds limit, bool (*done)(void*), void* context);

template <class Done>
bool eventually(std::chrono::milliseconds limit, Done done) {
  return eventually_call(
      limit, [](void* context) -> bool { return (*static_cast<Done*>(context))(); }, &done);
}

}  // namespace payoutd::test
