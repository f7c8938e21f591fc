-- Objects that a restore overwrites, and uploads that can arrive delayed.

create function holdfast_private.is_held(repository integer, bucket_id text, name text, version text, type text,
  cache_control text, user_metadata jsonb, owner_id text, created_at timestamptz) returns boolean
  language sql stable security definer set search_path = ''
as $$
  select exists (
    select from holdfast_private.known_entries h join holdfast_private.snapshots s on s.repository = h.repository
      and s.sequence >= h.added_in and (h.removed_in is null or h.removed_in > s.sequence)
    where h.repository = is_held.repository and h.bucket_id = is_held.bucket_id and h.name = is_held.name
      and h.version = is_held.version and h.blob is not null
      and holdfast_private.same_metadata(is_held.type, is_held.cache_control, is_held.user_metadata, is_held.owner_id,
        is_held.created_at, h.type, h.cache_control, h.user_metadata, h.owner_id, h.created_at))
$$;
comment on function holdfast_private.is_held(integer, text, text, text, text, text, jsonb, text, timestamptz) is
  'Whether a sealed snapshot holds this version of an object with the metadata of its row, so that overwriting it loses nothing.';

create function holdfast_private.restore_overwrites(cursor_id bigint, owner uuid, bucket_id text, name text, version text,
  keeps boolean) returns boolean language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(restore_overwrites.cursor_id, restore_overwrites.owner);
  r holdfast_private.runs := (select runs from holdfast_private.runs where runs.id = c.run);
  -- The row may change while the worker runs. The version to be overwritten must still be in a snapshot.
  said jsonb := (select o.metadata from holdfast_private.source_objects o
    where o.bucket_id = restore_overwrites.bucket_id and o.name = restore_overwrites.name
      and o.version = restore_overwrites.version
      and (restore_overwrites.keeps or holdfast_private.is_held(r.repository, o.bucket_id, o.name, o.version, o.type,
        o.cache_control, o.user_metadata, o.owner_id, o.created_at)));
begin
  if said is null then
    return false;
  end if;
  -- The row is recorded a second time: the first upload got no response and may still arrive. If the
  -- version is unchanged, no upload has arrived, and the row's current metadata is the user's.
  insert into holdfast_private.overwrites as w (run, bucket_id, name, version, metadata, keeps)
  values (c.run, restore_overwrites.bucket_id, restore_overwrites.name, restore_overwrites.version, said,
    restore_overwrites.keeps)
  on conflict on constraint overwrites_pkey do update set
    doubtful_at = coalesce(w.doubtful_at, clock_timestamp()),
    metadata = case when w.version = excluded.version then excluded.metadata else w.metadata end,
    keeps = case when w.version = excluded.version then excluded.keeps else w.keeps end;
  return true;
end
$$;
comment on function holdfast_private.restore_overwrites(bigint, uuid, text, text, text, boolean) is
  'Records that a worker is about to overwrite a version of an object. False if the object has another version now, or if it was edited and no snapshot holds the edit.';

create function holdfast_private.metadata_to_restore(run_id uuid, results jsonb) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select coalesce(jsonb_agg(case when w.keeps then x || jsonb_build_object('metadata', w.metadata) else x end), '[]')
  from jsonb_array_elements(metadata_to_restore.results) x
    left join lateral (
      -- Rows of this run, or of an ended run.
      select w.keeps, w.metadata from holdfast_private.overwrites w join holdfast_private.runs r on r.id = w.run
      where w.bucket_id = x ->> 'bucket_id' and w.name = x ->> 'name' and (w.run = metadata_to_restore.run_id
        or (w.put is null and exists (
          select from holdfast_private.source_objects o
          where o.bucket_id = x ->> 'bucket_id' and o.name = x ->> 'name'
            and o.version = x ->> 'restored_version' and o.version <> w.version
            -- An upload over a row keeps created_at; an object that was created again has another value.
            and o.created_at is not distinct from (w.metadata ->> 'created_at')::timestamptz
            and o.updated_at between r.started_at and r.ended_at + interval '15 minutes')))
      order by w.run = metadata_to_restore.run_id desc, w.keeps desc limit 1) as w on true
  where x ->> 'restored_version' is not null
$$;
comment on function holdfast_private.metadata_to_restore(uuid, jsonb) is
  'The written objects among a page''s results, each with the metadata that its row gets. This is the previous metadata if only the bytes were lost, else the metadata in the snapshot.';

