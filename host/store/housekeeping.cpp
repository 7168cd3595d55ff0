#include "store/housekeeping.hpp"

#include "store/row_reader.hpp"

namespace payoutd::store {

void ensure_partitions(pqxx::transaction_base& work) {
  // now() and not current_date: finished_at and at are filled from the same clock.
  work.exec("select app.ensure_month(now()::date), app.ensure_month((now() + interval '1 month')::date)");
}

std::int64_t archive_finished(pqxx::transaction_base& work, std::chrono::seconds age, int limit) {
  // `like app.payouts` keeps the columns of both tables in one order, so that rows move as they are.
  return static_cast<std::int64_t>(
      work.exec_params(
              std::string("with old as (select id from app.payouts where finished_at < now() - $1 * interval "
                          "'1 second'") +
                  "  and next_action_at is null and lease is null order by finished_at limit $2 for update "
                  "skip locked),"
                  " moved as (delete from app.payouts p using old where p.id = old.id returning p.*),"
                  " attempts as (delete from app.attempts a using old where a.payout_id = old.id returning "
                  "a.*),"
                  " kept as (insert into app.attempts_history (" +
                  attempt_row() +
                  ", finished_at)"
                  "  select " +
                  attempt_row() +
                  ", (select m.finished_at from moved m where m.id = a.payout_id)"
                  "  from attempts a)"
                  " insert into app.payouts_history select * from moved",
              static_cast<std::int64_t>(age.count()), limit)
          .affected_rows());
}

void compact_outflow(pqxx::transaction_base& work) {
  // Only minutes that nobody adds to: a payout that ends unpaid later adds a row, which the next round adds
  // up.
  work.exec(
      "with taken as (delete from app.outflow where minute < now() - interval '5 minutes' and (provider, "
      "currency, minute) in"
      "  (select provider, currency, minute from app.outflow where minute < now() - interval '5 minutes'"
      "   group by 1, 2, 3 having count(*) > 1)"
      "  returning provider, currency, minute, amount)"
      " insert into app.outflow select provider, currency, minute, sum(amount) from taken group by 1, 2, 3");
  work.exec("delete from app.outflow where minute < now() - interval '3 days'");
}

void forget_old(pqxx::transaction_base& work) {
  work.exec(
      "delete from app.script_hosts where updated_at < now() - interval '7 days'"
      " and incarnation not in (select incarnation from app.hosts)");
  work.exec("delete from app.batches where at < now() - interval '1 day'");
  work.exec(
      "delete from app.hosts h where h.beat_at < now() - interval '7 days'"
      " and not exists (select 1 from app.payouts p where p.lease = h.incarnation)");
}

}  // namespace payoutd::store
