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
  struct Listen {
    std::string address;  ///< `ADDRESS:PORT` of the receiver
    std::string url;      ///< under which the host reaches it; empty: `http://ADDRESS:PORT`
    std::string client;   ///< whose payout it will be
  };
  /// Registers the endpoint; nullptr if this host has no notifications. Throws CommandFailed with the reason
  /// if it cannot be registered.
  static std::unique_ptr<SmokeNotification> open(SmokeApi& api, const Listen& listen);

  /// Waits for the notification that this payout is paid and checks it; what was seen, as a sentence. Throws
  /// CommandFailed.
  virtual std::string await(const std::string& payout_id, std::chrono::milliseconds limit) = 0;
  /// Removes the endpoint; throws CommandFailed if it is still there.
  virtual void remove() = 0;
};

}  // namespace payoutd::ctl
