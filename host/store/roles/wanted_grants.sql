-- What each role may do with each object of the schema app, one privilege a row; everything else it may not.
-- Tables that a migration adds are working tables until they are named here. Partitions are reached through their
-- parents only, so that what holds for the parent cannot be walked around.
objects as (
  select c.oid, c.relname::text as name, case when c.relkind = 'S' then 'sequence' when c.relkind in ('v', 'm') then 'view'
    else 'table' end as type
  from pg_class c where c.relnamespace = 'app'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'S')
    and not c.relispartition
), kept (name, privileges) as (values
  -- journal and evidence: rows are added, some are carried on, none is taken away
  ('audit', '{SELECT,INSERT}'), ('events', '{SELECT,INSERT}'), ('decisions', '{SELECT,INSERT}'),
  ('payouts', '{SELECT,INSERT,UPDATE}'), ('attempts', '{SELECT,INSERT,UPDATE}'),
  ('payouts_history', '{SELECT}'), ('attempts_history', '{SELECT}'),
  ('idempotency_keys', '{SELECT,INSERT}'), ('contracts', '{SELECT,INSERT}'), ('approvals', '{SELECT,INSERT}'),
  ('outflow_halts', '{SELECT,INSERT,UPDATE}'), ('flags', '{SELECT,INSERT,UPDATE}'),
  ('script_bundles', '{SELECT,INSERT}'), ('script_generations', '{SELECT,INSERT,UPDATE}'),
  ('script_shadows', '{SELECT,INSERT}'), ('sessions', '{SELECT,UPDATE}'), ('switches', '{SELECT,INSERT,UPDATE}'),
  ('providers', '{SELECT,INSERT,UPDATE}'), ('lanes', '{SELECT,INSERT,UPDATE}'),
  ('secret_versions', '{SELECT,INSERT,UPDATE}'), ('seeded_admins', '{SELECT,INSERT}'),
  -- whose they are, the hosts only read
  ('schema_migrations', '{SELECT}'), ('database_roles', '{SELECT}'), ('maintenance', '{SELECT}')
), kept_columns (name, privilege, columns) as (values
  -- of what may otherwise only grow
  ('idempotency_keys', 'UPDATE', '{conflict_count,last_conflict_at}')
), wanted_columns as (
  select 'runtime' as kind, o.oid, o.name, k.privilege, a.attname::text as column_name
  from kept_columns k join objects o on o.name = k.name and o.type = 'table'
  join pg_attribute a on a.attrelid = o.oid and a.attname = any(k.columns::text[]) and not a.attisdropped
), wanted as (
  select 'runtime' as kind, o.oid, o.name, o.type, unnest(case when o.type in ('view', 'sequence') then '{SELECT}'
    else coalesce(k.privileges, '{SELECT,INSERT,UPDATE,DELETE}') end::text[]) as privilege
  from objects o left join kept k on k.name = o.name and o.type = 'table'
  union all
  -- Not webhook_events: headers of callbacks may carry a provider's credentials.
  select 'read_only', o.oid, o.name, o.type, 'SELECT' from objects o where o.type = 'view' and o.name <> 'webhook_events'
)
