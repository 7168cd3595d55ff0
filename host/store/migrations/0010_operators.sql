-- The database in operators' hands: roles that may do what they need, a record of backups, what pruning leaves.

-- Which role of the cluster is which. Written by `payoutctl db roles`; empty: one role does everything.
create table app.database_roles (
  kind       text primary key check (kind in ('owner', 'runtime', 'read_only')),
  role       name not null,
  changed_at timestamptz not null default now()
);

-- When something that is done from outside of the hosts last succeeded, so that hosts can show it.
create table app.maintenance (
  name         text primary key,                          -- backup, restore_check, prune
  succeeded_at timestamptz not null default now(),
  by           text not null,
  detail       jsonb not null default '{}'
);

-- A key outlives its payout: pruning empties its payload and keeps the rest for ever, so that a request which
-- comes again is recognised and pays nothing.
alter table app.idempotency_keys add column pruned_at timestamptz;

-- Pruning takes what finished first.
create index payouts_history_by_finish on app.payouts_history (finished_at);

-- What the host does to history goes through functions of the owner: it moves rows whole, and may take none away.
-- Columns are named, because the tables' orders may differ.
create function app.columns_of(one regclass) returns text language sql stable set search_path = pg_catalog, pg_temp as $$
  select string_agg(quote_ident(attname), ', ' order by attnum) from pg_attribute
  where attrelid = one and attnum > 0 and not attisdropped
$$;

create function app.archive_finished(age_s bigint, most integer) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  count bigint;
begin
  execute format(
    'with old as (select id from app.payouts where finished_at < now() - $1 * interval ''1 second'''
    '   and next_action_at is null and lease is null order by finished_at limit $2 for update skip locked),'
    ' moved as (delete from app.payouts p using old where p.id = old.id returning p.*),'
    ' attempts as (delete from app.attempts a using old where a.payout_id = old.id returning a.*),'
    ' kept as (insert into app.attempts_history (%2$s, finished_at)'
    '   select %2$s, (select m.finished_at from moved m where m.id = a.payout_id) from attempts a)'
    ' insert into app.payouts_history (%1$s) select %1$s from moved',
    app.columns_of('app.payouts'), app.columns_of('app.attempts')) using age_s, most;
  get diagnostics count = row_count;
  return count;
end $$;

create function app.recall_payout(payout uuid) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  count bigint;
begin
  execute format(
    'with moved as (delete from app.payouts_history where id = $1 returning *),'
    ' attempts as (delete from app.attempts_history where payout_id = $1 returning *),'
    ' back as (insert into app.attempts (%2$s) select %2$s from attempts)'
    ' insert into app.payouts (%1$s) select %1$s from moved',
    app.columns_of('app.payouts'), app.columns_of('app.attempts')) using payout;
  get diagnostics count = row_count;
  return count > 0;
end $$;

-- Partitions belong to the owner, whoever asks for them.
alter function app.ensure_month(date) security definer;
alter function app.ensure_month(date) set search_path = pg_catalog, pg_temp;

revoke all on function app.archive_finished(bigint, integer), app.recall_payout(uuid), app.ensure_month(date) from public;

-- What reports may read: no artefacts, no bodies and headers of callbacks.
create view app.payout_events as
  select id, payout_id, at, kind, from_state::text, to_state::text, actor, host, attempt_id, data from app.events;
create view app.payout_attempts as
  select id, payout_id, n, provider, reference, lane, live, outcome, code, message, provider_ref, journaled_at, closed_at
  from app.attempts
  union all
  select id, payout_id, n, provider, reference, lane, live, outcome, code, message, provider_ref, journaled_at, closed_at
  from app.attempts_history;
