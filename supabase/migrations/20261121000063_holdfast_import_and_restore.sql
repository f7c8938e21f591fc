-- Made of supabase/schemas by `deno task migration --baseline`: change it there.

-- functions/rollback_unsealed.sql

create function holdfast_private.rollback_unsealed(repository integer) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  base integer := coalesce((holdfast_private.last_snapshot(rollback_unsealed.repository)).sequence, 0);
begin
  -- The stored bytes stay, and their keys can be derived only from these entries.
  update holdfast_private.blobs b set key = holdfast_private.plain_key(e.bucket_id, e.name, e.version)
  from holdfast_private.known_entries e
  where e.repository = rollback_unsealed.repository and e.added_in > base and b.id = e.blob and b.key is null;
  delete from holdfast_private.entries e where e.repository = rollback_unsealed.repository and e.added_in > base;
  update holdfast_private.entries e set removed_in = null
  where e.repository = rollback_unsealed.repository and e.removed_in > base;
end
$$;
comment on function holdfast_private.rollback_unsealed(integer) is
  'Resets the catalog to its newest snapshot. Unsealed entries would otherwise appear to belong to the next snapshots.';

-- A large backup that was never sealed may have millions of entries. An import removes them in steps,
-- each within the statement timeout.
--
-- A rollback makes the snapshot of a failed run unrecoverable. Such a snapshot can be valid, if its
-- record was written to the log, but its recovery needs its entries. Without them the catalog would lack
-- objects that the snapshot lists, and the totals of the next snapshot would not match its listing.
create function holdfast_private.rollback_unsealed_step(repository integer, max_rows integer) returns integer
  language plpgsql security definer set search_path = '' set plan_cache_mode = force_custom_plan
as $$
declare
  base integer := coalesce((holdfast_private.last_snapshot(rollback_unsealed_step.repository)).sequence, 0);
  latest tid[] := array(
    select e.ctid from holdfast_private.entries e
    where e.repository = rollback_unsealed_step.repository and e.added_in > base limit rollback_unsealed_step.max_rows);
  seen integer;
begin
  update holdfast_private.runs r set frozen = null
  where r.repository = rollback_unsealed_step.repository and r.kind = 'backup' and r.state = 'failed'
    and r.frozen is not null;
  if cardinality(latest) > 0 then
    -- The stored bytes stay, and their keys can be derived only from these entries.
    perform holdfast_private.spell_keys(array(select e.blob from holdfast_private.entries e where e.ctid = any (latest)));
    delete from holdfast_private.entries e where e.ctid = any (latest);
    return cardinality(latest);
  end if;
  -- Entries are reopened only after all newer ones are deleted, because a name has at most one open
  -- entry.
  update holdfast_private.entries e set removed_in = null
  where e.ctid = any (array(
    select o.ctid from holdfast_private.entries o
    where o.repository = rollback_unsealed_step.repository and o.removed_in > base limit rollback_unsealed_step.max_rows));
  get diagnostics seen = row_count;
  return seen;
end
$$;
comment on function holdfast_private.rollback_unsealed_step(integer, integer) is
  'Resets the catalog towards its newest snapshot by up to max_rows entries. Returns their number; 0 when done. Afterwards the snapshot of a failed run can no longer be recovered.';

create function holdfast_private.import_rollback(cursor_id bigint, owner uuid, max_rows integer) returns integer
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(import_rollback.cursor_id, import_rollback.owner);
begin
  if c.position ? 'begun' then
    return 0;
  end if;
  perform holdfast_private.heartbeat(c.id, import_rollback.owner);
  return holdfast_private.rollback_unsealed_step((select r.repository from holdfast_private.runs r where r.id = c.run), import_rollback.max_rows);
end
$$;
comment on function holdfast_private.import_rollback(bigint, uuid, integer) is
  'Removes some unsealed entries before the first page of an import. Returns their number; 0 when none remain.';

-- functions/import.sql

