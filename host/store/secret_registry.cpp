#include "store/secret_registry.hpp"

#include "store/column.hpp"
#include "store/row_reader.hpp"

namespace payoutd::store {
namespace {

// A host that is silent for so long does not come back with what it used.
const std::string kLiveHost = "h.stopped_at is null and h.beat_at > now() - interval '2 minutes'";

}  // namespace

void record_secrets(pqxx::transaction_base& work, const std::string& incarnation,
                    const std::vector<SecretUse>& uses, const std::string& actor) {
  // One host at a time, so that what the other retires is not what this one is about to use.
  work.exec("select pg_advisory_xact_lock(hashtext('app.secret_versions'))");
  Column secrets;
  Column fingerprints;
  for (const SecretUse& use : uses) {
    secrets.add(use.secret);
    fingerprints.add(use.fingerprint);
    work.exec_params(
        "insert into app.secret_versions as v (secret, fingerprint, key_id, purpose, created_by, "
        "activated_at,"
        " activated_by, expires_at) values ($1, $2, nullif($3, ''), $4, $5, case when $6 then now() end,"
        " case when $6 then $5 end, to_timestamp(nullif($7, '')::bigint / 1000.0))"
        " on conflict (secret, fingerprint) do update set key_id = excluded.key_id, purpose = "
        "excluded.purpose,"
        " activated_at = coalesce(v.activated_at, excluded.activated_at),"
        " activated_by = coalesce(v.activated_by, excluded.activated_by), expires_at = excluded.expires_at,"
        " retired_at = null, retired_by = null",
        use.secret, use.fingerprint, use.key_id, use.purpose, actor, use.current,
        use.expires_at_ms ? std::to_string(*use.expires_at_ms) : std::string());
    work.exec_params(
        "insert into app.secret_uses (incarnation, secret, fingerprint, role) values ($1::uuid, $2, $3, $4)"
        " on conflict (incarnation, secret, fingerprint) do update set role = excluded.role",
        incarnation, use.secret, use.fingerprint, use.current ? "current" : "previous");
  }
  work.exec_params(
      "delete from app.secret_uses u where u.incarnation = $1::uuid and not exists ("
      " select 1 from unnest($2::text[], $3::text[]) as n(secret, fingerprint)"
      " where n.secret = u.secret and n.fingerprint = u.fingerprint)",
      incarnation, secrets.take(), fingerprints.take());
  retire_unused_secrets(work, actor);
}

std::int64_t retire_unused_secrets(pqxx::transaction_base& work, const std::string& actor) {
  return static_cast<std::int64_t>(
      work.exec_params("update app.secret_versions v set retired_at = now(), retired_by = $1"
                       " where v.retired_at is null and not exists (select 1 from app.secret_uses u"
                       "  join app.hosts h using (incarnation) where u.secret = v.secret"
                       "  and u.fingerprint = v.fingerprint and " +
                           kLiveHost + ")",
                       actor)
          .affected_rows());
}

std::vector<SecretVersion> secret_versions(pqxx::transaction_base& work, const std::string& secret,
                                           bool all) {
  const std::string sql =
      "select v.secret, v.fingerprint, v.key_id, v.purpose, " + utc("v.created_at") + ", v.created_by, " +
      utc("v.activated_at") + ", v.activated_by, " + utc("v.expires_at") + ", " + utc("v.retired_at") +
      ", v.retired_by, extract(epoch from now() - coalesce(v.activated_at, v.created_at))::bigint,"
      " coalesce((select string_agg(h.name || ' ' || u.role, ',' order by h.name) from app.secret_uses u"
      "  join app.hosts h using (incarnation)"
      "  where u.secret = v.secret and u.fingerprint = v.fingerprint and " +
      kLiveHost +
      "), '')"
      " from app.secret_versions v where ($1 = '' or v.secret = $1 or starts_with(v.secret, $1 || '.'))"
      " and ($2 or v.retired_at is null)"
      " order by v.secret, coalesce(v.activated_at, v.created_at) desc, v.fingerprint";
  std::vector<SecretVersion> versions;
  for (const auto& r : work.exec_params(sql, secret, all)) {
    SecretVersion one{text_of(r, 0),
                      text_of(r, 1),
                      text_of(r, 2),
                      text_of(r, 3),
                      text_of(r, 4),
                      text_of(r, 5),
                      text_of(r, 6),
                      text_of(r, 7),
                      text_of(r, 8),
                      text_of(r, 9),
                      text_of(r, 10),
                      std::stoll(text_of(r, 11)),
                      {}};
    const std::string hosts = text_of(r, 12);
    for (std::size_t begin = 0; begin < hosts.size();) {
      const auto end = std::min(hosts.find(',', begin), hosts.size());
      const std::string entry = hosts.substr(begin, end - begin);
      const auto blank = entry.rfind(' ');
      one.hosts.push_back({entry.substr(0, blank), entry.substr(blank + 1) == "current"});
      begin = end + 1;
    }
    versions.push_back(std::move(one));
  }
  return versions;
}

}  // namespace payoutd::store
