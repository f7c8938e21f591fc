-- Made of supabase/schemas by `deno task migration --baseline`: change it there.

-- functions/backup_start.sql

-- Start of the backup job: the prepare stage, and the division of the scan into cursors.

create function holdfast_private.start_backup(started_by text) returns uuid
  language plpgsql security definer set search_path = ''
as $$
begin
  perform holdfast_private.assert_source_visible();
  perform holdfast_private.refresh_source();
  return holdfast_private.start_run('backup', jsonb_build_object('settings', holdfast_private.all_settings()), start_backup.started_by);
end
$$;
comment on function holdfast_private.start_backup(text) is 'Starts a backup with the current settings.';

create function holdfast_private.scan_buckets(scope holdfast_private.scope, repository integer) returns setof text
  language sql stable security definer set search_path = ''
as $$
  -- Includes deleted buckets that have open entries, because these entries must be closed.
  with recursive held as (
    (select e.bucket_id from holdfast_private.entries e
      where e.repository = scan_buckets.repository order by e.bucket_id limit 1)
    union all
    select (select e.bucket_id from holdfast_private.entries e
      where e.repository = scan_buckets.repository and e.bucket_id > held.bucket_id
      order by e.bucket_id limit 1)
    from held where held.bucket_id is not null
  )
  select b.id collate "C" from holdfast_private.source_buckets(scan_buckets.scope) b
  union
  select held.bucket_id from held where held.bucket_id is not null
$$;
comment on function holdfast_private.scan_buckets(holdfast_private.scope, integer) is
  'Ids of the buckets that a backup has to scan.';

create function holdfast_private.backup_rollback(cursor_id bigint, owner uuid, repository_id uuid, location jsonb, max_rows integer)
  returns integer language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(backup_rollback.cursor_id, backup_rollback.owner);
  other_location integer := (
    select r.id from holdfast_private.repositories r
    where r.repository_id = backup_rollback.repository_id
      and holdfast_private.location_of(to_jsonb(r)) <> holdfast_private.location_of(backup_rollback.location));
begin
  if other_location is null then
    return 0;
  end if;
  perform holdfast_private.heartbeat(c.id, backup_rollback.owner);
  return holdfast_private.rollback_unsealed_step(other_location, backup_rollback.max_rows);
end
$$;
comment on function holdfast_private.backup_rollback(bigint, uuid, uuid, jsonb, integer) is
  'If earlier backups used another location, removes up to max_rows unsealed entries that were copied there. Returns the number of entries; 0 when none remain.';

create function holdfast_private.backup_prepared(cursor_id bigint, owner uuid, facts jsonb) returns integer
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(backup_prepared.cursor_id, backup_prepared.owner);
  repository integer := holdfast_private.save_repository(backup_prepared.facts);
  plan jsonb := (select r.plan from holdfast_private.runs r where r.id = c.run);
  sequence integer := holdfast_private.take_sequence(c.run, repository);
begin
  update holdfast_private.runs r
  set plan = r.plan || jsonb_build_object('location', holdfast_private.location_of(backup_prepared.facts)) where r.id = c.run;
  insert into holdfast_private.cursors (run, stage, bucket_id)
  select c.run, 'objects', bucket_id
  from holdfast_private.scan_buckets(holdfast_private.plan_scope(plan), repository) as bucket_id order by bucket_id;
  perform holdfast_private.finish_cursor(c.id, backup_prepared.owner);
  return sequence;
end
$$;
comment on function holdfast_private.backup_prepared(bigint, uuid, jsonb) is
  'Ends the prepare stage: records the repository, takes the run''s sequence, and divides the scan into cursors.';

-- functions/backup_scan.sql

-- The scan compares windows of names and returns the differences page by page.

create function holdfast_private.window_end(repository integer, bucket_id text, from_name text, range_to text, rows integer)
  returns text language plpgsql stable security definer set search_path = '' set plan_cache_mode = force_custom_plan
as $$
declare
  last_source text;
  last_entry text;
begin
  -- Reads the table instead of the view. The window may include rows that are not live, and an
  -- index-only scan is possible without the other columns.
  select o.name into last_source from storage.objects o
  where o.bucket_id = window_end.bucket_id collate "default" and o.name collate "C" >= window_end.from_name
    and (window_end.range_to is null or o.name collate "C" <= window_end.range_to)
  order by o.name collate "C" offset window_end.rows - 1 limit 1;
  select e.name into last_entry from holdfast_private.entries e
  where e.repository = window_end.repository and e.bucket_id = window_end.bucket_id
    and e.name >= window_end.from_name and (window_end.range_to is null or e.name <= window_end.range_to)
  order by e.name offset window_end.rows - 1 limit 1;
  if last_source is not null or last_entry is not null then
    return least(last_source collate "C", last_entry collate "C");
  end if;
  -- Both sides have less than a window of names. The window ends at the last name of either side.
  select o.name into last_source from storage.objects o
  where o.bucket_id = window_end.bucket_id collate "default" and o.name collate "C" >= window_end.from_name
    and (window_end.range_to is null or o.name collate "C" <= window_end.range_to)
  order by o.name collate "C" desc limit 1;
  select e.name into last_entry from holdfast_private.entries e
  where e.repository = window_end.repository and e.bucket_id = window_end.bucket_id
    and e.name >= window_end.from_name and (window_end.range_to is null or e.name <= window_end.range_to)
  order by e.name desc limit 1;
  return greatest(last_source collate "C", last_entry collate "C");
end
$$;
comment on function holdfast_private.window_end(integer, text, text, text, integer) is
  'Last name of the window that begins at from_name, so that both tables are bounded on both sides. Null at the end of the range.';

create function holdfast_private.backup_item(repository integer, object_id uuid, bucket_id text, name text, version text,
  size bigint, etag text, metadata jsonb) returns table (item jsonb)
  language sql stable
begin atomic
  select jsonb_build_object(
    'bucket_id', bucket_id, 'name', name, 'object_id', object_id, 'version', version, 'size', size,
    'etag', etag, 'metadata', metadata,
    'blob', coalesce(held.blob, moved.blob), 'assumed', coalesce(held.assumed, moved.blob is not null))
  from (select) as one
    left join lateral (
      select e.blob, e.assumed from holdfast_private.known_entries e
      where e.repository = backup_item.repository and e.bucket_id = backup_item.bucket_id
        and e.name = backup_item.name and e.version = backup_item.version and e.blob is not null
      order by e.added_in desc limit 1) as held on true
    left join lateral (
      select e.blob from holdfast_private.known_entries e
      where held.blob is null and e.repository = backup_item.repository
        and holdfast_private.object_hash(e.object_id) = holdfast_private.object_hash(backup_item.object_id)
        and e.object_id = backup_item.object_id and e.removed_in is null and e.wanted_version is null
        and (e.bucket_id, e.name) <> (backup_item.bucket_id, backup_item.name)
        and e.etag = backup_item.etag and e.size = backup_item.size
      limit 1) as moved on true;
end;
comment on function holdfast_private.backup_item(integer, uuid, text, text, text, bigint, text, jsonb) is
  'An object as an item for a slice. blob is set if its bytes are held: under this version, or assumed, as the same object before a move.';

-- Handles a name whose object was deleted before the run and that another object took while the window
-- was processed. The comparison found the name missing; at the commit it exists again. The catalog's
-- entry was valid only before the run, so it is marked as missing and looked up by object id.
create function holdfast_private.mark_missing(repository integer, sequence integer, scope holdfast_private.scope,
  bucket_id text, from_name text, to_name text) returns integer
  language plpgsql security definer set search_path = '' set plan_cache_mode = force_custom_plan
  -- Newly filled tables have no statistics. Postgres then expects one row on each side, and a nested
  -- loop over both takes a minute for 6,000 names.
  set enable_nestloop = off
as $$
declare
  marked integer;
