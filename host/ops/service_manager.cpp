#include "ops/service_manager.hpp"

#include <stdlib.h>
#include <systemd/sd-daemon.h>

#include <string>

namespace payoutd::ops::service_manager {

bool present() {
  const char* socket = ::getenv("NOTIFY_SOCKET");
  return socket != nullptr && *socket != '\0';
}

void ready() {
  ::sd_notify(0, "READY=1");
}

void stopping() {
  ::sd_notify(0, "STOPPING=1");
}

void status(std::string_view text) {
  std::string line = "STATUS=" + std::string(text);
  for (char& c : line)
    if (c == '\n' || c == '\r') c = ' ';
  ::sd_notify(0, line.c_str());
}

void extend_timeout(std::chrono::milliseconds time) {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(time).count();
  ::sd_notify(0, ("EXTEND_TIMEOUT_USEC=" + std::to_string(us)).c_str());
}

std::optional<std::chrono::milliseconds> watchdog() {
  std::uint64_t us = 0;
  if (::sd_watchdog_enabled(0, &us) <= 0) return std::nullopt;
  return std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::microseconds{static_cast<std::int64_t>(us)});
}

void alive() {
  ::sd_notify(0, "WATCHDOG=1");
}

}  // namespace payoutd::ops::service_manager
