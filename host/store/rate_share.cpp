#include "store/rate_share.hpp"

#include <algorithm>

#include "store/row_reader.hpp"

namespace payoutd::store {

SharePart overlap(SharePart a, SharePart b) {
  const SharePart both{std::max(a.from, b.from), std::min(a.to, b.to)};
  return both.empty() ? SharePart{} : both;
}

SharePart fair_part(int rank, int hosts) {
  const auto edge = [hosts](int n) {
    return static_cast<int>(static_cast<std::int64_t>(SharePart::kWhole) * n / hosts);
  };
  return {edge(rank), edge(rank + 1)};
}

SharePart next_part(SharePart own, SharePart wanted, const std::vector<SharePart>& others, bool may_grow) {
  if (!may_grow) wanted = overlap(own, wanted);
  std::vector<SharePart> taken = others;
  std::erase_if(taken, [](const SharePart& one) { return one.empty(); });
  std::ranges::sort(taken, {}, &SharePart::from);
  SharePart best;
  int free_from = wanted.from;
  const auto consider = [&](SharePart gap) {
    if (gap.to - gap.from > best.to - best.from) best = gap;
  };
  for (const SharePart& one : taken) {
    consider(overlap({free_from, one.from}, wanted));
    free_from = std::max(free_from, one.to);
  }
  consider(overlap({free_from, wanted.to}, wanted));
  return best;
}

ShareSettlement settle_share(pqxx::transaction_base& work, const std::string& incarnation) {
  constexpr int kShareLock = 0x73686172;
  // Two statements: what is read must have been committed by whoever had the lock before.
  const bool may_grow =
      text_of(work.exec_params1("select pg_try_advisory_xact_lock($1, 0)", kShareLock), 0) == "t";
  const auto rows = work.exec_params(
      "select h.incarnation = $1::uuid, h.share_from, h.share_to, exists"
      "  (select 1 from app.drained_hosts d where d.host in (h.name, '*')), 'worker' = any(h.roles),"
      " 'api' = any(h.roles) from app.hosts h where h.incarnation = $1::uuid"
      " or (h.stopped_at is null and h.beat_at > now() - interval '5 seconds')"
      " order by h.started_at, h.incarnation",
      incarnation);
  SharePart own;
  std::vector<SharePart> others;
  int rank = -1;  // among those that claim; -1: this host does not
  int claiming = 0;
  ShareSettlement settlement{{}, 0, 0};
  for (const auto& row : rows) {
    const SharePart part{std::stoi(text_of(row, 1)), std::stoi(text_of(row, 2))};
    const bool works = text_of(row, 4) == "t";
    const bool claims = works && text_of(row, 3) != "t";
    settlement.working_hosts += works ? 1 : 0;
    settlement.admitting_hosts += text_of(row, 5) == "t" ? 1 : 0;
    if (text_of(row, 0) == "t") {
      own = part;
      rank = claims ? claiming : -1;
    } else {
      others.push_back(part);
    }
    claiming += claims ? 1 : 0;
  }
  const SharePart wanted = rank < 0 ? SharePart{} : fair_part(rank, claiming);
  const SharePart next = next_part(own, wanted, others, may_grow);
  if (next != own) {
    work.exec_params("update app.hosts set share_from = $2, share_to = $3 where incarnation = $1::uuid",
                     incarnation, next.from, next.to);
  }
  settlement.part = next;
  return settlement;
}

}  // namespace payoutd::store
