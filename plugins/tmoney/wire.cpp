#include "wire.hpp"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <charconv>
#include <ctime>
#include <payoutd/decimal.hpp>
#include <payoutd/exact_json.hpp>
#include <payoutd/text.hpp>
#include <utility>

namespace tmoney {
namespace {

namespace json = boost::json;
using payoutd::Amount;
using payoutd::CodeMeaning;
using payoutd::is_digits;
using payoutd::is_word;
using payoutd::Problem;
using payoutd::read_decimal;
using payoutd::Result;
using payoutd::safe_text;
using payoutd::Status;
using payoutd::Submission;
using payoutd::upper_case;

constexpr std::string_view kCountryCode = "228";
constexpr std::size_t kNationalDigits = 8;

// ---- JSON

/// Strict, and numbers keep their digits: TMoney writes codes, references and amounts as numbers or as
/// strings, and a balance such as 25000.0 is money, not a double.
Result<json::object> read_object(std::string_view body) {
  return payoutd::read_json_object(body, {.bytes = kMaxBodyBytes});
}

/// What stands under a key. A field that is null, or an empty text, is as good as none.
struct Field {
  bool present = false;
  std::optional<std::string> text;  ///< nullopt if it is absent or neither text nor number
};

Field field_at(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  if (value == nullptr || value->is_null()) return {};
  if (!value->is_string()) return {true, std::nullopt};
  if (value->get_string().empty()) return {};
  return {true, std::string(value->get_string())};
}

std::string text_at(const json::object& object, std::string_view key) {
  return field_at(object, key).text.value_or("");
}

// ---- texts

/// No dots: those are in our own codes, which the provider must not be able to speak.
std::string code_at(const json::object& object) {
  std::string code = text_at(object, "code");
  return is_word(code, "_-") ? code : std::string{};
}

/// refTmoney: `T#REF802` has been seen as well as plain numbers.
std::string provider_ref_at(const json::object& object) {
  std::string ref = text_at(object, "refTmoney");
  return is_word(ref, "_-.#/:") ? ref : std::string{};
}

// ---- what every answer has in common

/// statutRequete, however it is written: `EN ATTENTE` and `EN_ATTENTE` are both in use.
enum class Word { none, paid, failed, pending, other };

Word word_of(const Field& field) {
  if (!field.present) return Word::none;
  std::string word = upper_case(field.text.value_or("?"));
  std::ranges::replace(word, '_', ' ');
  const auto begin = word.find_first_not_of(' ');
  if (begin == std::string::npos) return Word::none;
  word = word.substr(begin, word.find_last_not_of(' ') + 1 - begin);
  if (word == "SUCCES") return Word::paid;
  if (word == "ECHEC") return Word::failed;
  if (word == "EN ATTENTE") return Word::pending;
  return Word::other;
}

/// 2000 accepted, 2001 acknowledged, 2002 final success: what may stand beside SUCCES and EN ATTENTE.
bool is_good_code(std::string_view code) {
  return code == "2000" || code == "2001" || code == "2002";
}

constexpr std::string_view kUnauthorizedCode = "4001";

bool is_fault(const json::object& body) {
  return field_at(body, "fault").present;
}

/// The login's answer wraps its code in `statut`, a credit's answer does not; a gateway in between may do
/// either.
std::string any_code_of(const json::object& body) {
  if (const std::string code = code_at(body); !code.empty()) return code;
  const json::value* statut = body.if_contains("statut");
  return statut != nullptr && statut->is_object() ? code_at(statut->get_object()) : std::string{};
}

std::string message_of(const json::object& body) {
  std::string message = text_at(body, "message");
  for (const auto key : {"fault", "statut"}) {
    const json::value* inner = body.if_contains(key);
    if (message.empty() && inner != nullptr && inner->is_object())
      message = text_at(inner->get_object(), "message");
  }
  return safe_text(message);
}

std::string http_text(int http_status) {
  return "HTTP " + std::to_string(http_status);
}

struct Envelope {
  std::optional<json::object> body;
  std::string code;     ///< TMoney's, or one of ours where an answer carries none
  std::string message;  ///< safe_text, never empty
  bool token_refused = false;
  bool usable = false;  ///< a 2xx with a JSON object that is no fault and no complaint about the token
};

/// Separates the answers that speak of a payment from those that some gateway may have given. A fault is a
/// gateway's word, whatever HTTP status it comes with.
Envelope open_envelope(int http_status, std::string_view body) {
  Envelope envelope;
  if (auto object = read_object(body)) envelope.body = *std::move(object);
  envelope.code = "http." + std::to_string(http_status);
  if (envelope.body) {
    if (const std::string code = any_code_of(*envelope.body); !code.empty()) envelope.code = code;
    envelope.message = message_of(*envelope.body);
  }
  const bool fault = envelope.body && is_fault(*envelope.body);
  if (fault) envelope.code = kFault;
  if (http_status == 401) envelope.code = kUnauthorized;
  envelope.token_refused = http_status == 401 || fault || envelope.code == kUnauthorizedCode;
  envelope.usable = envelope.body && http_status / 100 == 2 && !envelope.token_refused;
  if (envelope.message.empty()) {
    envelope.message = http_text(http_status) + (envelope.body ? " with a body that says nothing"
                                                               : " with a body that is not a JSON object");
  }
  return envelope;
}

// ---- comparing with what was sent

/// `+22890990990`, `0022890990990` and `90990990` are the same account as `22890990990`.
std::string account_of(std::string text) {
  if (text.starts_with('+')) text.erase(0, 1);
  if (text.starts_with("00")) text.erase(0, 2);
  if (is_digits(text) && text.size() == kNationalDigits) text.insert(0, kCountryCode);
  return text;
}

/// The first field of an answer that contradicts what was sent; empty if none does. Fields that are missing
/// contradict nothing: the answer came on the connection of its question.
std::string contradiction(const json::object& body, const Credit& sent) {
  const auto differs = [&](std::string_view key, auto&& equal) {
    const Field field = field_at(body, key);
    return field.present && !(field.text && equal(*field.text));
  };
  if (differs("idRequete", [&](const std::string& text) { return text == sent.reference; }))
    return "idRequete";
  if (differs("montant", [&](const std::string& text) { return read_decimal(text) == sent.amount; }))
    return "montant";
  if (differs("numeroClient", [&](const std::string& text) { return account_of(text) == sent.msisdn; }))
    return "numeroClient";
  if (differs("refCommande", [&](const std::string& text) { return text == sent.payout_id; }))
    return "refCommande";
  if (differs("typeRequete", [&](const std::string& text) { return upper_case(text) == "CREDIT"; }))
    return "typeRequete";
  return {};
}

/// The code under which a failure is reported: passing ones are told apart, for the contract lists them so.
std::string failure_code(const std::string& code, const std::vector<std::string>& passing_codes) {
  const bool passing = std::ranges::find(passing_codes, code) != passing_codes.end();
  return passing ? std::string(kFailed) + "." + code : std::string(kFailed);
}

bool is_passing(std::string_view failure) {
  return failure != kFailed;
}

std::string failure_message(const std::string& code, const std::string& message) {
  return code.empty() || code.starts_with("http.") ? message : "code " + code + ": " + message;
}

// ---- the credit's answer

/// A 2xx with a JSON object about our own credit, or at least about no other.
Submission judge_credit(const json::object& body, const std::string& code, const std::string& message,
                        const std::vector<std::string>& passing_codes) {
  const std::string provider_ref = provider_ref_at(body);
  const Word word = word_of(field_at(body, "statutRequete"));
  Submission unknown = Submission::unknown(code, message);
  unknown.provider_ref = provider_ref;
  switch (word) {
    case Word::paid:
      return is_good_code(code) ? Submission::confirmed(provider_ref) : unknown;
    case Word::failed: {
      if (code == "2002") return unknown;  // "final success" and ECHEC in one answer
      const std::string failure = failure_code(code, passing_codes);
      const std::string text = failure_message(code, message);
      return is_passing(failure) ? Submission::refused_for_now(failure, text)
                                 : Submission::refused(failure, text);
    }
    case Word::pending:
      return is_good_code(code) || code.starts_with("http.") ? Submission::accepted(provider_ref) : unknown;
    case Word::none:
      // Even 2002 is not called paid without the word that says so: the query will say it.
      return is_good_code(code) ? Submission::accepted(provider_ref) : unknown;
    case Word::other:
      return unknown;
  }
  return unknown;
}

// ---- the status rows

Status cannot_tell(std::string code, std::string message) {
  Status status;
  status.kind = Status::Kind::cannot_tell;
  status.code = std::move(code);
  status.message = std::move(message);
  return status;
}

Status unreadable(std::string message) {
  return cannot_tell(std::string(kUnreadable), std::move(message));
}

Status absent(std::string code) {
  Status status;
  status.kind = Status::Kind::absent;
  status.code = std::move(code);
  status.message = "no row for this idRequete";
  return status;
}

/// A row that names our reference. A final word must also say how much went to whom.
Status judge_row(const json::object& row, const std::string& reference,
                 const std::vector<std::string>& passing_codes) {
  const Word word = word_of(field_at(row, "statutRequete"));
  const std::string code = code_at(row);
  const Field amount_field = field_at(row, "montant");
  const Field account_field = field_at(row, "numeroClient");
  const auto amount = read_decimal(amount_field.text.value_or(""));
  if (upper_case(field_at(row, "typeRequete").text.value_or("CREDIT")) != "CREDIT")
    return unreadable("the row is not of a credit");
  if ((amount_field.present && !amount) || (account_field.present && !account_field.text))
    return unreadable("the row's montant or numeroClient cannot be read");
  Status status;
  status.code = code;
  status.message = safe_text(text_at(row, "message"));
  status.provider_ref = provider_ref_at(row);
  status.found.reference = reference;
  status.found.amount = amount;
  if (account_field.text) status.found.destination = account_of(*account_field.text);
  const bool contradicts =
      word == Word::failed ? code == "2002" : code == "5000" || code == kUnauthorizedCode;
  if (word == Word::none || word == Word::other || contradicts)
    return unreadable("statutRequete is \"" + safe_text(text_at(row, "statutRequete")) + "\" and code \"" +
                      code + "\"");
  if (word == Word::pending) {
    status.kind = Status::Kind::pending;
    return status;
  }
  if (!status.found.amount || !status.found.destination)
    return unreadable("a final row without montant or numeroClient: it does not say which payment is meant");
  if (word == Word::paid) {
    status.kind = Status::Kind::confirmed;
    return status;
  }
  status.message = failure_message(code, status.message);
  status.code = failure_code(code, passing_codes);
  status.kind = is_passing(status.code) ? Status::Kind::refused_for_now : Status::Kind::refused;
  return status;
}

/// The rows are believed only as a whole: with one of them unreadable, or fewer shown than `total` says,
/// there may be another payment of ours that we do not see.
Status judge_rows(const json::object& body, const std::string& reference,
                  const std::vector<std::string>& passing_codes, const std::string& code) {
  const json::value* data = body.if_contains("data");
  if (data == nullptr || !data->is_array()) return unreadable("the answer has no list of rows");
  const json::array& rows = data->get_array();
  const Field total = field_at(body, "total");
  if (total.present && total.text != std::to_string(rows.size()))
    return unreadable("total is not the number of rows");
  if (rows.empty()) return absent(code);
  const json::object* ours = nullptr;
  for (const json::value& row : rows) {
    const Field id = row.is_object() ? field_at(row.get_object(), "idRequete") : Field{};
    if (!id.text) return unreadable("a row does not say which idRequete it is of");
    if (*id.text != reference) continue;
    if (ours != nullptr)
      return cannot_tell(std::string(kSeveralRows),
                         "several rows for one idRequete: it may have been paid twice");
    ours = &row.get_object();
  }
  if (ours == nullptr) return unreadable("all rows are of other requests");
  return judge_row(*ours, reference, passing_codes);
}

// ---- the token

/// Base64 in the alphabet of URLs, without padding (RFC 4648, section 5); nullopt if it is none.
std::optional<std::string> decode_base64url(std::string_view text) {
  static constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string bytes;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char character : text) {
    const auto value = kAlphabet.find(character);
    if (value == std::string_view::npos) return std::nullopt;
    bits = (bits << 6U | static_cast<std::uint32_t>(value)) & 0xFFFFU;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes.push_back(static_cast<char>(bits >> static_cast<unsigned>(count) & 0xFFU));
  }
  return bytes;
}

/// A JWT's `exp` less its `iat`, in whole seconds; nullopt if it does not say both, or nothing is left.
std::optional<std::chrono::seconds> lifetime_of_jwt(std::string_view token) {
  const auto begin = token.find('.');
  const auto end = token.find('.', begin + 1);
  if (begin == std::string_view::npos || end == std::string_view::npos) return std::nullopt;
  const auto payload = decode_base64url(token.substr(begin + 1, end - begin - 1));
  if (!payload) return std::nullopt;
  const auto claims = read_object(*payload);
  if (!claims) return std::nullopt;
  const auto expires = read_decimal(text_at(*claims, "exp"));
  const auto issued = read_decimal(text_at(*claims, "iat"));
  if (!expires || !issued) return std::nullopt;
  const std::chrono::seconds life((expires->units() - issued->units()) / Amount::kUnitsPerOne);
  return life > std::chrono::seconds(0) ? std::optional(life) : std::nullopt;
}

}  // namespace

