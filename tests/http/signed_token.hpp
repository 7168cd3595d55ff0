#pragma once
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <string>

#include "core/ids.hpp"
#include "identity/base64url.hpp"
#include "identity/token.hpp"

namespace payoutd::test {

inline const std::string kSecretA = "first secret of the tests, 32 ch";
inline const std::string kSecretB = "second secret of the tests, 32 c";
inline const std::string kHead = R"({"alg":"HS256","kid":"a","typ":"JWT"})";

inline identity::Keyring keyring() {
  return identity::Keyring({{"a", Secret(kSecretA), {}, {}}, {"b", Secret(kSecretB), {}, {}}});
}

inline std::string claims_text(identity::Time issued, identity::Time expires) {
  const auto seconds_of = [](identity::Time time) {
    return std::to_string(time.time_since_epoch().count() / 1000);
  };
  return R"({"iss":"payoutd","aud":"payoutd-api","sub":"shop","client":"shop","roles":["payouts:read"],"jti":"id",)"
         R"("iat":)" +
         seconds_of(issued) + R"(,"exp":)" + seconds_of(expires) + "}";
}

/// A token as another program would make it, or as a forger would.
inline std::string signed_token(const std::string& head, const std::string& claims,
                                const std::string& secret = kSecretA) {
  const std::string text = identity::base64url(head) + "." + identity::base64url(claims);
  unsigned char mac[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  ::HMAC(::EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
         reinterpret_cast<const unsigned char*>(text.data()), text.size(), mac, &size);
  return text + "." + identity::base64url({reinterpret_cast<const char*>(mac), size});
}

/// A good token for now.
inline std::string token_for(identity::Roles roles, const std::string& client = "shop",
                             const std::string& subject = "shop",
                             std::chrono::milliseconds ttl = std::chrono::minutes(10)) {
  const auto now = identity::now();
  return identity::issue_token(keyring(), {subject, client, roles, now, now + ttl, core::random_uuid()}, now);
}

}  // namespace payoutd::test
