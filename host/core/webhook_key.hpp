#pragma once
#include <chrono>
#include <map>
#include <optional>
#include <payoutd/settings.hpp>
#include <string>
#include <vector>

namespace payoutd::core {

/// A secret under which a provider's callbacks are believed to be the provider's.
struct WebhookKey {
  std::string id;  ///< shown and recorded; tells nothing of the secret
  Secret secret;
  std::optional<std::chrono::system_clock::time_point> expires_at;  ///< nullopt: never

  bool expired(std::chrono::system_clock::time_point now) const { return expires_at && *expires_at <= now; }
};

/// By provider; the first of each signs, all that have not expired verify.
using WebhookKeys = std::map<std::string, std::vector<WebhookKey>>;

}  // namespace payoutd::core
