#include "store/notifications.hpp"

#include <array>
#include <boost/json.hpp>
#include <map>

#include "store/audit.hpp"
#include "store/column.hpp"
#include "store/row_reader.hpp"

namespace payoutd::store {
namespace {

int number_of(const pqxx::row& row, int column) {
  const std::string text = text_of(row, column);
  return text.empty() ? 0 : std::stoi(text);
}

std::string text_array(const std::vector<std::string>& texts) {
  Column column;
  for (const std::string& text : texts) column.add(text);
  return column.take();
}

// An array of event types: they hold no commas and need no quotes.
std::vector<std::string> read_types(const std::string& text) {
  std::vector<std::string> types;
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = std::min(text.find(',', begin), text.size());
    types.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return types;
}

std::optional<SecretName> secret_name(const pqxx::row& row, int key, int version) {
  if (text_of(row, key).empty()) return std::nullopt;
  return SecretName{text_of(row, key), number_of(row, version)};
}

const std::string& endpoint_columns() {
  static const std::string sql =
      "e.id, e.url, e.description, e.client_id, array_to_string(e.event_types, ','), e.key_id,"
      " e.secret_version, case when e.old_until > now() then e.old_key_id end, e.old_version, " +
      utc("e.old_until") + ", e.paused, " + utc("e.disabled_at") + ", e.disabled_why, e.failures, " +
      utc("e.failing_since") + ", " + utc("e.quiet_until") + ", e.last_error, " + utc("e.last_success_at") +
      ", e.note, " + utc("e.created_at") + ", e.changed_by, " + utc("e.changed_at") + ", " +
      utc("e.removed_at") +
      ", (select count(*) from app.notification_deliveries d where d.endpoint_id = e.id and"
      " d.next_attempt_at is not null)";
  return sql;
}

NotificationEndpoint read_endpoint(const pqxx::row& row) {
  NotificationEndpoint e;
  e.id = text_of(row, 0);
  e.url = text_of(row, 1);
  e.description = text_of(row, 2);
  e.client_id = text_of(row, 3);
  e.event_types = read_types(text_of(row, 4));
  e.secret = {text_of(row, 5), number_of(row, 6)};
  e.old_secret = secret_name(row, 7, 8);
  if (e.old_secret) e.old_until = text_of(row, 9);
  e.paused = text_of(row, 10) == "t";
  e.disabled_at = text_of(row, 11);
  e.disabled_why = text_of(row, 12);
  e.failures = number_of(row, 13);
  e.failing_since = text_of(row, 14);
  e.quiet_until = text_of(row, 15);
  e.last_error = text_of(row, 16);
  e.last_success_at = text_of(row, 17);
  e.note = text_of(row, 18);
  e.created_at = text_of(row, 19);
  e.changed_by = text_of(row, 20);
  e.changed_at = text_of(row, 21);
  e.removed_at = text_of(row, 22);
  e.pending = std::stoll(text_of(row, 23));
  return e;
}

const std::string& delivery_columns() {
  static const std::string sql =
      "d.notification_id, d.endpoint_id, e.url, n.type, n.payout_id, n.client_id, " + utc("d.created_at") +
      ", d.state, d.attempts, d.tries, " + utc("d.wanted_since") + ", " + utc("d.next_attempt_at") + ", " +
      utc("d.last_attempt_at") + ", d.last_status, d.last_error, " + utc("d.settled_at");
  return sql;
}
constexpr int kDeliveryColumns = 16;
constexpr const char* kDeliveries =
    " from app.notification_deliveries d join app.notifications n on n.id = d.notification_id"
    " join app.notification_endpoints e on e.id = d.endpoint_id";

DeliveryRow read_delivery(const pqxx::row& row) {
  DeliveryRow d;
  int c = 0;
  for (std::string* text : {&d.notification_id, &d.endpoint_id, &d.url, &d.type, &d.payout_id, &d.client_id,
                            &d.created_at, &d.state})
    *text = text_of(row, c++);
  d.attempts = number_of(row, c++);
  d.tries = number_of(row, c++);
  for (std::string* text : {&d.wanted_since, &d.next_attempt_at, &d.last_attempt_at})
    *text = text_of(row, c++);
  d.last_status = number_of(row, c++);
  d.last_error = text_of(row, c++);
  d.settled_at = text_of(row, c++);
  return d;
}

// Conditions with arguments, as many as there are.
struct Where {
  std::string sql = " where true";
  std::vector<std::string> arguments;
  void add(const std::string& condition, const std::string& value, const char* cast = "") {
    if (value.empty()) return;
    arguments.push_back(value);
    sql += " and " + condition + "$" + std::to_string(arguments.size()) + cast;
  }
  void since(const std::string& column, std::int64_t seconds) {
    if (seconds <= 0) return;
    arguments.push_back(std::to_string(seconds));
    sql += " and " + column + " > now() - $" + std::to_string(arguments.size()) +
           "::bigint * interval '1 second'";
  }
};

// What the attempts of one batch say of one endpoint.
struct EndpointNews {
  bool success = false;
  int failures = 0;  ///< since the last success in the batch
  bool gone = false;
  std::int64_t quiet_ms = 0;
  std::string error;
};

std::vector<RecordedDelivery> write_outcomes(pqxx::transaction_base& work,
                                             std::span<const DeliveryOutcome> outcomes,
                                             const std::string& host) {
  std::array<Column, 7> c;
  for (const DeliveryOutcome& o : outcomes) {
    c[0].add(o.notification_id);
    c[1].add(o.endpoint_id);
    c[2].add(o.attempts);
    c[3].add(o.kind == DeliveryOutcome::Kind::delivered ? "delivered"
             : o.kind == DeliveryOutcome::Kind::give_up ? "failed"
                                                        : "pending");
    if (o.status == 0)
      c[4].add_null();
    else
      c[4].add(o.status);
    c[5].add_or_null(o.error);
    c[6].add(static_cast<std::int64_t>(o.pause.count()));
  }
  std::vector<std::string> arguments;
  for (Column& column : c) arguments.push_back(column.take());
  arguments.push_back(host);
  const auto rows = work.exec_params(
      "with input as (select * from unnest($1::uuid[], $2::uuid[], $3::int[], $4::text[], $5::int[], "
      "$6::text[],"
      "  $7::bigint[]) with ordinality as i(notification_id, endpoint_id, attempts, state, status, error,"
      "  pause_ms, ord)),"
      " done as (update app.notification_deliveries d set state = i.state, lease = null, last_status = "
      "i.status,"
      "  last_error = i.error, settled_at = case when i.state <> 'pending' then now() end,"
      "  next_attempt_at = case when i.state = 'pending' then now() + i.pause_ms * interval '1 millisecond' "
      "end"
      "  from input i where d.notification_id = i.notification_id and d.endpoint_id = i.endpoint_id"
      "  and d.state = 'pending' and d.lease = $8::uuid and d.attempts = i.attempts"
      "  returning d.notification_id, d.endpoint_id)"
      " select done.endpoint_id is not null from input i left join done using (notification_id, endpoint_id)"
      " order by i.ord",
      pqxx::prepare::make_dynamic_params(arguments));
  std::vector<RecordedDelivery> recorded;
  for (const auto& row : rows) {
    recorded.emplace_back();
    recorded.back().recorded = text_of(row, 0) == "t";
  }
  return recorded;
}

struct Disabled {
  std::string why;
  std::string url;
  std::string failing_since;
};

// Endpoints are locked in the order of their ids, after the deliveries. A success is noted at most every ten
// seconds, so that the row of a busy endpoint does not change with every batch.
std::map<std::string, Disabled> write_news(pqxx::transaction_base& work,
                                           const std::map<std::string, EndpointNews>& news,
                                           std::chrono::seconds disable_after) {
  std::map<std::string, Disabled> disabled;
  if (news.empty()) return disabled;
  constexpr int kFewestFailures = 5;
  std::array<Column, 6> c;
  for (const auto& [id, one] : news) {
    c[0].add(id);
    c[1].add(one.success);
    c[2].add(one.failures);
    c[3].add(one.gone);
    c[4].add(one.quiet_ms);
    c[5].add_or_null(one.error);
  }
  std::vector<std::string> arguments;
  for (Column& column : c) arguments.push_back(column.take());
  arguments.push_back(std::to_string(disable_after.count()));
  arguments.push_back(std::to_string(kFewestFailures));
  static const std::string sql =
      "with input as (select * from unnest($1::uuid[], $2::boolean[], $3::int[], $4::boolean[], $5::bigint[],"
      "  $6::text[]) as i(id, success, failures, gone, quiet_ms, error)),"
      " locked as (select e.id, i.success, i.failures, i.gone, i.quiet_ms, i.error,"
      "   case when i.success then i.failures else e.failures + i.failures end as in_a_row,"
      "   case when i.failures = 0 then null when i.success then now() else coalesce(e.failing_since, now()) "
      "end"
      "    as since"
      "  from app.notification_endpoints e join input i on i.id = e.id"
      "  where i.failures > 0 or e.failures > 0 or e.last_success_at is null"
      "   or e.last_success_at < now() - interval '10 seconds'"
      "  order by e.id for update of e)"
      " update app.notification_endpoints e set failures = l.in_a_row, failing_since = l.since,"
      "  last_success_at = case when l.success then now() else e.last_success_at end,"
      "  last_error = case when l.failures > 0 then l.error else e.last_error end,"
      "  quiet_until = case when l.failures = 0 then null when l.quiet_ms > 0"
      "   then greatest(e.quiet_until, now() + l.quiet_ms * interval '1 millisecond') else e.quiet_until end,"
      "  disabled_at = case when e.disabled_at is not null then e.disabled_at"
      "   when l.gone or (l.in_a_row >= $8 and l.since <= now() - $7::bigint * interval '1 second') then "
      "now() end,"
      "  disabled_why = case when e.disabled_at is not null then e.disabled_why when l.gone then 'gone'"
      "   when l.in_a_row >= $8 and l.since <= now() - $7::bigint * interval '1 second' then 'failing' end"
      " from locked l where e.id = l.id"
      " returning e.id, e.url, e.disabled_at = now(), e.disabled_why, " +
      utc("e.failing_since");
  for (const auto& row : work.exec_params(sql, pqxx::prepare::make_dynamic_params(arguments)))
    if (text_of(row, 2) == "t")
      disabled[text_of(row, 0)] = {text_of(row, 3), text_of(row, 1), text_of(row, 4)};
  return disabled;
}

}  // namespace

void add_endpoint(pqxx::transaction_base& work, const NotificationEndpoint& e) {
  work.exec_params(
      "insert into app.notification_endpoints (id, url, description, client_id, event_types, key_id,"
      " secret_version, note, changed_by) values ($1, $2, nullif($3, ''), nullif($4, ''), $5::text[], $6, $7,"
      " nullif($8, ''), $9)",
      e.id, e.url, e.description, e.client_id, text_array(e.event_types), e.secret.key_id, e.secret.version,
      e.note, e.changed_by);
}

std::vector<NotificationEndpoint> notification_endpoints(pqxx::transaction_base& work, bool removed) {
  std::vector<NotificationEndpoint> endpoints;
  for (const auto& row :
       work.exec_params("select " + endpoint_columns() +
                            " from app.notification_endpoints e"
                            " where $1::boolean or e.removed_at is null order by e.created_at, e.id",
                        removed))
    endpoints.push_back(read_endpoint(row));
  return endpoints;
}

std::optional<NotificationEndpoint> find_endpoint(pqxx::transaction_base& work, const std::string& id) {
  const auto rows = work.exec_params(
      "select " + endpoint_columns() + " from app.notification_endpoints e where e.id = $1::uuid", id);
  if (rows.empty()) return std::nullopt;
  return read_endpoint(rows[0]);
}

std::optional<NotificationEndpoint> change_endpoint(pqxx::transaction_base& work, const std::string& id,
                                                    EndpointChange change, const std::string& actor,
                                                    const std::string& note) {
  // Deliveries before the endpoint, as where outcomes are recorded, so that neither waits for the other in a
  // circle. What waited while the endpoint was not served is not given up for its age.
  if (change == EndpointChange::remove) {
    work.exec_params(
        "update app.notification_deliveries set state = 'cancelled', next_attempt_at = null, lease = null,"
        " settled_at = now() where endpoint_id = $1::uuid and next_attempt_at is not null",
        id);
  } else if (change != EndpointChange::pause) {
    work.exec_params(
        "update app.notification_deliveries set wanted_since = now(), tries = 0, next_attempt_at = now()"
        " where endpoint_id = $1::uuid and next_attempt_at is not null and lease is null",
        id);
  }
  const char* what = "paused = true";
  if (change == EndpointChange::resume) what = "paused = false, quiet_until = null";
  if (change == EndpointChange::remove) what = "removed_at = now()";
  if (change == EndpointChange::enable)
    what = "disabled_at = null, disabled_why = null, failures = 0, failing_since = null, quiet_until = null";
  const auto rows =
      work.exec_params(std::string("update app.notification_endpoints e set ") + what +
                           ", changed_by = $2, changed_at = now(), note = coalesce(nullif($3, ''), note)"
                           " where id = $1::uuid and removed_at is null returning " +
                           endpoint_columns(),
                       id, actor, note);
  if (rows.empty()) return std::nullopt;
  return read_endpoint(rows[0]);
}

std::optional<NotificationEndpoint> rotate_secret(pqxx::transaction_base& work, const std::string& id,
                                                  const std::string& key_id, std::chrono::seconds overlap,
                                                  const std::string& actor, const std::string& note) {
  const auto rows = work.exec_params(
      "update app.notification_endpoints e set old_key_id = key_id, old_version = secret_version,"
      " old_until = now() + $3::bigint * interval '1 second', key_id = $2, secret_version = secret_version + "
      "1,"
      " changed_by = $4, changed_at = now(), note = coalesce(nullif($5, ''), note)"
      " where id = $1::uuid and removed_at is null returning " +
          endpoint_columns(),
      id, key_id, static_cast<std::int64_t>(overlap.count()), actor, note);
  if (rows.empty()) return std::nullopt;
  return read_endpoint(rows[0]);
}

std::vector<DueDelivery> claim_deliveries(pqxx::transaction_base& work, const DeliveryClaim& claim) {
  Column busy;
  Column counts;
  for (const InFlight& one : claim.in_flight) {
    busy.add(one.endpoint_id);
    counts.add(one.count);
  }
  const auto rows = work.exec_params(
      "with busy as (select * from unnest($1::uuid[], $2::int[]) as b(endpoint_id, count)),"
      " room as (select e.id, (case when e.failures > 0 then 1 else $3::int end) - coalesce(b.count, 0) as "
      "places"
      "  from app.notification_endpoints e left join busy b on b.endpoint_id = e.id"
      "  where e.removed_at is null and not e.paused and e.disabled_at is null"
      "   and (e.quiet_until is null or e.quiet_until <= now()) and e.key_id = any($4::text[])),"
      " due as materialized (select d.notification_id, d.endpoint_id from room cross join lateral"
      "  (select notification_id, endpoint_id, next_attempt_at from app.notification_deliveries"
      "   where endpoint_id = room.id and next_attempt_at <= now() order by next_attempt_at"
      "   limit greatest(room.places, 0) for update skip locked) d order by d.next_attempt_at limit $5),"
      " claimed as (update app.notification_deliveries d set lease = $6::uuid, attempts = d.attempts + 1,"
      "  tries = d.tries + 1, last_attempt_at = now(),"
      "  next_attempt_at = now() + $7::bigint * interval '1 millisecond'"
      "  from due where d.notification_id = due.notification_id and d.endpoint_id = due.endpoint_id "
      "returning d.*)"
      " select c.notification_id, c.endpoint_id, e.url, n.type, n.payload, e.key_id, e.secret_version,"
      "  case when e.old_until > now() then e.old_key_id end, e.old_version, c.attempts, c.tries,"
      "  (extract(epoch from now() - c.wanted_since) * 1000)::bigint"
      " from claimed c join app.notification_endpoints e on e.id = c.endpoint_id"
      " join app.notifications n on n.id = c.notification_id order by c.wanted_since, n.at",
      busy.take(), counts.take(), claim.per_endpoint, text_array(claim.key_ids), claim.limit, claim.host,
      static_cast<std::int64_t>(claim.lease.count()));
  std::vector<DueDelivery> due;
  due.reserve(rows.size());
  for (const auto& row : rows) {
    DueDelivery d;
    d.notification_id = text_of(row, 0);
    d.endpoint_id = text_of(row, 1);
    d.url = text_of(row, 2);
    d.type = text_of(row, 3);
    d.payload = text_of(row, 4);
    d.secret = {text_of(row, 5), number_of(row, 6)};
    d.old_secret = secret_name(row, 7, 8);
    d.attempts = number_of(row, 9);
    d.tries = number_of(row, 10);
    d.age_ms = std::stoll(text_of(row, 11));
    due.push_back(std::move(d));
  }
  return due;
}

std::vector<RecordedDelivery> record_deliveries(pqxx::transaction_base& work,
                                                std::span<const DeliveryOutcome> outcomes,
                                                const DeliveryRules& rules) {
  std::vector<RecordedDelivery> recorded = write_outcomes(work, outcomes, rules.host);
  std::map<std::string, EndpointNews> news;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    if (!recorded[i].recorded) continue;
    const DeliveryOutcome& o = outcomes[i];
    EndpointNews& one = news[o.endpoint_id];
    if (o.kind == DeliveryOutcome::Kind::delivered) {
      one = {};
      one.success = true;
      continue;
    }
    ++one.failures;
    one.gone = one.gone || o.gone;
    one.quiet_ms = std::max<std::int64_t>(one.quiet_ms, o.quiet.count());
    one.error = o.error;
  }
  const auto disabled = write_news(work, news, rules.disable_after);
  for (const auto& [id, why] : disabled) {
    AuditEntry entry;
    entry.actor = "host";
    entry.action = "disable notification endpoint";
    entry.subject = id;
    entry.status = 200;
    entry.detail = boost::json::serialize(
        boost::json::object{{"why", why.why}, {"url", why.url}, {"failing_since", why.failing_since}});
    append_audit(work, entry);
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      if (outcomes[i].endpoint_id != id || !recorded[i].recorded) continue;
      recorded[i].disabled = why.why;
      recorded[i].url = why.url;
      break;
    }
  }
  return recorded;
}

