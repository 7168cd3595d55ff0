-- The life of a payout: what is owed, what was tried, what happened.
-- Every name is qualified with its schema: behind PgBouncer in transaction mode there is no search_path to rely on.

create type app.payout_state as enum (
  'PENDING', 'HELD', 'SUBMITTING', 'SENT', 'UNKNOWN', 'REVIEW',
  'CONFIRMED', 'FAILED', 'CANCELLED', 'REVERSED', 'SIMULATED');

-- Proof that a batch committed. After an in-doubt commit the host inserts the same id as a tombstone: the primary
-- key makes that wait for the first transaction and settles whether it can still commit.
create table app.batches (
  id        uuid primary key,
  at        timestamptz not null default now(),
  abandoned boolean not null default false
);

-- Hosts are coordinated through leases that carry the incarnation, one UUID per process start.
create table app.hosts (
  incarnation uuid primary key,
  name        text not null,
  version     text not null,
  pid         integer not null,
  started_at  timestamptz not null default now(),
  beat_at     timestamptz not null default now(),
  stopped_at  timestamptz
);

-- What an operator can switch for all hosts at once. A missing row means off.
create table app.switches (
  name       text primary key check (name in ('dry_run', 'stop_submissions', 'stop_writes')),
  enabled    boolean not null,
  note       text,
  changed_by text not null,
  changed_at timestamptz not null default now()
);

-- A configured provider's switches, and what its process last declared.
create table app.providers (
  name              text primary key,
  plugin            text not null,
  plugin_version    text,
  paused            boolean not null default false,
  dry_run           boolean not null default false,
  quarantined_at    timestamptz,
  quarantine_reason text,
  note              text,
  changed_by        text,
  changed_at        timestamptz
);

-- The safety contracts and scopes under which attempts were made, each version once, named by its content hash.
create table app.contracts (
  id         text primary key,
  provider   text not null,
  scope      text not null,
  contract   jsonb not null,
  first_used timestamptz not null default now()
);

-- Keys outlive their payouts and stand unpartitioned, so that one unique constraint covers all time.
create table app.idempotency_keys (
  client_id    text not null,
  key          text not null,
  payout_id    uuid not null,
  provider     text not null,
  payload_hash text not null,
  payload      jsonb not null,
  created_at   timestamptz not null default now(),
  primary key (client_id, key)
);

-- Payouts that are not finished, or finished so recently that they are still watched.
create table app.payouts (
  id              uuid primary key,
  client_id       text not null,
  idempotency_key text not null,
  provider        text not null,
  state           app.payout_state not null default 'PENDING',
  reason          text,                                   -- a stable code: why it is where it is
  reason_text     text,                                   -- the same for people
  version         bigint not null default 1,              -- counts state changes
  amount          numeric(18,8) not null check (amount > 0),
  currency        text not null,
  destination     text not null,
  user_ref        text,                                   -- the client's name for who is paid
  region          text,
  note            text,                                   -- text for the payee
  metadata        jsonb,
  batch           text,
  flow_id         text not null,
  attempt_count   integer not null default 0,
  reference_n     integer not null default 1,             -- which derived reference is current
  query_count     integer not null default 0,             -- queries since the last change of state
  refusal_count   integer not null default 0,             -- refusals that may pass
  defer_count     integer not null default 0,             -- times in a row that nothing could be sent
  verify_first    boolean not null default false,         -- look the reference up before any submit
  hinted          boolean not null default false,         -- a webhook came while the payout was being worked on
  lane            text,
  provider_ref    text,
  next_action_at  timestamptz,                            -- when it is due; null: nothing to do
  lease           uuid,                                   -- the incarnation that works on it
  leased_at       timestamptz,
  created_at      timestamptz not null default now(),
  updated_at      timestamptz not null default now(),
  finished_at     timestamptz,
  check ((state in ('CONFIRMED', 'FAILED', 'CANCELLED', 'REVERSED', 'SIMULATED')) = (finished_at is not null)),
  check (state <> 'SUBMITTING' or lease is not null)
) with (fillfactor = 70);

create index payouts_due on app.payouts (provider, state, next_action_at)
  where lease is null and next_action_at is not null;
