#include "identity/token.hpp"

#include <catch2/catch.hpp>

#include "core/ids.hpp"
#include "identity/base64url.hpp"
#include "signed_token.hpp"

using namespace payoutd;
using namespace payoutd::test;
using identity::Role;
using identity::TokenFault;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

const identity::Time kNow = *identity::parse_time("2026-03-01T12:00:00Z");

std::optional<TokenFault> fault_of(const std::string& token, const identity::TokenRules& rules = {}) {
  return identity::verify_token(keyring(), token, kNow, rules).fault;
}

std::string changed_claim(const std::string& from, const std::string& to) {
  std::string text = claims_text(kNow, kNow + seconds(600));
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  return signed_token(kHead, text.replace(at, from.size(), to));
}

}  // namespace

TEST_CASE("a token that was issued is verified, with what it says") {
  identity::Claims claims{
      "awa", "shop", {Role::admin, Role::approver}, kNow + milliseconds(7), kNow + seconds(60), "id-1"};
  const std::string token = identity::issue_token(keyring(), claims, kNow);
  const auto verdict = identity::verify_token(keyring(), token, kNow, {});
  REQUIRE(verdict.good());
  CHECK(verdict.kid == "a");
  CHECK(verdict.claims->subject == "awa");
  CHECK(verdict.claims->client_id == "shop");
  CHECK(verdict.claims->roles == identity::Roles{Role::admin, Role::approver});
  CHECK(verdict.claims->issued_at == claims.issued_at);
  CHECK(verdict.claims->expires_at == claims.expires_at);
  CHECK(verdict.claims->id == "id-1");
}

TEST_CASE("a token made by another program is verified") {
  CHECK_FALSE(fault_of(signed_token(kHead, claims_text(kNow, kNow + seconds(60)))));
  CHECK_FALSE(fault_of(signed_token(R"({"kid":"a","alg":"HS256"})", claims_text(kNow, kNow + seconds(60)))));
  CHECK_FALSE(fault_of(changed_claim(R"("payoutd-api")", R"(["other","payoutd-api"])")));
  CHECK_FALSE(fault_of(changed_claim(R"("payouts:read")", R"("payouts:read","of the future")")));
}

