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
