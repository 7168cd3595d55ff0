#pragma once
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

namespace payoutd::providers {

/// A process beyond its number, which the kernel gives to another one later.
struct ProcessIdentity {
  pid_t pid = 0;
  std::uint64_t start_ticks = 0;  ///< start time since boot, from /proc/PID/stat

  static std::optional<ProcessIdentity> of(pid_t pid);
  static ProcessIdentity self();
};

/// Names this run of the kernel; empty if it cannot be read, and then nothing may be concluded from it.
std::string current_boot_id();

enum class KillResult { gone, signalled };

/// Sends SIGKILL to exactly that process through a pidfd: a recycled pid is never hit. Throws
/// std::system_error if the process is there but may not be signalled.
KillResult kill_process(const ProcessIdentity& process);

/// The pidfd of a child; throws std::system_error.
int open_pidfd(pid_t pid);

}  // namespace payoutd::providers
