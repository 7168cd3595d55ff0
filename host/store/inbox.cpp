#include "store/inbox.hpp"

#include <array>
#include <boost/json.hpp>
#include <map>

#include "core/ids.hpp"
#include "store/claim.hpp"
#include "store/column.hpp"
#include "store/row_reader.hpp"

namespace payoutd::store {
namespace {

namespace json = boost::json;

std::string headers_json(const InboxEvent& event) {
  json::array headers;
  for (const auto& [name, value] : event.headers)
    headers.push_back(json::array{text_of_bytes(name), text_of_bytes(value)});
  return json::serialize(headers);
}

std::vector<std::pair<std::string, std::string>> headers_from(const std::string& text) {
  std::vector<std::pair<std::string, std::string>> headers;
  if (text.empty()) return headers;
  const json::value read = json::parse(text);
  for (const json::value& pair : read.as_array()) {
    headers.emplace_back(bytes_of_text(std::string_view(pair.as_array().at(0).as_string())),
                         bytes_of_text(std::string_view(pair.as_array().at(1).as_string())));
  }
  return headers;
}

void add_truth(Column& column, std::optional<bool> value) {
  if (value)
    column.add(*value);
  else
    column.add_null();
}

std::optional<bool> truth_of(const pqxx::row& row, int column) {
  const std::string text = text_of(row, column);
  return text.empty() ? std::nullopt : std::optional<bool>(text == "t");
}

const std::string& shown_columns() {
  static const std::string sql =
      "w.id, " + utc("w.received_at") +
      ", w.provider, w.method, w.path, w.remote_address, w.flow_id, w.url_reference, w.signature_valid,"
      " w.proof, w.key_id, w.state, w.reason, w.attempts, w.last_error, " +
      utc("w.next_attempt_at") + ", w.waits_for, w.reference, w.provider_ref, w.status, w.payout_id, " +
      utc("w.settled_at") + ", w.repeats, " + utc("w.repeated_at") + ", w.replay_of, w.replayed_by, w.note";
  return sql;
}
constexpr int kShownColumns = 27;

InboxEvent read_event(const pqxx::row& row) {
  InboxEvent e;
  int c = 0;
  for (std::string* text : {&e.id, &e.received_at, &e.provider, &e.method, &e.path, &e.remote_address,
                            &e.flow_id, &e.url_reference})
    *text = text_of(row, c++);
  e.path = bytes_of_text(e.path);
  e.signature_valid = truth_of(row, c++);
  for (std::string* text : {&e.proof, &e.key_id, &e.state, &e.reason}) *text = text_of(row, c++);
  e.attempts = std::stoi(text_of(row, c++));
  for (std::string* text : {&e.last_error, &e.next_attempt_at, &e.waits_for, &e.reference, &e.provider_ref,
                            &e.status, &e.payout_id, &e.settled_at})
    *text = text_of(row, c++);
  e.repeats = std::stoi(text_of(row, c++));
  for (std::string* text : {&e.repeated_at, &e.replay_of, &e.replayed_by, &e.note}) *text = text_of(row, c++);
  return e;
}

InboxEvent read_whole_event(const pqxx::row& row) {
  InboxEvent e = read_event(row);
  e.headers = headers_from(text_of(row, kShownColumns));
  e.body = from_bytea(text_of(row, kShownColumns + 1));
  return e;
}

// The same bytes of the same provider: which event stands for them. Of a batch, the one with the least id.
std::vector<std::string> settle_hashes(pqxx::transaction_base& work, std::span<const InboxEvent> events,
                                       bool replay) {
  std::array<Column, 3> columns;
  for (const InboxEvent& event : events) {
    columns[0].add(event.id);
    columns[1].add(event.provider);
    if (event.hash.empty())
      columns[2].add_null();
    else
      columns[2].add("\\x" + event.hash);
  }
  const std::string ids = columns[0].take(), providers = columns[1].take(), hashes = columns[2].take();
  const std::string input =
      "with input as (select * from unnest($1::uuid[], $2::text[], $3::bytea[]) with ordinality"
      " as i(id, provider, hash, ord)) ";
  if (!replay) {
    work.exec_params(
        input +
            "insert into app.webhook_hashes as h (provider, hash, event_id)"
            " select distinct on (provider, hash) provider, hash, id from input where hash is not null"
            " order by provider, hash, ord"
            " on conflict (provider, hash) do update set event_id = excluded.event_id, at = now()"
            "  where h.at < now() - interval '1 day'",
        ids, providers, hashes);
  }
  std::vector<std::string> stand;
  for (const auto& row : work.exec_params(
           input + "select coalesce(h.event_id, i.id) from input i left join app.webhook_hashes h"
                   " on h.provider = i.provider and h.hash = i.hash order by i.ord",
           ids, providers, hashes))
    stand.push_back(text_of(row, 0));
  return stand;
}

constexpr const char* kInsert =
    "insert into app.webhook_inbox (id, provider, method, path, headers, body, remote_address, flow_id,"
    " url_reference, signature_valid, proof, key_id, state, reason, next_attempt_at, settled_at)"
    " select id, provider, method, path, headers, body, remote_address, flow_id, url_reference,"
    "  signature_valid, proof, key_id, state, reason,"
    "  case when state = 'received' then now() + $15 * interval '1 millisecond' end,"
    "  case when state <> 'received' then now() end"
    " from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::jsonb[], $6::bytea[], $7::text[],"
    "  $8::text[], $9::text[], $10::boolean[], $11::text[], $12::text[], $13::text[], $14::text[])"
    " as i(id, provider, method, path, headers, body, remote_address, flow_id, url_reference,"
    "  signature_valid, proof, key_id, state, reason)";

void insert_events(pqxx::transaction_base& work, const std::vector<const InboxEvent*>& events,
                   std::chrono::milliseconds visibility) {
  if (events.empty()) return;
  std::array<Column, 14> c;
  for (const InboxEvent* e : events) {
    c[0].add(e->id);
    c[1].add(e->provider);
    c[2].add(e->method);
    c[3].add(text_of_bytes(e->path));
    c[4].add(headers_json(*e));
    c[5].add(bytea(e->body));
    c[6].add_or_null(e->remote_address);
    c[7].add(e->flow_id);
    c[8].add_or_null(e->url_reference);
    add_truth(c[9], e->signature_valid);
    c[10].add_or_null(e->proof);
    c[11].add_or_null(e->key_id);
    c[12].add(e->state);
    c[13].add_or_null(e->reason);
  }
  std::vector<std::string> arguments;
  for (Column& column : c) arguments.push_back(column.take());
  arguments.push_back(std::to_string(visibility.count()));
  work.exec_params(kInsert, pqxx::prepare::make_dynamic_params(arguments));
}

// What came again is counted; an event that found no payout, or failed, is tried again.
void note_repeats(pqxx::transaction_base& work, const std::map<std::string, int>& counts) {
  if (counts.empty()) return;
  Column ids;
  Column numbers;
  for (const auto& [id, count] : counts) {
    ids.add(id);
    numbers.add(count);
  }
  work.exec_params(
      "update app.webhook_inbox w set repeats = w.repeats + i.count, repeated_at = now(),"
      " state = case when w.state = 'failed' then 'received' else w.state end,"
      " next_attempt_at = case when w.state = 'failed' or (w.next_attempt_at is not null and w.waits_for ="
      "  'payout') then now() else w.next_attempt_at end"
      " from unnest($1::uuid[], $2::int[]) as i(id, count) where w.id = i.id",
      ids.take(), numbers.take());
}

std::string text_array(const std::vector<std::string>& texts) {
  Column column;
  for (const std::string& text : texts) column.add(text);
  return column.take();
}

std::string uuid_array(const std::vector<std::string>& texts) {
  Column column;
  for (const std::string& text : texts)
    if (core::is_uuid(text)) column.add(text);
  return column.take();
}

std::string match_statement(const std::string& attempts, const std::string& payouts) {
  const auto ways = [&](const std::string& columns, const std::string& where, int rank) {
    return "select a.payout_id, a.reference, a.live, a.n, a.id as attempt_id, " + std::to_string(rank) +
           " as rank" + columns + " from " + attempts + " a where " + where;
  };
  return "select i.ord, m.payout_id, m.reference, m.live, p.state, p.next_action_at is not null,"
         " p.flow_id, p.traceparent, p.tracestate, m.attempt_id, m.n"
         " from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[]) with ordinality"
         "  as i(provider, reference, provider_ref, texts, ids, ord)"
         " cross join lateral (select * from (" +
         ways("", "a.provider = i.provider and a.reference = i.reference", 1) + " union all " +
         ways("", "a.provider = i.provider and a.provider_ref = i.provider_ref", 2) + " union all " +
         ways("", "a.provider = i.provider and a.reference = any(i.texts::text[])", 3) + " union all " +
         ways("", "a.provider = i.provider and a.provider_ref = any(i.texts::text[])", 4) + " union all " +
         ways("", "a.provider = i.provider and a.payout_id = any(i.ids::uuid[])", 5) +
         ") found order by rank, live desc, n desc limit 1) m join " + payouts + " p on p.id = m.payout_id";
}

void match_in(pqxx::transaction_base& work, const std::string& sql, std::span<const Sought> sought,
              bool archived, std::vector<Match>& matches) {
  std::array<Column, 5> c;
  std::vector<std::size_t> open;
  for (std::size_t i = 0; i < sought.size(); ++i) {
    if (!matches[i].payout_id.empty()) continue;
    open.push_back(i);
    c[0].add(sought[i].provider);
    c[1].add_or_null(sought[i].reference);
    c[2].add_or_null(sought[i].provider_ref);
    c[3].add(text_array(sought[i].anything));
    c[4].add(uuid_array(sought[i].anything));
  }
  if (open.empty()) return;
  for (const auto& row :
       work.exec_params(sql, c[0].take(), c[1].take(), c[2].take(), c[3].take(), c[4].take())) {
    Match& match = matches[open[static_cast<std::size_t>(std::stoll(text_of(row, 0))) - 1]];
    match = {
        text_of(row, 1),
        text_of(row, 2),
        text_of(row, 3) == "t",
        text_of(row, 4),
        text_of(row, 5) == "t",
        archived,
        {text_of(row, 6), text_of(row, 7), text_of(row, 8), text_of(row, 9), std::stoi(text_of(row, 10))}};
  }
}

// What a hint does to the payout that it found.
Settled settled_by(const Match& match, const Verdict& verdict) {
  if (match.payout_id.empty()) {
    if (verdict.look_again) return {"verified", "unknown_payout", {}, false};
    return {"ignored", "unknown_payout", {}, false};
  }
  const std::string& state = match.state;
  const bool watched = state == "CONFIRMED" && match.due && !match.archived;
  if (match.archived || ((core::is_final(*core::parse_state(state))) && !watched))
    return {"ignored", "already_final", match.payout_id, false};
  if (state == "REVIEW") return {"ignored", "in_review", match.payout_id, false};
  if (!match.live) return {"ignored", "nothing_sent", match.payout_id, false};
  return {"applied", "asked", match.payout_id, true};
}

void write_verdicts(pqxx::transaction_base& work, std::span<const Verdict> verdicts,
                    const std::vector<Settled>& settled) {
  std::array<Column, 14> c;
  for (std::size_t i = 0; i < verdicts.size(); ++i) {
    const Verdict& v = verdicts[i];
    const Settled& s = settled[i];
    const bool waits_for_payout = s.reason == "unknown_payout";
    c[0].add(v.event_id);
    c[1].add(s.state);
    c[2].add_or_null(s.reason);
    c[3].add_or_null(v.error);
    if (v.kind == Verdict::Kind::retry)
      c[4].add(static_cast<std::int64_t>(v.pause.count()));
    else if (waits_for_payout && v.look_again)
      c[4].add(static_cast<std::int64_t>(v.look_again->count()));
    else
      c[4].add_null();
    c[5].add_or_null(waits_for_payout ? "payout" : v.waits_for);
    add_truth(c[6], v.signature_valid);
    c[7].add_or_null(v.proof);
    c[8].add_or_null(v.key_id);
    c[9].add_or_null(v.sought.reference);
    c[10].add_or_null(v.sought.provider_ref);
    c[11].add_or_null(v.status);
    c[12].add_or_null(s.payout_id);
    c[13].add(v.kind != Verdict::Kind::retry && !(waits_for_payout && v.look_again));
  }
  std::vector<std::string> arguments;
  for (Column& column : c) arguments.push_back(column.take());
  work.exec_params(
      "update app.webhook_inbox w set state = i.state, reason = i.reason,"
      " last_error = coalesce(i.error, case when i.state = 'failed' then w.last_error end),"
      " next_attempt_at = now() + i.pause * interval '1 millisecond', waits_for = i.waits_for,"
      " signature_valid = coalesce(i.valid, w.signature_valid), proof = coalesce(i.proof, w.proof),"
      " key_id = coalesce(i.key_id, w.key_id), reference = coalesce(i.reference, w.reference),"
      " provider_ref = coalesce(i.provider_ref, w.provider_ref), status = coalesce(i.status, w.status),"
      " payout_id = coalesce(i.payout_id, w.payout_id),"
      " settled_at = case when i.settled then now() end"
      " from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::boolean[],"
      "  $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::uuid[], $14::boolean[])"
      " as i(id, state, reason, error, pause, waits_for, valid, proof, key_id, reference, provider_ref,"
      "  status, payout_id, settled) where w.id = i.id",
      pqxx::prepare::make_dynamic_params(arguments));
}

// A replay changes nothing by itself, but the payout's story tells who ordered it and what it came to.
void tell_replays(pqxx::transaction_base& work, std::span<const Verdict> verdicts,
                  const std::vector<Settled>& settled, const std::string& host) {
  std::array<Column, 3> c;
  bool any = false;
  for (std::size_t i = 0; i < verdicts.size(); ++i) {
    const Verdict& v = verdicts[i];
    if (v.replay_of.empty() || settled[i].payout_id.empty() || v.kind == Verdict::Kind::retry) continue;
    any = true;
    c[0].add(settled[i].payout_id);
    c[1].add(v.replayed_by);
    c[2].add(json::serialize(json::object{{"webhook", v.event_id},
                                          {"replay_of", v.replay_of},
                                          {"state", settled[i].state},
                                          {"reason", settled[i].reason}}));
  }
  if (!any) return;
  work.exec_params(
      "insert into app.events (payout_id, kind, actor, host, data)"
      " select payout_id, 'webhook_replayed', actor, $4::uuid, data"
      " from unnest($1::uuid[], $2::text[], $3::jsonb[]) as i(payout_id, actor, data)",
      c[0].take(), c[1].take(), c[2].take(), host);
}

struct Where {
  std::string sql = " where true";
  std::vector<std::string> arguments;
  void add(const std::string& condition, const std::string& value) {
    if (value.empty()) return;
    arguments.push_back(value);
    sql += " and " + condition + "$" + std::to_string(arguments.size());
  }
};

Where where_of(const InboxFilter& filter) {
  Where where;
  where.add("w.provider = ", filter.provider);
  where.add("w.state = ", filter.state);
  where.add("w.payout_id::text = ", filter.payout_id);
  if (filter.since_s > 0)
    where.add("w.received_at > now() - interval '1 second' * ", std::to_string(filter.since_s));
  if (filter.failed_only) {
    where.sql +=
        " and (w.state in ('failed', 'rejected') or (w.state = 'ignored' and w.reason = 'unknown_payout')"
        " or (w.next_attempt_at is not null and (w.last_error is not null or w.waits_for = 'payout')))"
        " and w.replay_of is null and not exists (select 1 from app.webhook_inbox r where r.replay_of = w.id"
        " and (r.state = 'applied' or (r.state = 'ignored' and r.reason <> 'unknown_payout')))";
  }
  return where;
}

}  // namespace

std::string text_of_bytes(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte == 0) {
      text += ' ';  // no header and no path can hold it, and PostgreSQL's text cannot either
    } else if (byte < 0x80) {
      text += c;
    } else {
      text += static_cast<char>(0xc0 | (byte >> 6));
      text += static_cast<char>(0x80 | (byte & 0x3f));
    }
  }
  return text;
}

