#pragma once
/// The wire of Moov Africa's merchant service ("Flooz", com.tlc.merchant.api/UssdPush), as pure functions:
/// bytes in, meaning out. No I/O, no state, no clock; safe on hostile input.
///
/// Sources: Moov publishes no documentation. What stands here is what two public SDKs with tests
/// (v1p3r75/moov-money-api-php-sdk, Brainsial/moov-money-api-sdk) and other public clients agree on. Where
/// they differ, the answer is unknown.
#include <payoutd/provider.hpp>

#include "soap.hpp"

namespace flooz {

/// Codes of our own, for answers that carry none of Moov's.
inline constexpr std::string_view kFault = "flooz.fault";
inline constexpr std::string_view kMismatch = "flooz.mismatch";
inline constexpr std::string_view kUnreadable = "flooz.unreadable";
inline constexpr std::string_view kNoProviderRef = "flooz.no_provider_ref";
inline constexpr std::string_view kAccountInactive = "flooz.account_inactive";

/// Every code of a submit that says something about the money, with what it says: the contract's table and
/// the table by which decode_transfer_answer judges, in one.
std::vector<payoutd::CodeRule> submit_codes();

/// What the request of transferFlooz carries.
struct Transfer {
  std::string destination;  ///< digits with the country code
  payoutd::Amount amount;   ///< whole XOF
  std::string reference;    ///< referenceid: it comes back as transactionid
  std::string wallet_id;
  std::string remarks;  ///< extendeddata, already cleaned

  friend bool operator==(const Transfer&, const Transfer&) = default;
};

/// The bytes of the `<request>` element, the same for the same Transfer. The token is no part of it: it is as
/// good as a password, and artefacts are stored. Throws std::invalid_argument if the amount is not whole.
std::string encode_transfer(const Transfer& transfer);
/// Reads such an element back, so that an artefact can be compared with its order before it is sent.
payoutd::Result<Transfer> decode_transfer(std::string_view request);

std::string encode_status_request(std::string_view transid);
std::string encode_account_request(std::string_view msisdn);

/// Remarks that any XML service takes: valid UTF-8, no control characters, single spaces, at most
/// `max_characters` code points, never cut inside one.
std::string clean_remarks(std::string_view text, std::size_t max_characters);

/// Why `destination` cannot be a Flooz account, as half a sentence; nullopt if it can.
std::optional<std::string> msisdn_problem(std::string_view destination,
                                          const std::vector<std::string>& prefixes);

/// Digits and letters: what the reference forms allow.
bool is_reference(std::string_view text) noexcept;

/// What the answer to the transfer says of the money. A pending transfer without Moov's own reference can be
/// asked about only if Moov looks up by ours: otherwise it is unknown.
payoutd::Submission decode_transfer_answer(int http_status, std::string_view body,
                                           const std::string& reference, bool queried_by_reference);

/// What a status query asked.
struct StatusQuestion {
  std::string transid;                    ///< what was asked: Moov's reference or ours
  std::string reference;                  ///< ours
  std::string known_ref;                  ///< Moov's, if it has told one: no other is the payment's
  bool by_reference = false;              ///< transid is ours
  std::vector<std::string> absent_codes;  ///< codes that mean "does not exist", as agreed with Moov
};
/// What the answer to it says of the money. The answer carries neither amount nor payee.
payoutd::Status decode_status(int http_status, std::string_view body, const StatusQuestion& question);

/// The answer to getBalance.
payoutd::Result<payoutd::Balance> decode_balance(int http_status, std::string_view body);

/// The answer to getMobileAccountStatus.
enum class AccountState { active, unusable, unclear };
struct Account {
  AccountState state = AccountState::unclear;
  std::string reason;  ///< why it is unusable or unclear
};
Account decode_account(int http_status, std::string_view body, std::string_view msisdn);

/// For the probe: why the answer to a status query shows that the service cannot be used; nullopt if it can.
std::optional<std::string> service_problem(int http_status, std::string_view body);

}  // namespace flooz