void release_deliveries(pqxx::transaction_base& work, const std::string& host,
                        const std::vector<DueDelivery>& deliveries) {
  Column notifications;
  Column endpoints;
  for (const DueDelivery& d : deliveries) {
    notifications.add(d.notification_id);
    endpoints.add(d.endpoint_id);
  }
  work.exec_params(
      "update app.notification_deliveries d set lease = null, attempts = d.attempts - 1, tries = d.tries - 1,"
      " next_attempt_at = now() from unnest($1::uuid[], $2::uuid[]) as i(notification_id, endpoint_id)"
      " where d.notification_id = i.notification_id and d.endpoint_id = i.endpoint_id and d.state = 'pending'"
      " and d.lease = $3::uuid",
      notifications.take(), endpoints.take(), host);
}

DeliveryPage list_deliveries(pqxx::transaction_base& work, const DeliveryFilter& filter) {
  Where where;
  where.add("d.endpoint_id = ", filter.endpoint_id, "::uuid");
  where.add("n.payout_id = ", filter.payout_id, "::uuid");
  where.add("n.type = ", filter.type);
  where.add("d.state = ", filter.state);
  where.since("d.created_at", filter.since_s);
  if (filter.failed_only)
    where.sql += " and (d.state = 'failed' or (d.state = 'pending' and d.attempts > 0))";
  if (!filter.before.empty()) {
    where.arguments.push_back(filter.before);
    const std::string cursor = "split_part($" + std::to_string(where.arguments.size()) + ", ',', ";
    where.sql += " and (d.created_at, d.notification_id, d.endpoint_id) < (" + cursor + "1)::timestamptz, " +
                 cursor + "2)::uuid, " + cursor + "3)::uuid)";
  }
  const std::string sql = "select " + delivery_columns() +
                          ", to_char(d.created_at at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')" +
                          kDeliveries + where.sql +
                          " order by d.created_at desc, d.notification_id desc, d.endpoint_id desc limit " +
                          std::to_string(filter.limit + 1);
  DeliveryPage page;
  std::string last;
  for (const auto& row : work.exec_params(sql, pqxx::prepare::make_dynamic_params(where.arguments))) {
    if (static_cast<int>(page.deliveries.size()) == filter.limit) {
      page.next = last;
      break;
    }
    page.deliveries.push_back(read_delivery(row));
    const DeliveryRow& d = page.deliveries.back();
    last = text_of(row, kDeliveryColumns) + "," + d.notification_id + "," + d.endpoint_id;
  }
  return page;
}

