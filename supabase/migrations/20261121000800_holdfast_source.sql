-- How Holdfast reads storage.objects: one view, so that no other SQL knows its columns of last year
-- and of tomorrow, and one definition of what is in scope.

-- The small functions here are evaluated for each of a million rows. They have SQL-standard bodies
-- (return …), which bind their names when they are made and so need no search path; with one set,
-- Postgres would call them instead of inlining them, at some ten times the cost.

create function holdfast.row_hash(type text, cache_control text, user_metadata jsonb, owner_id text,
  created_at timestamptz) returns uuid
  language sql immutable parallel safe
return md5(concat_ws(E'\x1f', coalesce(type, E'\x1e'), coalesce(cache_control, E'\x1e'),
  coalesce(user_metadata::text, E'\x1e'), coalesce(owner_id, E'\x1e'), timestamptz_send(created_at)::text))::uuid;
comment on function holdfast.row_hash(text, text, jsonb, text, timestamptz) is
  'Hash of what a restore would put back beside the bytes; not of updated_at and last_accessed_at.';

create function holdfast.metadata_hash(metadata jsonb) returns uuid
  language sql stable parallel safe
return holdfast.row_hash(metadata ->> 'type', metadata ->> 'cache_control',
  nullif(metadata -> 'user_metadata', 'null'), metadata ->> 'owner_id', (metadata ->> 'created_at')::timestamptz);
comment on function holdfast.metadata_hash(jsonb) is 'The row hash of an entry''s metadata.';

create function holdfast.utc(at timestamptz) returns text
  language sql stable parallel safe
return case when isfinite(at) then to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') end;
comment on function holdfast.utc(timestamptz) is 'A time as ISO 8601 in UTC with microseconds, whatever the session''s zone.';

create function holdfast.refresh_source() returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  has_versions boolean := exists (
    select from pg_catalog.pg_attribute
    where attrelid = 'storage.objects'::regclass and attname = 'archived_at' and not attisdropped);
  live text := case when has_versions then 'where archived_at is null and not is_delete_marker' else '' end;
  source_view regclass := to_regclass('holdfast.source_objects');
begin
  if source_view is not null and has_versions = (pg_get_viewdef(source_view) like '%archived_at%') then
    return;
  end if;
  -- A row without a version (very old ones) is told apart by what its bytes would change. The hash
  -- is made of the columns and not of the JSON, which is built only where it is asked for.
  execute format($view$
    create or replace view holdfast.source_objects as
    select r.id, r.bucket_id, r.name, r.version, r.size, r.etag,
      jsonb_build_object(
        'type', r.type, 'cache_control', r.cache_control, 'user_metadata', r.user_metadata,
        'owner_id', r.owner_id, 'created_at', holdfast.utc(r.created_at),
        'updated_at', holdfast.utc(r.updated_at), 'etag', r.etag) as metadata,
      holdfast.row_hash(r.type, r.cache_control, r.user_metadata, r.owner_id, r.created_at) as row_hash
    from (
      select id, bucket_id, name collate "C" as name,
        coalesce(version, 'none-' || md5(concat_ws('|', id, metadata ->> 'eTag', metadata ->> 'size'))) as version,
        case when metadata ->> 'size' ~ '^[0-9]{1,15}$' then (metadata ->> 'size')::bigint end as size,
        trim(both '"' from metadata ->> 'eTag') as etag,
        metadata ->> 'mimetype' as type, metadata ->> 'cacheControl' as cache_control,
        nullif(user_metadata, 'null') as user_metadata, coalesce(owner_id, owner::text) as owner_id,
        case when isfinite(created_at) then created_at end as created_at, updated_at
      from storage.objects %s) as r$view$, live);
  comment on view holdfast.source_objects is
    'Live objects of this project as Holdfast reads them, whatever columns this Storage has. size and etag as the row states them; row_hash is that of metadata. Compare bucket_id under the default collation, as its index is.';
end
$$;
comment on function holdfast.refresh_source() is
  'Makes the view source_objects fit the columns that storage.objects has now.';
select holdfast.refresh_source();

