-- Storage changes its own tables when it is upgraded. A view over their columns would forbid it to drop
-- or retype one of them, and its upgrade would fail. So the view reads through a function whose text
-- Postgres does not look into; the planner puts it in place of its call, indexes and all.

create or replace function holdfast.refresh_source() returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  columns text[] := array(
    select a.attname::text from pg_catalog.pg_attribute a
    where a.attrelid = 'storage.objects'::regclass and a.attnum > 0 and not a.attisdropped);
  -- What a Storage of another year lacks reads as null.
  metadata text := case when 'metadata' = any (columns) then 'o.metadata' else 'null::jsonb' end;
  version text := case when 'version' = any (columns) then 'o.version::text' else 'null::text' end;
  user_metadata text := case when 'user_metadata' = any (columns) then 'o.user_metadata' else 'null::jsonb' end;
  owner_id text := array_to_string(array(
    select format('o.%I::text', c) from unnest('{owner_id,owner}'::text[]) c where c = any (columns)), ', ');
  live text := array_to_string(array(
    select w.condition from (values
      ('archived_at', 'o.archived_at is null'), ('is_delete_marker', 'not o.is_delete_marker')) as w (name, condition)
    where w.name = any (columns)), ' and ');
  -- A row without a version (very old ones) is told apart by what its bytes would change.
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
  if body = (select p.prosrc from pg_catalog.pg_proc p where p.oid = to_regprocedure('holdfast.source_rows()')) then
    return;
  end if;
  execute 'create or replace function holdfast.source_rows() returns table (id uuid, bucket_id text, name text,
      version text, size bigint, etag text, type text, cache_control text, user_metadata jsonb, owner_id text,
      created_at timestamptz, updated_at timestamptz)
      language sql stable rows 1000000 as ' || quote_literal(body);
end
$$;
comment on function holdfast.refresh_source() is
  'Makes source_rows fit the columns that storage.objects has now.';
select holdfast.refresh_source();
comment on function holdfast.source_rows() is
  'Live rows of storage.objects, whatever columns this Storage has; the view source_objects reads it. Its text is made by refresh_source.';
revoke all on function holdfast.source_rows() from public;

create or replace view holdfast.source_objects as
select r.*, holdfast.metadata(r.type, r.cache_control, r.user_metadata, r.owner_id, r.created_at, r.updated_at,
  r.etag) as metadata
from (
  select s.id, s.bucket_id, s.name collate "C" as name, s.version, s.size, s.etag, s.type, s.cache_control,
    s.user_metadata, s.owner_id, s.created_at, s.updated_at
  from holdfast.source_rows() s) as r;
comment on view holdfast.source_objects is
  'Live objects of this project as Holdfast reads them, whatever columns this Storage has. size and etag as the row states them. Compare bucket_id under the default collation, as its index is.';

create or replace function holdfast.patch_objects(results jsonb) returns boolean
  language plpgsql security definer set search_path = ''
as $$
declare
  times_too boolean := true;
  assignments text := (
    select string_agg(format('%I = %s', a.name, a.value), ', ') from (values
      ('owner_id', $v$x.metadata ->> 'owner_id'$v$),
      ('owner', $v$case when x.metadata ->> 'owner_id' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
        then (x.metadata ->> 'owner_id')::uuid end$v$),
      ('user_metadata', $v$nullif(x.metadata -> 'user_metadata', 'null')$v$),
      ('metadata', $v$coalesce(nullif(o.metadata, 'null'), '{}') || jsonb_strip_nulls(jsonb_build_object(
        'mimetype', x.metadata -> 'type', 'cacheControl', x.metadata -> 'cache_control'))$v$),
      ('created_at', $v$coalesce((x.metadata ->> 'created_at')::timestamptz, o.created_at)$v$),
      ('updated_at', $v$coalesce((x.metadata ->> 'updated_at')::timestamptz, o.updated_at)$v$)) as a (name, value)
    where exists (
      select from pg_catalog.pg_attribute c
      where c.attrelid = 'storage.objects'::regclass and c.attname = a.name and not c.attisdropped));
begin
  begin
    -- The trigger of storage.objects would set updated_at to now. Only this statement is let off it.
    set local session_replication_role = 'replica';
  exception when insufficient_privilege then
    times_too := false;
  end;
  -- Only where the version is still the one just put; id and version are never touched.
  execute format($update$
    update storage.objects o set %s
    from jsonb_to_recordset($1) as x (bucket_id text, name text, restored_version text, metadata jsonb)
    where o.bucket_id = x.bucket_id and o.name = x.name and o.version::text = x.restored_version$update$,
    assignments) using patch_objects.results;
  if times_too then
    set local session_replication_role = 'origin';
  end if;
  return times_too;
end
$$;
comment on function holdfast.patch_objects(jsonb) is
  'Puts back what Storage''s API can''t set: owner, created_at, user metadata and, where the server lets it, updated_at. Returns whether it did.';
