-- The one way entries and blobs come to be. Backup, restore and import all land here, inside the
-- transaction that moves their cursor.

create function holdfast.put_blobs(repository integer, results jsonb) returns void
  language sql security definer set search_path = ''
as $$
  insert into holdfast.blobs (repository, key, size, sha256, part_size)
  select distinct on (s.key) put_blobs.repository, s.key, s.size, decode(s.sha256, 'hex'), s.part_size
  from jsonb_to_recordset(put_blobs.results) as x (stored jsonb),
    jsonb_to_record(x.stored) as s (key text, size bigint, sha256 text, part_size bigint)
  where x.stored is not null
  on conflict (repository, key) do nothing
$$;
comment on function holdfast.put_blobs(integer, jsonb) is
  'Records the bytes that results say were stored. A key already known keeps what is known of it.';

create function holdfast.analyze_grown() returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  grown regclass;
begin
  for grown in
    select c.oid from pg_catalog.pg_class c
    where c.oid = any (array['holdfast.blobs', 'holdfast.entries']::regclass[])
      and pg_relation_size(c.oid) > 4 * current_setting('block_size')::bigint * c.relpages
    order by c.oid
  loop
    -- Whoever holds this lock is analyzing or vacuuming already: nothing to wait for.
    execute format('lock table %s in share update exclusive mode nowait', grown);
    execute format('analyze %s', grown);
  end loop;
exception when lock_not_available then
  null;
end
$$;
comment on function holdfast.analyze_grown() is
  'Gathers statistics on the catalog''s tables when they have grown fourfold. Without them each page of a first backup would be joined with all of the pages before it, until autovacuum comes.';

create function holdfast.put_entries(repository integer, sequence integer, results jsonb) returns void
  language plpgsql security definer set search_path = ''
  set plan_cache_mode = force_custom_plan
as $$
declare
  repo integer := put_entries.repository;
  seq integer := put_entries.sequence;
begin
  perform holdfast.put_blobs(repo, put_entries.results);

  update holdfast.entries e set removed_in = seq
  from jsonb_to_recordset(put_entries.results) as x (bucket_id text, name text, blob bigint, stored jsonb, wanted_version text)
  where e.repository = repo and e.bucket_id = x.bucket_id and e.name = x.name
    and e.removed_in is null and e.added_in < seq and (x.blob is not null or x.stored is not null or x.wanted_version is not null);

  -- An entry that this same run added is in no sealed snapshot yet, so it is replaced in place.
  insert into holdfast.entries (repository, bucket_id, name, added_in, object_id, version, blob,
    row_hash, metadata, assumed, wanted_version, code)
  select repo, x.bucket_id, x.name, seq, x.object_id, x.version, coalesce(known.id, put.id),
    holdfast.metadata_hash(x.metadata), x.metadata, coalesce(x.assumed, false), x.wanted_version, x.code
  from jsonb_to_recordset(put_entries.results) as x (bucket_id text, name text, object_id uuid,
      version text, metadata jsonb, blob bigint, stored jsonb, assumed boolean, wanted_version text, code text)
    left join holdfast.blobs known on known.repository = repo and known.id = x.blob
    left join holdfast.blobs put on put.repository = repo and put.key = x.stored ->> 'key'
  where known.id is not null or put.id is not null or x.wanted_version is not null
  on conflict on constraint entries_pkey do update
  set object_id = excluded.object_id, version = excluded.version, blob = excluded.blob,
    row_hash = excluded.row_hash, metadata = excluded.metadata, assumed = excluded.assumed,
    removed_in = null, missing_in = null, wanted_version = excluded.wanted_version, code = excluded.code;

  perform holdfast.analyze_grown();
end
$$;
comment on function holdfast.put_entries(integer, integer, jsonb) is
  'Opens an entry for each result that holds bytes (blob: held already; stored: put just now) or that an import found marked (wanted_version), and closes the one before it.';

create function holdfast.mark_entries(repository integer, sequence integer, results jsonb) returns void
  language plpgsql security definer set search_path = ''
  set plan_cache_mode = force_custom_plan
as $$
declare
  repo integer := mark_entries.repository;
  seq integer := mark_entries.sequence;
  marks jsonb;
