-- Made of supabase/schemas by `deno task migration --baseline`: change it there.

-- functions/backup_start.sql

-- The backup job's start: prepare, and cut the scan into cursors.

create function holdfast_private.start_backup(started_by text) returns uuid
  language plpgsql security definer set search_path = ''
as $$
begin
  perform holdfast_private.assert_source_visible();
  perform holdfast_private.refresh_source();
  return holdfast_private.start_run('backup', jsonb_build_object('settings', holdfast_private.all_settings()), start_backup.started_by);
end
$$;
comment on function holdfast_private.start_backup(text) is 'Starts a backup with the settings as they are now.';

create function holdfast_private.scan_buckets(scope holdfast_private.scope, repository integer) returns setof text
  language sql stable security definer set search_path = ''
as $$
  -- Buckets that have open entries come along though they are gone: their entries must be closed.
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
  'Ids of the buckets that a backup has to look at.';

create function holdfast_private.backup_rollback(cursor_id bigint, owner uuid, repository_id uuid, location jsonb, max_rows integer)
  returns integer language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(backup_rollback.cursor_id, backup_rollback.owner);
  elsewhere integer := (
    select r.id from holdfast_private.repositories r
    where r.repository_id = backup_rollback.repository_id
      and holdfast_private.location_of(to_jsonb(r)) <> holdfast_private.location_of(backup_rollback.location));
begin
  if elsewhere is null then
    return 0;
  end if;
  perform holdfast_private.heartbeat(c.id, backup_rollback.owner);
  return holdfast_private.rollback_unsealed_step(elsewhere, backup_rollback.max_rows);
end
$$;
comment on function holdfast_private.backup_rollback(bigint, uuid, uuid, jsonb, integer) is
  'Where backups went to another place so far, forgets some of what was copied there and never sealed; returns how much, 0 when nothing is left.';

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
  'Ends the prepare stage: records the repository, takes the run''s sequence, cuts the scan into cursors.';

-- functions/backup_scan.sql

-- The scan: windows of names, compared and given out page by page.

create function holdfast_private.window_end(repository integer, bucket_id text, from_name text, range_to text, rows integer)
  returns text language plpgsql stable security definer set search_path = '' set plan_cache_mode = force_custom_plan
as $$
declare
  last_source text;
  last_entry text;
begin
  -- The table and not the view of it: a bound may count rows that are not live, and without their
  -- columns the index alone answers.
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
  -- Less than a window is left on both sides: it ends at the last name of either.
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
  'Last name of the window that begins at from_name, so that both tables are bounded on both sides; null at the end of the range.';

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
  'An object as a slice acts on it. blob is set where its bytes are held: under this version, or, assumed, as the same object before a move.';

-- Names whose object went before the run and that another one took while their window was at work:
-- compared, they were missing; committed, they are there again, and what the catalog has of them was
-- so before the run alone. They are marked like names that are gone, and looked up by object id.
create function holdfast_private.mark_missing(repository integer, sequence integer, scope holdfast_private.scope,
  bucket_id text, from_name text, to_name text) returns integer
  language plpgsql security definer set search_path = '' set plan_cache_mode = force_custom_plan
  -- Tables that were just filled have no statistics: one row is expected of each side, and the loop
  -- over both takes a minute for 6,000 names.
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
        -- What this run read, or could not read, was so during the run, whatever is there by now.
        and (e.added_in = mark_missing.sequence
          or o.version in (coalesce(e.version_uuid::text, e.version_text), e.wanted_version))
        -- A scope of nulls leaves nothing out; asking costs as much as all the rest.
        and (mark_missing.scope is null or holdfast_private.in_scope(mark_missing.scope, o.bucket_id, o.name, o.size)));
  get diagnostics marked = row_count;
  return marked;
end
$$;
comment on function holdfast_private.mark_missing(integer, integer, holdfast_private.scope, text, text, text) is
  'Marks the names of a covered window that the project no longer has in scope, or has as another version than was compared. They are closed later, by object id.';

create function holdfast_private.window_differs(repository integer, scope holdfast_private.scope, bucket_id text, from_name text,
  to_name text) returns boolean
  language plpgsql stable security definer set search_path = '' set plan_cache_mode = force_custom_plan
  -- Two indexes in one order: it costs the same a row at any size, keeps nothing in memory or on
  -- disk, and ends where the first difference is. And workers are the parallelism.
  set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off
  set max_parallel_workers_per_gather = 0
