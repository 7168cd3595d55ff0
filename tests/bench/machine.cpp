#include "bench/machine.hpp"

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "harness/child_process.hpp"

namespace payoutd::bench {
namespace {

struct Ticks {
  std::int64_t own = 0;
  std::int64_t waited_for = 0;  ///< of children that ended
};

std::int64_t to_us(std::int64_t ticks) {
  return ticks * 1'000'000 / ::sysconf(_SC_CLK_TCK);
}

Ticks ticks_of(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
  std::string text{std::istreambuf_iterator<char>(in), {}};
  const auto name_end = text.rfind(')');  // the name may hold anything
  if (name_end == std::string::npos) return {};
  std::istringstream fields(text.substr(name_end + 1));
  std::string skipped;
  for (int field = 3; field < 14; ++field) fields >> skipped;
  std::int64_t user = 0;
  std::int64_t system = 0;
  Ticks ticks;
  std::int64_t children_user = 0;
  std::int64_t children_system = 0;
  fields >> user >> system >> children_user >> children_system;
  ticks.own = user + system;
  ticks.waited_for = children_user + children_system;
  return ticks;
}

std::string line_after(const std::string& path, const std::string& key) {
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with(key)) continue;
    const auto value = line.find_first_not_of(" \t:", key.size());
    return value == std::string::npos ? "" : line.substr(value);
  }
  return {};
}

}  // namespace

Machine describe_machine() {
  Machine machine;
  machine.cores = ::sysconf(_SC_NPROCESSORS_ONLN);
  machine.processor = line_after("/proc/cpuinfo", "model name");
  machine.memory_mib =
      static_cast<std::int64_t>(::sysconf(_SC_PHYS_PAGES)) * ::sysconf(_SC_PAGESIZE) / (1024 * 1024);
  utsname system{};
  if (::uname(&system) == 0) machine.kernel = std::string(system.sysname) + " " + system.release;
  std::ifstream("/proc/loadavg") >> machine.load;
  return machine;
}

std::int64_t cpu_us(pid_t pid) {
  return to_us(ticks_of(pid).own);
}

std::int64_t cpu_with_children_us(pid_t pid) {
  const Ticks parent = ticks_of(pid);
  std::int64_t sum = parent.own + parent.waited_for;
  for (const pid_t child : test::children_of(pid, "")) sum += ticks_of(child).own;
  return to_us(sum);
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

}  // namespace payoutd::bench
