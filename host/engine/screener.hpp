#pragma once
#include <map>
#include <payoutd/awaitable.hpp>
#include <string>
#include <vector>

#include "core/limits.hpp"
#include "engine/heart.hpp"
#include "engine/observer.hpp"
#include "policy/policy.hpp"
#include "store/pool.hpp"
#include "store/screening.hpp"

namespace payoutd::engine {

/// What is to happen to a payout that was claimed to be paid.
struct Ruling {
  enum class Kind {
    pay,
    hold,   ///< HELD
    deny,   ///< FAILED
    defer,  ///< stays PENDING: its outflow is halted
  };
  Kind kind = Kind::pay;
  std::string reason;  ///< a stable code
  std::string text;    ///< for people
  std::string rule;    ///< whose ruling it is; empty: the core's
  std::string bundle;  ///< hash of the scripts that judged; empty: none did
};

/// Judges claimed payouts by the active rules and by the core's limits, all of a batch in one transaction. It
/// locks whom the payouts are about first, so that payouts of one user or destination are never judged at the
/// same time, on this host or any other, and each sees what was allowed before it. A payout is judged once:
/// what entered the ledger of allowances is held to the core's limits only.
class Screener {
 public:
  struct Parts {
    store::Pool& pool;
    Heart& heart;
    policy::Policy& policy;
    Observer& observer;
  };
  Screener(Parts parts, core::Limits limits) : parts_(parts), limits_(std::move(limits)) {}

  /// One ruling for each, in order. All of one provider. Throws the store's errors; then nothing was ruled.
  Awaitable<std::vector<Ruling>> screen(std::vector<store::Payout> payouts);

  const core::Limits& limits() const { return limits_; }
  /// Takes effect with the next batch.
  void configure(core::Limits limits) { limits_ = std::move(limits); }

 private:
  Parts parts_;
  core::Limits limits_;
};

}  // namespace payoutd::engine