std::optional<NotificationRow> find_notification(pqxx::transaction_base& work, const std::string& id) {
  const auto rows =
      work.exec_params("select n.id, " + utc("n.at") +
                           ", n.payout_id, n.client_id, n.type, n.payload from app.notifications n"
                           " where n.id = $1::uuid",
                       id);
  if (rows.empty()) return std::nullopt;
  NotificationRow n;
  int c = 0;
  for (std::string* text : {&n.id, &n.at, &n.payout_id, &n.client_id, &n.type, &n.payload})
    *text = text_of(rows[0], c++);
  for (const auto& row :
       work.exec_params("select " + delivery_columns() + kDeliveries +
                            " where d.notification_id = $1::uuid order by d.created_at, d.endpoint_id",
                        id))
    n.deliveries.push_back(read_delivery(row));
  return n;
}

namespace {

// Which notifications of which endpoints a replay means. `d` is the delivery that stands, if one does.
std::string wanted_again(const DeliveryReplay& replay, Where& where) {
  where.add("n.id = ", replay.notification_id, "::uuid");
  where.add("e.id = ", replay.endpoint_id, "::uuid");
  where.since("n.at", replay.since_s);
  if (replay.failed_only)
    where.sql += " and (d.state in ('failed', 'cancelled') or (d.state = 'pending' and d.attempts > 0))";
  return " from app.notifications n join app.notification_endpoints e on e.removed_at is null"
         " left join app.notification_deliveries d on d.notification_id = n.id and d.endpoint_id = e.id" +
         where.sql +
         " and (d.notification_id is not null or (n.type = any(e.event_types)"
         "  and (e.client_id is null or e.client_id = n.client_id)))";
}

}  // namespace

