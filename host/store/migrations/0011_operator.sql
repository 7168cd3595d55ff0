-- What operators have in hand: hosts that claim nothing, test payouts, first administrators, and which secrets were in
-- use when.

-- Hosts that claim nothing until they are resumed: a host's name, or '*' for all.
create table app.drained_hosts (
  host       text primary key,
  note       text,
  drained_by text not null,
  drained_at timestamptz not null default now()
);

-- What payoutctl test-payout makes is only simulated. Whatever a host thinks, it can never be submitted, nor be taken
-- for paid.
alter table app.payouts add constraint payouts_tests_are_simulated check (
  client_id <> 'payoutd-test' or state in ('PENDING', 'HELD', 'FAILED', 'CANCELLED', 'SIMULATED')) not valid;

-- Who was made an administrator first.
create table app.seeded_admins (
  subject     text primary key,
  roles       text[] not null,
  environment text not null,
  seeded_by   text not null,
  seeded_at   timestamptz not null default now()
);

-- Every version of every secret that a host has used. Never a value: the fingerprint is a keyed hash, cut short, whose
-- key is derived from the instance key.
create table app.secret_versions (
  secret       text not null,                            -- which one, such as auth.keys or providers.momo.secrets.api_key
  fingerprint  text not null,
  key_id       text,                                     -- its name among several that count at once
  purpose      text not null,
  created_at   timestamptz not null default now(),       -- when a host first had it
  created_by   text not null,
  activated_at timestamptz,                              -- when it first was the current one
  activated_by text,
  expires_at   timestamptz,
  retired_at   timestamptz,                              -- when no host had it any more
  retired_by   text,
  primary key (secret, fingerprint)
);
-- What each host uses.
create table app.secret_uses (
  incarnation uuid not null references app.hosts (incarnation) on delete cascade,
  secret      text not null,
  fingerprint text not null,
  role        text not null check (role in ('current', 'previous')),
  since       timestamptz not null default now(),
  primary key (incarnation, secret, fingerprint),
  foreign key (secret, fingerprint) references app.secret_versions (secret, fingerprint)
);
