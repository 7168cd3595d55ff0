#pragma once
#include <payoutd/contract.hpp>
#include <payoutd/settings.hpp>
#include <string>
#include <string_view>

namespace payoutd::core {

/// A random UUID of version 4, lower case with dashes.
std::string random_uuid();

/// True for the text form that random_uuid() makes, of any version.
bool is_uuid(std::string_view text) noexcept;

std::string sha256_hex(std::string_view data);

/// HMAC-SHA256 as 64 lower-case hexadecimal digits.
std::string hmac_sha256_hex(const Secret& key, std::string_view message);

/// What a reference is derived from. `n` counts the references that the payout has used up, from 1.
struct ReferenceSeed {
  std::string client_id;
  std::string idempotency_key;
  std::string provider;
  int n = 1;
};

/// Our name for a payment, derived and not drawn: the same payout posted again after the database forgot it
/// gets the same references, so that what was sent under them is found. HMAC-SHA256 under the instance key,
/// which is kept outside the database, over the length-prefixed parts of the seed; longer formats take more
/// blocks.
std::string derive_reference(const Secret& instance_key, const ReferenceSeed& seed,
                             const ReferenceFormat& format);

/// A payout's id, derived like its references: the same payout posted again after the database forgot it is
/// the same payout, also where a provider was told the id and names it in its answers.
std::string derive_payout_id(const Secret& instance_key, std::string_view client_id,
                             std::string_view idempotency_key);

/// The proof that a callback URL was minted by this instance, for one provider and reference: 32 hex
/// characters. `key` is the instance key, or what callback_url_key() made of a webhook secret.
std::string sign_callback(const Secret& key, std::string_view provider, std::string_view reference);

/// What signs callback URLs where a provider has a webhook secret: derived, so that no URL is ever a
/// signature of a body.
Secret callback_url_key(const Secret& webhook_secret);

/// Compares without telling by its duration where the texts differ.
bool equal_constant_time(std::string_view a, std::string_view b) noexcept;

}  // namespace payoutd::core
