#include "providers/process_identity.hpp"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <sstream>
#include <system_error>

namespace payoutd::providers {

std::optional<ProcessIdentity> ProcessIdentity::of(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  if (!std::getline(in, line)) return std::nullopt;
  // The second field is the command in brackets and may hold anything; the start time is the 22nd.
  const auto bracket = line.rfind(')');
  if (bracket == std::string::npos) return std::nullopt;
  std::istringstream fields(line.substr(bracket + 1));
  std::string skipped;
  for (int i = 3; i < 22; ++i) fields >> skipped;
  ProcessIdentity identity{.pid = pid};
  if (!(fields >> identity.start_ticks)) return std::nullopt;
  return identity;
}

ProcessIdentity ProcessIdentity::self() {
  return of(::getpid()).value_or(ProcessIdentity{.pid = ::getpid()});
}

std::string current_boot_id() {
  std::ifstream in("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(in, id);
  return id;
}

KillResult kill_process(const ProcessIdentity& process) {
  if (process.pid <= 1) return KillResult::gone;
  const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, process.pid, 0));
  if (pidfd < 0) {
    if (errno == ESRCH) return KillResult::gone;
    throw std::system_error(errno, std::generic_category(), "opening process " + std::to_string(process.pid));
  }
  // The pidfd is opened first: if the start time read afterwards is the expected one, both mean the same
  // process.
  const auto found = ProcessIdentity::of(process.pid);
  const bool same = found && found->start_ticks == process.start_ticks;
  const bool failed = same && ::syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, nullptr, 0) != 0;
  const int error = errno;
  ::close(pidfd);
  if (!same || (failed && error == ESRCH)) return KillResult::gone;
  if (failed) {
    throw std::system_error(error, std::generic_category(), "killing process " + std::to_string(process.pid));
  }
  return KillResult::signalled;
}

int open_pidfd(pid_t pid) {
  const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (pidfd < 0) {
    throw std::system_error(errno, std::generic_category(), "opening process " + std::to_string(pid));
  }
  return pidfd;
}

}  // namespace payoutd::providers
