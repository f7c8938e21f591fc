-- Made of supabase/schemas by `deno task migration --baseline`: change it there.

-- functions/row_values.sql

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

-- functions/settings.sql

-- Functions that read, set and check the settings.

create function holdfast.set(name text, value jsonb) returns jsonb
  language plpgsql security definer set search_path = ''
as $$
begin
  update holdfast_private.settings s set value = set.value, updated_at = now() where s.name = set.name;
  if not found then
    raise exception 'setting_unknown' using errcode = 'HF000',
      detail = format('There is no setting named %L.', set.name),
      hint = 'The settings are: '
        || (select string_agg(s.name, ', ' order by s.name) from holdfast_private.settings s) || '.';
  end if;
  return set.value;
end
$$;
comment on function holdfast.set(text, jsonb) is 'Changes one setting and returns its new value.';

create function holdfast_private.setting(name text) returns jsonb
  language sql stable security definer set search_path = ''
as $$ select s.value from holdfast_private.settings s where s.name = setting.name $$;
comment on function holdfast_private.setting(text) is 'The value of one setting.';

create function holdfast_private.all_settings() returns jsonb
  language sql stable security definer set search_path = ''
as $$ select jsonb_object_agg(s.name, s.value) from holdfast_private.settings s $$;
comment on function holdfast_private.all_settings() is 'All settings as one object, for the functions to check.';

create function holdfast_private.limit_setting(name text) returns numeric
  language sql stable security definer set search_path = ''