std::string bytes_of_text(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto lead = static_cast<unsigned char>(text[i]);
    if ((lead == 0xc2 || lead == 0xc3) && i + 1 < text.size()) {
      bytes += static_cast<char>(((lead & 0x03) << 6) | (static_cast<unsigned char>(text[++i]) & 0x3f));
    } else {
      bytes += text[i];
    }
  }
  return bytes;
}

std::vector<Kept> keep_events(pqxx::transaction_base& work, std::span<const InboxEvent> events,
                              std::chrono::milliseconds visibility, bool replay) {
  const bool hashed =
      std::any_of(events.begin(), events.end(), [](const auto& e) { return !e.hash.empty(); });
  std::vector<std::string> stand;
  if (hashed) stand = settle_hashes(work, events, replay);
  std::vector<Kept> kept;
  std::vector<const InboxEvent*> fresh;
  std::map<std::string, int> repeats;
  for (std::size_t i = 0; i < events.size(); ++i) {
    const std::string& id = hashed ? stand[i] : events[i].id;
    const bool repeat = id != events[i].id;
    kept.push_back({id, repeat});
    if (repeat)
      ++repeats[id];
    else
      fresh.push_back(&events[i]);
  }
  if (!replay) {
    insert_events(work, fresh, visibility);
    note_repeats(work, repeats);
  }
  return kept;
}