std::vector<payoutd::CodeRule> submit_codes(const std::vector<std::string>& passing_codes) {
  std::vector<payoutd::CodeRule> rules{{std::string(kFailed), CodeMeaning::refused}};
  for (const std::string& code : passing_codes)
    rules.push_back({failure_code(code, passing_codes), CodeMeaning::refused_for_now});
  return rules;
}

std::string encode_credit(const Credit& credit) {
  const std::string digits = credit.amount.to_fixed(0);
  std::int64_t whole = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), whole);
  // An object keeps the order of its keys, so the same credit always gives the same bytes.
  const json::object body{{"idRequete", credit.reference},
                          {"numeroClient", credit.msisdn},
                          {"montant", whole},
                          {"refCommande", credit.payout_id},
                          {"dateHeureRequete", credit.requested_at},
                          {"description", credit.description}};
  return json::serialize(body);
}

Result<Credit> decode_credit(std::string_view body) {
  const auto object = read_object(body);
  if (!object) return Problem{"", "is not a JSON object"};
  const auto amount = Amount::parse(text_at(*object, "montant"));
  if (!amount) return Problem{"montant", amount.error().reason};
  for (const auto key : {"idRequete", "numeroClient", "refCommande", "dateHeureRequete"}) {
    if (!field_at(*object, key).text) return Problem{key, "is missing"};
  }
  return Credit{*amount,
                text_at(*object, "idRequete"),
                text_at(*object, "numeroClient"),
                text_at(*object, "refCommande"),
                text_at(*object, "dateHeureRequete"),
                text_at(*object, "description")};
}

