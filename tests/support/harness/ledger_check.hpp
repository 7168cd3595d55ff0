#pragma once
#include <boost/json.hpp>
#include <string>
#include <vector>

namespace payoutd::test {

/// A payout as our books show it.
struct OurPayout {
  std::string id;
  std::string state;
  std::string reason;
  std::string destination{};  ///< by which a payment is found whose protocol carries no payout id
  std::string amount{};       ///< compared with what was paid; empty: not compared
  std::string payee{};        ///< compared with who was paid; empty: not compared
};

/// Our books against the simulator's: what both say of every payout.
struct LedgerCheck {
  int payouts = 0;
  int confirmed = 0;
  int failed = 0;
  int reversed = 0;
  int unfinished = 0;  ///< neither final nor in REVIEW
  int in_review = 0;
  int paid_twice = 0;              ///< the simulator moved money more than once for one payout
  int lost = 0;                    ///< we say CONFIRMED, and no money moved
  int wrongly_failed = 0;          ///< we say not paid, and money moved or still may
  int wrongly_paid = 0;            ///< another amount, or another payee
  std::vector<std::string> wrong;  ///< sentences about each payout that is wrong

  bool all_right() const { return nothing_wrong() && in_review == 0; }
  /// The same, but what nobody can tell may wait for a human.
  bool nothing_wrong() const { return unfinished == 0 && wrong.empty(); }
  std::string text() const;
};

/// `ledger` is what the simulator's `GET /ledger` answers. Its external_id is our payout's id, or, where the
/// protocol carries none, its payee is the destination of one payout only. What somebody else paid with our
/// keys (api_user `banano:foreign`) is left out.
LedgerCheck check_ledger(const std::vector<OurPayout>& payouts, const boost::json::array& ledger);

}  // namespace payoutd::test