-- Import: rebuilds the catalog from the repository's log and listings. It copies no bytes.

create function holdfast_private.start_import(started_by text, plan jsonb default '{}') returns uuid
  language sql security definer set search_path = ''
as $$ select holdfast_private.start_run('import', start_import.plan, start_import.started_by) $$;
comment on function holdfast_private.start_import(text, jsonb) is
  'Starts an import of the repository''s log into the catalog. With take_over in its plan, this project then becomes the repository''s owner.';

create function holdfast_private.repository_prepared(cursor_id bigint, owner uuid, facts jsonb, next_stage text)
  returns void language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(repository_prepared.cursor_id, repository_prepared.owner);
  -- A run that only reads does not change the recorded location of the backups.
  known integer := (
    select r.id from holdfast_private.repositories r where r.repository_id = (facts ->> 'repository_id')::uuid);
begin
  update holdfast_private.runs r
  set repository = coalesce(known, holdfast_private.save_repository(facts)),
    plan = r.plan || jsonb_build_object('location', holdfast_private.location_of(facts))
  where r.id = c.run;
  insert into holdfast_private.cursors (run, stage) values (c.run, next_stage);
  perform holdfast_private.finish_cursor(c.id, repository_prepared.owner);
end
$$;
comment on function holdfast_private.repository_prepared(bigint, uuid, jsonb, text) is
  'Ends the prepare stage of a run that reads a repository: records the repository and begins the next stage.';

-- A snapshot does not always build on the previous one in the log. A delayed record can appear before
-- the record of the next run, which was sealed without it. The parts of that next snapshot then lack the
-- changes of the delayed one. An import must start again with the full listing that they begin with.
create function holdfast_private.import_begin(cursor_id bigint, owner uuid) returns jsonb
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(import_begin.cursor_id, import_begin.owner);
  r holdfast_private.runs := (select runs from holdfast_private.runs where runs.id = c.run);
begin
  return (
    select jsonb_build_object('position', c.position, 'base', base.sequence,
      'base_parts', jsonb_path_query_array(base.document, '$.parts[*].key'),
      'last_record', o.last_record, 'repository_id', o.repository_id)
    from holdfast_private.repositories o left join lateral holdfast_private.last_snapshot(o.id) as base on true
    where o.id = r.repository);
end
$$;
comment on function holdfast_private.import_begin(bigint, uuid) is
  'The repository of an import and its progress: its position, the newest snapshot in the catalog with the keys of its parts, and the last record in the catalog.';

create function holdfast_private.import_page(cursor_id bigint, owner uuid, sequence integer, lines jsonb,
  new_position jsonb) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(import_page.cursor_id, import_page.owner);
  repo integer := (select r.repository from holdfast_private.runs r where r.id = c.run);
begin
  -- Runs once, before the first page, because entries of the import itself are also above the base. It
  -- does not run without a page: if the log has no new records, unsealed entries of a backup stay.
  if not c.position ? 'begun' then
    perform holdfast_private.rollback_unsealed(repo);
  end if;
  perform holdfast_private.put_entries(repo, import_page.sequence, lines);

  -- Also removes an entry that an earlier part added at the same sequence: it is not in the final
  -- snapshot.
  update holdfast_private.entries e set removed_in = import_page.sequence
  from jsonb_to_recordset(lines) as x (op text, bucket_id text, name text)
  where x.op = 'remove' and e.repository = repo and e.bucket_id = x.bucket_id and e.name = x.name
    and e.removed_in is null and e.added_in <= import_page.sequence;

  perform holdfast_private.commit_cursor(c.id, import_page.owner, new_position || '{"begun": true}',
    jsonb_build_object('entries_imported', jsonb_array_length(lines)));
end
$$;
comment on function holdfast_private.import_page(bigint, uuid, integer, jsonb, jsonb) is
  'Applies lines of a listing to the catalog at a sequence. For a full listing, import_close first closes the entries that the page covers.';