as $$
begin
  -- One merge over both tables that ends at the first difference: all that an unchanged window costs.
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
  'Whether project and catalog differ anywhere in a window.';

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
      -- Of both tables' names, so that it is asked of what differs and not of every row.
      and holdfast_private.in_scope(scope, o.bucket_id, coalesce(e.name, o.name), o.size)
      -- What could not be had is tried again when its time has come, or at once as another version.
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
  'Compares one window and returns up to max_items objects to act on, and the name up to which that is all. A window without a difference is committed here.';

-- functions/backup_commit.sql

-- What became of a page of the scan.

create function holdfast_private.mark_moved(r holdfast_private.runs, results jsonb) returns void
  language sql security definer set search_path = ''
  -- A page's objects, each looked up; whatever else the planner may think of reads all entries.
  set plan_cache_mode = force_custom_plan set enable_hashjoin = off set enable_mergejoin = off
  set enable_seqscan = off
as $$
  -- The same object under two names means that it was moved during the scan: one of them is gone.
  update holdfast_private.entries e set missing_in = (r).sequence
  from jsonb_to_recordset(mark_moved.results) as x (bucket_id text, name text, object_id uuid)
  where e.repository = (r).repository and holdfast_private.object_hash(e.object_id) = holdfast_private.object_hash(x.object_id)
    and e.object_id = x.object_id and e.removed_in is null
    and (e.bucket_id, e.name) <> (x.bucket_id, x.name) and e.missing_in is distinct from (r).sequence
$$;
comment on function holdfast_private.mark_moved(holdfast_private.runs, jsonb) is
  'Marks the entries of these objects that have other names, to be looked at when the scan is done.';

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
  -- Of most pages nothing failed, now or before.
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
  'Writes down what became of each object of a page: held, failed, or begun as an upload.';

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
  -- chr(1) makes the least name above to_name, so the next window can be bounded inclusively.
  perform holdfast_private.commit_cursor(c.id, backup_commit.owner,
    jsonb_build_object('from', backup_commit.to_name || chr(1)), backup_commit.done);
end
$$;
comment on function holdfast_private.backup_commit(bigint, uuid, jsonb, text, jsonb) is
  'Commits a page of the scan: results, names no longer found, position and counters, in one transaction. Results may be of names behind to_name, up to which nothing is passed over; null where nothing is passed at all.';

-- An object that is moved while it is read for the first time: no name of it was ever held, so none is
-- found missing, and where it went to the scan may have been already.
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
  'An object by its id, under whichever name it has now, as a slice of the running backup acts on it; null where it is gone or out of scope.';

-- Is Storage out, or does it lack the bytes of one object? Both may look the same to whoever reads
-- that object; so objects are named that were readable, to be read again.
create function holdfast_private.readable_objects(max_objects integer) returns jsonb
  language sql volatile security definer set search_path = '' set plan_cache_mode = force_custom_plan
as $$
  -- Of as many buckets as there are: bytes are lost by the bucket.
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
  'Some objects of the project whose bytes the running run''s repository holds as they are now: Storage gave them once.';

create function holdfast_private.has_storage_failure() returns boolean
  language sql stable security definer set search_path = ''
as $$
  select exists (
    select from holdfast_private.runs r join holdfast_private.failures f on f.run = r.id
    where r.state = 'running' and f.code = 'storage_failed')
$$;
comment on function holdfast_private.has_storage_failure() is
  'Whether the running run already passed an object that Storage did not give, instead of waiting for it.';

-- functions/moved_since_start.sql

-- Objects that no scan met: new since the last snapshot, and moved during the scan from where it
-- had yet to come to where it had been. No entry knows them, so no name of theirs is found missing.
-- A move sets updated_at, which finds them; what is copied of them is decided by the row, as ever.
create function holdfast_private.moved_scan_blocks() returns bigint
  language sql immutable set search_path = '' as $$ select 32768 $$;
comment on function holdfast_private.moved_scan_blocks() is
  'Blocks of storage.objects that one statement looks through for moved_since_start: a quarter of a GB, seconds from a cold disk.';

