#pragma once
#include <chrono>
#include <pqxx/pqxx>
#include <span>
#include <string>
#include <vector>

#include "store/rows.hpp"

namespace payoutd::store {

struct ClaimRequest {
  std::string host;  ///< this host's incarnation
  std::string provider;
  std::vector<core::State> states = {core::State::pending};  ///< those of an earlier state go first
  int limit = 1;
};

/// Leases payouts of one provider in these states that are due, oldest first, each with its live attempt.
/// Other hosts' claims are skipped, not waited for.
std::vector<Claimed> claim(pqxx::transaction_base& work, const ClaimRequest& request);

/// As `claim`, for PENDING payouts of a serial provider: no more than there are free lanes among `lanes`, and
/// each payout gets one of them.
std::vector<Claimed> claim_with_lanes(pqxx::transaction_base& work, const ClaimRequest& request,
                                      const std::vector<std::string>& lanes);

struct TakeOverRequest {
  std::string host;                       ///< this host's incarnation
  std::vector<std::string> predecessors;  ///< incarnations known to be dead (same state directory)
  bool reap = false;                      ///< also those whose heart stopped 5 s ago, by the database's clock
  int limit = 500;
};

/// Takes over leases of hosts that are dead or gone. The payouts keep their states; the engine decides about
/// them.
std::vector<Claimed> take_over(pqxx::transaction_base& work, const TakeOverRequest& request);

/// Payouts that this host leased more than `leased_before_ms` ago, or journaled more than
/// `journaled_before_ms` ago. Those that it does not work on were claimed by a statement whose answer was
/// lost, or were settled in a history that the database has forgotten.
std::vector<Claimed> own_leases(pqxx::transaction_base& work, const std::string& host, int leased_before_ms,
                                int journaled_before_ms);

/// Gives leases back without any change of state, and the lanes of payouts that are PENDING; the payouts are
/// due again after `pause_ms` at the earliest.
void release(pqxx::transaction_base& work, const std::string& host,
             const std::vector<std::string>& payout_ids, int pause_ms = 500);

/// The same for payouts that are PENDING and wait for something outside of them, with what that is.
struct Deferral {
  std::string reason;  ///< a stable code
  std::string text;    ///< for people
  std::chrono::milliseconds pause{};
};
void defer(pqxx::transaction_base& work, const std::string& host, const std::vector<std::string>& payout_ids,
           const Deferral& deferral);

/// One payout with its live attempt, in the live table; empty if it is not there.
std::vector<Claimed> load(pqxx::transaction_base& work, const std::vector<std::string>& payout_ids);

/// The payouts of attempts under this reference, live table first, then history; the attempt may be closed.
struct ByReference {
  Payout payout;
  Attempt attempt;
};
std::vector<ByReference> find_by_reference(pqxx::transaction_base& work, const std::string& provider,
                                           const std::string& reference, const std::string& provider_ref);

/// A webhook that says no more than that there may be news.
struct Hint {
  std::string provider;
  std::string reference;
};

/// Each payout is asked about now, or as soon as who works on it is done. One answer for each hint, in order;
/// false: no payout waits for news under this reference. A confirmed payout that nobody watches any more is
/// known, and not asked about.
std::vector<bool> hint(pqxx::transaction_base& work, std::span<const Hint> hints);

/// Moves one finished payout with its attempts back among the live ones, so that news can change it.
bool recall(pqxx::transaction_base& work, const std::string& payout_id);

}  // namespace payoutd::store
