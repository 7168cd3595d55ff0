#pragma once
#include <string>

#include "ctl/context.hpp"

namespace payoutd::ctl {

struct IdempotencyOptions {
  std::string key{};
  std::string client{};  ///< empty: of every one
  int limit = 50;
};
/// What stands under a key; `negative` if nothing does.
ExitCode idempotency_show(Context& context, const IdempotencyOptions& options);
ExitCode idempotency_conflicts(Context& context, const IdempotencyOptions& options);

}  // namespace payoutd::ctl