begin
  update holdfast_private.entries e set missing_in = mark_missing.sequence
  where e.repository = mark_missing.repository and e.bucket_id = mark_missing.bucket_id
    and e.name >= mark_missing.from_name and e.name <= mark_missing.to_name
    and e.removed_in is null and e.missing_in is distinct from mark_missing.sequence
    and not exists (
      select from holdfast_private.source_objects o
      where o.bucket_id = mark_missing.bucket_id collate "default" and o.name = e.name
        and o.name >= mark_missing.from_name and o.name <= mark_missing.to_name
        -- An entry of this run was valid during the run, even if the name has changed since. The same
        -- holds for a version that this run could not read.
        and (e.added_in = mark_missing.sequence
          or o.version in (coalesce(e.version_uuid::text, e.version_text), e.wanted_version))
        -- A null scope excludes nothing. Calling in_scope costs as much as all the rest.
        and (mark_missing.scope is null or holdfast_private.in_scope(mark_missing.scope, o.bucket_id, o.name, o.size)));
  get diagnostics marked = row_count;
  return marked;
end
$$;
comment on function holdfast_private.mark_missing(integer, integer, holdfast_private.scope, text, text, text) is
  'Marks the names of a completed window that are no longer in scope in the project, or that have another version than was compared. The entries are closed later, by object id.';

create function holdfast_private.window_differs(repository integer, scope holdfast_private.scope, bucket_id text, from_name text,
  to_name text) returns boolean
  language plpgsql stable security definer set search_path = '' set plan_cache_mode = force_custom_plan
  -- A merge join over two indexes in the same order has a constant cost per row and needs no memory or
  -- disk. It stops at the first difference. Parallel query is not needed, because the workers already
  -- run in parallel.
  set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off
  set max_parallel_workers_per_gather = 0
as $$
begin
  -- One merge over both tables, up to the first difference. An unchanged window needs no other query.
  return exists (
    select from (
      select * from holdfast_private.source_objects o
      where o.bucket_id = window_differs.bucket_id collate "default"
        and o.name >= window_differs.from_name and o.name <= window_differs.to_name
    ) o full join (
      select * from holdfast_private.known_entries e
      where e.repository = window_differs.repository and e.bucket_id = window_differs.bucket_id
        and e.removed_in is null and e.name >= window_differs.from_name and e.name <= window_differs.to_name
    ) e on e.name = o.name
    where o.name is null or e.name is null or e.version <> o.version or e.wanted_version is not null
      or not holdfast_private.same_metadata(o.type, o.cache_control, o.user_metadata, o.owner_id, o.created_at,
        e.type, e.cache_control, e.user_metadata, e.owner_id, e.created_at)
      or not holdfast_private.in_scope(window_differs.scope, o.bucket_id, o.name, o.size));
end
$$;
comment on function holdfast_private.window_differs(integer, holdfast_private.scope, text, text, text) is
  'Whether project and catalog differ in a window.';

create function holdfast_private.backup_page(cursor_id bigint, owner uuid, max_items integer, window_rows integer default 50000)
  returns jsonb language plpgsql security definer set search_path = '' set plan_cache_mode = force_custom_plan
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(backup_page.cursor_id, backup_page.owner);
  r holdfast_private.runs := (select runs from holdfast_private.runs where runs.id = c.run);
  scope holdfast_private.scope := holdfast_private.plan_scope(r.plan);
  from_name text := coalesce(c.position ->> 'from', c.range_from);
  to_name text := holdfast_private.window_end(r.repository, c.bucket_id, from_name, c.range_to, window_rows);
  items jsonb;
begin
  if to_name is null then
    return jsonb_build_object('items', '[]'::jsonb, 'to', null);
  end if;
  if not holdfast_private.window_differs(r.repository, scope, c.bucket_id, from_name, to_name) then
    perform holdfast_private.commit_cursor(c.id, backup_page.owner, jsonb_build_object('from', to_name || chr(1)), '{}');
    return jsonb_build_object('items', '[]'::jsonb, 'to', to_name);
  end if;
  select coalesce(jsonb_agg(i.item order by d.name), '[]') into items
  from (
    select o.* from holdfast_private.source_objects o
      left join holdfast_private.known_entries e on e.repository = r.repository and e.bucket_id = c.bucket_id
        and e.name = o.name and e.removed_in is null and e.name >= from_name and e.name <= to_name
    where o.bucket_id = c.bucket_id collate "default" and o.name >= from_name and o.name <= to_name
      and (e.name is null or e.version <> o.version or e.wanted_version is not null
        or not holdfast_private.same_metadata(o.type, o.cache_control, o.user_metadata, o.owner_id, o.created_at,
          e.type, e.cache_control, e.user_metadata, e.owner_id, e.created_at))
      -- Checks the names of both tables, so that in_scope runs only for differences and not for every
      -- row.
      and holdfast_private.in_scope(scope, o.bucket_id, coalesce(e.name, o.name), o.size)
      -- An object that could not be copied is tried again when its retry time has come, or at once if
      -- its version changed.
      and (e.wanted_version is null or e.wanted_version <> o.version or not exists (
        select from holdfast_private.failures f where f.job = 'backup' and f.bucket_id = o.bucket_id
          and f.name = o.name and f.next_at > now()))
    order by o.name limit max_items) as d
    cross join lateral holdfast_private.backup_item(r.repository, d.id, d.bucket_id, d.name, d.version, d.size, d.etag,
      d.metadata) as i;
  if jsonb_array_length(items) = max_items then
    to_name := items -> -1 ->> 'name';
  end if;
  if jsonb_array_length(items) = 0 then
    perform holdfast_private.backup_commit(c.id, backup_page.owner, items, to_name, '{}');
  end if;
  return jsonb_build_object('items', items, 'to', to_name);
end
$$;
comment on function holdfast_private.backup_page(bigint, uuid, integer, integer) is
  'Compares one window. Returns up to max_items objects to process, and the name up to which the window is then complete. Commits a window without a difference.';

-- functions/backup_commit.sql

-- Commits the results of a page of the scan.

create function holdfast_private.mark_moved(r holdfast_private.runs, results jsonb) returns void
  language sql security definer set search_path = ''
  -- Looks up each object of the page. With any other plan, Postgres reads all entries.
  set plan_cache_mode = force_custom_plan set enable_hashjoin = off set enable_mergejoin = off
  set enable_seqscan = off
as $$
  -- If an object has two names, it was moved during the scan, and one of the names no longer exists.
  update holdfast_private.entries e set missing_in = (r).sequence
  from jsonb_to_recordset(mark_moved.results) as x (bucket_id text, name text, object_id uuid)
  where e.repository = (r).repository and holdfast_private.object_hash(e.object_id) = holdfast_private.object_hash(x.object_id)
    and e.object_id = x.object_id and e.removed_in is null
    and (e.bucket_id, e.name) <> (x.bucket_id, x.name) and e.missing_in is distinct from (r).sequence
$$;
comment on function holdfast_private.mark_moved(holdfast_private.runs, jsonb) is
  'Marks the other names of these objects. The missing stage checks them after the scan.';

create function holdfast_private.record_results(r holdfast_private.runs, results jsonb) returns void
  language plpgsql security definer set search_path = ''
  set plan_cache_mode = force_custom_plan
as $$
declare
  failed boolean := jsonb_path_exists(record_results.results, '$[*].failure');
begin
  perform holdfast_private.put_entries((r).repository, (r).sequence, record_results.results);
  if failed then
    perform holdfast_private.mark_entries((r).repository, (r).sequence, record_results.results);
  end if;
  -- Most pages have no failure and had none before. The check avoids the work for them.
  if failed or exists (select from holdfast_private.failures f where f.job = 'backup') then
    perform holdfast_private.record_failures((r).id, 'backup', record_results.results);
  end if;
  if jsonb_path_exists(record_results.results, '$[*].upload') then
    perform holdfast_private.begin_uploads(r, record_results.results);
  end if;
  perform holdfast_private.mark_moved(r, record_results.results);
end
$$;
comment on function holdfast_private.record_results(holdfast_private.runs, jsonb) is
  'Records the result of each object of a page: held, failed, or begun as an upload.';

create function holdfast_private.backup_commit(cursor_id bigint, owner uuid, results jsonb, to_name text, done jsonb)
  returns void language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(backup_commit.cursor_id, backup_commit.owner);
  r holdfast_private.runs := (select runs from holdfast_private.runs where runs.id = c.run);
begin
  if jsonb_array_length(backup_commit.results) > 0 then
    perform holdfast_private.record_results(r, backup_commit.results);
  end if;
  if backup_commit.to_name is null then
    perform holdfast_private.commit_cursor(c.id, backup_commit.owner, c.position, backup_commit.done);
    return;
  end if;
  perform holdfast_private.mark_missing(r.repository, r.sequence, holdfast_private.plan_scope(r.plan), c.bucket_id,
    coalesce(c.position ->> 'from', c.range_from), backup_commit.to_name);
  -- chr(1) makes the smallest name after to_name, so the next window can have an inclusive start.
  perform holdfast_private.commit_cursor(c.id, backup_commit.owner,
    jsonb_build_object('from', backup_commit.to_name || chr(1)), backup_commit.done);
