#include "store/host_registry.hpp"

#include <unistd.h>

#include <boost/algorithm/string/join.hpp>
#include <boost/algorithm/string/split.hpp>

#include "store/row_reader.hpp"

namespace payoutd::store {
namespace {

/// The elements of `array_to_string(…, ',')`.
std::vector<std::string> names_of(const std::string& joined) {
  std::vector<std::string> names;
  if (!joined.empty()) boost::algorithm::split(names, joined, [](char c) { return c == ','; });
  return names;
}

}  // namespace

Beat beat(pqxx::transaction_base& work, const HostIdentity& host, bool keeps_share) {
  work.exec_params(
      "insert into app.hosts (incarnation, name, version, pid, roles, providers)"
      " values ($1::uuid, $2, $3, $4, $6::text[], $7::text[])"
      " on conflict (incarnation) do update set beat_at = now(),"
      " share_from = case when $5 then hosts.share_from else 0 end,"
      " share_to = case when $5 then hosts.share_to else 0 end",
      host.incarnation, host.name, host.version, static_cast<int>(::getpid()), keeps_share,
      "{" + boost::algorithm::join(host.roles.names(), ",") + "}",
      "{" + boost::algorithm::join(host.providers, ",") + "}");
  const ShareSettlement shares = settle_share(work, host.incarnation);
  const pqxx::row row = work.exec1(
      "select substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8),"
      " (select system_identifier::text from pg_control_system()),"
      " coalesce(pg_sequence_last_value(pg_get_serial_sequence('app.events', 'id')::regclass), 0),"
      " coalesce(bool_or(enabled) filter (where name = 'dry_run'), false),"
      " coalesce(bool_or(enabled) filter (where name = 'stop_submissions'), false),"
      " coalesce(bool_or(enabled) filter (where name = 'stop_writes'), false),"
      " coalesce(bool_or(enabled) filter (where name = 'look_up_first'), false),"
      " coalesce((select floor(extract(epoch from revoked_until) * 1000)::bigint from app.sessions), 0),"
      " floor(extract(epoch from clock_timestamp()) * 1000)::bigint,"
      " coalesce((select string_agg(host, chr(10)) from app.drained_hosts), '')"
      " from app.switches");
  Beat beat;
  beat.share = shares.part;
  beat.admitting_hosts = shares.admitting_hosts;
  beat.working_hosts = shares.working_hosts;
  beat.timeline = text_of(row, 0);
  beat.system_identifier = text_of(row, 1);
  beat.last_event = std::stoll(text_of(row, 2));
  beat.dry_run = text_of(row, 3) == "t";
  beat.stop_submissions = text_of(row, 4) == "t";
  beat.stop_writes = text_of(row, 5) == "t";
  beat.look_up_first = text_of(row, 6) == "t";
  beat.sessions_revoked_until_ms = std::stoll(text_of(row, 7));
  beat.now_ms = std::stoll(text_of(row, 8));
  const std::string drained = "\n" + text_of(row, 9) + "\n";
  beat.drained = drained.find("\n*\n") != std::string::npos ||
                 drained.find("\n" + host.name + "\n") != std::string::npos;
  const std::string sql = "select name, paused, dry_run, " + utc("quarantined_at") +
                          ", quarantine_reason, note, changed_by, " + utc("changed_at") +
                          ", throttle_rate, coalesce(throttle_depth, 0), throttle_note, throttled_by, " +
                          utc("throttled_at") + ", dry_run_note, dry_run_by, " + utc("dry_run_at") +
                          ", (select count(*) from app.hosts h where h.stopped_at is null"
                          " and h.beat_at > now() - interval '5 seconds' and 'worker' = any(h.roles)"
                          " and (h.providers is null or p.name = any(h.providers)))"
                          " from app.providers p order by name";
  for (const auto& r : work.exec(sql)) {
    beat.providers.push_back({text_of(r, 0), text_of(r, 1) == "t", text_of(r, 2) == "t", text_of(r, 3),
                              text_of(r, 4), text_of(r, 5), text_of(r, 6), text_of(r, 7), text_of(r, 8),
                              std::stoll(text_of(r, 9)), text_of(r, 10), text_of(r, 11), text_of(r, 12),
                              text_of(r, 13), text_of(r, 14), text_of(r, 15), std::stoi(text_of(r, 16))});
  }
  return beat;
}

void say_stopped(pqxx::transaction_base& work, const std::string& incarnation) {
  work.exec_params("update app.hosts set stopped_at = now() where incarnation = $1::uuid", incarnation);
}

std::vector<HostRow> hosts(pqxx::transaction_base& work) {
  const std::string sql = "select h.incarnation, h.name, h.version, " + utc("h.started_at") + ", " +
                          utc("h.beat_at") + ", " + utc("h.stopped_at") +
                          ", (extract(epoch from now() - h.beat_at) * 1000)::bigint,"
                          " (select count(*) from app.payouts p where p.lease = h.incarnation),"
                          " exists (select 1 from app.drained_hosts d where d.host in (h.name, '*')),"
                          " array_to_string(h.roles, ','), h.providers is not null,"
                          " array_to_string(h.providers, ',') from app.hosts h where h.stopped_at is null or "
                          "h.stopped_at > now() - interval '1 day'"
                          " order by h.started_at desc limit 100";
  std::vector<HostRow> rows;
  for (const auto& r : work.exec(sql)) {
    rows.push_back({text_of(r, 0),
                    text_of(r, 1),
                    text_of(r, 2),
                    text_of(r, 3),
                    text_of(r, 4),
                    text_of(r, 5),
                    std::stoll(text_of(r, 6)),
                    std::stoll(text_of(r, 7)),
                    text_of(r, 8) == "t",
                    {}});
    rows.back().roles = names_of(text_of(r, 9));
    if (text_of(r, 10) == "t") rows.back().providers = names_of(text_of(r, 11));
  }
  return rows;
}

std::vector<SwitchRow> enabled_switches(pqxx::transaction_base& work) {
  const std::string sql = "select name, note, changed_by, " + utc("changed_at") +
                          " from app.switches where enabled order by name";
  std::vector<SwitchRow> rows;
  for (const auto& r : work.exec(sql))
    rows.push_back({text_of(r, 0), text_of(r, 1), text_of(r, 2), text_of(r, 3)});
  return rows;
}

void set_switch(pqxx::transaction_base& work, const SwitchChange& change) {
  work.exec_params(
      "insert into app.switches (name, enabled, note, changed_by) values ($1, $2, nullif($3, ''), $4)"
      " on conflict (name) do update set enabled = excluded.enabled, note = excluded.note,"
      " changed_by = excluded.changed_by, changed_at = now()",
      change.name, change.enabled, change.note, change.actor);
}

std::int64_t invalidate_sessions(pqxx::transaction_base& work, std::int64_t callers_now_ms,
                                 const std::string& actor, const std::string& note) {
  const pqxx::row row = work.exec_params1(
      "update app.sessions set changed_by = $2, note = nullif($3, ''), changed_at = now(), revoked_until ="
      " greatest(revoked_until, clock_timestamp(), to_timestamp($1::bigint / 1000.0))"
      " returning floor(extract(epoch from revoked_until) * 1000)::bigint",
      callers_now_ms, actor, note);
  return std::stoll(text_of(row, 0));
}

void register_provider(pqxx::transaction_base& work, const std::string& name, const std::string& plugin,
                       const std::string& plugin_version) {
  work.exec_params(
      "insert into app.providers (name, plugin, plugin_version) values ($1, $2, nullif($3, ''))"
      " on conflict (name) do update set plugin = coalesce(nullif(excluded.plugin, ''), "
      "app.providers.plugin),"
      " plugin_version = coalesce(excluded.plugin_version, app.providers.plugin_version)",
      name, plugin, plugin_version);
}

void set_paused(pqxx::transaction_base& work, const std::string& provider, bool paused,
                const std::string& actor, const std::string& note) {
  work.exec_params(
      "update app.providers set paused = $2, changed_by = $3, note = nullif($4, ''), changed_at = now()"
      " where name = $1",
      provider, paused, actor, note);
}

void set_dry_run(pqxx::transaction_base& work, const std::string& provider, bool enabled,
                 const std::string& actor, const std::string& note) {
  work.exec_params(
      "update app.providers set dry_run = $2, dry_run_by = $3, dry_run_note = nullif($4, ''), dry_run_at = "
      "now()"
      " where name = $1",
      provider, enabled, actor, note);
}

void set_throttle(pqxx::transaction_base& work, const ThrottleChange& change) {
  work.exec_params(
      "update app.providers set throttle_rate = nullif($2, ''), throttle_depth = nullif($3::bigint, 0),"
      " throttle_note = nullif($5, ''), throttled_by = $4, throttled_at = case when $6 then null else now() "
      "end"
      " where name = $1",
      change.provider, change.rate, change.depth, change.actor, change.note, change.by_configuration);
}

void set_quarantine(pqxx::transaction_base& work, const std::string& provider, const std::string& reason,
                    const std::string& actor) {
  work.exec_params(
      "update app.providers set quarantined_at = case when $2 <> '' then now() end,"
      " quarantine_reason = nullif($2, ''), changed_by = $3, changed_at = now() where name = $1",
      provider, reason, actor);
}

void keep_contract(pqxx::transaction_base& work, const std::string& id, const std::string& provider,
                   const std::string& scope, const std::string& contract_json) {
  work.exec_params(
      "insert into app.contracts (id, provider, scope, contract) values ($1, $2, $3, $4::jsonb) on conflict "
      "do nothing",
      id, provider, scope, contract_json);
}

StoredContract load_contract(pqxx::transaction_base& work, const std::string& id) {
  const pqxx::row row = work.exec_params1("select scope, contract from app.contracts where id = $1", id);
  return {text_of(row, 0), text_of(row, 1)};
}

// The version jumps, so that it is none that a payout had in the history that was lost: a host that comes
// with an answer of then must not find its version here.
std::int64_t mark_verify_first(pqxx::transaction_base& work, const std::string& actor,
                               const std::string& why) {
  set_switch(work, {"look_up_first", true, actor, why});
  return static_cast<std::int64_t>(
      work.exec("update app.payouts set verify_first = true, query_count = 0, updated_at = now(),"
                " version = version + 1000000 where state in ('PENDING', 'HELD')")
          .affected_rows());
}

}  // namespace payoutd::store
