#pragma once
#include <optional>
#include <pqxx/pqxx>
#include <string>
#include <vector>

namespace payoutd::store {

/// One version of a secret as a host uses it. Never its value.
struct SecretUse {
  std::string secret;       ///< which one, such as auth.keys
  std::string fingerprint;  ///< of the value
  std::string key_id;       ///< its name among several that count at once; may be empty
  std::string purpose;
  bool current = true;                        ///< false: it is accepted beside the current one
  std::optional<std::int64_t> expires_at_ms;  ///< since 1970; nullopt: never
};

struct SecretVersion {
  std::string secret;
  std::string fingerprint;
  std::string key_id;
  std::string purpose;
  std::string created_at;
  std::string created_by;
  std::string activated_at;  ///< empty: it never was the current one
  std::string activated_by;
  std::string expires_at;  ///< empty: never
  std::string retired_at;  ///< empty: a host has it
  std::string retired_by;
  std::int64_t age_s = 0;  ///< since it was activated, or else created
  struct Host {
    std::string name;
    bool current = true;
  };
  std::vector<Host> hosts;  ///< that live and use it
};

/// Records what this host uses from now on; what no host uses any more is retired.
void record_secrets(pqxx::transaction_base& work, const std::string& incarnation,
                    const std::vector<SecretUse>& uses, const std::string& actor);
/// Retires what only hosts that are gone used. Returns how many.
std::int64_t retire_unused_secrets(pqxx::transaction_base& work, const std::string& actor);

/// Those in use, or with `all` every one that there ever was; by secret, the latest first. `secret` empty: of
/// all secrets, else of this one or of those whose name begins with it and a dot.
std::vector<SecretVersion> secret_versions(pqxx::transaction_base& work, const std::string& secret, bool all);

}  // namespace payoutd::store