end
$$;
comment on function holdfast_private.backup_commit(bigint, uuid, jsonb, text, jsonb) is
  'Commits a page of the scan in one transaction: results, names no longer found, position and counters. The window is complete up to to_name; if to_name is null, the position does not move. Results may have names after to_name.';

-- Finds an object that moved during its first read. No entry has any of its names, so none is found
-- missing, and the scan may already have passed the new name.
create function holdfast_private.find_object_by_id(object_id uuid) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select i.item
  from holdfast_private.runs r join holdfast_private.source_objects o on o.id = find_object_by_id.object_id
    cross join lateral holdfast_private.backup_item(r.repository, o.id, o.bucket_id, o.name, o.version, o.size, o.etag,
      o.metadata) as i
  where r.kind = 'backup' and r.state = 'running'
    and holdfast_private.in_scope(holdfast_private.plan_scope(r.plan), o.bucket_id, o.name, o.size)
$$;
comment on function holdfast_private.find_object_by_id(uuid) is
  'An object by its id, under its current name, as an item for a slice of the running backup. Null if it was deleted or is out of scope.';

-- Distinguishes an outage of Storage from the missing bytes of one object. Both can return the same
-- error for that object, so the caller reads some objects again that were readable before.
create function holdfast_private.readable_objects(max_objects integer) returns jsonb
  language sql volatile security definer set search_path = '' set plan_cache_mode = force_custom_plan
as $$
  -- Selects from as many buckets as possible, because bytes are often lost for one bucket only.
  select coalesce(jsonb_agg(jsonb_build_object('bucket_id', held.bucket_id, 'name', held.name)), '[]') from (
    select one.bucket_id, one.name
    from holdfast_private.runs r cross join storage.buckets b
      cross join lateral (
        select sample.bucket_id, sample.name from (
          select e.bucket_id, e.name, e.version from holdfast_private.known_entries e
          where e.repository = r.repository and e.bucket_id = b.id collate "C" and e.removed_in is null
            and e.blob is not null and e.wanted_version is null
          limit 20) as sample
        where exists (
          select from holdfast_private.source_objects o
          where o.bucket_id = sample.bucket_id collate "default" and o.name = sample.name
            and o.version = sample.version and o.size > 0)
        limit 1) as one
    where r.state = 'running'
    order by random() limit readable_objects.max_objects) as held
$$;
comment on function holdfast_private.readable_objects(integer) is
  'Some objects of the project whose current bytes the repository of the running run holds: Storage returned their bytes before.';

create function holdfast_private.has_storage_failure() returns boolean
  language sql stable security definer set search_path = ''
as $$
  select exists (
    select from holdfast_private.runs r join holdfast_private.failures f on f.run = r.id
    where r.state = 'running' and f.code = 'storage_failed')
$$;
comment on function holdfast_private.has_storage_failure() is
  'Whether the running run has already skipped an object that Storage did not return, instead of waiting for it.';

-- functions/moved_since_start.sql

-- Finds objects that no scan met. Such an object is new since the last snapshot and moves during the
-- scan. Its old name is ahead of the scan and its new name is behind it. The object has no entry, so no
-- name of it is found missing. A move sets updated_at, by which this code finds it. What is copied still
-- depends on the object's current row.
create function holdfast_private.moved_scan_blocks() returns bigint
  language sql immutable set search_path = '' as $$ select 32768 $$;
comment on function holdfast_private.moved_scan_blocks() is
  'Number of blocks of storage.objects that one statement reads for moved_since_start: a quarter of a GB, which takes seconds from a cold disk.';

create function holdfast_private.moved_scan_passes() returns integer
  language sql immutable set search_path = '' as $$ select 5 $$;
comment on function holdfast_private.moved_scan_passes() is
  'Maximum number of passes over the table. If a pass found objects, another pass follows, because they may have moved again.';

create function holdfast_private.moved_since_start(r holdfast_private.runs, from_block bigint, max_items integer) returns jsonb
  language plpgsql stable security definer set search_path = '' set plan_cache_mode = force_custom_plan
  -- Few rows changed since the start, so each is looked up. A hash or merge join would read complete
  -- tables.
  set enable_hashjoin = off set enable_mergejoin = off
as $$
declare
  scope holdfast_private.scope := holdfast_private.plan_scope((moved_since_start.r).plan);
  first_row tid := format('(%s,0)', from_block)::tid;
  behind_last tid := format('(%s,0)', from_block + holdfast_private.moved_scan_blocks())::tid;
begin
  return (
    select coalesce(jsonb_agg(i.item), '[]') from (
      select o.* from (
        select s.id from storage.objects s
        where s.ctid >= first_row and s.ctid < behind_last
          -- updated_at is the start time of the move's transaction, which is short.
          and s.updated_at >= (moved_since_start.r).started_at - interval '1 minute'
          and (s.created_at < (moved_since_start.r).started_at or s.created_at is null)
        -- Filters the rows before the join with the view. Otherwise the planner would read the table in
        -- the order of the view's join.
        offset 0) as changed
        join holdfast_private.source_objects o on o.id = changed.id
      where holdfast_private.in_scope(scope, o.bucket_id, o.name, o.size)
        and not exists (
          select from holdfast_private.entries e
          where holdfast_private.object_hash(e.object_id) = holdfast_private.object_hash(o.id) and e.object_id = o.id
            and e.repository = (moved_since_start.r).repository and e.removed_in is null
            -- An entry that is about to be closed does not count as held.
            and e.missing_in is distinct from (moved_since_start.r).sequence)
        and not exists (
          select from holdfast_private.known_entries h
          where h.repository = (moved_since_start.r).repository and h.bucket_id = o.bucket_id and h.name = o.name
            and h.removed_in is null and o.version in (h.version, h.wanted_version))
        and not exists (
          select from holdfast_private.uploads u
          where u.run = (moved_since_start.r).id and u.bucket_id = o.bucket_id and u.name = o.name)
      limit moved_since_start.max_items) as moved
      cross join lateral holdfast_private.backup_item((moved_since_start.r).repository, moved.id, moved.bucket_id, moved.name,
        moved.version, moved.size, moved.etag, moved.metadata) as i);
end
$$;
comment on function holdfast_private.moved_since_start(holdfast_private.runs, bigint, integer) is
  'Objects that existed when a run began, changed since and are not held under any name, in a range of blocks of storage.objects.';

create function holdfast_private.moved_page(r holdfast_private.runs, last_position jsonb, max_items integer) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
declare
  pass integer := coalesce((last_position ->> 'moved_scan_pass')::integer, 1);
  block bigint := coalesce((last_position ->> 'moved_scan_block')::bigint, 0);
  found_any boolean := coalesce((last_position ->> 'moved_scan_found')::boolean, false);
  blocks bigint := pg_catalog.pg_relation_size('storage.objects') / current_setting('block_size')::bigint;
  items jsonb;
  found_here integer;
begin
  if pass > holdfast_private.moved_scan_passes() then
    return jsonb_build_object('items', '[]'::jsonb, 'position', null);
  end if;
  items := holdfast_private.moved_since_start(moved_page.r, block, moved_page.max_items);
  found_here := jsonb_array_length(items);
  found_any := found_any or found_here > 0;
  -- If a page is full, its blocks may have more objects and are read again.
  if found_here < moved_page.max_items then
    block := block + holdfast_private.moved_scan_blocks();
  end if;
  if block >= blocks then
    pass := pass + 1;
    if not found_any then
      return jsonb_build_object('items', items, 'position', null);
    end if;
    block := 0;
    found_any := false;
  end if;
  return jsonb_build_object('items', items, 'position', jsonb_build_object(
    'moved_scan_pass', pass, 'moved_scan_block', block, 'moved_scan_found', found_any));
end
$$;
comment on function holdfast_private.moved_page(holdfast_private.runs, jsonb, integer) is
  'The next page of moved_since_start and the position to commit. Null when a complete pass found no object, or after the last pass.';

-- functions/missing_names.sql

