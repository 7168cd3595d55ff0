#pragma once
#include <string>

#include "ctl/context.hpp"
#include "ctl/exit_code.hpp"

namespace payoutd::ctl {

struct AcceptedOptions {
  std::string key_id;
  std::string kind;      ///< token or webhook; empty: both
  std::string token_id;  ///< only what came with this token
  std::string subject;   ///< only what came with tokens of this subject
  std::string provider;  ///< only callbacks of this provider
  std::string since = "24h";
  int rows = 20;           ///< of each kind, the latest; without --json
  bool stoppable = false;  ///< only the ids of payouts that can still be stopped, a line each
};

/// What was accepted under a key: payouts and operators' actions by its tokens, callbacks that it proved.
/// negative: some of these payouts can still be stopped.
ExitCode secrets_accepted(Context& context, const AcceptedOptions& options);

}  // namespace payoutd::ctl
