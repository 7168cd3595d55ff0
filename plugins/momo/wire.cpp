#include "wire.hpp"

// basic_parser instead of the ready-made parser: it hands over a number's own digits. MTN's live systems
// leave out the quotes around amounts, and 10.10 that went through a double is no longer money.
#include <array>
#include <boost/json.hpp>
#include <boost/json/basic_parser_impl.hpp>
#include <charconv>
#include <set>

namespace momo {
namespace {

namespace json = boost::json;
using payoutd::Amount;
using payoutd::CodeMeaning;
using payoutd::Found;
using payoutd::Problem;
using payoutd::Result;
using payoutd::Status;
using payoutd::Submission;

// ---- JSON whose numbers are kept as the text that they were written in
// ------------------------------------------

/// Builds a value in which every number is a string of its own digits. A key that occurs twice in one object
/// is an error: which of two statuses counts is not ours to guess.
struct ExactHandler {
  static constexpr std::size_t max_object_size = 256;
  static constexpr std::size_t max_array_size = 1024;
  static constexpr std::size_t max_key_size = 256;
  static constexpr std::size_t max_string_size = 32 * 1024;

  using Error = json::error_code;

  bool on_document_begin(Error&) { return true; }
  bool on_document_end(Error&) { return true; }
  bool on_object_begin(Error&) {
    keys.emplace_back();
    return true;
  }
  bool on_object_end(std::size_t size, Error&) {
    keys.pop_back();
    values.push_object(size);
    return true;
  }
  bool on_array_begin(Error&) { return true; }
  bool on_array_end(std::size_t size, Error&) {
    values.push_array(size);
    return true;
  }
  bool on_key_part(json::string_view part, std::size_t, Error&) {
    key.append(part.data(), part.size());
    values.push_chars(part);
    return true;
  }
  bool on_key(json::string_view part, std::size_t, Error& error) {
    key.append(part.data(), part.size());
    values.push_key(part);
    const bool is_new = keys.back().insert(std::exchange(key, {})).second;
    if (!is_new) error = json::error::syntax;
    return is_new;
  }
  bool on_string_part(json::string_view part, std::size_t, Error&) { return push_part(part); }
  bool on_string(json::string_view part, std::size_t, Error&) { return push_text(part); }
  bool on_number_part(json::string_view part, Error&) { return push_part(part); }
  bool on_int64(std::int64_t, json::string_view part, Error&) { return push_text(part); }
  bool on_uint64(std::uint64_t, json::string_view part, Error&) { return push_text(part); }
  bool on_double(double, json::string_view part, Error&) { return push_text(part); }
  bool on_bool(bool value, Error&) {
    values.push_bool(value);
    return true;
  }
  bool on_null(Error&) {
    values.push_null();
    return true;
  }
  bool on_comment_part(json::string_view, Error&) { return true; }
  bool on_comment(json::string_view, Error&) { return true; }

  bool push_part(json::string_view part) {
    values.push_chars(part);
    return true;
  }
  bool push_text(json::string_view part) {
    values.push_string(part);
    return true;
  }

