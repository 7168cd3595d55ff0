-- Lanes: the paying accounts of providers that pay one payment at a time from each.
-- A row has one holder: the payout whose payment is under way, or the host that looks after the account. Among all
-- hosts and whatever goes wrong, two payments of one account can never be under way together.
create table app.lanes (
  provider  text not null,
  name      text not null,
  state     jsonb not null default '{}',           -- the plugin's own: last block, next work
  payout_id uuid unique,                           -- the payment that holds it
  lease     uuid,                                  -- the host that looks after it
  leased_at timestamptz,
  used_at   timestamptz,                           -- when a payment last took it: the next one takes another
  due_at    timestamptz not null default now(),    -- when it is to be looked after
  failures  integer not null default 0,            -- times in a row that looking after it failed
  last_error text,
  primary key (provider, name),
  check (payout_id is null or lease is null)
);

-- An attempt that repeats one whose request may have arrived: "not accepted" says nothing about the first.
alter table app.attempts add column repeats boolean not null default false;
alter table app.attempts_history add column repeats boolean not null default false;
-- Until when the provider takes the artefact; null: for ever.
alter table app.attempts add column valid_until timestamptz;
alter table app.attempts_history add column valid_until timestamptz;
