-- What people did, append-only: each row carries the hash of the one before it, so that a row that was changed, taken out
-- or put in between shows.
create table app.audit (
  id       bigint primary key,                            -- without gaps
  at       timestamptz not null,
  actor    text not null,
  action   text not null,                                 -- method and pattern of the route
  subject  text not null,                                 -- what it was done to
  status   integer not null,                              -- HTTP status of the answer
  flow_id  text not null,
  detail   jsonb not null,
  previous bytea not null,
  hash     bytea not null
);
create index audit_by_subject on app.audit (subject, id);

create function app.audit_is_append_only() returns trigger language plpgsql as $$
begin
  raise exception 'app.audit is append-only';
end $$;
create trigger audit_append_only before update or delete on app.audit
  for each row execute function app.audit_is_append_only();
create trigger audit_keeps_all before truncate on app.audit
  for each statement execute function app.audit_is_append_only();

-- One function for who writes and who verifies.
create function app.audit_hash(previous bytea, id bigint, at timestamptz, actor text, action text, subject text,
                               status integer, flow_id text, detail jsonb) returns bytea
language sql stable set timezone = 'UTC' as $$
  select sha256(previous || convert_to(
    jsonb_build_array(id, to_char(at, 'YYYY-MM-DD"T"HH24:MI:SS.US'), actor, action, subject, status, flow_id, detail)::text,
    'UTF8'))
$$;