ReplayedDeliveries replay_deliveries(pqxx::transaction_base& work, const DeliveryReplay& replay) {
  Where where;
  const std::string from = wanted_again(replay, where);
  ReplayedDeliveries result;
  result.matching = std::stoll(text_of(
      work.exec_params("select count(*)" + from, pqxx::prepare::make_dynamic_params(where.arguments))[0], 0));
  const std::string chosen =
      "select n.id, e.id" + from + " order by n.at, n.id, e.id limit " + std::to_string(replay.limit);
  Column notifications;
  Column endpoints;
  for (const auto& row : work.exec_params(chosen, pqxx::prepare::make_dynamic_params(where.arguments))) {
    notifications.add(text_of(row, 0));
    endpoints.add(text_of(row, 1));
  }
  const std::string ids = notifications.take();
  const std::string to = endpoints.take();
  // What a host is sending now stays its own: it is on its way already.
  if (!replay.dry_run) {
    work.exec_params(
        "insert into app.notification_deliveries as d (notification_id, endpoint_id)"
        " select notification_id, endpoint_id from unnest($1::uuid[], $2::uuid[]) as i(notification_id, "
        "endpoint_id)"
        " on conflict (notification_id, endpoint_id) do update set state = 'pending', tries = 0,"
        " wanted_since = now(), next_attempt_at = now(), lease = null, settled_at = null"
        " where d.lease is null or d.next_attempt_at is null or d.next_attempt_at <= now()",
        ids, to);
  }
  // In a dry run an endpoint that was added later has no delivery to show yet.
  for (const auto& row : work.exec_params(
           "select " + delivery_columns() +
               ", i.notification_id, i.endpoint_id from unnest($1::uuid[], $2::uuid[]) with ordinality as "
               "i(notification_id, endpoint_id, ord)"
               " join app.notifications n on n.id = i.notification_id"
               " join app.notification_endpoints e on e.id = i.endpoint_id"
               " left join app.notification_deliveries d on d.notification_id = n.id and d.endpoint_id = e.id"
               " order by i.ord",
           ids, to)) {
    DeliveryRow one = read_delivery(row);
    if (one.notification_id.empty()) {
      one.state = "new";
      one.notification_id = text_of(row, kDeliveryColumns);
      one.endpoint_id = text_of(row, kDeliveryColumns + 1);
    }
    result.deliveries.push_back(std::move(one));
  }
  return result;
}

