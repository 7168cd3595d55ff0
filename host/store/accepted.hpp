#pragma once
#include <cstdint>
#include <pqxx/pqxx>
#include <string>
#include <vector>

#include "core/used_token.hpp"

/// What was accepted under one key: for whoever learns that a key leaked. A page looks at so many payouts or
/// callbacks, the latest first, and gives back those that came under the key: it costs the same however few
/// these are, and needs no index that admission would have to keep.
namespace payoutd::store {

struct AcceptedFilter {
  core::UsedToken token;     ///< of a token: the key, the token, or both; empty means any
  std::string subject;       ///< of a token: who came with it; empty: anybody
  std::string key_id;        ///< of a callback
  std::string provider;      ///< of a callback; empty: any
  std::int64_t since_s = 0;  ///< only the last so many seconds
  std::string cursor;        ///< the `next` of the page before; empty: from the latest
  int looked_at = 2'000;     ///< payouts or callbacks that the page looks at
};

struct AcceptedPayout {
  std::string id;
  std::string client_id;
  std::string idempotency_key;
  std::string provider;
  std::string state;  ///< now
  std::string amount;
  std::string currency;
  std::string accepted_at;
  std::string actor;
  core::UsedToken token;
};
struct AcceptedPayouts {
  std::vector<AcceptedPayout> payouts;
  std::int64_t looked_at = 0;
  /// Of those looked at, how many have no key on record: they came without a token, or before keys were kept.
  std::int64_t without_key = 0;
  std::string next;  ///< empty: that was all
};
AcceptedPayouts accepted_payouts(pqxx::transaction_base& work, const AcceptedFilter& filter);

struct AcceptedCallback {
  std::string id;
  std::string received_at;
  std::string provider;
  std::string proof;  ///< signature or url
  std::string key_id;
  std::string status;  ///< what it said
  std::string state;   ///< `applied`: the payout was changed, or asked about
  std::string reason;
  std::string payout_id;     ///< empty: it names none of ours
  std::string payout_state;  ///< now
  std::string amount;
  std::string currency;
};
struct AcceptedCallbacks {
  std::vector<AcceptedCallback> callbacks;
  std::int64_t looked_at = 0;
  std::string next;
};
AcceptedCallbacks accepted_callbacks(pqxx::transaction_base& work, const AcceptedFilter& filter);

}  // namespace payoutd::store