-- A full listing shows deletions by omission: a name in the range of a page that the page does not list
-- was deleted. The range may contain the complete catalog, so its entries are closed in steps before the
-- page opens the listed ones.
create function holdfast_private.import_close(cursor_id bigint, owner uuid, sequence integer, covers jsonb,
  max_rows integer default 20000) returns boolean
  language plpgsql security definer set search_path = '' set plan_cache_mode = force_custom_plan
  -- The primary key has this order, so each step ends after max_rows rows.
  set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(import_close.cursor_id, import_close.owner);
  repo integer := (select r.repository from holdfast_private.runs r where r.id = c.run);
  -- A name may have several entries, and a step may end between them.
  after jsonb := coalesce(c.position -> 'closed', jsonb_build_object(
    'bucket_id', covers -> 'after_bucket', 'name', covers -> 'after_name', 'added_in', 2147483647));
  step jsonb;
begin
  if after ? 'all' then
    return true;
  end if;
  if not c.position ? 'begun' then
    perform holdfast_private.rollback_unsealed(repo);
  end if;
  with page as materialized (
    select e.bucket_id, e.name, e.added_in, e.removed_in from holdfast_private.entries e
    where e.repository = repo
      and (e.bucket_id, e.name, e.added_in) > (after ->> 'bucket_id', after ->> 'name', (after ->> 'added_in')::integer)
      and (covers ->> 'to_bucket' is null
        or (e.bucket_id, e.name) <= (covers ->> 'to_bucket', covers ->> 'to_name'))
    order by e.bucket_id, e.name, e.added_in limit import_close.max_rows
  ), closed as (
    update holdfast_private.entries e set removed_in = import_close.sequence
    from page p
    where p.removed_in is null and p.added_in < import_close.sequence
      and e.repository = repo and e.bucket_id = p.bucket_id and e.name = p.name and e.added_in = p.added_in
  )
  select case when (select count(*) from page) < import_close.max_rows then '{"all": true}' else (
    select jsonb_build_object('bucket_id', l.bucket_id, 'name', l.name, 'added_in', l.added_in)
    from page l order by l.bucket_id desc, l.name desc, l.added_in desc limit 1) end
  into step;
  perform holdfast_private.commit_cursor(c.id, import_close.owner,
    c.position || jsonb_build_object('begun', true, 'closed', step), '{}');
  return step ? 'all';
end
$$;
comment on function holdfast_private.import_close(bigint, uuid, integer, jsonb, integer) is
  'Closes some of the entries that a page of a full listing covers and commits the progress. Returns whether all are closed.';

create function holdfast_private.import_record(cursor_id bigint, owner uuid, record jsonb, document jsonb) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(import_record.cursor_id, import_record.owner);
  repo integer := (select r.repository from holdfast_private.runs r where r.id = c.run);
begin
  if import_record.document is not null then
    if not c.position ? 'begun' then
      perform holdfast_private.rollback_unsealed(repo);
    end if;
    c.position := '{"begun": true}';
    perform holdfast_private.save_snapshot(repo, import_record.document);
  end if;
  update holdfast_private.repositories r
  set last_record = greatest(r.last_record, (record ->> 'sequence')::integer),
    owner_project = case when record ->> 'kind' = 'owner' then record ->> 'project_url' else r.owner_project end
  where r.id = repo;
  perform holdfast_private.commit_cursor(c.id, import_record.owner, c.position,
    jsonb_build_object('snapshots_imported', (import_record.document is not null)::integer));
end
$$;
comment on function holdfast_private.import_record(bigint, uuid, jsonb, jsonb) is
  'Marks a log record as known. If it records a snapshot, that snapshot is added to the catalog.';

create function holdfast_private.import_done(cursor_id bigint, owner uuid) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(import_done.cursor_id, import_done.owner);
  r holdfast_private.runs := (select runs from holdfast_private.runs where runs.id = c.run);
