#pragma once
#include <pqxx/pqxx>
#include <string>
#include <vector>

namespace payoutd::store {

/// A range of the parts that every shared rate is divided into. Ranges that do not overlap never come to more
/// than the whole, whatever the rate.
struct SharePart {
  static constexpr int kWhole = 720'720;  ///< divides by every number of hosts up to 16

  int from = 0;
  int to = 0;  ///< one behind the last

  bool empty() const { return from >= to; }
  friend bool operator==(const SharePart&, const SharePart&) = default;
};

SharePart overlap(SharePart a, SharePart b);

/// What falls to the host of this rank (counted from 0) among `hosts`.
SharePart fair_part(int rank, int hosts);

/// What a host that has `own` may take at once on its way to `wanted`: the largest range that nobody else
/// has, and nothing new unless it `may_grow`.
SharePart next_part(SharePart own, SharePart wanted, const std::vector<SharePart>& others, bool may_grow);

struct ShareSettlement {
  SharePart part;
  int admitting_hosts = 1;  ///< that live and have the role api
  int working_hosts = 1;    ///< that live and have the role worker, drained or not
};
/// Gives this host, whose beat was just written in the same transaction, its part among all that live. Hosts
/// shrink whenever they must. They grow one at a time: whoever finds another one at it grows with a later
/// beat. A host that is drained, or has not the role worker,
/// claims nothing and leaves its part to the others.
ShareSettlement settle_share(pqxx::transaction_base& work, const std::string& incarnation);

}  // namespace payoutd::store
