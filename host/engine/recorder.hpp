#pragma once
#include <boost/json/object.hpp>
#include <functional>
#include <optional>
#include <payoutd/awaitable.hpp>
#include <string>

#include "engine/contract_book.hpp"
#include "engine/decision.hpp"
#include "engine/heart.hpp"
#include "engine/observer.hpp"
#include "providers/provider_handle.hpp"
#include "store/claim.hpp"
#include "store/group_commit.hpp"
#include "store/transition.hpp"

namespace payoutd::engine {

/// Something learned about one payout, with the evidence for its event.
struct News {
  Saw saw = Saw::query_cannot_tell;
  std::string
      attempt_id;  ///< the attempt that it is about; empty: none (prepare, or a look-up before submit)
  std::string reference;
  std::string code;  ///< the provider's
  std::string message;
  std::string provider_ref;
  bool acceptance_sign = false;
  /// For answers of a query: how long before its start the last answer of the submit could have come, by the
  /// database's clock; negative: it still could.
  std::int64_t since_answer_deadline_ms = 0;
  std::string actor = "engine";
  std::string kind;  ///< of the event; empty: the saw's name
  boost::json::object evidence;
  std::string lane_state;  ///< JSON text, the lane's new state; empty: as it was
  /// The attempt to write if the provider turns out to know a payment that this database forgot.
  std::optional<store::NewAttempt> adopt;
};

/// What became of a piece of news.
struct Recorded {
  bool changed = false;  ///< a decision was applied
  bool submit_again =
      false;  ///< nothing was written: the caller holds the lease and submits the same artefact
  Decision decision;
  store::Claimed now;  ///< as it stands afterwards, or as it was last read
};

/// The one place where what was seen becomes a change of state: reads the standing, asks the decision table
/// and the policy, writes payout, attempt and event together, and starts over when the payout changed
/// meanwhile.
class Recorder {
 public:
  struct Parts {
    store::Pool& pool;
    ContractBook& contracts;
    policy::Policy& policy;
    Observer& observer;
    Heart& heart;
    std::function<providers::ProviderHandle*(const std::string&)> provider;
    /// Endpoints are to be told of something that was just committed. May be empty.
    std::function<void()> notifications_due = {};
  };
  Recorder(Parts parts, std::chrono::microseconds window);

  /// Records news about the payout that `current` shows. `may_submit_again`: the caller holds the lease and
  /// can carry out Next::submit_again itself.
  Awaitable<Recorded> record(store::Claimed current, News news, bool may_submit_again = false);

  /// Writes a change that was decided elsewhere (journal, screening, operator), group-committed like all
  /// others.
  Awaitable<store::Applied> apply(store::Transition transition);

  /// The payout as it stands, recalled from history if it was finished; nullopt: there is no such payout.
  Awaitable<std::optional<store::Claimed>> reload(std::string payout_id);

  /// What the decision table is asked with; public so that `explain` can say what would follow.
  Awaitable<Standing> standing(store::Claimed current, News news);

  /// A transition that changes nothing but the state; the starting point of every other.
  static store::Transition keep(const store::Payout& payout, core::State to);

  /// Waits until everything is written, at most `limit`; false if something is not.
  Awaitable<bool> drain(std::chrono::milliseconds limit);
  void stop() { transitions_.stop(); }
  store::GroupCommitStats stats() const { return transitions_.stats(); }

 private:
  using Transitions = store::GroupCommit<store::Transition, store::Applied>;
  store::Transition transition(const store::Claimed& current, const News& news, const Standing& standing,
                               Decision& d);
  void schedule(const store::Claimed& current, const News& news, const Standing& standing, Decision& d,
                store::Transition& t);
  void report(const store::Claimed& before, const News& news, const Decision& d);

  Parts parts_;
  Transitions transitions_;
};

}  // namespace payoutd::engine