NotificationBacklog notification_backlog(pqxx::transaction_base& work) {
  // Read every other second: of one endpoint's backlog at most so many are counted.
  NotificationBacklog backlog;
  const auto row = work.exec(
      "with waiting as (select e.id, e.paused or e.disabled_at is not null as held, w.count, w.oldest"
      "  from app.notification_endpoints e cross join lateral (select count(*) as count, min(c.wanted_since) "
      "as oldest"
      "   from (select d.wanted_since from app.notification_deliveries d where d.endpoint_id = e.id"
      "    and d.next_attempt_at is not null order by d.next_attempt_at limit 100000) c) w"
      "  where e.removed_at is null)"
      " select coalesce(sum(count) filter (where not held), 0),"
      "  coalesce((extract(epoch from now() - min(oldest) filter (where not held)) * 1000)::bigint, 0),"
      "  coalesce(sum(count) filter (where held), 0),"
      "  (select count(*) from app.notification_endpoints where removed_at is null),"
      "  (select count(*) from app.notification_endpoints where removed_at is null and disabled_at is not "
      "null),"
      "  (select string_agg(distinct key_id, ',') from app.notification_endpoints where removed_at is null)"
      " from waiting")[0];
  backlog.pending = std::stoll(text_of(row, 0));
  backlog.oldest_ms = std::stoll(text_of(row, 1));
  backlog.held = std::stoll(text_of(row, 2));
  backlog.endpoints = std::stoll(text_of(row, 3));
  backlog.disabled = std::stoll(text_of(row, 4));
  backlog.key_ids = read_types(text_of(row, 5));
  return backlog;
}