std::string format_time(std::chrono::system_clock::time_point time, TimeForm form,
                        std::chrono::minutes utc_offset) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time + utc_offset);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), form == TimeForm::plain ? "%Y-%m-%d %H:%M:%S" : "%Y-%m-%dT%H:%M:%S",
                &parts);
  if (form == TimeForm::plain) return text.data();
  const auto minutes = std::abs(utc_offset.count());
  const auto two_digits = [](std::int64_t value) { return (value < 10 ? "0" : "") + std::to_string(value); };
  return std::string(text.data()) + (utc_offset.count() < 0 ? "-" : "+") + two_digits(minutes / 60) + ":" +
         two_digits(minutes % 60);
}

std::optional<std::string> msisdn_problem(std::string_view destination) {
  if (!is_digits(destination))
    return "must be an international phone number of digits only, without '+' or spaces";
  if (!destination.starts_with(kCountryCode)) return "must begin with 228, the country code of Togo";
  if (destination.size() != kCountryCode.size() + kNationalDigits) return "must have 8 digits after 228";
  return std::nullopt;
}

bool is_reference(std::string_view text) noexcept {
  return text.size() == static_cast<std::size_t>(kReferenceLength) &&
         text.find_first_not_of(kReferenceCharset) == std::string_view::npos;
}

