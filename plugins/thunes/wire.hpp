#pragma once
/// The wire of the Thunes Money Transfer API v2, as pure functions: bytes in, meaning out. No I/O, no state,
/// no clock; every function is safe on hostile input (size, depth, duplicate keys, invalid UTF-8). Refusals
/// are judged by the `code` in the body, not by the HTTP status. Numbers are read from their digits, quoted
/// or not, because the same field is a string in REST answers and a number in callbacks.
///
/// Sources: docs.thunes.com/money-transfer/v2 (quotations, transactions, errors, statuses, callbacks) and
/// public clients where it is silent.
#include <payoutd/provider.hpp>
#include <set>

#include "text.hpp"

namespace thunes {

/// Bodies larger than this are not looked at: a transaction with every field is below 16 KiB.
inline constexpr std::size_t kMaxBodyBytes = 256 * 1024;

/// Codes of our own, for what carries none of Thunes'. They contain letters, Thunes' are digits.
inline constexpr std::string_view kUnreadable = "thunes.unreadable";
inline constexpr std::string_view kOtherTransaction = "thunes.other_transaction";
inline constexpr std::string_view kConfirmedBefore = "thunes.confirmed_before";

using Fields = std::vector<std::pair<std::string, std::string>>;  ///< of a JSON object, in their order

// ---- requests
// ---------------------------------------------------------------------------------------------------

/// The reference is the transaction's external_id; its quotation has another one, made from it.
std::string quotation_external_id(const std::string& reference);

struct QuotationRequest {
  std::string external_id;
  std::string payer_id;
  std::string transaction_type;
  std::string source_currency;
  std::string source_country;
  payoutd::Money destination;
};
/// Always in mode DESTINATION_AMOUNT: what is owed is what arrives. The amount is a string with `decimals`
/// places, or none if it is whole; throws std::invalid_argument if digits would be lost.
std::string encode_quotation(const QuotationRequest& request, int decimals);

/// Who pays and who is paid: `sender` or `sending_business`, `beneficiary` or `receiving_business`.
struct Parties {
  std::string payer_name;
  Fields payer;
  std::string payee_name;
  Fields payee;
};
struct TransactionRequest {
  std::string external_id;
  std::string msisdn;  ///< as Thunes is to see it
  Parties parties;
  std::string purpose_of_remittance;
  Fields more;
  std::string callback_url;  ///< empty: none
};
std::string encode_transaction(const TransactionRequest& request);
std::string encode_verification(const std::string& msisdn);

// ---- answers
// ----------------------------------------------------------------------------------------------------

/// `{"errors":[{"code":"1000401","message":"Unauthorized"}]}`.
struct ErrorBody {
  std::vector<std::string> codes;  ///< digits only; empty if the body is no such thing
  std::string message;             ///< safe_text of the first message

  bool has(std::string_view code) const;
  bool external_id_used() const { return has("1007001"); }
  bool expired() const { return has("1007004") || has("1008003"); }
  bool not_found() const { return has("1008002") || has("1008004"); }
  /// The code by which Thunes refuses this payment for good; empty if there is none, or another one beside
  /// it.
  std::string permanent() const;
};
ErrorBody decode_error(std::string_view body);

/// The first digit of a status.
enum class StatusClass {
  unknown = 0,  ///< no status that follows the documented form
  created = 1,
  confirmed = 2,
  rejected = 3,
  cancelled = 4,
  submitted = 5,
  exception = 6,  ///< AVAILABLE or COMPLETED-WITH-EXCEPTION: sources differ
  completed = 7,
  reversed = 8,  ///< REVERSED or EXPIRED: sources differ
  declined = 9,
};
/// Rejected, cancelled, declined: nothing was paid and nothing will be.
bool is_dead(StatusClass status_class) noexcept;
/// Confirmed, submitted, completed: a confirmation was taken. What 6xxxx and 8xxxx came from is not certain.
bool is_taken(StatusClass status_class) noexcept;

struct Quotation {
  std::string id;
  std::string external_id;  ///< empty if the answer has none
  std::optional<payoutd::Amount> amount;
  std::optional<std::string> currency;
  std::optional<payoutd::Money> cost;  ///< sent_amount, with the fee if it is in the same currency
  std::optional<Time> expires_at;
};
payoutd::Result<Quotation> decode_quotation(std::string_view body);

struct Transaction {
  std::string id;
  std::string external_id;  ///< empty if the answer has none
  std::string status;       ///< as it came, if it is a word
  StatusClass status_class = StatusClass::unknown;
  std::string status_message;             ///< safe_text
  std::optional<payoutd::Amount> amount;  ///< what the payee gets
  std::optional<std::string> currency;
  std::optional<std::string> destination;  ///< MSISDN without '+'
  std::optional<payoutd::Money> cost;
  std::optional<Time> expires_at;
};
/// A transaction names itself by `id`, and says its status; what else it carries must be readable. A status
/// of another form than five digits, or one that contradicts `status_class`, gives StatusClass::unknown.
payoutd::Result<Transaction> decode_transaction(std::string_view body);

/// What prepare leaves to submit and query.
struct Artefact {
  std::string transaction_id;
  std::string external_id;  ///< our reference
  std::string status;       ///< when it was prepared
  payoutd::Amount amount;
  std::string currency;
  std::string destination;
  std::optional<Time> expires_at;  ///< after it Thunes refuses to confirm

  /// When it was prepared, it no longer waited for its confirmation: that had been taken already, or may have
  /// been. A refusal of another one would say nothing of the first.
  bool was_taken() const;
  friend bool operator==(const Artefact&, const Artefact&) = default;
};
inline constexpr int kArtefactFormat = 1;
std::string encode_artefact(const Artefact& artefact);
payoutd::Result<Artefact> decode_artefact(std::string_view text);

/// Why this is not the transaction that the artefact or order describes; empty if nothing contradicts it.
std::string difference(const Transaction& transaction, const Artefact& expected);

/// Every code of a confirmation that says something about the money, with what it says: the contract's table
/// and the table by which decode_submission judges, in one.
std::vector<payoutd::CodeRule> submit_codes();

/// What the answer to the confirmation says of the money.
payoutd::Submission decode_submission(int http_status, std::string_view body, const Artefact& artefact);

struct StatusRules {
  std::set<std::string, std::less<>>
      temporary;                     ///< statuses of class 3 and 9 after which it may be tried again
  bool completion_recorded = false;  ///< Thunes said COMPLETED before, and the host knows
};
/// What the answer to the look-up says of the money. `absent` means that the transaction waits to be
/// confirmed: the payment, not the transaction, is absent.
payoutd::Status decode_status(int http_status, std::string_view body, const Artefact& artefact,
                              const StatusRules& rules);

/// The state of a payee's account; nullopt if the body does not say.
std::optional<std::string> decode_verification(std::string_view body);
/// GET /balances: the available amount in this currency. More than payoutd can count is shown as the most
/// that it can, less than nothing as nothing.
payoutd::Result<payoutd::Balance> decode_balances(std::string_view body, std::string_view currency);
/// GET /ping: `{"status":"up"}`.
bool decode_ping(std::string_view body);

/// A callback's body is the whole transaction. Only its name is read: what it says of the money is asked for.
struct Callback {
  std::string external_id;
  std::string transaction_id;
};
payoutd::Result<Callback> decode_callback(std::string_view body);

}  // namespace thunes
