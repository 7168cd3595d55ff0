#include "store/transition.hpp"

#include "core/assert.hpp"
#include "store/column.hpp"
#include "store/row_reader.hpp"

namespace payoutd::store {
namespace {

// Locks the payouts in id order, says for each why it may not change, and changes the others: the payout, its
// live attempt, the new attempt, the lane that it holds, its allowance, the event, and the notifications that
// endpoints want of it (where there is no endpoint, nothing of that is looked at). In a replay, what the
// first run changed is told from what it refused by the version, the state and the attempt that it would have
// left behind. The new attempts wait for the old ones to be closed (the count over `closed`), because the
// index of live attempts is checked row by row.
constexpr const char* kApply = R"sql(
with input as (
  select * from unnest(
    $1::uuid[], $2::bigint[], $3::boolean[], $4::boolean[], $5::app.payout_state[], $6::text[], $7::text[],
    $8::bigint[], $9::boolean[], $10::integer[], $11::integer[], $12::integer[], $13::integer[], $14::integer[],
    $15::boolean[], $16::text[],
    $17::uuid[], $18::boolean[], $19::text[], $20::text[], $21::text[], $22::text[], $23::boolean[], $24::integer[],
    $25::uuid[], $26::text[], $27::text[], $28::text[], $29::integer[], $30::text[], $31::bytea[], $32::integer[],
    $33::jsonb[], $34::bigint[], $35::bigint[], $36::text[], $37::boolean[], $38::bigint[],
    $39::text[], $40::text[], $41::uuid[], $42::jsonb[], $43::boolean[], $44::jsonb[], $45::boolean[], $46::jsonb[])
    with ordinality as i(
    payout_id, expected_version, needs_lease, submits, to_state, reason, reason_text,
    next_in_ms, keep_lease, attempts_added, reference_n, query_count, refusal_count, defer_count,
    verify_first, provider_ref,
    attempt_id, attempt_live, outcome, code, message, attempt_provider_ref, acceptance_sign, absent_count,
    new_attempt_id, contract_id, plugin_version, reference, new_reference_n, lane, artefact, artefact_format,
    lookup, submit_window_ms, response_timeout_ms, new_outcome, repeats, valid_until_ms,
    event_kind, actor, event_attempt_id, event_data, keep_schedule, lane_state,
    allow, decision, ord)
), locked as (
  select p.id, p.version, p.state, p.lease, p.provider, p.attempt_count, p.lane, p.reference_n, p.provider_ref
  from app.payouts p where p.id in (select payout_id from input) order by p.id for update
), ok as (
  select i.*, l.state as from_state, l.provider, l.attempt_count, l.lane as held_lane,
    case when i.reference_n = l.reference_n then coalesce(i.provider_ref, l.provider_ref) end as known_as,
    i.to_state in ('SUBMITTING', 'SENT', 'UNKNOWN') or (i.to_state = 'REVIEW' and l.state <> 'PENDING') as keeps_lane,
    case when $48::boolean and l.version = i.expected_version + 1 and l.state = i.to_state
              and (i.new_attempt_id is null or exists (select 1 from app.attempts a where a.id = i.new_attempt_id))
           then 'done'
         when l.id is null then 'gone'
         when l.version <> i.expected_version then 'version'
         when i.needs_lease and l.lease is distinct from $47::uuid then 'lease'
         when i.lane is not null and not exists (
           select 1 from app.lanes n where n.provider = l.provider and n.name = i.lane and n.payout_id = l.id) then 'lane'
         when i.submits and (
           exists (select 1 from app.switches s where s.name in ('stop_submissions', 'stop_writes', 'dry_run') and s.enabled)
           or exists (select 1 from app.providers r where r.name = l.provider and (r.paused or r.dry_run)))
           then 'switched_off'
    end as refusal
  from input i left join locked l on l.id = i.payout_id
), updated as (
  update app.payouts p set
    state = ok.to_state,
    reason = ok.reason,
    reason_text = ok.reason_text,
    version = p.version + 1,
    next_action_at = case when p.hinted and ok.to_state in ('SENT', 'UNKNOWN') then now()
                          when ok.keep_schedule then p.next_action_at
                          else now() + ok.next_in_ms * interval '1 millisecond' end,
    hinted = p.hinted and ok.to_state = 'SUBMITTING',
    lease = case when ok.keep_lease then p.lease end,
    leased_at = case when ok.keep_lease then p.leased_at end,
    attempt_count = p.attempt_count + ok.attempts_added,
    reference_n = ok.reference_n,
    query_count = ok.query_count,
    refusal_count = ok.refusal_count,
    defer_count = ok.defer_count,
    verify_first = ok.verify_first,
    lane = case when ok.keeps_lane then p.lane end,
    provider_ref = ok.known_as,
    updated_at = case when p.state = ok.to_state then p.updated_at else now() end,
    finished_at = case when ok.to_state in ('CONFIRMED', 'FAILED', 'CANCELLED', 'REVERSED', 'SIMULATED')
                       then coalesce(p.finished_at, now()) end
  from ok where p.id = ok.payout_id and ok.refusal is null
  returning p.id, p.version
), closed as (
  update app.attempts a set
    live = ok.attempt_live,
    outcome = coalesce(ok.outcome, a.outcome),
    code = coalesce(ok.code, a.code),
    message = coalesce(ok.message, a.message),
    provider_ref = coalesce(ok.attempt_provider_ref, a.provider_ref),
    acceptance_sign = a.acceptance_sign or ok.acceptance_sign,
    absent_count = coalesce(ok.absent_count, a.absent_count),
    closed_at = case when ok.attempt_live then null else coalesce(a.closed_at, now()) end
  from ok where a.id = ok.attempt_id and ok.refusal is null
  returning a.id
), journaled as (
  insert into app.attempts (id, payout_id, n, provider, contract_id, plugin_version, reference, reference_n, lane,
    artefact, artefact_format, lookup, host, submit_deadline, answer_deadline, outcome, repeats, valid_until,
    reference_first_at)
  select new_attempt_id, payout_id, attempt_count + 1, provider, contract_id, plugin_version, reference,
    new_reference_n, lane, artefact, artefact_format, lookup, $47::uuid,
    now() + submit_window_ms * interval '1 millisecond',
    now() + (submit_window_ms + response_timeout_ms) * interval '1 millisecond', new_outcome,
    coalesce(repeats, false), to_timestamp(valid_until_ms / 1000.0),
    case when attempt_count = 0 then now() else coalesce((
      select min(e.journaled_at) from app.attempts e
      where e.payout_id = ok.payout_id and e.reference = ok.reference), now()) end
  from ok where refusal is null and new_attempt_id is not null and (select count(*) from closed) >= 0
), lanes as (
  update app.lanes n set
    state = coalesce(ok.lane_state, n.state),
    payout_id = case when ok.keeps_lane then n.payout_id end,
    due_at = case when ok.keeps_lane then n.due_at else now() end
  from ok where ok.refusal is null and ok.held_lane is not null and n.provider = ok.provider
    and n.name = ok.held_lane and n.payout_id = ok.payout_id
), allowed as (
  insert into app.allowances (payout_id, client_id, user_ref, destination, region, provider, currency, amount, at)
  select p.id, p.client_id, p.user_ref, p.destination, p.region, p.provider, p.currency, p.amount, now()
  from ok join app.payouts p on p.id = ok.payout_id where ok.refusal is null and ok.allow on conflict do nothing
  returning provider, currency, amount, at
), voided as (
  delete from app.allowances l using ok
  where l.payout_id = ok.payout_id and ok.refusal is null and ok.to_state in ('FAILED', 'CANCELLED', 'SIMULATED')
  returning l.provider, l.currency, l.amount, l.at
), flowed as (
  insert into app.outflow
  select provider, currency, date_trunc('minute', at), sum(amount) from (
    select * from allowed union all select provider, currency, -amount, at from voided) moved group by 1, 2, 3
), decided as (
  insert into app.decisions (payout_id, kind, bundle, verdict, rule, reason, inputs, cost_ns)
  select payout_id, decision->>'kind', decision->>'bundle', decision->>'verdict', decision->>'rule',
    decision->>'reason', decision->'inputs', (decision->>'cost_ns')::bigint
  from ok where refusal is null and decision is not null order by ord
), logged as (
  insert into app.events (payout_id, kind, from_state, to_state, actor, host, attempt_id, data)
  select payout_id, event_kind, from_state, to_state, actor, $47::uuid, event_attempt_id, event_data
  from ok where refusal is null and event_kind is not null order by ord
), told as (
  select app.tell_endpoints(array_agg(payout_id order by ord), array_agg(expected_version + 1 order by ord),
    array_agg(from_state order by ord), array_agg(to_state order by ord), array_agg(reason order by ord),
    array_agg(known_as order by ord)) as something
  from ok where (select exists (select 1 from app.notification_endpoints where removed_at is null))
    and refusal is null and to_state <> from_state
  having count(*) > 0
)
select ok.refusal, coalesce(updated.version, ok.expected_version + 1),
  substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8), (select something from told)
from ok left join updated on updated.id = ok.payout_id order by ok.ord
)sql";

