-- The plan of a restore: what it would do. A restore deletes nothing.

create function holdfast_private.start_restore(plan jsonb, started_by text) returns uuid
  language sql security definer set search_path = ''
as $$
  select holdfast_private.start_run('restore', start_restore.plan, start_restore.started_by)
  from holdfast_private.refresh_source(), holdfast_private.assert_source_visible()
$$;
comment on function holdfast_private.start_restore(jsonb, text) is 'Starts a restore; with dry_run, only its plan.';

-- Counts what a restore would do window by window, as in a scan. One statement over millions of entries
-- would exceed the statement timeout, and the restore would never begin.
create function holdfast_private.restore_window(repository integer, sequence integer, bucket_id text, from_name text,
  to_name text) returns jsonb
  language plpgsql stable security definer set search_path = '' set plan_cache_mode = force_custom_plan
  -- The settings are those of window_differs. Nested loops are off for the same reason as in
  -- mark_missing.
  set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_nestloop = off
  set max_parallel_workers_per_gather = 0
as $$
begin
  return (
    with compared as materialized (
      select e.name, e.blob is null as unavailable, o.id is not null as present,
        -- A subquery for each row: a join would read all blobs of the repository for each window.
        (select b.size from holdfast_private.blobs b where b.id = e.blob) as size,
        -- Whether the catalog knows that the target has these bytes. The ETag is never used. The entry
        -- itself almost always shows it; else another entry of the same name.
        o.id is not null and e.blob is not null and (e.version = o.version and not e.assumed or exists (
          select from holdfast_private.known_entries k
          where k.repository = restore_window.repository and k.bucket_id = restore_window.bucket_id
            and k.name >= restore_window.from_name and k.name <= restore_window.to_name
            and k.name = e.name and k.version = o.version and k.blob = e.blob and not k.assumed)) as right
      from (
        select * from holdfast_private.known_entries k
        where k.repository = restore_window.repository and k.bucket_id = restore_window.bucket_id
          and k.name >= restore_window.from_name and k.name <= restore_window.to_name
          and k.added_in <= restore_window.sequence
          and (k.removed_in is null or k.removed_in > restore_window.sequence)
      ) e left join (
        select * from holdfast_private.source_objects s
        where s.bucket_id = restore_window.bucket_id collate "default"
          and s.name >= restore_window.from_name and s.name <= restore_window.to_name
      ) o on o.name = e.name
    )
    select jsonb_build_object(
      'totals', jsonb_build_object(
        'objects', count(*) filter (where not unavailable),
        'bytes', coalesce(sum(size), 0),
        'unavailable', count(*) filter (where unavailable),
        'to_restore', count(*) filter (where not present and not unavailable),
        'bytes_to_restore', coalesce(sum(size) filter (where not present), 0),
        'already_right', count(*) filter (where "right"),
        'to_compare', count(*) filter (where present and not unavailable and not "right")),
      'would_overwrite', to_jsonb((coalesce(array_agg(restore_window.bucket_id || '/' || name order by name)
        filter (where present and not unavailable and not "right"), '{}'))[1:100]))
    from compared);
end
$$;
comment on function holdfast_private.restore_window(integer, integer, text, text, text) is
  'What a restore of a snapshot would do in one window of names: counts, and the first 100 names that exist with other or unknown bytes.';

create function holdfast_private.restore_count(cursor_id bigint, owner uuid, window_rows integer default 50000,
  max_seconds numeric default 5)
  returns boolean language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(restore_count.cursor_id, restore_count.owner);
  r holdfast_private.runs := (select runs from holdfast_private.runs where runs.id = c.run);
  until timestamptz := clock_timestamp() + make_interval(secs => restore_count.max_seconds::float);
  snapshot jsonb := coalesce(c.position -> 'snapshot', holdfast_private.resolve_snapshot(r.repository, r.plan ->> 'snapshot'));
  bucket text := c.position ->> 'bucket';
  from_name text := coalesce(c.position ->> 'from', '');
  to_name text;
  totals jsonb := coalesce(c.position -> 'totals', '{"objects": 0, "bytes": 0, "unavailable": 0, "to_restore": 0,
    "bytes_to_restore": 0, "already_right": 0, "to_compare": 0}');
  would_overwrite jsonb := coalesce(c.position -> 'would_overwrite', '[]');
  counted boolean := coalesce((c.position ->> 'counted')::boolean, false);
  compared jsonb;
