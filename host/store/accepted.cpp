#include "store/accepted.hpp"

#include "store/row_reader.hpp"

namespace payoutd::store {
namespace {

// A place in the order of time: when, with microseconds, and which. Null: at the latest.
struct Place {
  std::string at = "infinity";
  std::string id = "ffffffff-ffff-ffff-ffff-ffffffffffff";
};

Place place_of(const std::string& cursor) {
  if (cursor.empty()) return {};
  const auto comma = cursor.find(',');
  if (comma == std::string::npos || cursor.size() - comma - 1 != 36)
    throw std::invalid_argument("cursor: is not one that this host gave out");
  return {cursor.substr(0, comma), cursor.substr(comma + 1)};
}

std::string without_zeros(std::string amount) {
  if (amount.find('.') == std::string::npos) return amount;
  while (amount.back() == '0') amount.pop_back();
  if (amount.back() == '.') amount.pop_back();
  return amount;
}

// Both statements look at a part of an index in the order of time, and join what names the key to each row of
// it. The figures stand in every row, also where nothing came under the key.
const std::string& payouts_sql() {
  static const std::string sql =
      "with looked as (select p.id, p.client_id, p.idempotency_key, p.provider, p.state, p.amount, "
      "p.currency,"
      "  p.created_at from app.all_payouts p where p.created_at > now() - $1 * interval '1 second'"
      "  and (p.created_at, p.id) < ($2::timestamptz, $3::uuid) order by p.created_at desc, p.id desc"
      "  limit $4::bigint),"
      " joined as materialized (select l.*, e.at, e.actor, e.data->>'key_id' as key_id,"
      "  e.data->>'token_id' as token_id from looked l left join lateral (select at, actor, data from "
      "app.events"
      "   where payout_id = l.id and kind = 'admitted' and at >= l.created_at"
      "   and at < l.created_at + interval '1 hour' order by id limit 1) e on true),"
      " figures as (select count(*) as looked_at, count(*) filter (where key_id is null) as without_key,"
      "  (array_agg(to_char(created_at at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') || ',' || id"
      "   order by created_at, id))[1] as last from joined)"
      " select f.looked_at, f.without_key, f.last, j.id, j.client_id, j.idempotency_key, j.provider, j.state,"
      "  j.amount::text, j.currency, " +
      utc("j.at") +
      ", j.actor, j.key_id, j.token_id from figures f left join (select * from joined"
      "  where key_id is not null and ($5 = '' or key_id = $5) and ($6 = '' or token_id = $6)"
      "   and ($7 = '' or actor in ('client:' || $7, 'operator:' || $7))) j on true"
      " order by j.created_at desc, j.id desc";
  return sql;
}

const std::string& callbacks_sql() {
  static const std::string sql =
      "with looked as (select w.id, w.received_at, w.provider, w.proof, w.key_id, w.status, w.state, "
      "w.reason,"
      "  w.payout_id from app.webhook_inbox w where w.received_at > now() - $1 * interval '1 second'"
      "  and (w.received_at, w.id) < ($2::timestamptz, $3::uuid) order by w.received_at desc, w.id desc"
      "  limit $4::bigint),"
      " figures as (select count(*) as looked_at,"
      "  (array_agg(to_char(received_at at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') || ',' || id"
      "   order by received_at, id))[1] as last from looked)"
      " select f.looked_at, f.last, l.id, " +
      utc("l.received_at") +
      ", l.provider, l.proof, l.key_id, l.status, l.state, l.reason, l.payout_id, p.state, p.amount::text,"
      "  p.currency from figures f left join (select * from looked"
      "   where key_id = $5 and proof is not null and ($6 = '' or provider = $6)) l on true"
      " left join lateral (select state, amount, currency from app.all_payouts where id = l.payout_id limit "
      "1) p"
      "  on true"
      " order by l.received_at desc, l.id desc";
  return sql;
}

}  // namespace

AcceptedPayouts accepted_payouts(pqxx::transaction_base& work, const AcceptedFilter& filter) {
  const Place place = place_of(filter.cursor);
  AcceptedPayouts page;
  for (const auto& r : work.exec_params(payouts_sql(), filter.since_s, place.at, place.id, filter.looked_at,
                                        filter.token.key_id, filter.token.id, filter.subject)) {
    page.looked_at = std::stoll(text_of(r, 0));
    page.without_key = std::stoll(text_of(r, 1));
    if (page.looked_at == filter.looked_at) page.next = text_of(r, 2);
    if (r[3].is_null()) continue;
    page.payouts.push_back({text_of(r, 3),
                            text_of(r, 4),
                            text_of(r, 5),
                            text_of(r, 6),
                            text_of(r, 7),
                            without_zeros(text_of(r, 8)),
                            text_of(r, 9),
                            text_of(r, 10),
                            text_of(r, 11),
                            {text_of(r, 12), text_of(r, 13)}});
  }
  return page;
}

AcceptedCallbacks accepted_callbacks(pqxx::transaction_base& work, const AcceptedFilter& filter) {
  const Place place = place_of(filter.cursor);
  AcceptedCallbacks page;
  for (const auto& r : work.exec_params(callbacks_sql(), filter.since_s, place.at, place.id, filter.looked_at,
                                        filter.key_id, filter.provider)) {
    page.looked_at = std::stoll(text_of(r, 0));
    if (page.looked_at == filter.looked_at) page.next = text_of(r, 1);
    if (r[2].is_null()) continue;
    page.callbacks.push_back({text_of(r, 2), text_of(r, 3), text_of(r, 4), text_of(r, 5), text_of(r, 6),
                              text_of(r, 7), text_of(r, 8), text_of(r, 9), text_of(r, 10), text_of(r, 11),
                              without_zeros(text_of(r, 12)), text_of(r, 13)});
  }
  return page;
}

}  // namespace payoutd::store
