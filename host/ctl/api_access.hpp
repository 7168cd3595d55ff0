#pragma once
#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

#include "identity/role.hpp"
#include "ops/config.hpp"

namespace payoutd::ctl {

/// The configuration of this machine's host, for what stands in it; nullopt where it is not there, or cannot
/// be read and was not named. Throws CommandFailed where it was named and is wrong.
std::optional<ops::Config> readable_config(const std::filesystem::path& file, bool was_named);

/// The first line of a file that an option names; throws CommandFailed if there is none.
std::string first_line_of(const std::filesystem::path& file, const char* option);

/// Whom a command acts as against the API.
struct ApiIdentity {
  std::string token;                 ///< as given; goes first
  std::filesystem::path token_file;  ///< then its first line
  std::string subject;               ///< else one is signed for this subject, which is also the client
  identity::Roles roles;             ///< with these roles
  std::chrono::minutes ttl{30};      ///< for so long
};
/// The token; empty: none was given, and the configuration has no keys to sign one with.
std::string api_token(const ApiIdentity& identity, const std::optional<ops::Config>& config);

/// The control socket of this machine, for what operators do, if the API is this machine's too; else empty.
std::string socket_beside(const std::string& base_url, const std::string& control_socket);

}  // namespace payoutd::ctl