  json::value_stack values;
  std::vector<std::set<std::string>> keys;  ///< of the objects that are open
  std::string key;
};

std::optional<json::value> read_value(std::string_view body) {
  if (body.size() > kMaxBodyBytes) return std::nullopt;
  json::parse_options options;
  options.max_depth = 8;
  json::basic_parser<ExactHandler> parser(options);
  parser.handler().values.reset();
  json::error_code error;
  const std::size_t used = parser.write_some(false, body.data(), body.size(), error);
  const bool rest_is_blank = body.substr(used).find_first_not_of(" \t\r\n") == std::string_view::npos;
  if (error || !parser.done() || !rest_is_blank) return std::nullopt;
  return parser.handler().values.release();
}

std::optional<json::object> read_object(std::string_view body) {
  auto value = read_value(body);
  if (!value || !value->is_object()) return std::nullopt;
  return std::move(value->get_object());
}

bool is_present(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && !value->is_null();
}

/// The text or the digits under this key; nullopt if there is nothing or something of another type.
std::optional<std::string> text_at(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  if (value == nullptr || !value->is_string()) return std::nullopt;
  return std::string(value->get_string());
}

// ---- codes
// -----------------------------------------------------------------------------------------------------

struct SubmitCode {
  std::string_view code;
  CodeMeaning meaning;
};

/// The five definitive refusals that MTN documents (they arrive as HTTP 500 or 400), the duplicate, and the
/// two kinds of 401 that name their cause. INTERNAL_PROCESSING_ERROR, NOT_ENOUGH_FUNDS and all others are
/// missing on purpose: as an answer to the POST they do not prove that no money moves.
constexpr std::array kSubmitCodes{
    SubmitCode{"NOT_ALLOWED", CodeMeaning::refused},
    SubmitCode{"NOT_ALLOWED_TARGET_ENVIRONMENT", CodeMeaning::refused},
    SubmitCode{"INVALID_CALLBACK_URL_HOST", CodeMeaning::refused},
    SubmitCode{"INVALID_CURRENCY", CodeMeaning::refused},
    SubmitCode{"PAYEE_NOT_FOUND", CodeMeaning::refused},
    SubmitCode{"RESOURCE_ALREADY_EXIST", CodeMeaning::duplicate},
    SubmitCode{kAccessDenied, CodeMeaning::not_accepted},
    SubmitCode{kTokenRefused, CodeMeaning::not_accepted},
};

/// FAILED for a reason that passes with time. The reference is spent; a new one may be tried later.
constexpr std::array<std::string_view, 5> kPassingReasons{"NOT_ENOUGH_FUNDS", "PAYER_LIMIT_REACHED",
                                                          "PAYEE_LIMIT_REACHED", "SERVICE_UNAVAILABLE",
                                                          "COULD_NOT_PERFORM_TRANSACTION"};

std::optional<CodeMeaning> meaning_of_submit_code(std::string_view code) {
  const auto* found = std::ranges::find(kSubmitCodes, code, &SubmitCode::code);
  if (found == kSubmitCodes.end()) return std::nullopt;
  return found->meaning;
}

bool is_word(std::string_view text, std::string_view also) {
  const auto allowed = [also](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           also.find(c) != std::string_view::npos;
  };
  return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, allowed);
}

/// No dots: those are in our own codes, which the provider must not be able to speak.
std::string code_or_empty(std::string text) {
  return is_word(text, "_-") ? std::move(text) : std::string{};
}
std::string identifier_or_empty(std::string text) {
  return is_word(text, "_-.") ? std::move(text) : std::string{};
}

std::string http_code(int http_status) {
  return "http." + std::to_string(http_status);
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

/// Which of the contract's codes a 401 deserves; empty if its body does not say why. The subscription key and
/// the access token are checked in front of the disbursement system.
std::string_view code_of_unauthorized(std::string_view body) {
  const auto object = read_object(body);
  if (!object) return {};
  const std::string message = lower(text_at(*object, "message").value_or(""));
  if (message.starts_with("access denied")) return kAccessDenied;
  for (const auto key : {"message", "error", "error_description", "code"}) {
    if (lower(text_at(*object, key).value_or("")).find("token") != std::string::npos) return kTokenRefused;
  }
  return {};
}

// ---- UTF-8
// -----------------------------------------------------------------------------------------------------

/// The length in bytes of the well-formed UTF-8 sequence at the start of `text`, or 0.
std::size_t sequence_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  const bool overlong = (first == 0xE0 && byte(1) < 0xA0) || (first == 0xF0 && byte(1) < 0x90);
  const bool surrogate = first == 0xED && byte(1) > 0x9F;
  const bool too_large = first == 0xF4 && byte(1) > 0x8F;
  return overlong || surrogate || too_large ? 0 : length;
}

void drop_last_character(std::string& text) {
  while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xC0) == 0x80) text.pop_back();
  if (!text.empty()) text.pop_back();
}

