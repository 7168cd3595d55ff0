#include "store/bulk_retry.hpp"

#include "store/row_reader.hpp"

namespace payoutd::store {
namespace {

// What somebody works on now needs no retry.
constexpr const char* kWhere =
    " from app.payouts where lease is null and next_action_at is not null"
    " and state in ('PENDING', 'SENT', 'UNKNOWN') and ($1 = '' or provider = $1)"
    " and ($2 = '' or state = nullif($2, '')::app.payout_state) and ($3 = '' or reason = $3)"
    " and ($4 = '' or batch = $4) and updated_at <= now() - $5 * interval '1 second'";

}  // namespace

std::vector<RetryGroup> preview_retry(pqxx::transaction_base& work, const RetryFilter& filter) {
  static const std::string sql =
      std::string(
          "select provider, state, currency, count(*), trim_scale(sum(amount)) from"
          " (select provider, state, currency, amount, updated_at") +
      kWhere + " order by updated_at limit $6) p group by 1, 2, 3 order by 1, 2, 3";
  std::vector<RetryGroup> groups;
  for (const auto& r : work.exec_params(sql, filter.provider, filter.state, filter.reason, filter.batch,
                                        static_cast<std::int64_t>(filter.in_state_for.count()), filter.limit))
    groups.push_back({text_of(r, 0), text_of(r, 1), text_of(r, 2), std::stoll(text_of(r, 3)), text_of(r, 4)});
  return groups;
}

std::int64_t retry_payouts(pqxx::transaction_base& work, const RetryFilter& filter, int per_second,
                           const std::string& actor, const std::string& note) {
  static const std::string sql =
      std::string("with chosen as (select id, updated_at") + kWhere +
      " order by updated_at limit $6 for update skip locked),"
      " numbered as (select id, row_number() over (order by updated_at, id) - 1 as n from chosen),"
      " due as (update app.payouts p set next_action_at = now() + numbered.n * interval '1 second' / "
      "$7::integer"
      "  from numbered where p.id = numbered.id returning p.id)"
      " insert into app.events (payout_id, kind, actor, data) select id, 'operator_retry', $8,"
      " jsonb_strip_nulls(jsonb_build_object('note', nullif($9, ''))) from due";
  return static_cast<std::int64_t>(work.exec_params(sql, filter.provider, filter.state, filter.reason,
                                                    filter.batch,
                                                    static_cast<std::int64_t>(filter.in_state_for.count()),
                                                    filter.limit, per_second, actor, note)
                                       .affected_rows());
}

}  // namespace payoutd::store