as $$
  -- An invalid value must not stop the slice that reports it.
  select case when jsonb_typeof(s.value) = 'number' and s.value > '0' then (s.value #>> '{}')::numeric end
  from holdfast_private.settings s where s.name = limit_setting.name
$$;
comment on function holdfast_private.limit_setting(text) is
  'The current value of a limit; null if there is none. It ignores the copy in a run''s plan, so that a raised limit takes effect at once.';

create function holdfast_private.check_settings() returns void
  language plpgsql stable security definer set search_path = ''
as $$
declare
  faults text;
begin
  select string_agg(s.name || ' must be ' || rule.says, '; ' order by s.name) into faults
  from holdfast_private.settings s join (values
    ('buckets', 'null or a list of bucket ids'), ('include', 'a list of at least one glob'),
    ('exclude', 'a list of globs'), ('max_object_bytes', 'null or a whole number above 0'),
    ('workers', 'a whole number from 1 to 16'), ('maximum_age_hours', 'null or a number above 0'),
    ('max_bytes_per_second', 'null or a whole number above 0'),
    ('max_requests_per_second', 'null or a number above 0'),
    ('max_egress_bytes_per_day', 'null or a whole number above 0'),
    ('max_egress_bytes_per_month', 'null or a whole number above 0')
  ) as rule (name, says) on rule.name = s.name
  where not case
    when s.name in ('buckets', 'include', 'exclude') then
      (s.name = 'buckets' and s.value = 'null') or (jsonb_typeof(s.value) = 'array'
        and not jsonb_path_exists(s.value, '$[*] ? (@.type() != "string" || @ == "")')
        and not (s.name = 'include' and s.value = '[]'))
    when s.name not in ('include', 'exclude', 'workers') and s.value = 'null' then true
    when s.name = 'workers' then s.value #>> '{}' ~ '^([1-9]|1[0-6])$' and jsonb_typeof(s.value) = 'number'
    when s.name in ('max_object_bytes', 'max_bytes_per_second', 'max_egress_bytes_per_day', 'max_egress_bytes_per_month') then
      s.value #>> '{}' ~ '^[1-9][0-9]{0,15}$' and jsonb_typeof(s.value) = 'number'
    else jsonb_path_exists(s.value, 'strict $ ? (@.type() == "number" && @ > 0)') end;
  if faults is not null then
    raise exception 'settings_invalid' using errcode = 'HF000', detail = faults || '.',
      hint = 'Correct each: select holdfast.set(name, value). See: select * from holdfast.settings.';
  end if;
end
$$;
comment on function holdfast_private.check_settings() is 'Raises settings_invalid, which names every invalid setting.';

-- functions/keys.sql

create function holdfast_private.record_audit(actor text, action text, detail jsonb default '{}') returns void
  language sql security definer set search_path = ''
as $$
  insert into holdfast_private.audit (actor, action, detail)
  values (record_audit.actor, record_audit.action, record_audit.detail)
$$;
comment on function holdfast_private.record_audit(text, text, jsonb) is 'Adds a row to the audit log.';

create function holdfast.create_key(scope text, name text) returns text
  language plpgsql security definer set search_path = ''
as $$
declare
  random text := replace(gen_random_uuid()::text, '-', '') || replace(gen_random_uuid()::text, '-', '');
  public_id text := substr(replace(gen_random_uuid()::text, '-', ''), 1, 12);
  key text := 'hf_' || scope || '_' || public_id || '_' || random;
begin
  if scope not in ('read', 'operate', 'restore', 'worker') then
    raise exception 'scope_unknown' using errcode = 'HF000',
      detail = format('There is no scope %L.', scope), hint = 'Use read, operate or restore.';
  end if;
  insert into holdfast_private.keys (id, scope, name, digest)
  values (public_id, scope, create_key.name, sha256(convert_to(key, 'UTF8')));
  perform holdfast_private.record_audit(session_user::text, 'key.create',
    jsonb_build_object('scope', scope, 'name', create_key.name));
  return key;
exception when unique_violation then
  raise exception 'key_name_taken' using errcode = 'HF000',
    detail = format('A live key is already named %L.', create_key.name),
    hint = 'Choose another name, or revoke that key first: select holdfast.revoke_key('
      || quote_literal(create_key.name) || ').';
end
$$;
comment on function holdfast.create_key(text, text) is
  'Creates a key with a scope (read, operate, restore) and returns it. The key is shown once, because only its digest is stored.';

create function holdfast.revoke_key(name text) returns void
  language plpgsql security definer set search_path = ''
as $$
begin
  update holdfast_private.keys k set revoked_at = now() where k.name = revoke_key.name and revoked_at is null;
  if not found then
    raise exception 'key_unknown' using errcode = 'HF000',
      detail = format('No live key is named %L.', revoke_key.name),
      hint = 'See: select name, scope, created_at, revoked_at from holdfast.keys.';
  end if;
  perform holdfast_private.record_audit(session_user::text, 'key.revoke', jsonb_build_object('name', revoke_key.name));
end
$$;
comment on function holdfast.revoke_key(text) is 'Revokes a key by its name, immediately.';

create function holdfast_private.find_key(id text) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object('scope', k.scope, 'name', k.name, 'digest', encode(k.digest, 'hex'))
  from holdfast_private.keys k where k.id = find_key.id and k.revoked_at is null
$$;
comment on function holdfast_private.find_key(text) is
  'An active key by its public id. The caller compares the digest in constant time.';

-- The worker key allows only to continue existing runs. It is in Vault, where SQL reads it to post
-- slices.
do $$
declare
  key text := holdfast.create_key('worker', 'worker');
begin
  delete from vault.secrets where name = 'holdfast_worker_key';
  perform vault.create_secret(key, 'holdfast_worker_key', 'Holdfast: continues runs that exist');
end
$$;

-- functions/source.sql

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

-- functions/scope.sql

-- The only definition of the scope of a backup.

create type holdfast_private.scope as (
  buckets text[], include text[], exclude text[], max_object_bytes bigint);
comment on type holdfast_private.scope is
  'What to back up: bucket ids, patterns over bucket/name, and the largest object size.';

create function holdfast_private.glob_pattern(glob text) returns text
  language sql immutable set search_path = ''
as $$
  select '^(?:' || replace(replace(replace(replace(replace(replace(
    regexp_replace(
      -- Three or more stars mean the same as two. Without this step they would be parsed as two stars
      -- and one.
      regexp_replace(glob, '\*{2,}', '**', 'g'), '([.+^$(){}|\[\]\\])', '\\\1', 'g'),
    '**/', E'\x01'), '**', E'\x02'), '*', '[^/]*'), '?', '[^/]'), E'\x01', '(?:.*/)?'), E'\x02', '.*') || ')$'
$$;
comment on function holdfast_private.glob_pattern(text) is
  'A glob over bucket/name as a regular expression: * and ? do not match a slash, ** does.';

create function holdfast_private.patterns(globs jsonb) returns text[]
  language sql immutable set search_path = ''
as $$ select array(select holdfast_private.glob_pattern(g) from jsonb_array_elements_text(globs) g) $$;
comment on function holdfast_private.patterns(jsonb) is 'A list of globs as regular expressions.';

create function holdfast_private.plan_scope(plan jsonb) returns holdfast_private.scope
  language sql immutable set search_path = ''
as $$
  -- Null means all buckets, the default include and no exclude, and costs nothing per row. An empty list
  -- of buckets means no bucket.
  select row(
    case when s.buckets is not null then array(select jsonb_array_elements_text(s.buckets)) end,
    case when s.include <> '["**"]' then holdfast_private.patterns(s.include) end,
    case when s.exclude <> '[]' then holdfast_private.patterns(s.exclude) end,
    s.max_object_bytes)::holdfast_private.scope
  from jsonb_to_record(coalesce(plan -> 'settings', '{}'))
    as s (buckets jsonb, include jsonb, exclude jsonb, max_object_bytes bigint)
$$;
comment on function holdfast_private.plan_scope(jsonb) is 'The scope of a run, from the settings in its plan.';

-- A user's bucket may have the name holdfast-assets. Only buckets that Holdfast creates itself are out
-- of scope, so the check uses the complete form of their ids.
create function holdfast_private.is_own_bucket(bucket_id text) returns boolean
  language sql immutable parallel safe
-- The first condition makes the check cheap for all other names.
return left(bucket_id, 9) = 'holdfast-'
  and bucket_id ~ '^holdfast-(scratch|drill)-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$';
comment on function holdfast_private.is_own_bucket(text) is
  'Whether Holdfast created a bucket. Scratch and drill buckets contain the id of their run.';

create function holdfast_private.in_scope(scope holdfast_private.scope, bucket_id text, name text, size bigint)
  returns boolean language sql immutable parallel safe
return not holdfast_private.is_own_bucket(bucket_id)
  and ((scope).buckets is null or bucket_id = any ((scope).buckets))
  and ((scope).include is null or (bucket_id || '/' || name) ~ any ((scope).include))
  and ((scope).exclude is null or not (bucket_id || '/' || name) ~ any ((scope).exclude))
  and ((scope).max_object_bytes is null or coalesce(size, 0) <= (scope).max_object_bytes);
comment on function holdfast_private.in_scope(holdfast_private.scope, text, text, bigint) is
  'Whether an object is in scope. Holdfast''s own scratch and drill buckets never are.';

create function holdfast_private.source_buckets(scope holdfast_private.scope) returns setof storage.buckets
  language sql stable security definer set search_path = ''
as $$
  select b.* from storage.buckets b
  where coalesce(to_jsonb(b) ->> 'type', 'STANDARD') = 'STANDARD' and not holdfast_private.is_own_bucket(b.id)
    and ((scope).buckets is null or b.id = any ((scope).buckets))
$$;
comment on function holdfast_private.source_buckets(holdfast_private.scope) is
  'The buckets to back up. Analytics and vector buckets are excluded, because their data is not in Storage.';

-- views/known_entries.sql

create view holdfast_private.known_entries as
select e.repository, e.bucket_id, e.name, e.added_in, e.removed_in, e.missing_in, e.object_id, e.version,
  e.blob, case when b.id is not null then coalesce(b.key, holdfast_private.plain_key(e.bucket_id, e.name, e.version)) end as key,
  b.size, b.sha256, b.part_size, e.type, e.cache_control, e.user_metadata, e.owner_id, e.created_at, e.updated_at,
  e.etag, holdfast_private.metadata(e.type, e.cache_control, e.user_metadata, e.owner_id, e.created_at, e.updated_at, e.etag)
    as metadata, e.assumed, e.wanted_version, e.code
from (
  select *, coalesce(version_uuid::text, version_text) as version,
    coalesce(owner_uuid::text, owner_text) as owner_id,
    coalesce(replace(etag_md5::text, '-', ''), etag_text) as etag
  from holdfast_private.entries) as e
  left join holdfast_private.blobs b on b.id = e.blob;
comment on view holdfast_private.known_entries is
  'Entries joined with their blobs, for all reads outside the code that writes them: key, owner and ETag as one column each, metadata as one object.';

-- views/source_objects.sql

create view holdfast_private.source_objects as
select r.*, holdfast_private.metadata(r.type, r.cache_control, r.user_metadata, r.owner_id, r.created_at, r.updated_at,
  r.etag) as metadata
from (
  select s.id, s.bucket_id, s.name collate "C" as name, s.version, s.size, s.etag, s.type, s.cache_control,
    s.user_metadata, s.owner_id, s.created_at, s.updated_at
  from holdfast_private.source_rows() s) as r;
comment on view holdfast_private.source_objects is
  'Live objects of this project as Holdfast reads them, independent of the columns of this Storage version. size and etag are the values in the row. Compare bucket_id under the default collation, because its index uses that collation.';

-- views/listed_entries.sql

create view holdfast_private.listed_entries as
select e.*, (jsonb_strip_nulls(jsonb_build_object(
    'op', 'put', 'bucket', e.bucket_id, 'name', e.name, 'id', e.object_id, 'version', e.version,
    'key', e.key, 'size', e.size, 'sha256', encode(e.sha256, 'hex'), 'part_size', e.part_size,
    'assumed', nullif(e.assumed, false), 'wanted_version', e.wanted_version, 'code', e.code))
  || e.metadata)::text as line
from holdfast_private.known_entries e;
comment on view holdfast_private.listed_entries is 'Entries, each with its line in a listing.';

-- functions/entries.sql

-- Only these functions create entries and blobs. Backup, restore and import call them in the transaction
-- that moves their cursor.

create function holdfast_private.spell_keys(blobs bigint[]) returns void
  language sql security definer set search_path = ''
as $$
  update holdfast_private.blobs b set key = holdfast_private.plain_key(e.bucket_id, e.name, e.version)
  from holdfast_private.known_entries e
  where b.id = any (spell_keys.blobs) and b.key is null and e.blob = b.id
$$;
comment on function holdfast_private.spell_keys(bigint[]) is
  'Stores the keys of blobs, derived from any of their entries. Call it before an entry with another plain key references the blob, or before the last entry is removed.';

create function holdfast_private.put_blobs(repository integer, results jsonb, anew boolean)
  returns table (bucket_id text, name text, blob bigint)
  language plpgsql security definer set search_path = ''
  set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_column
declare
  repo integer := put_blobs.repository;
begin
  -- A moved object has a key that is not the plain key of its own name. The same key may be the plain
  -- key of another entry; then that entry's blob needs its key stored first.
  if exists (
    select from jsonb_to_recordset(put_blobs.results) as x (bucket_id text, name text, version text, stored jsonb)
    where x.stored ->> 'key' <> coalesce(holdfast_private.plain_key(x.bucket_id, x.name, x.version), '')) then
    perform holdfast_private.spell_keys(array(
      select e.blob
      from jsonb_to_recordset(put_blobs.results) as x (bucket_id text, name text, version text, stored jsonb)
        cross join lateral regexp_match(x.stored ->> 'key', '^data/([^/]+)/(.+)/([^/]+)$') as part
        join holdfast_private.known_entries e on e.repository = repo and e.bucket_id = part[1] and e.name = part[2]
          and e.version = part[3]
      where (x.bucket_id, x.name, x.version) <> (part[1], part[2], part[3])));
  end if;

  return query
  with line as materialized (
    select x.bucket_id, x.name, x.version, x.stored ->> 'key' as key, x.stored
    from jsonb_to_recordset(put_blobs.results) as x (bucket_id text, name text, version text, stored jsonb)
    where x.stored is not null
  ), wanted as (
    -- The key stays null only if no other line has the same key.
    select distinct on (l.key) l.*,
      bool_and(l.key is not distinct from holdfast_private.plain_key(l.bucket_id, l.name, l.version))
        over (partition by l.key) as plain
    from line l
  ), found as materialized (
    select w.*, coalesce(spelled.id, plain.blob) as id
    from wanted w
      left join holdfast_private.blobs spelled on spelled.repository = repo and spelled.key = w.key
      left join lateral (
        select e.blob from holdfast_private.known_entries e join holdfast_private.blobs b on b.id = e.blob
        where w.plain and not put_blobs.anew and e.repository = repo and e.bucket_id = w.bucket_id
          and e.name = w.name and e.version = w.version and b.key is null
        limit 1) as plain on true
  ), fresh as materialized (
    -- Ids follow the order of names, so that both indexes of entries, by name and by blob, grow at one
    -- end.
    select n.*, nextval('holdfast_private.blobs_id_seq') as new_id
    from (select * from found f where f.id is null order by f.bucket_id collate "C", f.name collate "C") as n
  ), made as (
    insert into holdfast_private.blobs (id, repository, key, size, sha256, part_size)
    select f.new_id, repo, case when not f.plain then f.key end, (f.stored ->> 'size')::bigint,
      decode(f.stored ->> 'sha256', 'hex'), (f.stored ->> 'part_size')::bigint
    from fresh f
  )
  select l.bucket_id, l.name, coalesce(f.id, n.new_id)
  from line l left join found f on f.key = l.key left join fresh n on n.key = l.key;
end
$$;
comment on function holdfast_private.put_blobs(integer, jsonb, boolean) is
  'Records the stored bytes of each result and returns the blob. A known key keeps its blob. anew: no entry has any of these names.';

create type holdfast_private.entry_content as (
  bucket_id text, name text, object_id uuid, version text, blob bigint, metadata jsonb, assumed boolean,
  wanted_version text, code text);
comment on type holdfast_private.entry_content is 'Content of an entry, as an argument of open_entries.';

create function holdfast_private.open_entries(repository integer, sequence integer, contents holdfast_private.entry_content[],
  anew boolean) returns void
  language plpgsql security definer set search_path = ''
  set plan_cache_mode = force_custom_plan
as $$
declare
  repo integer := open_entries.repository;
  seq integer := open_entries.sequence;
begin
  if not anew then
    -- The replaced entry may be the last one from which its blob's key can be derived.
    perform holdfast_private.spell_keys(array(
      select e.blob from unnest(contents) c join holdfast_private.entries e on e.repository = repo
        and e.bucket_id = c.bucket_id and e.name = c.name and e.added_in = seq
      where e.blob is distinct from c.blob));
    update holdfast_private.entries e set removed_in = seq
    from unnest(contents) as c
    where e.repository = repo and e.bucket_id = c.bucket_id and e.name = c.name
      and e.removed_in is null and e.added_in < seq;
  end if;

  -- An entry that the same run added is in no sealed snapshot, so it is replaced in place.
  insert into holdfast_private.entries (repository, bucket_id, name, added_in, object_id, version_uuid, version_text, blob,
    type, cache_control, user_metadata, owner_uuid, owner_text, created_at, updated_at, etag_md5, etag_text,
    assumed, wanted_version, code)
  select repo, c.bucket_id, c.name, seq, c.object_id,
    case when c.version_is_uuid then c.version::uuid end, case when not c.version_is_uuid then c.version end,
    c.blob, c.metadata ->> 'type', c.metadata ->> 'cache_control', holdfast_private.user_metadata_of(c.metadata),
    case when c.owner_is_uuid then c.owner_id::uuid end, case when not c.owner_is_uuid then c.owner_id end,
    (c.metadata ->> 'created_at')::timestamptz, (c.metadata ->> 'updated_at')::timestamptz,
    case when c.etag_is_md5 then c.etag::uuid end, case when not c.etag_is_md5 then c.etag end,
    coalesce(c.assumed, false), c.wanted_version, c.code
  from (
    select o.*, holdfast_private.is_uuid(o.version) as version_is_uuid, holdfast_private.is_uuid(o.owner_id) as owner_is_uuid,
      length(o.etag) = 32 and ltrim(o.etag, '0123456789abcdef') = '' as etag_is_md5
    from (
      select *, c.metadata ->> 'owner_id' as owner_id, c.metadata ->> 'etag' as etag
      from unnest(contents) as c) as o
    order by o.blob) as c -- follows the order of the new ids
  on conflict on constraint entries_pkey do update
  set object_id = excluded.object_id, version_uuid = excluded.version_uuid,
    version_text = excluded.version_text, blob = excluded.blob, type = excluded.type,
    cache_control = excluded.cache_control, user_metadata = excluded.user_metadata,
    owner_uuid = excluded.owner_uuid, owner_text = excluded.owner_text, created_at = excluded.created_at,
    updated_at = excluded.updated_at, etag_md5 = excluded.etag_md5, etag_text = excluded.etag_text,
    assumed = excluded.assumed, removed_in = null, missing_in = null,
    wanted_version = excluded.wanted_version, code = excluded.code;
end
$$;
comment on function holdfast_private.open_entries(integer, integer, holdfast_private.entry_content[], boolean) is
  'Opens entries at a sequence and closes the previous ones. anew: no entry has any of these names.';

create function holdfast_private.put_entries(repository integer, sequence integer, results jsonb) returns void
  language plpgsql security definer set search_path = ''
  set plan_cache_mode = force_custom_plan
as $$
declare
  repo integer := put_entries.repository;
  -- Checked once: a first backup or an import into an empty catalog then needs no lookups.
  anew boolean := not exists (
    select from jsonb_to_recordset(put_entries.results) as x (bucket_id text, name text)
      join holdfast_private.entries e on e.repository = repo and e.bucket_id = x.bucket_id and e.name = x.name);
begin
  -- A null key is the plain key of every entry of the blob. An entry with another name would break this,
  -- so the key is stored first.
  if jsonb_path_exists(put_entries.results, '$[*].blob ? (@ != null)') then
    perform holdfast_private.spell_keys(array(
      select e.blob
      from jsonb_to_recordset(put_entries.results) as x (bucket_id text, name text, version text, blob bigint)
        join holdfast_private.known_entries e on e.blob = x.blob
      where (e.bucket_id, e.name, e.version) <> (x.bucket_id, x.name, x.version)));
  end if;
  perform holdfast_private.open_entries(repo, put_entries.sequence, array(
    select row(x.bucket_id, x.name, x.object_id, x.version, coalesce(known.id, put.blob), x.metadata, x.assumed,
      x.wanted_version, x.code)::holdfast_private.entry_content
    from jsonb_to_recordset(put_entries.results) as x (bucket_id text, name text, object_id uuid,
        version text, metadata jsonb, blob bigint, assumed boolean, wanted_version text, code text)
      left join holdfast_private.blobs known on known.repository = repo and known.id = x.blob
      left join holdfast_private.put_blobs(repo, put_entries.results, anew) put
        on put.bucket_id = x.bucket_id and put.name = x.name
    where known.id is not null or put.blob is not null or x.wanted_version is not null), anew);
  perform holdfast_private.analyze_grown();
end
$$;
comment on function holdfast_private.put_entries(integer, integer, jsonb) is
  'Opens an entry for each result and closes the previous one. A result has held bytes (blob), newly stored bytes (stored), or a failure mark that an import read (wanted_version).';

create function holdfast_private.mark_entries(repository integer, sequence integer, results jsonb) returns void
  language plpgsql security definer set search_path = ''
  set plan_cache_mode = force_custom_plan
as $$
begin
  -- If bytes are held, the mark copies their entry. Otherwise the entry lists the row that the scan
  -- found.
  --
  -- An existing mark is not written again, because every backup would then list it as a change.
  perform holdfast_private.open_entries(mark_entries.repository, mark_entries.sequence, array(
    select case when e.blob is null
      then row(x.bucket_id, x.name, x.object_id, x.version, null, x.metadata, false, x.version,
        x.failure ->> 'code')::holdfast_private.entry_content
      else row(e.bucket_id, e.name, e.object_id, e.version, e.blob, e.metadata, e.assumed, x.version,
        x.failure ->> 'code')::holdfast_private.entry_content end
    from jsonb_to_recordset(mark_entries.results) as x (bucket_id text, name text, object_id uuid,
        version text, metadata jsonb, failure jsonb)
      left join holdfast_private.known_entries e on e.repository = mark_entries.repository
        and e.bucket_id = x.bucket_id and e.name = x.name and e.removed_in is null
    where x.failure is not null and (e.name is null
      or e.wanted_version is distinct from x.version or e.code is distinct from x.failure ->> 'code')), false);
end
$$;
comment on function holdfast_private.mark_entries(integer, integer, jsonb) is
  'Marks each result with a failure. If bytes are held, the entry is kept and marked stale. Otherwise an entry without a blob lists the object.';

-- If a complete bucket cannot be read, failures grows as fast as the catalog, and each page is compared
-- with all earlier pages. So its statistics must be current, too.
create function holdfast_private.analyze_grown() returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  grown regclass;
begin
  for grown in
    select c.oid from pg_catalog.pg_class c
    where c.oid = any (array['holdfast_private.blobs', 'holdfast_private.entries', 'holdfast_private.failures']::regclass[])
      and pg_relation_size(c.oid) > 4 * current_setting('block_size')::bigint * c.relpages
    order by c.oid
  loop
    -- If another session has this lock, it is already analyzing or vacuuming the table, and waiting is
    -- not necessary.
    execute format('lock table %s in share update exclusive mode nowait', grown);
    execute format('analyze %s', grown);
  end loop;
exception when lock_not_available then
  null;
end
$$;
comment on function holdfast_private.analyze_grown() is
  'Analyzes the catalog''s tables when they have grown fourfold. Without statistics, each page of a first backup is joined with all earlier pages until autovacuum runs.';

-- functions/failures.sql

-- Objects that could not be copied. A failure is recorded, and removed once the object is held, deleted
-- or out of scope.

create function holdfast_private.record_failures(run_id uuid, job text, results jsonb) returns void
  language sql security definer set search_path = ''
  set plan_cache_mode = force_custom_plan
as $$
  delete from holdfast_private.failures f
  using jsonb_to_recordset(record_failures.results) as x (bucket_id text, name text, failure jsonb, upload jsonb)
  where f.bucket_id = x.bucket_id and f.name = x.name
    -- A begun upload has not succeeded yet, so its failed attempts still count.
    and f.job = record_failures.job and x.failure is null and x.upload is null
    and (f.job = 'backup' or f.run = record_failures.run_id);

  update holdfast_private.failures f
  set run = record_failures.run_id, class = x.failure ->> 'class', code = x.failure ->> 'code',
    message = x.failure ->> 'message', version = x.version, last_at = now(),
    attempts = case when f.version is not distinct from x.version then f.attempts + 1 else 1 end,
    next_at = case
      when x.failure ->> 'class' = 'failed' then now()
      -- The intervals are four hours shorter than a day and a week. Otherwise the nightly run at the
      -- same hour would be too early.
      when f.attempts < 7 then now() + interval '20 hours'
      else now() + interval '6 days 20 hours' end
  from jsonb_to_recordset(record_failures.results) as x (bucket_id text, name text, version text, failure jsonb)
  where f.bucket_id = x.bucket_id and f.name = x.name
    and f.job = record_failures.job and x.failure is not null
    and (f.job = 'backup' or f.run = record_failures.run_id);

  insert into holdfast_private.failures (run, job, bucket_id, name, version, class, code, message, next_at)
  select record_failures.run_id, record_failures.job, x.bucket_id, x.name, x.version,
    x.failure ->> 'class', x.failure ->> 'code', x.failure ->> 'message',
    case when x.failure ->> 'class' = 'failed' then now() else now() + interval '20 hours' end
  from jsonb_to_recordset(record_failures.results) as x (bucket_id text, name text, version text, failure jsonb)
  where x.failure is not null and not exists (
    select from holdfast_private.failures f where f.bucket_id = x.bucket_id and f.name = x.name
      and f.job = record_failures.job and (f.job = 'backup' or f.run = record_failures.run_id))
$$;
comment on function holdfast_private.record_failures(uuid, text, jsonb) is
  'Records the failure of each failed result and removes the failures of successful ones.';

create function holdfast_private.remove_failures(scope holdfast_private.scope) returns void
  language sql security definer set search_path = ''
as $$
  delete from holdfast_private.failures f where f.job = 'backup' and not exists (
    select from holdfast_private.source_objects o where o.bucket_id = f.bucket_id collate "default" and o.name = f.name
      and holdfast_private.in_scope(remove_failures.scope, o.bucket_id, o.name, o.size)
    -- Looks up each object. As a join on a table without statistics, it would read all objects of the
    -- project.
    offset 0)
$$;
comment on function holdfast_private.remove_failures(holdfast_private.scope) is
  'Removes failures of objects that were deleted or are out of scope.';

-- Removes failures of objects that are held now. Such failures exist after a restore of the database,
-- after an import of newer snapshots, and after a restore of the object. A scan skips an unchanged held
-- object, so its failure would stay and every later snapshot would be partial.
create function holdfast_private.remove_resolved_failures(repository integer) returns void
  language sql security definer set search_path = '' set plan_cache_mode = force_custom_plan
as $$
  delete from holdfast_private.failures f
  where f.job = 'backup' and exists (
    select from holdfast_private.known_entries e join holdfast_private.source_objects o
      on o.bucket_id = e.bucket_id collate "default" and o.name = e.name and o.version = e.version
    where e.repository = remove_resolved_failures.repository and e.bucket_id = f.bucket_id and e.name = f.name
      and e.removed_in is null and e.blob is not null and e.wanted_version is null
    -- Looks up each object, as remove_failures does.
    offset 0)
$$;
comment on function holdfast_private.remove_resolved_failures(integer) is
  'Removes failures of objects that the repository holds in their current version.';

-- functions/repositories.sql

-- Repositories and the sequences that runs take in them.

create function holdfast_private.location_of(facts jsonb) returns jsonb
  language sql immutable set search_path = ''
as $$
  select jsonb_build_object('endpoint', facts -> 'endpoint', 'bucket', facts -> 'bucket', 'prefix', facts -> 'prefix')
$$;
comment on function holdfast_private.location_of(jsonb) is 'Location of a repository: endpoint, bucket and prefix.';

-- A run stays at the location at which it began. Bytes that were copied to another location are not held
-- at this one: secrets can change at any time, and a bucket may be copied while it has unsealed data.
--
-- A listing may not yet show the newest record of the log. This record may be of a failed run that got
-- no response to its write. The next run would then count past it, and no later run would check for it:
-- the snapshot would be in the repository and never in the catalog. Only a run that began its seal stage
-- writes a record. Whether its snapshot can still be recovered is decided later.
create function holdfast_private.known_repository(repository_id uuid) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object('id', r.id, 'last_record', r.last_record, 'owner_project', r.owner_project,
    'conditional_writes', r.conditional_writes, 'endpoint', r.endpoint, 'bucket', r.bucket, 'prefix', r.prefix,
    'unconfirmed_records', (
      select coalesce(jsonb_agg(u.sequence order by u.sequence), '[]') from holdfast_private.runs u
      where u.repository = r.id and u.kind = 'backup' and u.state = 'failed' and u.sequence > r.last_record
        and exists (select from holdfast_private.cursors c where c.run = u.id and c.stage = 'seal')))
  from holdfast_private.repositories r where r.repository_id = known_repository.repository_id
$$;
comment on function holdfast_private.known_repository(uuid) is
  'The catalog''s data of a repository, with the location of the last backups and the sequences of unconfirmed records, which may be in its log. Null if the repository is unknown.';

create function holdfast_private.repository_at(endpoint text, bucket text, prefix text) returns uuid
  language sql stable security definer set search_path = ''
as $$
  select r.repository_id from holdfast_private.repositories r
  where r.endpoint = repository_at.endpoint and r.bucket = repository_at.bucket and r.prefix = repository_at.prefix
  order by r.id desc limit 1
$$;
comment on function holdfast_private.repository_at(text, text, text) is 'The repository that was last used at a location.';

create function holdfast_private.save_repository(facts jsonb) returns integer
  language sql security definer set search_path = ''
as $$
  insert into holdfast_private.repositories (repository_id, endpoint, bucket, prefix, format_version,
    owner_project, last_record, conditional_writes)
  select f.repository_id, f.endpoint, f.bucket, f.prefix, f.format_version, f.owner_project,
    f.last_record, f.conditional_writes
  from jsonb_to_record(save_repository.facts) as f (repository_id uuid, endpoint text, bucket text,
    prefix text, format_version integer, owner_project text, last_record integer, conditional_writes boolean)
  on conflict (repository_id) do update
  set endpoint = excluded.endpoint, bucket = excluded.bucket, prefix = excluded.prefix,
    format_version = excluded.format_version, owner_project = excluded.owner_project,
    -- The value of another server does not apply: this server has to be probed.
    conditional_writes = coalesce(excluded.conditional_writes,
      case when (repositories.endpoint, repositories.bucket, repositories.prefix)
          = (excluded.endpoint, excluded.bucket, excluded.prefix)
        then repositories.conditional_writes end),
    last_record = greatest(repositories.last_record, excluded.last_record)
  returning id
$$;
comment on function holdfast_private.save_repository(jsonb) is
  'Records the properties of a repository and returns its number.';

create function holdfast_private.own_repository() returns integer
  language sql stable security definer set search_path = ''
as $$
  select coalesce(
    (select r.repository from holdfast_private.runs r
      where r.kind = 'backup' and r.repository is not null order by r.started_at desc limit 1),
    (select p.id from holdfast_private.repositories p
      where p.owner_project = holdfast_private.setting('project_url') #>> '{}' order by p.id desc limit 1))
$$;
comment on function holdfast_private.own_repository() is
  'The repository that this project backs up to: the one of the last backup, or after an import the one that it owns. Null before the first backup.';

create function holdfast_private.take_sequence(run_id uuid, repository integer) returns integer
  language sql security definer set search_path = ''
as $$
  update holdfast_private.runs r
  set repository = take_sequence.repository,
    sequence = 1 + greatest(
      (select last_record from holdfast_private.repositories where id = take_sequence.repository),
      (select max(o.sequence) from holdfast_private.runs o where o.repository = take_sequence.repository),
      (select max(e.added_in) from holdfast_private.entries e where e.repository = take_sequence.repository),
      (select max(e.removed_in) from holdfast_private.entries e
        where e.repository = take_sequence.repository and e.removed_in is not null))
  where r.id = take_sequence.run_id and r.sequence is null
  returning r.sequence
$$;
comment on function holdfast_private.take_sequence(uuid, integer) is
  'Assigns a run the next sequence of its repository: one above the highest in the log or the catalog.';

-- functions/limits.sql

-- Limits on reading from Storage, bytes read so far, and pauses of runs. A run pauses when a limit is
-- reached or a server asks it to wait. A paused run still counts as the one running run. Nothing is
-- leased or posted for it until the pause ends or the limit is raised.

create function holdfast_private.add_egress(run_id uuid, done jsonb) returns void
  language sql security definer set search_path = ''
as $$
  insert into holdfast_private.egress as e (day, kind, bytes)
  select holdfast_private.utc_now()::date, r.kind, (add_egress.done ->> 'bytes_read')::numeric::bigint
  from holdfast_private.runs r where r.id = add_egress.run_id and (add_egress.done ->> 'bytes_read')::numeric > 0
  on conflict (day, kind) do update set bytes = e.bytes + excluded.bytes
$$;
comment on function holdfast_private.add_egress(uuid, jsonb) is
  'Adds bytes_read from a commit''s counters to the egress of the day, in the transaction of the commit.';

create function holdfast_private.egress_since(first_day date) returns numeric
  language sql stable security definer set search_path = ''
as $$ select coalesce(sum(e.bytes), 0) from holdfast_private.egress e where e.day >= egress_since.first_day $$;
comment on function holdfast_private.egress_since(date) is 'Bytes read from Storage since the beginning of a day.';

create function holdfast_private.egress_limit_reached(out setting text, out allowed numeric, out used numeric, out until timestamptz)
  language sql volatile security definer set search_path = ''
as $$
  select w.setting, l.allowed, u.used, w.ends at time zone 'UTC'
  from (values
      ('max_egress_bytes_per_day', date_trunc('day', holdfast_private.utc_now()), interval '1 day'),
      ('max_egress_bytes_per_month', date_trunc('month', holdfast_private.utc_now()), interval '1 month')
    ) as v (setting, begins, lasts)
    cross join lateral (select v.setting, v.begins::date, v.begins + v.lasts) as w (setting, begins, ends)
    cross join lateral (select holdfast_private.limit_setting(w.setting)) as l (allowed)
    cross join lateral (select holdfast_private.egress_since(w.begins)) as u (used)
  where u.used >= l.allowed
  order by w.ends desc limit 1
$$;
comment on function holdfast_private.egress_limit_reached() is
  'The egress limit that is used up, with the end of its period. If both are used up, the one that ends later. All null if no limit is reached.';

create function holdfast_private.is_paused(r holdfast_private.runs) returns boolean
  language sql volatile
return coalesce((r).paused_until > clock_timestamp(), false) and (r).state in ('running', 'sealing');
comment on function holdfast_private.is_paused(holdfast_private.runs) is
  'Whether a run is paused, so that nothing may be leased of it.';

create function holdfast_private.pause_summary(r holdfast_private.runs) returns jsonb
  language sql volatile security definer set search_path = ''
as $$
  select case when holdfast_private.is_paused(r) then jsonb_build_object('until', holdfast_private.utc((r).paused_until),
    'code', (r).paused_code, 'message', (r).paused_message) end
$$;
comment on function holdfast_private.pause_summary(holdfast_private.runs) is
  'Until when a run is paused, and why; null if it is not paused.';

create function holdfast_private.pause_run(run_id uuid, until timestamptz, code text, message text) returns boolean
  language plpgsql security definer set search_path = ''
as $$
declare
  r holdfast_private.runs;
  again boolean;
begin
  select * into r from holdfast_private.runs 
  where id = pause_run.run_id and state in ('running', 'sealing') for update;
  if not found or pause_run.until <= clock_timestamp() then
    return false;
  end if;
  again := holdfast_private.is_paused(r) and r.paused_code = pause_run.code;
  -- Several workers may report the same limit or server one after the other. The longest pause applies.
  if holdfast_private.is_paused(r) and r.paused_until >= pause_run.until then
    return false;
  end if;
  update holdfast_private.runs set paused_until = pause_run.until, paused_code = pause_run.code,
    paused_message = pause_run.message
  where id = r.id;
  if not again then
    perform holdfast_private.record_audit('holdfast', r.kind || '.pause', jsonb_build_object('run', r.id,
      'until', holdfast_private.utc(pause_run.until), 'code', pause_run.code, 'message', pause_run.message));
  end if;
  return not again;
end
$$;
comment on function holdfast_private.pause_run(uuid, timestamptz, text, text) is
  'Pauses a running run; of several pauses the longest applies. Returns whether the run is newly paused, which is then recorded in the audit log.';

create function holdfast_private.resume_run(run_id uuid) returns void
  language sql security definer set search_path = ''
as $$
  update holdfast_private.runs r
  set resumed_at = case when r.paused_code = 'paused_by_limit' then clock_timestamp() else r.resumed_at end,
    paused_until = null, paused_code = null, paused_message = null
  where r.id = resume_run.run_id and r.paused_until is not null
$$;
comment on function holdfast_private.resume_run(uuid) is
  'Ends the pause of a run. After a pause by a limit, the six hours without progress start again. After a pause that a server asked for, they do not.';

create function holdfast_private.resume_if_due(run_id uuid) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  r holdfast_private.runs;
begin
  -- Few runs are paused. If a run is not paused, its row must not be locked until the tick commits.
  -- Every heartbeat and commit of its workers needs the row.
  if not exists (
    select from holdfast_private.runs p where p.id = resume_if_due.run_id and p.paused_until is not null) then
    return;
  end if;
  select * into r from holdfast_private.runs where id = resume_if_due.run_id for update;
  if r.paused_until is not null and (not holdfast_private.is_paused(r)
    or (r.paused_code = 'paused_by_limit' and (holdfast_private.egress_limit_reached()).setting is null)) then
    perform holdfast_private.resume_run(r.id);
  end if;
end
$$;
comment on function holdfast_private.resume_if_due(uuid) is
  'Ends the pause of a run if its time has passed or its limit was raised.';

-- functions/isolate_lifetimes.sql

-- How long slices may last: short at first, and longer after slices survived.

create function holdfast_private.guaranteed_slice_seconds() returns integer
  language sql immutable set search_path = '' as $$ select 40 $$;
comment on function holdfast_private.guaranteed_slice_seconds() is
  'Lifetime in seconds that every platform guarantees an isolate: the shortest limit is 60 s, when self-hosted.';

create function holdfast_private.longest_slice_seconds() returns integer
  language sql immutable set search_path = '' as $$ select 320 $$;
comment on function holdfast_private.longest_slice_seconds() is 'Four fifths of the longest limit of any platform, 400 s.';

create function holdfast_private.slice_seconds(function_name text) returns integer
  language sql stable security definer set search_path = ''
as $$
  select coalesce(
    (select l.seconds from holdfast_private.isolate_lifetimes l where l.function_name = slice_seconds.function_name),
    holdfast_private.guaranteed_slice_seconds())
$$;
comment on function holdfast_private.slice_seconds(text) is
  'How long an isolate of a function may be used after it was loaded, in seconds.';

create function holdfast_private.slice_survived(function_name text, isolate_seconds numeric) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  known integer := holdfast_private.slice_seconds(slice_survived.function_name);
begin
  -- A slice that ended earlier, because of its CPU budget or a shutdown notice, gives no information
  -- about the lifetime.
  if slice_survived.isolate_seconds is null or slice_survived.isolate_seconds < known
    or known >= holdfast_private.longest_slice_seconds() then
    return;
  end if;
  insert into holdfast_private.isolate_lifetimes as l (function_name, seconds)
  values (slice_survived.function_name, least(holdfast_private.longest_slice_seconds(), ceil(known * 1.5)))
  on conflict on constraint isolate_lifetimes_pkey do update
  -- After a crash, lifetimes near the one of the crash are not tried for a week. The limit can change
  -- with the project's plan.
  set seconds = case when l.killed_at > now() - interval '7 days'
      then greatest(l.seconds, least(excluded.seconds, floor(l.killed_after * 0.8)))
      else excluded.seconds end;
end
$$;
comment on function holdfast_private.slice_survived(text, numeric) is
  'Records that a slice used its isolate until the allowed time and survived. The next slices get 1.5 times as long, up to four fifths of the longest limit and of the lifetime at a recent crash.';

create function holdfast_private.slice_killed(function_name text, isolate_seconds numeric) returns void
  language sql security definer set search_path = ''
as $$
  insert into holdfast_private.isolate_lifetimes as l (function_name, seconds, killed_at, killed_after)
  select slice_killed.function_name, holdfast_private.guaranteed_slice_seconds(), now(), floor(slice_killed.isolate_seconds)
  where slice_killed.isolate_seconds > holdfast_private.guaranteed_slice_seconds()
  on conflict (function_name) do update
  set seconds = greatest(holdfast_private.guaranteed_slice_seconds(), least(l.seconds, floor(excluded.killed_after * 0.8))),
    killed_at = excluded.killed_at,
    killed_after = case when l.killed_at > now() - interval '7 days'
      then least(l.killed_after, excluded.killed_after) else excluded.killed_after end
$$;
comment on function holdfast_private.slice_killed(text, numeric) is
  'Records that a worker crashed in an isolate with this age at its last heartbeat or commit. Later isolates are used for a shorter time. Below the guaranteed lifetime, the crash had another cause and is ignored.';

-- functions/runs.sql

-- Runs: start, end and cancel them, and detect stuck ones.

create function holdfast_private.function_of(kind text) returns text
  language sql immutable set search_path = ''
as $$ select case when kind = 'restore' then 'holdfast-restore' else 'holdfast-backup' end $$;
comment on function holdfast_private.function_of(text) is 'The Edge Function that works on runs of a kind.';

-- The plan of a restore contains no settings. Without the fallback to the current setting, a restore
-- would always have two workers.
create function holdfast_private.plan_workers(plan jsonb) returns integer
  language sql stable security definer set search_path = ''
as $$
  -- An invalid value must not stop the slice that reports it.
  select case when workers ~ '^[1-9][0-9]?$' then workers::integer else 2 end
  from (select coalesce(plan #>> '{settings,workers}', holdfast_private.setting('workers') #>> '{}') as workers) as asked
$$;
comment on function holdfast_private.plan_workers(jsonb) is
  'Maximum number of concurrent slices of a run: from its plan, else from the current setting.';

create function holdfast_private.start_run(kind text, plan jsonb, started_by text) returns uuid
  language plpgsql security definer set search_path = ''
as $$
declare
  other holdfast_private.runs;
  id uuid;
begin
  -- Two concurrent starts must not both find no running run. The two-integer form avoids a conflict with
  -- Storage, which uses the other form.
  perform pg_advisory_xact_lock(hashtext('holdfast'), hashtext('start_run'));
  -- A restore and a backup would write the same entries at two sequences.
  select * into other from holdfast_private.runs r where r.state in ('running', 'sealing') limit 1;
  if found then
    raise exception 'run_in_progress' using errcode = 'HF000',
      detail = format('A %s is running: %s.', other.kind, other.id)
        || case when holdfast_private.is_paused(other)
          then format(' It is paused until %s: %s', holdfast_private.utc(other.paused_until), other.paused_message) else '' end,
      hint = format('Wait for it, or end it: select holdfast_private.cancel_run(%L).', other.id);
  end if;
  insert into holdfast_private.runs (kind, plan, started_by)
  values (start_run.kind, start_run.plan, start_run.started_by) returning runs.id into id;
  insert into holdfast_private.cursors (run, stage) values (id, 'prepare');
  perform holdfast_private.ensure_tick();
  perform holdfast_private.record_audit(start_run.started_by, start_run.kind || '.start', jsonb_build_object('run', id));
  return id;
end
$$;
comment on function holdfast_private.start_run(text, jsonb, text) is
  'Starts a run and returns its id. Raises run_in_progress, which names the run that blocks the start.';

create function holdfast_private.is_running(run uuid) returns boolean
  language sql stable security definer set search_path = ''
as $$
  select exists (select from holdfast_private.runs r where r.id = is_running.run and r.state in ('running', 'sealing'))
$$;
comment on function holdfast_private.is_running(uuid) is 'Whether a run has not ended.';

-- A backup that is paused for weeks, or makes no progress, is not considered on time. The status then
-- reports that the next snapshot is overdue, and why.
create function holdfast_private.last_progress(r holdfast_private.runs) returns timestamptz
  language sql stable security definer set search_path = ''
as $$
  -- Only commits are progress: a worker that crashes repeatedly also takes leases.
  select greatest((r).started_at, (r).resumed_at, max(c.committed_at))
  from holdfast_private.cursors c where c.run = (r).id
$$;
comment on function holdfast_private.last_progress(holdfast_private.runs) is
  'When a run last committed; if it has not, when it began or resumed after a limit.';

-- A run may fail after its snapshot's record was written to the log, if it got no response. The snapshot
-- is then valid. The next run identifies it by the frozen bytes of the failed run.
create function holdfast_private.end_run(run_id uuid, new_state text, code text default null,
  message text default null, remedy text default null, result jsonb default null)
  returns void language plpgsql security definer set search_path = ''
as $$
begin
  update holdfast_private.runs r
  set state = new_state, ended_at = clock_timestamp(), code = end_run.code, message = end_run.message,
    remedy = end_run.remedy, result = coalesce(end_run.result, r.result),
    frozen = case when new_state = 'failed' then r.frozen end
  where r.id = end_run.run_id and r.state in ('running', 'sealing');
  update holdfast_private.cursors c set lease_owner = null, lease_expires_at = null
  where c.run = end_run.run_id and c.finished_at is null;
end
$$;
comment on function holdfast_private.end_run(uuid, text, text, text, text, jsonb) is
  'Ends a run and all its leases. A failed run keeps the snapshot.json that it may have published.';

create function holdfast_private.fail_run(cursor_id bigint, owner uuid, code text, message text, remedy text)
  returns void language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors;
begin
  -- Locks the run first: otherwise two workers that fail at once would deadlock.
  perform from holdfast_private.runs r
  where r.id = (select cc.run from holdfast_private.cursors cc where cc.id = fail_run.cursor_id)
  for update;
  c := holdfast_private.require_lease(fail_run.cursor_id, fail_run.owner);
  perform holdfast_private.end_run(c.run, 'failed', fail_run.code, fail_run.message, fail_run.remedy);
end
$$;
comment on function holdfast_private.fail_run(bigint, uuid, text, text, text) is
  'Ends the run of a leased cursor as failed, with a message and a remedy.';

create function holdfast_private.cancel_run(run_id uuid, actor text default null, function_name text default null) returns text
  language plpgsql security definer set search_path = ''
as $$
declare
  r holdfast_private.runs;
begin
  select * into r from holdfast_private.runs where id = cancel_run.run_id for update;
  if r.id is null or holdfast_private.function_of(r.kind) <> cancel_run.function_name then
    raise exception 'run_unknown' using errcode = 'HF000',
      detail = format('There is no run %s.', cancel_run.run_id),
      hint = 'See: select id, kind, state, started_at from holdfast.runs order by started_at desc limit 5.';
  end if;
  if r.state <> 'running' then
    raise exception 'run_not_cancellable' using errcode = 'HF000',
      detail = format('Run %s is %s.', r.id, r.state),
      hint = case r.state when 'sealing' then 'It is writing its snapshot and will be done in a moment.'
        else 'It has ended; there is nothing to cancel.' end;
  end if;
  perform holdfast_private.end_run(r.id, 'cancelled');
  perform holdfast_private.record_audit(coalesce(cancel_run.actor, session_user::text), r.kind || '.cancel',
    jsonb_build_object('run', r.id));
  return 'cancelled';
end
$$;
comment on function holdfast_private.cancel_run(uuid, text, text) is
  'Cancels a running run. Its committed results stay and are used by the next run. If a function is named, runs of other functions are unknown to it, because each function has its own keys.';

create function holdfast_private.end_if_stuck(run_id uuid) returns boolean
  language plpgsql security definer set search_path = ''
as $$
declare
  progress timestamptz;
begin
  -- A run that waits for the end of a limit's period is not stuck.
  select greatest(holdfast_private.last_progress(r), case when r.paused_code = 'paused_by_limit' then r.paused_until end)
  into progress
  from holdfast_private.runs r where r.id = end_if_stuck.run_id;
  if progress is null or progress > clock_timestamp() - interval '6 hours' then
    return false;
  end if;
  -- Locks the run before its cursors, as all other code does.
  perform from holdfast_private.runs r where r.id = end_if_stuck.run_id for update;
  perform holdfast_private.end_run(end_if_stuck.run_id, 'failed', 'run_stuck',
    format('The run made no progress for six hours, since %s.', holdfast_private.utc(progress)),
    format('See the logs of the Edge Function %s: is it deployed, and are its secrets set? Then start another run: it goes on from what was copied.',
      (select holdfast_private.function_of(r.kind) from holdfast_private.runs r where r.id = end_if_stuck.run_id)));
  return true;
end
$$;
comment on function holdfast_private.end_if_stuck(uuid) is
  'Ends a run as failed (run_stuck) if nothing was committed in it for six hours. Returns whether it did.';

-- functions/posts.sql

-- Posts work to the Edge Functions.

create function holdfast_private.free_workers(r holdfast_private.runs) returns integer
  language sql stable security definer set search_path = ''
as $$
  -- A crash ends all workers in the same isolate. Only a single worker can find out which object causes
  -- it.
  select case when coalesce(max(c.isolation_mode), 0) > 0 then 1 else holdfast_private.plan_workers((free_workers.r).plan) end
    - count(*) filter (where c.lease_expires_at > clock_timestamp())
  from holdfast_private.cursors c where c.run = (free_workers.r).id and c.finished_at is null
$$;
comment on function holdfast_private.free_workers(holdfast_private.runs) is
  'How many more workers may work on a run. While a cursor is in isolation mode, only one worker may.';

create function holdfast_private.post_work(function_name text, body jsonb) returns boolean
  language plpgsql security definer set search_path = ''
as $$
declare
  url text := (select decrypted_secret from vault.decrypted_secrets where name = 'holdfast_project_url');
  key text := (select decrypted_secret from vault.decrypted_secrets where name = 'holdfast_worker_key');
begin
  if url is null or key is null then
    return false;
  end if;
  perform net.http_post(
    url := rtrim(url, '/') || '/functions/v1/' || post_work.function_name || '/work',
    body := post_work.body,
    params := '{}'::jsonb,
    headers := jsonb_build_object('Content-Type', 'application/json', 'apikey', key),
    timeout_milliseconds := 5000);
  return true;
end
$$;
comment on function holdfast_private.post_work(text, jsonb) is
  'Asks a function for work over HTTP, after this transaction commits. False if the URL or the worker key is not in Vault.';

create function holdfast_private.post_slice(run_id uuid) returns boolean
  language sql security definer set search_path = ''
as $$
  select coalesce((
    select holdfast_private.post_work(holdfast_private.function_of(r.kind), jsonb_build_object('run', r.id))
    from holdfast_private.runs r
    where r.id = post_slice.run_id and r.state in ('running', 'sealing') and not holdfast_private.is_paused(r)), false)
$$;
comment on function holdfast_private.post_slice(uuid) is
  'Asks for a slice of a run over HTTP, after this transaction commits. False if the URL is not in Vault or the run is paused.';

create function holdfast_private.post_free_workers(run_id uuid) returns integer
  language plpgsql security definer set search_path = ''
as $$
declare
  wanted integer;
begin
  select least(holdfast_private.free_workers(r),
    count(*) filter (where c.lease_expires_at is null or c.lease_expires_at <= clock_timestamp()))
  into wanted
  from holdfast_private.runs r join holdfast_private.cursors c on c.run = r.id and c.finished_at is null
  where r.id = post_free_workers.run_id group by r.id;
  for posted in 1 .. coalesce(wanted, 0) loop
    if not holdfast_private.post_slice(post_free_workers.run_id) then
      return 0;
    end if;
  end loop;
  return greatest(coalesce(wanted, 0), 0);
end
$$;
comment on function holdfast_private.post_free_workers(uuid) is
  'Posts one slice for each free worker of a run, up to the number of cursors to lease. Returns the number of slices.';

-- The project URL must not be an address that clouds reserve, such as a metadata service. The same rule
-- applies to the repository's endpoint.
create function holdfast_private.save_project_url(url text) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  there uuid := (select s.id from vault.secrets s where s.name = 'holdfast_project_url');
begin
  if save_project_url.url !~ '^https?://[^/?#@[:space:]]+/?$' then
    raise exception 'project_url_invalid' using errcode = 'HF000',
      detail = format('%L is not the URL of a project.', save_project_url.url),
      hint = 'It begins with https:// and has no path: https://<project-ref>.supabase.co.';
  end if;
  -- Metadata services return credentials, and each post sends the worker key.
  --
  -- Numeric and hexadecimal addresses are refused too, because they hide the real address from readers.
  if save_project_url.url ~* ('^https?://(169\.254\.|\[fe[89ab][0-9a-f]:|\[::ffff:|\[fd00:ec2:|metadata\.google\.internal'
    || '|[0-9]+(:|/|$)|0x)') then
    raise exception 'project_url_invalid' using errcode = 'HF000',
      detail = format('%L is a link-local address, where no project is.', save_project_url.url),
      hint = 'It begins with https:// and has no path: https://<project-ref>.supabase.co.';
  end if;
  if there is null then
    perform vault.create_secret(rtrim(url, '/'), 'holdfast_project_url', 'Holdfast: where to post slices');
  else
    perform vault.update_secret(there, rtrim(url, '/'));
  end if;
end
$$;
comment on function holdfast_private.save_project_url(text) is
  'Stores the base URL of the project''s functions in Vault; raises project_url_invalid.';

-- functions/leases.sql

-- Leases. Every write of a worker checks its lease and fails if the lease is lost. So a worker that
-- resumes after its lease expired cannot change anything.

create function holdfast_private.lease_seconds() returns integer
  language sql immutable set search_path = '' as $$ select 60 $$;
comment on function holdfast_private.lease_seconds() is
  'Seconds until a lease expires without a commit or heartbeat. It is longer than one page (5 s) or part may take.';

create function holdfast_private.page_objects() returns integer
  language sql immutable set search_path = '' as $$ select 500 $$;
comment on function holdfast_private.page_objects() is
  'Maximum number of objects in one commit. After two crashes, this many commits have one object each.';

create function holdfast_private.worker_limits(plan jsonb) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  -- Workers do not share their budgets: each uses only its share, even if the others are idle.
  select jsonb_build_object(
    'bytes_per_second', (holdfast_private.limit_setting('max_bytes_per_second') / holdfast_private.plan_workers(plan))::float,
    'requests_per_second', (holdfast_private.limit_setting('max_requests_per_second') / holdfast_private.plan_workers(plan))::float,
    'egress', holdfast_private.limit_setting('max_egress_bytes_per_day') is not null
      or holdfast_private.limit_setting('max_egress_bytes_per_month') is not null)
$$;
comment on function holdfast_private.worker_limits(jsonb) is
  'Read limits of one worker for Storage: its share of each setting, null for no limit; and whether egress is limited.';

create function holdfast_private.lease_cursor(owner uuid, function_name text, run uuid default null,
  isolate_seconds numeric default null)
  returns jsonb language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors;
  r holdfast_private.runs;
begin
  select runs.* into r from holdfast_private.runs
  where runs.state in ('running', 'sealing')
    and holdfast_private.function_of(runs.kind) = lease_cursor.function_name
    and (lease_cursor.run is null or runs.id = lease_cursor.run)
  for update;
  if not found or holdfast_private.is_paused(r) or holdfast_private.free_workers(r) <= 0 then
    return null;
  end if;
  perform holdfast_private.resume_run(r.id);
  select cc.* into c from holdfast_private.cursors cc
  where cc.run = r.id and cc.finished_at is null
    and (cc.lease_expires_at is null or cc.lease_expires_at <= clock_timestamp())
  order by cc.isolation_mode > 0 desc, cc.id limit 1 for update skip locked;
  if not found then
    return null;
  end if;
  -- A worker that ends without a crash clears its name, so a remaining name means a crash.
  c.crashes := c.crashes + (c.lease_owner is not null)::integer;
  if c.lease_owner is not null then
    -- The last heartbeat or commit set the expiry of the lease.
    perform holdfast_private.slice_killed(lease_cursor.function_name, extract(epoch from
      c.lease_expires_at - make_interval(secs => holdfast_private.lease_seconds()) - c.isolate_loaded_at));
  end if;
  if c.crashes >= 2 and c.isolation_mode = 0 then
    c.isolation_mode := holdfast_private.page_objects();
  end if;
  update holdfast_private.cursors cc
  set lease_owner = lease_cursor.owner, attempts = attempts + 1, crashes = c.crashes, isolation_mode = c.isolation_mode,
    lease_expires_at = clock_timestamp() + make_interval(secs => holdfast_private.lease_seconds()),
    isolate_loaded_at = clock_timestamp() - make_interval(secs => lease_cursor.isolate_seconds::float)
  where cc.id = c.id;
  return jsonb_build_object(
    'cursor', c.id, 'run', r.id, 'kind', r.kind, 'stage', c.stage, 'bucket_id', c.bucket_id,
    'position', c.position, 'attempts', c.attempts + 1, 'crashes', c.crashes, 'isolation_mode', c.isolation_mode > 0, 'plan', r.plan,
    'repository', r.repository, 'sequence', r.sequence, 'frozen', r.frozen,
    'started_at', holdfast_private.utc(r.started_at), 'limits', holdfast_private.worker_limits(r.plan),
    'slice_seconds', holdfast_private.slice_seconds(lease_cursor.function_name));
end
$$;
comment on function holdfast_private.lease_cursor(uuid, text, uuid, numeric) is
  'Leases one free cursor of a running run of this function to a worker in an isolate of this age. Null if no cursor is free, all workers are busy or the run is paused.';

create function holdfast_private.require_lease(cursor_id bigint, owner uuid) returns holdfast_private.cursors
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors;
begin
  -- Locks the run before its cursor, as the code that ends a run does. The opposite order would cause a
  -- deadlock.
  perform from holdfast_private.runs r
  where r.id = (select cc.run from holdfast_private.cursors cc where cc.id = require_lease.cursor_id)
    and r.state in ('running', 'sealing')
  for share;
  if found then
    select cc.* into c from holdfast_private.cursors cc
    where cc.id = require_lease.cursor_id and cc.lease_owner = require_lease.owner
      and cc.lease_expires_at > clock_timestamp() and cc.finished_at is null
    for update;
  end if;
  if not found then
    raise exception 'lease_lost' using errcode = 'HF000',
      detail = format('Cursor %s is no longer leased to this slice.', require_lease.cursor_id),
      hint = 'Nothing to do: what was not committed is done again by the worker that has it.';
  end if;
  return c;
end
$$;
comment on function holdfast_private.require_lease(bigint, uuid) is
  'The cursor, locked, if this worker still has its lease and its run is still running. Otherwise it raises lease_lost.';

create function holdfast_private.heartbeat(cursor_id bigint, owner uuid) returns void
  language plpgsql security definer set search_path = ''
as $$
begin
  perform holdfast_private.require_lease(heartbeat.cursor_id, heartbeat.owner);
  update holdfast_private.cursors
  set lease_expires_at = clock_timestamp() + make_interval(secs => holdfast_private.lease_seconds())
  where id = heartbeat.cursor_id;
end
$$;
comment on function holdfast_private.heartbeat(bigint, uuid) is 'Extends a lease during long work without a commit.';

-- functions/releases.sql

-- How a worker gives back a cursor before it has finished it.

create function holdfast_private.release_cursor(cursor_id bigint, owner uuid, rest_seconds numeric default 0) returns boolean
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(release_cursor.cursor_id, release_cursor.owner);
begin
  -- While a worker rests, its lease stays, so that no other worker reads in its place.
  update holdfast_private.cursors set lease_owner = null, attempts = greatest(attempts - 1, 0),
    lease_expires_at = case when release_cursor.rest_seconds > 0
      then clock_timestamp() + make_interval(secs => release_cursor.rest_seconds::float) end
  where id = c.id;
  perform holdfast_private.slice_survived((select holdfast_private.function_of(r.kind) from holdfast_private.runs r where r.id = c.run),
    extract(epoch from clock_timestamp() - c.isolate_loaded_at));
  return release_cursor.rest_seconds <= 0 and holdfast_private.post_slice(c.run);
end
$$;
comment on function holdfast_private.release_cursor(bigint, uuid, numeric) is
  'Gives back an unfinished cursor, which does not count as a crash, and asks for the next slice in the same transaction. If rest_seconds is positive, the cursor rests that long to stay within the read limits, and the tick posts the next slice.';

create function holdfast_private.pause_cursor(cursor_id bigint, owner uuid) returns jsonb
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors;
  reached record;
  newly_paused boolean := false;
begin
  -- Locks the run first, for update. Otherwise two workers that reach the limit at once would deadlock.
  perform from holdfast_private.runs r
  where r.id = (select cc.run from holdfast_private.cursors cc where cc.id = pause_cursor.cursor_id) for update;
  c := holdfast_private.require_lease(pause_cursor.cursor_id, pause_cursor.owner);
  select * into reached from holdfast_private.egress_limit_reached();
  if reached.setting is not null then
    newly_paused := holdfast_private.pause_run(c.run, reached.until, 'paused_by_limit', format(
      '%s is reached: %s of %s bytes were read from Storage.', reached.setting, reached.used, reached.allowed));
  end if;
  perform holdfast_private.release_cursor(c.id, pause_cursor.owner);
  return jsonb_build_object('newly_paused', newly_paused) || coalesce(
    (select holdfast_private.pause_summary(r) from holdfast_private.runs r where r.id = c.run), '{}');
end
$$;
comment on function holdfast_private.pause_cursor(bigint, uuid) is
  'Gives back a cursor and pauses its run until the period of the reached limit ends. If no limit is reached any more, the run continues. Returns until when and why it is paused, and whether it is newly paused.';

create function holdfast_private.may_read(cursor_id bigint, owner uuid) returns boolean
  language plpgsql security definer set search_path = ''
as $$
begin
  perform holdfast_private.require_lease(may_read.cursor_id, may_read.owner);
  return (holdfast_private.egress_limit_reached()).setting is null;
end
$$;
comment on function holdfast_private.may_read(bigint, uuid) is
  'Whether a worker may read another page or part, because no egress limit is reached.';

create function holdfast_private.longest_wait() returns interval
  language sql immutable set search_path = '' as $$ select interval '1 hour' $$;
comment on function holdfast_private.longest_wait() is
  'Longest wait that a server may ask for. The run must continue soon after the server is healthy again, and before six hours without progress end it.';

create function holdfast_private.leave_cursor(cursor_id bigint, owner uuid, retry_seconds numeric default null,
  code text default null, message text default null)
  returns void language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors;
begin
  -- Locks the run before its cursor, for update, as in fail_run.
  perform from holdfast_private.runs r
  where r.id = (select cc.run from holdfast_private.cursors cc where cc.id = leave_cursor.cursor_id) for update;
  c := holdfast_private.require_lease(leave_cursor.cursor_id, leave_cursor.owner);
  update holdfast_private.cursors set lease_owner = null where id = c.id;
  if leave_cursor.retry_seconds > 0 then
    perform holdfast_private.pause_run(c.run, clock_timestamp()
        + least(make_interval(secs => leave_cursor.retry_seconds::float), holdfast_private.longest_wait()),
      leave_cursor.code, leave_cursor.message);
  end if;
end
$$;
comment on function holdfast_private.leave_cursor(bigint, uuid, numeric, text, text) is
  'Leaves a cursor until its lease expires, after a temporary failure. It does not count as a crash, and no worker tries again at once. If a server asked to wait, no worker sends it a request before.';

-- functions/commits.sql

-- Commits a worker's results together with the cursor that produced them.

create function holdfast_private.add_counters(a jsonb, b jsonb) returns jsonb
  language sql immutable set search_path = ''
as $$
  select coalesce(jsonb_object_agg(key, total), '{}') from (
    select key, sum(value::numeric) as total
    from (select * from jsonb_each_text(a) union all select * from jsonb_each_text(b)) as each_side
    group by key) as totals
$$;
comment on function holdfast_private.add_counters(jsonb, jsonb) is 'Adds two sets of counters by name.';

create function holdfast_private.commit_cursor(cursor_id bigint, owner uuid, new_position jsonb, done jsonb)
  returns void language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(commit_cursor.cursor_id, commit_cursor.owner);
begin
  update holdfast_private.cursors
  set position = commit_cursor.new_position, attempts = 0, crashes = 0, isolation_mode = greatest(isolation_mode - 1, 0),
    committed_at = clock_timestamp(),
    counters = holdfast_private.add_counters(counters, commit_cursor.done),
    lease_expires_at = clock_timestamp() + make_interval(secs => holdfast_private.lease_seconds())
  where id = commit_cursor.cursor_id;
  -- This is the last statement, because workers block each other on the row of the day until they
  -- commit.
  perform holdfast_private.add_egress(c.run, commit_cursor.done);
end
$$;
comment on function holdfast_private.commit_cursor(bigint, uuid, jsonb, jsonb) is
  'Moves a cursor and adds to its counters. Call it in the transaction that records the results.';

create function holdfast_private.stage_after(kind text, stage text) returns text
  language sql immutable set search_path = ''
as $$
  select case kind || '.' || stage
    when 'backup.prepare' then 'missing' -- a project without a bucket: nothing to scan
    when 'backup.objects' then 'missing'
    when 'backup.missing' then 'close'
    when 'backup.close' then 'seal'
    when 'restore.prepare' then 'plan'
    when 'restore.import' then 'plan'
    when 'restore.buckets' then 'objects'
    when 'restore.objects' then 'finish'
  end
$$;
comment on function holdfast_private.stage_after(text, text) is
  'The stage that begins when every cursor of a run is finished; null if the run decides it.';

create function holdfast_private.finish_cursor(cursor_id bigint, owner uuid, done jsonb default '{}')
  returns void language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(finish_cursor.cursor_id, finish_cursor.owner);
  r holdfast_private.runs;
  last_stage text;
begin
  update holdfast_private.cursors
  set finished_at = clock_timestamp(), committed_at = clock_timestamp(), attempts = 0,
    counters = holdfast_private.add_counters(counters, finish_cursor.done),
    lease_owner = null, lease_expires_at = null
  where id = c.id;
  perform holdfast_private.add_egress(c.run, finish_cursor.done);
  -- With this lock, the last of several workers sees that it is the last.
  perform pg_advisory_xact_lock(hashtext('holdfast'), hashtext(c.run::text));
  if exists (select from holdfast_private.cursors cc where cc.run = c.run and cc.finished_at is null) then
    return;
  end if;
  select * into r from holdfast_private.runs where id = c.run;
  -- Uploads run in parallel to the scan, so the next stage follows from the stage of the scan.
  select cc.stage into last_stage from holdfast_private.cursors cc
  where cc.run = c.run and cc.stage <> 'upload' order by cc.id desc limit 1;
  insert into holdfast_private.cursors (run, stage)
  select c.run, next from holdfast_private.stage_after(r.kind, last_stage) as next where next is not null;
end
$$;
comment on function holdfast_private.finish_cursor(bigint, uuid, jsonb) is
  'Finishes a cursor. If it was the last of its run, the next stage begins in the same transaction.';

-- A worker continues from its last commit. After a restore of the database, or a failover to a standby
-- without the newest commits, the database may still have the worker's lease. The worker's next commit
-- would then skip the lost results.
create function holdfast_private.check_fencing_token(cursor_id bigint, committed_at text) returns boolean
  language plpgsql security definer set search_path = ''
as $$
begin
  -- A later commit than the worker knows is its own: the response to that commit was lost.
  if check_fencing_token.committed_at is not null and not exists (
    select from holdfast_private.cursors c
    where c.id = check_fencing_token.cursor_id and c.committed_at >= check_fencing_token.committed_at::timestamptz
  ) then
    raise exception 'lease_lost' using errcode = 'HF000',
      detail = format('Cursor %s is not where this slice left it: the database was put back.', check_fencing_token.cursor_id),
      hint = 'Nothing to do: the worker that leases it next goes on from where it is.';
  end if;
  return true;
end
$$;
comment on function holdfast_private.check_fencing_token(bigint, text) is
  'True if the last commit of a cursor is the one that the worker knows or a later one, or if the worker knows none. Otherwise it raises lease_lost.';

-- Must be volatile, to see the commit of the statement that calls it.
create function holdfast_private.committed_at(cursor_id bigint) returns text
  language sql volatile security definer set search_path = ''
as $$ select holdfast_private.utc(c.committed_at) from holdfast_private.cursors c where c.id = committed_at.cursor_id $$;
comment on function holdfast_private.committed_at(bigint) is
  'When a cursor was created or last moved, in UTC with microseconds; null if the cursor does not exist.';

-- functions/project.sql

-- Identifies the project that this database serves. A clone or a branch contains the rows of its origin.
-- It must neither continue the origin's runs nor post to the origin.

create function holdfast_private.bind_project(project_url text) returns integer
  language plpgsql security definer set search_path = ''
as $$
declare
  before text := holdfast_private.setting('project_url') #>> '{}';
  running holdfast_private.runs;
  cancelled integer := 0;
begin
  if before is not distinct from bind_project.project_url then
    return 0;
  end if;
  if before is not null then
    for running in select * from holdfast_private.runs r where r.state in ('running', 'sealing') loop
      perform holdfast_private.end_run(running.id, 'cancelled', message => format('It was a run of %s.', before));
      cancelled := cancelled + 1;
    end loop;
    -- A clone's Vault contains the origin's URL, so the clone's cron jobs would post to the origin.
    delete from vault.secrets where name = 'holdfast_project_url' and exists (
      select from vault.decrypted_secrets d where d.id = secrets.id and d.decrypted_secret = before);
  end if;
  perform holdfast.set('project_url', to_jsonb(bind_project.project_url));
  if not exists (select from vault.secrets where name = 'holdfast_project_url') then
    perform vault.create_secret(bind_project.project_url, 'holdfast_project_url', 'Holdfast: where to post slices');
  end if;
  return cancelled;
end
$$;
comment on function holdfast_private.bind_project(text) is
  'The functions call it with their own SUPABASE_URL. If the URL differs from the stored one, it cancels the runs of the other project. Returns their number.';