begin
  -- Where bytes are held, the mark copies their entry; else it lists the row as it was met.
  -- A mark that stands already is left alone: writing it again would make every night list it.
  select jsonb_agg(jsonb_build_object(
    'bucket_id', x.bucket_id, 'name', x.name, 'wanted_version', x.version, 'code', x.failure ->> 'code')
    || case when e.blob is null
      then jsonb_build_object('object_id', x.object_id, 'version', x.version, 'metadata', x.metadata)
      else jsonb_build_object('object_id', e.object_id, 'version', e.version, 'metadata', e.metadata,
        'blob', e.blob, 'assumed', e.assumed) end)
  into marks
  from jsonb_to_recordset(mark_entries.results) as x (bucket_id text, name text, object_id uuid,
      version text, metadata jsonb, failure jsonb)
    left join holdfast.entries e on e.repository = repo and e.bucket_id = x.bucket_id
      and e.name = x.name and e.removed_in is null
  where x.failure is not null and (e.name is null
    or e.wanted_version is distinct from x.version or e.code is distinct from x.failure ->> 'code');

  update holdfast.entries e set removed_in = seq
  from jsonb_to_recordset(marks) as m (bucket_id text, name text)
  where e.repository = repo and e.bucket_id = m.bucket_id and e.name = m.name
    and e.removed_in is null and e.added_in < seq;

  insert into holdfast.entries (repository, bucket_id, name, added_in, object_id, version, blob,
    row_hash, metadata, assumed, wanted_version, code)
  select repo, m.bucket_id, m.name, seq, m.object_id, m.version, m.blob, holdfast.metadata_hash(m.metadata),
    m.metadata, coalesce(m.assumed, false), m.wanted_version, m.code
  from jsonb_to_recordset(marks) as m (bucket_id text, name text, object_id uuid, version text, blob bigint,
    metadata jsonb, assumed boolean, wanted_version text, code text)
  on conflict on constraint entries_pkey do update
  set object_id = excluded.object_id, version = excluded.version, blob = excluded.blob,
    row_hash = excluded.row_hash, metadata = excluded.metadata, assumed = excluded.assumed,
    removed_in = null, missing_in = null, wanted_version = excluded.wanted_version, code = excluded.code;
end
$$;
comment on function holdfast.mark_entries(integer, integer, jsonb) is
  'For each result with a failure: what is held stays, marked stale; where nothing is held, an entry without a blob lists it.';

create function holdfast.record_failures(run_id uuid, job text, results jsonb) returns void
  language sql security definer set search_path = ''
  set plan_cache_mode = force_custom_plan
as $$
  delete from holdfast.failures f
  using jsonb_to_recordset(record_failures.results) as x (bucket_id text, name text, failure jsonb, upload jsonb)
  where f.bucket_id = x.bucket_id and f.name = x.name
    -- An upload that only began has not succeeded yet: its tries are still to be counted.
    and f.job = record_failures.job and x.failure is null and x.upload is null
    and (f.job = 'backup' or f.run = record_failures.run_id);

  update holdfast.failures f
  set run = record_failures.run_id, class = x.failure ->> 'class', code = x.failure ->> 'code',
    message = x.failure ->> 'message', version = x.version, last_at = now(),
    attempts = case when f.version is not distinct from x.version then f.attempts + 1 else 1 end,
    next_at = case
      when x.failure ->> 'class' = 'failed' then now()
      -- A little less than a day and a week, so that the nightly run at the same hour is not too early.
      when f.attempts < 7 then now() + interval '20 hours'
      else now() + interval '6 days 20 hours' end
  from jsonb_to_recordset(record_failures.results) as x (bucket_id text, name text, version text, failure jsonb)
  where f.bucket_id = x.bucket_id and f.name = x.name
    and f.job = record_failures.job and x.failure is not null
    and (f.job = 'backup' or f.run = record_failures.run_id);

  insert into holdfast.failures (run, job, bucket_id, name, version, class, code, message, next_at)
  select record_failures.run_id, record_failures.job, x.bucket_id, x.name, x.version,
    x.failure ->> 'class', x.failure ->> 'code', x.failure ->> 'message',
    case when x.failure ->> 'class' = 'failed' then now() else now() + interval '20 hours' end
  from jsonb_to_recordset(record_failures.results) as x (bucket_id text, name text, version text, failure jsonb)
  where x.failure is not null and not exists (
    select from holdfast.failures f where f.bucket_id = x.bucket_id and f.name = x.name
      and f.job = record_failures.job and (f.job = 'backup' or f.run = record_failures.run_id))
$$;
comment on function holdfast.record_failures(uuid, text, jsonb) is
  'Records each result''s failure, and forgets the failures of those that succeeded.';

revoke all on function holdfast.put_blobs(integer, jsonb), holdfast.analyze_grown(), holdfast.put_entries(integer, integer, jsonb),
  holdfast.mark_entries(integer, integer, jsonb), holdfast.record_failures(uuid, text, jsonb) from public;
