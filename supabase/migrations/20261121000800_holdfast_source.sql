-- How Holdfast reads storage.objects: one view, so that no other SQL knows its columns of last year
-- and of tomorrow, and one definition of what is in scope.

create function holdfast.same_metadata(
  type text, cache_control text, user_metadata jsonb, owner_id text, created_at timestamptz,
  other_type text, other_cache_control text, other_user_metadata jsonb, other_owner_id text,
  other_created_at timestamptz) returns boolean
  language sql immutable parallel safe
return created_at is not distinct from other_created_at and type is not distinct from other_type
  and cache_control is not distinct from other_cache_control and owner_id is not distinct from other_owner_id
  -- As text: to jsonb, 1 and 1.0 are equal, and a restore would put back the one for the other.
  and user_metadata::text is not distinct from other_user_metadata::text;
comment on function holdfast.same_metadata(text, text, jsonb, text, timestamptz, text, text, jsonb, text, timestamptz) is
  'Whether a restore would put back the same beside the bytes: type, cache control, user metadata, owner and creation. Not updated_at, last_accessed_at and ETag, which change with no one''s doing.';

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
  -- A row without a version (very old ones) is told apart by what its bytes would change.
  execute format($view$
    create or replace view holdfast.source_objects as
    select r.*, holdfast.metadata(r.type, r.cache_control, r.user_metadata, r.owner_id, r.created_at, r.updated_at,
      r.etag) as metadata
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
    'Live objects of this project as Holdfast reads them, whatever columns this Storage has. size and etag as the row states them. Compare bucket_id under the default collation, as its index is.';
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

revoke all on function
  holdfast.same_metadata(text, text, jsonb, text, timestamptz, text, text, jsonb, text, timestamptz), holdfast.refresh_source(), holdfast.assert_source_visible(),
  holdfast.glob_pattern(text), holdfast.patterns(jsonb), holdfast.plan_scope(jsonb),
  holdfast.in_scope(holdfast.scope, text, text, bigint), holdfast.source_buckets(holdfast.scope) from public;
revoke all on holdfast.source_objects from public;