constexpr int kColumns = 46;

struct Columns {
  std::array<Column, kColumns> column;
  int at = 0;
  template <class T>
  void add(const T& value) {
    column[static_cast<std::size_t>(at++)].add(value);
  }
  void add_or_null(std::string_view value) { column[static_cast<std::size_t>(at++)].add_or_null(value); }
  void skip(int count) {
    for (int i = 0; i < count; ++i) column[static_cast<std::size_t>(at++)].add_null();
  }
  void end_row() {
    PAYOUTD_ASSERT(at == kColumns, "a row fills every column");
    at = 0;
  }
};

void add_payout(Columns& c, const Transition& t) {
  c.add(t.payout_id);
  c.add(t.expected_version);
  c.add(t.needs_lease);
  c.add(t.submits);
  c.column[static_cast<std::size_t>(c.at++)].add(core::to_string(t.to));
  c.add_or_null(t.reason);
  c.add_or_null(t.reason_text);
  c.add(t.next_action_in ? std::optional<std::int64_t>(t.next_action_in->count()) : std::nullopt);
  c.add(t.keep_lease);
  c.add(t.attempts_added);
  c.add(t.reference_n);
  c.add(t.query_count);
  c.add(t.refusal_count);
  c.add(t.defer_count);
  c.add(t.verify_first);
  c.add_or_null(t.provider_ref);
}

