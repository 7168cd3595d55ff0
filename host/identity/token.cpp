#include "identity/token.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <boost/json.hpp>
#include <payoutd/exact_json.hpp>
#include <stdexcept>

#include "core/ids.hpp"
#include "identity/base64url.hpp"

namespace payoutd::identity {
namespace {

namespace json = boost::json;

constexpr std::size_t kLongestClaim = 128;
constexpr std::size_t kMostRoles = 16;
constexpr char kNumber = '\x01';  ///< stands before numbers, so that "5" is none

std::string sign(const Secret& secret, std::string_view text) {
  unsigned char mac[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  const std::string& key = secret.reveal();
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
           reinterpret_cast<const unsigned char*>(text.data()), text.size(), mac, &size) == nullptr)
    throw std::runtime_error("HMAC-SHA256 is not available in this OpenSSL");
  return {reinterpret_cast<const char*>(mac), size};
}

std::optional<json::object> read_part(std::string_view part) {
  const auto text = read_base64url(part);
  if (!text) return std::nullopt;
  const JsonLimits limits{
      .bytes = kLargestToken, .depth = 4, .members = 32, .elements = 64, .key_bytes = 64, .text_bytes = 1024};
  auto value = read_json_marking_numbers(*text, kNumber, limits);
  if (!value || !value->is_object()) return std::nullopt;
  return std::move(value->as_object());
}

std::optional<std::string> text_claim(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  if (value == nullptr || !value->is_string()) return std::nullopt;
  std::string text(value->get_string());
  if (text.starts_with(kNumber)) return std::nullopt;
  return text;
}

/// A NumericDate: seconds since 1970, perhaps with a fraction. Exponents and signs are refused.
std::optional<Time> time_claim(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  if (value == nullptr || !value->is_string() || !value->get_string().starts_with(kNumber))
    return std::nullopt;
  std::string_view text = value->get_string();
  text.remove_prefix(1);
  const auto dot = text.find('.');
  const std::string_view whole = text.substr(0, dot);
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(whole.data(), whole.data() + whole.size(), seconds);
  constexpr std::int64_t kLast = 253'402'300'799;  // the end of the year 9999
  if (error != std::errc() || end != whole.data() + whole.size() || seconds < 0 || seconds > kLast ||
      whole.starts_with('-'))
    return std::nullopt;
  std::int64_t milliseconds = 0;
  if (dot != std::string_view::npos) {
    std::int64_t weight = 100;
    for (const char c : text.substr(dot + 1)) {
      if (c < '0' || c > '9') return std::nullopt;
      milliseconds += (c - '0') * weight;
      weight /= 10;
    }
  }
  return Time{std::chrono::milliseconds{seconds * 1000 + milliseconds}};
}

std::optional<Roles> roles_claim(const json::object& object) {
  const auto* value = object.if_contains("roles");
  if (value == nullptr || !value->is_array() || value->get_array().size() > kMostRoles) return std::nullopt;
  Roles roles;
  for (const json::value& item : value->get_array()) {
    if (!item.is_string() || item.get_string().starts_with(kNumber)) return std::nullopt;
    if (const auto role = parse_role(item.get_string())) roles.add(*role);
  }
  return roles;
}

std::optional<Claims> read_claims(const json::object& object) {
  const auto subject = text_claim(object, "sub");
  const auto client = text_claim(object, "client");
  const auto id = text_claim(object, "jti");
  const auto roles = roles_claim(object);
  const auto issued = time_claim(object, "iat");
  const auto expires = time_claim(object, "exp");
  if (!subject || !client || !id || !roles || !issued || !expires) return std::nullopt;
  if (!is_claim_text(*subject) || !is_claim_text(*client) || !is_claim_text(*id)) return std::nullopt;
  if (*expires <= *issued) return std::nullopt;
  return Claims{*subject, *client, *roles, *issued, *expires, *id};
}

/// One text, or a list in which it stands.
bool names_audience(const json::object& object) {
  const auto* value = object.if_contains("aud");
  if (value == nullptr) return false;
  const auto is_ours = [](const json::value& v) { return v.is_string() && v.get_string() == kAudience; };
  if (const auto* list = value->if_array()) return std::ranges::any_of(*list, is_ours);
  return is_ours(*value);
}

std::optional<TokenFault> check_claims(const json::object& object, const std::optional<Claims>& claims,
                                       Time now, const TokenRules& rules) {
  if (text_claim(object, "iss") != kIssuer) return TokenFault::wrong_issuer;
  if (!names_audience(object)) return TokenFault::wrong_audience;
  if (!claims) return TokenFault::bad_claims;
  if (object.contains("nbf")) {
    const auto not_before = time_claim(object, "nbf");
    if (!not_before) return TokenFault::bad_claims;
    if (now + rules.clock_skew < *not_before) return TokenFault::not_yet_valid;
  }
  // A token from the future would outlive the end of all sessions.
  if (now + rules.clock_skew < claims->issued_at) return TokenFault::not_yet_valid;
  if (now >= claims->expires_at + rules.clock_skew) return TokenFault::expired;
  if (rules.revoked_until && claims->issued_at <= *rules.revoked_until) return TokenFault::revoked;
  return std::nullopt;
}

std::string numeric_date(Time time) {
  const auto ms = time.time_since_epoch().count();
  std::string fraction = std::to_string(1000 + ms % 1000).substr(1);
  return std::to_string(ms / 1000) + (fraction == "000" ? "" : "." + fraction);
}

}  // namespace

