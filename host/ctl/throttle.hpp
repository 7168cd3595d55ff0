#pragma once
#include <cstdint>
#include <string>

#include "ctl/context.hpp"

namespace CLI {
class App;
}

namespace payoutd::ctl {

struct ThrottleOptions {
  std::string provider{};
  std::string rate{};   ///< `10/s`, or `none`; empty: as it is
  std::string depth{};  ///< a number, or `none`; empty: as it is
  bool off = false;
  bool by_configuration = false;
  std::string note{};
};
void add_options(CLI::App& command, ThrottleOptions& options);

/// How many new payouts a provider takes from now on, on all hosts.
ExitCode throttle(Context& context, const ThrottleOptions& options);

/// One provider, field by field.
ExitCode provider_show(Context& context, const std::string& name);

}  // namespace payoutd::ctl
