-- Holdfast needs three extensions. Without this check, a later migration would fail on a missing
-- function and the developer would have to guess the cause. This check names the missing extensions
-- before any object is created.

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
