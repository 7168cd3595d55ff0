-- Rules and schedules: what screening allowed, what scripts decided, and which scripts did.

-- The ledger that history features are computed from: one row for each payout that screening let pass, as long as it
-- may still be paid. A row also means that the payout needs no screening any more.
create table app.allowances (
  payout_id   uuid primary key,
  client_id   text not null,
  user_ref    text,
  destination text not null,
  region      text,
  provider    text not null,
  currency    text not null,
  amount      numeric(18,8) not null,
  at          timestamptz not null                        -- when it was allowed, by the database's clock
);
create index allowances_by_user on app.allowances (user_ref, at)
  include (currency, amount, destination, region, provider, client_id) where user_ref is not null;
create index allowances_by_destination on app.allowances (destination, at)
  include (currency, amount, user_ref, region, provider, client_id);

-- How much was allowed to flow out, by minute. Rows are only added (a payout that ended unpaid is taken back with a
-- negative one), so that nobody waits for anybody; a job adds them up later.
create table app.outflow (
  provider text not null,
  currency text not null,
  minute   timestamptz not null,
  amount   numeric(28,8) not null
);
create index outflow_recent on app.outflow (provider, currency, minute) include (amount);

-- The breaker: while a row stands without lifted_at, nothing of this provider and currency is submitted.
create table app.outflow_halts (
  id        bigint generated always as identity primary key,
  provider  text not null,
  currency  text not null,
  span      text not null check (span in ('hour', 'day')),
  allowed   numeric(28,8) not null,                       -- what was allowed to flow out in the span
  reached   numeric(28,8) not null,                       -- what it would have been
  at        timestamptz not null default now(),
  lifted_at timestamptz,
  lifted_by text,
  note      text
);
create unique index outflow_halts_one on app.outflow_halts (provider, currency) where lifted_at is null;

-- Who approved a held payout; above an amount it takes two.
create table app.approvals (
  payout_id uuid not null,
  actor     text not null,
  note      text,
  at        timestamptz not null default now(),
  primary key (payout_id, actor)
);

-- Every set of scripts that was ever active or in shadow, under the hash of its text.
create table app.script_bundles (
  hash       text primary key,
  files      jsonb not null,
  created_at timestamptz not null default now(),
  created_by text not null
);
-- Which one is active: the row with the highest generation.
create table app.script_generations (
  generation bigint generated always as identity primary key,
  hash       text not null references app.script_bundles (hash),
  actor      text not null,
  note       text,
  at         timestamptz not null default now()
);
-- Which candidate runs in shadow: the last row; hash null: none.
create table app.script_shadows (
  id    bigint generated always as identity primary key,
  hash  text references app.script_bundles (hash),
  actor text not null,
  at    timestamptz not null default now()
);
-- What each host runs, and what it refused to run.
create table app.script_hosts (
  incarnation uuid primary key,
  host        text not null,
  directory   text,
  generation  bigint,                                     -- 0: no scripts, the built-in policy
  hash        text,
  shadow_hash text,
  shadow_compared bigint not null default 0,
  shadow_differed bigint not null default 0,
  refused_hash text,
  refused_why text,
  refused_at  timestamptz,
  updated_at  timestamptz not null default now()
);

-- What a script was asked, and what it said.
create table app.decisions (
  id        bigint generated always as identity,
  payout_id uuid not null,
  at        timestamptz not null default clock_timestamp(),
  kind      text not null,                                -- screen, backoff, route
  bundle    text not null,
  verdict   text not null,
  rule      text,
  reason    text,
  inputs    jsonb not null,
  results   jsonb,
  cost_ns   bigint not null,
  shadow    boolean not null default false
) partition by range (at);
create index decisions_by_payout on app.decisions (payout_id, id);
create index decisions_in_order on app.decisions (id);
create index decisions_by_time on app.decisions using brin (at);
create table app.decisions_default partition of app.decisions default;

-- Users that a rule flagged: one open row for each user and rule.
create table app.flags (
  id         bigint generated always as identity primary key,
  user_ref   text not null,
  rule       text not null,
  reason     text,
  text       text,
  count      bigint not null default 1,
  first_payout uuid not null,
  last_payout  uuid not null,
  first_at   timestamptz not null default now(),
  last_at    timestamptz not null default now(),
  note       text,
  noted_by   text,
  cleared_at timestamptz,
  cleared_by text
);
create unique index flags_one_open on app.flags (user_ref, rule) where cleared_at is null;
create index flags_listed on app.flags (last_at desc);

create or replace function app.ensure_month(month date) returns void language plpgsql as $$
declare
  first date := date_trunc('month', month);
  next  date := (date_trunc('month', month) + interval '1 month')::date;
  tag   text := to_char(first, 'YYYY_MM');
  base  text;
begin
  foreach base in array array['events', 'payouts_history', 'attempts_history', 'decisions'] loop
    if to_regclass(format('app.%I', base || '_' || tag)) is null then
      execute format('create table app.%I partition of app.%I for values from (%L) to (%L)',
                     base || '_' || tag, base, first, next);
    end if;
  end loop;
end $$;
select app.ensure_month(current_date), app.ensure_month((current_date + interval '1 month')::date);