/// The portal warns of apostrophes and of other special characters without naming them, so everything that
/// quotes, escapes or marks up goes as well; typographic apostrophes and quotes too.
bool is_unwelcome(std::string_view character) {
  static constexpr std::array<std::string_view, 20> kUnwelcome{
      "'",      "\"",     "`",      "\\",     "<",      ">",      "&",      "\u00B4", "\u02BC", "\u02B9",
      "\u2018", "\u2019", "\u201A", "\u201B", "\u201C", "\u201D", "\u201E", "\u2032", "\u2033", "\uFF07"};
  return std::ranges::find(kUnwelcome, character) != kUnwelcome.end();
}

bool is_blank(std::string_view character) {
  if (character.size() == 1) return static_cast<unsigned char>(character[0]) <= 0x20 || character[0] == 0x7F;
  // C1 controls, no-break space, the line separators and the marks that turn the direction of writing.
  return (character.size() == 2 && character[0] == '\xC2' &&
          static_cast<unsigned char>(character[1]) <= 0xA0) ||
         (character.size() == 3 && character.starts_with("\xE2\x80") &&
          static_cast<unsigned char>(character[2]) >= 0xA8 &&
          static_cast<unsigned char>(character[2]) <= 0xAE);
}

// ---- status
// ----------------------------------------------------------------------------------------------------

Status cannot_tell(std::string code, std::string message) {
  Status status;
  status.kind = Status::Kind::cannot_tell;
  status.code = std::move(code);
  status.message = std::move(message);
  return status;
}

struct Reason {
  std::string code;
  std::string message;
};

/// `reason` is a bare string on live systems and {"code","message"} in the published description.
Reason read_reason(const json::object& body) {
  if (const auto bare = text_at(body, "reason")) return {code_or_empty(*bare), safe_text(*bare)};
  const json::value* value = body.if_contains("reason");
  if (value == nullptr || !value->is_object()) return {};
  const json::object& reason = value->get_object();
  return {code_or_empty(text_at(reason, "code").value_or("")),
          safe_text(text_at(reason, "message").value_or(""))};
}

Problem unreadable_field(std::string field) {
  return {std::move(field), "is of a form that cannot be read"};
}

Result<std::optional<Amount>> read_amount(const json::object& body, std::string_view key) {
  if (!is_present(body, key)) return std::optional<Amount>{};
  const auto text = text_at(body, key);
  if (!text) return unreadable_field(std::string(key));
  const auto amount = Amount::parse(*text);
  if (!amount) return unreadable_field(std::string(key));
  return std::optional<Amount>(*amount);
}

/// A balance can be larger than any amount that payoutd pays: ten thousand million and more is shown as the
/// largest amount there is, which is enough to know that there is enough.
std::optional<Amount> read_balance(std::string_view text) {
  if (const auto amount = Amount::parse(text)) return *amount;
  static constexpr std::size_t kWholeDigitsOfLimit = 10;
  const auto whole = std::min(text.find_first_not_of("0123456789"), text.size());
  const bool is_large = whole > kWholeDigitsOfLimit && text[0] != '0' && whole <= 24;
  if (!is_large || !Amount::parse("0" + std::string(text.substr(whole)))) return std::nullopt;
  return Amount::from_units(Amount::kLimitUnits - 1);
}

/// payee.partyId without a leading '+', for we sent digits; anything else stays as it is and will not match.
Result<std::optional<std::string>> read_payee(const json::object& body) {
  if (!is_present(body, "payee")) return std::optional<std::string>{};
  const json::value& payee = body.at("payee");
  const auto party = payee.is_object() ? text_at(payee.get_object(), "partyId") : std::nullopt;
  if (!party || party->empty()) return unreadable_field("payee.partyId");
  return std::optional<std::string>(party->starts_with('+') ? party->substr(1) : *party);
}

