-- The three roles, and whose the schema is. By a superuser, or by a role that may make roles, is a member of the new
-- owner and owns what there is. They can log in; without a password (or a certificate, or peer authentication)
-- nobody does: \password @runtime@
do $roles$
declare
  one record;
begin
  if to_regclass('app.database_roles') is null then
    raise exception 'this database has no schema yet: run `payoutctl migrate up` first';
  end if;
  for one in select unnest(array[@owner_text@, @runtime_text@, @read_only_text@]) as role loop
    if not exists (select 1 from pg_roles where rolname = one.role) then
      execute format('create role %I login nosuperuser nocreatedb nocreaterole noreplication nobypassrls', one.role);
    end if;
  end loop;
  if (select nspowner <> @owner_text@::regrole from pg_namespace where nspname = 'app') then
    execute format('alter schema app owner to %I', @owner_text@);
  end if;
  for one in
    select case c.relkind when 'v' then 'view' when 'm' then 'materialized view' when 'S' then 'sequence' else 'table' end
        as type, format('app.%I', c.relname) as name
    from pg_class c where c.relnamespace = 'app'::regnamespace and c.relowner <> @owner_text@::regrole
      and (c.relkind in ('r', 'p', 'v', 'm') or (c.relkind = 'S' and not exists (select 1 from pg_depend d
        where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype in ('a', 'i'))))
    union all
    select 'function', p.oid::regprocedure::text from pg_proc p
    where p.pronamespace = 'app'::regnamespace and p.proowner <> @owner_text@::regrole
    union all
    select 'type', format('app.%I', t.typname) from pg_type t
    where t.typnamespace = 'app'::regnamespace and t.typtype in ('e', 'd') and t.typowner <> @owner_text@::regrole
  loop
    execute format('alter %s %s owner to %I', one.type, one.name, @owner_text@);
  end loop;
  -- The owner migrates, and `migrate verify` builds the schema aside.
  execute format('grant connect, create on database %I to %I', current_database(), @owner_text@);
  execute format('grant connect on database %I to %I, %I', current_database(), @runtime_text@, @read_only_text@);
  execute format('alter role %I set default_transaction_read_only = on', @read_only_text@);
  -- Nobody else has to make tables beside ours (PostgreSQL before 15 lets everybody).
  execute 'revoke create on schema public from public';
  insert into app.database_roles (kind, role) values
    ('owner', @owner_text@), ('runtime', @runtime_text@), ('read_only', @read_only_text@)
  on conflict (kind) do update set role = excluded.role, changed_at = now();
end $roles$;
