#pragma once
#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "ctl/context.hpp"
#include "ctl/exit_code.hpp"

namespace payoutd::ctl {

struct TokenIssueOptions {
  std::filesystem::path config;
  std::string subject;
  std::string client = "default";
  std::vector<std::string> roles;
  std::string ttl = "1h";  ///< as durations are written: 30m, 12h, 90d
};

/// Signs a token with the first key of the host's configuration that is not retired. Asks no host: whoever
/// can read the keys can make tokens.
ExitCode token_issue(Context& context, const TokenIssueOptions& options);

struct TokenInspectOptions {
  std::filesystem::path config;
  std::string token;  ///< `-`: from standard input
};

/// Says what a token claims and whether this configuration's keys accept it. Whether all sessions were ended
/// since is known to the hosts only.
ExitCode token_inspect(Context& context, const TokenInspectOptions& options);

/// Through a host: every token that was issued up to now is refused on all hosts.
ExitCode invalidate_sessions(Context& context, const std::string& note);

}  // namespace payoutd::ctl
