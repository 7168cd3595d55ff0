#pragma once
#include <boost/json/object.hpp>
#include <filesystem>
#include <optional>
#include <string>

namespace payoutd::ctl {

/// payoutd-provider, beside payoutctl as it is built and installed.
std::filesystem::path provider_program();

/// The program to look into plugins with: `named`, or the one beside payoutctl. Throws CommandFailed if there
/// is none.
std::filesystem::path require_provider_program(const std::filesystem::path& named);

/// The library that `written` means: a file. Throws CommandFailed if there is none.
std::filesystem::path require_plugin(const std::filesystem::path& written);

/// The transcripts that lie beside a plugin's library: `transcripts/NAME` there, or `transcripts`. nullopt:
/// there are none.
std::optional<std::filesystem::path> transcripts_beside(const std::filesystem::path& plugin,
                                                        const std::string& name);

/// What a provider is given: as Settings::check reads it.
struct GivenSettings {
  boost::json::object settings;
  boost::json::object secrets;  ///< name → [current, previous?]
};

/// Reads `settings` and `secrets` of one provider from a YAML file: at the top, or under `providers.NAME` of
/// a file with one provider. Throws CommandFailed with every problem.
GivenSettings read_given_settings(const std::filesystem::path& file);

}  // namespace payoutd::ctl
