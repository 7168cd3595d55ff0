#include "store/in_flight.hpp"

#include "store/row_reader.hpp"

namespace payoutd::store {

std::string clock_text(pqxx::transaction_base& work) {
  return text_of(work.exec1("select clock_timestamp()::text"), 0);
}

Amount in_flight(pqxx::transaction_base& work, const std::string& provider, const std::string& currency,
                 const std::string& asked) {
  // Each part by an index that there is: what is due, what is leased, what finished lately. A payout whose
  // transaction began before the balance was asked for was known to be paid by then, so the balance shows it.
  static const std::string sql =
      "with wanted as (select unnest(array['SUBMITTING', 'SENT', 'UNKNOWN']::app.payout_state[]) as state)"
      " select trim_scale(least(coalesce(sum(amount), 0), 9999999999.99999999))::text from ("
      "  select p.amount from app.payouts p join wanted w using (state) where p.provider = $1 and p.currency "
      "= $2"
      "   and p.lease is null and p.next_action_at is not null"
      "  union all select p.amount from app.payouts p join wanted w using (state)"
      "   where p.lease is not null and p.provider = $1 and p.currency = $2"
      "  union all select amount from app.payouts where finished_at >= $3::timestamptz"
      "   and state = 'CONFIRMED' and provider = $1 and currency = $2) moving";
  return Amount::parse(text_of(work.exec_params1(sql, provider, currency, asked), 0)).value();
}

}  // namespace payoutd::store
