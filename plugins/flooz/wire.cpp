#include "wire.hpp"

#include <algorithm>
#include <array>
#include <payoutd/decimal.hpp>
#include <payoutd/text.hpp>
#include <span>

namespace flooz {
namespace {

using payoutd::Amount;
using payoutd::CodeMeaning;
using payoutd::is_digits;
using payoutd::is_word;
using payoutd::Problem;
using payoutd::Result;
using payoutd::safe_text;
using payoutd::Status;
using payoutd::Submission;
using payoutd::upper_case;

constexpr std::string_view kTransferResponse = "transferFloozResponse";
constexpr std::string_view kStatusResponse = "getTransactionStatusResponse";
constexpr std::string_view kBalanceResponse = "getBalanceResponse";
constexpr std::string_view kAccountResponse = "getMobileAccountStatusResponse";

constexpr std::string_view kDone = "0";
constexpr std::string_view kPending = "100";

// ---- the code table

struct SubmitCode {
  std::string_view code;
  CodeMeaning meaning;
  std::string_view text;  ///< for people; Moov's own message may be empty
  bool on_status;         ///< means the same in the answer to a status query
};

/// The codes on which the public clients agree. 91 to 99 and -1 are missing on purpose: one client's "does
/// not exist" is another one's "incomplete", and a time-out or an internal error says nothing of the money.
///
/// 1, 2 and 4 refuse the caller, not the payment: nothing was taken, and the same payment goes through once
/// the operator has had the permission set. Under the same referenceid, so that it can only be paid once,
/// whatever the code may also mean. As answers to a question they speak of the question. So may 8 and 101,
/// "retry later" and "limit".
constexpr std::array kSubmitCodes{
    SubmitCode{"1", CodeMeaning::not_accepted, "our account may not use this method", false},
    SubmitCode{"2", CodeMeaning::not_accepted, "our account may not make this transaction", false},
    SubmitCode{"4", CodeMeaning::not_accepted, "our user lacks the permission", false},
    SubmitCode{"3", CodeMeaning::refused, "the payee's number is not valid", true},
    SubmitCode{"6", CodeMeaning::refused, "the payee may not receive transfers", true},
    SubmitCode{"7", CodeMeaning::refused, "the payee's account is locked", true},
    SubmitCode{"9", CodeMeaning::refused, "the payee's account is inactive", true},
    SubmitCode{"11", CodeMeaning::refused, "the amount is above the limit", true},
    SubmitCode{"12", CodeMeaning::refused, "the amount is below the limit", true},
    SubmitCode{"17", CodeMeaning::refused, "the payee cannot receive so little", true},
    SubmitCode{"18", CodeMeaning::refused, "the payee's account would be too full", true},
    SubmitCode{"555", CodeMeaning::refused, "the payee is not registered", true},
    SubmitCode{"8", CodeMeaning::refused_for_now, "to be tried later", false},
    SubmitCode{"10", CodeMeaning::refused_for_now, "our account lacks the funds", true},
    SubmitCode{"13", CodeMeaning::refused_for_now, "the day's amount is used up", true},
    SubmitCode{"14", CodeMeaning::refused_for_now, "the month's amount is used up", true},
    SubmitCode{"15", CodeMeaning::refused_for_now, "the day's transactions are used up", true},
    SubmitCode{"16", CodeMeaning::refused_for_now, "the month's transactions are used up", true},
    SubmitCode{"19", CodeMeaning::refused_for_now, "our transactions of the day are used up", true},
    SubmitCode{"20", CodeMeaning::refused_for_now, "our transactions of the month are used up", true},
    SubmitCode{"101", CodeMeaning::refused_for_now, "a limit is reached", false},
};

const SubmitCode* find_code(std::string_view code) {
  const auto* found = std::ranges::find(kSubmitCodes, code, &SubmitCode::code);
  return found == kSubmitCodes.end() ? nullptr : found;
}

// ---- texts

/// U+FFFE and U+FFFF are well-formed UTF-8 and no XML.
bool is_noncharacter(std::string_view character) {
  return character == "\xEF\xBF\xBE" || character == "\xEF\xBF\xBF";
}

/// The same reference, even if somebody took ours for a number and dropped its leading zeros: ours all have
/// the same length, so that no two of them differ by that alone.
bool is_same_reference(std::string_view theirs, std::string_view ours) {
  if (theirs == ours) return true;
  if (!is_digits(theirs) || !is_digits(ours)) return false;
  const auto without_zeros = [](std::string_view digits) {
    digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size()));
    return digits;
  };
  return without_zeros(theirs) == without_zeros(ours);
}

// ---- what every answer has in common

