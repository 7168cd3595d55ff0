-- What each role may do, from the list of what it needs. By the owner; run again after every migration, which
-- `payoutctl migrate up` does.
do $grants$
declare
  one record;
begin
  execute format('grant usage on schema app to %I, %I', @runtime_text@, @read_only_text@);
  for one in select format('app.%I', relname) as name, relkind from pg_class
    where relnamespace = 'app'::regnamespace and relkind in ('r', 'p', 'v', 'm', 'S') loop
    execute format('revoke all on %s %s from public, %I, %I', case one.relkind when 'S' then 'sequence' else 'table' end,
      one.name, @runtime_text@, @read_only_text@);
  end loop;
  for one in
    with @wanted_grants@
    select type, name, string_agg(privilege, ', ') as privileges, case kind when 'runtime' then @runtime_text@
      else @read_only_text@ end as role
    from wanted group by kind, type, name order by 2
  loop
    execute format('grant %s on %s app.%I to %I', one.privileges, case one.type when 'sequence' then 'sequence' else 'table' end,
      one.name, one.role);
  end loop;
  for one in
    with @wanted_grants@
    select name, privilege, string_agg(quote_ident(column_name), ', ') as columns from wanted_columns group by 1, 2
  loop
    execute format('grant %s (%s) on app.%I to %I', one.privilege, one.columns, one.name, @runtime_text@);
  end loop;
  -- Functions that act with the owner's rights are for the hosts alone.
  for one in select oid::regprocedure::text as name from pg_proc
    where pronamespace = 'app'::regnamespace and prosecdef loop
    execute format('revoke all on function %s from public, %I', one.name, @read_only_text@);
    execute format('grant execute on function %s to %I', one.name, @runtime_text@);
  end loop;
end $grants$;
