-- User metadata that are nested hundreds of levels deep: whoever may upload can send them. Parsers of JSON
-- go down a level at a time, and a backup would end at such a row for ever, or make a listing that nobody
-- can read. So they leave the database as a text within the JSON, and come back from it as they were.

create function holdfast.is_deep(value jsonb) returns boolean
  language sql immutable parallel safe set search_path = ''
as $$
  -- Brackets within texts count, too, and cost nothing.
  select length(t.text) - length(translate(t.text, '{[', '')) > 200 from (select is_deep.value::text as text) as t
$$;
comment on function holdfast.is_deep(jsonb) is
  'Whether JSON may be nested more than 200 levels deep.';

create or replace function holdfast.metadata(type text, cache_control text, user_metadata jsonb, owner_id text,
  created_at timestamptz, updated_at timestamptz, etag text) returns jsonb
  language sql stable parallel safe
-- A level takes eight bytes, which compress well: nearly all are told by their size, in place of a call.
return jsonb_build_object('type', type, 'cache_control', cache_control, 'user_metadata',
    case when pg_column_size(user_metadata) <= 100 or not holdfast.is_deep(user_metadata) then user_metadata end,
    'owner_id', owner_id, 'created_at', holdfast.utc(created_at), 'updated_at', holdfast.utc(updated_at), 'etag', etag)
  || case when pg_column_size(user_metadata) > 100 and holdfast.is_deep(user_metadata)
    then jsonb_build_object('user_metadata_text', user_metadata::text) else '{}' end;

create function holdfast.user_metadata_of(metadata jsonb) returns jsonb
  language sql immutable parallel safe set search_path = ''
as $$
  select coalesce((user_metadata_of.metadata ->> 'user_metadata_text')::jsonb,
    nullif(user_metadata_of.metadata -> 'user_metadata', 'null'))
$$;
comment on function holdfast.user_metadata_of(jsonb) is
  'The user metadata in what holdfast.metadata makes: as JSON, or as the text in its place.';

create or replace function holdfast.open_entries(repository integer, sequence integer, contents holdfast.entry_content[],
  anew boolean) returns void
  language plpgsql security definer set search_path = ''
  set plan_cache_mode = force_custom_plan
as $$
declare
  repo integer := open_entries.repository;
  seq integer := open_entries.sequence;
begin
  if not anew then
    -- What is replaced below may have been the last that its bytes' key was known by.
    perform holdfast.spell_keys(array(
      select e.blob from unnest(contents) c join holdfast.entries e on e.repository = repo
        and e.bucket_id = c.bucket_id and e.name = c.name and e.added_in = seq
      where e.blob is distinct from c.blob));
    update holdfast.entries e set removed_in = seq
    from unnest(contents) as c
    where e.repository = repo and e.bucket_id = c.bucket_id and e.name = c.name
      and e.removed_in is null and e.added_in < seq;
  end if;

  -- An entry that this same run added is in no sealed snapshot yet, so it is replaced in place.
  insert into holdfast.entries (repository, bucket_id, name, added_in, object_id, version_uuid, version_text, blob,
    type, cache_control, user_metadata, owner_uuid, owner_text, created_at, updated_at, etag_md5, etag_text,
    assumed, wanted_version, code)
  select repo, c.bucket_id, c.name, seq, c.object_id,
    case when c.version_is_uuid then c.version::uuid end, case when not c.version_is_uuid then c.version end,
    c.blob, c.metadata ->> 'type', c.metadata ->> 'cache_control', holdfast.user_metadata_of(c.metadata),
    case when c.owner_is_uuid then c.owner_id::uuid end, case when not c.owner_is_uuid then c.owner_id end,
    (c.metadata ->> 'created_at')::timestamptz, (c.metadata ->> 'updated_at')::timestamptz,
    case when c.etag_is_md5 then c.etag::uuid end, case when not c.etag_is_md5 then c.etag end,
    coalesce(c.assumed, false), c.wanted_version, c.code
  from (
    select o.*, holdfast.is_uuid(o.version) as version_is_uuid, holdfast.is_uuid(o.owner_id) as owner_is_uuid,
      length(o.etag) = 32 and ltrim(o.etag, '0123456789abcdef') = '' as etag_is_md5
    from (
      select *, c.metadata ->> 'owner_id' as owner_id, c.metadata ->> 'etag' as etag
      from unnest(contents) as c) as o
    order by o.blob) as c -- the order of fresh numbers
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

revoke all on function holdfast.is_deep(jsonb), holdfast.user_metadata_of(jsonb) from public;
