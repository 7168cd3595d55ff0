#include "store/prune.hpp"

#include "store/row_reader.hpp"

namespace payoutd::store {
namespace {

// What is final and nobody waits for any more. $1: seconds.
constexpr const char* kPrunable = R"sql(
  h.finished_at < now() - $1 * interval '1 second'
  and h.state in ('CONFIRMED', 'FAILED', 'CANCELLED', 'REVERSED', 'SIMULATED')
  and h.next_action_at is null and h.lease is null
  and not exists (select 1 from app.webhook_inbox w where w.payout_id = h.id
    and (w.next_attempt_at is not null or w.received_at >= now() - $1 * interval '1 second'))
)sql";

constexpr const char* kLooseCallback = R"sql(
  w.received_at < now() - $1 * interval '1 second' and w.next_attempt_at is null
  and w.state in ('applied', 'ignored', 'rejected', 'failed')
  and (w.payout_id is null or not (exists (select 1 from app.payouts p where p.id = w.payout_id)
    or exists (select 1 from app.payouts_history p where p.id = w.payout_id)))
)sql";

constexpr const char* kForgottenAllowance = R"sql(
  l.at < now() - $1 * interval '1 second' and not exists (select 1 from app.payouts p where p.id = l.payout_id)
  and not exists (select 1 from app.payouts_history p where p.id = l.payout_id)
)sql";

std::int64_t number_of(const pqxx::row& row, int column) {
  return std::stoll(text_of(row, column));
}

PruneCounts counts_of(const pqxx::row& row) {
  PruneCounts counts;
  counts.payouts = number_of(row, 0);
  counts.attempts = number_of(row, 1);
  counts.events = number_of(row, 2);
  counts.decisions = number_of(row, 3);
  counts.approvals = number_of(row, 4);
  counts.callbacks = number_of(row, 5);
  counts.keys_emptied = number_of(row, 6);
  return counts;
}

}  // namespace

PruneCounts& PruneCounts::operator+=(const PruneCounts& other) {
  payouts += other.payouts;
  attempts += other.attempts;
  events += other.events;
  decisions += other.decisions;
  approvals += other.approvals;
  callbacks += other.callbacks;
  allowances += other.allowances;
  keys_emptied += other.keys_emptied;
  return *this;
}

PruneCounts count_prunable(pqxx::transaction_base& work, std::chrono::seconds older_than) {
  const std::int64_t seconds = older_than.count();
  const auto row = work.exec_params1(
      std::string(
          "with old as (select h.id, h.client_id, h.idempotency_key from app.payouts_history h where ") +
          kPrunable +
          ") select (select count(*) from old),"
          " (select count(*) from app.attempts_history where payout_id in (select id from old)),"
          " (select count(*) from app.events where payout_id in (select id from old)),"
          " (select count(*) from app.decisions where payout_id in (select id from old)),"
          " (select count(*) from app.approvals where payout_id in (select id from old)),"
          " (select count(*) from app.webhook_inbox where payout_id in (select id from old)),"
          " (select count(*) from app.idempotency_keys k join old on k.client_id = old.client_id and k.key ="
          "  old.idempotency_key and k.payout_id = old.id and k.pruned_at is null)",
      seconds);
  PruneCounts counts = counts_of(row);
  counts.callbacks +=
      number_of(work.exec_params1(
                    std::string("select count(*) from app.webhook_inbox w where ") + kLooseCallback, seconds),
                0);
  counts.allowances = number_of(
      work.exec_params1(std::string("select count(*) from app.allowances l where ") + kForgottenAllowance,
                        static_cast<std::int64_t>(kLongestWindow.count())),
      0);
  return counts;
}

