#include "wire.hpp"

#include <array>
#include <boost/json.hpp>
#include <charconv>
#include <payoutd/decimal.hpp>
#include <payoutd/exact_json.hpp>
#include <payoutd/text.hpp>

namespace momo {
namespace {

namespace json = boost::json;
using payoutd::Amount;
using payoutd::CodeMeaning;
using payoutd::Found;
using payoutd::is_present;
using payoutd::is_word;
using payoutd::lower_case;
using payoutd::Problem;
using payoutd::Result;
using payoutd::safe_text;
using payoutd::Status;
using payoutd::Submission;
using payoutd::text_at;

/// Strict, and numbers keep their digits: MTN's live systems leave out the quotes around amounts, and 10.10
/// that went through a double is no longer money.
Result<json::object> read_object(std::string_view body) {
  return payoutd::read_json_object(body, {.bytes = kMaxBodyBytes});
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

/// Which of the contract's codes a 401 deserves; empty if its body does not say why. The subscription key and
/// the access token are checked in front of the disbursement system.
std::string_view code_of_unauthorized(std::string_view body) {
  const auto object = read_object(body);
  if (!object) return {};
  const std::string message = lower_case(text_at(*object, "message").value_or(""));
  if (message.starts_with("access denied")) return kAccessDenied;
  for (const auto key : {"message", "error", "error_description", "code"}) {
    if (lower_case(text_at(*object, key).value_or("")).find("token") != std::string::npos)
      return kTokenRefused;
  }
  return {};
}

// ---- notes
// -----------------------------------------------------------------------------------------------------

/// The portal warns of apostrophes and of other special characters without naming them, so everything that
/// quotes, escapes or marks up goes as well; typographic apostrophes and quotes too.
bool is_unwelcome(std::string_view character) {
  static constexpr std::array<std::string_view, 20> kUnwelcome{
      "'",      "\"",     "`",      "\\",     "<",      ">",      "&",      "\u00B4", "\u02BC", "\u02B9",
      "\u2018", "\u2019", "\u201A", "\u201B", "\u201C", "\u201D", "\u201E", "\u2032", "\u2033", "\uFF07"};
  return std::ranges::find(kUnwelcome, character) != kUnwelcome.end();
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
  const auto amount = payoutd::read_decimal(*text);
  if (!amount) return unreadable_field(std::string(key));
  return amount;
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
  if (external_id && lower_case(*external_id) == lower_case(payout_id)) return reference;
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
  return payoutd::clean_text(text, max_characters, &is_unwelcome);
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
  if (token.size() > kMaxTokenBytes || !payoutd::is_visible_ascii(token))
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
  const auto available = payoutd::read_balance(text_at(*object, "availableBalance").value_or(""));
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
  const std::string text = lower_case(text_at(*object, "result").value_or(""));
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
