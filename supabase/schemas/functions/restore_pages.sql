-- Pages of a restore, and the patch of the columns that Storage's API cannot set.

-- A restore may end after it uploaded an object and before it patched the row. The next restore may then
-- patch the object even without permission to overwrite. An object that a user created at that time and
-- then edited must not be treated in the same way. Before its row is patched, a restored object has no
-- owner and no user metadata, and the two times that Storage's insert set.
create function holdfast_private.as_inserted(object_id uuid) returns boolean
  language sql stable security definer set search_path = ''
as $$
  -- The insert sets both columns to now(), and the patch of a restore changes created_at alone. If
  -- Storage has no last_accessed_at, the check cannot exclude the row.
  select coalesce(to_jsonb(o) ->> 'last_accessed_at' = to_jsonb(o) ->> 'created_at', true)
  from storage.objects o where o.id = as_inserted.object_id
$$;
comment on function holdfast_private.as_inserted(uuid) is
  'Whether a row of storage.objects still has the created_at of its insert, as far as its columns show.';

-- A successful restore has patched every object that it wrote, and also those of earlier failed
-- restores. So an object that was created after it is a user's, even if the snapshot has the same bytes,
-- as with an empty object.
--
-- A running restore may have written only objects on pages that it gave to a worker that did not commit
-- them. Every other object created while it runs is a user's. Only objects that a crashed worker may
-- still upload have to be restored by a move.
create function holdfast_private.written_by_restore(created_at timestamptz, run uuid, reassigned boolean) returns boolean
  language sql stable security definer set search_path = ''
as $$
  -- The patch sets created_at to the original time, so only an unpatched object has a created_at within
  -- the run. An upload in progress when its run was cancelled ends a little later.
  select exists (
    select from holdfast_private.runs r
    where r.kind = 'restore' and r.plan ->> 'dry_run' = 'false' and r.state <> 'succeeded'
      and (r.id <> written_by_restore.run or written_by_restore.reassigned)
      and written_by_restore.created_at >= r.started_at
      and written_by_restore.created_at <= coalesce(r.ended_at, clock_timestamp()) + interval '3 minutes'
      and not exists (
        select from holdfast_private.runs later
        where later.kind = 'restore' and later.plan ->> 'dry_run' = 'false' and later.state = 'succeeded'
          and later.started_at >= r.ended_at and later.ended_at <= written_by_restore.created_at))
$$;
comment on function holdfast_private.written_by_restore(timestamptz, uuid, boolean) is
  'Whether an object was created during a restore that has not succeeded. A restore that crashed or was cancelled before it patched the row leaves such objects to the next one. For the calling restore itself, true only if the object was given to a worker before.';

-- The metadata of a row can be edited without a new version. So an object is held only if a snapshot has
-- the same metadata. Otherwise a restore that may overwrite would lose the edit, and no snapshot could
-- restore it.
create function holdfast_private.restore_page(cursor_id bigint, owner uuid, max_items integer) returns jsonb
  language plpgsql security definer set search_path = '' set plan_cache_mode = force_custom_plan
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(restore_page.cursor_id, restore_page.owner);
  r holdfast_private.runs := (select runs from holdfast_private.runs where runs.id = c.run);
  -- Another worker was given the entries up to this name. It may have written them, or be about to.
  fallen_to text collate "C" := c.position ->> 'fallen_to';
  page jsonb;