std::vector<InboxEvent> claim_events(pqxx::transaction_base& work, const std::vector<std::string>& providers,
                                     int limit, std::chrono::milliseconds visibility) {
  // Whoever claims an event has so long to finish it; then it is due for anybody again.
  static const std::string sql =
      "with due as (select id, received_at from app.webhook_inbox where provider = any($1::text[])"
      " and next_attempt_at <= now() order by next_attempt_at limit $2 for update skip locked),"
      " claimed as (update app.webhook_inbox w set attempts = w.attempts + 1,"
      "  next_attempt_at = now() + $3 * interval '1 millisecond' from due"
      "  where w.id = due.id and w.received_at = due.received_at returning w.*)"
      " select " +
      shown_columns() + ", w.headers, w.body from claimed w order by w.received_at";
  std::vector<InboxEvent> events;
  for (const auto& row :
       work.exec_params(sql, text_array(providers), limit, static_cast<std::int64_t>(visibility.count())))
    events.push_back(read_whole_event(row));
  return events;
}

void wake_events_of(pqxx::transaction_base& work, const std::vector<std::string>& providers) {
  work.exec_params(
      "update app.webhook_inbox set next_attempt_at = now(), waits_for = null where provider = "
      "any($1::text[])"
      " and waits_for = 'provider' and next_attempt_at is not null",
      text_array(providers));
}

