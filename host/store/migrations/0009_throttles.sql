-- Throttles of admission, set at run time for all hosts; throttled_at null: the hosts' configuration says what is in force.
alter table app.providers
  add column throttle_rate  text,                         -- such as 10/s; null: without limit
  add column throttle_depth bigint,                       -- payouts under way; null: without limit
  add column throttle_note  text,
  add column throttled_by   text,
  add column throttled_at   timestamptz;

-- Which part of every shared rate a host may use: the range of 720720 parts from share_from up to share_to. The ranges of
-- living hosts never overlap, so that together they use no more than the whole.
alter table app.hosts
  add column share_from integer not null default 0,
  add column share_to   integer not null default 0,
  add constraint hosts_share check (0 <= share_from and share_from <= share_to and share_to <= 720720);

-- Keys that came again with another payload: how often, and what came.
alter table app.idempotency_keys
  add column conflict_count   bigint not null default 0,
  add column last_conflict_at timestamptz;
create table app.idempotency_conflicts (
  client_id    text not null,
  key          text not null,
  payload_hash text not null,
  payload      jsonb not null,
  count        bigint not null default 1,                 -- times that this payload came
  first_at     timestamptz not null default now(),
  last_at      timestamptz not null default now(),
  actor        text not null,                             -- of the last time
  flow_id      text not null,
  primary key (client_id, key, payload_hash)
);
create index idempotency_conflicts_listed on app.idempotency_conflicts (last_at desc);

-- Every key with what was asked and what was answered, as it is answered again.
create view app.idempotency_records as
  select k.client_id, k.key as idempotency_key, k.payload_hash as request_hash, k.payload as request,
    201 as response_status,
    jsonb_build_object('id', k.payout_id, 'state', 'PENDING', 'amount', k.payload->>'amount',
      'currency', k.payload->>'currency', 'destination', k.payload->>'destination', 'provider', k.provider,
      'idempotency_key', k.key,
      'created_at', to_char(k.created_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
      'links', jsonb_build_object('self', '/v1/payouts/' || k.payout_id,
        'events', '/v1/payouts/' || k.payout_id || '/events', 'explain', '/v1/payouts/' || k.payout_id || '/explain'))
      as response,
    k.payout_id, k.created_at, k.conflict_count, k.last_conflict_at
  from app.idempotency_keys k;
