#pragma once
#include <optional>
#include <pqxx/pqxx>
#include <string>
#include <vector>

#include "store/rows.hpp"

namespace payoutd::store {

/// A payout, live or finished; nullopt: there is none with this id.
std::optional<Payout> find_payout(pqxx::transaction_base& work, const std::string& id);
std::vector<Attempt> attempts_of(pqxx::transaction_base& work, const std::string& payout_id);
std::vector<Event> events_of(pqxx::transaction_base& work, const std::string& payout_id);

/// Empty text means any. Newest first; `cursor` is the last page's `next`.
struct ListFilter {
  std::string client_id;
  std::string state;
  std::string provider;
  std::string batch;
  std::string user_ref;
  std::string destination;
  std::string idempotency_key;
  std::string reason;
  std::string created_after;  ///< RFC 3339
  std::string created_before;
  std::string cursor;
  int limit = 50;
};

struct Page {
  std::vector<Payout> payouts;
  std::string next;  ///< cursor of the following page; empty: this was the last
};

/// Throws DataError (by the database) for a malformed time; a malformed cursor gives std::invalid_argument.
Page list_payouts(pqxx::transaction_base& work, const ListFilter& filter);

struct TallyFilter {
  std::string batch;  ///< empty: all live payouts
  std::string provider;
  bool through_views = false;  ///< for roles that may read views only
};

/// How many payouts stand where, and since when.
struct Tally {
  std::string provider;
  std::string state;
  std::string reason;
  std::int64_t count = 0;
  std::string sum;  ///< of amounts, exact decimal text
  std::string currency;
  std::int64_t oldest_ms = 0;  ///< age in its state of the one that is longest there
  std::int64_t mean_ms = 0;    ///< from admission to the end, of the finished ones
  std::int64_t slowest_ms = 0;
};
std::vector<Tally> tally(pqxx::transaction_base& work, const TallyFilter& filter);

/// How many payouts of a provider came to their end in the last five minutes.
struct FinishRate {
  std::string provider;
  std::int64_t finished = 0;
};
std::vector<FinishRate> finish_rates(pqxx::transaction_base& work);

/// How many payouts of a provider are neither finished nor wait for a person, counted up to `most`.
std::int64_t count_under_way(pqxx::transaction_base& work, const std::string& provider, std::int64_t most);

/// How many PENDING payouts of its provider are due before this one, counted up to 100,000.
std::int64_t count_due_before(pqxx::transaction_base& work, const std::string& payout_id);

/// The formats of the artefacts of one provider that are under way.
std::vector<int> live_artefact_formats(pqxx::transaction_base& work, const std::string& provider);

}  // namespace payoutd::store
