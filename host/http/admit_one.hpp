#pragma once
#include <chrono>

#include "http/host_view.hpp"
#include "http/message.hpp"

namespace payoutd::http {

/// What became of one payout that a client posted.
struct AdmitOutcome {
  int status = 0;  ///< 201 created or replayed, else an error's
  bool replayed = false;
  std::chrono::seconds retry_after{0};  ///< of a throttled one: when to come again
  bool outage = false;  ///< an error that goes away by itself: the same request can be sent again
  boost::json::object payout;
  std::optional<ErrorBody> error;
};

/// Never throws: whatever goes wrong is an outcome.
Awaitable<AdmitOutcome> admit_one(HostView* host, engine::PayoutRequest request);

/// Why a request that could be read cannot be paid.
AdmitOutcome refused_payout(const Problem& problem);

}  // namespace payoutd::http
