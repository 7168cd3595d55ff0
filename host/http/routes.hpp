#pragma once
#include "http/router.hpp"

namespace payoutd::http {

/// Payouts in, and what became of them: both listeners.
std::vector<Route> payouts_routes(HostView& host, const RouterOptions& options);
/// What operators do: the control socket only.
std::vector<Route> admin_routes(HostView& host);
/// What operators do about scripts, their decisions, flags and limits: the control socket only.
std::vector<Route> policy_routes(HostView& host);
std::vector<Route> health_routes(HostView& host);
/// What providers call.
std::vector<Route> webhook_routes(HostView& host);

}  // namespace payoutd::http
