#include "providers/provider_handle.hpp"

#include <ctime>

namespace payoutd::providers {

BootTime BootTime::now() {
  timespec time{};
  ::clock_gettime(CLOCK_BOOTTIME, &time);
  return {std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec};
}

Awaitable<Lane> ProviderHandle::maintain(Lane lane) {
  static_cast<void>(lane);
  throw CallFailed(false, name() + " has no lanes");
  co_return Lane{};
}

std::string_view to_string(ProviderState state) noexcept {
  switch (state) {
    case ProviderState::starting:
      return "starting";
    case ProviderState::ready:
      return "ready";
    case ProviderState::restarting:
      return "restarting";
    case ProviderState::draining:
      return "draining";
    case ProviderState::quarantined:
      return "quarantined";
    case ProviderState::stopped:
      return "stopped";
  }
  return "";
}

}  // namespace payoutd::providers
