#include "store/stats.hpp"

#include "core/test_payout.hpp"
#include "store/row_reader.hpp"

namespace payoutd::store {
namespace {

// What was created or finished since then, live and in the history, where whatever was created since then
// also finished since then.
const std::string kRecent =
    "with recent as ("
    " select provider, currency, state, reason, amount, created_at, finished_at from app.payouts"
    "  where (created_at > now() - $1 * interval '1 second' or finished_at > now() - $1 * interval '1 second'"
    "   or (finished_at is null and $4))"
    "  and ($2 = '' or provider = $2) and client_id <> $3"
    " union all"
    " select provider, currency, state, reason, amount, created_at, finished_at from app.payouts_history"
    "  where finished_at > now() - $1 * interval '1 second' and ($2 = '' or provider = $2) and client_id <> "
    "$3)";

std::string short_decimal(std::string text) {
  if (text.find('.') == std::string::npos) return text;
  while (text.back() == '0') text.pop_back();
  if (text.back() == '.') text.pop_back();
  return text;
}

}  // namespace

Stats stats(pqxx::transaction_base& work, const StatsFilter& filter) {
  static const std::string admitted =
      kRecent +
      " select provider, currency, count(*), sum(amount)::text from recent"
      " where created_at > now() - $1 * interval '1 second' group by 1, 2 order by 1, 2";
  static const std::string finished = kRecent +
                                      ", ended as (select *, (extract(epoch from finished_at - created_at) * "
                                      "1000)::bigint as took_ms from recent"
                                      "  where finished_at > now() - $1 * interval '1 second')"
                                      " select provider, currency, state, count(*), sum(amount)::text,"
                                      " percentile_disc(0.5) within group (order by took_ms), "
                                      "percentile_disc(0.95) within group (order by took_ms),"
                                      " percentile_disc(0.99) within group (order by took_ms), max(took_ms)"
                                      " from ended group by 1, 2, 3 order by 1, 2, 3";
  static const std::string reasons = kRecent +
                                     " select provider, state, coalesce(reason, ''), count(*) from recent"
                                     " where state in ('FAILED', 'HELD', 'REVIEW', 'UNKNOWN') group by 1, 2, "
                                     "3 order by 4 desc, 1, 2, 3 limit 20";
  const std::string client(core::kTestClient);
  Stats all;
  for (const auto& r : work.exec_params(admitted, filter.since_s, filter.provider, client, false))
    all.admitted.push_back(
        {text_of(r, 0), text_of(r, 1), std::stoll(text_of(r, 2)), short_decimal(text_of(r, 3))});
  for (const auto& r : work.exec_params(finished, filter.since_s, filter.provider, client, false)) {
    all.finished.push_back({text_of(r, 0), text_of(r, 1), text_of(r, 2), std::stoll(text_of(r, 3)),
                            short_decimal(text_of(r, 4)), std::stoll(text_of(r, 5)),
                            std::stoll(text_of(r, 6)), std::stoll(text_of(r, 7)), std::stoll(text_of(r, 8))});
  }
  for (const auto& r : work.exec_params(reasons, filter.since_s, filter.provider, client, true))
    all.reasons.push_back({text_of(r, 0), text_of(r, 1), text_of(r, 2), std::stoll(text_of(r, 3))});
  return all;
}

}  // namespace payoutd::store
