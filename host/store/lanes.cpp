#include "store/lanes.hpp"

#include "store/column.hpp"
#include "store/row_reader.hpp"

namespace payoutd::store {
namespace {

std::string array_of(const std::vector<std::string>& texts) {
  Column column;
  for (const std::string& text : texts) column.add(text);
  return column.take();
}

}  // namespace

void keep_lanes(pqxx::transaction_base& work, const std::string& provider,
                const std::vector<std::string>& names) {
  work.exec_params(
      "insert into app.lanes (provider, name) select $1, unnest($2::text[]) on conflict (provider, name) do "
      "nothing",
      provider, array_of(names));
}

std::optional<LaneRow> claim_lane(pqxx::transaction_base& work, const std::string& host,
                                  const std::string& provider, const std::vector<std::string>& names) {
  const auto rows = work.exec_params(
      "update app.lanes set lease = $1::uuid, leased_at = now() where provider = $2 and name ="
      " (select name from app.lanes where provider = $2 and name = any($3::text[]) and payout_id is null"
      "  and lease is null and due_at <= now() order by due_at limit 1 for update skip locked)"
      " returning name, state, failures",
      host, provider, array_of(names));
  if (rows.empty()) return std::nullopt;
  LaneRow lane;
  lane.provider = provider;
  lane.name = text_of(rows[0], 0);
  lane.state = text_of(rows[0], 1);
  lane.failures = std::stoi(text_of(rows[0], 2));
  lane.lease = host;
  return lane;
}

bool release_lane(pqxx::transaction_base& work, const std::string& host, const LaneUpkeep& upkeep) {
  return work.exec_params(
                 "update app.lanes set lease = null, leased_at = null,"
                 " state = coalesce(nullif($4, '')::jsonb, state), last_error = nullif($5, ''),"
                 " failures = case when $5 = '' then 0 else failures + 1 end,"
                 " due_at = now() + $6 * interval '1 millisecond'"
                 " where provider = $2 and name = $3 and lease = $1::uuid",
                 host, upkeep.provider, upkeep.name, upkeep.state, upkeep.error,
                 static_cast<std::int64_t>(upkeep.next_in.count()))
             .affected_rows() == 1;
}

int free_lanes_of_the_dead(pqxx::transaction_base& work, const std::string& host,
                           const std::vector<std::string>& predecessors, bool reap) {
  // The same deaths as for leases of payouts; and what this host took by a statement whose answer was lost.
  return static_cast<int>(
      work.exec_params("update app.lanes n set lease = null, leased_at = null, due_at = now()"
                       " where n.lease is not null and (n.lease = $1::uuid and n.leased_at < now() - "
                       "interval '2 minutes'"
                       " or n.lease <> $1::uuid and (n.lease = any($2::uuid[])"
                       " or ($3 and not exists (select 1 from app.hosts h where h.incarnation = n.lease"
                       "  and h.stopped_at is null and h.beat_at >= now() - interval '5 seconds'))))",
                       host, array_of(predecessors), reap)
          .affected_rows());
}

std::vector<LaneRow> list_lanes(pqxx::transaction_base& work, const std::string& provider) {
  static const std::string sql =
      "select provider, name, state, payout_id, lease, " + utc("due_at") +
      ", failures, last_error from app.lanes where $1 = '' or provider = $1 order by provider, name";
  std::vector<LaneRow> lanes;
  for (const auto& row : work.exec_params(sql, provider)) {
    lanes.push_back({text_of(row, 0), text_of(row, 1), text_of(row, 2), text_of(row, 3), text_of(row, 4),
                     text_of(row, 5), std::stoi(text_of(row, 6)), text_of(row, 7)});
  }
  return lanes;
}

}  // namespace payoutd::store
