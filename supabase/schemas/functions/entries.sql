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
