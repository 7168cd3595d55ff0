#include "store/script_bundles.hpp"

#include "store/row_reader.hpp"

namespace payoutd::store {
namespace {

void keep_bundle(pqxx::transaction_base& work, const PublishScripts& publish) {
  if (publish.files.empty()) return;
  work.exec_params(
      "insert into app.script_bundles (hash, files, created_by) values ($1, $2::jsonb, $3) on conflict do "
      "nothing",
      publish.hash, publish.files, publish.actor);
}

}  // namespace

ScriptOrders script_orders(pqxx::transaction_base& work) {
  const pqxx::row row = work.exec1(
      "select g.generation, g.hash, s.id, s.hash from (select 1) one"
      " left join (select generation, hash from app.script_generations order by generation desc limit 1) g "
      "on true"
      " left join (select id, hash from app.script_shadows order by id desc limit 1) s on true");
  ScriptOrders orders;
  if (!row[0].is_null()) orders.generation = std::stoll(text_of(row, 0));
  orders.hash = text_of(row, 1);
  if (!row[2].is_null()) orders.shadow_id = std::stoll(text_of(row, 2));
  orders.shadow_hash = text_of(row, 3);
  return orders;
}

std::int64_t publish_scripts(pqxx::transaction_base& work, const PublishScripts& publish) {
  // One publication at a time: the second sees what the first made active.
  work.exec("lock table app.script_generations in share row exclusive mode");
  keep_bundle(work, publish);
  const ScriptOrders now = script_orders(work);
  if (now.generation > 0 && now.hash == publish.hash) return now.generation;
  return std::stoll(
      text_of(work.exec_params1(
                  "insert into app.script_generations (hash, actor, note) values ($1, $2, nullif($3, ''))"
                  " returning generation",
                  publish.hash, publish.actor, publish.note),
              0));
}

void publish_shadow(pqxx::transaction_base& work, const PublishScripts& publish) {
  keep_bundle(work, publish);
  work.exec_params("insert into app.script_shadows (hash, actor) values (nullif($1, ''), $2)", publish.hash,
                   publish.actor);
}

std::optional<StoredBundle> find_bundle(pqxx::transaction_base& work, const std::string& hash) {
  constexpr std::size_t kShortest = 6;
  if (hash.size() < kShortest || hash.find_first_not_of("0123456789abcdef") != std::string::npos)
    return std::nullopt;
  const std::string sql = "select hash, files, " + utc("created_at") +
                          ", created_by from app.script_bundles where hash like $1 || '%' limit 2";
  const auto rows = work.exec_params(sql, hash);
  if (rows.size() != 1) return std::nullopt;
  return StoredBundle{text_of(rows[0], 0), text_of(rows[0], 1), text_of(rows[0], 2), text_of(rows[0], 3)};
}

bool was_active(pqxx::transaction_base& work, const std::string& hash) {
  return work.exec_params1("select exists (select 1 from app.script_generations where hash = $1)", hash)[0]
      .as<bool>();
}

std::vector<GenerationRow> script_generations(pqxx::transaction_base& work, int limit) {
  const std::string sql = "select generation, hash, actor, note, " + utc("at") +
                          " from app.script_generations order by generation desc limit $1";
  std::vector<GenerationRow> rows;
  for (const auto& row : work.exec_params(sql, limit))
    rows.push_back(
        {std::stoll(text_of(row, 0)), text_of(row, 1), text_of(row, 2), text_of(row, 3), text_of(row, 4)});
  return rows;
}

void acknowledge_scripts(pqxx::transaction_base& work, const ScriptHost& host) {
  work.exec_params(
      "insert into app.script_hosts (incarnation, host, directory, generation, hash, shadow_hash, "
      "shadow_compared,"
      " shadow_differed, refused_hash, refused_why, refused_at)"
      " values ($1::uuid, $2, nullif($3, ''), $4, nullif($5, ''), nullif($6, ''), $7, $8, nullif($9, ''), "
      "nullif($10, ''),"
      " case when $10 <> '' then now() end)"
      " on conflict (incarnation) do update set directory = excluded.directory, generation = "
      "excluded.generation,"
      " hash = excluded.hash, shadow_hash = excluded.shadow_hash, shadow_compared = excluded.shadow_compared,"
      " shadow_differed = excluded.shadow_differed, refused_hash = excluded.refused_hash,"
      " refused_why = excluded.refused_why, updated_at = now(),"
      " refused_at = case when app.script_hosts.refused_why is distinct from excluded.refused_why"
      "  then excluded.refused_at else app.script_hosts.refused_at end",
      host.incarnation, host.host, host.directory, host.generation, host.hash, host.shadow_hash,
      host.shadow_compared, host.shadow_differed, host.refused_hash, host.refused_why);
}

std::vector<ScriptHost> script_hosts(pqxx::transaction_base& work) {
  const std::string sql =
      "select s.incarnation, s.host, s.directory, coalesce(s.generation, 0), s.hash, s.shadow_hash, "
      "s.shadow_compared,"
      " s.shadow_differed, s.refused_hash, s.refused_why, " +
      utc("s.refused_at") + ", " + utc("s.updated_at") +
      " from app.script_hosts s join app.hosts h using (incarnation)"
      " where h.stopped_at is null and h.beat_at > now() - interval '10 seconds' order by s.host, "
      "s.incarnation";
  std::vector<ScriptHost> rows;
  for (const auto& r : work.exec(sql)) {
    ScriptHost one;
    one.incarnation = text_of(r, 0);
    one.host = text_of(r, 1);
    one.directory = text_of(r, 2);
    one.generation = std::stoll(text_of(r, 3));
    one.hash = text_of(r, 4);
    one.shadow_hash = text_of(r, 5);
    one.shadow_compared = std::stoll(text_of(r, 6));
    one.shadow_differed = std::stoll(text_of(r, 7));
    one.refused_hash = text_of(r, 8);
    one.refused_why = text_of(r, 9);
    one.refused_at = text_of(r, 10);
    one.updated_at = text_of(r, 11);
    rows.push_back(std::move(one));
  }
  return rows;
}

}  // namespace payoutd::store