/// `-1`, `0`, `555`: an integer without a sign that means nothing and without leading zeros.
bool is_code(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  return is_digits(text) && text.size() <= 6 && (text.size() == 1 || text[0] != '0');
}

struct Reading {
  std::optional<Answer> answer;  ///< of the operation that was called, with a readable code
  std::string code;              ///< Moov's, or one of ours where there is none
  std::string message;           ///< safe_text, never empty
};

std::string http_code(int http_status) {
  return "http." + std::to_string(http_status);
}

std::string message_of(const Answer& answer) {
  const std::string message = answer.text("message");
  return safe_text(message.empty() ? answer.text("description") : message);
}

/// Separates the answers of the operation that was called from those that somebody in between may have given.
Reading read(int http_status, std::string_view body, std::string_view operation) {
  Reading reading;
  reading.code = http_status == 200 ? std::string(kUnreadable) : http_code(http_status);
  const std::string http = "HTTP " + std::to_string(http_status);
  auto answer = read_answer(body);
  if (!answer) {
    reading.message = http + " with a body that " + answer.error().reason;
    return reading;
  }
  if (answer->is_fault) {
    reading.code = kFault;
    reading.message = http + " with a SOAP fault: " + safe_text(answer->fault);
    return reading;
  }
  reading.message = message_of(*answer);
  if (http_status != 200 || answer->operation != operation) {
    reading.message = http + " with a " + safe_text(answer->operation) + ": " + reading.message;
    return reading;
  }
  const std::string code = answer->text("status");
  if (!is_code(code)) {
    reading.message = "the answer's status is no code: " + reading.message;
    return reading;
  }
  reading.code = code;
  if (reading.message.empty()) reading.message = "status " + code;
  reading.answer = std::move(*answer);
  return reading;
}

/// Moov's own name for a payment.
std::string provider_ref_of(const Answer& answer) {
  std::string ref = answer.text("referenceid");
  return is_word(ref, "_-.#/:") ? ref : std::string{};
}

/// False if the answer names another request of ours. One that names none came on the connection of its
/// question.
bool echoes(const Answer& answer, std::string_view name, std::string_view reference) {
  const Field field = answer.field(name);
  return !field.present || (field.text && is_same_reference(*field.text, reference));
}

std::string with_table_text(const SubmitCode& rule, const std::string& message) {
  return std::string(rule.text) + " (" + message + ")";
}

// ---- the status query

Status cannot_tell(std::string code, std::string message) {
  Status status;
  status.kind = Status::Kind::cannot_tell;
  status.code = std::move(code);
  status.message = std::move(message);
  return status;
}

bool contains_any(std::string_view text, std::span<const std::string_view> parts) {
  return std::ranges::any_of(parts, [&](auto part) { return text.find(part) != std::string_view::npos; });
}

/// Takes out what says that all went well in words of failure: "No error". Whole words only, for a "casino
/// error" is one.
std::string without_denied_errors(std::string text) {
  static constexpr std::array<std::string_view, 4> kDenied{"NO ERROR", "WITHOUT ERROR", "SANS ERREUR",
                                                           "AUCUNE ERREUR"};
  const auto is_letter = [](char c) {
    return static_cast<unsigned char>(c) >= 0x80 || (c >= 'A' && c <= 'Z');
  };
  for (const std::string_view denied : kDenied) {
    for (auto at = text.find(denied); at != std::string::npos; at = text.find(denied, at + 1)) {
      if (at == 0 || !is_letter(text[at - 1])) text.replace(at, denied.size(), denied.size(), ' ');
    }
  }
  return text;
}

/// `0` beside a description that says something else: the code may then be that of the question. Stems, in
/// English and French; they leave out letters that may carry an accent, of which only ASCII is compared
/// without case. A word too many costs a person's look, a word too few a claim that nobody proved.
bool contradicts_success(const std::string& description) {
  static constexpr std::array<std::string_view, 51> kOtherwise{
      "PENDING", "ATTENTE",      "EN COURS", "PROGRESS",    "PROCESSING",  "INITIAT",     "QUEUE",
      "FAIL",    "CHEC",         "CHOU",     "ERROR",       "ERREUR",      "EXCEPTION",   "REJECT",
      "REJET",   "REFUS",        "DENIED",   "DECLIN",      "D\u00C9CLIN", "D\u00E9CLIN", "ANNUL",
      "CANCEL",  "ABORT",        "ABANDON",  "REVERS",      "REVERT",      "ROLLBACK",    "ROLLED BACK",
      "EXPIR",   "TIMEOUT",      "TIME OUT", "TIME-OUT",    "TIMED OUT",   "INSUFFI",     "INCONNU",
      "UNKNOWN", "NOT ",         "N'T ",     "INTROUVABLE", "PAS ",        "NON ",        "AUCUNE TRANS",
      "TROUV",   "DE\u0301CLIN", "EXIST",    "INVALID",     "UNSUCCESS",   "IMPOSSIB",    "BLOQU",
      "BLOCKED", "SUSPEN"};
  return contains_any(without_denied_errors(upper_case(description)), kOtherwise);
}

