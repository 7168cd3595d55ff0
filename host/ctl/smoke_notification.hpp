#pragma once
#include <chrono>
#include <memory>
#include <string>

#include "ctl/smoke_api.hpp"

namespace payoutd::ctl {

/// What an integrator sees of a payout's end: an endpoint for as long as the smoke test lasts, on a receiver
/// of its own, with the signature checked.
class SmokeNotification {
 public:
  virtual ~SmokeNotification() = default;
  /// Registers the endpoint; nullptr if this host has no notifications. Throws CommandFailed with the reason
  /// if it cannot be registered.
  static std::unique_ptr<SmokeNotification> open(SmokeApi& api, const std::string& listen);

  /// Waits for the notification that this payout is paid and checks it; what was seen, as a sentence. Throws
  /// CommandFailed.
  virtual std::string await(const std::string& payout_id, std::chrono::milliseconds limit) = 0;
  /// Removes the endpoint; throws CommandFailed if it is still there.
  virtual void remove() = 0;
};

}  // namespace payoutd::ctl