create function holdfast.assert_source_visible() returns void
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
comment on function holdfast.assert_source_visible() is
  'Raises source_hidden where row level security would hide the project''s objects from a backup.';

create function holdfast.glob_pattern(glob text) returns text
  language sql immutable set search_path = ''
as $$
  select '^(?:' || replace(replace(replace(replace(replace(replace(
    regexp_replace(
      -- More than two stars say no more than two, and must not be read as two and one.
      regexp_replace(glob, '\*{2,}', '**', 'g'), '([.+^$(){}|\[\]\\])', '\\\1', 'g'),
    '**/', E'\x01'), '**', E'\x02'), '*', '[^/]*'), '?', '[^/]'), E'\x01', '(?:.*/)?'), E'\x02', '.*') || ')$'
$$;
comment on function holdfast.glob_pattern(text) is
  'A glob over bucket/name as a regular expression: * and ? stop at a slash, ** does not.';

create type holdfast.scope as (
  buckets text[], include text[], exclude text[], max_object_bytes bigint);
comment on type holdfast.scope is 'What to back up: bucket ids, patterns over bucket/name, and the largest size.';

create function holdfast.patterns(globs jsonb) returns text[]
  language sql immutable set search_path = ''
as $$ select array(select holdfast.glob_pattern(g) from jsonb_array_elements_text(globs) g) $$;
comment on function holdfast.patterns(jsonb) is 'A list of globs as patterns.';

create function holdfast.plan_scope(plan jsonb) returns holdfast.scope
  language sql immutable set search_path = ''
as $$
  -- A null costs nothing a row: all buckets, the usual include and no exclude. But an empty list of
  -- buckets is no bucket.
  select row(
    case when s.buckets is not null then array(select jsonb_array_elements_text(s.buckets)) end,
    case when s.include <> '["**"]' then holdfast.patterns(s.include) end,
    case when s.exclude <> '[]' then holdfast.patterns(s.exclude) end,
    s.max_object_bytes)::holdfast.scope
  from jsonb_to_record(coalesce(plan -> 'settings', '{}'))
    as s (buckets jsonb, include jsonb, exclude jsonb, max_object_bytes bigint)
$$;
comment on function holdfast.plan_scope(jsonb) is
  'The scope that a run was started with, from the settings frozen in its plan.';

create function holdfast.in_scope(scope holdfast.scope, bucket_id text, name text, size bigint)
  returns boolean language sql immutable parallel safe
return left(bucket_id, 9) <> 'holdfast-'
  and ((scope).buckets is null or bucket_id = any ((scope).buckets))
  and ((scope).include is null or (bucket_id || '/' || name) ~ any ((scope).include))
  and ((scope).exclude is null or not (bucket_id || '/' || name) ~ any ((scope).exclude))
  and ((scope).max_object_bytes is null or coalesce(size, 0) <= (scope).max_object_bytes);
comment on function holdfast.in_scope(holdfast.scope, text, text, bigint) is
  'Whether an object is to be backed up. Holdfast''s own scratch and drill buckets never are.';

create function holdfast.source_buckets(scope holdfast.scope) returns setof storage.buckets
  language sql stable security definer set search_path = ''
as $$
  select b.* from storage.buckets b
  where coalesce(to_jsonb(b) ->> 'type', 'STANDARD') = 'STANDARD' and left(b.id, 9) <> 'holdfast-'
    and ((scope).buckets is null or b.id = any ((scope).buckets))
$$;
comment on function holdfast.source_buckets(holdfast.scope) is
  'The buckets to back up. Analytics and vector buckets keep their data outside of Storage.';

revoke all on function holdfast.row_hash(text, text, jsonb, text, timestamptz),
  holdfast.metadata_hash(jsonb), holdfast.utc(timestamptz), holdfast.refresh_source(), holdfast.assert_source_visible(),
  holdfast.glob_pattern(text), holdfast.patterns(jsonb), holdfast.plan_scope(jsonb),
  holdfast.in_scope(holdfast.scope, text, text, bigint), holdfast.source_buckets(holdfast.scope) from public;
revoke all on holdfast.source_objects from public;
