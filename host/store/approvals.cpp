#include "store/approvals.hpp"

#include "store/row_reader.hpp"

namespace payoutd::store {

int approve(pqxx::transaction_base& work, const std::string& payout_id, const std::string& actor,
            const std::string& note) {
  // The payout is locked, so that of two people at the same moment the second sees the first.
  work.exec_params("select 1 from app.payouts where id = $1::uuid for update", payout_id);
  work.exec_params(
      "insert into app.approvals (payout_id, actor, note) values ($1::uuid, $2, nullif($3, ''))"
      " on conflict (payout_id, actor) do update set note = excluded.note, at = now()",
      payout_id, actor, note);
  work.exec_params(
      "insert into app.events (payout_id, kind, actor, data) values ($1::uuid, 'approval', $2,"
      " jsonb_strip_nulls(jsonb_build_object('note', nullif($3, ''))))",
      payout_id, actor, note);
  return std::stoi(text_of(
      work.exec_params1("select count(*) from app.approvals where payout_id = $1::uuid", payout_id), 0));
}

}  // namespace payoutd::store
