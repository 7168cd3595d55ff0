#pragma once
#include <cstdlib>
#include <vector>

#include "e2e/control.hpp"
#include "harness/scene.hpp"

namespace payoutd::test {

/// PAYOUTD_CHAOS_KILLS, or `otherwise`.
inline int kills_wanted(int otherwise) {
  const char* text = std::getenv("PAYOUTD_CHAOS_KILLS");
  return text == nullptr ? otherwise : std::atoi(text);
}

/// PAYOUTD_CHAOS_SEED, or 1.
inline unsigned seed_wanted() {
  const char* text = std::getenv("PAYOUTD_CHAOS_SEED");
  return text == nullptr ? 1u : static_cast<unsigned>(std::strtoul(text, nullptr, 10));
}

/// A provider whose process ends again and again is stopped until an operator lifts that. These tests are the
/// operator.
inline void lift_quarantine(Scene& scene, const std::vector<HostProcess*>& hosts,
                            const std::string& provider) {
  if (scene.database().value("select count(*) from app.providers where quarantined_at is not null") == "0")
    return;
  for (HostProcess* host : hosts) {
    if (host->running()) control(*host, "POST", "/v1/admin/providers/" + provider + "/lift-quarantine");
  }
}

}  // namespace payoutd::test
