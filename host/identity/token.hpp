#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "identity/keyring.hpp"
#include "identity/role.hpp"

/// Bearer tokens: JSON Web Tokens (RFC 7519) signed with HMAC-SHA256 (HS256), and nothing else of that
/// family. All functions are pure and may be called from any thread.
namespace payoutd::identity {

inline constexpr std::string_view kIssuer = "payoutd";
inline constexpr std::string_view kAudience = "payoutd-api";
inline constexpr std::size_t kLargestToken = 4096;  ///< bytes

/// What a token says. Texts are printable ASCII without blanks, 1 to 128 characters.
struct Claims {
  std::string subject;    ///< `sub`: who acts; stands in every record of what was done
  std::string client_id;  ///< `client`: whose payouts are meant
  Roles roles;            ///< `roles`, a list of names; names that are not known here grant nothing
  Time issued_at{};       ///< `iat`, with milliseconds, so that revocation is exact
  Time expires_at{};      ///< `exp`
  std::string id;         ///< `jti`, a random UUID
};

/// Why a token is not good. Up to and including `bad_signature` nothing in it may be believed.
enum class TokenFault {
  too_large,
  malformed,
  wrong_algorithm,  ///< anything but HS256, `none` included
  unknown_key,
  retired_key,  ///< past its verify_until
  bad_signature,
  wrong_issuer,
  wrong_audience,
  bad_claims,  ///< one is missing or has another type
  not_yet_valid,
  expired,
  revoked,  ///< issued before all sessions were ended
};
std::string_view to_string(TokenFault fault) noexcept;

struct TokenRules {
  std::chrono::milliseconds clock_skew{30'000};  ///< by how much other machines' clocks may differ
  /// What was issued at this time or before is revoked.
  std::optional<Time> revoked_until{};
};

/// What verify() found. `claims` are there whenever the signature is right and they could be read, so that a
/// refusal can be explained; they count only if there is no fault.
struct Verdict {
  std::optional<TokenFault> fault;
  std::string kid;  ///< of a known key; else empty
  std::optional<Claims> claims;

  bool good() const { return !fault; }
};

/// Signed by the keyring's signer, which there must be; throws std::invalid_argument for claims that verify()
/// would not take.
std::string issue_token(const Keyring& keyring, const Claims& claims, Time now);

Verdict verify_token(const Keyring& keyring, std::string_view token, Time now, const TokenRules& rules);

/// True for what may stand in a claim.
bool is_claim_text(std::string_view text) noexcept;

Time now();

}  // namespace payoutd::identity
