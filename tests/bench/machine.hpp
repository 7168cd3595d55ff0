#pragma once
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace payoutd::bench {

/// What the figures depend on.
struct Machine {
  long cores = 0;
  std::string processor;
  std::int64_t memory_mib = 0;
  std::string kernel;
  double load = 0;  ///< of the last minute, before the first round: others were using the machine
};
Machine describe_machine();

/// Processor time that a process used so far, in microseconds; 0 if it is gone.
std::int64_t cpu_us(pid_t pid);
/// The same of a process, of its children that live and of those that it waited for: a PostgreSQL server.
std::int64_t cpu_with_children_us(pid_t pid);

/// Middle of the sorted values; of an even number, the mean of the two in the middle.
double median(std::vector<double> values);

}  // namespace payoutd::bench