TEST_CASE("whatever is wrong with a token, it is refused for that") {
  const std::string good = signed_token(kHead, claims_text(kNow, kNow + seconds(600)));
  const std::string claims = claims_text(kNow, kNow + seconds(600));
  REQUIRE_FALSE(fault_of(good));
  SECTION("form") {
    const auto bad = GENERATE_COPY(values<std::string>(
        {"", ".", "..", "...", "a.b", good + ".", good + ".x", "x" + good, good.substr(0, 30), " " + good,
         signed_token("[]", claims), signed_token("nonsense", claims),
         signed_token(R"({"alg":"HS256","kid":"a","kid":"b"})", claims),
         signed_token(R"({"alg":"HS256","kid":"a","crit":["exp"]})", claims)}));
    INFO(bad);
    CHECK(fault_of(bad) == TokenFault::malformed);
  }
  SECTION("padding or another alphabet in the signature") {
    CHECK(fault_of(good + "=") == TokenFault::bad_signature);
    CHECK(fault_of(good + "\n") == TokenFault::bad_signature);
  }
  SECTION("size") {
    CHECK(fault_of(std::string(100'000, 'a')) == TokenFault::too_large);
    CHECK(fault_of(good + std::string(identity::kLargestToken, 'a')) == TokenFault::too_large);
  }
  SECTION("algorithm") {
    const auto head = GENERATE(
        values<std::string>({R"({"alg":"none","kid":"a"})", R"({"alg":"None","kid":"a"})",
                             R"({"alg":"HS512","kid":"a"})", R"({"alg":"RS256","kid":"a"})",
                             R"({"alg":"hs256","kid":"a"})", R"({"kid":"a"})", R"({"alg":256,"kid":"a"})"}));
    CHECK(fault_of(signed_token(head, claims)) == TokenFault::wrong_algorithm);
    const std::string unsigned_token = identity::base64url(head) + "." + identity::base64url(claims) + ".";
    CHECK(fault_of(unsigned_token) == TokenFault::wrong_algorithm);
  }
  SECTION("key") {
    const auto head =
        GENERATE(values<std::string>({R"({"alg":"HS256","kid":"z"})", R"({"alg":"HS256"})",
                                      R"({"alg":"HS256","kid":""})", R"({"alg":"HS256","kid":1})"}));
    CHECK(fault_of(signed_token(head, claims)) == TokenFault::unknown_key);
  }
  SECTION("signature") {
    CHECK(fault_of(signed_token(kHead, claims, "another secret of 32 characters!")) ==
          TokenFault::bad_signature);
    CHECK(fault_of(good.substr(0, good.rfind('.') + 1)) == TokenFault::bad_signature);
    CHECK(fault_of(good.substr(0, good.size() - 4)) == TokenFault::bad_signature);
    // Another key's name over this key's signature.
    CHECK(fault_of(signed_token(R"({"alg":"HS256","kid":"b"})", claims)) == TokenFault::bad_signature);
    std::string tampered = good;
    const auto dot = tampered.find('.');
    tampered[dot + 5] = tampered[dot + 5] == 'A' ? 'B' : 'A';
    CHECK(fault_of(tampered) == TokenFault::bad_signature);
  }
  SECTION("issuer and audience") {
    CHECK(fault_of(changed_claim(R"("iss":"payoutd")", R"("iss":"other")")) == TokenFault::wrong_issuer);
    CHECK(fault_of(changed_claim(R"("iss":"payoutd",)", "")) == TokenFault::wrong_issuer);
    CHECK(fault_of(changed_claim("payoutd-api", "other-api")) == TokenFault::wrong_audience);
    CHECK(fault_of(changed_claim(R"("aud":"payoutd-api",)", "")) == TokenFault::wrong_audience);
  }
  SECTION("claims") {
    const auto change = GENERATE(
        values<std::pair<std::string, std::string>>({{R"("sub":"shop",)", ""},
                                                     {R"("sub":"shop")", R"("sub":7)"},
                                                     {R"("sub":"shop")", R"("sub":"")"},
                                                     {R"("sub":"shop")", R"("sub":"a b")"},
                                                     {R"("sub":"shop")", R"("sub":"a\nb")"},
                                                     {R"("client":"shop",)", ""},
                                                     {R"("jti":"id",)", ""},
                                                     {R"("roles":["payouts:read"],)", ""},
                                                     {R"("roles":["payouts:read"])", R"("roles":"admin")"},
                                                     {R"("roles":["payouts:read"])", R"("roles":[1])"},
                                                     {R"("exp":)", R"("expires":)"},
                                                     {R"("iat":)", R"("issued":)"},
                                                     {R"("exp":)", R"("exp":-)"},
                                                     {R"("iat":)", R"("iat":1e)"},
                                                     {R"("iat":)", R"("nbf":"x","iat":)"}}));
    INFO(change.first << " becomes " << change.second);
    CHECK(fault_of(changed_claim(change.first, change.second)) == TokenFault::bad_claims);
  }
  SECTION("a number that is a text") {
    const std::string exp = std::to_string((kNow + seconds(600)).time_since_epoch().count() / 1000);
    CHECK(fault_of(changed_claim(R"("exp":)" + exp, R"("exp":")" + exp + "\"")) == TokenFault::bad_claims);
  }
}

TEST_CASE("time limits count with the clock skew that is allowed") {
  const identity::TokenRules rules{seconds(30), {}};
  const auto made = [](seconds issued, seconds expires) {
    return signed_token(kHead, claims_text(kNow + issued, kNow + expires));
  };
  CHECK_FALSE(fault_of(made(seconds(-600), seconds(-29)), rules));
  CHECK(fault_of(made(seconds(-600), seconds(-30)), rules) == TokenFault::expired);
  CHECK_FALSE(fault_of(made(seconds(30), seconds(600)), rules));
  CHECK(fault_of(made(seconds(31), seconds(600)), rules) == TokenFault::not_yet_valid);
  CHECK(fault_of(made(seconds(0), seconds(1)), {seconds(0), {}}) == std::nullopt);
  CHECK(fault_of(made(seconds(-1), seconds(0)), {seconds(0), {}}) == TokenFault::expired);
}

TEST_CASE("tokens that were issued before sessions were ended are refused, and later ones are not") {
  const identity::TokenRules rules{seconds(30), kNow};
  const auto issued = [](milliseconds offset) {
    identity::Claims claims{"a", "c", {}, kNow + offset, kNow + seconds(60), "i"};
    return identity::issue_token(keyring(), claims, kNow);
  };
  CHECK(fault_of(issued(milliseconds(-1)), rules) == TokenFault::revoked);
  CHECK(fault_of(issued(milliseconds(0)), rules) == TokenFault::revoked);
  CHECK_FALSE(fault_of(issued(milliseconds(1)), rules));
}

TEST_CASE("a retired key verifies what it signed before, and a key past its end nothing") {
  const auto ring = [](std::optional<identity::Time> retired, std::optional<identity::Time> until) {
    return identity::Keyring({{"a", Secret(kSecretA), retired, until}, {"b", Secret(kSecretB), {}, {}}});
  };
  const std::string token = signed_token(kHead, claims_text(kNow - seconds(300), kNow + seconds(600)));
  const auto fault = [&](const identity::Keyring& keys) {
    return identity::verify_token(keys, token, kNow, {}).fault;
  };
  CHECK_FALSE(fault(ring(kNow - seconds(100), {})));
  CHECK(fault(ring(kNow - seconds(400), {})) == TokenFault::retired_key);  // signed after its retirement
  CHECK_FALSE(fault(ring({}, kNow + seconds(1))));
  CHECK(fault(ring({}, kNow)) == TokenFault::retired_key);
  CHECK(ring(kNow, {}).signer(kNow)->kid == "b");
  CHECK(ring({}, {}).signer(kNow)->kid == "a");
}

TEST_CASE("base64url is read one way only") {
  for (const std::string text : {"", "f", "fo", "foo", "foob", "\xff\xfe\x00\x01"}) {
    CHECK(identity::read_base64url(identity::base64url(text)) == text);
  }
  for (const std::string bad : {"Zg=", "Zg==", "Z", "Zh", "Zm9v\n", "Zm 9", "Zm+v", "Zm/v", "Zm9\xff"})
    CHECK_FALSE(identity::read_base64url(bad));
}

TEST_CASE("times of keys are read strictly") {
  CHECK(identity::to_text(*identity::parse_time("2026-02-28T23:59:59.5Z")) == "2026-02-28T23:59:59Z");
  for (const char* bad : {"", "2026-02-30T00:00:00Z", "2026-01-01", "2026-01-01T00:00:00",
                          "2026-01-01T24:00:00Z", "2026-01-01T00:00:00+01:00", "now", "2026-1-1T00:00:00Z"})
    CHECK_FALSE(identity::parse_time(bad));
}

TEST_CASE("administrators read and replay, but neither make nor approve payouts") {
  const identity::Roles admin{Role::admin};
  CHECK(admin.allow(Role::admin));
  CHECK(admin.allow(Role::payouts_read));
  CHECK(admin.allow(Role::webhooks_replay));
  CHECK(admin.allow(Role::support_read));
  CHECK_FALSE(identity::Roles{Role::payouts_read}.allow(Role::support_read));
  CHECK_FALSE(identity::Roles{Role::support_read}.allow(Role::payouts_read));
  CHECK_FALSE(admin.allow(Role::payouts_write));
  CHECK_FALSE(admin.allow(Role::approver));
  CHECK_FALSE(identity::Roles{Role::payouts_write}.allow(Role::payouts_read));
}
