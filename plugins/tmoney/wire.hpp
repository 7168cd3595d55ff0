#pragma once
/// The wire of Togocom's (Yas, "Mixx by Yas") TMoney API "tpcredit", as pure functions: bytes in, meaning
/// out. No I/O, no state, no clock; every function is safe on hostile input (size, depth, duplicate keys,
/// invalid UTF-8).
///
/// Sources: the operator publishes no documentation. What stands here is what independent public clients
/// agree on (a Java client, a Yas controller, the Drewlabs TMoney SDK with its tests, notes that quote the
/// operator's "MBANKING/3rd PARTY" specification). Fields come as strings or as integers: both are read.
#include <payoutd/provider.hpp>

namespace tmoney {

/// Bodies larger than this are not looked at: the largest known answer is below 1 KiB.
inline constexpr std::size_t kMaxBodyBytes = 64 * 1024;

/// idRequete is our reference: this many of these characters, which need no escaping in a URL.
inline constexpr std::string_view kReferenceCharset = "abcdefghijklmnopqrstuvwxyz0123456789";
inline constexpr int kReferenceLength = 20;

/// Codes of our own, for answers that carry none of TMoney's. A dot is in each, and in none of TMoney's.
inline constexpr std::string_view kUnauthorized = "tmoney.unauthorized";
inline constexpr std::string_view kFault = "tmoney.fault";
inline constexpr std::string_view kMismatch = "tmoney.mismatch";
inline constexpr std::string_view kUnreadable = "tmoney.unreadable";
inline constexpr std::string_view kSeveralRows = "tmoney.several_rows";

/// The code of a payment with statutRequete ECHEC. One whose own code the settings call passing is
/// `ECHEC.<code>`.
inline constexpr std::string_view kFailed = "ECHEC";

/// Every code of a submit that says something about the money, with what it says. `passing_codes` are the
/// values of `code` beside ECHEC after which a later try may succeed.
std::vector<payoutd::CodeRule> submit_codes(const std::vector<std::string>& passing_codes);

/// What POST …/tpcredit carries.
struct Credit {
  payoutd::Amount amount;    ///< whole XOF
  std::string reference;     ///< idRequete
  std::string msisdn;        ///< numeroClient: 228 and 8 digits
  std::string payout_id;     ///< refCommande
  std::string requested_at;  ///< dateHeureRequete, as format_time makes it
  std::string description;   ///< already cleaned

  friend bool operator==(const Credit&, const Credit&) = default;
};

/// The exact bytes of the body, the same for the same Credit. Throws std::invalid_argument if the amount is
/// not whole.
std::string encode_credit(const Credit& credit);
/// Reads such a body back, so that an artefact can be compared with its order before it is sent.
payoutd::Result<Credit> decode_credit(std::string_view body);

enum class TimeForm {
  plain,    ///< `2021-03-30 17:09:03`, as in every public example
  iso8601,  ///< `2021-03-30T17:09:03+00:00`
};
std::string format_time(std::chrono::system_clock::time_point time, TimeForm form,
                        std::chrono::minutes utc_offset);

/// Why `destination` cannot be a TMoney account, as half a sentence; nullopt if it can.
std::optional<std::string> msisdn_problem(std::string_view destination);

bool is_reference(std::string_view text) noexcept;

/// What the answer to the credit says of the money.
struct CreditAnswer {
  payoutd::Submission submission;
  bool token_refused = false;              ///< the token must not be used again
  std::optional<payoutd::Amount> balance;  ///< soldePartenaire, if the answer is about this credit and has it
};
CreditAnswer decode_credit_answer(int http_status, std::string_view body, const Credit& sent,
                                  const std::vector<std::string>& passing_codes);

/// What the answer to …/check-transaction-id?idRequete=`reference` says of the money.
struct StatusAnswer {
  payoutd::Status status;
  bool token_refused = false;  ///< nothing was learned: ask again with a new token
};
StatusAnswer decode_status(int http_status, std::string_view body, const std::string& reference,
                           const std::vector<std::string>& passing_codes);

/// The body of POST /login.
std::string encode_login(std::string_view user, const payoutd::Secret& password);
/// Its answer.
struct LoginAnswer {
  payoutd::Secret token;  ///< empty: there is none
  /// What the token, if it is a JWT, says of its own life (exp less iat). Nobody verifies it: it may only
  /// shorten.
  std::optional<std::chrono::seconds> lifetime;
  bool credentials_refused = false;  ///< the user or the password is wrong
  std::string problem;               ///< for people, when there is no token
};
LoginAnswer decode_login(int http_status, std::string_view body);

/// A callback carries the fields of the credit's answer. It is unsigned: nothing in it may be believed.
struct Callback {
  std::string reference;     ///< idRequete, if it has the form of our references
  std::string provider_ref;  ///< refTmoney, if there is one
};
payoutd::Result<Callback> decode_callback(std::string_view body);

}  // namespace tmoney
