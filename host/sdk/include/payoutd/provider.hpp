#pragma once
#include <boost/json/object.hpp>
#include <chrono>
#include <optional>
#include <payoutd/awaitable.hpp>
#include <payoutd/contract.hpp>
#include <payoutd/money.hpp>
#include <payoutd/services.hpp>
#include <string>
#include <utility>
#include <vector>

namespace payoutd {

/// One payment to make. The same Order, reference included, comes again whenever the same payment is meant.
struct Order {
  std::string payout_id;           ///< UUID; goes into the provider's free reference field if it has one
  std::string reference;           ///< our name for the payment, in the contract's format
  Money money;                     ///< in a currency of the contract, within its decimals
  std::string destination;         ///< MSISDN digits or an address, checked by `check_destination`
  std::string note;                ///< text for the payee; may be empty
  std::string lane;                ///< source account, one of `Provider::lanes`; empty: not serial
  boost::json::object lane_state;  ///< what prepare, query and maintain last stored for the lane
  std::string callback_url;        ///< signed URL of this payment's webhook; empty: none
};

/// What prepare made: enough to submit exactly this payment, again and again, and to find it.
struct Prepared {
  std::string artefact;        ///< opaque bytes, at most 64 KiB, journaled before submit
  int format = 1;              ///< the contract's artefact_format
  boost::json::object lookup;  ///< keys under which query can find it, besides the reference
  std::optional<std::chrono::system_clock::time_point> valid_until;
  std::optional<Money> cost;     ///< what leaves our account, if it differs from the amount
  bool reference_spent = false;  ///< the reference is used up: no attempt is made, the next one is derived
  /// This payment can never be made through this provider (an inactive payee): FAILED with this reason, as
  /// nothing was sent. `field` is the provider's code. Trouble that may pass is an exception instead.
  std::optional<Problem> impossible;
  /// The lane's new state, committed in the same statement as the artefact; nullopt: as it was.
  std::optional<boost::json::object> lane_state;
};

/// What a submit knows of the money. Anything not listed by the contract becomes unknown in the runtime.
struct Submission {
  enum class Kind {
    confirmed,        ///< paid, finally
    accepted,         ///< taken, not final
    refused,          ///< refused for good
    refused_for_now,  ///< refused; the reference is spent
    not_accepted,     ///< the provider says that it did not take it, or nothing was sent; the reference is
                      ///< unspent
    duplicate,        ///< an earlier request under this reference arrived
    unknown,          ///< may or may not have happened
  };
  Kind kind = Kind::unknown;
  std::string code;          ///< the provider's code, listed in Contract::submit_codes for any refusal
  std::string message;       ///< for people; no secrets, no full account numbers
  std::string provider_ref;  ///< the provider's name for the payment, if it gave one

