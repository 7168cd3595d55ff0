#pragma once
#include <filesystem>
#include <functional>
#include <optional>
#include <payoutd/result.hpp>
#include <payoutd/settings.hpp>
#include <string>
#include <string_view>

namespace payoutd::ops {

/// Reads one environment variable; tests give their own.
using ReadEnvironment = std::function<std::optional<std::string>(const std::string& name)>;
std::optional<std::string> process_environment(const std::string& name);

/// The same, and where a variable is not set, the credential of its name in lower case: JWT_SECRET may be the
/// file `jwt_secret` that systemd loaded.
ReadEnvironment with_credentials(ReadEnvironment environment);

/// Where a secret is written. `${NAME}` and `env:NAME` are an environment variable, `file:/path` a file,
/// `credential:NAME` a file in $CREDENTIALS_DIRECTORY (systemd's LoadCredential): NAME, or payoutd_NAME as
/// the installed unit loads the files of a folder; anything else is the secret itself, in plain.
struct SecretReference {
  enum class Kind { plain, environment, file, credential };
  Kind kind = Kind::plain;
  std::string name;  ///< of the variable, path or credential; the secret itself if plain

  static SecretReference parse(std::string_view written);
};

struct SecretSource {
  std::filesystem::path folder;  ///< relative paths of `file:` start here
  ReadEnvironment environment = process_environment;
  bool accept_plain = false;  ///< development only
};

/// The secret, registered with the redactor. One line break at the end of a file is not part of it. The
/// Problem has no field and never shows the secret.
Result<Secret> read_secret(std::string_view written, const SecretSource& source);

/// The instance key from `state_dir`/instance.key; made there (32 random bytes as hex, mode 0600) if absent.
/// All references are derived from it: hosts that share a database must share it, and it must survive with
/// its backups. Throws std::runtime_error if it can be neither read nor written, or is shorter than 32
/// characters.
Secret load_or_create_instance_key(const std::filesystem::path& state_dir);

}  // namespace payoutd::ops
