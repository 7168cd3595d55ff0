-- The inbox: every callback of a provider, as it arrived, stored before it is answered.

create table app.webhook_inbox (
  id              uuid not null,
  received_at     timestamptz not null default now(),
  provider        text not null,
  method          text not null,
  path            text not null,                          -- with query; bytes above 127 as U+0080 to U+00FF
  headers         jsonb not null,                         -- [[name, value], …] in order, values like path
  body            bytea not null,
  remote_address  text,
  flow_id         text not null,
  url_reference   text,                                   -- of the signed URL, where the URL proved itself
  signature_valid boolean,                                -- null: the plugin has not judged it yet
  proof           text check (proof in ('signature', 'url', 'plugin')),
  key_id          text,                                   -- the key that proved it
  state           text not null
    check (state in ('received', 'verified', 'applied', 'ignored', 'rejected', 'failed')),
  reason          text,                                   -- a stable code
  attempts        integer not null default 0,             -- times that it was worked on
  last_error      text,
  next_attempt_at timestamptz,                            -- null: nothing to do
  waits_for       text check (waits_for in ('provider', 'payout')),
  reference       text,                                   -- what the callback names, as the plugin read it
  provider_ref    text,
  status          text,                                   -- what a verified callback said
  payout_id       uuid,
  settled_at      timestamptz,
  repeats         integer not null default 0,             -- times that the same bytes came again
  repeated_at     timestamptz,
  replay_of       uuid,
  replayed_by     text,
  note            text,
  check (next_attempt_at is null or state in ('received', 'verified'))
) partition by range (received_at);
create index webhook_inbox_by_id on app.webhook_inbox (id);
create index webhook_inbox_listed on app.webhook_inbox (received_at desc, id desc);
create index webhook_inbox_due on app.webhook_inbox (provider, next_attempt_at) where next_attempt_at is not null;
create index webhook_inbox_waiting on app.webhook_inbox (provider, waits_for) where waits_for is not null;
create index webhook_inbox_by_payout on app.webhook_inbox (payout_id) where payout_id is not null;
create index webhook_inbox_replays on app.webhook_inbox (replay_of) where replay_of is not null;
create table app.webhook_inbox_default partition of app.webhook_inbox default;

-- The same bytes of one provider twice within a day are one event. Only what proved itself stands here.
create table app.webhook_hashes (
  provider text not null,
  hash     bytea not null,
  event_id uuid not null,
  at       timestamptz not null default now(),
  primary key (provider, hash)
);
create index webhook_hashes_old on app.webhook_hashes (at);

-- A callback that names a payment only as the provider does.
create index attempts_by_provider_ref on app.attempts (provider, provider_ref) where provider_ref is not null;
create index attempts_history_provider_ref on app.attempts_history (provider, provider_ref)
  where provider_ref is not null;

-- Every table of this schema that is partitioned is partitioned by month.
create or replace function app.ensure_month(month date) returns void language plpgsql as $$
declare
  first date := date_trunc('month', month);
  next  date := (date_trunc('month', month) + interval '1 month')::date;
  tag   text := to_char(first, 'YYYY_MM');
  base  text;
begin
  for base in select c.relname from pg_partitioned_table p join pg_class c on c.oid = p.partrelid
              where c.relnamespace = 'app'::regnamespace order by 1 loop
    if to_regclass(format('app.%I', base || '_' || tag)) is null then
      execute format('create table app.%I partition of app.%I for values from (%L) to (%L)',
                     base || '_' || tag, base, first, next);
    end if;
  end loop;
end $$;
select app.ensure_month(current_date), app.ensure_month((current_date + interval '1 month')::date);

create function app.json_or_null(bytes bytea) returns jsonb language plpgsql immutable as $$
begin
  return convert_from(bytes, 'UTF8')::jsonb;
exception when others then
  return null;
end $$;

-- The view that operators of mobile money already know.
create view app.webhook_events as
  select id, provider, path, flow_id as request_id, received_at,
    coalesce(signature_valid, false) as signature_valid,
    case when signature_valid is false then reason end as signature_error,
    headers, app.json_or_null(body) as payload,
    case when app.json_or_null(body) is null then encode(body, 'escape') else convert_from(body, 'UTF8') end as body_raw,
    provider_ref, coalesce(reference, url_reference) as external_ref, status as status_raw,
    payout_id as payout_transaction_id, state = 'applied' as update_applied,
    state in ('ignored', 'rejected') as ignored,
    case when state in ('ignored', 'rejected') then reason end as ignore_reason,
    state, attempts, last_error
  from app.webhook_inbox;
