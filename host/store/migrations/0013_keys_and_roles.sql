-- Under which key something was accepted, and what a host does.

-- The token with which somebody came: the id of the key that signed it, and its own. Null: over the control socket,
-- without a token, or before this was recorded. Of payouts it stands in the data of the event `admitted`.
alter table app.audit
  add column key_id   text,
  add column token_id text;
create index audit_by_key on app.audit (key_id, id) where key_id is not null;

-- An entry without a token keeps the hash that it always had, so that the chain goes on through this migration; with one,
-- the token is hashed too.
create function app.audit_hash(previous bytea, id bigint, at timestamptz, actor text, action text, subject text,
                               status integer, flow_id text, detail jsonb, key_id text, token_id text) returns bytea
language sql stable set timezone = 'UTC' as $$
  select case when key_id is null and token_id is null
    then app.audit_hash(previous, id, at, actor, action, subject, status, flow_id, detail)
    else sha256(previous || convert_to(
      jsonb_build_array(id, to_char(at, 'YYYY-MM-DD"T"HH24:MI:SS.US'), actor, action, subject, status, flow_id, detail,
                        key_id, token_id)::text, 'UTF8')) end
$$;

-- Which of its roles a host has. One that does not work claims nothing and needs no part of the shared rates.
alter table app.hosts
  add column roles text[] not null default '{worker,api,webhooks,admin}'
    check (roles <@ '{worker,api,webhooks,admin}' and roles <> '{}');