std::int64_t wake_matching_events(pqxx::transaction_base& work) {
  return static_cast<std::int64_t>(
      work.exec(
              "update app.webhook_inbox w set next_attempt_at = now(), waits_for = null, state = 'verified',"
              " settled_at = null where w.waits_for = 'payout' and w.received_at > now() - interval '1 day'"
              " and (w.next_attempt_at is null or w.next_attempt_at > now()) and w.state in ('verified',"
              " 'ignored') and (exists (select 1 from app.attempts a where a.provider = w.provider"
              "  and a.reference = w.reference) or exists (select 1 from app.attempts a"
              "  where a.provider = w.provider and a.provider_ref = w.provider_ref))")
          .affected_rows());
}

std::vector<Match> match_payouts(pqxx::transaction_base& work, std::span<const Sought> sought) {
  static const std::string live = match_statement("app.attempts", "app.payouts");
  static const std::string history = match_statement("app.attempts_history", "app.payouts_history");
  std::vector<Match> matches(sought.size());
  match_in(work, live, sought, false, matches);
  match_in(work, history, sought, true, matches);
  return matches;
}

std::vector<Settled> conclude(pqxx::transaction_base& work, std::span<const Verdict> verdicts,
                              const std::string& host) {
  std::vector<Sought> sought;
  for (const Verdict& v : verdicts)
    if (v.kind == Verdict::Kind::ask) sought.push_back(v.sought);
  const std::vector<Match> matches = sought.empty() ? std::vector<Match>() : match_payouts(work, sought);
  std::vector<Settled> settled;
  std::vector<Hint> hints;
  std::size_t next = 0;
  for (const Verdict& v : verdicts) {
    if (v.kind != Verdict::Kind::ask) {
      settled.push_back({v.state, v.reason, v.payout_id, false, v.trace});
      continue;
    }
    const Match& match = matches[next++];
    settled.push_back(settled_by(match, v));
    settled.back().trace = match.trace;
    if (settled.back().asked) hints.push_back({v.sought.provider, match.reference});
  }
  if (!hints.empty()) hint(work, hints);
  write_verdicts(work, verdicts, settled);
  tell_replays(work, verdicts, settled, host);
  return settled;
}

