#pragma once
#include <chrono>
#include <optional>
#include <payoutd/settings.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace payoutd::identity {

using Time = std::chrono::sys_time<std::chrono::milliseconds>;

/// One secret under its name. A key without ends signs and verifies.
struct SigningKey {
  std::string kid;  ///< stands in the head of every token that it signed
  Secret secret;
  /// From then on it signs nothing more. Tokens that it signed before stay good until `verify_until`, or
  /// until they expire.
  std::optional<Time> retired_at{};
  /// From then on nothing that it signed is good any more; a key that leaked gets a time that has passed.
  std::optional<Time> verify_until{};

  bool signs(Time now) const { return verifies(now) && (!retired_at || now < *retired_at); }
  bool verifies(Time now) const { return !verify_until || now < *verify_until; }
};

/// The keys in the order of the configuration: the first that is not retired signs, all of them verify.
class Keyring {
 public:
  Keyring() = default;
  explicit Keyring(std::vector<SigningKey> keys) : keys_(std::move(keys)) {}

  bool empty() const { return keys_.empty(); }
  const std::vector<SigningKey>& keys() const { return keys_; }
  /// nullptr: no key of this name.
  const SigningKey* find(std::string_view kid) const;
  /// nullptr: every key is retired.
  const SigningKey* signer(Time now) const;

 private:
  std::vector<SigningKey> keys_;
};

/// 1 to 64 letters, digits and `._-`.
bool is_kid(std::string_view text) noexcept;

/// A time such as 2026-01-31T08:00:00Z (seconds may have a fraction, the zone is Z).
std::optional<Time> parse_time(std::string_view text) noexcept;
std::string to_text(Time time);

}  // namespace payoutd::identity
