-- Saves the rows of all tables of a project and restores them: a hundred times as fast as a copy of the
-- database. Sequences are not restored: no test may depend on their numbers.

create schema simulation;

create view simulation.tables as
select format('%I.%I', n.nspname, c.relname) as name, string_agg(quote_ident(a.attname), ', ') as columns
from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    and a.attgenerated = ''
where n.nspname in ('holdfast', 'holdfast_private', 'storage', 'vault', 'cron', 'net') and c.relkind = 'r'
group by n.nspname, c.relname;

create function simulation.save_rows(state text) returns void language plpgsql as $$
declare
  kept record;
begin
  for kept in select * from simulation.tables loop
    execute format('create table simulation.%I as select %s from %s',
      state || ' ' || kept.name, kept.columns, kept.name);
  end loop;
end
$$;

create function simulation.restore_rows(state text) returns void language plpgsql as $$
declare
  kept record;
begin
  -- Without triggers and foreign keys.
  set local session_replication_role = 'replica';
  for kept in select * from simulation.tables loop
    execute format('delete from %s', kept.name);
    execute format('insert into %s (%s) overriding system value select %s from simulation.%I',
      kept.name, kept.columns, kept.columns, state || ' ' || kept.name);
  end loop;
  set local session_replication_role = 'origin';
end
$$;

create function simulation.delete_saved(state text) returns void language plpgsql as $$
declare
  kept record;
begin
  for kept in select * from simulation.tables loop
    execute format('drop table if exists simulation.%I', state || ' ' || kept.name);
  end loop;
end
$$;