-- Names that a scan no longer found. Each is looked up by object id. If the object now has another name,
-- it is backed up under that name before the old name is closed.

create function holdfast_private.missing_page(cursor_id bigint, owner uuid, max_items integer) returns jsonb
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(missing_page.cursor_id, missing_page.owner);
  r holdfast_private.runs := (select runs from holdfast_private.runs where runs.id = c.run);
  scope holdfast_private.scope := holdfast_private.plan_scope(r.plan);
  last_position jsonb;
  items jsonb;
begin
  if c.position ? 'moved_scan_pass' then
    return holdfast_private.moved_page(r, c.position, missing_page.max_items);
  end if;
  with marked as (
    select e.bucket_id, e.name, e.object_id from holdfast_private.entries e
    where e.repository = r.repository and e.missing_in = r.sequence and e.removed_in is null
      and (e.bucket_id, e.name) > (coalesce(c.position ->> 'bucket_id', ''), coalesce(c.position ->> 'name', ''))
    order by e.bucket_id, e.name limit missing_page.max_items
  ), living as (
    select distinct on (o.id) o.* from marked m join holdfast_private.source_objects o on o.id = m.object_id
    where holdfast_private.in_scope(scope, o.bucket_id, o.name, o.size)
      and not exists (
        select from holdfast_private.known_entries h where h.repository = r.repository and h.bucket_id = o.bucket_id
          and h.name = o.name and h.removed_in is null and o.version in (h.version, h.wanted_version))
    order by o.id
  )
  select
    (select jsonb_build_object('bucket_id', m.bucket_id, 'name', m.name)
      from marked m order by m.bucket_id desc, m.name desc limit 1),
    (select coalesce(jsonb_agg(i.item), '[]') from living l
      cross join lateral holdfast_private.backup_item(r.repository, l.id, l.bucket_id, l.name, l.version, l.size, l.etag,
        l.metadata) as i)
  into last_position, items;
  if last_position is null then
    return holdfast_private.moved_page(r, '{}', missing_page.max_items);
  end if;
  return jsonb_build_object('items', items, 'position', last_position);
end
$$;
comment on function holdfast_private.missing_page(bigint, uuid, integer) is
  'Objects of the marked names after the cursor, if they have another name now and are not held under it. After these, objects that moved since the start. Includes the position to commit; null at the end.';

create function holdfast_private.missing_commit(cursor_id bigint, owner uuid, results jsonb, new_position jsonb, done jsonb)
  returns void language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(missing_commit.cursor_id, missing_commit.owner);
  r holdfast_private.runs := (select runs from holdfast_private.runs where runs.id = c.run);
begin
  perform holdfast_private.record_results(r, missing_commit.results);
  perform holdfast_private.commit_cursor(c.id, missing_commit.owner, missing_commit.new_position, missing_commit.done);
end
$$;
comment on function holdfast_private.missing_commit(bigint, uuid, jsonb, jsonb, jsonb) is
  'Commits a page of the missing stage.';

-- An object may move twice during a scan: the scan finds it under its second name, and then it moves to
-- a third name that the scan has already passed. Nothing is held under the third name. The first name
-- must still be closed, because the object is held under the second name, which was valid during the
-- run.
--
-- A moved object's old name may be taken by another object whose bytes cannot be read. The entry then
-- holds the old object's bytes and is marked with the wanted version of the new object. It must stay
-- open, because no other entry lists the new object.
create function holdfast_private.close_page(cursor_id bigint, owner uuid, max_items integer) returns integer
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(close_page.cursor_id, close_page.owner);
  r holdfast_private.runs := (select runs from holdfast_private.runs where runs.id = c.run);
  scope holdfast_private.scope := holdfast_private.plan_scope(r.plan);
  seen integer;
  counts jsonb;
  last_position jsonb;
begin
  with marked as (
    select e.* from holdfast_private.entries e
    where e.repository = r.repository and e.missing_in = r.sequence and e.removed_in is null
      and (e.bucket_id, e.name) > (coalesce(c.position ->> 'bucket_id', ''), coalesce(c.position ->> 'name', ''))
    order by e.bucket_id, e.name limit close_page.max_items
  ), judged as (
    select m.bucket_id, m.name, m.added_in, case
      -- Another object has this name now and none of its bytes could be copied. Only this entry lists
      -- it.
      when exists (
        select from holdfast_private.source_objects s
        where s.bucket_id = m.bucket_id collate "default" and s.name = m.name and s.version = m.wanted_version
          and holdfast_private.in_scope(scope, s.bucket_id, s.name, s.size)) then 'kept'
      when o.id is null then 'removed'
      when not holdfast_private.in_scope(scope, o.bucket_id, o.name, o.size) then 'excluded'
      -- If an object had several names during the scan, one open entry is enough. The entry that the
      -- scan added last is kept.
      when exists (
        select from holdfast_private.entries h
        where holdfast_private.object_hash(h.object_id) = holdfast_private.object_hash(m.object_id) and h.object_id = m.object_id
          and h.repository = r.repository and h.removed_in is null and h.blob is not null
          and (h.bucket_id, h.name) <> (m.bucket_id, m.name)
          and (h.missing_in is distinct from r.sequence
            or (h.added_in, h.bucket_id, h.name) > (m.added_in, m.bucket_id, m.name))) then 'moved'
      when (o.bucket_id, o.name) = (m.bucket_id, m.name) then 'kept'
      -- Compares the object id, because an entry under the new name may hold the bytes of a previous
      -- object.
      when exists (
        select from holdfast_private.entries h where h.repository = r.repository and h.bucket_id = o.bucket_id
          and h.name = o.name and h.removed_in is null and h.blob is not null and h.object_id = o.id) then 'moved'
      -- The entry has no bytes for which the old name would have to stay open.
      when m.blob is null then 'moved'
      -- The bytes are not yet held under the new name, so the old name stays open.
      else 'kept' end as fate
    from marked m left join holdfast_private.source_objects o on o.id = m.object_id
  ), closed as (
    update holdfast_private.entries e set removed_in = r.sequence
    from judged j where j.fate <> 'kept' and e.repository = r.repository and e.bucket_id = j.bucket_id
      and e.name = j.name and e.added_in = j.added_in
  )
  select count(*), jsonb_build_object(
      'objects_removed', count(*) filter (where fate = 'removed'),
      'objects_moved', count(*) filter (where fate = 'moved'),
      'objects_excluded', count(*) filter (where fate = 'excluded')),
    (select jsonb_build_object('bucket_id', l.bucket_id, 'name', l.name)
      from judged l order by l.bucket_id desc, l.name desc limit 1)
  into seen, counts, last_position from judged;
  if seen > 0 then
    perform holdfast_private.commit_cursor(c.id, close_page.owner, last_position, counts);
  end if;
  return seen;
end
$$;
comment on function holdfast_private.close_page(bigint, uuid, integer) is
  'Closes the marked entries after the cursor and commits. Entries are removed, moved or excluded; an entry that may not be closed yet is kept. Returns the number of entries checked; 0 at the end.';

-- functions/uploads.sql

-- Large uploads: one cursor per upload and one row per finished part. So an invocation continues after
-- the last finished part and does not send it again. After a cancelled run, the next run continues in
-- the same way.

create function holdfast_private.begin_uploads(r holdfast_private.runs, results jsonb) returns void
  language sql security definer set search_path = ''
as $$
  with wanted as (
    select item - 'upload' as object, item ->> 'bucket_id' as bucket_id, item ->> 'name' as name,
      item #>> '{upload,key}' as key, (item #>> '{upload,part_size}')::bigint as part_size
    from jsonb_array_elements(begin_uploads.results) as item where item -> 'upload' is not null
  ), adopted as (
    update holdfast_private.uploads u set run = (r).id, object = w.object, restarts = 0
    from wanted w
    where u.id = (
      select max(l.id) from holdfast_private.uploads l
      where l.repository = (r).repository and l.bucket_id = w.bucket_id and l.name = w.name
        and l.object -> 'version' = w.object -> 'version' and l.object -> 'size' = w.object -> 'size'
        and not holdfast_private.is_running(l.run))
    returning u.id, u.bucket_id, u.name
  ), begun as (
    insert into holdfast_private.uploads (run, repository, bucket_id, name, object, key, part_size)
    select (r).id, (r).repository, w.bucket_id, w.name, w.object, w.key, w.part_size from wanted w
    where not exists (select from adopted a where a.bucket_id = w.bucket_id and a.name = w.name)
    on conflict (run, bucket_id, name) do nothing
    returning id
  )
  insert into holdfast_private.cursors (run, stage, position)
  select (r).id, 'upload', jsonb_build_object('upload', u.id)
  from (select id from adopted union all select id from begun) as u
