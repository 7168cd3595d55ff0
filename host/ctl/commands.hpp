#pragma once
#include <optional>
#include <string>
#include <vector>

#include "ctl/context.hpp"

namespace payoutd::ctl {

struct ListOptions {
  /// As the API's parameters of these names; empty: any.
  std::string state, provider, batch, user, destination, idempotency_key, reason, created_after,
      created_before;
  int limit = 50;
  bool all = false;  ///< page by page to the end
};

/// The parameters of GET /v1/payouts that say which payouts are meant, each with `&` in front.
std::string filter_query(const ListOptions& options);

// Each carries out one command over the control socket and prints its answer.
ExitCode list(Context& context, const ListOptions& options);
ExitCode show(Context& context, const std::string& id);
ExitCode explain(Context& context, const std::string& id);
ExitCode events(Context& context, const std::string& id);

/// `cancel`, `hold`, `release`, `approve` or `reject`.
ExitCode change(Context& context, const std::string& action, const std::string& id, const std::string& note);
/// `paid`, `not_paid` or `ask_again`.
ExitCode review(Context& context, const std::string& id, const std::string& decision,
                const std::string& note);

ExitCode providers(Context& context);
/// `pause`, `resume`, `probe` or `lift-quarantine`.
ExitCode provider_action(Context& context, const std::string& name, const std::string& action,
                         const std::string& note);
ExitCode provider_dry_run(Context& context, const std::string& name, bool enabled, const std::string& note);
/// Another version of a plugin in service: the library in `file`, or (empty) the one before.
ExitCode plugin_change(Context& context, const std::string& plugin, const std::string& file);
ExitCode provider_balance(Context& context, const std::string& name);

ExitCode switches(Context& context);
ExitCode set_switch(Context& context, const std::string& name, bool enabled, const std::string& note);

ExitCode hosts(Context& context);
ExitCode tally(Context& context, const std::string& batch, const std::string& provider);
ExitCode version(Context& context);

}  // namespace payoutd::ctl