CreditAnswer decode_credit_answer(int http_status, std::string_view body, const Credit& sent,
                                  const std::vector<std::string>& passing_codes) {
  Envelope envelope = open_envelope(http_status, body);
  CreditAnswer answer;
  answer.token_refused = envelope.token_refused;
  if (!envelope.usable) {
    answer.submission = Submission::unknown(envelope.code, envelope.message);
    return answer;
  }
  if (const std::string field = contradiction(*envelope.body, sent); !field.empty()) {
    answer.submission =
        Submission::unknown(std::string(kMismatch), "the answer's " + field + " is not what was sent");
    return answer;
  }
  answer.submission = judge_credit(*envelope.body, envelope.code, envelope.message, passing_codes);
  answer.balance = payoutd::read_balance(text_at(*envelope.body, "soldePartenaire"));
  return answer;
}

StatusAnswer decode_status(int http_status, std::string_view body, const std::string& reference,
                           const std::vector<std::string>& passing_codes) {
  const Envelope envelope = open_envelope(http_status, body);
  if (!envelope.usable) return {cannot_tell(envelope.code, envelope.message), envelope.token_refused};
  // The documented answer has no code. One that is there and not a good one makes the rest worth nothing.
  const std::string code = any_code_of(*envelope.body);
  if (!code.empty() && !is_good_code(code)) return {cannot_tell(code, envelope.message), false};
  return {judge_rows(*envelope.body, reference, passing_codes, code), false};
}

