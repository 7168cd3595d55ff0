#pragma once
#include <filesystem>
#include <stdexcept>
#include <string>

#include "ops/config.hpp"

namespace payoutd::daemon {

/// The host cannot start; what() says what is wrong and what to do about it.
class StartError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct DaemonOptions {
  std::filesystem::path config_file;
  std::filesystem::path provider_executable;  ///< payoutd-provider; beside the host's own by default
};

/// Runs a host until SIGTERM or SIGINT: embedded database (if configured), schema check, provider processes,
/// engine, HTTP server and control socket; then drains and stops all of it in the opposite order. SIGHUP
/// reads the configuration again and applies its live part. Returns the exit code. Throws StartError and
/// ops::ConfigError.
int run(const DaemonOptions& options);

/// The program file `name` beside the running one, or in ../lib/payoutd beside it.
std::filesystem::path companion(const std::string& name);

const char* version() noexcept;
const char* build_id() noexcept;

}  // namespace payoutd::daemon
