#include "core/standard_webhook.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <charconv>
#include <payoutd/text.hpp>

#include "core/assert.hpp"
#include "core/ids.hpp"

namespace payoutd::core {
namespace {

constexpr std::string_view kPrefix = "whsec_";
constexpr std::string_view kVersion = "v1,";
constexpr std::size_t kShortest = 16;  // bytes; the specification asks for 24 to 64 of new secrets
constexpr std::size_t kLongest = 128;

std::string hmac_sha256(const Secret& key, std::string_view message) {
  std::string out(32, '\0');
  unsigned int size = 0;
  const std::string& bytes = key.reveal();
  const auto* done = HMAC(EVP_sha256(), bytes.data(), static_cast<int>(bytes.size()),
                          reinterpret_cast<const unsigned char*>(message.data()), message.size(),
                          reinterpret_cast<unsigned char*>(out.data()), &size);
  PAYOUTD_ASSERT(done != nullptr && size == out.size(), "HMAC-SHA256 must be available");
  return out;
}

// RFC 4648, section 4, with or without padding; nullopt for anything else.
std::optional<std::string> read_base64(std::string_view text) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  while (text.ends_with('=')) text.remove_suffix(1);
  if (text.size() % 4 == 1) return std::nullopt;
  std::string bytes;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const auto digit = kDigits.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    bits = (bits << 6) | static_cast<std::uint32_t>(digit);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes += static_cast<char>((bits >> count) & 0xff);
  }
  return bytes;
}

std::string signature_of(const Secret& bytes, std::string_view id, std::string_view timestamp,
                         std::string_view body) {
  std::string message(id);
  message.append(".").append(timestamp).append(".").append(body);
  return std::string(kVersion) + base64(hmac_sha256(bytes, message));
}

std::optional<std::int64_t> read_seconds(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

}  // namespace

Secret derive_endpoint_secret(const Secret& master, std::string_view endpoint_id, int version) {
  PAYOUTD_ASSERT(!master.empty(), "an endpoint's secret needs a master key");
  // The id is a UUID: it holds no separator, so no two names make the same message.
  return Secret(hmac_sha256(
      master, "payoutd notification secret 1;" + std::string(endpoint_id) + ";" + std::to_string(version)));
}

std::string shown_secret(const Secret& bytes) {
  return std::string(kPrefix) + base64(bytes.reveal());
}

Result<Secret> read_shown_secret(std::string_view text) {
  if (text.starts_with(kPrefix)) text.remove_prefix(kPrefix.size());
  auto bytes = read_base64(text);
  if (!bytes) return Problem{"secret", "is not whsec_ and base64"};
  if (bytes->size() < kShortest || bytes->size() > kLongest)
    return Problem{"secret", "has " + std::to_string(bytes->size()) + " bytes; 16 to 128 are expected"};
  return Secret(*std::move(bytes));
}

std::string sign_message(const Secret& bytes, std::string_view id, std::int64_t timestamp_s,
                         std::string_view body) {
  return signature_of(bytes, id, std::to_string(timestamp_s), body);
}

MessageVerdict verify_message(const Secret& bytes, const ReceivedMessage& message, std::int64_t now_s,
                              std::int64_t tolerance_s) {
  const auto sent_s = read_seconds(message.timestamp);
  if (!sent_s) return MessageVerdict::bad_timestamp;
  const std::string expected = signature_of(bytes, message.id, message.timestamp, message.body);
  bool offered = false;
  bool matches = false;
  for (std::string_view rest = message.signatures; !rest.empty();) {
    const auto end = std::min(rest.find(' '), rest.size());
    const std::string_view one = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (!one.starts_with(kVersion)) continue;
    offered = true;
    if (equal_constant_time(one, expected)) matches = true;
  }
  if (!offered) return MessageVerdict::no_signature;
  if (!matches) return MessageVerdict::wrong_signature;
  if (tolerance_s >= 0 && *sent_s < now_s - tolerance_s) return MessageVerdict::too_old;
  if (tolerance_s >= 0 && *sent_s > now_s + tolerance_s) return MessageVerdict::too_new;
  return MessageVerdict::good;
}

std::string_view to_string(MessageVerdict verdict) noexcept {
  switch (verdict) {
    case MessageVerdict::good:
      return "good";
    case MessageVerdict::bad_timestamp:
      return "bad_timestamp";
    case MessageVerdict::too_old:
      return "too_old";
    case MessageVerdict::too_new:
      return "too_new";
    case MessageVerdict::no_signature:
      return "no_signature";
    case MessageVerdict::wrong_signature:
      return "wrong_signature";
  }
  return "";
}

}  // namespace payoutd::core