begin
  if counted then
    return true;
  end if;
  loop
    to_name := holdfast_private.window_end(r.repository, bucket, from_name, null, restore_count.window_rows);
    if to_name is null then
      bucket := (
        select e.bucket_id from holdfast_private.entries e
        where e.repository = r.repository and e.bucket_id > coalesce(bucket, '') order by e.bucket_id limit 1);
      from_name := '';
      counted := bucket is null;
    else
      compared := holdfast_private.restore_window(r.repository, (snapshot ->> 'sequence')::integer, bucket, from_name, to_name);
      totals := holdfast_private.add_counters(totals, compared -> 'totals');
      would_overwrite := (
        select coalesce(jsonb_agg(w.location order by w.n), '[]')
        from jsonb_array_elements(would_overwrite || (compared -> 'would_overwrite')) with ordinality as w (location, n)
        where w.n <= 100);
      from_name := to_name || chr(1);
    end if;
    exit when counted or clock_timestamp() >= until;
  end loop;
  perform holdfast_private.commit_cursor(c.id, restore_count.owner, jsonb_build_object('snapshot', snapshot, 'bucket', bucket,
    'from', from_name, 'totals', totals, 'would_overwrite', would_overwrite, 'counted', counted), '{}');
  return counted;
end
$$;
comment on function holdfast_private.restore_count(bigint, uuid, integer, numeric) is
  'Counts what a restore would do, window by window, for some seconds, and commits the counts. Returns whether all windows are counted.';

create function holdfast_private.restore_planned(cursor_id bigint, owner uuid) returns jsonb
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(restore_planned.cursor_id, restore_planned.owner);
  r holdfast_private.runs := (select runs from holdfast_private.runs where runs.id = c.run);
  snapshot jsonb;
  report jsonb;
begin
  -- If the windows were not counted before, counts them here in one statement.
  while not holdfast_private.restore_count(c.id, restore_planned.owner) loop
  end loop;
  c := holdfast_private.require_lease(c.id, restore_planned.owner);
  snapshot := c.position -> 'snapshot';
  report := c.position -> 'totals' || jsonb_build_object(
    'snapshot', snapshot -> 'id', 'snapshot_state', snapshot -> 'state',
    'newer_partial', snapshot -> 'newer_partial', 'dry_run', r.plan -> 'dry_run',
    'overwrite', r.plan -> 'overwrite', 'sequence', snapshot -> 'sequence',
    'would_overwrite', c.position -> 'would_overwrite',
    'buckets_to_create', coalesce((
      select jsonb_agg(b ->> 'id' order by b ->> 'id') from holdfast_private.snapshot_buckets(r.repository, (snapshot ->> 'sequence')::integer) b
      where not exists (select from storage.buckets t where t.id = b ->> 'id')), '[]'),
    'missing_policies', coalesce((
      select jsonb_agg(p) from holdfast_private.snapshots s, jsonb_array_elements(s.document -> 'policies') p
      where s.repository = r.repository and s.sequence = (snapshot ->> 'sequence')::integer
        and not exists (select from pg_catalog.pg_policies t where t.schemaname = 'storage'
          and t.tablename = p ->> 'tablename' and t.policyname = p ->> 'policyname')), '[]'));
  if (r.plan ->> 'dry_run')::boolean then
    perform holdfast_private.finish_cursor(c.id, restore_planned.owner);
    perform holdfast_private.end_run(r.id, 'succeeded', result => report);
    return report;
  end if;
  update holdfast_private.runs set result = report where id = r.id;
  -- A restore from the project's own repository is recorded as entries, so that the next backup copies
  -- nothing again.
  if (select o.owner_project from holdfast_private.repositories o where o.id = r.repository)
    = holdfast_private.setting('project_url') #>> '{}' then
    perform holdfast_private.take_sequence(r.id, r.repository);
  end if;
  insert into holdfast_private.cursors (run, stage) values (r.id, 'buckets');
  perform holdfast_private.finish_cursor(c.id, restore_planned.owner);
  return report;
end
$$;
comment on function holdfast_private.restore_planned(bigint, uuid) is
  'Reports what a restore would do, from the counts. A dry run ends here; otherwise the buckets stage begins.';
