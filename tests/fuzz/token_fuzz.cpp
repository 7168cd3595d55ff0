/// libFuzzer over bearer tokens: no input may crash, nothing that this keyring did not sign may pass, and
/// what passes keeps its promises.
#include <cstdlib>

#include "http/signed_token.hpp"

namespace {

using namespace payoutd;

const identity::Time kNow = *identity::parse_time("2026-03-01T12:00:00Z");
const identity::TokenRules kRules{std::chrono::seconds(30), kNow - std::chrono::hours(1)};

void expect(bool holds) {
  if (!holds) std::abort();
}

void check(const identity::Verdict& verdict) {
  if (!verdict.good()) return;
  expect(verdict.kid == "a" && verdict.claims.has_value());
  const identity::Claims& claims = *verdict.claims;
  expect(identity::is_claim_text(claims.subject) && identity::is_claim_text(claims.client_id));
  expect(claims.expires_at + kRules.clock_skew > kNow && claims.issued_at <= kNow + kRules.clock_skew);
  expect(claims.issued_at > *kRules.revoked_until && claims.expires_at > claims.issued_at);
}

/// The rest as head and claims that are signed rightly, so that what comes after the signature is reached
/// too.
void check_signed(std::string_view text) {
  const auto middle = text.find('\0');
  const std::string head =
      middle == std::string_view::npos ? test::kHead : std::string(text.substr(0, middle));
  const std::string claims(middle == std::string_view::npos ? text : text.substr(middle + 1));
  check(identity::verify_token(test::keyring(), test::signed_token(head, claims), kNow, kRules));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  expect(!identity::verify_token(test::keyring(), text, kNow, kRules).good());
  check_signed(text);
  if (const auto bytes = identity::read_base64url(text)) expect(identity::base64url(*bytes) == text);
  expect(identity::read_base64url(identity::base64url(text)) == text);
  if (const auto time = identity::parse_time(text))
    expect(identity::parse_time(identity::to_text(*time)).has_value());
  return 0;
}