/// The body names no reference. Its externalId is the payout id that we sent: equal, it vouches for the
/// reference that we asked for; different, it is reported as the reference found, so that the host's
/// comparison fails and a human sees both values.
std::optional<std::string> found_reference(const json::object& body, const std::string& reference,
                                           const std::string& payout_id) {
  if (!is_present(body, "externalId")) return std::nullopt;
  const auto external_id = text_at(body, "externalId");
  if (external_id && lower(*external_id) == lower(payout_id)) return reference;
  return "externalId=" + (external_id ? identifier_or_empty(*external_id) : "(not a text)");
}

Result<Found> read_found(const json::object& body, const std::string& reference,
                         const std::string& payout_id) {
  auto amount = read_amount(body, "amount");
  if (!amount) return amount.error();
  auto payee = read_payee(body);
  if (!payee) return payee.error();
  const auto currency = text_at(body, "currency");
  if (!currency && is_present(body, "currency")) return unreadable_field("currency");
  return Found{*amount, currency, *std::move(payee), found_reference(body, reference, payout_id)};
}

/// A final word must say about what it is: MTN's documented answers repeat amount, currency and payee.
bool names_the_payment(const Found& found) {
  return found.amount && found.currency && found.destination;
}

Status read_known_payment(const json::object& body, const std::string& reference,
                          const std::string& payout_id) {
  const std::string word = text_at(body, "status").value_or("");
  const Reason reason = read_reason(body);
  Status status;
  if (word == "SUCCESSFUL") {
    status.kind = Status::Kind::confirmed;
  } else if (word == "PENDING") {
    status.kind = Status::Kind::pending;
  } else if (word == "FAILED") {
    status.kind = meaning_of_reason(reason.code);
  } else {
    return cannot_tell(std::string(kUnreadable),
                       "the status is \"" + safe_text(word) + "\", which is not documented");
  }
  auto found = read_found(body, reference, payout_id);
  if (!found) {
    return cannot_tell(std::string(kUnreadable),
                       "the answer's " + found.error().field + " " + found.error().reason);
  }
  if (status.kind != Status::Kind::pending && !names_the_payment(*found)) {
    return cannot_tell(std::string(kUnreadable),
                       word + " without amount, currency or payee: it does not say which payment is meant");
  }
  status.found = *std::move(found);
  status.code = reason.code.empty() && word == "FAILED" ? "FAILED" : reason.code;
  status.message = reason.message;
  status.provider_ref = identifier_or_empty(text_at(body, "financialTransactionId").value_or(""));
  return status;
}

}  // namespace

std::vector<payoutd::CodeRule> submit_codes() {
  std::vector<payoutd::CodeRule> rules;
  for (const SubmitCode& code : kSubmitCodes) rules.push_back({std::string(code.code), code.meaning});
  return rules;
}

Status::Kind meaning_of_reason(std::string_view reason) noexcept {
  // FAILED is final whatever the reason, also for the reasons that mean nothing elsewhere
  // (INTERNAL_PROCESSING_ERROR, RESOURCE_NOT_FOUND, TRANSACTION_NOT_FOUND) and for those that nobody has
  // documented.
  return std::ranges::find(kPassingReasons, reason) != kPassingReasons.end() ? Status::Kind::refused_for_now
                                                                             : Status::Kind::refused;
}

std::string encode_transfer(const Transfer& transfer, int decimals) {
  // An object keeps the order of its keys, so the same transfer always gives the same bytes.
  const json::object payee{{"partyIdType", "MSISDN"}, {"partyId", transfer.msisdn}};
  const json::object body{{"amount", transfer.amount.to_fixed(transfer.amount.fits(0) ? 0 : decimals)},
                          {"currency", transfer.currency},
                          {"externalId", transfer.external_id},
                          {"payee", payee},
                          {"payerMessage", transfer.note},
                          {"payeeNote", transfer.note}};
  return json::serialize(body);
}

Result<Transfer> decode_transfer(std::string_view body) {
  const auto object = read_object(body);
  if (!object) return Problem{"", "is not a JSON object"};
  const auto amount = read_amount(*object, "amount");
  if (!amount) return amount.error();
  const auto payee = read_payee(*object);
  if (!payee) return payee.error();
  const auto currency = text_at(*object, "currency");
  const auto external_id = text_at(*object, "externalId");
  if (!*amount || !*payee || !currency || !external_id) return Problem{"", "lacks a field of a transfer"};
  return Transfer{**amount, *currency, *external_id, **payee, text_at(*object, "payeeNote").value_or("")};
}