create function holdfast_private.take_over_overwrites(run_id uuid, patched jsonb) returns void
  language sql security definer set search_path = ''
as $$
  with taken as (
    delete from holdfast_private.overwrites w
    using jsonb_to_recordset(take_over_overwrites.patched) as x (bucket_id text, name text, metadata jsonb)
    where w.run <> take_over_overwrites.run_id and w.bucket_id = x.bucket_id and w.name = x.name
    returning w.bucket_id, w.name, w.version, x.metadata, coalesce(w.doubtful_at, clock_timestamp()) as doubtful_at
  )
  insert into holdfast_private.overwrites as own (run, bucket_id, name, version, metadata, keeps, doubtful_at)
  select distinct on (t.bucket_id, t.name) take_over_overwrites.run_id, t.bucket_id, t.name, t.version, t.metadata,
    true, t.doubtful_at
  from taken t order by t.bucket_id, t.name, t.doubtful_at desc
  on conflict on constraint overwrites_pkey do update set
    doubtful_at = coalesce(own.doubtful_at, excluded.doubtful_at)
$$;
comment on function holdfast_private.take_over_overwrites(uuid, jsonb) is
  'Assigns a restore the overwrites that earlier restores recorded for objects whose rows it patches. If a delayed upload of theirs arrives, the row gets the metadata of this restore again.';

create function holdfast_private.resolve_overwrites(run_id uuid, results jsonb) returns void
  language sql security definer set search_path = ''
as $$
  -- Reads the ETag from the result: a delayed upload may have changed the row's ETag since the bytes
  -- were read back. If no object was written in the end, an upload may still arrive with the bytes that
  -- the row describes.
  update holdfast_private.overwrites w set put = coalesce(x.restored_version, w.version),
    etag = case when x.restored_version is null then w.metadata ->> 'etag' else coalesce(x.restored_etag, (
      select o.etag from holdfast_private.source_objects o
      where o.bucket_id = x.bucket_id and o.name = x.name and o.version = x.restored_version)) end
  from jsonb_to_recordset(resolve_overwrites.results)
    as x (bucket_id text, name text, restored_version text, restored_etag text)
  where w.run = resolve_overwrites.run_id and w.bucket_id = x.bucket_id and w.name = x.name
    and w.doubtful_at is not null and (x.restored_version is not null or w.keeps);
  -- If an upload arrived and its row could not be patched, the row stays for the next restore, like a
  -- row that was never committed.
  delete from holdfast_private.overwrites w
  using jsonb_to_recordset(resolve_overwrites.results) as x (bucket_id text, name text, restored_version text)
  where w.run = resolve_overwrites.run_id and w.bucket_id = x.bucket_id and w.name = x.name
    and w.put is null and w.doubtful_at is null
    and (x.restored_version is not null or exists (
      select from holdfast_private.source_objects o
      where o.bucket_id = x.bucket_id and o.name = x.name and o.version = w.version));
$$;
comment on function holdfast_private.resolve_overwrites(uuid, jsonb) is
  'Removes the rows of the objects that a page has overwritten. If another worker may still upload an object, its row stays, with the written version.';

create function holdfast_private.written_by_failed_restore(bucket_id text, name text, version text, user_metadata jsonb, owner_id text,
  updated_at timestamptz) returns boolean
  language sql stable security definer set search_path = ''
as $$
  select coalesce(written_by_failed_restore.user_metadata, '{}') = '{}' and exists (
    select from holdfast_private.overwrites w join holdfast_private.runs r on r.id = w.run
    where w.bucket_id = written_by_failed_restore.bucket_id and w.name = written_by_failed_restore.name
      and w.version <> written_by_failed_restore.version
      and (written_by_failed_restore.owner_id is null or written_by_failed_restore.owner_id = w.metadata ->> 'owner_id')
      and written_by_failed_restore.updated_at >= r.started_at
      and written_by_failed_restore.updated_at <= coalesce(r.ended_at, clock_timestamp()) + interval '15 minutes')
$$;
comment on function holdfast_private.written_by_failed_restore(text, text, text, jsonb, text, timestamptz) is
  'Whether a row looks like the result of an upload that a restore recorded and never committed.';

