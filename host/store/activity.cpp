#include "store/activity.hpp"

#include <map>

#include "store/migrations.hpp"
#include "store/row_reader.hpp"

namespace payoutd::store {
namespace {

constexpr const char* kSessions = R"sql(
select a.pid, coalesce(a.usename::text, ''), a.application_name, coalesce(host(a.client_addr), 'local'),
  coalesce(a.state, ''), coalesce(a.wait_event_type || ': ' || a.wait_event, ''),
  regexp_replace(left(coalesce(a.query, ''), 200), '\s+', ' ', 'g'),
  (extract(epoch from clock_timestamp() - a.backend_start) * 1000)::bigint,
  coalesce((extract(epoch from clock_timestamp() - a.xact_start) * 1000)::bigint, -1),
  coalesce((extract(epoch from clock_timestamp() - a.state_change) * 1000)::bigint, 0),
  array_to_string(pg_blocking_pids(a.pid), ' ')
from pg_stat_activity a
where a.datname = current_database() and a.pid <> pg_backend_pid() and a.backend_type = 'client backend'
order by a.xact_start nulls last, a.backend_start
)sql";

// Reads of tables lock nobody out but DDL, and there are many: they are shown where DDL waits for them only.
constexpr const char* kLocks = R"sql(
select l.pid, l.granted, case
    when l.locktype = 'relation' then coalesce(l.relation::regclass::text, l.relation::text)
    when l.locktype = 'advisory' and l.objsubid = 1 and (l.classid::bigint << 32) | l.objid::bigint = $1 then 'the migration runner'
    when l.locktype = 'advisory' then 'advisory ' || l.classid || '/' || l.objid
    when l.locktype in ('transactionid', 'tuple') then 'a row'
    else l.locktype end || ' ' || replace(l.mode, 'Lock', '')
from pg_locks l
where l.pid <> pg_backend_pid() and (l.database is null or l.database = (select oid from pg_database where datname = current_database()))
  and (not l.granted or (l.locktype in ('relation', 'advisory') and coalesce(l.relation, 99999) >= 16384
    and (l.mode <> 'AccessShareLock' or exists (select 1 from pg_locks w where not w.granted and w.relation = l.relation))))
  and l.locktype <> 'virtualxid'
order by 1, 3
)sql";

std::vector<int> numbers_of(const std::string& text) {
  std::vector<int> numbers;
  std::size_t at = 0;
  while (at < text.size()) {
    const auto end = std::min(text.find(' ', at), text.size());
    const int number = std::stoi(text.substr(at, end - at));
    if (std::find(numbers.begin(), numbers.end(), number) == numbers.end()) numbers.push_back(number);
    at = end + 1;
  }
  return numbers;
}

}  // namespace

std::vector<Session> sessions(Connection& connection) {
  return in_transaction(connection, "BEGIN READ ONLY", [](Transaction& transaction) {
    std::vector<Session> all;
    std::map<int, std::size_t> by_pid;
    for (const auto& row : transaction.exec(kSessions)) {
      Session one;
      one.pid = row[0].as<int>();
      one.user = text_of(row, 1);
      one.application = text_of(row, 2);
      one.client = text_of(row, 3);
      one.state = text_of(row, 4);
      one.wait = text_of(row, 5);
      one.query = text_of(row, 6);
      one.connected_ms = row[7].as<std::int64_t>();
      one.transaction_ms = row[8].as<std::int64_t>();
      one.state_ms = row[9].as<std::int64_t>();
      one.blocked_by = numbers_of(text_of(row, 10));
      by_pid[one.pid] = all.size();
      all.push_back(std::move(one));
    }
    for (const auto& row : transaction.exec_params(kLocks, kMigrationRunnerLock)) {
      const auto session = by_pid.find(row[0].as<int>());
      if (session == by_pid.end()) continue;
      auto& list = row[1].as<bool>() ? all[session->second].holds : all[session->second].wants;
      list.push_back(text_of(row, 2));
    }
    return all;
  });
}

std::int64_t lock_waiters(pqxx::transaction_base& work, std::chrono::milliseconds longer_than) {
  return work
      .exec_params1(
          "select count(distinct pid) from pg_locks where not granted"
          " and (database is null or database = (select oid from pg_database where datname = "
          "current_database()))"
          " and waitstart < clock_timestamp() - $1 * interval '1 millisecond'",
          longer_than.count())[0]
      .as<std::int64_t>();
}

}  // namespace payoutd::store
