#pragma once
#include "options.hpp"

namespace simulator {

/// Serves until SIGTERM or SIGINT; prints the ready line on standard output. Returns the process's exit
/// status.
int run(const Options& options);

}  // namespace simulator