std::string_view to_string(TokenFault fault) noexcept {
  switch (fault) {
    case TokenFault::too_large:
      return "too_large";
    case TokenFault::malformed:
      return "malformed";
    case TokenFault::wrong_algorithm:
      return "wrong_algorithm";
    case TokenFault::unknown_key:
      return "unknown_key";
    case TokenFault::retired_key:
      return "retired_key";
    case TokenFault::bad_signature:
      return "bad_signature";
    case TokenFault::wrong_issuer:
      return "wrong_issuer";
    case TokenFault::wrong_audience:
      return "wrong_audience";
    case TokenFault::bad_claims:
      return "bad_claims";
    case TokenFault::not_yet_valid:
      return "not_yet_valid";
    case TokenFault::expired:
      return "expired";
    case TokenFault::revoked:
      return "revoked";
  }
  return "malformed";
}

bool is_claim_text(std::string_view text) noexcept {
  return !text.empty() && text.size() <= kLongestClaim &&
         std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

Time now() {
  return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

std::string issue_token(const Keyring& keyring, const Claims& claims, Time now) {
  const SigningKey* key = keyring.signer(now);
  if (key == nullptr) throw std::invalid_argument("there is no key that signs");
  if (!is_claim_text(claims.subject) || !is_claim_text(claims.client_id) || !is_claim_text(claims.id))
    throw std::invalid_argument("subject, client and id are 1 to 128 printable characters without blanks");
  if (claims.expires_at <= claims.issued_at) throw std::invalid_argument("a token must end after it begins");
  json::array roles;
  for (const std::string& name : claims.roles.names()) roles.emplace_back(name);
  const json::object head{{"alg", "HS256"}, {"kid", key->kid}, {"typ", "JWT"}};
  json::object body{{"iss", kIssuer},
                    {"aud", kAudience},
                    {"sub", claims.subject},
                    {"client", claims.client_id},
                    {"roles", std::move(roles)},
                    {"jti", claims.id}};
  // The times are written here and not as doubles, which would round.
  std::string text = json::serialize(body);
  text.pop_back();
  text += ",\"iat\":" + numeric_date(claims.issued_at) + ",\"exp\":" + numeric_date(claims.expires_at) + "}";
  const std::string signed_part = base64url(json::serialize(head)) + "." + base64url(text);
  return signed_part + "." + base64url(sign(key->secret, signed_part));
}

// The order matters: nothing of the claims is looked at before the signature, and the algorithm is not the
// token's to choose.
Verdict verify_token(const Keyring& keyring, std::string_view token, Time now, const TokenRules& rules) {
  Verdict verdict;
  const auto refuse = [&verdict](TokenFault fault) {
    verdict.fault = fault;
    return verdict;
  };
  if (token.size() > kLargestToken) return refuse(TokenFault::too_large);
  const auto first = token.find('.');
  const auto second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos)
    return refuse(TokenFault::malformed);
  const auto head = read_part(token.substr(0, first));
  if (!head) return refuse(TokenFault::malformed);
  if (text_claim(*head, "alg") != "HS256") return refuse(TokenFault::wrong_algorithm);
  // What `crit` names must be understood (RFC 7515, 4.1.11), and nothing of it is.
  if (head->contains("crit")) return refuse(TokenFault::malformed);
  const SigningKey* key = keyring.find(text_claim(*head, "kid").value_or(""));
  if (key == nullptr) return refuse(TokenFault::unknown_key);
  verdict.kid = key->kid;
  const auto signature = read_base64url(token.substr(second + 1));
  if (!signature || !core::equal_constant_time(*signature, sign(key->secret, token.substr(0, second))))
    return refuse(TokenFault::bad_signature);
  const auto body = read_part(token.substr(first + 1, second - first - 1));
  if (!body) return refuse(TokenFault::malformed);
  verdict.claims = read_claims(*body);
  if (!key->verifies(now)) return refuse(TokenFault::retired_key);
  verdict.fault = check_claims(*body, verdict.claims, now, rules);
  // A retired key signs nothing more: what claims to be signed later was made by somebody who kept the key.
  if (!verdict.fault && key->retired_at && verdict.claims->issued_at > *key->retired_at + rules.clock_skew)
    verdict.fault = TokenFault::retired_key;
  return verdict;
}

}  // namespace payoutd::identity
