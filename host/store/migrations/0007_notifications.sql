-- Notifications out: what became of payouts, told to endpoints of integrators.

-- Who wants to hear. Of an endpoint's secret only its name stands here: which key it is derived from, and how often it
-- was rotated.
create table app.notification_endpoints (
  id              uuid primary key,
  url             text not null,
  description     text,
  client_id       text,                                   -- whose payouts; null: of all clients
  event_types     text[] not null,                        -- payout.confirmed, …
  key_id          text not null,
  secret_version  integer not null default 1,
  old_key_id      text,                                   -- the secret before the last rotation…
  old_version     integer,
  old_until       timestamptz,                            -- …signs too until then
  paused          boolean not null default false,
  disabled_at     timestamptz,
  disabled_why    text check (disabled_why in ('gone', 'failing')),
  failures        integer not null default 0,             -- in a row
  failing_since   timestamptz,                            -- the first of them
  quiet_until     timestamptz,                            -- it asked for a pause, or it seems to be away
  last_error      text,
  last_success_at timestamptz,
  note            text,
  created_at      timestamptz not null default now(),
  changed_by      text not null,
  changed_at      timestamptz not null default now(),
  removed_at      timestamptz,
  check ((disabled_at is null) = (disabled_why is null))
);

-- What there is to tell, once for all endpoints; written by the statement that changes the payout, and only where an
-- endpoint wants it. The id is the message's webhook-id, the payload its body, byte for byte.
create table app.notifications (
  id        uuid primary key default gen_random_uuid(),
  at        timestamptz not null default now(),
  payout_id uuid not null,
  client_id text not null,
  type      text not null,
  payload   text not null
);
create index notifications_by_payout on app.notifications (payout_id);
create index notifications_by_time on app.notifications (at);

-- One notification to one endpoint. While a host sends it, next_attempt_at is when its lease is over and another host
-- may take it.
create table app.notification_deliveries (
  notification_id uuid not null,
  endpoint_id     uuid not null,
  created_at      timestamptz not null default now(),
  state           text not null default 'pending' check (state in ('pending', 'delivered', 'failed', 'cancelled')),
  attempts        integer not null default 0,             -- in all
  tries           integer not null default 0,             -- since wanted_since
  wanted_since    timestamptz not null default now(),     -- later than created_at: it was replayed
  next_attempt_at timestamptz default now(),
  lease           uuid,                                   -- the incarnation that sends it
  last_attempt_at timestamptz,
  last_status     integer,                                -- HTTP status; null: no answer came
  last_error      text,
  settled_at      timestamptz,
  primary key (notification_id, endpoint_id),
  check ((state = 'pending') = (next_attempt_at is not null))
) with (fillfactor = 80);
create index notification_deliveries_due on app.notification_deliveries (endpoint_id, next_attempt_at)
  where next_attempt_at is not null;
create index notification_deliveries_listed on app.notification_deliveries
  (created_at desc, notification_id desc, endpoint_id desc);

-- Writes what endpoints want to know of changes of payouts, and says whether there was anything. Called by the statement
-- that makes the changes, once for all of them and only where there is an endpoint; as a function, so that the statement
-- is not planned with all this where there is none. Of app.payouts it reads what never changes.
create function app.tell_endpoints(ids uuid[], versions bigint[], from_states app.payout_state[],
                                   to_states app.payout_state[], reasons text[], provider_refs text[])
returns boolean language plpgsql as $$
declare
  deliveries bigint;
begin
  with changed as (
    select i.*, 'payout.' || lower(i.to_state::text) as type
    from unnest(ids, versions, from_states, to_states, reasons, provider_refs) with ordinality
      as i(id, version, from_state, to_state, reason, provider_ref, ord)
  ), told as (
    insert into app.notifications (payout_id, client_id, type, payload)
    select p.id, p.client_id, c.type, json_build_object(
      'type', c.type,
      'timestamp', to_char(now() at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
      'data', json_build_object(
        'id', p.id, 'version', c.version, 'state', c.to_state, 'previous_state', c.from_state,
        'final', c.to_state in ('CONFIRMED', 'FAILED', 'CANCELLED', 'REVERSED', 'SIMULATED'), 'reason', c.reason,
        'amount', trim_scale(p.amount)::text, 'currency', p.currency, 'provider', p.provider,
        'provider_ref', c.provider_ref, 'client', p.client_id, 'idempotency_key', p.idempotency_key,
        'batch', p.batch, 'user', p.user_ref, 'flow_id', p.flow_id,
        'created_at', to_char(p.created_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')))::text
    from changed c join app.payouts p on p.id = c.id
    where exists (select 1 from app.notification_endpoints e where e.removed_at is null and c.type = any(e.event_types)
      and (e.client_id is null or e.client_id = p.client_id))
    order by c.ord
    returning id, client_id, type
  ), wanted as (
    insert into app.notification_deliveries (notification_id, endpoint_id)
    select t.id, e.id from told t join app.notification_endpoints e
      on e.removed_at is null and t.type = any(e.event_types) and (e.client_id is null or e.client_id = t.client_id)
    returning 1
  )
  select count(*) into deliveries from wanted;
  return deliveries > 0;
end $$;
