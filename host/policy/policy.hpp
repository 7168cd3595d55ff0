#pragma once
#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>

namespace payoutd::policy {

class Bundle;
struct PayoutFacts;
struct Candidate;
struct RouteChoice;

/// What a waiting time is wanted for.
enum class Purpose {
  retry,   ///< a refusal that may pass; the next submit uses a new reference
  resend,  ///< nothing was sent, or nothing was accepted; the same reference is used again
  poll,    ///< SENT: ask how it is going
  query,   ///< UNKNOWN: ask what happened
  notify,  ///< an endpoint did not take a notification; it is sent again
};

struct BackoffQuestion {
  std::string provider;  ///< of a notification: `notification`
  Purpose purpose = Purpose::retry;
  int count = 1;                          ///< how often this purpose came up for the payout so far, from 1
  std::chrono::milliseconds in_state{0};  ///< since the payout's state last changed
  std::string code;  ///< the provider's code, if one led here; the HTTP status of an endpoint's answer
  std::chrono::milliseconds age{0};  ///< since the payout was admitted, or the notification was wanted
  int random_ppm = 500'000;          ///< 0 to 999,999, drawn by the host: scripts draw none themselves
};

struct GiveUp {};  ///< stop trying
struct Review {};  ///< let a human decide
using BackoffAnswer = std::variant<std::chrono::milliseconds, GiveUp, Review>;

struct BackoffAdvice {
  BackoffAnswer answer;
  /// What app.decisions is to keep of it, as JSON text; empty: no script was asked.
  std::string decision;
};

enum class Verdict { allow, flag, hold, deny };

/// What payouts are judged by now. Without an active bundle every payout is allowed.
struct Rules {
  std::shared_ptr<Bundle> active;
  std::shared_ptr<Bundle> shadow;  ///< judges too, without effect
};

/// What operators tune. A policy advises; the engine clamps: no answer makes an unknown payout resendable.
/// Called on the host's thread, without I/O.
class Policy {
 public:
  virtual ~Policy() = default;
  virtual BackoffAdvice backoff(BackoffQuestion question) = 0;
  /// The provider for a payout that names none. A choice that is empty without a reason: the policy has no
  /// opinion.
  virtual RouteChoice choose(const PayoutFacts& payout, std::span<const Candidate> candidates) = 0;
  virtual Rules rules() const = 0;
  /// How a rule went wrong, or how often a shadow judged and differed.
  virtual void rule_failed(const std::string& rule, const std::string& error) = 0;
  virtual void shadow_judged(std::size_t judged, std::size_t differed) = 0;
};

std::string_view to_string(Purpose purpose) noexcept;
std::string_view to_string(Verdict verdict) noexcept;

}  // namespace payoutd::policy