InboxPage list_events(pqxx::transaction_base& work, const InboxFilter& filter) {
  Where where = where_of(filter);
  if (!filter.before.empty()) {
    const auto comma = filter.before.find(',');
    where.arguments.push_back(filter.before.substr(0, comma));
    where.arguments.push_back(filter.before.substr(comma + 1));
    const std::string second = std::to_string(where.arguments.size());
    const std::string first = std::to_string(where.arguments.size() - 1);
    where.sql += " and (w.received_at, w.id) < ($" + first + "::timestamptz, $" + second + "::uuid)";
  }
  const std::string sql = "select " + shown_columns() +
                          ", to_char(w.received_at at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
                          " from app.webhook_inbox w" +
                          where.sql + " order by w.received_at desc, w.id desc limit " +
                          std::to_string(filter.limit + 1);
  InboxPage page;
  std::string last;
  for (const auto& row : work.exec_params(sql, pqxx::prepare::make_dynamic_params(where.arguments))) {
    if (static_cast<int>(page.events.size()) == filter.limit) {
      page.next = last;
      break;
    }
    page.events.push_back(read_event(row));
    last = text_of(row, kShownColumns) + "," + page.events.back().id;
  }
  return page;
}

std::int64_t count_events(pqxx::transaction_base& work, const InboxFilter& filter) {
  const Where where = where_of(filter);
  return std::stoll(work.exec_params("select count(*) from app.webhook_inbox w" + where.sql,
                                     pqxx::prepare::make_dynamic_params(where.arguments))[0][0]
                        .c_str());
}