std::string encode_login(std::string_view user, const payoutd::Secret& password) {
  return json::serialize(json::object{{"nomUtilisateur", user}, {"motDePasse", password.reveal()}});
}

LoginAnswer decode_login(int http_status, std::string_view body) {
  static constexpr std::size_t kMaxTokenBytes = 8 * 1024;
  const Envelope envelope = open_envelope(http_status, body);
  LoginAnswer answer;
  answer.credentials_refused = http_status == 401 || envelope.code == kUnauthorizedCode;
  answer.problem = http_text(http_status) + " " + envelope.code + ": " + envelope.message;
  if (!envelope.usable) return answer;
  const std::string code = any_code_of(*envelope.body);
  if (!code.empty() && !is_good_code(code)) return answer;
  const json::value* data = envelope.body->if_contains("data");
  std::string token =
      data != nullptr && data->is_object() ? text_at(data->get_object(), "token") : std::string{};
  // It goes into a header: anything but visible ASCII could end the line and begin another header.
  if (token.size() > kMaxTokenBytes || !payoutd::is_visible_ascii(token)) {
    answer.problem = "data.token is missing or unusable";
    return answer;
  }
  answer.lifetime = lifetime_of_jwt(token);
  answer.token = payoutd::Secret(std::move(token));
  answer.problem.clear();
  return answer;
}

Result<Callback> decode_callback(std::string_view body) {
  const auto object = read_object(body);
  if (!object) return Problem{"", "is not a JSON object"};
  if (!field_at(*object, "idRequete").present && !field_at(*object, "refTmoney").present)
    return Problem{"", "names no payment"};
  const std::string reference = text_at(*object, "idRequete");
  return Callback{is_reference(reference) ? reference : std::string{}, provider_ref_at(*object)};
}

}  // namespace tmoney
