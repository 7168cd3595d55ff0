#pragma once
#include <boost/json/object.hpp>
#include <chrono>
#include <optional>
#include <payoutd/result.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace payoutd {

/// What the provider does with a second submit of the same artefact under the same reference.
enum class Repeat {
  harmless,              ///< it is the same payment (a signed block, a true idempotency key)
  refused_as_duplicate,  ///< it is refused with a code that says that the first one arrived
  unknown,               ///< nobody promises anything: never repeat after an unknown outcome
};

/// What an answer's code says about the money, for codes that the contract lists. Anything unlisted is
/// unknown.
enum class CodeMeaning {
  refused,          ///< refused for good; this payout cannot be paid through this provider
  refused_for_now,  ///< refused, the reference is spent; may be tried later under a new reference
  not_accepted,     ///< the provider says that it did not take the request; the reference is unspent
  duplicate,        ///< an earlier request under this reference arrived: a sign of acceptance, query it
};

struct CodeRule {
  std::string code;  ///< as the plugin reports it in Submission::code or Status::code, compared exactly
  CodeMeaning meaning;

  friend bool operator==(const CodeRule&, const CodeRule&) = default;
};

/// The format in which a provider wants our reference. The host derives the reference; a plugin never makes
/// one.
struct ReferenceFormat {
  bool uuid4 = true;    ///< a UUID of version 4, lower case with dashes
  std::string charset;  ///< otherwise: the characters allowed …
  int length = 0;       ///< … and how many of them

  friend bool operator==(const ReferenceFormat&, const ReferenceFormat&) = default;
};

enum class WebhookKind {
  none,    ///< the provider sends nothing
  hint,    ///< unauthenticated: it may only make the host query sooner
  signed_  ///< authenticated by the plugin; its status counts
};

struct CurrencyRule {
  std::string code;
  int decimals = 0;  ///< places that the provider accepts, at most the currency's own

  friend bool operator==(const CurrencyRule&, const CurrencyRule&) = default;
};

/// The provider's safety contract, as data. The engine decides from this table alone: no plugin and no script
/// can make an unknown payout resendable. A copy is stored with every attempt, and the engine goes by the
/// stricter of stored and current.
struct Contract {
  Repeat repeat = Repeat::unknown;
  /// For how long after the first submit the promise of `repeat` holds; nullopt: for ever.
  std::optional<std::chrono::seconds> repeat_window;

  ReferenceFormat reference;

  /// How a payment can be looked up. All false: an unknown outcome goes to REVIEW.
  bool lookup_by_reference = false;
  bool lookup_by_provider_ref = false;
  bool lookup_by_artefact = false;

  /// "Not found" proves that the provider will never execute the request, once this long has passed after the
  /// last moment at which it may have been sent; nullopt: absence never proves anything.
  std::optional<std::chrono::seconds> absence_is_proof_after;

  /// Every code that submit may report as refused, not accepted or duplicate. The runtime turns a claim whose
  /// code is not listed with that meaning into unknown.
  std::vector<CodeRule> submit_codes;

  WebhookKind webhook = WebhookKind::none;

  int concurrency = 1;       ///< submits in flight at once; also how many one crash can make unknown
  bool serial = false;       ///< one live payment per source account (a lane)
  int query_rate_per_s = 0;  ///< upper limit of queries a second; 0: no limit
  std::vector<CurrencyRule> currencies;

  /// How long a confirmed payment can still come back; nullopt: it cannot.
  std::optional<std::chrono::seconds> reversal_window;

  /// From the journal's commit until the money-moving request must have started; afterwards it is never sent.
  std::chrono::milliseconds submit_window{10'000};
  /// From the start of the money-moving request until its answer is given up (the outcome is then unknown).
  std::chrono::milliseconds response_timeout{30'000};

  int artefact_format = 1;               ///< the format that prepare writes
  std::vector<int> readable_formats{1};  ///< the formats that submit and query understand

  bool can_look_up() const noexcept {
    return lookup_by_reference || lookup_by_provider_ref || lookup_by_artefact;
  }
  std::optional<CodeMeaning> meaning_of(std::string_view submit_code) const noexcept;
  std::optional<int> decimals_of(std::string_view currency) const noexcept;

  friend bool operator==(const Contract&, const Contract&) = default;
};

/// The contract that grants only what both grant.
Contract stricter(const Contract& stored, const Contract& current);

/// Refuses contradictions: a webhook of a kind that needs a look-up without one, concurrency below 1, a code
/// listed twice, a reference too short to be unique (less than 64 bits of entropy) and the like.
std::vector<Problem> validate(const Contract& contract);

boost::json::object to_json(const Contract& contract);
Result<Contract> contract_from_json(const boost::json::object& object);

std::string_view to_string(Repeat repeat) noexcept;
std::string_view to_string(CodeMeaning meaning) noexcept;
std::string_view to_string(WebhookKind kind) noexcept;

}  // namespace payoutd
