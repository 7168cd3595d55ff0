#include "providers/wire_codec.hpp"

namespace payoutd::providers::wire {
namespace {

namespace json = boost::json;
using TimePoint = std::chrono::system_clock::time_point;

std::string quoted(std::string_view name) {
  return "'" + std::string(name) + "'";
}

/// Reads one object field by field and, at the end, refuses whatever was not asked for.
class Fields {
 public:
  Fields(const json::value& value, std::string_view what) : what_(what) {
    const json::object* object = value.if_object();
    if (object == nullptr) throw WireError(what_ + " is not an object");
    object_ = object;
  }

  const json::value* find(std::string_view name) {
    const json::value* value = object_->if_contains(name);
    if (value != nullptr) ++seen_;
    return value;
  }

  const json::value& at(std::string_view name) {
    const json::value* value = find(name);
    if (value == nullptr) throw WireError(what_ + ": the field " + quoted(name) + " is missing");
    return *value;
  }

  std::string text(std::string_view name) { return as_text(at(name), name); }

  std::optional<std::string> optional_text(std::string_view name) {
    const json::value* value = find(name);
    return value == nullptr ? std::nullopt : std::optional(as_text(*value, name));
  }

  bool flag(std::string_view name) {
    const json::value& value = at(name);
    if (!value.is_bool()) wrong(name, "a boolean");
    return value.get_bool();
  }

  std::int64_t integer(std::string_view name) {
    const json::value& value = at(name);
    if (!value.is_int64()) wrong(name, "an integer");
    return value.get_int64();
  }

  std::optional<std::int64_t> optional_integer(std::string_view name) {
    return object_->contains(name) ? std::optional(integer(name)) : std::nullopt;
  }

  json::object object(std::string_view name) {
    const json::value& value = at(name);
    if (!value.is_object()) wrong(name, "an object");
    return value.get_object();
  }

  std::optional<json::object> optional_object(std::string_view name) {
    return object_->contains(name) ? std::optional(object(name)) : std::nullopt;
  }

  std::string bytes(std::string_view name) {
    auto decoded = from_base64(text(name));
    if (!decoded) wrong(name, "base64");
    return *std::move(decoded);
  }

  Amount amount(std::string_view name) { return as_amount(text(name), name); }

  std::optional<Amount> optional_amount(std::string_view name) {
    const auto value = optional_text(name);
    return value ? std::optional(as_amount(*value, name)) : std::nullopt;
  }

  void done() const {
    if (seen_ == object_->size()) return;
    throw WireError(what_ + " has a field that is not known or not expected");
  }

  [[noreturn]] void wrong(std::string_view name, std::string_view expected) const {
    throw WireError(what_ + ": the field " + quoted(name) + " is not " + std::string(expected));
  }

 private:
  std::string as_text(const json::value& value, std::string_view name) const {
    if (!value.is_string()) wrong(name, "a string");
    return std::string(value.get_string());
  }

  Amount as_amount(const std::string& text, std::string_view name) const {
    const auto parsed = Amount::parse(text);
    if (!parsed) wrong(name, "an amount: it " + parsed.error().reason);
    return *parsed;
  }