begin
  -- A worker that lost its lease may get it again. Then its own pages since the last commit count as
  -- well.
  if c.position ->> 'assigned_by' is distinct from restore_page.owner::text or c.attempts > 1 then
    fallen_to := greatest(fallen_to, (c.position ->> 'assigned_to') collate "C");
  end if;
  -- A worker that continues leaves no such row. These rows are from a worker that crashed, or that
  -- paused and may resume.
  update holdfast_private.overwrites w set doubtful_at = clock_timestamp()
  where w.run = r.id and w.bucket_id = c.bucket_id and w.put is null and w.doubtful_at is null;
  page := (
    select coalesce(jsonb_agg(jsonb_build_object(
      'bucket_id', e.bucket_id, 'name', e.name, 'version', e.version, 'metadata', e.metadata, 'code', e.code,
      'blob', e.blob, 'key', e.key, 'size', e.size, 'sha256', encode(e.sha256, 'hex'), 'part_size', e.part_size,
      'reassigned', e.name <= coalesce(fallen_to, ''),
      'target', case when o.id is not null then jsonb_build_object(
        'version', o.version, 'size', o.size, 'etag', o.etag,
        'intent_recorded', exists (
          select from holdfast_private.overwrites w where w.bucket_id = e.bucket_id and w.name = e.name),
        'right', e.blob is not null and exists (
          select from holdfast_private.known_entries k
          where k.repository = r.repository and k.bucket_id = e.bucket_id and k.name = e.name
            and k.version = o.version and k.blob = e.blob and not k.assumed),
        'same_metadata', holdfast_private.same_metadata(o.type, o.cache_control, o.user_metadata, o.owner_id, o.created_at,
          e.type, e.cache_control, e.user_metadata, e.owner_id, e.created_at),
        'of_this_run', l.by_upload or (o.owner_id is null and coalesce(o.user_metadata, '{}') = '{}'
          and holdfast_private.written_by_restore(o.created_at, r.id, e.name <= coalesce(fallen_to, ''))
          and holdfast_private.as_inserted(o.id)),
        'held', holdfast_private.is_held(r.repository, o.bucket_id, o.name, o.version, o.type, o.cache_control,
          o.user_metadata, o.owner_id, o.created_at),
        'adds_no_metadata', o.owner_id is null and coalesce(o.user_metadata, '{}') = '{}'
          and o.type is not distinct from e.type and o.cache_control is not distinct from e.cache_control) end)
      order by e.name), '[]')
    from (
      select k.* from holdfast_private.known_entries k
      where k.repository = r.repository and k.bucket_id = c.bucket_id and k.name >= coalesce(c.position ->> 'from', '')
        and k.added_in <= (r.result ->> 'sequence')::integer
        and (k.removed_in is null or k.removed_in > (r.result ->> 'sequence')::integer)
      order by k.name limit restore_page.max_items) as e
      left join holdfast_private.source_objects o on o.bucket_id = c.bucket_id collate "default" and o.name = e.name
      left join lateral holdfast_private.written_by_failed_restore(o.bucket_id, o.name, o.version, o.user_metadata, o.owner_id,
        o.updated_at) as l (by_upload) on o.id is not null);
  update holdfast_private.cursors cc
  set position = cc.position || jsonb_strip_nulls(jsonb_build_object('assigned_by', restore_page.owner,
    'assigned_to', page -> -1 -> 'name', 'fallen_to', fallen_to))
  where cc.id = c.id;
  return page;
end
$$;
comment on function holdfast_private.restore_page(bigint, uuid, integer) is
  'The next entries of the snapshot, each with the target''s object under its name and whether a snapshot holds that object. Records which worker was given the entries, and up to which name.';

-- A very old row has no version; the view source_objects computes one. A patch that compared the version
-- column would not find such a row. The restore would then report success without setting the metadata.
create function holdfast_private.patch_objects(results jsonb) returns boolean
  language plpgsql security definer set search_path = ''
as $$
declare
  times_too boolean := true;
  assignments text := (
    select string_agg(format('%I = %s', a.name, a.value), ', ') from (values
      ('owner_id', $v$x.metadata ->> 'owner_id'$v$),
      ('owner', $v$case when x.metadata ->> 'owner_id' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
        then (x.metadata ->> 'owner_id')::uuid end$v$),
      ('user_metadata', $v$holdfast_private.user_metadata_of(x.metadata)$v$),
      ('metadata', $v$coalesce(nullif(o.metadata, 'null'), '{}') || jsonb_strip_nulls(jsonb_build_object(
        'mimetype', x.metadata -> 'type', 'cacheControl', x.metadata -> 'cache_control'))$v$),
      ('created_at', $v$coalesce((x.metadata ->> 'created_at')::timestamptz, o.created_at)$v$),
      ('updated_at', $v$coalesce((x.metadata ->> 'updated_at')::timestamptz, o.updated_at)$v$)) as a (name, value)
    where exists (
      select from pg_catalog.pg_attribute c
      where c.attrelid = 'storage.objects'::regclass and c.attname = a.name and not c.attisdropped));
