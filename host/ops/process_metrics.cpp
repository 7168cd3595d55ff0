#include "ops/process_metrics.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>

namespace payoutd::ops {
namespace {

using prometheus::MetricType;

prometheus::MetricFamily family(const char* name, const char* help, MetricType type,
                                std::optional<double> value) {
  prometheus::MetricFamily one{name, help, type, {}};
  if (!value) return one;
  prometheus::ClientMetric metric;
  metric.gauge.value = *value;
  metric.counter.value = *value;
  one.metric.push_back(std::move(metric));
  return one;
}

std::optional<double> processor_seconds() {
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) != 0) return std::nullopt;
  constexpr double kMicro = 1e-6;
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         kMicro * static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

std::optional<double> resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  long total = 0, resident = 0;
  if (!(statm >> total >> resident)) return std::nullopt;
  return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

std::optional<double> open_files() {
  std::error_code error;
  double count = 0;
  for (auto at = std::filesystem::directory_iterator("/proc/self/fd", error);
       !error && at != std::filesystem::directory_iterator(); at.increment(error))
    ++count;
  if (error) return std::nullopt;
  return count;
}

std::optional<double> most_open_files() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return std::nullopt;
  return static_cast<double>(limit.rlim_cur);
}

/// Since 1970.
std::optional<double> start_seconds() {
  std::ifstream stat("/proc/self/stat");
  std::string text;
  std::getline(stat, text);
  // The name, in parentheses, may hold anything; the start, in ticks since the boot, is the 20th field
  // behind it (proc(5)).
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(text.substr(name_end + 1));
  constexpr int kStart = 20;
  std::string field;
  for (int i = 0; i < kStart; ++i) fields >> field;
  std::ifstream machine("/proc/stat");
  for (std::string line; fields && std::getline(machine, line);) {
    if (!line.starts_with("btime ")) continue;
    return std::stod(line.substr(6)) + std::stod(field) / static_cast<double>(sysconf(_SC_CLK_TCK));
  }
  return std::nullopt;
}

}  // namespace

std::vector<prometheus::MetricFamily> process_families() {
  return {
      family("process_cpu_seconds_total", "Processor time of the host's own process.", MetricType::Counter,
             processor_seconds()),
      family("process_resident_memory_bytes", "Memory of the host's own process.", MetricType::Gauge,
             resident_bytes()),
      family("process_open_fds", "Open files of the host's own process.", MetricType::Gauge, open_files()),
      family("process_max_fds", "How many files the host's own process may open.", MetricType::Gauge,
             most_open_files()),
      family("process_start_time_seconds", "When the host's own process started, since 1970.",
             MetricType::Gauge, start_seconds())};
}

}  // namespace payoutd::ops