  std::string what_;
  const json::object* object_ = nullptr;
  std::size_t seen_ = 0;
};

json::object encode_money(const Money& money) {
  return {{"amount", money.amount.to_string()}, {"currency", money.currency}};
}

Money decode_money(const json::value& value) {
  Fields fields(value, "money");
  Money money{fields.amount("amount"), fields.text("currency")};
  fields.done();
  return money;
}

json::object encode_found(const Found& found) {
  json::object out;
  if (found.amount) out["amount"] = found.amount->to_string();
  if (found.currency) out["currency"] = *found.currency;
  if (found.destination) out["destination"] = *found.destination;
  if (found.reference) out["reference"] = *found.reference;
  return out;
}

Found decode_found(const json::value& value) {
  Fields fields(value, "found");
  Found found{fields.optional_amount("amount"), fields.optional_text("currency"),
              fields.optional_text("destination"), fields.optional_text("reference")};
  fields.done();
  return found;
}

json::array encode_headers(const std::vector<std::pair<std::string, std::string>>& headers) {
  json::array out;
  for (const auto& [name, value] : headers) out.push_back(json::array{base64(name), base64(value)});
  return out;
}

std::vector<std::pair<std::string, std::string>> decode_headers(const json::value& value) {
  const auto bytes = [](const json::value& part) {
    auto decoded = part.is_string() ? from_base64(part.get_string()) : std::nullopt;
    if (!decoded) throw WireError("webhook: a header is not base64");
    return *std::move(decoded);
  };
  if (!value.is_array()) throw WireError("webhook: the field 'headers' is not an array");
  std::vector<std::pair<std::string, std::string>> out;
  for (const json::value& pair : value.get_array()) {
    if (!pair.is_array() || pair.get_array().size() != 2) throw WireError("webhook: a header is not a pair");
    out.emplace_back(bytes(pair.get_array()[0]), bytes(pair.get_array()[1]));
  }
  return out;
}

std::string_view webhook_kind(WebhookReading::Kind kind) {
  switch (kind) {
    case WebhookReading::Kind::hint:
      return "hint";
    case WebhookReading::Kind::verified:
      return "verified";
    case WebhookReading::Kind::rejected:
      return "rejected";
  }
  return "rejected";
}

/// The length of the well-formed UTF-8 character at the beginning of `text`; 0 if there is none. NUL is none:
/// neither PostgreSQL's texts nor its JSON take it.
std::size_t character_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto continues = [&](std::size_t i, unsigned low = 0x80, unsigned high = 0xBF) {
    return i < text.size() && byte(i) >= low && byte(i) <= high;
  };
  const unsigned first = byte(0);
  if (first < 0x80) return first == 0 ? 0 : 1;
  if (first >= 0xC2 && first <= 0xDF) return continues(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const unsigned low = first == 0xE0 ? 0xA0 : 0x80;
    const unsigned high = first == 0xED ? 0x9F : 0xBF;
    return continues(1, low, high) && continues(2) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const unsigned low = first == 0xF0 ? 0x90 : 0x80;
    const unsigned high = first == 0xF4 ? 0x8F : 0xBF;
    return continues(1, low, high) && continues(2) && continues(3) ? 4 : 0;
  }
  return 0;
}

}  // namespace

std::string provider_ref_in(std::string text) {
  return text.size() > kMaxProviderRefBytes ? std::string() : text;
}

json::object encode(const Order& order) {
  return {{"payout_id", order.payout_id},
          {"reference", order.reference},
          {"money", encode_money(order.money)},
          {"destination", order.destination},
          {"note", order.note},
          {"lane", order.lane},
          {"lane_state", order.lane_state},
          {"callback_url", order.callback_url}};
}

Order decode_order(const json::value& value) {
  Fields fields(value, "order");
  Order order;
  order.payout_id = fields.text("payout_id");
  order.reference = fields.text("reference");
  order.money = decode_money(fields.at("money"));
  order.destination = fields.text("destination");
  order.note = fields.text("note");
  order.lane = fields.text("lane");
  order.lane_state = fields.object("lane_state");
  order.callback_url = fields.text("callback_url");
  fields.done();
  return order;
}

json::object encode(const Prepared& prepared) {
  json::object out{{"artefact", base64(prepared.artefact)},
                   {"format", prepared.format},
                   {"lookup", prepared.lookup},
                   {"reference_spent", prepared.reference_spent}};
  if (prepared.valid_until) {
    out["valid_until_us"] =
        std::chrono::duration_cast<std::chrono::microseconds>(prepared.valid_until->time_since_epoch())
            .count();
  }
  if (prepared.cost) out["cost"] = encode_money(*prepared.cost);
  if (prepared.impossible) out["impossible"] = encode(*prepared.impossible);
  if (prepared.lane_state) out["lane_state"] = *prepared.lane_state;
  return out;
}

Prepared decode_prepared(const json::value& value) {
  Fields fields(value, "prepared");
  Prepared prepared;
  prepared.artefact = fields.bytes("artefact");
  if (prepared.artefact.size() > kMaxArtefactBytes) {
    throw WireError("prepared: the artefact has " + std::to_string(prepared.artefact.size()) +
                    " bytes, more than the limit of " + std::to_string(kMaxArtefactBytes));
  }
  const std::int64_t format = fields.integer("format");
  if (format < 0 || format > 1'000'000) fields.wrong("format", "a format's number");
  prepared.format = static_cast<int>(format);
  prepared.lookup = fields.object("lookup");
  prepared.reference_spent = fields.flag("reference_spent");
  if (const auto us = fields.optional_integer("valid_until_us")) {
    prepared.valid_until = TimePoint(std::chrono::microseconds(*us));
  }
  if (const json::value* cost = fields.find("cost")) prepared.cost = decode_money(*cost);
  if (const json::value* problem = fields.find("impossible")) prepared.impossible = decode_problem(*problem);
  prepared.lane_state = fields.optional_object("lane_state");
  fields.done();
  return prepared;
}

json::object encode(const Submission& submission) {
  return {{"kind", to_string(submission.kind)},
          {"code", submission.code},
          {"message", submission.message},
          {"provider_ref", submission.provider_ref}};
}

