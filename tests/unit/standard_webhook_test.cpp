// Signatures of notifications, held against the values that the reference libraries of Standard Webhooks test
// themselves with.
#include "core/standard_webhook.hpp"

#include <catch2/catch.hpp>
#include <set>

using namespace payoutd;
using core::MessageVerdict;

namespace {

const std::string kSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const std::string kId = "msg_p5jXN8AQM9LWM0D4loKWxJek";
constexpr std::int64_t kSent_s = 1614265330;
const std::string kBody = R"({"test": 2432232314})";
const std::string kSignature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

Secret secret() {
  return core::read_shown_secret(kSecret).value();
}

MessageVerdict verdict(const std::string& signatures, const std::string& body = kBody,
                       const std::string& timestamp = std::to_string(kSent_s), std::int64_t now_s = kSent_s) {
  return core::verify_message(secret(), {kId, timestamp, signatures, body}, now_s, 300);
}

}  // namespace

TEST_CASE("the reference message gets the reference signature", "[notifications]") {
  CHECK(core::sign_message(secret(), kId, kSent_s, kBody) == kSignature);
  CHECK(verdict(kSignature) == MessageVerdict::good);
}

TEST_CASE("one of several signatures is enough, and only of version v1", "[notifications]") {
  const std::string other = "v1,bm9ldHUjKzFob2VudXRob2VodWUzMjRvdWVvdW9ldQo=";
  const std::string asymmetric =
      "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==";
  CHECK(verdict(other + " " + asymmetric + " " + kSignature) == MessageVerdict::good);
  CHECK(verdict(other) == MessageVerdict::wrong_signature);
  CHECK(verdict(asymmetric) == MessageVerdict::no_signature);
  CHECK(verdict("v2," + kSignature.substr(3)) == MessageVerdict::no_signature);
  CHECK(verdict(kSignature.substr(3)) == MessageVerdict::no_signature);
  CHECK(verdict("") == MessageVerdict::no_signature);
  CHECK(verdict("  " + kSignature + "  ") == MessageVerdict::good);
}

TEST_CASE("another body, id, time or secret does not verify", "[notifications]") {
  CHECK(verdict(kSignature, kBody + " ") == MessageVerdict::wrong_signature);
  CHECK(verdict(kSignature, kBody, std::to_string(kSent_s + 1)) == MessageVerdict::wrong_signature);
  CHECK(verdict(kSignature, kBody, "0" + std::to_string(kSent_s)) == MessageVerdict::wrong_signature);
  CHECK(core::verify_message(secret(), {"msg_other", std::to_string(kSent_s), kSignature, kBody}, kSent_s,
                             300) == MessageVerdict::wrong_signature);
  const Secret other = core::read_shown_secret("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").value();
  CHECK(core::verify_message(other, {kId, std::to_string(kSent_s), kSignature, kBody}, kSent_s, 300) ==
        MessageVerdict::wrong_signature);
}

TEST_CASE("messages that are too old or from the future are told apart from forged ones", "[notifications]") {
  CHECK(verdict(kSignature, kBody, std::to_string(kSent_s), kSent_s + 300) == MessageVerdict::good);
  CHECK(verdict(kSignature, kBody, std::to_string(kSent_s), kSent_s + 301) == MessageVerdict::too_old);
  CHECK(verdict(kSignature, kBody, std::to_string(kSent_s), kSent_s - 301) == MessageVerdict::too_new);
  CHECK(verdict("v1,AAAA", kBody, std::to_string(kSent_s), kSent_s + 301) == MessageVerdict::wrong_signature);
  for (const char* bad : {"", "x", "-5", "1614265330.5", "1614265330 ", "99999999999999999999"})
    CHECK(verdict(kSignature, kBody, bad) == MessageVerdict::bad_timestamp);
  CHECK(core::verify_message(secret(), {kId, std::to_string(kSent_s), kSignature, kBody},
                             kSent_s + 1'000'000'000, -1) == MessageVerdict::good);
}

TEST_CASE("secrets are shown and read back; what is none is refused without showing it", "[notifications]") {
  CHECK(core::shown_secret(secret()) == kSecret);
  CHECK(core::read_shown_secret(kSecret.substr(6)).value().reveal() == secret().reveal());
  for (const char* bad : {"", "whsec_", "whsec_not*base64", "whsec_AAAA", "whsec_A"}) {
    const auto read = core::read_shown_secret(bad);
    REQUIRE_FALSE(read.has_value());
    CHECK((std::string(bad).size() < 8 || read.error().reason.find(bad) == std::string::npos));
  }
}

TEST_CASE("every endpoint and every rotation has a secret of its own", "[notifications]") {
  const Secret master("a master key of 32 characters, or more");
  const Secret other("another master key of 32 characters ..");
  const std::string a = "0e1c8e53-9f6f-4b0e-a5d5-1d0c1b8a7f00";
  const std::string b = "0e1c8e53-9f6f-4b0e-a5d5-1d0c1b8a7f01";
  std::set<std::string> all;
  for (const Secret& key : {master, other})
    for (const std::string& endpoint : {a, b})
      for (const int version : {1, 2, 12})
        all.insert(core::derive_endpoint_secret(key, endpoint, version).reveal());
  CHECK(all.size() == 12);
  for (const std::string& one : all) CHECK(one.size() == 32);
  // What integrators were given must never change: this value was computed elsewhere.
  CHECK(core::shown_secret(core::derive_endpoint_secret(master, a, 1)) ==
        "whsec_XNgDOoae151h6uwAW8DxZS3NA4+6jepZcAzTlllPV/U=");
}