begin
  begin
    -- A trigger of storage.objects sets updated_at to now. Triggers are disabled for this statement
    -- only.
    set local session_replication_role = 'replica';
  exception when insufficient_privilege then
    times_too := false;
  end;
  -- Patches a row only if its version is still the one just written. id and version are never changed.
  execute format($update$
    update storage.objects o set %s
    from jsonb_to_recordset($1) as x (bucket_id text, name text, restored_version text, metadata jsonb)
      join holdfast_private.source_objects s on s.bucket_id = x.bucket_id collate "default" and s.name = x.name
        and s.version = x.restored_version
    -- Repeats the conditions on the row itself: after a concurrent upload, Postgres checks only these
    -- again.
    where o.id = s.id and o.bucket_id = x.bucket_id and o.name = x.name
      and (o.version is null or o.version::text = x.restored_version)$update$,
    assignments) using patch_objects.results;
  if times_too then
    set local session_replication_role = 'origin';
  end if;
  return times_too;
end
$$;
comment on function holdfast_private.patch_objects(jsonb) is
  'Restores what Storage''s API cannot set: owner, created_at, user metadata and, if the server permits it, updated_at. Returns whether updated_at was set.';

create function holdfast_private.restore_commit(cursor_id bigint, owner uuid, results jsonb, to_name text, done jsonb)
  returns void language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(restore_commit.cursor_id, restore_commit.owner);
  r holdfast_private.runs := (select runs from holdfast_private.runs where runs.id = c.run);
  patched jsonb := holdfast_private.metadata_to_restore(r.id, restore_commit.results);
  counters jsonb := restore_commit.done;
begin
  if jsonb_array_length(patched) > 0 and not holdfast_private.patch_objects(patched) then
    counters := counters || jsonb_build_object('updated_at_not_set', jsonb_array_length(patched));
  end if;
  if r.sequence is not null and jsonb_array_length(patched) > 0 then
    perform holdfast_private.put_entries(r.repository, r.sequence, (
      select coalesce(jsonb_agg(jsonb_build_object('bucket_id', o.bucket_id, 'name', o.name, 'object_id', o.id,
        'version', o.version, 'metadata', o.metadata, 'blob', x.blob)), '[]')
      from jsonb_to_recordset(patched) as x (bucket_id text, name text, restored_version text, blob bigint)
        join holdfast_private.source_objects o on o.bucket_id = x.bucket_id and o.name = x.name
          and o.version = x.restored_version));
  end if;
  perform holdfast_private.take_over_overwrites(r.id, patched);
  perform holdfast_private.resolve_overwrites(r.id, restore_commit.results);
  perform holdfast_private.record_failures(r.id, 'restore', restore_commit.results);
  perform holdfast_private.commit_cursor(c.id, restore_commit.owner,
    -- The rest of the page is given to a worker again, as if for the first time.
    c.position || jsonb_build_object('from', restore_commit.to_name || chr(1), 'assigned_to', restore_commit.to_name),
    counters);
end
$$;
comment on function holdfast_private.restore_commit(bigint, uuid, jsonb, text, jsonb) is
  'Commits a page of a restore in one transaction: patches of the rows, entries of the project''s own repository, failures and position.';

create function holdfast_private.restore_done(cursor_id bigint, owner uuid) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(restore_done.cursor_id, restore_done.owner);
  totals jsonb;
begin
  perform holdfast_private.finish_cursor(c.id, restore_done.owner);
  select coalesce(jsonb_object_agg(t.key, t.total), '{}') into totals from (
    select n.key, sum(n.value::numeric) as total
    from holdfast_private.cursors cc, jsonb_each_text(cc.counters) n where cc.run = c.run group by n.key) as t;
  perform holdfast_private.end_run(c.run, 'succeeded',
    result => (select r.result || jsonb_build_object('did', totals) from holdfast_private.runs r where r.id = c.run));
end
$$;
comment on function holdfast_private.restore_done(bigint, uuid) is
  'Ends a restore and adds what it did to the plan in its result.';
