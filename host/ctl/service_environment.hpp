#pragma once
#include <filesystem>

namespace payoutd::ctl {

/// Where the installed service gets what its configuration refers to.
struct ServiceFiles {
  std::filesystem::path config = "/etc/payoutd/payoutd.yaml";
  std::filesystem::path variables = "/etc/default/payoutd";        ///< EnvironmentFile= of the unit
  std::filesystem::path credentials = "/etc/payoutd/credentials";  ///< LoadCredential= of the unit
};

/// Gives this process what the service's unit gives the host, as far as this user may read it and the process
/// does not have it yet, so that a command in a shell reads the service's configuration as the service does.
/// Nothing happens for any other configuration. Before the first thread is started.
void adopt_service_environment(const std::filesystem::path& config, const ServiceFiles& files = {});

}  // namespace payoutd::ctl