begin
  perform holdfast_private.finish_cursor(c.id, import_done.owner);
  if r.kind = 'import' then
    perform holdfast_private.end_run(r.id, 'succeeded', result => jsonb_build_object(
      'newest_snapshot', holdfast_private.newest_snapshot_id(r.repository)));
  end if;
end
$$;
comment on function holdfast_private.import_done(bigint, uuid) is
  'Ends the import stage. An import then ends; a restore continues with its plan.';

-- functions/restore_plan.sql

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

-- functions/restore_buckets.sql

-- Buckets of a restore: those of the snapshot, those that it creates, and scratch buckets.

-- An earlier restore may have created a bucket and ended before it could set the size limit and the
-- owner. Without this check, the next restore would treat it as a user's bucket and leave it without
-- these settings.
create function holdfast_private.created_by_failed_restore(bucket_id text, created_at timestamptz) returns boolean
  language sql stable security definer set search_path = ''
as $$
  select exists (
    select from holdfast_private.cursors c join holdfast_private.runs r on r.id = c.run
    where r.kind = 'restore' and r.state in ('failed', 'cancelled') and c.stage = 'buckets' and c.finished_at is null
      and (c.position -> 'made' ? created_by_failed_restore.bucket_id or c.position -> 'asked' ? created_by_failed_restore.bucket_id)
      and created_by_failed_restore.created_at between (c.position ->> 'since')::timestamptz
        and r.ended_at + interval '3 minutes')
$$;
comment on function holdfast_private.created_by_failed_restore(text, timestamptz) is
  'Whether a bucket may have been created by a restore that ended before it patched the row.';

create function holdfast_private.matches_request(bucket jsonb, wanted jsonb) returns boolean
  language sql immutable set search_path = ''
as $$
  select bucket ->> 'name' = bucket ->> 'id' and bucket ->> 'owner_id' is null
    and bucket ->> 'public' is not distinct from wanted ->> 'public'
    -- Storage creates the bucket without a size limit if the project's own limit is lower.
    and coalesce(bucket ->> 'file_size_limit' = wanted ->> 'file_size_limit', bucket ->> 'file_size_limit' is null)
    and coalesce(nullif(bucket -> 'allowed_mime_types', '[]'), 'null')
      = coalesce(nullif(wanted -> 'allowed_mime_types', '[]'), 'null')
$$;
comment on function holdfast_private.matches_request(jsonb, jsonb) is
  'Whether a bucket''s row has the values that Storage sets when it creates a bucket with these settings.';

-- Records which buckets a restore creates itself. Others can create a bucket at any time, for example in
-- a project's migrations. A restore must not change the settings of such a bucket or overwrite its
-- objects. So the restore records its intent before each request, and the created buckets afterwards.
create function holdfast_private.record_bucket_intent(cursor_id bigint, owner uuid, made jsonb, asked jsonb) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(record_bucket_intent.cursor_id, record_bucket_intent.owner);
  new_position jsonb := jsonb_build_object('since', clock_timestamp()) || c.position
    || jsonb_build_object('made', record_bucket_intent.made, 'asked', record_bucket_intent.asked);
begin
  -- A repeated request for the same buckets is no progress. Otherwise an outage would never reach the
  -- limit of time without progress.
  if not (c.position @> new_position and new_position @> c.position) then
    perform holdfast_private.commit_cursor(c.id, record_bucket_intent.owner, new_position, '{}');
  end if;
end
$$;
comment on function holdfast_private.record_bucket_intent(bigint, uuid, jsonb, jsonb) is
  'Commits the ids of the buckets that a restore has created, and of those that it is about to request or got no response for.';

create function holdfast_private.restore_buckets(cursor_id bigint, owner uuid) returns jsonb
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(restore_buckets.cursor_id, restore_buckets.owner);
  r holdfast_private.runs := (select runs from holdfast_private.runs where runs.id = c.run);
