-- Sessions: until when the tokens that were issued are refused. One row, which every host reads with its heartbeat.
create table app.sessions (
  one_row        boolean primary key default true check (one_row),
  revoked_until  timestamptz,                             -- null: nothing was ever revoked
  changed_by     text,
  note           text,
  changed_at     timestamptz not null default now()
);
insert into app.sessions default values;
