-- How Holdfast reads storage.objects: through one view, so that no other SQL depends on columns that
-- change between versions of Storage.

-- An upgrade of Storage can change its own tables. A view over their columns would prevent it from
-- dropping or retyping one of them, and the upgrade would fail. So the view reads through a function,
-- whose text creates no dependency. The planner inlines the call and can use all indexes.
create function holdfast_private.refresh_source() returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  columns text[] := array(
    select a.attname::text from pg_catalog.pg_attribute a
    where a.attrelid = 'storage.objects'::regclass and a.attnum > 0 and not a.attisdropped);
  -- A column that another version of Storage does not have reads as null.
  metadata text := case when 'metadata' = any (columns) then 'o.metadata' else 'null::jsonb' end;
  version text := case when 'version' = any (columns) then 'o.version::text' else 'null::text' end;
  user_metadata text := case when 'user_metadata' = any (columns) then 'o.user_metadata' else 'null::jsonb' end;
  owner_id text := array_to_string(array(
    select format('o.%I::text', c) from unnest('{owner_id,owner}'::text[]) c where c = any (columns)), ', ');
  live text := array_to_string(array(
    select w.condition from (values
      ('archived_at', 'o.archived_at is null'), ('is_delete_marker', 'not o.is_delete_marker')) as w (name, condition)
    where w.name = any (columns)), ' and ');
  -- A very old row has no version. A value that changes with its bytes is used instead.
  body text := format($body$
    select o.id::uuid, o.bucket_id::text, o.name::text,
      coalesce(%1$s, 'none-' || md5(concat_ws('|', o.id, %2$s ->> 'eTag', %2$s ->> 'size'))),
      case when %2$s ->> 'size' ~ '^[0-9]{1,15}$' then (%2$s ->> 'size')::bigint end,
      trim(both '"' from %2$s ->> 'eTag'), %2$s ->> 'mimetype', %2$s ->> 'cacheControl',
      nullif(%3$s, 'null'), %4$s, case when isfinite(o.created_at) then o.created_at end, o.updated_at
    from storage.objects o%5$s$body$,
    version, metadata, user_metadata, coalesce(nullif('coalesce(' || owner_id || ')', 'coalesce()'), 'null::text'),
    case when live <> '' then ' where ' || live else '' end);
begin
  if body = (select p.prosrc from pg_catalog.pg_proc p where p.oid = to_regprocedure('holdfast_private.source_rows()')) then
    return;
  end if;
  execute 'create or replace function holdfast_private.source_rows() returns table (id uuid, bucket_id text, name text,
      version text, size bigint, etag text, type text, cache_control text, user_metadata jsonb, owner_id text,
      created_at timestamptz, updated_at timestamptz)
      language sql stable rows 1000000 as ' || quote_literal(body);
end
$$;
comment on function holdfast_private.refresh_source() is 'Adapts source_rows to the current columns of storage.objects.';

select holdfast_private.refresh_source();
comment on function holdfast_private.source_rows() is
  'Live rows of storage.objects, independent of the columns of this Storage version. The view source_objects reads it. refresh_source creates its text.';

create function holdfast_private.assert_source_visible() returns void
  language plpgsql security definer set search_path = ''
as $$
begin
  if not exists (
    select from pg_catalog.pg_roles where rolname = current_user and (rolbypassrls or rolsuper)) then
    raise exception 'source_hidden' using errcode = 'HF000',
      detail = format('Role %I owns Holdfast''s functions and does not bypass row level security: '
        'it would see an empty Storage.', current_user),
      hint = 'Apply Holdfast''s migrations as the role postgres.';
  end if;
end
$$;
comment on function holdfast_private.assert_source_visible() is
  'Raises source_hidden if row level security would hide the project''s objects from a backup.';
