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
