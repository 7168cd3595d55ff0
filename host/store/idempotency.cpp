#include "store/idempotency.hpp"

#include <map>

#include "store/column.hpp"
#include "store/row_reader.hpp"

namespace payoutd::store {
namespace {

constexpr int kKeptOfOneKey = 10;

// Keys are locked in order, so that two batches with the same ones wait for each other and never for ever.
constexpr const char* kRecord = R"sql(
with input as (
  select * from unnest($1::text[], $2::text[], $3::text[], $4::jsonb[], $5::text[], $6::text[]) as i(
    client_id, key, payload_hash, payload, actor, flow_id)
), locked as (
  select k.client_id, k.key from app.idempotency_keys k join input i using (client_id, key)
  order by k.client_id, k.key for update of k
), counted as (
  update app.idempotency_keys k set conflict_count = k.conflict_count + 1, last_conflict_at = now()
  from locked l where k.client_id = l.client_id and k.key = l.key
)
insert into app.idempotency_conflicts as c (client_id, key, payload_hash, payload, actor, flow_id)
select i.client_id, i.key, i.payload_hash, i.payload, i.actor, i.flow_id
from input i join locked l using (client_id, key) order by i.client_id, i.key
on conflict (client_id, key, payload_hash) do update
set count = c.count + 1, last_at = now(), actor = excluded.actor, flow_id = excluded.flow_id
)sql";

constexpr const char* kForgetSurplus = R"sql(
delete from app.idempotency_conflicts c using (
  select o.client_id, o.key, o.payload_hash,
    row_number() over (partition by o.client_id, o.key order by o.last_at desc, o.payload_hash) as n
  from unnest($1::text[], $2::text[]) as i(client_id, key) join app.idempotency_conflicts o using (client_id, key)
) surplus
where surplus.n > $3 and c.client_id = surplus.client_id and c.key = surplus.key
  and c.payload_hash = surplus.payload_hash
)sql";

const std::string& columns() {
  static const std::string sql =
      " r.client_id, r.idempotency_key, r.request, r.response, r.response_status,"
      " r.payout_id, " +
      utc("r.created_at") + ", r.conflict_count, " + utc("r.last_conflict_at");
  return sql;
}

// By key alone: there is an index by client and key, and far fewer clients than keys, so each is looked into.
const std::string& by_key() {
  static const std::string sql =
      "with recursive clients as ("
      " (select client_id from app.idempotency_keys order by client_id limit 1) union all"
      " select (select k.client_id from app.idempotency_keys k where k.client_id > c.client_id"
      "  order by k.client_id limit 1) from clients c where c.client_id is not null)"
      " select" +
      columns() +
      " from clients c join app.idempotency_records r on r.client_id = c.client_id and r.idempotency_key = $1"
      " where c.client_id is not null order by r.client_id limit $2";
  return sql;
}

pqxx::result select(pqxx::transaction_base& work, const KeyFilter& filter) {
  static const std::string one =
      "select" + columns() +
      " from app.idempotency_records r where r.idempotency_key = $1 and r.client_id = $2";
  static const std::string in_conflict =
      "with latest as (select client_id, key, max(last_at) as at from app.idempotency_conflicts"
      " where $1 = '' or client_id = $1 group by client_id, key order by at desc limit $2)"
      " select" +
      columns() +
      " from latest l join app.idempotency_records r on r.client_id = l.client_id"
      " and r.idempotency_key = l.key order by l.at desc";
  if (filter.key.empty()) return work.exec_params(in_conflict, filter.client_id, filter.limit);
  if (filter.client_id.empty()) return work.exec_params(by_key(), filter.key, filter.limit);
  return work.exec_params(one, filter.key, filter.client_id);
}

void add_conflicts(pqxx::transaction_base& work, std::vector<KeyRecord>& records) {
  Column clients;
  Column keys;
  std::map<std::pair<std::string, std::string>, KeyRecord*> by_name;
  for (KeyRecord& record : records) {
    if (record.conflict_count == 0) continue;
    clients.add(record.client_id);
    keys.add(record.key);
    by_name[{record.client_id, record.key}] = &record;
  }
  if (by_name.empty()) return;
  const std::string sql = "select c.client_id, c.key, c.payload, c.count, " + utc("c.first_at") + ", " +
                          utc("c.last_at") +
                          ", c.actor, c.flow_id from unnest($1::text[], $2::text[]) as i(client_id, key)"
                          " join app.idempotency_conflicts c using (client_id, key) order by c.last_at desc";
  for (const auto& row : work.exec_params(sql, clients.take(), keys.take())) {
    by_name.at({text_of(row, 0), text_of(row, 1)})
        ->conflicts.push_back({text_of(row, 2), std::stoll(text_of(row, 3)), text_of(row, 4), text_of(row, 5),
                               text_of(row, 6), text_of(row, 7)});
  }
}

}  // namespace

void record_conflicts(pqxx::transaction_base& work, std::span<const NewConflict> conflicts) {
  if (conflicts.empty()) return;
  std::array<Column, 6> c;
  for (const NewConflict& one : conflicts) {
    c[0].add(one.client_id);
    c[1].add(one.key);
    c[2].add(one.payload_hash);
    c[3].add(one.payload);
    c[4].add(one.actor);
    c[5].add(one.flow_id);
  }
  const std::string clients = Column(c[0]).take();
  const std::string keys = Column(c[1]).take();
  work.exec_params(kRecord, clients, keys, c[2].take(), c[3].take(), c[4].take(), c[5].take());
  work.exec_params(kForgetSurplus, clients, keys, kKeptOfOneKey);
}

std::vector<KeyRecord> find_keys(pqxx::transaction_base& work, const KeyFilter& filter) {
  std::vector<KeyRecord> records;
  for (const auto& row : select(work, filter)) {
    KeyRecord record;
    record.client_id = text_of(row, 0);
    record.key = text_of(row, 1);
    record.payload = text_of(row, 2);
    record.response = text_of(row, 3);
    record.response_status = std::stoi(text_of(row, 4));
    record.payout_id = text_of(row, 5);
    record.created_at = text_of(row, 6);
    record.conflict_count = std::stoll(text_of(row, 7));
    record.last_conflict_at = text_of(row, 8);
    records.push_back(std::move(record));
  }
  add_conflicts(work, records);
  return records;
}

void forget_conflicts(pqxx::transaction_base& work) {
  work.exec("delete from app.idempotency_conflicts where last_at < now() - interval '90 days'");
}

}  // namespace payoutd::store
