#pragma once
#include "http/host_view.hpp"
#include "http/message.hpp"

namespace payoutd::http {

inline constexpr std::size_t kMaxBulkItems = 1000;

/// POST /v1/payouts/bulk: every item is admitted for itself, all at the same time, so that they share
/// commits. 200 if every item was taken (created or replayed), 207 if some were not, 503 if none was because
/// the database is away. The body is the same each time: `{"results": [...], "created", "replayed",
/// "failed"}`, in the order of the items.
Awaitable<Response> admit_bulk(HostView* host, Request request);

}  // namespace payoutd::http