create index payouts_leased on app.payouts (lease, leased_at) where lease is not null;
create index payouts_listed on app.payouts (created_at desc, id desc);
create index payouts_by_batch on app.payouts (batch, id) where batch is not null;
create index payouts_finished on app.payouts (finished_at) where finished_at is not null;

-- One submit and what came of it. The row is committed before the first byte leaves.
create table app.attempts (
  id              uuid primary key,
  payout_id       uuid not null,
  n               integer not null,
  provider        text not null,
  contract_id     text not null references app.contracts (id),
  plugin_version  text not null,
  reference       text not null,
  reference_n     integer not null,
  lane            text,
  artefact        bytea not null check (octet_length(artefact) <= 65536),
  artefact_format integer not null,
  lookup          jsonb not null,
  host            uuid not null,
  live            boolean not null default true,
  outcome         text,                                   -- what the submit, and later the queries, said
  code            text,
  message         text,
  provider_ref    text,
  acceptance_sign boolean not null default false,         -- a 2xx, a duplicate answer, a provider_ref, a webhook
  absent_count    integer not null default 0,             -- absences that count (dated, in scope)
  journaled_at    timestamptz not null default now(),
  reference_first_at timestamptz not null default now(),  -- when this reference was first submitted
  submit_deadline timestamptz not null,                   -- after it, nothing is sent
  answer_deadline timestamptz not null,                   -- after it, no answer of the submit can come
  closed_at       timestamptz,
  unique (payout_id, n)
) with (fillfactor = 80);

-- One live attempt per payout, against every writer.
create unique index attempts_one_live on app.attempts (payout_id) where live;
create index attempts_by_reference on app.attempts (provider, reference);

-- Everything that happened to a payout, in order; written in the statement that makes it happen.
create table app.events (
  id         bigint generated always as identity,
  payout_id  uuid not null,
  at         timestamptz not null default clock_timestamp(),
  kind       text not null,
  from_state app.payout_state,
  to_state   app.payout_state,
  actor      text not null,                               -- 'engine', 'client:NAME', 'operator:NAME'
  host       uuid,
  attempt_id uuid,
  data       jsonb not null default '{}'
) partition by range (at);
create index events_by_payout on app.events (payout_id, id);
create table app.events_default partition of app.events default;

-- Finished payouts, by the month in which they finished: pruning is a DROP.
create table app.payouts_history (like app.payouts including defaults) partition by range (finished_at);
create index payouts_history_id on app.payouts_history (id);
create index payouts_history_listed on app.payouts_history (created_at desc, id desc);
create index payouts_history_batch on app.payouts_history (batch, id) where batch is not null;
create table app.payouts_history_default partition of app.payouts_history default;

create table app.attempts_history (like app.attempts including defaults, finished_at timestamptz not null)
  partition by range (finished_at);
create index attempts_history_payout on app.attempts_history (payout_id, n);
create index attempts_history_reference on app.attempts_history (provider, reference);
create table app.attempts_history_default partition of app.attempts_history default;

-- Makes the partitions of one month; called ahead of time by the host.
create function app.ensure_month(month date) returns void language plpgsql as $$
declare
  first date := date_trunc('month', month);
  next  date := (date_trunc('month', month) + interval '1 month')::date;
  tag   text := to_char(first, 'YYYY_MM');
  base  text;
begin
  foreach base in array array['events', 'payouts_history', 'attempts_history'] loop
    if to_regclass(format('app.%I', base || '_' || tag)) is null then
      execute format('create table app.%I partition of app.%I for values from (%L) to (%L)',
                     base || '_' || tag, base, first, next);
    end if;
  end loop;
end $$;
select app.ensure_month(current_date), app.ensure_month((current_date + interval '1 month')::date);

create view app.all_payouts as
  select *, false as archived from app.payouts
  union all
  select *, true as archived from app.payouts_history;

-- The view that operators of mobile money already know.
create view app.mobile_money_payouts as
  select id as transaction_id, client_id, provider, state::text as status, reason as last_error, amount, currency,
         destination as phone, provider_ref, attempt_count, next_action_at as next_retry_at, created_at, updated_at
  from app.all_payouts;
