#include "store/housekeeping.hpp"

#include "store/row_reader.hpp"

namespace payoutd::store {

void ensure_partitions(pqxx::transaction_base& work) {
  // now() and not current_date: finished_at and at are filled from the same clock.
  work.exec("select app.ensure_month(now()::date), app.ensure_month((now() + interval '1 month')::date)");
}

std::int64_t archive_finished(pqxx::transaction_base& work, std::chrono::seconds age, int limit) {
  // The owner's function: the host itself may take no row out of the journal.
  return std::stoll(text_of(
      work.exec_params1("select app.archive_finished($1, $2)", static_cast<std::int64_t>(age.count()), limit),
      0));
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