-- An upload may arrive delayed over an object that another worker has restored and patched. It may also
-- be the last action of a run. Housekeeping finds such objects among the recorded overwrites and
-- restores their metadata.
--
-- A row that was never committed stays for seven days, for the next restore. During this time, a user's
-- upload or a later restore's upload of the same bytes looks like a delayed upload. So a later restore
-- takes over the rows of the objects that it writes, and the conditions below exclude the uploads of
-- users.
create function holdfast_private.repair_overwritten_metadata() returns jsonb
  language plpgsql security definer set search_path = '' set lock_timeout = '1s'
as $$
declare
  delayed jsonb;
  repaired integer := 0;
  not_repaired text;
begin
  -- Selects uploads of the same bytes without user metadata: a delayed upload, or one of a run that
  -- ended before its commit if the row gets its previous metadata.
  for delayed in
    select jsonb_build_object('run', w.run, 'bucket_id', w.bucket_id, 'name', w.name, 'etag', o.etag,
      'restored_version', o.version, 'metadata', case when w.keeps then w.metadata else e.metadata end)
    from holdfast_private.overwrites w join holdfast_private.runs r on r.id = w.run
      cross join lateral (
        select s.* from holdfast_private.source_objects s
        where s.bucket_id = w.bucket_id collate "default" and s.name = w.name) as o
      cross join lateral (
        select k.* from holdfast_private.known_entries k
        where k.repository = r.repository and k.bucket_id = w.bucket_id and k.name = w.name
          and k.added_in <= (r.result ->> 'sequence')::integer
          and (k.removed_in is null or k.removed_in > (r.result ->> 'sequence')::integer)) as e
    where (w.put is not null or (w.keeps and r.ended_at is not null
        -- A later upload is a user's, who uploads an object that no restore has restored.
        and o.updated_at between r.started_at and r.ended_at + interval '15 minutes'))
      -- An upload over a row keeps the restored created_at; an object that was created again has another
      -- value.
      and o.created_at is not distinct from coalesce(
        (case when w.keeps then w.metadata else e.metadata end ->> 'created_at')::timestamptz, o.created_at)
      -- A restore uploads with the listed content type, if a header can contain it.
      and (o.type is not distinct from e.type or o.type = 'application/octet-stream')
      and (o.cache_control is not distinct from e.cache_control or o.cache_control = 'no-cache')
      and not exists (
        select from holdfast_private.runs other
        where other.kind = 'restore' and other.state = 'running' and other.plan ->> 'dry_run' = 'false'
          and other.id <> w.run)
      and o.version <> coalesce(w.put, w.version) and o.etag = coalesce(w.etag, w.metadata ->> 'etag')
      and o.size = e.size and coalesce(o.user_metadata, '{}') = '{}'
      and (o.owner_id is null or o.owner_id in (w.metadata ->> 'owner_id', e.metadata ->> 'owner_id'))
  loop
    begin
      perform holdfast_private.patch_objects(jsonb_build_array(delayed));
      update holdfast_private.overwrites w set put = delayed ->> 'restored_version', etag = delayed ->> 'etag',
        doubtful_at = coalesce(w.doubtful_at, clock_timestamp())
      where w.run = (delayed ->> 'run')::uuid and w.bucket_id = delayed ->> 'bucket_id' and w.name = delayed ->> 'name';
      repaired := repaired + 1;
    exception when others then
      -- A trigger of the project failed, or another session locks the row. The next minute tries again,
      -- and the other rows continue.
      not_repaired := format('%s/%s: %s', delayed ->> 'bucket_id', delayed ->> 'name', sqlerrm);
    end;
  end loop;
  -- No upload takes longer than 15 minutes. The next restore uses the rows that were never committed to
  -- decide what it may patch.
  delete from holdfast_private.overwrites w
  where w.put is not null and w.doubtful_at < now() - interval '15 minutes';
  delete from holdfast_private.overwrites w using holdfast_private.runs r
  where w.put is null and r.id = w.run and r.ended_at < now() - interval '7 days';
  return jsonb_strip_nulls(jsonb_build_object('repaired', nullif(repaired, 0), 'not_repaired', not_repaired));
end
$$;
comment on function holdfast_private.repair_overwritten_metadata() is
  'Restores the metadata of rows after a delayed upload over a restored object, and deletes expired rows of overwrites. Returns how many rows were patched, and why one was not.';