  static Submission confirmed(std::string provider_ref) {
    return {Kind::confirmed, {}, {}, std::move(provider_ref)};
  }
  static Submission accepted(std::string provider_ref) {
    return {Kind::accepted, {}, {}, std::move(provider_ref)};
  }
  static Submission refused(std::string code, std::string message) {
    return {Kind::refused, std::move(code), std::move(message), {}};
  }
  static Submission refused_for_now(std::string code, std::string message) {
    return {Kind::refused_for_now, std::move(code), std::move(message), {}};
  }
  static Submission not_accepted(std::string code, std::string message) {
    return {Kind::not_accepted, std::move(code), std::move(message), {}};
  }
  static Submission duplicate(std::string code, std::string message) {
    return {Kind::duplicate, std::move(code), std::move(message), {}};
  }
  static Submission unknown(std::string code, std::string message) {
    return {Kind::unknown, std::move(code), std::move(message), {}};
  }
};

/// What the provider says was paid; matched against the payout by the host, field by field. Leave out only
/// what the provider's answer does not carry.
struct Found {
  std::optional<Amount> amount;
  std::optional<std::string> currency;
  std::optional<std::string> destination;
  std::optional<std::string> reference;
};

/// What a query (or a verified webhook) says of a payment.
struct Status {
  enum class Kind {
    confirmed,        ///< paid, finally
    pending,          ///< known, not final
    refused,          ///< not paid and never will be; do not try again
    refused_for_now,  ///< not paid under this reference and never will be; a new reference may be tried
    reversed,         ///< was paid and came back
    absent,           ///< a well-formed answer that the provider does not know this payment
    cannot_tell,      ///< no usable answer
  };
  Kind kind = Kind::cannot_tell;
  std::string code;
  std::string message;
  std::string provider_ref;
  Found found;  ///< filled for every kind but absent and cannot_tell
  /// The lane's new state, committed with the payment's; nullopt: as it was. Ignored once the payment no
  /// longer holds its lane.
  std::optional<boost::json::object> lane_state;
};

struct Balance {
  Amount available;
  std::string currency;
};

/// One paying account of a serial provider, with opaque state that the host stores. Among all hosts, at most
/// one payment or one `maintain` holds a lane at a time. A payment holds it from before prepare until it is
/// final, or until it is certain that nothing was sent.
struct Lane {
  std::string name;
  boost::json::object state;
};

/// A callback as it arrived: raw bytes, before anybody trusted them.
struct Webhook {
  std::string method;
  std::string path;  ///< with query
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::string reference;  ///< from the signed callback URL, already verified by the host; else empty
};

struct WebhookReading {
  enum class Kind {
    hint,      ///< something happened: query now
    verified,  ///< authenticated; `status` counts
    rejected,  ///< forged, unreadable, or not for us
  };
  Kind kind = Kind::rejected;
  std::string reference;     ///< ours, if the callback names it
  std::string provider_ref;  ///< theirs, if it names that
  Status status;             ///< only when verified
  std::string key_id;        ///< which secret matched
  std::string reason;        ///< why it was rejected
};

/// What an integrator implements: one PSP's protocol. An instance lives in a process of its own, on one
/// thread, and may have many calls in flight at once up to the contract's concurrency. Cancellation of a call
/// after bytes left is not failure: leave it to the exception, which the runtime turns into unknown.
class Provider {
 public:
  virtual ~Provider() = default;

  /// Under which credentials and account our references are known; absence and repeats count only within it.
  /// It must change when a query could no longer see what was submitted before. No secrets in it.
  virtual std::string account_scope() const = 0;

  /// The paying accounts of a serial contract: stable names, at least one, at most 256; empty otherwise.
  /// Asked once, after the constructor. An account that is left out of the settings takes no new payments.
  virtual std::vector<std::string> lanes() const { return {}; }

  /// Refuses a destination that this provider cannot pay. Pure; asked before a payout is prepared.
  virtual std::optional<Problem> check_destination(const std::string& destination) const {
    static_cast<void>(destination);
    return std::nullopt;
  }

  /// Makes the artefact. Moves no money; called again with the same reference it makes or finds the same
  /// thing.
  virtual Awaitable<Prepared> prepare(Order order);

  /// May move money, through at most one request marked `moves_money()`.
  virtual Awaitable<Submission> submit(Order order, Prepared prepared) = 0;

  /// Asks what became of a payment; never moves money.
  virtual Awaitable<Status> query(Order order, Prepared prepared, std::string provider_ref) = 0;

  /// Throws Unsupported where the provider has no balance.
  virtual Awaitable<Balance> balance();

  /// Optional upkeep of a free lane (receive funds, prepare work), from time to time and after each payment.
  /// `lane.state` is stored afterwards. Moves no money out.
  virtual Awaitable<void> maintain(Lane& lane);

  /// Checks credentials and reachability; throws with a sentence for the operator.
  virtual Awaitable<void> probe() = 0;

  /// Pure: verify and parse, no I/O.
  virtual WebhookReading read_webhook(const Webhook& webhook);
};

/// Thrown by an optional capability that the plugin does not have.
class Unsupported : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

std::string_view to_string(Submission::Kind kind) noexcept;
std::string_view to_string(Status::Kind kind) noexcept;
std::optional<Submission::Kind> submission_kind(std::string_view name) noexcept;
std::optional<Status::Kind> status_kind(std::string_view name) noexcept;

}  // namespace payoutd