std::string clean_note(std::string_view text, std::size_t max_characters) {
  std::string clean;
  std::size_t characters = 0;
  bool gap = false;
  while (!text.empty() && characters < max_characters) {
    const std::size_t length = sequence_length(text);
    const std::string_view character = text.substr(0, std::max<std::size_t>(length, 1));
    text.remove_prefix(character.size());
    if (length == 0 || is_unwelcome(character)) continue;
    if (is_blank(character)) {
      gap = !clean.empty();
      continue;
    }
    if (gap && characters + 2 > max_characters) break;  // a note does not end in a space
    if (std::exchange(gap, false)) clean += ' ', ++characters;
    clean += character, ++characters;
  }
  return clean;
}

std::optional<std::string> msisdn_problem(std::string_view destination,
                                          const std::vector<std::string>& prefixes) {
  const bool digits_only = std::ranges::all_of(destination, [](char c) { return c >= '0' && c <= '9'; });
  if (!digits_only) return "must be an international phone number of digits only, without '+' or spaces";
  if (destination.size() < 8 || destination.size() > 15) return "must have 8 to 15 digits";
  if (destination.starts_with('0')) return "must begin with the country code, without leading zeros";
  const auto begins = [&](const std::string& prefix) { return destination.starts_with(prefix); };
  if (prefixes.empty() || std::ranges::any_of(prefixes, begins)) return std::nullopt;
  std::string list;
  for (const std::string& prefix : prefixes) list += (list.empty() ? "" : ", ") + prefix;
  return "must begin with " + list + " for this provider";
}

std::string safe_text(std::string_view text) {
  static constexpr std::size_t kMaxBytes = 200, kAccountDigits = 7, kShownDigits = 2, kKeyCharacters = 32;
  static constexpr std::string_view kDigits = "0123456789";
  static constexpr std::string_view kWord =
      "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_.=+-";
  const auto run_of = [&text](std::string_view set) {
    return std::min(text.find_first_not_of(set), text.size());
  };
  std::string safe;
  while (!text.empty() && safe.size() < kMaxBytes) {
    if (const auto word = run_of(kWord); word >= kKeyCharacters) {
      safe += "***";
      text.remove_prefix(word);
      continue;
    }
    if (const auto digits = run_of(kDigits); digits > 0) {
      const bool masked = digits >= kAccountDigits;
      safe += masked ? "***" : "";
      safe += masked ? text.substr(digits - kShownDigits, kShownDigits) : text.substr(0, digits);
      text.remove_prefix(digits);
      continue;
    }
    const std::size_t length = sequence_length(text);
    const std::string_view character = text.substr(0, std::max<std::size_t>(length, 1));
    if (is_blank(character)) {
      safe += ' ';
    } else if (length > 0) {
      safe += character;
    }
    text.remove_prefix(character.size());
  }
  while (safe.size() > kMaxBytes) drop_last_character(safe);
  return safe;
}

ErrorBody decode_error(std::string_view body) {
  const auto object = read_object(body);
  if (!object) return {};
  std::string message = text_at(*object, "message").value_or(text_at(*object, "error").value_or(""));
  return {true, code_or_empty(text_at(*object, "code").value_or("")), safe_text(message)};
}

Submission decode_submission(int http_status, std::string_view body) {
  // 202 with an empty body says "queued". A body, should one come, takes nothing of that back.
  if (http_status == 202) return Submission::accepted({});
  const ErrorBody error = decode_error(body);
  const auto meaning = http_status >= 400 ? meaning_of_submit_code(error.code) : std::nullopt;
  if (meaning == CodeMeaning::refused) return Submission::refused(error.code, error.message);
  if (meaning == CodeMeaning::duplicate) return Submission::duplicate(error.code, error.message);
  if (http_status == 401) {
    const std::string code(code_of_unauthorized(body));
    if (!code.empty()) return Submission::not_accepted(code, error.message);
  }
  return Submission::unknown(error.code.empty() ? http_code(http_status) : error.code,
                             error.structured
                                 ? error.message
                                 : "HTTP " + std::to_string(http_status) + " with a body that says nothing");
}

