#pragma once

/// Named steps at which a test can kill, stop or delay this very process. Compiled to nothing unless
/// PAYOUTD_FAULT_POINTS is defined (never in what is installed).
///
/// Armed through PAYOUTD_FAULTS, or through the file named by PAYOUTD_FAULTS_FILE, which is read again
/// whenever it changes, so that a running process can be armed. Both hold `point=action` pairs, separated by
/// commas or line ends; `@N` after the action means the Nth pass only:
///   kill       SIGKILL to this process       stop       SIGSTOP to this process
///   exit       _exit(70)                     throw      throws fault::Injected
///   sleep:MS   blocks the thread
/// Lines of the file that begin with `#` are skipped.
///
/// The file is looked at most every 5 ms, so a point that was just armed may be missed for that long.
/// Thread-safe.
#ifdef PAYOUTD_FAULT_POINTS
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace payoutd::fault {

class Injected : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

void point(std::string_view name);

/// How often the point was passed since the process started or the point was armed.
std::uint64_t passes(std::string_view name);

}  // namespace payoutd::fault
#else
namespace payoutd::fault {
constexpr void point(const char*) noexcept {}
}  // namespace payoutd::fault
#endif