/// By which name of the payment the answer shows that it is about it.
enum class NamedBy { nobody, us, moov };

NamedBy named_by(const Answer& answer, const StatusQuestion& question) {
  for (const std::string_view name : {"transid", "transactionid"}) {
    if (!echoes(answer, name, question.reference) && !echoes(answer, name, question.transid))
      return NamedBy::nobody;
  }
  const std::string ref = provider_ref_of(answer);
  if (ref.empty()) return NamedBy::nobody;
  if (is_same_reference(ref, question.reference)) return NamedBy::us;
  if (!question.known_ref.empty()) return ref == question.known_ref ? NamedBy::moov : NamedBy::nobody;
  return question.by_reference || ref == question.transid ? NamedBy::moov : NamedBy::nobody;
}

bool says_absent(const Answer& answer, std::string_view code, const StatusQuestion& question) {
  if (!question.by_reference || std::ranges::find(question.absent_codes, code) == question.absent_codes.end())
    return false;
  const std::string ref = answer.text("referenceid");
  return ref.empty() || ref == "0" || is_same_reference(ref, question.reference);
}

Status known(Status::Kind kind, const Reading& reading, const StatusQuestion& question, NamedBy by) {
  Status status;
  status.kind = kind;
  status.code = reading.code;
  status.message = reading.message;
  if (by == NamedBy::moov) status.provider_ref = provider_ref_of(*reading.answer);
  status.found.reference = question.reference;
  return status;
}

/// A refusal counts only beside Moov's own name of the payment: an echo of ours could be the answer to a
/// question that was not understood.
Status judge_refusal(const Reading& reading, const StatusQuestion& question, NamedBy by) {
  const SubmitCode* rule = find_code(reading.code);
  if (rule == nullptr || !rule->on_status) return cannot_tell(reading.code, reading.message);
  if (by != NamedBy::moov)
    return cannot_tell(reading.code, "a refusal that does not name the payment: " + reading.message);
  const bool passing = rule->meaning == CodeMeaning::refused_for_now;
  Status status =
      known(passing ? Status::Kind::refused_for_now : Status::Kind::refused, reading, question, by);
  status.message = with_table_text(*rule, reading.message);
  return status;
}

// ---- accounts

/// The codes that speak of the payee, and of no amount.
constexpr std::array<std::string_view, 5> kPayeeCodes{"3", "6", "7", "9", "555"};

/// The one word that is known for sure is ACTIVE. These say clearly that it is not.
constexpr std::array<std::string_view, 9> kUnusableWords{"INACTIVE",  "LOCKED", "BLOCKED",
                                                         "SUSPENDED", "BARRED", "DEACTIVATED",
                                                         "DISABLED",  "CLOSED", "TERMINATED"};

}  // namespace

std::vector<payoutd::CodeRule> submit_codes() {
  std::vector<payoutd::CodeRule> rules;
  for (const SubmitCode& code : kSubmitCodes) rules.push_back({std::string(code.code), code.meaning});
  return rules;
}

std::string encode_transfer(const Transfer& transfer) {
  return "<request>" + element("destination", transfer.destination) +
         element("amount", transfer.amount.to_fixed(0)) + element("referenceid", transfer.reference) +
         element("walletid", transfer.wallet_id) + element("extendeddata", transfer.remarks) + "</request>";
}

Result<Transfer> decode_transfer(std::string_view request) {
  const auto fields = read_element(request, "request");
  if (!fields) return fields.error();
  const auto amount = Amount::parse(fields->text("amount"));
  if (!amount) return Problem{"amount", amount.error().reason};
  for (const auto name : {"destination", "referenceid", "walletid"}) {
    if (fields->text(name).empty()) return Problem{name, "is missing"};
  }
  return Transfer{fields->text("destination"), *amount, fields->text("referenceid"), fields->text("walletid"),
                  fields->text("extendeddata")};
}

std::string encode_status_request(std::string_view transid) {
  return "<request>" + element("transid", transid) + "</request>";
}

std::string encode_account_request(std::string_view msisdn) {
  return "<request>" + element("msisdn", msisdn) + "</request>";
}

std::string clean_remarks(std::string_view text, std::size_t max_characters) {
  return payoutd::clean_text(text, max_characters, &is_noncharacter);
}