Submission decode_submission(const json::value& value) {
  Fields fields(value, "submission");
  const auto kind = submission_kind(fields.text("kind"));
  if (!kind) fields.wrong("kind", "a known kind");
  Submission submission{*kind, fields.text("code"), fields.text("message"), fields.text("provider_ref")};
  fields.done();
  return submission;
}

json::object encode(const Evidence& evidence) {
  return {{"bytes_left", evidence.bytes_left},
          {"acceptance_sign", evidence.acceptance_sign},
          {"http_status", evidence.http_status}};
}

Evidence decode_evidence(const json::value& value) {
  Fields fields(value, "evidence");
  Evidence evidence;
  evidence.bytes_left = fields.flag("bytes_left");
  evidence.acceptance_sign = fields.flag("acceptance_sign");
  const std::int64_t status = fields.integer("http_status");
  if (status < 0 || status > 999) fields.wrong("http_status", "an HTTP status");
  evidence.http_status = static_cast<int>(status);
  fields.done();
  return evidence;
}

json::object encode(const SubmitReply& reply) {
  json::object out{{"submission", encode(reply.submission)}, {"evidence", encode(reply.evidence)}};
  if (reply.claim) out["claim"] = encode(*reply.claim);
  return out;
}

SubmitReply decode_submit_reply(const json::value& value) {
  Fields fields(value, "submit reply");
  SubmitReply reply{decode_submission(fields.at("submission")), decode_evidence(fields.at("evidence"))};
  if (const json::value* claim = fields.find("claim")) reply.claim = decode_submission(*claim);
  fields.done();
  return reply;
}

json::object encode(const Status& status) {
  json::object out{{"kind", to_string(status.kind)},
                   {"code", status.code},
                   {"message", status.message},
                   {"provider_ref", status.provider_ref},
                   {"found", encode_found(status.found)}};
  if (status.lane_state) out["lane_state"] = *status.lane_state;
  return out;
}

Status decode_status(const json::value& value) {
  Fields fields(value, "status");
  const auto kind = status_kind(fields.text("kind"));
  if (!kind) fields.wrong("kind", "a known kind");
  Status status;
  status.kind = *kind;
  status.code = fields.text("code");
  status.message = fields.text("message");
  status.provider_ref = provider_ref_in(fields.text("provider_ref"));
  status.found = decode_found(fields.at("found"));
  status.lane_state = fields.optional_object("lane_state");
  fields.done();
  return status;
}

json::object encode(const Balance& balance) {
  return {{"available", balance.available.to_string()}, {"currency", balance.currency}};
}

Balance decode_balance(const json::value& value) {
  Fields fields(value, "balance");
  Balance balance{fields.amount("available"), fields.text("currency")};
  fields.done();
  return balance;
}

json::object encode(const Lane& lane) {
  return {{"name", lane.name}, {"state", lane.state}};
}

Lane decode_lane(const json::value& value) {
  Fields fields(value, "lane");
  Lane lane{fields.text("name"), fields.object("state")};
  fields.done();
  return lane;
}

json::object encode(const Webhook& webhook) {
  return {{"method", base64(webhook.method)},
          {"path", base64(webhook.path)},
          {"headers", encode_headers(webhook.headers)},
          {"body", base64(webhook.body)},
          {"reference", webhook.reference}};
}

Webhook decode_webhook(const json::value& value) {
  Fields fields(value, "webhook");
  Webhook webhook;
  webhook.method = fields.bytes("method");
  webhook.path = fields.bytes("path");
  webhook.headers = decode_headers(fields.at("headers"));
  webhook.body = fields.bytes("body");
  webhook.reference = fields.text("reference");
  fields.done();
  return webhook;
}

json::object encode(const WebhookReading& reading) {
  return {{"kind", webhook_kind(reading.kind)},
          {"reference", reading.reference},
          {"provider_ref", reading.provider_ref},
          {"status", encode(reading.status)},
          {"key_id", reading.key_id},
          {"reason", reading.reason}};
}

WebhookReading decode_webhook_reading(const json::value& value) {
  Fields fields(value, "webhook reading");
  WebhookReading reading;
  const std::string kind = fields.text("kind");
  if (kind == "hint") {
    reading.kind = WebhookReading::Kind::hint;
  } else if (kind == "verified") {
    reading.kind = WebhookReading::Kind::verified;
  } else if (kind != "rejected") {
    fields.wrong("kind", "a known kind");
  }
  reading.reference = fields.text("reference");
  reading.provider_ref = provider_ref_in(fields.text("provider_ref"));
  reading.status = decode_status(fields.at("status"));
  reading.key_id = fields.text("key_id");
  reading.reason = fields.text("reason");
  fields.done();
  return reading;
}

