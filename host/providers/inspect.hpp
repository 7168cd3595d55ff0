#pragma once
#include <boost/json/object.hpp>
#include <chrono>
#include <filesystem>
#include <string>

namespace payoutd::providers {

/// What a plugin library is, found out in a process of its own. Either `refused` holds the sentence that says
/// why it cannot be used, or `about` its name, version, sdk_version, abi_tag, schema and contract (null, with
/// `contract_needs`, where the defaults of its settings do not suffice).
struct Inspection {
  boost::json::object about;
  std::string refused;
};

/// Blocks for at most `limit`. A library that crashes or hangs while it is loaded is refused like any other.
Inspection inspect(const std::filesystem::path& provider_executable, const std::filesystem::path& plugin,
                   std::chrono::milliseconds limit = std::chrono::seconds(10));

}  // namespace payoutd::providers