void add_attempt(Columns& c, const std::optional<AttemptUpdate>& a) {
  if (!a) return c.skip(8);
  c.add(a->id);
  c.add(a->live);
  c.add_or_null(a->outcome);
  c.add_or_null(a->code);
  c.add_or_null(a->message);
  c.add_or_null(a->provider_ref);
  c.add(a->acceptance_sign);
  c.add(a->absent_count);
}

std::int64_t milliseconds_since_epoch(std::chrono::system_clock::time_point at) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch()).count();
}

void add_new_attempt(Columns& c, const std::optional<NewAttempt>& a) {
  if (!a) return c.skip(14);
  c.add(a->id);
  c.add(a->contract_id);
  c.add(a->plugin_version);
  c.add(a->reference);
  c.add(a->reference_n);
  c.add_or_null(a->lane);
  c.add(bytea(a->artefact));
  c.add(a->artefact_format);
  c.add(a->lookup);
  c.add(static_cast<std::int64_t>(a->submit_window.count()));
  c.add(static_cast<std::int64_t>(a->response_timeout.count()));
  c.add_or_null(a->outcome);
  c.add(a->repeats);
  c.add(a->valid_until ? std::optional<std::int64_t>(milliseconds_since_epoch(*a->valid_until))
                       : std::nullopt);
}

Applied::Refusal parse_refusal(const std::string& text) {
  if (text.empty() || text == "done") return Applied::Refusal::none;
  if (text == "gone") return Applied::Refusal::gone;
  if (text == "version") return Applied::Refusal::version;
  if (text == "lease") return Applied::Refusal::lease;
  if (text == "lane") return Applied::Refusal::lane;
  return Applied::Refusal::switched_off;
}

}  // namespace

std::string_view to_string(Applied::Refusal refusal) noexcept {
  switch (refusal) {
    case Applied::Refusal::none:
      return "none";
    case Applied::Refusal::gone:
      return "gone";
    case Applied::Refusal::version:
      return "version";
    case Applied::Refusal::lease:
      return "lease";
    case Applied::Refusal::lane:
      return "lane";
    case Applied::Refusal::switched_off:
      return "switched_off";
  }
  return "";
}

std::vector<Applied> apply(pqxx::transaction_base& work, std::span<const Transition> batch,
                           const std::string& host, bool replay) {
  Columns c;
  for (const Transition& t : batch) {
    add_payout(c, t);
    add_attempt(c, t.attempt);
    add_new_attempt(c, t.new_attempt);
    c.add_or_null(t.event.kind);
    c.add(t.event.actor);
    c.add_or_null(t.event.attempt_id);
    c.add(t.event.data);
    c.add(t.keep_schedule);
    c.add_or_null(t.lane_state);
    c.add(t.allow);
    c.add_or_null(t.decision);
    c.end_row();
  }
  std::vector<std::string> arguments;
  arguments.reserve(kColumns + 2);
  for (Column& column : c.column) arguments.push_back(column.take());
  arguments.push_back(host);
  arguments.emplace_back(replay ? "t" : "f");
  const pqxx::result rows = work.exec_params(kApply, pqxx::prepare::make_dynamic_params(arguments));
  std::vector<Applied> results;
  results.reserve(batch.size());
  for (const auto& row : rows) {
    Applied applied;
    applied.refusal = parse_refusal(text_of(row, 0));
    if (applied.applied()) applied.version = std::stoll(text_of(row, 1));
    applied.timeline = text_of(row, 2);
    applied.notifications = text_of(row, 3) == "t";
    results.push_back(std::move(applied));
  }
  PAYOUTD_ASSERT(results.size() == batch.size(), "one result for each transition");
  return results;
}

}  // namespace payoutd::store
