#pragma once
/// The wire of MTN MoMo's Disbursement API v1_0, as pure functions: bytes in, meaning out. No I/O, no state,
/// no clock; every function is safe on hostile input (size, depth, duplicate keys, invalid UTF-8) and judges
/// by the `code` in a body, not by the HTTP status, because MTN answers some definitive refusals with HTTP
/// 500.
///
/// Sources: MTN's developer portal (momodeveloper.mtn.com: API documentation, use cases, callbacks) and its
/// community pages (common errors, reasons of failed payments).
#include <payoutd/provider.hpp>

namespace momo {

/// Bodies larger than this are not looked at: the largest documented answer is below 1 KiB.
inline constexpr std::size_t kMaxBodyBytes = 64 * 1024;

/// Codes of our own, for answers that carry none of MTN's.
inline constexpr std::string_view kAccessDenied = "http.401.access_denied";
inline constexpr std::string_view kTokenRefused = "http.401.token";
inline constexpr std::string_view kAccountHolderInactive = "momo.account_holder_inactive";
inline constexpr std::string_view kUnreadable = "momo.unreadable";

/// Every code of a submit that says something about the money, with what it says: the contract's table and
/// the table by which decode_submission judges, in one.
std::vector<payoutd::CodeRule> submit_codes();

/// What POST /disbursement/v1_0/transfer carries.
struct Transfer {
  payoutd::Amount amount;
  std::string currency;     ///< ISO 4217
  std::string external_id;  ///< our payout id; MTN does not require it to be unique
  std::string msisdn;       ///< international, digits only, without '+'
  std::string note;         ///< goes into payerMessage and payeeNote, already cleaned

  friend bool operator==(const Transfer&, const Transfer&) = default;
};

/// The exact bytes of the body, the same for the same Transfer. The amount is a string: whole amounts without
/// a decimal point, others with `decimals` places. Throws std::invalid_argument if digits would be lost.
std::string encode_transfer(const Transfer& transfer, int decimals);
/// Reads such a body back, so that an artefact can be compared with its order before it is sent.
payoutd::Result<Transfer> decode_transfer(std::string_view body);

/// Makes a text that MTN accepts as payerMessage and payeeNote: valid UTF-8, no apostrophes, quotes or
/// markup, no control characters, single spaces, at most `max_characters` code points; never cut inside one.
std::string clean_note(std::string_view text, std::size_t max_characters);

/// The body of a refusal: `{"code","message"}` (API), `{"statusCode","message"}` (gateway), `{"error"}`
/// (token).
struct ErrorBody {
  bool structured = false;  ///< it was a JSON object at all (else a proxy's page, an empty body, garbage)
  std::string code;         ///< empty if there is none, or if it is not of a code's form
  std::string message;      ///< safe_text
};
ErrorBody decode_error(std::string_view body);

/// What the answer to the transfer says of the money.
payoutd::Submission decode_submission(int http_status, std::string_view body);

/// What the answer to the status query says of the money. `reference` is the one that the query's path named
/// and `payout_id` what we sent as externalId.
payoutd::Status decode_status(int http_status, std::string_view body, const std::string& reference,
                              const std::string& payout_id);

/// What FAILED with this reason means: refused, or refused_for_now for the reasons that pass with time.
payoutd::Status::Kind meaning_of_reason(std::string_view reason) noexcept;

/// POST /disbursement/token/.
payoutd::Result<payoutd::Token> decode_token(std::string_view body);
/// GET /disbursement/v1_0/account/balance.
payoutd::Result<payoutd::Balance> decode_balance(std::string_view body);
/// GET /disbursement/v1_0/accountholder/msisdn/{msisdn}/active: `{"result":true}`, older `{"result":"true"}`.
payoutd::Result<bool> decode_account_holder(std::string_view body);

/// A callback's body is the status body. It is unsigned and names no reference: nothing in it may be
/// believed.
struct Callback {
  std::string provider_ref;  ///< financialTransactionId, if there is one
};
payoutd::Result<Callback> decode_callback(std::string_view body);

}  // namespace momo