$$;
comment on function holdfast_private.begin_uploads(holdfast_private.runs, jsonb) is
  'Creates a row and a cursor for each object larger than one part. The scan continues, and a worker uploads the object. If an ended run has an unfinished upload of the same version, it is taken over.';

create function holdfast_private.upload_state(cursor_id bigint, owner uuid) returns jsonb
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(upload_state.cursor_id, upload_state.owner);
begin
  return (
    select jsonb_build_object('id', u.id, 'object', u.object, 'key', u.key, 'part_size', u.part_size,
      'upload_id', u.upload_id, 'restarts', u.restarts,
      'parts', coalesce((
        select jsonb_agg(jsonb_build_object('number', p.number, 'size', p.size, 'etag', p.etag,
          'sha256', encode(p.sha256, 'hex')) order by p.number)
        from holdfast_private.upload_parts p where p.upload = u.id), '[]'))
    from holdfast_private.uploads u where u.id = (c.position ->> 'upload')::bigint);
end
$$;
comment on function holdfast_private.upload_state(bigint, uuid) is 'The upload of a cursor, with its finished parts.';

create function holdfast_private.upload_begun(cursor_id bigint, owner uuid, upload_id text) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(upload_begun.cursor_id, upload_begun.owner);
begin
  delete from holdfast_private.upload_parts p where p.upload = (c.position ->> 'upload')::bigint;
  update holdfast_private.uploads u set upload_id = upload_begun.upload_id
  where u.id = (c.position ->> 'upload')::bigint;
  perform holdfast_private.commit_cursor(c.id, upload_begun.owner, c.position, '{}');
end
$$;
comment on function holdfast_private.upload_begun(bigint, uuid, text) is
  'Records S3''s id of the upload. The parts of an earlier upload are deleted.';

create function holdfast_private.upload_part_done(cursor_id bigint, owner uuid, part jsonb, done jsonb default '{}')
  returns void language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(upload_part_done.cursor_id, upload_part_done.owner);
begin
  insert into holdfast_private.upload_parts (upload, number, size, etag, sha256)
  select (c.position ->> 'upload')::bigint, p.number, p.size, p.etag, decode(p.sha256, 'hex')
  from jsonb_to_record(part) as p (number integer, size bigint, etag text, sha256 text)
  on conflict (upload, number) do update
  set size = excluded.size, etag = excluded.etag, sha256 = excluded.sha256;
  perform holdfast_private.commit_cursor(c.id, upload_part_done.owner, c.position,
    jsonb_build_object('bytes_copied', part -> 'size', 'storage_requests', 1, 's3_requests', 1) || upload_part_done.done);
end
$$;
comment on function holdfast_private.upload_part_done(bigint, uuid, jsonb, jsonb) is
  'Records a finished part {number, size, etag, sha256 in hex} and adds counters.';

create function holdfast_private.upload_restart(cursor_id bigint, owner uuid, object jsonb, key text, part_size bigint)
  returns void language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(upload_restart.cursor_id, upload_restart.owner);
begin
  delete from holdfast_private.upload_parts p where p.upload = (c.position ->> 'upload')::bigint;
  update holdfast_private.uploads u
  set object = upload_restart.object, key = upload_restart.key, part_size = upload_restart.part_size, upload_id = null,
    restarts = restarts + 1
  where u.id = (c.position ->> 'upload')::bigint;
  perform holdfast_private.commit_cursor(c.id, upload_restart.owner, c.position, '{}');
end
$$;
comment on function holdfast_private.upload_restart(bigint, uuid, jsonb, text, bigint) is
  'Restarts an upload for the current version of the source.';

create function holdfast_private.upload_done(cursor_id bigint, owner uuid, result jsonb, done jsonb) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(upload_done.cursor_id, upload_done.owner);
  r holdfast_private.runs := (select runs from holdfast_private.runs where runs.id = c.run);
begin
  if upload_done.result is not null then
    perform holdfast_private.record_results(r, jsonb_build_array(upload_done.result));
  else
    -- The scan found the name before its object was deleted.
    update holdfast_private.entries e set missing_in = r.sequence from holdfast_private.uploads u
    where u.id = (c.position ->> 'upload')::bigint and e.repository = r.repository
      and e.bucket_id = u.bucket_id and e.name = u.name and e.removed_in is null and e.added_in < r.sequence;
  end if;
  delete from holdfast_private.uploads u where u.id = (c.position ->> 'upload')::bigint;
  perform holdfast_private.finish_cursor(c.id, upload_done.owner, upload_done.done);
end
$$;
comment on function holdfast_private.upload_done(bigint, uuid, jsonb, jsonb) is
  'Finishes an upload and its cursor. result is held or failed. If result is null, the object was deleted and its name is marked as missing.';

create function holdfast_private.orphaned_uploads(cursor_id bigint, owner uuid, max_uploads integer) returns jsonb
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(orphaned_uploads.cursor_id, orphaned_uploads.owner);
  repository_id integer := (select r.repository from holdfast_private.runs r where r.id = c.run);
begin
  return jsonb_build_object(
    'orphaned', (
      select coalesce(jsonb_agg(jsonb_build_object('row', l.id, 'key', l.key, 'id', l.upload_id)), '[]')
      from (
        select u.* from holdfast_private.uploads u
        where u.repository = repository_id and not holdfast_private.is_running(u.run)
        order by u.id limit orphaned_uploads.max_uploads) as l),
    'began', exists (select from holdfast_private.cursors cc where cc.run = c.run and cc.stage = 'upload'));
end
$$;
comment on function holdfast_private.orphaned_uploads(bigint, uuid, integer) is
  'Uploads that ended runs did not finish in the repository, and whether this run had any uploads. It is called after the scan, which takes over the uploads that can still be finished.';

create function holdfast_private.unknown_uploads(cursor_id bigint, owner uuid, ids jsonb) returns jsonb
  language plpgsql security definer set search_path = ''
as $$
begin
  perform holdfast_private.require_lease(unknown_uploads.cursor_id, unknown_uploads.owner);
  return (
    select coalesce(jsonb_agg(i.id), '[]') from jsonb_array_elements_text(unknown_uploads.ids) as i (id)
    where not exists (select from holdfast_private.uploads u where u.upload_id = i.id));
end
$$;
comment on function holdfast_private.unknown_uploads(bigint, uuid, jsonb) is
  'The S3 upload ids that have no row, because their workers crashed before they could record them.';

create function holdfast_private.remove_uploads(cursor_id bigint, owner uuid, missing jsonb, done jsonb) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(remove_uploads.cursor_id, remove_uploads.owner);
begin
  delete from holdfast_private.uploads u
  using jsonb_array_elements_text(remove_uploads.missing) as g (id)
  where u.id = g.id::bigint and not holdfast_private.is_running(u.run);
  perform holdfast_private.commit_cursor(c.id, remove_uploads.owner, c.position, remove_uploads.done);
end
$$;
comment on function holdfast_private.remove_uploads(bigint, uuid, jsonb, jsonb) is
  'Deletes the rows, by id, of aborted uploads, and adds the counters of aborting them.';

create function holdfast_private.object_now(bucket_id text, name text) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object('bucket_id', o.bucket_id, 'name', o.name, 'object_id', o.id,
    'version', o.version, 'size', o.size, 'etag', o.etag, 'metadata', o.metadata)
  from holdfast_private.source_objects o where o.bucket_id = object_now.bucket_id and o.name = object_now.name
$$;
comment on function holdfast_private.object_now(text, text) is
  'The current row of an object; null if it was deleted. It is read again if the bytes did not match the previous row.';

-- functions/snapshots.sql

-- Snapshots in the catalog, by sequence, id and time.

create function holdfast_private.last_snapshot(repository integer) returns holdfast_private.snapshots
  language sql stable security definer set search_path = ''
as $$
  select s from holdfast_private.snapshots s where s.repository = last_snapshot.repository
  order by s.sequence desc limit 1
$$;
comment on function holdfast_private.last_snapshot(integer) is 'The newest sealed snapshot in the catalog.';

