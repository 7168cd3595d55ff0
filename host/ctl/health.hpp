#pragma once
#include <string>

#include "ctl/context.hpp"
#include "ctl/exit_code.hpp"

namespace payoutd::ctl {

/// How `health` and `doctor` end: 0 all is well, 1 somebody should look, 2 nothing works or money stands
/// still.
inline constexpr ExitCode kDegraded = static_cast<ExitCode>(1);
inline constexpr ExitCode kDown = static_cast<ExitCode>(2);

/// How well the host is, with what is behind it. A host that does not answer is down.
ExitCode health(Context& context);

struct StatsOptions {
  std::string since = "1h";
  std::string provider;
};
/// What came in and what became of it in the last time.
ExitCode stats(Context& context, const StatsOptions& options);
/// What to tell Support of each provider: how many payouts are affected, how old, and when they will be done.
/// 1 if any are.
ExitCode status(Context& context);

/// The windows in which nothing is submitted. negative: one goes on.
ExitCode maintenance(Context& context);

struct DrainOptions {
  std::string host;  ///< empty: the one that answers
  bool all = false;
  bool no_wait = false;
  bool stop = false;  ///< and end it
  int timeout_s = 300;
  std::string note;
};
/// Has hosts claim nothing and waits until nothing is in hand. negative: something still is.
ExitCode drain(Context& context, const DrainOptions& options);
ExitCode resume(Context& context, const DrainOptions& options);

struct TestPayoutOptions {
  std::string provider;
  std::string amount = "1";
  std::string currency;
  std::string destination;
  std::string user;
  std::string region;
  int timeout_s = 30;
};
/// Sends a payout through everything but the submit. negative: it did not come to SIMULATED.
ExitCode test_payout(Context& context, const TestPayoutOptions& options);

struct SeedOptions {
  std::string subject = "admin";
  std::string ttl = "1h";
  bool new_token = false;
};
ExitCode seed_admin(Context& context, const SeedOptions& options);

/// Seconds of `90s`, `30m`, `24h`, `7d`; CommandFailed names `option` where it is none.
std::int64_t span_s(const std::string& option, const std::string& text);

}  // namespace payoutd::ctl
