#pragma once
#include <boost/json/object.hpp>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "ctl/outcome.hpp"
#include "policy/bundle.hpp"

namespace payoutd::ctl {

/// How a payout would have fared otherwise.
enum class ReplayChange {
  held,          ///< it was not
  denied,        ///< it was not
  flagged,       ///< it was let pass without
  released,      ///< let pass; it was held or denied
  unflagged,     ///< let pass without a flag
  other_reason,  ///< the same verdict, by another rule, for another reason or with other findings
};
inline constexpr ReplayChange kReplayChanges[] = {ReplayChange::held,      ReplayChange::denied,
                                                  ReplayChange::flagged,   ReplayChange::released,
                                                  ReplayChange::unflagged, ReplayChange::other_reason};
std::string_view to_string(ReplayChange change) noexcept;

/// Judges recorded decisions again, with the inputs that were recorded, and adds up what comes out otherwise.
/// Each decision stands for itself: the history in its inputs is what really happened, not what would have
/// happened under the candidate.
class Replay {
 public:
  /// Keeps the first `listed` changed payouts for the list.
  Replay(std::shared_ptr<policy::Bundle> candidate, std::size_t listed)
      : candidate_(std::move(candidate)), listed_(listed) {}

  /// One decision as the host lists it. In the order of their ids.
  void add(const boost::json::object& decision);

  struct Said {
    std::string verdict;
    std::string rule;
    std::string reason;
  };
  struct Listed {
    ReplayChange change = ReplayChange::held;
    std::string payout;
    std::string at;
    std::string amount;
    std::string currency;
    Said before;
    Said after;
    std::string text;  ///< what the candidate says to people
  };
  struct Payouts {
    std::set<std::string> ids;
    Sums sums;
  };
  struct Screens {
    std::int64_t judged = 0;
    std::int64_t changed = 0;  ///< decisions
    std::map<ReplayChange, Payouts> changes;
    std::vector<Listed> list;
  };
  struct Waiting {
    std::int64_t questions = 0;
    std::int64_t changed = 0;
    std::int64_t before_ms = 0;
    std::int64_t after_ms = 0;
    std::int64_t submits_before = 0;  ///< answers after which the payout is submitted again
    std::int64_t submits_after = 0;
    std::int64_t look_ups_before = 0;  ///< answers after which the provider is asked
    std::int64_t look_ups_after = 0;
    /// The candidate ended the payout's way earlier: it would not have been asked this.
    std::int64_t not_reached = 0;
    std::int64_t built_in = 0;  ///< it has no schedule for it: left out of everything above but `questions`
  };
  struct Routes {
    std::int64_t judged = 0;
    std::int64_t changed = 0;
    std::map<std::pair<std::string, std::string>, Payouts> elsewhere;  ///< by from and to
  };

  Screens screens;
  std::map<std::string, Waiting> schedules;  ///< by provider
  Routes routes;
  std::map<std::string, std::int64_t>
      unrecorded;             ///< by feature: decisions that lack what the candidate needs
  std::int64_t failures = 0;  ///< scripts of the candidate that went wrong
  std::string first_failure;
  std::int64_t unreadable = 0;  ///< records that could not be read
  std::string first_unreadable;

  std::int64_t changes() const;
  /// Everything came out as it was recorded, byte for byte.
  bool identical() const {
    return changes() == 0 && unrecorded.empty() && unreadable == 0 && built_in() == 0;
  }
  std::int64_t built_in() const;

 private:
  void screen(const boost::json::object& decision);
  void backoff(const boost::json::object& decision);
  void route(const boost::json::object& decision);
  void note_failure(const std::string& error);

  std::shared_ptr<policy::Bundle> candidate_;
  std::size_t listed_;
  std::set<std::string> ended_;  ///< payouts whose way the candidate ended before it really ended
};

}  // namespace payoutd::ctl