create function holdfast_private.newest_snapshot_id(repository integer) returns text
  language sql stable security definer set search_path = ''
as $$ select (holdfast_private.last_snapshot(newest_snapshot_id.repository)).id $$;
comment on function holdfast_private.newest_snapshot_id(integer) is 'Id of the newest snapshot in the catalog; null if there is none.';

create function holdfast_private.save_snapshot(repository integer, document jsonb) returns void
  language sql security definer set search_path = ''
as $$
  insert into holdfast_private.snapshots (repository, sequence, id, state, started_at, sealed_at, document)
  values (save_snapshot.repository, (document ->> 'sequence')::integer, document ->> 'id',
    document ->> 'state', (document ->> 'started_at')::timestamptz, (document ->> 'sealed_at')::timestamptz,
    save_snapshot.document)
  on conflict (repository, sequence) do nothing;
  update holdfast_private.repositories r set last_record = greatest(r.last_record, (document ->> 'sequence')::integer)
  where r.id = save_snapshot.repository
$$;
comment on function holdfast_private.save_snapshot(integer, jsonb) is 'Adds a sealed snapshot to the catalog.';

create function holdfast_private.recover_unconfirmed_snapshot(repository integer, record jsonb) returns boolean
  language plpgsql security definer set search_path = ''
as $$
declare
  r holdfast_private.runs;
begin
  select runs.* into r from holdfast_private.runs
  where runs.repository = recover_unconfirmed_snapshot.repository and runs.kind = 'backup' and runs.state = 'failed'
    and runs.sequence = (record ->> 'sequence')::integer
    and encode(sha256(convert_to(runs.frozen, 'UTF8')), 'hex') = record ->> 'sha256';
  -- If another run has changed the catalog since, its entries are in no snapshot. Only an import can
  -- separate them.
  if not found or exists (
    select from holdfast_private.entries e
    where e.repository = r.repository and (e.added_in > r.sequence or e.removed_in > r.sequence)
  ) then
    return false;
  end if;
  perform holdfast_private.save_snapshot(r.repository, r.frozen::jsonb);
  update holdfast_private.runs set frozen = null, result = jsonb_build_object('snapshot', r.frozen::jsonb -> 'id',
    'state', r.frozen::jsonb -> 'state', 'totals', r.frozen::jsonb -> 'totals') where id = r.id;
  return true;
end
$$;
comment on function holdfast_private.recover_unconfirmed_snapshot(integer, jsonb) is
  'Adds a snapshot to the catalog if the log has the record of its failed run. False if the record belongs to no such run, or if the catalog has changed since.';

create function holdfast_private.resolve_snapshot(repository integer, wanted text) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
declare
  found holdfast_private.snapshots;
  newest text;
begin
  if wanted = 'latest' then
    select s.* into found from holdfast_private.snapshots s
    where s.repository = resolve_snapshot.repository and s.state = 'complete' order by s.sequence desc limit 1;
  elsif wanted ~ '^\d{8}T\d{6}Z-\d+$' then
    select s.* into found from holdfast_private.snapshots s
    where s.repository = resolve_snapshot.repository and s.id = wanted;
  else
    select s.* into found from holdfast_private.snapshots s
    where s.repository = resolve_snapshot.repository and s.state = 'complete'
      and s.sealed_at <= wanted::timestamptz order by s.sequence desc limit 1;
  end if;
  if found.id is not null then
    return jsonb_build_object('sequence', found.sequence, 'id', found.id, 'state', found.state,
      -- A user who asks for the latest snapshot should learn of a newer, incomplete one.
      'newer_partial', (select s.id from holdfast_private.snapshots s
        where s.repository = resolve_snapshot.repository and s.sequence > found.sequence
          and s.state = 'partial' and wanted = 'latest' order by s.sequence desc limit 1));
  end if;
  select string_agg(n.id || ' (' || n.state || ')', ', ' order by n.sequence desc) into newest from (
    select * from holdfast_private.snapshots s where s.repository = resolve_snapshot.repository
    order by s.sequence desc limit 5) as n;
  raise exception 'snapshot_unknown' using errcode = 'HF000',
    detail = format('There is no snapshot %s.', wanted),
    hint = case when newest is null then 'The repository holds no snapshot yet.'
      else 'The newest are: ' || newest || '.' end;
end
$$;
comment on function holdfast_private.resolve_snapshot(integer, text) is
  'The snapshot with an id, the newest complete one sealed by a time, or latest. Raises snapshot_unknown.';

create function holdfast_private.snapshot_ids(repository integer, wanted text, newest integer) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select coalesce(jsonb_agg(s.id order by s.sequence desc), '[]') from (
    (select * from holdfast_private.snapshots s where s.repository = snapshot_ids.repository
      order by s.sequence desc limit snapshot_ids.newest)
    union
    select * from holdfast_private.snapshots s
    where s.repository = snapshot_ids.repository and s.id = snapshot_ids.wanted) as s
$$;
comment on function holdfast_private.snapshot_ids(integer, text, integer) is
  'Ids of the newest snapshots in the catalog, and of the wanted snapshot if it exists.';

create function holdfast_private.snapshot_buckets(repository integer, sequence integer) returns setof jsonb
  language sql stable security definer set search_path = ''
as $$
  with listed as (
    select b from holdfast_private.snapshots s, jsonb_array_elements(s.document -> 'buckets') b
    where s.repository = snapshot_buckets.repository and s.sequence = snapshot_buckets.sequence
  )
  select l.b from listed l where coalesce(l.b ->> 'type', 'STANDARD') = 'STANDARD'
  union all
  -- Includes a bucket that was deleted between the scan and the seal: its objects are in the snapshot.
  select jsonb_build_object('id', held, 'name', held, 'public', false, 'file_size_limit', null,
    'allowed_mime_types', null)
  from holdfast_private.scan_buckets(row('{}', null, null, null)::holdfast_private.scope, snapshot_buckets.repository) held
  where not exists (select from listed l where l.b ->> 'id' = held) and exists (
    select from holdfast_private.entries e
    where e.repository = snapshot_buckets.repository and e.bucket_id = held
      and e.added_in <= snapshot_buckets.sequence
      and (e.removed_in is null or e.removed_in > snapshot_buckets.sequence))
$$;
comment on function holdfast_private.snapshot_buckets(integer, integer) is
  'The buckets of a snapshot with all their settings. A bucket that is known only from its objects is private and has no limits.';

create function holdfast_private.list_snapshots(max_rows integer) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object('id', s.id, 'state', s.state,
    'started_at', holdfast_private.utc(s.started_at), 'sealed_at', holdfast_private.utc(s.sealed_at),
    'project_url', s.document -> 'project_url', 'totals', s.document -> 'totals')
    order by s.sealed_at desc, s.sequence desc), '[]')
  from (select * from holdfast_private.snapshots order by sealed_at desc, sequence desc limit max_rows) as s
$$;
comment on function holdfast_private.list_snapshots(integer) is 'The newest snapshots in the catalog.';

-- functions/listings.sql

-- A listing is read page by page, and each page continues after the last one. The cost of a page must
-- depend only on its own size. So each query is planned for its own bounds, and nothing is sorted or
-- hashed for the complete listing.

create function holdfast_private.changes_to_sort() returns integer
  language sql immutable set search_path = '' as $$ select 100000 $$;
comment on function holdfast_private.changes_to_sort() is
  'Maximum number of changes that are found by sequence and sorted again for each page of a listing. With more changes, the listing reads all entries in the order of names.';

create function holdfast_private.few_changes(repository integer, since integer, upto integer) returns boolean
  language plpgsql stable security definer set search_path = '' set plan_cache_mode = force_custom_plan
as $$
begin
  return holdfast_private.changes_to_sort() >= (
    select count(*) from (
      (select from holdfast_private.entries e
        where e.repository = few_changes.repository and e.added_in > since and e.added_in <= upto
        limit holdfast_private.changes_to_sort() + 1)
      union all
      (select from holdfast_private.entries e
        where e.repository = few_changes.repository and e.removed_in > since and e.removed_in <= upto
        limit holdfast_private.changes_to_sort() + 1)) as change);
end
$$;
comment on function holdfast_private.few_changes(integer, integer, integer) is
  'Whether the changes after one sequence up to another are few enough to sort them again for each page.';

