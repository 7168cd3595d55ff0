#pragma once
#include <boost/json/value.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/webhook_key.hpp"
#include "store/inbox.hpp"

/// What a callback's bytes say and prove, before anything is stored or asked. All functions are pure.
namespace payoutd::engine {

/// A header of a callback, whatever the case of its name. Two of them are none that can be believed.
struct CallbackHeader {
  std::string value;  ///< of the last one; empty if there is none
  int count = 0;
};
CallbackHeader callback_header(const store::InboxEvent& event, std::string_view lower_case_name);

/// `[sha256=]hex` of an X-Signature, as lower-case digits.
std::string signature_digits(std::string_view value);

/// What proves that a callback is the provider's.
struct CallbackProof {
  bool valid = false;
  bool offered = false;       ///< a signature was there
  std::string kind;           ///< signature, url
  std::string key_id;         ///< of the first key that matched
  std::string url_reference;  ///< of the signed URL, if it proved itself
};

/// The id under which the instance key proves URLs.
inline constexpr const char* kInstanceKeyId = "instance";

/// The body's HMAC under any of the provider's keys that has not expired, or a URL that this instance minted
/// for this provider: `reference` and `signature` as the URL says them, empty if it says none. Every key is
/// tried whatever the ones before it said.
CallbackProof prove_callback(const store::InboxEvent& event, const std::string& reference,
                             const std::string& signature, const std::vector<core::WebhookKey>& keys,
                             const Secret& instance_key);

/// Of `/v1/webhooks/{provider}/{reference}/{signature}`, with or without a query; empty where the path is
/// another.
struct SignedUrl {
  std::string reference;
  std::string signature;
};
SignedUrl signed_url_of_path(std::string_view path);

/// False for what says that it is something else than JSON, and for nothing at all.
bool should_be_json(const store::InboxEvent& event);
/// The body as JSON of at most 32 levels; nullopt if it is none.
std::optional<boost::json::value> callback_json(const std::string& body);

/// What a callback that names its payment in a field of the provider's own choosing may have called it: at
/// most 24 visible texts of 6 to 128 characters. Only ever a reason to ask: nothing that is found so is
/// believed.
std::vector<std::string> texts_of_callback(const std::string& body);

}  // namespace payoutd::engine
