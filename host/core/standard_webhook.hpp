#pragma once
#include <cstdint>
#include <payoutd/result.hpp>
#include <payoutd/settings.hpp>
#include <string>
#include <string_view>

/// Standard Webhooks, specification 1.0.0 (github.com/standard-webhooks/standard-webhooks), symmetric
/// signatures: headers webhook-id, webhook-timestamp and webhook-signature. Pure; from any thread.
namespace payoutd::core {

/// The secret of an endpoint: 32 bytes that follow from a master key, the endpoint's id and how often it was
/// rotated. Neither the master nor another secret follows from it.
Secret derive_endpoint_secret(const Secret& master, std::string_view endpoint_id, int version);

/// How a secret is given to people: `whsec_` and its bytes in base64.
std::string shown_secret(const Secret& bytes);
/// And back, with or without `whsec_`. The Problem never shows it.
Result<Secret> read_shown_secret(std::string_view text);

/// One signature, `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`. `timestamp_s`: seconds since
/// 1970.
std::string sign_message(const Secret& bytes, std::string_view id, std::int64_t timestamp_s,
                         std::string_view body);

/// What arrived. `signatures` is the whole header: one or more signatures with spaces between them.
struct ReceivedMessage {
  std::string id;
  std::string timestamp;
  std::string signatures;
  std::string body;
};
enum class MessageVerdict {
  good,
  bad_timestamp,  ///< no whole number of seconds
  too_old,
  too_new,
  no_signature,     ///< none of version v1
  wrong_signature,  ///< another secret, or other bytes
};
/// `tolerance_s`: by how much the timestamp may be off `now_s`; negative: by anything.
MessageVerdict verify_message(const Secret& bytes, const ReceivedMessage& message, std::int64_t now_s,
                              std::int64_t tolerance_s);
std::string_view to_string(MessageVerdict verdict) noexcept;

}  // namespace payoutd::core