create function holdfast_private.changed_names(repository integer, since integer, upto integer,
  after_bucket text, after_name text, max_names integer) returns table (bucket_id text, name text)
  language plpgsql stable security definer set search_path = '' set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_column
begin
  -- Compares with the last sealed sequence, not with this run's, so that the changes of failed runs are
  -- listed too.
  return query
  select e.bucket_id, e.name from holdfast_private.entries e
  where e.repository = changed_names.repository and e.added_in > since and e.added_in <= upto
    and (e.removed_in is null or e.removed_in > upto) and (e.bucket_id, e.name) > (after_bucket, after_name)
  union
  select e.bucket_id, e.name from holdfast_private.entries e
  where e.repository = changed_names.repository and e.removed_in > since and e.removed_in <= upto
    and e.added_in <= since and (e.bucket_id, e.name) > (after_bucket, after_name)
  order by bucket_id, name limit max_names;
end
$$;
comment on function holdfast_private.changed_names(integer, integer, integer, text, text, integer) is
  'Names that changed after one sequence up to another, by bucket and name, if the changes are few.';

create function holdfast_private.next_changed_names(repository integer, since integer, upto integer,
  after_bucket text, after_name text, max_names integer) returns table (bucket_id text, name text)
  language plpgsql stable security definer set search_path = '' set plan_cache_mode = force_custom_plan
  -- The primary key has this order. Any other plan sorts all remaining entries.
  set enable_sort = off set enable_seqscan = off set enable_bitmapscan = off set enable_hashagg = off
as $$
#variable_conflict use_column
begin
  return query
  select distinct e.bucket_id, e.name from holdfast_private.entries e
  where e.repository = next_changed_names.repository and (e.bucket_id, e.name) > (after_bucket, after_name)
    and case when e.added_in > since then e.added_in <= upto and (e.removed_in is null or e.removed_in > upto)
      else e.removed_in > since and e.removed_in <= upto end
  order by e.bucket_id, e.name limit max_names;
end
$$;
comment on function holdfast_private.next_changed_names(integer, integer, integer, text, text, integer) is
  'The same as changed_names if the changes are many. It reads all entries in order; each entry is read by one page of the listing.';

create function holdfast_private.changed_lines(repository integer, since integer, upto integer,
  after_bucket text, after_name text, max_lines integer)
  returns table (bucket_id text, name text, line text)
  language plpgsql stable security definer set search_path = '' set plan_cache_mode = force_custom_plan
  set enable_hashjoin = off set enable_mergejoin = off
as $$
#variable_conflict use_column
declare
  few boolean := holdfast_private.few_changes(changed_lines.repository, since, upto);
begin
  return query
  select c.bucket_id, c.name, coalesce(l.line,
    jsonb_build_object('op', 'remove', 'bucket', c.bucket_id, 'name', c.name)::text)
  from (
    select * from holdfast_private.changed_names(changed_lines.repository, since, upto, after_bucket, after_name, max_lines)
    where few
    union all
    select * from holdfast_private.next_changed_names(changed_lines.repository, since, upto, after_bucket, after_name, max_lines)
    where not few) as c
    left join holdfast_private.listed_entries l on l.repository = changed_lines.repository
      and l.bucket_id = c.bucket_id collate "C" and l.name = c.name collate "C"
      and l.added_in <= upto and (l.removed_in is null or l.removed_in > upto);
end
$$;
comment on function holdfast_private.changed_lines(integer, integer, integer, text, text, integer) is
  'Next listing lines of changes after one sequence up to another, by bucket and name.';

create function holdfast_private.full_lines(repository integer, upto integer, after_bucket text, after_name text, max_lines integer)
  returns table (bucket_id text, name text, line text)
  language plpgsql stable security definer set search_path = '' set plan_cache_mode = force_custom_plan
  set enable_sort = off set enable_seqscan = off set enable_bitmapscan = off
  set enable_hashjoin = off set enable_mergejoin = off
as $$
#variable_conflict use_column
begin
  return query
  select l.bucket_id, l.name, l.line from holdfast_private.listed_entries l
  where l.repository = full_lines.repository and l.added_in <= upto
    and (l.removed_in is null or l.removed_in > upto)
    and (l.bucket_id, l.name) > (after_bucket, after_name)
  order by l.bucket_id, l.name limit max_lines;
end
$$;
comment on function holdfast_private.full_lines(integer, integer, text, text, integer) is
  'Next listing lines of all objects at a sequence, by bucket and name.';

create function holdfast_private.listing_kind(base holdfast_private.snapshots) returns text
  language sql stable set search_path = ''
