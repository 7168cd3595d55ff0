#include "ctl/api_access.hpp"

#include <fstream>

#include "core/ids.hpp"
#include "ctl/exit_code.hpp"
#include "identity/token.hpp"

namespace payoutd::ctl {

std::optional<ops::Config> readable_config(const std::filesystem::path& file, bool was_named) {
  if (!was_named && !std::filesystem::exists(file)) return std::nullopt;
  try {
    return ops::load_config(file);
  } catch (const ops::ConfigError& error) {
    if (was_named) throw CommandFailed(ExitCode::usage, error.what());
    return std::nullopt;
  }
}

std::string first_line_of(const std::filesystem::path& file, const char* option) {
  std::ifstream in(file);
  std::string line;
  if (!std::getline(in, line) || line.empty())
    throw CommandFailed(ExitCode::usage, std::string(option) + ": " + file.string() +
                                             " cannot be read, or its first line is empty");
  while (line.ends_with('\r') || line.ends_with(' ')) line.pop_back();
  return line;
}

std::string api_token(const ApiIdentity& identity, const std::optional<ops::Config>& config) {
  if (!identity.token.empty()) return identity.token;
  if (!identity.token_file.empty()) return first_line_of(identity.token_file, "--token-file");
  if (!config || config->live_config.access.keyring.empty()) return {};
  const identity::Time now = identity::now();
  const auto& keyring = config->live_config.access.keyring;
  if (keyring.signer(now) == nullptr)
    throw CommandFailed(ExitCode::usage, "every key of the configuration is retired");
  identity::Claims claims;
  claims.subject = claims.client_id = identity.subject;
  claims.roles = identity.roles;
  claims.issued_at = now;
  claims.expires_at = now + identity.ttl;
  claims.id = core::random_uuid();
  return identity::issue_token(keyring, claims, now);
}

std::string socket_beside(const std::string& base_url, const std::string& control_socket) {
  for (const char* local :
       {"http://127.", "http://localhost", "http://[::1]", "https://127.", "https://localhost"})
    if (base_url.starts_with(local)) return control_socket;
  return {};
}

}  // namespace payoutd::ctl
