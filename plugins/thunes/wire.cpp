#include "wire.hpp"

#include <array>
#include <boost/json.hpp>
#include <payoutd/decimal.hpp>
#include <payoutd/exact_json.hpp>
#include <payoutd/text.hpp>

namespace thunes {
namespace {

namespace json = boost::json;
using payoutd::Amount;
using payoutd::CodeMeaning;
using payoutd::Found;
using payoutd::is_digits;
using payoutd::is_present;
using payoutd::Money;
using payoutd::object_at;
using payoutd::Problem;
using payoutd::read_decimal;
using payoutd::Result;
using payoutd::safe_text;
using payoutd::Status;
using payoutd::Submission;
using payoutd::text_at;

constexpr payoutd::JsonLimits kLimits{
    .bytes = kMaxBodyBytes, .depth = 16, .members = 512, .elements = 4096, .text_bytes = 64 * 1024};

/// Numbers keep their digits, quoted or not.
Result<json::object> read_object(std::string_view body) {
  return payoutd::read_json_object(body, kLimits);
}

std::string http_code(int http_status) {
  return "http." + std::to_string(http_status);
}

Problem unreadable_field(std::string field) {
  return {std::move(field), "is of a form that cannot be read"};
}

// ---- codes
// -----------------------------------------------------------------------------------------------------

struct SubmitCode {
  std::string_view code;
  CodeMeaning meaning;
};

/// What the documentation says of a confirmation that is refused. Each repeat of it names the same
/// transaction, and Thunes confirms a transaction once: even a misjudged "not accepted" could not pay twice.
/// Missing on purpose: 1007004 and 1008003 (expired), because the transaction must be seen dead before
/// another may take its place; 1008002 and 1008004 (not found), because we made it; 1009001 (unexpected) and
/// all that is not documented.
constexpr std::array kSubmitCodes{
    SubmitCode{"1007002", CodeMeaning::duplicate},         // already confirmed
    SubmitCode{kConfirmedBefore, CodeMeaning::duplicate},  // ours: seen confirmed when it was prepared
    SubmitCode{"1007005", CodeMeaning::not_accepted},      // insufficient balance
    SubmitCode{"1003007", CodeMeaning::not_accepted},      // payer unavailable
    SubmitCode{"1006001", CodeMeaning::not_accepted},      // limits
    SubmitCode{"1006002", CodeMeaning::not_accepted},     SubmitCode{"1006099", CodeMeaning::not_accepted},
    SubmitCode{"1000401", CodeMeaning::not_accepted},  // credentials
    SubmitCode{"1003011", CodeMeaning::refused},       // below the minimum
    SubmitCode{"1003012", CodeMeaning::refused},       // above the maximum
    SubmitCode{"1005001", CodeMeaning::refused},       // account invalid
    SubmitCode{"1000999", CodeMeaning::refused},       // invalid parameter
};

std::optional<CodeMeaning> meaning_of(std::string_view code) {
  const auto* found = std::ranges::find(kSubmitCodes, code, &SubmitCode::code);
  return found == kSubmitCodes.end() ? std::nullopt : std::optional(found->meaning);
}

/// The code that decides, where several are given: a duplicate always counts, for it is a sign that money may
/// have moved; otherwise one without a listed meaning spoils the rest, and so do two that disagree.
std::string deciding_code(const std::vector<std::string>& codes) {
  for (const std::string& code : codes) {
    if (meaning_of(code) == CodeMeaning::duplicate) return code;
  }
  for (const std::string& code : codes) {
    if (!meaning_of(code) || meaning_of(code) != meaning_of(codes.front())) return {};
  }
  return codes.empty() ? std::string{} : codes.front();
}

std::string first_of(const std::vector<std::string>& codes) {
  const auto found = std::ranges::find_if(codes, [](const std::string& code) { return !code.empty(); });
  return found == codes.end() ? std::string{} : *found;
}

// ---- parts of answers
// ------------------------------------------------------------------------------------------

bool is_currency(std::string_view text) {
  return text.size() == 3 && std::ranges::all_of(text, [](char c) { return c >= 'A' && c <= 'Z'; });
}

/// `{"amount","currency"}` that only informs: whatever cannot be read is left out.
std::optional<Money> money_at(const json::object& body, std::string_view key) {
  const json::object* money = object_at(body, key);
  if (money == nullptr) return std::nullopt;
  const auto amount = read_decimal(text_at(*money, "amount").value_or(""));
  const auto currency = text_at(*money, "currency");
  if (!amount || !currency || !is_currency(*currency)) return std::nullopt;
  return Money{*amount, *currency};
}

/// What leaves our account. A fee in another currency cannot be added and is left out.
std::optional<Money> cost_of(const json::object& body) {
  auto cost = money_at(body, "sent_amount");
  const auto fee = money_at(body, "fee");
  if (!cost || !fee || fee->currency != cost->currency) return cost;
  const std::int64_t sum = cost->amount.units() + fee->amount.units();  // both below 10^18
  if (sum >= Amount::kLimitUnits) return std::nullopt;
  cost->amount = Amount::from_units(sum);
  return cost;
}

struct Destination {
  std::optional<Amount> amount;
  std::optional<std::string> currency;
};

/// What the payee gets: this must be readable if it is there, for it is compared with what is owed.
Result<Destination> read_destination(const json::object& body) {
  Destination destination;
  if (!is_present(body, "destination")) return destination;
  const json::object* given = object_at(body, "destination");
  if (given == nullptr) return unreadable_field("destination");
  if (is_present(*given, "amount")) {
    destination.amount = read_decimal(text_at(*given, "amount").value_or(""));
    if (!destination.amount) return unreadable_field("destination.amount");
  }
  if (is_present(*given, "currency")) {
    destination.currency = text_at(*given, "currency");
    if (!destination.currency) return unreadable_field("destination.currency");
  }
  return destination;
}

/// credit_party_identifier.msisdn without its '+'; anything else stays as it is and will not match.
Result<std::optional<std::string>> read_msisdn(const json::object& body) {
  if (!is_present(body, "credit_party_identifier")) return std::optional<std::string>{};
  const json::object* party = object_at(body, "credit_party_identifier");
  if (party == nullptr) return unreadable_field("credit_party_identifier");
  if (!is_present(*party, "msisdn")) return std::optional<std::string>{};
  auto msisdn = text_at(*party, "msisdn");
  if (!msisdn || msisdn->empty()) return unreadable_field("credit_party_identifier.msisdn");
  if (msisdn->starts_with('+')) msisdn->erase(0, 1);
  return msisdn;
}

Result<std::string> read_external_id(const json::object& body) {
  if (!is_present(body, "external_id")) return std::string{};
  auto external_id = text_at(body, "external_id");
  if (!external_id) return unreadable_field("external_id");
  return *std::move(external_id);
}

Result<std::string> read_id(const json::object& body) {
  auto id = text_at(body, "id");
  if (!id || !is_identifier(*id)) return Problem{"id", "is missing or not an identifier"};
  return *std::move(id);
}

std::optional<Time> time_at(const json::object& body, std::string_view key) {
  const auto text = text_at(body, key);
  return text ? parse_time(*text) : std::nullopt;
}

/// The class is the first digit of a five-digit status.
StatusClass class_of(std::string_view status) {
  static constexpr std::size_t kStatusDigits = 5;
  if (!is_digits(status) || status.size() != kStatusDigits || status[0] == '0') return StatusClass::unknown;
  return static_cast<StatusClass>(status[0] - '0');
}

/// `status_class` says the same again; if it does not, we do not know which of the two is true. An empty one
/// says nothing.
StatusClass class_of(const json::object& body, const std::string& status) {
  const auto said = text_at(body, "status_class");
  const bool contradicts = is_present(body, "status_class") && said != "" && said != status.substr(0, 1);
  return contradicts ? StatusClass::unknown : class_of(status);
}

// ---- the meaning of a transaction's status
// ---------------------------------------------------------------------------------------

Status unsettled(std::string code, std::string message) {
  Status status;
  status.kind = Status::Kind::cannot_tell;
  status.code = std::move(code);
  status.message = std::move(message);
  return status;
}

/// The name under which we find the payment, or what it is called instead: the host's comparison then fails
/// and a person sees both.
std::string reference_of(const Transaction& transaction, const Artefact& artefact) {
  const std::string& external_id = transaction.external_id;
  if (!external_id.empty() && external_id != artefact.external_id)
    return "external_id=" + (is_identifier(external_id) ? external_id : safe_text(external_id));
  if (transaction.id != artefact.transaction_id) return "id=" + transaction.id;
  return artefact.external_id;
}

/// A status that no rule settles. The payment is known and not over, and a person must look at it: the host
/// sends whatever does not match to one, so the status stands where our reference would.
Status for_a_person(Status status, const Transaction& transaction) {
  status.kind = Status::Kind::pending;
  if (!is_identifier(status.code)) status.code = kUnreadable;
  status.found.reference = "status=" + transaction.status;
  return status;
}

Status status_of_known(const Transaction& transaction, const Artefact& artefact, const StatusRules& rules) {
  using enum Status::Kind;
  Status status;
  status.code = transaction.status;
  status.message = transaction.status_message;
  status.found = {transaction.amount, transaction.currency, transaction.destination,
                  reference_of(transaction, artefact)};
  const std::string other = difference(transaction, artefact);  // the host sees it in `found`
  switch (transaction.status_class) {
    case StatusClass::created:
      if (!other.empty()) return unsettled(std::string(kOtherTransaction), other);
      status.kind = absent;
      status.found = {};
      break;
    case StatusClass::confirmed:
    case StatusClass::submitted:
      status.kind = pending;
      break;
    case StatusClass::completed:
      if (!transaction.amount || !transaction.currency)
        return unsettled(std::string(kUnreadable), "completed, but without saying what was paid");
      status.kind = confirmed;
      if (other.empty()) status.provider_ref = transaction.id;
      break;
    case StatusClass::rejected:
    case StatusClass::declined:
      status.kind = rules.temporary.contains(transaction.status) ? refused_for_now : refused;
      break;
    case StatusClass::cancelled:
      status.kind = refused_for_now;
      break;
    case StatusClass::reversed:
      if (!rules.completion_recorded) return for_a_person(std::move(status), transaction);
      status.kind = reversed;
      break;
    case StatusClass::exception:
    case StatusClass::unknown:
      return for_a_person(std::move(status), transaction);
  }
  return status;
}

// ---- writing
// ---------------------------------------------------------------------------------------------------

json::object object_of(const Fields& fields) {
  json::object object;
  for (const auto& [name, value] : fields) object[name] = value;
  return object;
}

}  // namespace

// ---- requests
// ---------------------------------------------------------------------------------------------------

std::string quotation_external_id(const std::string& reference) {
  return reference + "-quotation";
}

std::string encode_quotation(const QuotationRequest& request, int decimals) {
  const Amount& amount = request.destination.amount;
  const json::object source{{"amount", nullptr},
                            {"currency", request.source_currency},
                            {"country_iso_code", request.source_country}};
  const json::object destination{{"amount", amount.to_fixed(amount.fits(0) ? 0 : decimals)},
                                 {"currency", request.destination.currency}};
  const json::object body{{"external_id", request.external_id},
                          {"payer_id", request.payer_id},
                          {"mode", "DESTINATION_AMOUNT"},
                          {"transaction_type", request.transaction_type},
                          {"source", source},
                          {"destination", destination}};
  return json::serialize(body);
}

std::string encode_transaction(const TransactionRequest& request) {
  json::object body = object_of(request.more);  // first, so that nothing of ours is overwritten
  body["external_id"] = request.external_id;
  body["credit_party_identifier"] = json::object{{"msisdn", request.msisdn}};
  body[request.parties.payer_name] = object_of(request.parties.payer);
  body[request.parties.payee_name] = object_of(request.parties.payee);
  body["purpose_of_remittance"] = request.purpose_of_remittance;
  if (!request.callback_url.empty()) body["callback_url"] = request.callback_url;
  return json::serialize(body);
}

std::string encode_verification(const std::string& msisdn) {
  const json::object party{{"msisdn", msisdn}};
  return json::serialize(json::object{{"credit_party_identifier", party}});
}

// ---- errors
// -----------------------------------------------------------------------------------------------------

bool ErrorBody::has(std::string_view code) const {
  return std::ranges::find(codes, code) != codes.end();
}

std::string ErrorBody::permanent() const {
  const auto is_permanent = [](const std::string& code) { return meaning_of(code) == CodeMeaning::refused; };
  return !codes.empty() && std::ranges::all_of(codes, is_permanent) ? codes.front() : std::string{};
}

ErrorBody decode_error(std::string_view body) {
  static constexpr std::size_t kLongestCode = 10;
  const auto object = read_object(body);
  const json::value* errors = object ? object->if_contains("errors") : nullptr;
  if (errors == nullptr || !errors->is_array()) return {};
  ErrorBody result;
  for (const json::value& element : errors->get_array()) {
    const json::object* error = element.if_object();
    auto code = error == nullptr ? std::nullopt : text_at(*error, "code");
    const bool usable = code && is_digits(*code) && code->size() <= kLongestCode;
    result.codes.push_back(usable ? *std::move(code) : std::string{});  // an empty one means nothing
    if (error != nullptr && result.message.empty())
      result.message = safe_text(text_at(*error, "message").value_or(""));
  }
  return result;
}

// ---- quotations and transactions
// --------------------------------------------------------------------------------------------------

bool is_dead(StatusClass status_class) noexcept {
  return status_class == StatusClass::rejected || status_class == StatusClass::cancelled ||
         status_class == StatusClass::declined;
}

bool is_taken(StatusClass status_class) noexcept {
  return status_class == StatusClass::confirmed || status_class == StatusClass::submitted ||
         status_class == StatusClass::completed;
}

Result<Quotation> decode_quotation(std::string_view body) {
  const auto object = read_object(body);
  if (!object) return Problem{"", "is not a JSON object"};
  auto id = read_id(*object);
  if (!id) return id.error();
  auto external_id = read_external_id(*object);
  if (!external_id) return external_id.error();
  auto destination = read_destination(*object);
  if (!destination) return destination.error();
  return Quotation{*std::move(id),        *std::move(external_id), destination->amount,
                   destination->currency, cost_of(*object),        time_at(*object, "expiration_date")};
}

Result<Transaction> decode_transaction(std::string_view body) {
  const auto object = read_object(body);
  if (!object) return Problem{"", "is not a JSON object"};
  auto id = read_id(*object);
  if (!id) return id.error();
  auto external_id = read_external_id(*object);
  if (!external_id) return external_id.error();
  auto destination = read_destination(*object);
  if (!destination) return destination.error();
  auto msisdn = read_msisdn(*object);
  if (!msisdn) return msisdn.error();
  auto status = text_at(*object, "status");
  if (!status) return Problem{"status", "is missing or not a text"};
  if (is_present(*object, "status_class") && !text_at(*object, "status_class"))
    return unreadable_field("status_class");
  Transaction transaction;
  transaction.id = *std::move(id);
  transaction.external_id = *std::move(external_id);
  transaction.status_class = class_of(*object, *status);
  transaction.status = safe_text(*status);
  transaction.status_message = safe_text(text_at(*object, "status_message").value_or(""));
  transaction.amount = destination->amount;
  transaction.currency = destination->currency;
  transaction.destination = *std::move(msisdn);
  transaction.cost = cost_of(*object);
  transaction.expires_at = time_at(*object, "expiration_date");
  return transaction;
}

// ---- artefacts
// --------------------------------------------------------------------------------------------------

bool Artefact::was_taken() const {
  return class_of(status) != StatusClass::created;
}

std::string encode_artefact(const Artefact& artefact) {
  json::object body{{"transaction_id", artefact.transaction_id},
                    {"external_id", artefact.external_id},
                    {"status", artefact.status},
                    {"amount", artefact.amount.to_string()},
                    {"currency", artefact.currency},
                    {"destination", artefact.destination}};
  if (artefact.expires_at) body["expires_at"] = format_time(*artefact.expires_at);
  return json::serialize(body);
}

Result<Artefact> decode_artefact(std::string_view text) {
  const auto object = read_object(text);
  if (!object) return Problem{"", "is not a JSON object"};
  const auto at = [&](const char* key) { return text_at(*object, key).value_or(""); };
  const auto amount = Amount::parse(at("amount"));
  if (!amount) return Problem{"amount", amount.error().reason};
  Artefact artefact{
      at("transaction_id"), at("external_id"), at("status"), *amount, at("currency"), at("destination"), {}};
  if (!is_identifier(artefact.transaction_id) || !is_identifier(artefact.external_id))
    return Problem{"transaction_id", "or external_id is not an identifier"};
  if (artefact.status.empty() || artefact.currency.empty() || artefact.destination.empty())
    return Problem{"", "lacks a field"};
  artefact.expires_at = parse_time(at("expires_at"));
  return artefact;
}

std::string difference(const Transaction& transaction, const Artefact& expected) {
  if (!transaction.external_id.empty() && transaction.external_id != expected.external_id)
    return "its external_id is another one";
  if (!expected.transaction_id.empty() && transaction.id != expected.transaction_id)
    return "its id is another one";
  if (transaction.amount && *transaction.amount != expected.amount)
    return "its amount is " + transaction.amount->to_string() + " instead of " + expected.amount.to_string();
  if (transaction.currency && *transaction.currency != expected.currency)
    return "its currency is " + safe_text(*transaction.currency) + " instead of " + expected.currency;
  if (transaction.destination && *transaction.destination != expected.destination)
    return "its payee is another one";
  return {};
}

// ---- meaning
// ----------------------------------------------------------------------------------------------------

std::vector<payoutd::CodeRule> submit_codes() {
  std::vector<payoutd::CodeRule> rules;
  for (const SubmitCode& code : kSubmitCodes) rules.push_back({std::string(code.code), code.meaning});
  return rules;
}

Submission decode_submission(int http_status, std::string_view body, const Artefact& artefact) {
  const ErrorBody error = decode_error(body);
  const std::string code = http_status / 100 == 3 ? std::string{} : deciding_code(error.codes);
  if (const auto meaning = meaning_of(code)) {
    if (*meaning == CodeMeaning::duplicate) return Submission::duplicate(code, error.message);
    if (*meaning == CodeMeaning::refused) return Submission::refused(code, error.message);
    return Submission::not_accepted(code, error.message);
  }
  if (!error.codes.empty()) {
    const std::string shown = first_of(error.codes);
    return Submission::unknown(shown.empty() ? http_code(http_status) : shown, error.message);
  }
  if (http_status / 100 != 2)
    return Submission::unknown(http_code(http_status),
                               "HTTP " + std::to_string(http_status) + " with a body that says nothing");
  const auto transaction = decode_transaction(body);
  if (!transaction)
    return Submission::unknown(std::string(kUnreadable), "the answer's " + transaction.error().field + " " +
                                                             transaction.error().reason);
  if (const std::string why = difference(*transaction, artefact); !why.empty())
    return Submission::unknown(std::string(kOtherTransaction),
                               "the answer is not about the transaction that was confirmed: " + why);
  if (!is_taken(transaction->status_class))
    return Submission::unknown(
        is_identifier(transaction->status) ? transaction->status : std::string(kUnreadable),
        transaction->status_message);
  Submission submission = Submission::accepted({});  // the id comes with the completion: see README
  submission.message = "transaction " + transaction->id + ": " + transaction->status_message;
  return submission;
}

Status decode_status(int http_status, std::string_view body, const Artefact& artefact,
                     const StatusRules& rules) {
  const ErrorBody error = decode_error(body);
  if (http_status / 100 != 2 || !error.codes.empty()) {
    const std::string code = first_of(error.codes);
    return unsettled(code.empty() ? http_code(http_status) : code, error.message);
  }
  const auto transaction = decode_transaction(body);
  if (!transaction)
    return unsettled(std::string(kUnreadable),
                     "the answer's " + transaction.error().field + " " + transaction.error().reason);
  return status_of_known(*transaction, artefact, rules);
}

// ---- account
// ----------------------------------------------------------------------------------------------------

std::optional<std::string> decode_verification(std::string_view body) {
  const auto object = read_object(body);
  auto status = object ? text_at(*object, "account_status") : std::nullopt;
  if (!status || !is_identifier(*status)) return std::nullopt;
  return status;
}

Result<payoutd::Balance> decode_balances(std::string_view body, std::string_view currency) {
  const auto value = payoutd::read_json(body, kLimits);
  if (!value || !value->is_array()) return Problem{"", "is not a JSON array"};
  for (const json::value& element : value->get_array()) {
    const json::object* balance = element.if_object();
    if (balance == nullptr || text_at(*balance, "currency") != currency) continue;
    const auto available = payoutd::read_balance(text_at(*balance, "available").value_or(""));
    if (!available) return Problem{"available", "is missing or not a decimal number"};
    return payoutd::Balance{*available, std::string(currency)};
  }
  return Problem{"currency", std::string(currency) + " is in no balance of this account"};
}

bool decode_ping(std::string_view body) {
  const auto object = read_object(body);
  return object && text_at(*object, "status") == "up";
}

Result<Callback> decode_callback(std::string_view body) {
  const auto object = read_object(body);
  if (!object) return Problem{"", "is not a JSON object"};
  const std::string external_id = text_at(*object, "external_id").value_or("");
  const std::string id = text_at(*object, "id").value_or("");
  if (external_id.empty() && !is_present(*object, "status")) return Problem{"", "is not a transaction"};
  return Callback{is_identifier(external_id) ? external_id : "", is_identifier(id) ? id : ""};
}

}  // namespace thunes
