#pragma once
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "providers/provider_handle.hpp"

namespace payoutd::providers::wire {

/// A message of the channel does not carry what it must: the text names the field.
class WireError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

inline constexpr std::size_t kMaxArtefactBytes = 64u << 10;
/// A longer name that a provider gives a payment is left out: it is looked up by, and an index has its
/// limits.
inline constexpr std::size_t kMaxProviderRefBytes = 256;

// Encoding and decoding are exact inverses. Decoding is strict: a missing field, one of another type and one
// that is not known are WireErrors. Artefacts, webhook bodies and webhook header values travel as base64.

boost::json::object encode(const Order& order);
boost::json::object encode(const Prepared& prepared);
boost::json::object encode(const Submission& submission);
boost::json::object encode(const Evidence& evidence);
boost::json::object encode(const SubmitReply& reply);
boost::json::object encode(const Status& status);
boost::json::object encode(const Balance& balance);
boost::json::object encode(const Lane& lane);
boost::json::object encode(const Webhook& webhook);
boost::json::object encode(const WebhookReading& reading);
boost::json::object encode(const Problem& problem);

Order decode_order(const boost::json::value& value);
Prepared decode_prepared(const boost::json::value& value);
Submission decode_submission(const boost::json::value& value);
Evidence decode_evidence(const boost::json::value& value);
SubmitReply decode_submit_reply(const boost::json::value& value);
Status decode_status(const boost::json::value& value);
Balance decode_balance(const boost::json::value& value);
Lane decode_lane(const boost::json::value& value);
Webhook decode_webhook(const boost::json::value& value);
WebhookReading decode_webhook_reading(const boost::json::value& value);
Problem decode_problem(const boost::json::value& value);

std::string base64(std::string_view bytes);
/// nullopt unless `text` is exactly what base64() makes.
std::optional<std::string> from_base64(std::string_view text);

/// `text` with every byte that is not part of well-formed UTF-8 replaced by U+FFFD, cut at a character's
/// border to at most `max_bytes`. What a plugin quotes from a provider may be anything.
std::string clean_text(std::string_view text, std::size_t max_bytes);

/// Makes every text in `object`, keys included, well-formed UTF-8, so that the other side can read the frame;
/// throws WireError if it is nested more than 24 deep.
void make_sendable(boost::json::object& object);

// Access to fields of a message; each throws a WireError that names the field.
const boost::json::value& field(const boost::json::object& object, std::string_view name);
std::string text_field(const boost::json::object& object, std::string_view name);
std::int64_t integer_field(const boost::json::object& object, std::string_view name);
std::vector<std::string> texts_field(const boost::json::object& object, std::string_view name);
const boost::json::object& object_field(const boost::json::object& object, std::string_view name);

}  // namespace payoutd::providers::wire