std::optional<std::string> msisdn_problem(std::string_view destination,
                                          const std::vector<std::string>& prefixes) {
  static constexpr std::string_view kTogo = "228";
  static constexpr std::size_t kTogoDigits = 11;
  if (!is_digits(destination))
    return "must be an international phone number of digits only, without '+' or spaces";
  if (destination.size() < 10 || destination.size() > 15) return "must have 10 to 15 digits";
  if (destination.starts_with(kTogo) && destination.size() != kTogoDigits)
    return "must have 8 digits after 228";
  return payoutd::prefix_problem(destination, prefixes);
}

bool is_reference(std::string_view text) noexcept {
  return is_word(text, "");
}

Submission decode_transfer_answer(int http_status, std::string_view body, const std::string& reference,
                                  bool queried_by_reference) {
  const Reading reading = read(http_status, body, kTransferResponse);
  if (!reading.answer) return Submission::unknown(reading.code, reading.message);
  if (!echoes(*reading.answer, "transactionid", reference)) {
    return Submission::unknown(std::string(kMismatch), "the answer's transactionid is not our reference");
  }
  const std::string provider_ref = provider_ref_of(*reading.answer);
  if (reading.code == kDone) return Submission::confirmed(provider_ref);
  if (reading.code == kPending && (queried_by_reference || !provider_ref.empty()))
    return Submission::accepted(provider_ref);
  if (const SubmitCode* rule = find_code(reading.code)) {
    // Without Moov's reference: it would be that of a payment that never was, and be asked about as the next
    // attempt's.
    const std::string text = with_table_text(*rule, reading.message);
    if (rule->meaning == CodeMeaning::refused) return Submission::refused(reading.code, text);
    if (rule->meaning == CodeMeaning::refused_for_now) return Submission::refused_for_now(reading.code, text);
    return Submission::not_accepted(reading.code, text);
  }
  Submission unknown = Submission::unknown(reading.code, reading.message);
  unknown.provider_ref = provider_ref;
  return unknown;
}

Status decode_status(int http_status, std::string_view body, const StatusQuestion& question) {
  const Reading reading = read(http_status, body, kStatusResponse);
  if (!reading.answer) return cannot_tell(reading.code, reading.message);
  if (says_absent(*reading.answer, reading.code, question)) {
    Status status;
    status.kind = Status::Kind::absent;
    status.code = reading.code;
    status.message = reading.message;
    return status;
  }
  const NamedBy by = named_by(*reading.answer, question);
  if (by == NamedBy::nobody)
    return cannot_tell(reading.code, "the answer does not name the payment: " + reading.message);
  if (reading.code == kPending) return known(Status::Kind::pending, reading, question, by);
  if (reading.code != kDone) return judge_refusal(reading, question, by);
  if (contradicts_success(reading.answer->text("description")) ||
      contradicts_success(reading.answer->text("message")))
    return cannot_tell(reading.code, "status 0, and a description that says otherwise: " + reading.message);
  return known(Status::Kind::confirmed, reading, question, by);
}

Result<payoutd::Balance> decode_balance(int http_status, std::string_view body) {
  const Reading reading = read(http_status, body, kBalanceResponse);
  if (!reading.answer || reading.code != kDone) return Problem{"", reading.code + ": " + reading.message};
  const auto available = payoutd::read_balance(reading.answer->text("balance"));
  if (!available) return Problem{"balance", "is not a number"};
  return payoutd::Balance{*available, "XOF"};
}

Account decode_account(int http_status, std::string_view body, std::string_view msisdn) {
  const Reading reading = read(http_status, body, kAccountResponse);
  const auto unclear = [&](std::string reason) { return Account{AccountState::unclear, std::move(reason)}; };
  if (!reading.answer) return unclear(reading.code + ": " + reading.message);
  const Field echo = reading.answer->field("msisdn");
  if (echo.present && echo.text != msisdn) return unclear("the answer is about another number");
  if (std::ranges::find(kPayeeCodes, reading.code) != kPayeeCodes.end())
    return {AccountState::unusable, std::string(find_code(reading.code)->text)};
  if (reading.code != kDone) return unclear(reading.code + ": " + reading.message);
  const std::string word = upper_case(reading.answer->text("subscriberstatus"));
  if (word == "ACTIVE") return {AccountState::active, {}};
  if (std::ranges::find(kUnusableWords, word) != kUnusableWords.end())
    return {AccountState::unusable, "the payee's account is " + word};
  return unclear("subscriberstatus is \"" + safe_text(word) + "\"");
}

std::optional<std::string> service_problem(int http_status, std::string_view body) {
  const Reading reading = read(http_status, body, kStatusResponse);
  const SubmitCode* rule = find_code(reading.code);
  const bool refused = rule != nullptr && rule->meaning == CodeMeaning::not_accepted;
  if (reading.answer && !refused) return std::nullopt;
  return reading.code + ": " + reading.message;
}

}  // namespace flooz
