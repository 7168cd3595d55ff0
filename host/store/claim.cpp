#include "store/claim.hpp"

#include "store/column.hpp"
#include "store/row_reader.hpp"

namespace payoutd::store {
namespace {

// The claimed rows with their live attempts and the states of their lanes; `claimed` is a CTE that returns
// app.payouts rows. The limit, which the index of live attempts makes true anyway, has each attempt looked up
// by that index: as a join, and before the statistics know of a burst, all live attempts were read for every
// claim.
std::string with_attempts() {
  return " select " + payout_columns("c", Times::left_out) + ", " + attempt_columns("a", Times::left_out) +
         ", case when c.lane is not null then"
         "  (select n.state from app.lanes n where n.provider = c.provider and n.name = c.lane) end,"
         " c.traceparent, c.tracestate"
         " from claimed c left join lateral"
         "  (select * from app.attempts t where t.payout_id = c.id and t.live limit 1) a on true";
}

std::vector<Claimed> read_claimed(const pqxx::result& rows) {
  std::vector<Claimed> claimed;
  claimed.reserve(rows.size());
  for (const auto& row : rows) {
    int column = 0;
    Claimed one;
    one.payout = read_payout(row, column);
    one.attempt = read_attempt(row, column);
    one.lane_state = text_of(row, column++);
    one.payout.traceparent = text_of(row, column++);
    one.payout.tracestate = text_of(row, column);
    claimed.push_back(std::move(one));
  }
  return claimed;
}

std::string uuid_array(const std::vector<std::string>& ids) {
  Column column;
  for (const std::string& id : ids) column.add(id);
  return column.take();
}

}  // namespace

std::vector<Claimed> claim(pqxx::transaction_base& work, const ClaimRequest& request) {
  // Leases what is due, state by state, so that each is found through the index in the order in which it is
  // due. The lease is fenced by the incarnation; its age shows leases that nobody remembers.
  static const std::string sql =
      "with due as (select d.id from unnest($2::app.payout_state[]) as wanted(state) cross join lateral"
      " (select id from app.payouts where provider = $1 and state = wanted.state"
      " and lease is null and next_action_at <= now() order by next_action_at limit $3 for update skip "
      "locked) d"
      " limit $3),"
      " claimed as (update app.payouts p set lease = $4::uuid, leased_at = now() from due where p.id = due.id"
      " returning p.*)" +
      with_attempts();
  Column states;
  for (const core::State state : request.states) states.add(core::to_string(state));
  return read_claimed(work.exec_params(sql, request.provider, states.take(), request.limit, request.host));
}

std::vector<Claimed> claim_with_lanes(pqxx::transaction_base& work, const ClaimRequest& request,
                                      const std::vector<std::string>& lanes) {
  // As many of the due payouts as there are free lanes, each with one; the lane that rested longest goes
  // first.
  static const std::string sql =
      "with free as materialized (select name, row_number() over (order by used_at nulls first, name) as n "
      "from"
      "  (select name, used_at from app.lanes where provider = $1 and name = any($4::text[]) and payout_id "
      "is null"
      "   and lease is null order by used_at nulls first, name limit $2 for update skip locked) f),"
      " due as materialized (select id, row_number() over (order by next_action_at) as n from"
      "  (select id, next_action_at from app.payouts where provider = $1 and state = 'PENDING' and lease is "
      "null"
      "   and next_action_at <= now() order by next_action_at limit (select count(*) from free)"
      "   for update skip locked) d),"
      " pairs as materialized (select due.id, free.name from due join free using (n)),"
      " taken as (update app.lanes l set payout_id = pairs.id, used_at = now() from pairs"
      "  where l.provider = $1 and l.name = pairs.name),"
      " claimed as (update app.payouts p set lease = $3::uuid, leased_at = now(), lane = pairs.name from "
      "pairs"
      "  where p.id = pairs.id returning p.*)" +
      with_attempts();
  Column names;
  for (const std::string& lane : lanes) names.add(lane);
  return read_claimed(work.exec_params(sql, request.provider, request.limit, request.host, names.take()));
}

std::vector<Claimed> take_over(pqxx::transaction_base& work, const TakeOverRequest& request) {
  // A host is dead when it said so, when its row is gone, when its successor on the same state directory says
  // so, or when its heart has been silent for 5 s while ours was not (the caller sets `reap` only then).
  static const std::string sql =
      "with dead as (select p.id from app.payouts p left join app.hosts h on h.incarnation = p.lease"
      " where p.lease is not null and p.lease <> $1::uuid and (p.lease = any($2::uuid[])"
      " or ($3 and (h.incarnation is null or h.stopped_at is not null or h.beat_at < now() - interval '5 "
      "seconds')))"
      " order by p.id limit $4 for update of p skip locked),"
      " claimed as (update app.payouts p set lease = $1::uuid, leased_at = now() from dead where p.id = "
      "dead.id"
      " returning p.*)" +
      with_attempts();
  return read_claimed(
      work.exec_params(sql, request.host, uuid_array(request.predecessors), request.reap, request.limit));
}

std::vector<Claimed> own_leases(pqxx::transaction_base& work, const std::string& host, int leased_before_ms,
                                int journaled_before_ms) {
  static const std::string sql =
      "with claimed as (select * from app.payouts where lease = $1::uuid"
      " and (leased_at < now() - $2 * interval '1 millisecond'"
      " or state = 'SUBMITTING' and updated_at < now() - $3 * interval '1 millisecond'))" +
      with_attempts();
  return read_claimed(work.exec_params(sql, host, leased_before_ms, journaled_before_ms));
}

void release(pqxx::transaction_base& work, const std::string& host,
             const std::vector<std::string>& payout_ids, int pause_ms) {
  // A submit in flight cannot be released: what became of it must be recorded.
  // What is still PENDING was claimed to be paid, and its lane is free again.
  work.exec_params(
      "with released as (update app.payouts set lease = null, leased_at = null,"
      " lane = case when state <> 'PENDING' then lane end,"
      " next_action_at = greatest(next_action_at, now() + $3 * interval '1 millisecond')"
      " where lease = $1::uuid and state <> 'SUBMITTING' and id = any($2::uuid[]) returning id, state)"
      " update app.lanes n set payout_id = null from released r where n.payout_id = r.id and r.state = "
      "'PENDING'",
      host, uuid_array(payout_ids), pause_ms);
}

void defer(pqxx::transaction_base& work, const std::string& host, const std::vector<std::string>& payout_ids,
           const Deferral& deferral) {
  // The reason stands until the next change of state.
  work.exec_params(
      "with deferred as (update app.payouts set lease = null, leased_at = null, lane = null, reason = $3,"
      " reason_text = $4, next_action_at = greatest(next_action_at, now() + $5 * interval '1 millisecond')"
      " where lease = $1::uuid and state = 'PENDING' and id = any($2::uuid[]) returning id)"
      " update app.lanes n set payout_id = null from deferred d where n.payout_id = d.id",
      host, uuid_array(payout_ids), deferral.reason, deferral.text, static_cast<int>(deferral.pause.count()));
}

std::vector<Claimed> load(pqxx::transaction_base& work, const std::vector<std::string>& payout_ids) {
  static const std::string sql =
      "with claimed as (select * from app.payouts where id = any($1::uuid[]))" + with_attempts();
  return read_claimed(work.exec_params(sql, uuid_array(payout_ids)));
}

std::vector<ByReference> find_by_reference(pqxx::transaction_base& work, const std::string& provider,
                                           const std::string& reference, const std::string& provider_ref) {
  // The latest attempt first: a reference may have been submitted more than once.
  const auto select = [](const std::string& payouts, const std::string& attempts) {
    return "select " + payout_columns("p") + ", " + attempt_columns("a") + " from " + attempts + " a join " +
           payouts +
           " p on p.id = a.payout_id where a.provider = $1 and"
           " (($2 <> '' and a.reference = $2) or ($2 = '' and $3 <> '' and a.provider_ref = $3))"
           " order by a.live desc, a.n desc limit 5";
  };
  static const std::string live = select("app.payouts", "app.attempts");
  static const std::string history = select("app.payouts_history", "app.attempts_history");
  std::vector<ByReference> found;
  for (const std::string& sql : {live, history}) {
    for (const auto& row : work.exec_params(sql, provider, reference, provider_ref)) {
      int column = 0;
      ByReference one;
      one.payout = read_payout(row, column);
      one.payout.archived = sql == history;
      one.attempt = *read_attempt(row, column);
      found.push_back(std::move(one));
    }
    if (!found.empty()) break;
  }
  return found;
}

std::vector<bool> hint(pqxx::transaction_base& work, std::span<const Hint> hints) {
  Column providers;
  Column references;
  for (const Hint& one : hints) {
    providers.add(one.provider);
    references.add(one.reference);
  }
  // Only what has a live attempt can be asked about, and of what is confirmed only what is still watched,
  // which its schedule shows; both may have changed while the lock was waited for. Rows are locked in id
  // order, as everywhere.
  const auto rows = work.exec_params(
      "with input as (select * from unnest($1::text[], $2::text[]) with ordinality as i(provider, reference, "
      "ord)),"
      " found as (select i.ord, a.payout_id, a.live from input i join app.attempts a"
      "  on a.provider = i.provider and a.reference = i.reference),"
      " locked as (select p.id, p.state from app.payouts p where p.id in (select payout_id from found)"
      "  order by p.id for update),"
      " hinted as (update app.payouts p set hinted = p.hinted or p.lease is not null,"
      "  next_action_at = case when p.lease is null and (p.state in ('SENT', 'UNKNOWN')"
      "   or (p.state = 'CONFIRMED' and p.next_action_at is not null)) then now() else p.next_action_at end"
      "  from locked l where p.id = l.id and exists (select 1 from found f where f.payout_id = l.id and "
      "f.live))"
      " select exists (select 1 from found f join locked l on l.id = f.payout_id"
      "  where f.ord = i.ord and (f.live or l.state = 'CONFIRMED')) from input i order by i.ord",
      providers.take(), references.take());
  std::vector<bool> known;
  known.reserve(hints.size());
  for (const auto& row : rows) known.push_back(text_of(row, 0) == "t");
  return known;
}

bool recall(pqxx::transaction_base& work, const std::string& payout_id) {
  return text_of(work.exec_params1("select app.recall_payout($1::uuid)", payout_id), 0) == "t";
}

}  // namespace payoutd::store
