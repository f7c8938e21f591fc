-- Holdfast needs three extensions. A migration that failed later, on a missing function, would
-- leave a developer guessing; this one says what to enable before anything is made.

do $$
declare
  missing text[] := '{}';
begin
  if to_regprocedure('cron.schedule(text,text,text)') is null then
    missing := missing || 'pg_cron'::text;
  end if;
  if to_regprocedure('net.http_post(text,jsonb,jsonb,jsonb,integer)') is null then
    missing := missing || 'pg_net'::text;
  end if;
  if to_regclass('vault.decrypted_secrets') is null then
    missing := missing || 'supabase_vault'::text;
  end if;
  if cardinality(missing) > 0 then
    raise exception 'Holdfast needs these extensions, which are not enabled: %',
      array_to_string(missing, ', ')
      using errcode = 'HF000',
            hint = 'Enable them under Database > Extensions in the dashboard, or run '
              || (select string_agg(format('create extension if not exists %I cascade;', name), ' ')
                    from unnest(missing) as name)
              || ' Then apply the migrations again.';
  end if;
  if to_regclass('storage.objects') is null then
    raise exception 'Holdfast protects Supabase Storage, and this database has no storage.objects'
      using errcode = 'HF000', hint = 'Start Storage once, so that it makes its tables.';
  end if;
end
$$;

-- One private schema and one role. The functions' connections become holdfast_worker at once, so a
-- fault in them can do no more than the SECURITY DEFINER functions granted to that role allow.

create schema if not exists holdfast;

comment on schema holdfast is
  'Holdfast: off-site backup of this project''s Storage. Private: not for the API schemas.';

do $$
begin
  if not exists (select from pg_catalog.pg_roles where rolname = 'holdfast_worker') then
    create role holdfast_worker nologin nosuperuser nocreatedb nocreaterole noinherit;
  end if;
  -- The functions log in with SUPABASE_DB_URL, as the role that runs this migration.
  execute format('grant holdfast_worker to %I', current_user);
end
$$;

comment on role holdfast_worker is
  'What Holdfast''s Edge Functions become: owns nothing, may only execute holdfast''s functions.';

revoke all on schema holdfast from public;
grant usage on schema holdfast to holdfast_worker;

do $$
declare
  grantee name;
begin
  -- Whoever may not use the schema reaches nothing in it, whatever is granted on what comes later.
  for grantee in
    select a.rolname from pg_catalog.pg_namespace n
      cross join lateral aclexplode(n.nspacl) as g join pg_catalog.pg_roles a on a.oid = g.grantee
    where n.nspname = 'holdfast' and g.grantee not in (n.nspowner, 'holdfast_worker'::regrole)
  loop
    execute format('revoke all on schema holdfast from %I', grantee);
  end loop;
  revoke all on schema holdfast from public;
end
$$;