create function holdfast_private.moved_scan_passes() returns integer
  language sql immutable set search_path = '' as $$ select 5 $$;
comment on function holdfast_private.moved_scan_passes() is
  'Times that the table is looked through at most: again where the last time found any, for they may have moved on.';

create function holdfast_private.moved_since_start(r holdfast_private.runs, from_block bigint, max_items integer) returns jsonb
  language plpgsql stable security definer set search_path = '' set plan_cache_mode = force_custom_plan
  -- What was changed since is few: each is looked up, and nothing is hashed whole for it.
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
          -- The time is the start of a transaction, and a move's is short.
          and s.updated_at >= (moved_since_start.r).started_at - interval '1 minute'
          and (s.created_at < (moved_since_start.r).started_at or s.created_at is null)
        -- Before the view below is joined, or its rows would be read in its own order.
        offset 0) as changed
        join holdfast_private.source_objects o on o.id = changed.id
      where holdfast_private.in_scope(scope, o.bucket_id, o.name, o.size)
        and not exists (
          select from holdfast_private.entries e
          where holdfast_private.object_hash(e.object_id) = holdfast_private.object_hash(o.id) and e.object_id = o.id
            and e.repository = (moved_since_start.r).repository and e.removed_in is null
            -- A name that is about to be closed keeps nothing.
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
  'Objects that were there when a run began, changed since and are not held under any name: of so many blocks of storage.objects.';

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
  -- A full page may not have been all.
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
  'The next moved_since_start and the position to commit; null when the table was looked through and none was left.';

-- functions/missing_names.sql

-- Names that a scan no longer found. Each is looked up by object id: an object that lives under
-- another name is backed up there first, and only then is the old name closed.

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
  'Marked names after the cursor, then moved_since_start: objects that live elsewhere and are not held there, and the position to commit; null at the end.';

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
comment on function holdfast_private.missing_commit(bigint, uuid, jsonb, jsonb, jsonb) is 'Commits a page of the gone stage.';

-- Closing names of objects that moved more than once during the scan: it met one under its second
-- name, and then that went on to a third, behind the scan. The first was kept, since nothing is held
-- under the third; but what is held under the second was so during the run, and the first was not.
--
-- An object moves away, and another one takes its name whose bytes can't be had: the entry under that name
-- holds what was there, and is marked with the version that was wanted. It was closed, since its object
-- lives elsewhere, and the one that took the name was in no listing.
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
      -- Another object lives here, of which nothing could be had: only this entry tells of it.
      when exists (
        select from holdfast_private.source_objects s
        where s.bucket_id = m.bucket_id collate "default" and s.name = m.name and s.version = m.wanted_version
          and holdfast_private.in_scope(scope, s.bucket_id, s.name, s.size)) then 'kept'
      when o.id is null then 'removed'
      when not holdfast_private.in_scope(scope, o.bucket_id, o.name, o.size) then 'excluded'
      -- Of the names that an object had during the scan one is enough: one that the scan met last
      -- it found after it looked here, where the object was not any more.
      when exists (
        select from holdfast_private.entries h
        where holdfast_private.object_hash(h.object_id) = holdfast_private.object_hash(m.object_id) and h.object_id = m.object_id
          and h.repository = r.repository and h.removed_in is null and h.blob is not null
          and (h.bucket_id, h.name) <> (m.bucket_id, m.name)
          and (h.missing_in is distinct from r.sequence
            or (h.added_in, h.bucket_id, h.name) > (m.added_in, m.bucket_id, m.name))) then 'moved'
      when (o.bucket_id, o.name) = (m.bucket_id, m.name) then 'kept'
      -- By object: what lay there before may be all that is held under the new name.
      when exists (
        select from holdfast_private.entries h where h.repository = r.repository and h.bucket_id = o.bucket_id
          and h.name = o.name and h.removed_in is null and h.blob is not null and h.object_id = o.id) then 'moved'
      -- It never held anything that the old name would have to stay for.
      when m.blob is null then 'moved'
      -- Its bytes under the new name are not held yet: the old name stays until they are.
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
  'Closes marked entries after the cursor by their fate (removed, moved, excluded, or kept because they may not be closed yet), commits, and returns how many it looked at; 0 at the end.';

-- functions/uploads.sql

-- Large uploads: one cursor each, one row a finished part, so that an invocation goes on where the
-- last one ended and sends no finished part again. So does the next run, where its run was cancelled.

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
  'Makes a row and a cursor for each object above one part; the scan passes it, a worker uploads it. An upload that an ended run left is taken over where the object is still the same.';

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
  'Records S3''s id of the upload. Parts of an earlier one are forgotten with it.';

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
comment on function holdfast_private.upload_part_done(bigint, uuid, jsonb, jsonb) is 'Records a finished part {number, size, etag, sha256 in hex}, and further counters.';

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
  'Begins an upload anew for the version that the source has now.';

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
    -- The scan met the name while its object was there.
    update holdfast_private.entries e set missing_in = r.sequence from holdfast_private.uploads u
    where u.id = (c.position ->> 'upload')::bigint and e.repository = r.repository
      and e.bucket_id = u.bucket_id and e.name = u.name and e.removed_in is null and e.added_in < r.sequence;
  end if;
  delete from holdfast_private.uploads u where u.id = (c.position ->> 'upload')::bigint;
  perform holdfast_private.finish_cursor(c.id, upload_done.owner, upload_done.done);
end
$$;
comment on function holdfast_private.upload_done(bigint, uuid, jsonb, jsonb) is
  'Ends an upload with its result (held or failed; null where the object is gone, whose name is then marked) and finishes its cursor.';

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
  'Uploads that ended runs left in the repository, and whether this run had any: asked when a scan is done, which would have taken over what can still be finished.';

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
  'Which of S3''s ids of uploads stand in no row: their workers died before they could write them down.';

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
  'Removes the rows, by number, of uploads that were aborted, with the counters of doing so.';

create function holdfast_private.object_now(bucket_id text, name text) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object('bucket_id', o.bucket_id, 'name', o.name, 'object_id', o.id,
    'version', o.version, 'size', o.size, 'etag', o.etag, 'metadata', o.metadata)
  from holdfast_private.source_objects o where o.bucket_id = object_now.bucket_id and o.name = object_now.name
$$;
comment on function holdfast_private.object_now(text, text) is
  'An object''s row as it is now, null if it is gone: asked again when a read did not give what the row had said.';

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
  -- What another run has put into the catalog since is in no snapshot: to tell it apart wants an import.
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
  'Lets a snapshot join the catalog by the record that its failed run left in the log; false where the record is of no such run, or the catalog has moved on.';

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
      -- Whoever asks for the latest should know of one that is newer and incomplete.
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
  'The snapshot of an id, of a time (the newest complete one sealed by then) or latest; raises snapshot_unknown.';

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
  'Ids of the newest snapshots in the catalog, and of the wanted one if it is there.';

create function holdfast_private.snapshot_buckets(repository integer, sequence integer) returns setof jsonb
  language sql stable security definer set search_path = ''
as $$
  with listed as (
    select b from holdfast_private.snapshots s, jsonb_array_elements(s.document -> 'buckets') b
    where s.repository = snapshot_buckets.repository and s.sequence = snapshot_buckets.sequence
  )
  select l.b from listed l where coalesce(l.b ->> 'type', 'STANDARD') = 'STANDARD'
  union all
  -- A bucket that was deleted between the scan and the seal: its objects are in the snapshot.
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
  'The buckets of a snapshot with all their settings; private and without limits where only its objects tell of one.';

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

-- A listing is read page by page, each from where the last one ended. A page must cost what it
-- holds: so its plan is made for its own bounds, and nothing is sorted or hashed whole for it.

create function holdfast_private.changes_to_sort() returns integer
  language sql immutable set search_path = '' as $$ select 100000 $$;
comment on function holdfast_private.changes_to_sort() is
  'Up to so many changes are found by their sequence and sorted for each page of a listing; more are met in the order of names.';

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
  'Whether so little changed after one sequence up to another that it may be sorted again for each page.';

create function holdfast_private.changed_names(repository integer, since integer, upto integer,
  after_bucket text, after_name text, max_names integer) returns table (bucket_id text, name text)
  language plpgsql stable security definer set search_path = '' set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_column
begin
  -- Against the last sealed sequence, not this run's: what an abandoned run did is listed here too.
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
  'Names of what changed after one sequence up to another, by bucket and name, where it is little.';

create function holdfast_private.next_changed_names(repository integer, since integer, upto integer,
  after_bucket text, after_name text, max_names integer) returns table (bucket_id text, name text)
  language plpgsql stable security definer set search_path = '' set plan_cache_mode = force_custom_plan
  -- The order is the primary key's: whatever else the planner may think of sorts all of the rest.
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
  'The same where it is much: by way of all entries, each of which one page of the listing passes.';

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
  'Listing lines of what changed after one sequence up to another: the next by bucket and name.';

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
  'Listing lines of everything at a sequence: the next by bucket and name.';

create function holdfast_private.listing_kind(base holdfast_private.snapshots) returns text
  language sql stable set search_path = ''
as $$
  -- The tail of change parts is bounded: a reader of the newest snapshot fetches at most 30 of them,
  -- and never more lines of changes than a full listing has.
  select case
    when (base).sequence is null then 'full'
    -- Totals go on from those of the snapshot before.
    when not ((base).document -> 'totals') ?& '{objects,bytes,assumed}' then 'full'
    when (select count(*) >= 30
        or sum((p ->> 'entries')::bigint) > greatest(10000, ((base).document #>> '{totals,objects}')::bigint)
      from jsonb_array_elements((base).document -> 'parts') p where p ->> 'kind' = 'changes') then 'full'
    else 'changes' end
$$;
comment on function holdfast_private.listing_kind(holdfast_private.snapshots) is
  'Whether the snapshot after this one lists everything or only what changed.';

create function holdfast_private.totals_before(base holdfast_private.snapshots) returns jsonb
  language sql stable set search_path = ''
as $$
  select case when holdfast_private.listing_kind(base) = 'full' then '{"objects": 0, "bytes": 0, "assumed": 0}'
    else jsonb_build_object('objects', (base).document #> '{totals,objects}', 'bytes', (base).document #> '{totals,bytes}',
      'assumed', (base).document #> '{totals,assumed}') end
$$;
comment on function holdfast_private.totals_before(holdfast_private.snapshots) is
  'The totals to which a listing''s pages add: none for a full one, else those of the snapshot before.';

create function holdfast_private.listing_totals(repository integer, since integer, upto integer,
  after_bucket text, after_name text, to_bucket text, to_name text) returns jsonb
  language plpgsql stable security definer set search_path = '' set plan_cache_mode = force_custom_plan
  -- Of a page's entries each blob is looked up; joined, all of the repository's would be read.
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
  'What the names of one page add to a snapshot''s totals after one sequence up to another; since is null for a full listing.';

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
  -- A slice packs a page in memory: an object's metadata may be of any size, one line goes alone.
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
      -- A function's result has no collation of its own; the database's would page in another order.
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
  'The next lines to list, whether as a full listing or as changes, the parts written so far and those inherited, and the totals with this page, to be committed with it.';

-- functions/seal.sql

-- Sealing: list what changed since the last sealed snapshot, freeze the exact bytes of
-- snapshot.json, and mark the run sealed once they and the log record are in the repository.

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
  -- What could not be had is counted from its index; why, the failures know.
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
  'Counts some of what could not be had and commits that; returns whether it was all. The first call forgets failures that are of no concern any more.';

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
  'What snapshot.json says beside its parts: times, state, buckets, policies, totals. Those were counted page by page, by seal_page and seal_count.';

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
  'Whether another writer since this run compared heads would have written the very record that this run is about to write: then the server''s refusal tells, and the log need not be listed again (see assertNoOtherWriter in open.ts).';

create function holdfast_private.freeze_snapshot(cursor_id bigint, owner uuid, document text) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(freeze_snapshot.cursor_id, freeze_snapshot.owner);
begin
  update holdfast_private.runs r set frozen = freeze_snapshot.document, state = 'sealing'
  where r.id = c.run and r.frozen is null;
  -- A commit like any other: what follows expects it.
  perform holdfast_private.commit_cursor(c.id, freeze_snapshot.owner, c.position, '{}');
end
$$;
comment on function holdfast_private.freeze_snapshot(bigint, uuid, text) is
  'Keeps the exact bytes of snapshot.json; from here the run can only be sealed.';

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
  'Marks a run sealed: its snapshot joins the catalog and the log record counts as known.';
