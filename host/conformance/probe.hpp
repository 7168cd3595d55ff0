#pragma once
#include <boost/json/object.hpp>
#include <filesystem>
#include <optional>
#include <payoutd/contract.hpp>
#include <string>

#include "conformance/transcript.hpp"

namespace payoutd::conformance {

/// What a plugin says of itself with certain settings.
struct Configured {
  std::optional<Contract> contract;
  std::string account_scope;
  std::string refused;  ///< why it cannot be used with them
};

/// Starts the plugin in a provider process as the host would, configures it, and stops it again. It makes no
/// request. Blocks for some seconds at most.
Configured configure_once(const std::filesystem::path& provider_executable,
                          const std::filesystem::path& plugin, const boost::json::object& settings,
                          const boost::json::object& secrets);
/// With a transcript's settings.
Configured configure_once(const std::filesystem::path& provider_executable,
                          const std::filesystem::path& plugin, const Transcript& transcript);

}  // namespace payoutd::conformance
