#pragma once
#include "http/router.hpp"

namespace payoutd::http {

/// Payouts in, and what became of them: both listeners.
std::vector<Route> payouts_routes(HostView& host, const RouterOptions& options);
/// All payouts that a filter names, in one answer of any length: both listeners. Before payouts_routes.
std::vector<Route> export_routes(HostView& host);
/// What operators do. What touches the machine's own files and processes is for the control socket only.
std::vector<Route> admin_routes(HostView& host);
/// What operators do about scripts, their decisions, flags and limits. Scripts themselves come in by the
/// control socket and from the machine's folder only.
std::vector<Route> policy_routes(HostView& host);
/// Ends sessions.
std::vector<Route> session_routes(HostView& host);
/// The safe thing for one payout, or for many, now instead of at its time.
std::vector<Route> retry_routes(HostView& host);
/// What Support tells clients, and what monitors of the old paths read.
std::vector<Route> support_routes(HostView& host);
/// How many new payouts a provider takes.
std::vector<Route> throttle_routes(HostView& host);
/// What stands under idempotency keys, and what came under them that is something else.
std::vector<Route> idempotency_routes(HostView& host);
/// What people did.
std::vector<Route> audit_routes(HostView& host);
/// What was accepted under a key: for whoever learns that it leaked.
std::vector<Route> accepted_routes(HostView& host);
/// The files of this machine, read again.
std::vector<Route> reload_routes(HostView& host);
/// This host's pools of database connections.
std::vector<Route> database_routes(HostView& host);
std::vector<Route> health_routes(HostView& host);
/// What operators have in hand about hosts, their configuration and their secrets.
std::vector<Route> operations_routes(HostView& host);
/// What providers call.
std::vector<Route> webhook_routes(HostView& host);
/// What operators do about callbacks.
std::vector<Route> inbox_routes(HostView& host);
/// What operators do about notifications and their endpoints.
std::vector<Route> notification_routes(HostView& host);
/// The document that describes all of these; a test compares the two.
std::vector<Route> openapi_routes();

}  // namespace payoutd::http
