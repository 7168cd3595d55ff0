#pragma once
#include <cstdint>
#include <map>
#include <pqxx/pqxx>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "policy/feature.hpp"
#include "store/rows.hpp"

namespace payoutd::store {

/// Waits until no other transaction screens payouts of the same subjects, until the end of this one. A
/// subject is any text (a user, a destination); payouts that share one are never judged at the same time.
void lock_subjects(pqxx::transaction_base& work, const std::vector<std::string>& subjects);

/// What stands about payouts that are to be screened, read after the subjects are locked.
struct Standings {
  std::string now;                ///< the database's clock, as text that it reads back exactly
  std::int64_t now_s = 0;         ///< the same, in seconds since 1970
  std::set<std::string> allowed;  ///< ids that were allowed before
  std::map<std::string, std::set<std::string>> approvals;  ///< actors by id
};
Standings standings(pqxx::transaction_base& work, std::span<const Payout* const> payouts);

/// What the ledger of allowances says for one feature and one payout, this payout itself left out.
struct LedgerValue {
  std::int64_t count = 0;  ///< of rows, or of different values
  std::string sum;         ///< decimal text
  bool present = false;    ///< distinct: this payout's own value is among them
  std::string previous;    ///< empty: none
  std::optional<std::int64_t> since_s;
};
/// One row for each payout, one value for each feature, all in one statement. Features are by user or by
/// destination, which is what the ledger is indexed by.
std::vector<std::vector<LedgerValue>> ledger_values(pqxx::transaction_base& work,
                                                    std::span<const Payout* const> payouts,
                                                    std::span<const policy::Feature> features,
                                                    const std::string& now);
/// The statement of ledger_values, for the benchmark's EXPLAIN.
std::string ledger_sql(std::span<const policy::Feature> features);

struct Outflow {
  Amount hour;  ///< allowed in the last 60 minutes, the minute that began them included
  Amount day;   ///< and in the last 24 hours
  bool halted = false;
};
/// What flowed out through a provider in a currency since the last halt was lifted.
Outflow outflow(pqxx::transaction_base& work, const std::string& provider, const std::string& currency);

/// Stops submissions of the provider in the currency until somebody lifts it. False: it was halted before.
struct NewHalt {
  std::string provider;
  std::string currency;
  std::string span;  ///< hour or day
  Amount allowed;
  Amount reached;
};
bool halt_outflow(pqxx::transaction_base& work, const NewHalt& halt);

struct NewFlag {
  std::string user;
  std::string rule;
  std::string reason;
  std::string text;
};

/// What one screening decided about one payout.
struct Screened {
  const Payout* payout = nullptr;
  bool allow = false;                  ///< enter it into the ledger
  std::vector<std::string> decisions;  ///< JSON texts for app.decisions
  std::vector<NewFlag> flags;
};
/// Writes allowances, outflow, decisions and flags in one statement. Returns for how many users a flag is
/// new.
std::int64_t write_screened(pqxx::transaction_base& work, std::span<const Screened> screened,
                            const std::string& now, const std::string& host);

}  // namespace payoutd::store