std::optional<InboxEvent> find_event(pqxx::transaction_base& work, const std::string& id) {
  const auto rows = work.exec_params(
      "select " + shown_columns() + ", w.headers, w.body from app.webhook_inbox w where w.id = $1::uuid", id);
  if (rows.empty()) return std::nullopt;
  return read_whole_event(rows[0]);
}

std::string replay_event(pqxx::transaction_base& work, const Replay& replay,
                         std::chrono::milliseconds due_in) {
  // One replay of an event at a time: whoever asks a second time is shown the first. The lock on the original
  // lets one of two decide.
  work.exec_params("select 1 from app.webhook_inbox where id = $1::uuid for update", replay.of);
  const auto open = work.exec_params(
      "select id from app.webhook_inbox where replay_of = $1::uuid and next_attempt_at is not null limit 1",
      replay.of);
  if (!open.empty()) return text_of(open[0], 0);
  Column valid;
  add_truth(valid, replay.signature_valid);
  work.exec_params(
      "insert into app.webhook_inbox (id, provider, method, path, headers, body, remote_address, flow_id,"
      " url_reference, signature_valid, proof, key_id, state, next_attempt_at, replay_of, replayed_by, note)"
      " select $2::uuid, provider, method, path, headers, body, remote_address, flow_id,"
      "  coalesce(nullif($9, ''), url_reference),"
      "  ($3::boolean[])[1], nullif($4, ''), nullif($5, ''), 'received',"
      "  now() + $8 * interval '1 millisecond', id, $6, nullif($7, '')"
      " from app.webhook_inbox where id = $1::uuid",
      replay.of, replay.id, valid.take(), replay.proof, replay.key_id, replay.actor, replay.note,
      static_cast<std::int64_t>(due_in.count()), replay.url_reference);
  return replay.id;
}

std::vector<InboxBacklog> inbox_backlog(pqxx::transaction_base& work) {
  std::vector<InboxBacklog> all;
  for (const auto& row :
       work.exec("select provider, count(*), coalesce((extract(epoch from now() - min(received_at)) *"
                 " 1000)::bigint, 0) from app.webhook_inbox where next_attempt_at is not null group by 1"))
    all.push_back({text_of(row, 0), std::stoll(text_of(row, 1)), std::stoll(text_of(row, 2))});
  return all;
}

void prune_inbox(pqxx::transaction_base& work) {
  work.exec(
      "delete from app.webhook_hashes where (provider, hash) in (select provider, hash from"
      " app.webhook_hashes where at < now() - interval '2 days' limit 5000)");
  // What nobody could prove is kept for a month; everything else goes with its partition.
  work.exec(
      "delete from app.webhook_inbox where (id, received_at) in (select id, received_at from"
      " app.webhook_inbox where state = 'rejected' and signature_valid is false"
      " and received_at < now() - interval '30 days' limit 5000)");
}

}  // namespace payoutd::store
