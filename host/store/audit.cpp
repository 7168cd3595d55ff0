#include "store/audit.hpp"

#include "store/row_reader.hpp"

namespace payoutd::store {

void append_audit(pqxx::transaction_base& work, const AuditEntry& entry) {
  constexpr int kAuditLock = 0x61756474;
  work.exec_params("select pg_advisory_xact_lock($1, 0)", kAuditLock);
  // A second statement, so that it sees what the holder of the lock before committed.
  work.exec_params(
      "with last as (select id, hash from app.audit order by id desc limit 1),"
      " row as (select coalesce((select id from last), 0) + 1 as id, clock_timestamp() as at,"
      "  coalesce((select hash from last), sha256('')) as previous)"
      " insert into app.audit (id, at, actor, action, subject, status, flow_id, detail, previous, hash, "
      "key_id,"
      " token_id) select id, at, $1, $2, $3, $4, $5, $6::jsonb, previous, app.audit_hash(previous, id, at, "
      "$1, $2, $3,"
      " $4, $5, $6::jsonb, nullif($7, ''), nullif($8, '')), nullif($7, ''), nullif($8, '') from row",
      entry.actor, entry.action, entry.subject, entry.status, entry.flow_id, entry.detail, entry.token.key_id,
      entry.token.id);
}

std::vector<AuditRow> audit(pqxx::transaction_base& work, const AuditFilter& filter) {
  const std::string sql =
      "select id, " + utc("at") +
      ", actor, action, subject, status, flow_id, detail, encode(hash, 'hex'), key_id, token_id from "
      "app.audit"
      " where ($1 = '' or actor = $1) and ($2 = '' or subject = $2)"
      " and ($3::bigint = 0 or id < $3) and ($5 = '' or key_id = $5) and ($6 = '' or token_id = $6)"
      " and ($7::bigint = 0 or at > now() - $7 * interval '1 second') order by id desc limit $4";
  std::vector<AuditRow> rows;
  for (const auto& r : work.exec_params(sql, filter.actor, filter.subject, filter.before_id, filter.limit,
                                        filter.token.key_id, filter.token.id, filter.since_s)) {
    AuditRow one;
    one.id = std::stoll(text_of(r, 0));
    one.at = text_of(r, 1);
    one.actor = text_of(r, 2);
    one.action = text_of(r, 3);
    one.subject = text_of(r, 4);
    one.status = std::stoi(text_of(r, 5));
    one.flow_id = text_of(r, 6);
    one.detail = text_of(r, 7);
    one.hash = text_of(r, 8);
    one.token = {text_of(r, 9), text_of(r, 10)};
    rows.push_back(std::move(one));
  }
  return rows;
}

AuditCheck verify_audit(pqxx::transaction_base& work) {
  // A backup of an older schema, which knew no tokens, is checked too.
  const bool with_tokens =
      !work.exec("select 1 from pg_attribute where attrelid = 'app.audit'::regclass and attname = 'token_id'")
           .empty();
  const std::string tokens = with_tokens ? ", key_id, token_id" : "";
  const auto rows = work.exec(
      "with chain as (select *, lag(id) over (order by id) as id_before, lag(hash) over (order by id) as "
      "hash_before"
      "  from app.audit),"
      " judged as (select id, case"
      "  when id <> coalesce(id_before, 0) + 1 then 'a row before it is missing'"
      "  when previous <> coalesce(hash_before, sha256('')) then 'it does not follow the row before it'"
      "  when hash <> app.audit_hash(previous, id, at, actor, action, subject, status, flow_id, detail" +
      tokens +
      ")"
      "   then 'its content was changed' end as why from chain)"
      " select (select count(*) from app.audit), id, why, (select encode(hash, 'hex') from app.audit order "
      "by id desc limit 1)"
      " from (select 1) one left join (select id, why from judged where why is not null order by id limit 1) "
      "bad on true");
  AuditCheck check;
  check.rows = std::stoll(text_of(rows[0], 0));
  if (!rows[0][1].is_null()) check.first_bad = std::stoll(text_of(rows[0], 1));
  check.why = text_of(rows[0], 2);
  check.last_hash = text_of(rows[0], 3);
  return check;
}

}  // namespace payoutd::store
