#include "store/admission.hpp"

#include "core/assert.hpp"
#include "store/column.hpp"
#include "store/idempotency.hpp"
#include "store/row_reader.hpp"

namespace payoutd::store {
namespace {

// The key decides: only where it is new are the payout and its first event written.
constexpr const char* kAdmit = R"sql(
with input as (
  select * from unnest($1::uuid[], $2::text[], $3::text[], $4::jsonb[], $5::text[], $6::text[], $7::numeric[],
    $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::jsonb[], $14::text[], $15::text[],
    $16::text[], $17::jsonb[], $18::text[], $19::text[], $20::text[], $21::text[]) as i(
    id, client_id, key, payload, payload_hash, provider, amount, currency, destination, user_ref, region, note,
    metadata, batch, flow_id, actor, decision, traceparent, tracestate, key_id,
    token_id)
), fresh as (
  insert into app.idempotency_keys (client_id, key, payout_id, provider, payload_hash, payload)
  select client_id, key, id, provider, payload_hash, payload from input order by client_id, key
  on conflict (client_id, key) do nothing
  returning payout_id
), admitted as (
  insert into app.payouts (id, client_id, idempotency_key, provider, amount, currency, destination, user_ref, region,
    note, metadata, batch, flow_id, traceparent, tracestate, next_action_at, verify_first)
  select id, client_id, key, provider, amount, currency, destination, user_ref, region, note, metadata, batch,
    flow_id, traceparent, tracestate, now(),
    exists (select 1 from app.switches s where s.name = 'look_up_first' and s.enabled)
  from input where id in (select payout_id from fresh)
), routed as (
  insert into app.decisions (payout_id, kind, bundle, verdict, reason, inputs, cost_ns)
  select id, 'route', decision->>'bundle', decision->>'verdict', decision->>'reason', decision->'inputs',
    (decision->>'cost_ns')::bigint
  from input where decision is not null and id in (select payout_id from fresh)
)
insert into app.events (payout_id, kind, to_state, actor, host, data)
select id, 'admitted', 'PENDING', actor, $22::uuid, jsonb_build_object('key', key, 'batch', batch)
  || case when key_id is null then '{}' else jsonb_build_object('key_id', key_id, 'token_id', token_id) end
from input where id in (select payout_id from fresh)
)sql";

const std::string& standing_sql() {
  static const std::string sql =
      "select k.payout_id, k.payload_hash, k.payload, " + utc("k.created_at") + ", k.provider," +
      // now() for a batch that is just being written; if it stood already, the time at which it was.
      " k.created_at = coalesce((select b.at from app.batches b where b.id = $3::uuid), now())"
      " from unnest($1::text[], $2::text[]) with ordinality as i(client_id, key, ord)"
      " join app.idempotency_keys k on k.client_id = i.client_id and k.key = i.key order by i.ord";
  return sql;
}

Admitted read_standing(const pqxx::row& row, const std::string& payload_hash) {
  Admitted one;
  one.payout_id = text_of(row, 0);
  one.created_at = text_of(row, 3);
  one.provider = text_of(row, 4);
  one.kind = text_of(row, 1) == payload_hash ? Admitted::Kind::replayed : Admitted::Kind::conflict;
  if (one.kind == Admitted::Kind::conflict) one.existing_payload = text_of(row, 2);
  return one;
}

}  // namespace

std::vector<Admitted> admit(pqxx::transaction_base& work, std::span<const NewPayout> batch,
                            const std::string& host, const std::string& batch_id) {
  std::array<Column, 21> c;
  for (const NewPayout& p : batch) {
    c[0].add(p.id);
    c[1].add(p.client_id);
    c[2].add(p.idempotency_key);
    c[3].add(p.payload);
    c[4].add(p.payload_hash);
    c[5].add(p.provider);
    c[6].add(p.money.amount.to_string());
    c[7].add(p.money.currency);
    c[8].add(p.destination);
    c[9].add_or_null(p.user_ref);
    c[10].add_or_null(p.region);
    c[11].add_or_null(p.note);
    c[12].add_or_null(p.metadata);
    c[13].add_or_null(p.batch);
    c[14].add(p.flow_id);
    c[15].add(p.actor);
    c[16].add_or_null(p.decision);
    c[17].add_or_null(p.traceparent);
    c[18].add_or_null(p.tracestate);
    c[19].add_or_null(p.token.key_id);
    c[20].add_or_null(p.token.id);
  }
  const Column clients = c[1];
  const Column keys = c[2];
  std::vector<std::string> arguments;
  for (Column& column : c) arguments.push_back(column.take());
  arguments.push_back(host);
  work.exec_params(kAdmit, pqxx::prepare::make_dynamic_params(arguments));

  // A second statement, so that it sees the keys of whoever was first.
  const auto rows = work.exec_params(standing_sql(), Column(clients).take(), Column(keys).take(), batch_id);
  PAYOUTD_ASSERT(rows.size() == batch.size(), "every key stands after admission");
  std::vector<Admitted> results;
  std::vector<NewConflict> conflicts;
  results.reserve(batch.size());
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const auto row = rows[static_cast<pqxx::result::size_type>(i)];
    Admitted one = read_standing(row, batch[i].payload_hash);
    if (row[5].as<bool>()) {
      one.kind = Admitted::Kind::created;
      one.existing_payload.clear();
    }
    if (one.kind == Admitted::Kind::conflict) {
      const NewPayout& p = batch[i];
      conflicts.push_back({p.client_id, p.idempotency_key, p.payload_hash, p.payload, p.actor, p.flow_id});
    }
    results.push_back(std::move(one));
  }
  record_conflicts(work, conflicts);
  return results;
}

std::optional<Admitted> find_key(pqxx::transaction_base& work, const std::string& client_id,
                                 const std::string& key, const std::string& payload_hash) {
  constexpr const char* kNoBatch = nullptr;
  Column clients;
  Column keys;
  clients.add(client_id);
  keys.add(key);
  const auto rows = work.exec_params(standing_sql(), clients.take(), keys.take(), kNoBatch);
  if (rows.empty()) return std::nullopt;
  return read_standing(rows[0], payload_hash);
}

}  // namespace payoutd::store
