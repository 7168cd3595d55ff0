#pragma once
#include <cstdint>
#include <string>

#include "ctl/context.hpp"

namespace payoutd::ctl {

struct RetryOptions {
  std::string id;  ///< one payout; empty: those that the filter names
  std::string provider, state, reason, batch;
  std::string older_than;  ///< `30m`; empty: however new
  int limit = 1'000;
  int per_second = 20;
  bool preview = false;
  std::string note;
};
/// The safe thing for one payout, or for many, now instead of at its time.
ExitCode retry(Context& context, const RetryOptions& options);

struct AuditOptions {
  std::string actor, subject;
  std::string key_id, token_id;  ///< of the token with which it was done
  std::string since;             ///< 90s, 30m, 24h, 7d; empty: however old
  int limit = 100;
};
/// What people did, the latest first.
ExitCode audit_list(Context& context, const AuditOptions& options);
/// Whether nothing of it was changed or taken out; ends with `negative` if something was.
ExitCode audit_verify(Context& context);

}  // namespace payoutd::ctl