PrunedNotifications prune_notifications(pqxx::transaction_base& work, std::chrono::seconds age, int limit) {
  const auto seconds = static_cast<std::int64_t>(age.count());
  PrunedNotifications pruned;
  const auto row = work.exec_params(
      "with old as (select notification_id, endpoint_id from app.notification_deliveries"
      "  where created_at < now() - $1::bigint * interval '1 second'"
      "   and wanted_since < now() - $1::bigint * interval '1 second'"
      "   and (lease is null or next_attempt_at <= now()) order by created_at limit $2 for update skip "
      "locked),"
      " gone as (delete from app.notification_deliveries d using old where d.notification_id = "
      "old.notification_id"
      "  and d.endpoint_id = old.endpoint_id returning d.state)"
      " select count(*), count(*) filter (where state = 'pending') from gone",
      seconds, limit)[0];
  pruned.rows = std::stoll(text_of(row, 0));
  pruned.undelivered = std::stoll(text_of(row, 1));
  pruned.rows += static_cast<std::int64_t>(
      work.exec_params("delete from app.notifications n using (select o.id from app.notifications o"
                       "  where o.at < now() - $1::bigint * interval '1 second' and not exists"
                       "   (select 1 from app.notification_deliveries d where d.notification_id = o.id)"
                       "  order by o.at limit $2 for update skip locked) old where n.id = old.id",
                       seconds, limit)
          .affected_rows());
  return pruned;
}

}  // namespace payoutd::store