begin
  return (
    select coalesce(jsonb_agg(b || jsonb_build_object('exists', t.id is not null,
      'made', case
        when t.id is null then 'no'
        when c.position -> 'made' ? (b ->> 'id') then 'yes'
        when c.position -> 'asked' ? (b ->> 'id') or holdfast_private.created_by_failed_restore(t.id, t.created_at) then 'perhaps'
        else 'no' end) order by b ->> 'id'), '[]')
    from holdfast_private.snapshot_buckets(r.repository, (r.result ->> 'sequence')::integer) b
      left join storage.buckets t on t.id = b ->> 'id');
end
$$;
comment on function holdfast_private.restore_buckets(bigint, uuid) is
  'The snapshot''s buckets with all their settings, whether the target has them, and whether this run created them. The answer is perhaps if the run requested a bucket and got no response.';

-- A bucket that the target refuses to create is reported with the reason. For its objects, Storage only
-- returns that the bucket does not exist; an empty bucket would not be reported at all.
create function holdfast_private.restore_begin(cursor_id bigint, owner uuid, buckets jsonb) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(restore_begin.cursor_id, restore_begin.owner);
begin
  -- Sets what the API cannot set, or refused, on buckets that this run created. Other buckets are not
  -- changed.
  update storage.buckets t
  set name = case when exists (select from storage.buckets other where other.name = b ->> 'name') then t.name
      else b ->> 'name' end,
    owner_id = b ->> 'owner_id',
    -- As a double, the maximum of bigint is rounded up by one and would overflow.
    file_size_limit = case when b ->> 'file_size_limit' is not null
      then least((b ->> 'file_size_limit')::numeric, 9223372036854775807)::bigint end,
    avif_autodetection = coalesce((b ->> 'avif_autodetection')::boolean, t.avif_autodetection),
    created_at = coalesce((b ->> 'created_at')::timestamptz, t.created_at)
  from jsonb_array_elements(buckets) b
  where t.id = b ->> 'id' and (b ->> 'made' = 'yes' or b ->> 'made' = 'perhaps'
    and (t.created_at >= (c.position ->> 'since')::timestamptz or holdfast_private.created_by_failed_restore(t.id, t.created_at))
    and holdfast_private.matches_request(to_jsonb(t), b));
  update holdfast_private.runs r
  set result = r.result || jsonb_build_object('buckets_refused', (
    select jsonb_object_agg(b ->> 'id', b ->> 'refused')
    from jsonb_array_elements(buckets) b where b ->> 'refused' is not null))
  where r.id = c.run and exists (
    select from jsonb_array_elements(buckets) b where b ->> 'refused' is not null);
  insert into holdfast_private.cursors (run, stage, bucket_id, position)
  select c.run, 'objects', b ->> 'id', jsonb_build_object('direct', b -> 'direct')
  from jsonb_array_elements(buckets) b order by b ->> 'id';
  insert into holdfast_private.cursors (run, stage) select c.run, 'finish' where jsonb_array_length(buckets) = 0;
  perform holdfast_private.finish_cursor(c.id, restore_begin.owner);
end
$$;
comment on function holdfast_private.restore_begin(bigint, uuid, jsonb) is
  'Finishes the buckets stage: patches the created buckets, records the refused ones, and begins a cursor for each bucket.';

-- Scratch buckets of cancelled or failed restores. A successful restore removes its own.
create function holdfast_private.orphaned_scratch_buckets() returns jsonb
  language sql stable security definer set search_path = ''
as $$
  -- Only buckets of runs in this database, because another project may have a bucket with a similar
  -- name.
  select coalesce(jsonb_agg(b.id order by b.id), '[]')
  from storage.buckets b join holdfast_private.runs r on b.id = 'holdfast-scratch-' || r.id
  where r.kind = 'restore' and r.state not in ('running', 'sealing')
$$;
comment on function holdfast_private.orphaned_scratch_buckets() is
  'Ids of the scratch buckets that ended restores did not remove. The tick asks holdfast-restore to remove them.';

-- functions/restore_overwrites.sql

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

-- functions/restore_pages.sql

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
