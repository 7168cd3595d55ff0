#include "core/ids.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "core/assert.hpp"

namespace payoutd::core {
namespace {

constexpr char kHex[] = "0123456789abcdef";

std::string hex(const unsigned char* data, std::size_t size) {
  std::string out;
  out.reserve(size * 2);
  for (std::size_t i = 0; i < size; ++i) {
    out += kHex[data[i] >> 4];
    out += kHex[data[i] & 15];
  }
  return out;
}

std::string uuid4_text(std::array<unsigned char, 16> bytes) {
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3f) | 0x80);
  const std::string digits = hex(bytes.data(), bytes.size());
  return digits.substr(0, 8) + '-' + digits.substr(8, 4) + '-' + digits.substr(12, 4) + '-' +
         digits.substr(16, 4) + '-' + digits.substr(20);
}

std::array<unsigned char, 32> hmac_sha256(const Secret& key, std::string_view message) {
  std::array<unsigned char, 32> out{};
  unsigned int size = 0;
  const std::string& text = key.reveal();
  const auto* done =
      HMAC(EVP_sha256(), text.data(), static_cast<int>(text.size()),
           reinterpret_cast<const unsigned char*>(message.data()), message.size(), out.data(), &size);
  PAYOUTD_ASSERT(done != nullptr && size == out.size(), "HMAC-SHA256 must be available");
  return out;
}

// Each part is preceded by its length, so that no two different seeds make the same message.
void append_part(std::string& message, std::string_view part) {
  message += std::to_string(part.size());
  message += ':';
  message += part;
}

std::string derive_uuid(const Secret& key, std::string_view message) {
  const auto mac = hmac_sha256(key, message);
  std::array<unsigned char, 16> bytes{};
  std::copy_n(mac.begin(), bytes.size(), bytes.begin());
  return uuid4_text(bytes);
}

}  // namespace

std::string random_uuid() {
  std::array<unsigned char, 16> bytes{};
  PAYOUTD_ASSERT(RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1,
                 "the system must give random bytes");
  return uuid4_text(bytes);
}

bool is_uuid(std::string_view text) noexcept {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const char c = text[i];
    const bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    if (dash ? c != '-' : !digit) return false;
  }
  return true;
}

std::string sha256_hex(std::string_view data) {
  std::array<unsigned char, 32> out{};
  unsigned int size = 0;
  PAYOUTD_ASSERT(EVP_Digest(data.data(), data.size(), out.data(), &size, EVP_sha256(), nullptr) == 1,
                 "SHA-256 must be available");
  return hex(out.data(), size);
}

std::string hmac_sha256_hex(const Secret& key, std::string_view message) {
  return hex(hmac_sha256(key, message).data(), 32);
}

Secret callback_url_key(const Secret& webhook_secret) {
  return Secret(hmac_sha256_hex(webhook_secret, "payoutd callback url 1"));
}

std::string derive_reference(const Secret& instance_key, const ReferenceSeed& seed,
                             const ReferenceFormat& format) {
  PAYOUTD_ASSERT(!instance_key.empty(), "a reference needs the instance key");
  std::string message = "payoutd reference 1;";
  append_part(message, seed.client_id);
  append_part(message, seed.idempotency_key);
  append_part(message, seed.provider);
  append_part(message, std::to_string(seed.n));
  if (format.uuid4) return derive_uuid(instance_key, message);
  PAYOUTD_ASSERT(!format.charset.empty() && format.charset.size() <= 256 && format.length > 0,
                 "a validated contract has a charset and a length");
  // Bytes at or above the largest multiple of the charset's size are skipped: every character is equally
  // likely.
  const std::size_t usable = 256 - 256 % format.charset.size();
  std::string reference;
  for (int block = 0; reference.size() < static_cast<std::size_t>(format.length); ++block) {
    for (const unsigned char byte : hmac_sha256(instance_key, message + ";" + std::to_string(block))) {
      if (byte < usable && reference.size() < static_cast<std::size_t>(format.length)) {
        reference += format.charset[byte % format.charset.size()];
      }
    }
  }
  return reference;
}

std::string derive_payout_id(const Secret& instance_key, std::string_view client_id,
                             std::string_view idempotency_key) {
  PAYOUTD_ASSERT(!instance_key.empty(), "a payout's id needs the instance key");
  std::string message = "payoutd payout 1;";
  append_part(message, client_id);
  append_part(message, idempotency_key);
  return derive_uuid(instance_key, message);
}

std::string sign_callback(const Secret& key, std::string_view provider, std::string_view reference) {
  std::string message = "payoutd callback 1;";
  append_part(message, provider);
  append_part(message, reference);
  return hex(hmac_sha256(key, message).data(), 16);
}

bool equal_constant_time(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace payoutd::core