Status decode_status(int http_status, std::string_view body, const std::string& reference,
                     const std::string& payout_id) {
  if (http_status == 200) {
    const auto object = read_object(body);
    if (!object)
      return cannot_tell(std::string(kUnreadable), "HTTP 200 with a body that is not a JSON object");
    return read_known_payment(*object, reference, payout_id);
  }
  const ErrorBody error = decode_error(body);
  // Only the API's own 404 speaks of the reference. The gateway answers 404 without a code when the address
  // is wrong, and proxies answer it with pages: neither has looked for the payment.
  if (http_status == 404 && (error.code == "RESOURCE_NOT_FOUND" || error.code == "TRANSACTION_NOT_FOUND")) {
    Status status;
    status.kind = Status::Kind::absent;
    status.code = error.code;
    status.message = error.message;
    return status;
  }
  return cannot_tell(error.code.empty() ? http_code(http_status) : error.code,
                     error.structured
                         ? error.message
                         : "HTTP " + std::to_string(http_status) + " with a body that says nothing");
}

Result<payoutd::Token> decode_token(std::string_view body) {
  static constexpr std::size_t kMaxTokenBytes = 8 * 1024;
  static constexpr std::int64_t kDefaultLifetime_s = 300, kMaxLifetime_s = 24 * 3600;
  const auto object = read_object(body);
  if (!object) return Problem{"", "is not a JSON object"};
  std::string token = text_at(*object, "access_token").value_or("");
  // It goes into a header: anything but visible ASCII could end the line and begin another header.
  const bool visible = std::ranges::all_of(token, [](char c) { return c > ' ' && c < 0x7F; });
  if (token.empty() || token.size() > kMaxTokenBytes || !visible)
    return Problem{"access_token", "is missing or unusable"};
  std::int64_t lifetime_s = kDefaultLifetime_s;
  if (const auto text = text_at(*object, "expires_in")) {
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), lifetime_s);
    if (error != std::errc{} || end != text->data() + text->size()) lifetime_s = kDefaultLifetime_s;
  }
  return payoutd::Token{payoutd::Secret(std::move(token)),
                        std::chrono::seconds(std::clamp<std::int64_t>(lifetime_s, 1, kMaxLifetime_s))};
}

Result<payoutd::Balance> decode_balance(std::string_view body) {
  const auto object = read_object(body);
  if (!object) return Problem{"", "is not a JSON object"};
  const auto available = read_balance(text_at(*object, "availableBalance").value_or(""));
  if (!available) return Problem{"availableBalance", "is missing or not a decimal number"};
  const auto currency = text_at(*object, "currency");
  if (!currency || !is_word(*currency, "")) return Problem{"currency", "is missing or not a code"};
  return payoutd::Balance{*available, *currency};
}

Result<bool> decode_account_holder(std::string_view body) {
  const auto object = read_object(body);
  if (!object) return Problem{"", "is not a JSON object"};
  const json::value* result = object->if_contains("result");
  if (result != nullptr && result->is_bool()) return result->get_bool();
  const std::string text = lower(text_at(*object, "result").value_or(""));
  if (text == "true" || text == "false") return text == "true";
  return Problem{"result", "is neither true nor false"};
}

Result<Callback> decode_callback(std::string_view body) {
  const auto object = read_object(body);
  if (!object) return Problem{"", "is not a JSON object"};
  if (!is_present(*object, "status") && !is_present(*object, "financialTransactionId")) {
    return Problem{"", "is not the status of a transfer"};
  }
  return Callback{identifier_or_empty(text_at(*object, "financialTransactionId").value_or(""))};
}

}  // namespace momo
