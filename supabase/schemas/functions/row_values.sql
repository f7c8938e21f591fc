-- The small functions that are evaluated for each of a million rows have
-- SQL-standard bodies (return …), which bind their names when they are made and so need no search
-- path; with one set, Postgres would call them instead of inlining them, at some ten times the cost.

create function holdfast_private.plain_key(bucket_id text, name text, version text) returns text
  language sql immutable parallel safe
return case when position('/' in bucket_id || version) = 0
  then 'data/' || bucket_id || '/' || name || '/' || version end;
comment on function holdfast_private.plain_key(text, text, text) is
  'The key that a version has when it is plain; null where it could not be taken apart again. Whether a writer uses it is decided in keys.ts: what is not spelled out is this key.';

create function holdfast_private.object_hash(object_id uuid) returns bigint
  language sql immutable parallel safe
return uuid_hash_extended(object_id, 0);
comment on function holdfast_private.object_hash(uuid) is 'The part of an object''s id that entries are found by.';

create function holdfast_private.utc(at timestamptz) returns text
  language sql stable parallel safe
return case when isfinite(at) then to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') end;
comment on function holdfast_private.utc(timestamptz) is 'A time as ISO 8601 in UTC with microseconds, whatever the session''s zone.';

create function holdfast_private.utc_now() returns timestamp
  language sql volatile
return clock_timestamp() at time zone 'UTC';
comment on function holdfast_private.utc_now() is 'The time of day in UTC, without its zone.';

create function holdfast_private.is_uuid(value text) returns boolean
  language sql immutable parallel safe
return value ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$';
comment on function holdfast_private.is_uuid(text) is 'Whether a text is a UUID just as Postgres writes it.';

-- User metadata that are nested hundreds of levels deep: whoever may upload can send them. Parsers of JSON
-- go down a level at a time, and a backup would end at such a row for ever, or make a listing that nobody
-- can read. So they leave the database as a text within the JSON, and come back from it as they were.
create function holdfast_private.is_deep(value jsonb) returns boolean
  language sql immutable parallel safe set search_path = ''
as $$
  -- Brackets within texts count, too, and cost nothing.
  select length(t.text) - length(translate(t.text, '{[', '')) > 200 from (select is_deep.value::text as text) as t
$$;
comment on function holdfast_private.is_deep(jsonb) is
  'Whether JSON may be nested more than 200 levels deep.';

create function holdfast_private.user_metadata_of(metadata jsonb) returns jsonb
  language sql immutable parallel safe set search_path = ''
as $$
  select coalesce((user_metadata_of.metadata ->> 'user_metadata_text')::jsonb,
    nullif(user_metadata_of.metadata -> 'user_metadata', 'null'))
$$;
comment on function holdfast_private.user_metadata_of(jsonb) is
  'The user metadata in what holdfast_private.metadata makes: as JSON, or as the text in its place.';

create function holdfast_private.metadata(type text, cache_control text, user_metadata jsonb, owner_id text,
  created_at timestamptz, updated_at timestamptz, etag text) returns jsonb
  language sql stable parallel safe
-- A level takes eight bytes, which compress well: nearly all are told by their size, in place of a call.
return jsonb_build_object('type', type, 'cache_control', cache_control, 'user_metadata',
    case when pg_column_size(user_metadata) <= 100 or not holdfast_private.is_deep(user_metadata) then user_metadata end,
    'owner_id', owner_id, 'created_at', holdfast_private.utc(created_at), 'updated_at', holdfast_private.utc(updated_at), 'etag', etag)
  || case when pg_column_size(user_metadata) > 100 and holdfast_private.is_deep(user_metadata)
    then jsonb_build_object('user_metadata_text', user_metadata::text) else '{}' end;
comment on function holdfast_private.metadata(text, text, jsonb, text, timestamptz, timestamptz, text) is
  'What Postgres alone knows of an object, as the functions pass it on and as a line of a listing states it.';

create function holdfast_private.same_metadata(
  type text, cache_control text, user_metadata jsonb, owner_id text, created_at timestamptz,
  other_type text, other_cache_control text, other_user_metadata jsonb, other_owner_id text,
  other_created_at timestamptz) returns boolean
  language sql immutable parallel safe
return created_at is not distinct from other_created_at and type is not distinct from other_type
  and cache_control is not distinct from other_cache_control and owner_id is not distinct from other_owner_id
  -- As text: to jsonb, 1 and 1.0 are equal, and a restore would put back the one for the other.
  and user_metadata::text is not distinct from other_user_metadata::text;
comment on function holdfast_private.same_metadata(text, text, jsonb, text, timestamptz, text, text, jsonb, text, timestamptz) is
  'Whether a restore would put back the same beside the bytes: type, cache control, user metadata, owner and creation. Not updated_at, last_accessed_at and ETag, which change with no one''s doing.';
