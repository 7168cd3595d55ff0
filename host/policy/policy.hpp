#pragma once
#include <chrono>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "store/rows.hpp"

namespace payoutd::policy {

/// What a waiting time is wanted for.
enum class Purpose {
  retry,   ///< a refusal that may pass; the next submit uses a new reference
  resend,  ///< nothing was sent, or nothing was accepted; the same reference is used again
  poll,    ///< SENT: ask how it is going
  query,   ///< UNKNOWN: ask what happened
};

struct BackoffQuestion {
  std::string provider;
  Purpose purpose = Purpose::retry;
  int count = 1;                          ///< how often this purpose came up for the payout so far, from 1
  std::chrono::milliseconds in_state{0};  ///< since the payout's state last changed
  std::string code;                       ///< the provider's code, if one led here
};

struct GiveUp {};  ///< stop trying
struct Review {};  ///< let a human decide
using BackoffAnswer = std::variant<std::chrono::milliseconds, GiveUp, Review>;

enum class Verdict { allow, flag, hold, deny };

struct Screening {
  Verdict verdict = Verdict::allow;
  std::string reason;  ///< a stable code
  std::string text;    ///< for people
};

/// What operators tune. A policy advises; the engine clamps: no answer makes an unknown payout resendable.
/// Called on the host's thread, without I/O.
class Policy {
 public:
  virtual ~Policy() = default;
  virtual BackoffAnswer backoff(const BackoffQuestion& question) = 0;
  /// One verdict for each payout, in order; allowances of earlier ones count for later ones.
  virtual std::vector<Screening> screen(std::span<const store::Payout> payouts) = 0;
};

std::string_view to_string(Purpose purpose) noexcept;

}  // namespace payoutd::policy