json::object encode(const Problem& problem) {
  return {{"field", problem.field}, {"reason", problem.reason}};
}

Problem decode_problem(const json::value& value) {
  Fields fields(value, "problem");
  Problem problem{fields.text("field"), fields.text("reason")};
  fields.done();
  return problem;
}

namespace {
constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr auto kValues = [] {
  std::array<std::int8_t, 256> values{};
  values.fill(-1);
  for (std::size_t i = 0; i < kDigits.size(); ++i) {
    values[static_cast<unsigned char>(kDigits[i])] = static_cast<std::int8_t>(i);
  }
  return values;
}();
}  // namespace

std::string base64(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      group = (group << 8) | (k < count ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    }
    for (std::size_t k = 0; k < 4; ++k) out += k <= count ? kDigits[(group >> (18 - 6 * k)) & 63] : '=';
  }
  return out;
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  std::string out;
  out.reserve(text.size() / 4 * 3);
  std::uint32_t group = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool padded = i >= text.size() - padding;
    const int value = padded ? 0 : kValues[static_cast<unsigned char>(text[i])];
    if (value < 0) return std::nullopt;
    group = (group << 6) | static_cast<std::uint32_t>(value);
    if (i % 4 != 3) continue;
    out += static_cast<char>(static_cast<unsigned char>(group >> 16));
    out += static_cast<char>(static_cast<unsigned char>(group >> 8));
    out += static_cast<char>(static_cast<unsigned char>(group));
    group = 0;
  }
  // Bits that padding cuts off must be zero, so that one value has one text.
  for (std::size_t i = 0; i < padding; ++i) {
    if (out.back() != '\0') return std::nullopt;
    out.pop_back();
  }
  return out;
}

std::string clean_text(std::string_view text, std::size_t max_bytes) {
  std::string out;
  out.reserve(std::min(text.size(), max_bytes));
  while (!text.empty()) {
    const std::size_t length = character_length(text);
    const std::string_view piece = length == 0 ? std::string_view("\xEF\xBF\xBD") : text.substr(0, length);
    if (out.size() + piece.size() > max_bytes) break;
    out += piece;
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out;
}

namespace {

bool is_well_formed(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = character_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

void make_sendable(json::object& object, int depth);

void make_sendable(json::value& value, int depth) {
  if (depth == 0) throw WireError("it is nested too deep");
  if (json::string* text = value.if_string()) {
    if (!is_well_formed(*text)) *text = clean_text(*text, std::string::npos);
  } else if (json::array* items = value.if_array()) {
    for (json::value& item : *items) make_sendable(item, depth - 1);
  } else if (json::object* object = value.if_object()) {
    make_sendable(*object, depth - 1);
  }
}

void make_sendable(json::object& object, int depth) {
  std::vector<std::string> broken;
  for (auto& member : object) {
    if (!is_well_formed(member.key())) broken.emplace_back(member.key());
    make_sendable(member.value(), depth);
  }
  for (const std::string& key : broken) {
    json::value kept = std::move(object.at(key));
    object.erase(key);
    object.insert_or_assign(clean_text(key, std::string::npos), std::move(kept));
  }
}

}  // namespace

void make_sendable(json::object& object) {
  make_sendable(object, 24);
}

const json::value& field(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  if (value == nullptr) throw WireError("the field " + quoted(name) + " is missing");
  return *value;
}

std::string text_field(const json::object& object, std::string_view name) {
  const json::value& value = field(object, name);
  if (!value.is_string()) throw WireError("the field " + quoted(name) + " is not a string");
  return std::string(value.get_string());
}

std::int64_t integer_field(const json::object& object, std::string_view name) {
  const json::value& value = field(object, name);
  if (!value.is_int64()) throw WireError("the field " + quoted(name) + " is not an integer");
  return value.get_int64();
}

std::vector<std::string> texts_field(const json::object& object, std::string_view name) {
  const json::value& value = field(object, name);
  if (!value.is_array()) throw WireError("the field " + quoted(name) + " is not a list");
  std::vector<std::string> texts;
  for (const json::value& item : value.get_array()) {
    if (!item.is_string()) throw WireError("the field " + quoted(name) + " is not a list of strings");
    texts.emplace_back(item.get_string());
  }
  return texts;
}

const json::object& object_field(const json::object& object, std::string_view name) {
  const json::value& value = field(object, name);
  if (!value.is_object()) throw WireError("the field " + quoted(name) + " is not an object");
  return value.get_object();
}

}  // namespace payoutd::providers::wire