as $$
  -- Limits the change parts of a snapshot. A reader of the newest snapshot fetches at most 30 of them,
  -- and never more lines of changes than a full listing has.
  select case
    when (base).sequence is null then 'full'
    -- The totals continue from those of the previous snapshot, so it must have them.
    when not ((base).document -> 'totals') ?& '{objects,bytes,assumed}' then 'full'
    when (select count(*) >= 30
        or sum((p ->> 'entries')::bigint) > greatest(10000, ((base).document #>> '{totals,objects}')::bigint)
      from jsonb_array_elements((base).document -> 'parts') p where p ->> 'kind' = 'changes') then 'full'
    else 'changes' end
$$;
comment on function holdfast_private.listing_kind(holdfast_private.snapshots) is
  'Whether the snapshot after this one lists all objects (full) or only what changed (changes).';

create function holdfast_private.totals_before(base holdfast_private.snapshots) returns jsonb
  language sql stable set search_path = ''
as $$
  select case when holdfast_private.listing_kind(base) = 'full' then '{"objects": 0, "bytes": 0, "assumed": 0}'
    else jsonb_build_object('objects', (base).document #> '{totals,objects}', 'bytes', (base).document #> '{totals,bytes}',
      'assumed', (base).document #> '{totals,assumed}') end
$$;
comment on function holdfast_private.totals_before(holdfast_private.snapshots) is
  'The totals to which the pages of a listing add: zero for a full listing, else the totals of the previous snapshot.';

create function holdfast_private.listing_totals(repository integer, since integer, upto integer,
  after_bucket text, after_name text, to_bucket text, to_name text) returns jsonb
  language plpgsql stable security definer set search_path = '' set plan_cache_mode = force_custom_plan
  -- Looks up each blob of the page's entries. A join would read all blobs of the repository.
  set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
begin
  return (
    select jsonb_build_object('objects', coalesce(sum(change.sign), 0),
      'bytes', coalesce(sum(change.sign * change.size), 0),
      'assumed', coalesce(sum(change.sign) filter (where change.assumed), 0))
    from (
      select 1 as sign, e.size, e.assumed from holdfast_private.known_entries e
      where e.repository = listing_totals.repository
        and e.added_in > coalesce(since, 0) and e.added_in <= upto and (e.removed_in is null or e.removed_in > upto)
        and (e.bucket_id, e.name) > (after_bucket, after_name) and (e.bucket_id, e.name) <= (to_bucket, to_name)
      union all
      select -1, e.size, e.assumed from holdfast_private.known_entries e
      where e.repository = listing_totals.repository
        and e.removed_in > since and e.removed_in <= upto and e.added_in <= since
        and (e.bucket_id, e.name) > (after_bucket, after_name) and (e.bucket_id, e.name) <= (to_bucket, to_name)) as change);
end
$$;
comment on function holdfast_private.listing_totals(integer, integer, integer, text, text, text, text) is
  'What the names of one page add to a snapshot''s totals, after one sequence up to another. since is null for a full listing.';

create function holdfast_private.seal_page(cursor_id bigint, owner uuid, max_lines integer) returns jsonb
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(seal_page.cursor_id, seal_page.owner);
  r holdfast_private.runs := (select runs from holdfast_private.runs where runs.id = c.run);
  base holdfast_private.snapshots := holdfast_private.last_snapshot(r.repository);
  after_bucket text := coalesce(c.position ->> 'bucket_id', '');
  after_name text := coalesce(c.position ->> 'name', '');
  kind text := holdfast_private.listing_kind(base);
  -- A slice compresses a page in memory, and the metadata of one object can have any size. So the bytes
  -- of a page are limited, but a page has at least one line.
  max_bytes constant bigint := 16 * 1024 * 1024;
  page jsonb;
  totals jsonb := coalesce(c.position -> 'totals', holdfast_private.totals_before(base));
begin
  select jsonb_build_object('count', count(*), 'text', string_agg(l.line, E'\n' order by l.bucket_id, l.name),
    'bucket_id', (array_agg(l.bucket_id order by l.bucket_id desc, l.name desc))[1],
    'name', (array_agg(l.name order by l.bucket_id desc, l.name desc))[1])
  into page from (
    select listed.*, row_number() over upto as line_number, sum(octet_length(listed.line)) over upto as bytes
    from (
      -- The result of a function does not keep the collation "C". With the database's collation, the
      -- pages would have another order.
      select lines.bucket_id collate "C" as bucket_id, lines.name collate "C" as name, lines.line
      from holdfast_private.full_lines(r.repository, r.sequence, after_bucket, after_name, max_lines) as lines
      where kind = 'full'
      union all
      select lines.bucket_id, lines.name, lines.line
      from holdfast_private.changed_lines(r.repository, (base).sequence, r.sequence, after_bucket, after_name, max_lines) as lines
      where kind = 'changes') as listed
    window upto as (order by listed.bucket_id, listed.name rows unbounded preceding)) as l
  where l.bytes <= max_bytes or l.line_number = 1;
  if (page ->> 'count')::integer > 0 then
    totals := holdfast_private.add_counters(totals, holdfast_private.listing_totals(r.repository,
      case when kind = 'changes' then (base).sequence end, r.sequence, after_bucket, after_name,
      page ->> 'bucket_id', page ->> 'name'));
  end if;
  return page || jsonb_build_object('totals', totals, 'kind', kind, 'parts', coalesce(c.position -> 'parts', '[]'),
    'inherited', case when kind = 'changes' then (base).document -> 'parts' else '[]' end);
end
$$;
comment on function holdfast_private.seal_page(bigint, uuid, integer) is
  'The next lines to list, as a full listing or as changes; the parts written so far and the inherited parts; and the totals including this page, to be committed with it.';

-- functions/seal.sql

-- Sealing lists what changed since the last sealed snapshot and freezes the exact bytes of
-- snapshot.json. Once snapshot.json and the log record are in the repository, it marks the run as
-- sealed.

create function holdfast_private.seal_count(cursor_id bigint, owner uuid, max_rows integer default 20000) returns boolean
  language plpgsql security definer set search_path = '' set plan_cache_mode = force_custom_plan
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(seal_count.cursor_id, seal_count.owner);
  r holdfast_private.runs := (select runs from holdfast_private.runs where runs.id = c.run);
  so_far jsonb := c.position -> 'wanting';
  step jsonb;
begin
  if so_far is null then
    perform holdfast_private.remove_failures(holdfast_private.plan_scope(r.plan));
    perform holdfast_private.remove_resolved_failures(r.repository);
    so_far := '{"unavailable": 0, "failed": 0, "stale": 0}';
  elsif so_far ? 'counted' then
    return true;
  end if;
  -- Counts the entries that could not be copied, from their index. The class of each is in failures.
  with page as materialized (
    select e.bucket_id, e.name, e.blob from holdfast_private.entries e
    where e.repository = r.repository and e.wanted_version is not null and e.removed_in is null
      and (e.bucket_id, e.name) > (coalesce(so_far ->> 'bucket_id', ''), coalesce(so_far ->> 'name', ''))
    order by e.bucket_id, e.name limit seal_count.max_rows
  )
  select jsonb_build_object(
      'unavailable', (so_far ->> 'unavailable')::bigint
        + count(*) filter (where p.blob is null and f.class is distinct from 'failed'),
      'failed', (so_far ->> 'failed')::bigint + count(*) filter (where p.blob is null and f.class = 'failed'),
      'stale', (so_far ->> 'stale')::bigint + count(*) filter (where p.blob is not null))
    || case when count(*) < seal_count.max_rows then '{"counted": true}' else (
      select jsonb_build_object('bucket_id', l.bucket_id, 'name', l.name)
      from page l order by l.bucket_id desc, l.name desc limit 1) end
  into step
  from page p
    left join holdfast_private.failures f on f.job = 'backup' and f.bucket_id = p.bucket_id and f.name = p.name;
  perform holdfast_private.commit_cursor(c.id, seal_count.owner,
    coalesce(c.position, '{}') || jsonb_build_object('wanting', step), '{}');
  return step ? 'counted';
end
$$;
comment on function holdfast_private.seal_count(bigint, uuid, integer) is
  'Counts some of the objects that could not be copied and commits the counts. Returns whether all are counted. The first call removes obsolete failures.';

create function holdfast_private.seal_facts(cursor_id bigint, owner uuid) returns jsonb
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(seal_facts.cursor_id, seal_facts.owner);
  r holdfast_private.runs := (select runs from holdfast_private.runs where runs.id = c.run);
  base holdfast_private.snapshots := holdfast_private.last_snapshot(r.repository);
  scope holdfast_private.scope := holdfast_private.plan_scope(r.plan);
begin
  return jsonb_build_object(
    'sealed_at', holdfast_private.utc(clock_timestamp()), 'started_at', holdfast_private.utc(r.started_at),
    'repository_id', (select o.repository_id from holdfast_private.repositories o where o.id = r.repository),
    'sequence', r.sequence, 'base_sequence', (base).sequence,
    'state', case when exists (
      select from holdfast_private.failures f where f.job = 'backup' and f.class = 'failed') then 'partial' else 'complete' end,
    'buckets', (select coalesce(jsonb_agg(to_jsonb(b) - 'updated_at' order by b.id), '[]')
      from holdfast_private.source_buckets(scope) b),
    'policies', (select coalesce(jsonb_agg(to_jsonb(p) order by p.tablename, p.policyname), '[]')
      from pg_catalog.pg_policies p where p.schemaname = 'storage' and p.tablename in ('objects', 'buckets')),
    'totals', coalesce(c.position -> 'totals', holdfast_private.totals_before(base))
      || ((c.position -> 'wanting') - '{bucket_id,name,counted}'::text[]));
end
$$;
comment on function holdfast_private.seal_facts(bigint, uuid) is
  'The content of snapshot.json except its parts: times, state, buckets, policies, totals. seal_page and seal_count have counted the totals page by page.';

create function holdfast_private.is_next_log_record(cursor_id bigint, owner uuid) returns boolean
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(is_next_log_record.cursor_id, is_next_log_record.owner);
begin
  return (
    select coalesce(o.conditional_writes, false) and r.sequence = o.last_record + 1
      and r.started_at > clock_timestamp() - interval '5 minutes'
    from holdfast_private.runs r join holdfast_private.repositories o on o.id = r.repository where r.id = c.run);
end
$$;
comment on function holdfast_private.is_next_log_record(bigint, uuid) is
  'Whether any other writer since this run compared heads must have written the same log record that this run is about to write. Then a conditional write detects the conflict, and the log need not be listed again (see assertNoOtherWriter in open.ts).';

create function holdfast_private.freeze_snapshot(cursor_id bigint, owner uuid, document text) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(freeze_snapshot.cursor_id, freeze_snapshot.owner);
begin
  update holdfast_private.runs r set frozen = freeze_snapshot.document, state = 'sealing'
  where r.id = c.run and r.frozen is null;
  -- Commits like any other step, because the next step verifies this commit.
  perform holdfast_private.commit_cursor(c.id, freeze_snapshot.owner, c.position, '{}');
end
$$;
comment on function holdfast_private.freeze_snapshot(bigint, uuid, text) is
  'Stores the exact bytes of snapshot.json. After this, the run can only be sealed.';

create function holdfast_private.seal_run(cursor_id bigint, owner uuid, done jsonb) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(seal_run.cursor_id, seal_run.owner);
  r holdfast_private.runs := (select runs from holdfast_private.runs where runs.id = c.run);
begin
  perform holdfast_private.save_snapshot(r.repository, r.frozen::jsonb);
  perform holdfast_private.finish_cursor(c.id, seal_run.owner, seal_run.done);
  perform holdfast_private.end_run(r.id, 'succeeded', result => jsonb_build_object(
    'snapshot', r.frozen::jsonb -> 'id', 'state', r.frozen::jsonb -> 'state', 'totals', r.frozen::jsonb -> 'totals'));
end
$$;
comment on function holdfast_private.seal_run(bigint, uuid, jsonb) is
  'Marks a run as sealed: adds its snapshot to the catalog and counts the log record as known.';
