-- The small functions that are evaluated for each of a million rows have SQL-standard bodies (return …).
-- Such a body binds its names when the function is created, so it needs no search path. If a function
-- sets a search path, Postgres cannot inline it, and a call costs some ten times as much.

create function holdfast_private.plain_key(bucket_id text, name text, version text) returns text
  language sql immutable parallel safe
return case when position('/' in bucket_id || version) = 0
  then 'data/' || bucket_id || '/' || name || '/' || version end;
comment on function holdfast_private.plain_key(text, text, text) is
  'The plain key of a version; null if bucket, name and version could not be parsed from it again. keys.ts decides whether a writer uses it. A blob without a stored key has this key.';

create function holdfast_private.object_hash(object_id uuid) returns bigint
  language sql immutable parallel safe
return uuid_hash_extended(object_id, 0);
comment on function holdfast_private.object_hash(uuid) is 'Hash of an object''s id, by which entries are found.';

create function holdfast_private.utc(at timestamptz) returns text
  language sql stable parallel safe
return case when isfinite(at) then to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') end;
comment on function holdfast_private.utc(timestamptz) is
  'A time as ISO 8601 in UTC with microseconds, independent of the session''s time zone.';

create function holdfast_private.utc_now() returns timestamp
  language sql volatile
return clock_timestamp() at time zone 'UTC';
comment on function holdfast_private.utc_now() is 'The current time in UTC, without a time zone.';

create function holdfast_private.is_uuid(value text) returns boolean
  language sql immutable parallel safe
return value ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$';
comment on function holdfast_private.is_uuid(text) is 'Whether a text is a UUID in the format that Postgres prints.';

-- User metadata can be nested hundreds of levels deep, because every uploader can send it. Recursive
-- JSON parsers fail on such values: each backup would end at this row, or a listing would be unreadable.
-- So a deep value leaves the database as a text within the JSON, and the same text restores it
-- unchanged.
create function holdfast_private.is_deep(value jsonb) returns boolean
  language sql immutable parallel safe set search_path = ''
as $$
  -- Also counts brackets within strings. This is harmless, because a deep value is only encoded
  -- differently.
  select length(t.text) - length(translate(t.text, '{[', '')) > 200 from (select is_deep.value::text as text) as t
$$;
comment on function holdfast_private.is_deep(jsonb) is 'Whether JSON may be nested more than 200 levels deep.';

create function holdfast_private.user_metadata_of(metadata jsonb) returns jsonb
  language sql immutable parallel safe set search_path = ''
as $$
  select coalesce((user_metadata_of.metadata ->> 'user_metadata_text')::jsonb,
    nullif(user_metadata_of.metadata -> 'user_metadata', 'null'))
$$;
comment on function holdfast_private.user_metadata_of(jsonb) is
  'The user metadata in the result of holdfast_private.metadata, from JSON or from its text form.';

create function holdfast_private.metadata(type text, cache_control text, user_metadata jsonb, owner_id text,
  created_at timestamptz, updated_at timestamptz, etag text) returns jsonb
  language sql stable parallel safe
-- A nesting level takes eight bytes and compresses well. The size check avoids the call of is_deep for
-- almost all rows.
return jsonb_build_object('type', type, 'cache_control', cache_control, 'user_metadata',
    case when pg_column_size(user_metadata) <= 100 or not holdfast_private.is_deep(user_metadata) then user_metadata end,
    'owner_id', owner_id, 'created_at', holdfast_private.utc(created_at), 'updated_at', holdfast_private.utc(updated_at), 'etag', etag)
  || case when pg_column_size(user_metadata) > 100 and holdfast_private.is_deep(user_metadata)
    then jsonb_build_object('user_metadata_text', user_metadata::text) else '{}' end;
comment on function holdfast_private.metadata(text, text, jsonb, text, timestamptz, timestamptz, text) is
  'Metadata of an object that only Postgres has, as functions receive it and as a line of a listing contains it.';

create function holdfast_private.same_metadata(
  type text, cache_control text, user_metadata jsonb, owner_id text, created_at timestamptz,
  other_type text, other_cache_control text, other_user_metadata jsonb, other_owner_id text,
  other_created_at timestamptz) returns boolean
  language sql immutable parallel safe
return created_at is not distinct from other_created_at and type is not distinct from other_type
  and cache_control is not distinct from other_cache_control and owner_id is not distinct from other_owner_id
  -- Compares texts: as jsonb, 1 and 1.0 are equal, and a restore would replace one with the other.
  and user_metadata::text is not distinct from other_user_metadata::text;
comment on function holdfast_private.same_metadata(text, text, jsonb, text, timestamptz, text, text, jsonb, text, timestamptz) is
  'Whether a restore would write the same metadata: type, cache control, user metadata, owner and creation time. Excludes updated_at, last_accessed_at and ETag, which can change without an edit.';