PruneCounts prune_payouts(pqxx::transaction_base& work, std::chrono::seconds older_than, int limit) {
  // The payout's row is locked first, as by whoever brings it back among the live ones.
  return counts_of(work.exec_params1(
      std::string(
          "with old as (select h.id, h.client_id, h.idempotency_key from app.payouts_history h where ") +
          kPrunable +
          " order by h.finished_at limit $2 for update of h skip locked),"
          " payouts as (delete from app.payouts_history h using old where h.id = old.id returning 1),"
          " attempts as (delete from app.attempts_history a using old where a.payout_id = old.id returning "
          "1),"
          " events as (delete from app.events e using old where e.payout_id = old.id returning 1),"
          " decisions as (delete from app.decisions d using old where d.payout_id = old.id returning 1),"
          " approvals as (delete from app.approvals a using old where a.payout_id = old.id returning 1),"
          " callbacks as (delete from app.webhook_inbox w using old where w.payout_id = old.id returning 1),"
          " keys as (update app.idempotency_keys k set payload = '{}', pruned_at = now() from old"
          "  where k.client_id = old.client_id and k.key = old.idempotency_key and k.payout_id = old.id"
          "  returning 1)"
          " select (select count(*) from payouts), (select count(*) from attempts), (select count(*) from "
          "events),"
          " (select count(*) from decisions), (select count(*) from approvals), (select count(*) from "
          "callbacks),"
          " (select count(*) from keys)",
      static_cast<std::int64_t>(older_than.count()), limit));
}

std::int64_t prune_callbacks(pqxx::transaction_base& work, std::chrono::seconds older_than, int limit) {
  return static_cast<std::int64_t>(
      work.exec_params(
              std::string(
                  "delete from app.webhook_inbox where (id, received_at) in (select w.id, w.received_at"
                  " from app.webhook_inbox w where ") +
                  kLooseCallback + " limit $2 for update skip locked)",
              static_cast<std::int64_t>(older_than.count()), limit)
          .affected_rows());
}

std::int64_t prune_allowances(pqxx::transaction_base& work, int limit) {
  return static_cast<std::int64_t>(
      work.exec_params(std::string("delete from app.allowances where payout_id in (select l.payout_id from"
                                   " app.allowances l where ") +
                           kForgottenAllowance + " limit $2 for update skip locked)",
                       static_cast<std::int64_t>(kLongestWindow.count()), limit)
          .affected_rows());
}

std::vector<std::string> scripts_in_use(pqxx::transaction_base& work) {
  std::vector<std::string> bundles;
  for (const auto& row :
       work.exec("select b.files::text from app.script_bundles b where b.hash in ("
                 "(select hash from app.script_generations order by generation desc limit 1) union all"
                 " (select hash from app.script_shadows order by id desc limit 1))"))
    bundles.push_back(text_of(row, 0));
  return bundles;
}

std::vector<std::string> old_partitions(pqxx::transaction_base& work, std::chrono::seconds older_than) {
  // Partitions are named by their month; the month after it begins before the cutoff.
  std::vector<std::string> names;
  for (const auto& row : work.exec_params(
           R"(select c.relname::text from pg_class c join pg_inherits i on i.inhrelid = c.oid
              join pg_class p on p.oid = i.inhparent and p.relkind = 'p'
              where c.relnamespace = 'app'::regnamespace and c.relname ~ '_[0-9]{4}_[0-9]{2}$'
                and (to_date(right(c.relname, 7), 'YYYY_MM') + interval '1 month') < now() - $1 * interval '1 second'
              order by right(c.relname, 7), 1)",
           static_cast<std::int64_t>(older_than.count())))
    names.emplace_back(text_of(row, 0));
  return names;
}

bool drop_if_empty(pqxx::transaction_base& work, const std::string& partition,
                   std::chrono::milliseconds lock_timeout) {
  const std::string name = "app." + work.quote_name(partition);
  if (!work.exec("select 1 from " + name + " limit 1").empty()) return false;
  work.exec("set local lock_timeout = " + std::to_string(lock_timeout.count()) + "; lock table " + name +
            " in access exclusive mode");
  if (!work.exec("select 1 from " + name + " limit 1").empty()) return false;
  work.exec("drop table " + name);
  return true;
}

ReplicaLag replica_lag(pqxx::transaction_base& work) {
  const auto row = work.exec1(
      "select count(*), count(state), coalesce(max(extract(epoch from replay_lag) * 1000)::bigint, 0)"
      " from pg_stat_replication");
  ReplicaLag lag;
  lag.replicas = static_cast<int>(number_of(row, 0));
  lag.readable = number_of(row, 1) == lag.replicas;
  lag.longest = std::chrono::milliseconds(number_of(row, 2));
  return lag;
}

}  // namespace payoutd::store
