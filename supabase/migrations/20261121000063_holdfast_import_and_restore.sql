-- Made of supabase/schemas by `deno task migration --baseline`: change it there.

-- functions/rollback_unsealed.sql

create function holdfast_private.rollback_unsealed(repository integer) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  base integer := coalesce((holdfast_private.last_snapshot(rollback_unsealed.repository)).sequence, 0);
begin
  -- What was stored is there, and its keys are known by these entries alone.
  update holdfast_private.blobs b set key = holdfast_private.plain_key(e.bucket_id, e.name, e.version)
  from holdfast_private.known_entries e
  where e.repository = rollback_unsealed.repository and e.added_in > base and b.id = e.blob and b.key is null;
  delete from holdfast_private.entries e where e.repository = rollback_unsealed.repository and e.added_in > base;
  update holdfast_private.entries e set removed_in = null
  where e.repository = rollback_unsealed.repository and e.removed_in > base;
end
$$;
comment on function holdfast_private.rollback_unsealed(integer) is
  'Takes the catalog back to its newest snapshot. What was never sealed here would seem to belong to the snapshots that are about to come.';

-- What a large backup copied and never sealed may be millions of entries: an import forgets them step by
-- step, each within the time that a statement may take.
--
-- What is forgotten can't be adopted: the snapshot of a run that failed may count, for its record got into
-- the log, and its entries must be there then. Without them it would be the base of a catalog that lacks
-- what it lists, and the next snapshot's totals would not be those of its listing.
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
    -- What was stored is there, and its keys are known by these entries alone.
    perform holdfast_private.spell_keys(array(select e.blob from holdfast_private.entries e where e.ctid = any (latest)));
    delete from holdfast_private.entries e where e.ctid = any (latest);
    return cardinality(latest);
  end if;
  -- Only when all that came since are gone: a name has one open entry.
  update holdfast_private.entries e set removed_in = null
  where e.ctid = any (array(
    select o.ctid from holdfast_private.entries o
    where o.repository = rollback_unsealed_step.repository and o.removed_in > base limit rollback_unsealed_step.max_rows));
  get diagnostics seen = row_count;
  return seen;
end
$$;
comment on function holdfast_private.rollback_unsealed_step(integer, integer) is
  'Takes the catalog back to its newest snapshot by so many entries, and returns how many those were; 0 when it is there. The snapshot of a run that failed is none that could join it after that.';

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
  'Forgets some of what was never sealed, before the first page of an import; returns how much, 0 when nothing is left.';

-- functions/import.sql

-- Import: the catalog is built again from the repository's log and listings. It moves no bytes.

create function holdfast_private.start_import(started_by text, plan jsonb default '{}') returns uuid
  language sql security definer set search_path = ''
as $$ select holdfast_private.start_run('import', start_import.plan, start_import.started_by) $$;
comment on function holdfast_private.start_import(text, jsonb) is
  'Starts an import of the repository''s log into the catalog; with take_over in its plan the repository becomes this project''s after it.';

create function holdfast_private.repository_prepared(cursor_id bigint, owner uuid, facts jsonb, next_stage text)
  returns void language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(repository_prepared.cursor_id, repository_prepared.owner);
  -- Whoever only reads does not say where the backups went.
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
  'Ends the prepare stage of a run that reads a repository: records it and begins the next stage.';

-- A snapshot does not always build on the one before it in the log: a record that came late, after the
-- next run had sealed, stands before that run's. Then its parts say nothing of what the late one holds,
-- and an import has to start over with the full listing that they begin with.
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
  'Which repository an import is of, and how far it is: its position, the newest snapshot in the catalog with the keys of its parts, and the last record it holds.';

create function holdfast_private.import_page(cursor_id bigint, owner uuid, sequence integer, lines jsonb,
  new_position jsonb) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(import_page.cursor_id, import_page.owner);
  repo integer := (select r.repository from holdfast_private.runs r where r.id = c.run);
begin
  -- Once, before the first page: an import's own entries lie above the base too. And not before
  -- there is one: a log without news leaves alone what a backup copied and has not sealed yet.
  if not c.position ? 'begun' then
    perform holdfast_private.rollback_unsealed(repo);
  end if;
  perform holdfast_private.put_entries(repo, import_page.sequence, lines);

  -- What an earlier part put as this same sequence is removed, too: it is in no snapshot then.
  update holdfast_private.entries e set removed_in = import_page.sequence
  from jsonb_to_recordset(lines) as x (op text, bucket_id text, name text)
  where x.op = 'remove' and e.repository = repo and e.bucket_id = x.bucket_id and e.name = x.name
    and e.removed_in is null and e.added_in <= import_page.sequence;

  perform holdfast_private.commit_cursor(c.id, import_page.owner, new_position || '{"begun": true}',
    jsonb_build_object('entries_imported', jsonb_array_length(lines)));
end
$$;
comment on function holdfast_private.import_page(bigint, uuid, integer, jsonb, jsonb) is
  'Applies lines of a listing to the catalog as a sequence. What a page of a full listing covers is closed before: import_close.';

-- A full listing says by its silence what is gone: between the keys that a page of it covers. That may be
-- all that the catalog holds, so it is closed step by step, before the page opens what it lists.
create function holdfast_private.import_close(cursor_id bigint, owner uuid, sequence integer, covers jsonb,
  max_rows integer default 20000) returns boolean
  language plpgsql security definer set search_path = '' set plan_cache_mode = force_custom_plan
  -- The order is the primary key's, and a step ends after its rows.
  set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(import_close.cursor_id, import_close.owner);
  repo integer := (select r.repository from holdfast_private.runs r where r.id = c.run);
  -- A name may have several entries: a step may end between them.
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
  'Closes some of what a page of a full listing covers, and commits how far it got; returns whether that was all.';

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
  'Counts a log record as known; its snapshot, if it is of one, joins the catalog whole.';

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
  'Ends the import stage: of an import, the run; of a restore, the way to its plan.';

-- functions/restore_plan.sql

-- The restore job's SQL: what it would do. A restore deletes nothing.

create function holdfast_private.start_restore(plan jsonb, started_by text) returns uuid
  language sql security definer set search_path = ''
as $$
  select holdfast_private.start_run('restore', start_restore.plan, start_restore.started_by)
  from holdfast_private.refresh_source(), holdfast_private.assert_source_visible()
$$;
comment on function holdfast_private.start_restore(jsonb, text) is 'Starts a restore, or with dry_run the plan of one.';

-- What a restore would do is counted window by window, as a scan goes: one statement over millions of
-- entries would not end within the time that it may take, and the restore would never begin.
create function holdfast_private.restore_window(repository integer, sequence integer, bucket_id text, from_name text,
  to_name text) returns jsonb
  language plpgsql stable security definer set search_path = '' set plan_cache_mode = force_custom_plan
  -- As for window_differs; and no loop over both tables, as for mark_missing.
  set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_nestloop = off
  set max_parallel_workers_per_gather = 0
as $$
begin
  return (
    with compared as materialized (
      select e.name, e.blob is null as unavailable, o.id is not null as present,
        -- Of each for itself: joined, all blobs of the repository would be read for each window.
        (select b.size from holdfast_private.blobs b where b.id = e.blob) as size,
        -- Whether the catalog knows what the target has as these bytes. Never by etag. Nearly always by
        -- the entry itself; else by another of the same name.
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
  'What a restore of a snapshot would do in one window of names: counts, and the first 100 that are there with other or unknown bytes.';

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
  'Counts for some seconds what a restore would do, window by window, and commits it; returns whether that was all.';

create function holdfast_private.restore_planned(cursor_id bigint, owner uuid) returns jsonb
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(restore_planned.cursor_id, restore_planned.owner);
  r holdfast_private.runs := (select runs from holdfast_private.runs where runs.id = c.run);
  snapshot jsonb;
  report jsonb;
begin
  -- Whoever has not counted before does it here, as well as it goes in one statement.
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
  -- Into one's own repository, what is restored is recorded, so that the next backup copies nothing.
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
  'Reports what a restore would do, as it was counted; a dry run ends here, else the buckets follow.';

-- functions/restore_buckets.sql

-- A restore's buckets: the snapshot's, those that it makes, and scratch buckets.

-- Buckets that an earlier restore made and ended before it could give them their settings: no size limit, no
-- owner. To the next one they were a user's, left as they are. And a bucket's name that another has by now,
-- which ended a restore before it put anything.
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
  'Whether a bucket may be one that a restore asked for which ended before it patched the row.';

create function holdfast_private.matches_request(bucket jsonb, wanted jsonb) returns boolean
  language sql immutable set search_path = ''
as $$
  select bucket ->> 'name' = bucket ->> 'id' and bucket ->> 'owner_id' is null
    and bucket ->> 'public' is not distinct from wanted ->> 'public'
    -- Without one where the project's own is below it.
    and coalesce(bucket ->> 'file_size_limit' = wanted ->> 'file_size_limit', bucket ->> 'file_size_limit' is null)
    and coalesce(nullif(bucket -> 'allowed_mime_types', '[]'), 'null')
      = coalesce(nullif(wanted -> 'allowed_mime_types', '[]'), 'null')
$$;
comment on function holdfast_private.matches_request(jsonb, jsonb) is
  'Whether a bucket''s row is as Storage makes it that was asked for one of these settings.';

-- Which buckets a restore made itself. Another's may come to be at any time, from a project's migrations
-- above all: its settings are not a restore's to touch, and nothing in it may be written over. So a
-- restore says which buckets it is about to ask for, and afterwards which it made.
create function holdfast_private.record_bucket_intent(cursor_id bigint, owner uuid, made jsonb, asked jsonb) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(record_bucket_intent.cursor_id, record_bucket_intent.owner);
  new_position jsonb := jsonb_build_object('since', clock_timestamp()) || c.position
    || jsonb_build_object('made', record_bucket_intent.made, 'asked', record_bucket_intent.asked);
begin
  -- To ask again for the same is no progress: an outage is waited for so long and no longer.
  if not (c.position @> new_position and new_position @> c.position) then
    perform holdfast_private.commit_cursor(c.id, record_bucket_intent.owner, new_position, '{}');
  end if;
end
$$;
comment on function holdfast_private.record_bucket_intent(bigint, uuid, jsonb, jsonb) is
  'Commits the ids of the buckets that a restore made so far, and of those it is about to ask for or had no answer about.';

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
  'The snapshot''s buckets with all their settings, whether the target has them, and whether this run made them: perhaps, where it asked for one and had no answer.';

-- A bucket that the target does not make is named with the reason: of its objects Storage only says that
-- there is no such bucket, and of an empty one nobody would say anything.
create function holdfast_private.restore_begin(cursor_id bigint, owner uuid, buckets jsonb) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(restore_begin.cursor_id, restore_begin.owner);
begin
  -- What the API can't set of a bucket that this run made, or would not; live ones are not touched.
  update storage.buckets t
  set name = case when exists (select from storage.buckets other where other.name = b ->> 'name') then t.name
      else b ->> 'name' end,
    owner_id = b ->> 'owner_id',
    -- Read as a double, the largest is one above what there is.
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
  'Finishes the buckets stage: patches the buckets that were made, names those that were refused, and begins a cursor for each.';

-- Scratch buckets of restores that were cancelled, or that failed: a restore that ends well removes
-- its own.
create function holdfast_private.orphaned_scratch_buckets() returns jsonb
  language sql stable security definer set search_path = ''
as $$
  -- Only of runs that this database knows: another project may have made what bears a like name.
  select coalesce(jsonb_agg(b.id order by b.id), '[]')
  from storage.buckets b join holdfast_private.runs r on b.id = 'holdfast-scratch-' || r.id
  where r.kind = 'restore' and r.state not in ('running', 'sealing')
$$;
comment on function holdfast_private.orphaned_scratch_buckets() is
  'Ids of the scratch buckets that restores left which have ended: the tick asks holdfast-restore to remove them.';

-- functions/restore_overwrites.sql

-- What a restore writes over, and what may come late.

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
  'Whether a sealed snapshot holds this version of an object with what its row says: writing over it loses nothing.';

create function holdfast_private.restore_overwrites(cursor_id bigint, owner uuid, bucket_id text, name text, version text,
  keeps boolean) returns boolean language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(restore_overwrites.cursor_id, restore_overwrites.owner);
  r holdfast_private.runs := (select runs from holdfast_private.runs where runs.id = c.run);
  -- A version may be edited under the worker's eyes: what is to go must still be in a snapshot.
  said jsonb := (select o.metadata from holdfast_private.source_objects o
    where o.bucket_id = restore_overwrites.bucket_id and o.name = restore_overwrites.name
      and o.version = restore_overwrites.version
      and (restore_overwrites.keeps or holdfast_private.is_held(r.repository, o.bucket_id, o.name, o.version, o.type,
        o.cache_control, o.user_metadata, o.owner_id, o.created_at)));
begin
  if said is null then
    return false;
  end if;
  -- Written down twice: the upload of the first time had no answer, and may still come. As long as the
  -- version is the one of then, none has come, and what the row says is the user's.
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
  'Writes down that a worker is about to write over a version of an object; false where another one is there by now, or it was edited and no snapshot holds that.';

create function holdfast_private.metadata_to_restore(run_id uuid, results jsonb) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select coalesce(jsonb_agg(case when w.keeps then x || jsonb_build_object('metadata', w.metadata) else x end), '[]')
  from jsonb_array_elements(metadata_to_restore.results) x
    left join lateral (
      -- This run's own, or what a run left that has ended.
      select w.keeps, w.metadata from holdfast_private.overwrites w join holdfast_private.runs r on r.id = w.run
      where w.bucket_id = x ->> 'bucket_id' and w.name = x ->> 'name' and (w.run = metadata_to_restore.run_id
        or (w.put is null and exists (
          select from holdfast_private.source_objects o
          where o.bucket_id = x ->> 'bucket_id' and o.name = x ->> 'name'
            and o.version = x ->> 'restored_version' and o.version <> w.version
            -- An upload over a row leaves its time; one that somebody made anew has another.
            and o.created_at is not distinct from (w.metadata ->> 'created_at')::timestamptz
            and o.updated_at between r.started_at and r.ended_at + interval '15 minutes')))
      order by w.run = metadata_to_restore.run_id desc, w.keeps desc limit 1) as w on true
  where x ->> 'restored_version' is not null
$$;
comment on function holdfast_private.metadata_to_restore(uuid, jsonb) is
  'Of a page''s results those that were put, each with what its row is to say: what it said before where only bytes were lost, else what the snapshot lists.';

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
  'Makes a restore''s own what earlier ones wrote down of objects whose rows it patches: an upload of theirs that still comes is to say what it says.';

create function holdfast_private.resolve_overwrites(run_id uuid, results jsonb) returns void
  language sql security definer set search_path = ''
as $$
  -- A late one may have come since the bytes were read back: then the row says another etag by now. Where
  -- nothing was put at last, one may still come, and brings the bytes that the row tells of.
  update holdfast_private.overwrites w set put = coalesce(x.restored_version, w.version),
    etag = case when x.restored_version is null then w.metadata ->> 'etag' else coalesce(x.restored_etag, (
      select o.etag from holdfast_private.source_objects o
      where o.bucket_id = x.bucket_id and o.name = x.name and o.version = x.restored_version)) end
  from jsonb_to_recordset(resolve_overwrites.results)
    as x (bucket_id text, name text, restored_version text, restored_etag text)
  where w.run = resolve_overwrites.run_id and w.bucket_id = x.bucket_id and w.name = x.name
    and w.doubtful_at is not null and (x.restored_version is not null or w.keeps);
  -- What landed and could not be patched is for the next restore, as is what never was committed.
  delete from holdfast_private.overwrites w
  using jsonb_to_recordset(resolve_overwrites.results) as x (bucket_id text, name text, restored_version text)
  where w.run = resolve_overwrites.run_id and w.bucket_id = x.bucket_id and w.name = x.name
    and w.put is null and w.doubtful_at is null
    and (x.restored_version is not null or exists (
      select from holdfast_private.source_objects o
      where o.bucket_id = x.bucket_id and o.name = x.name and o.version = w.version));
$$;
comment on function holdfast_private.resolve_overwrites(uuid, jsonb) is
  'Takes out what a page has written over; what another worker may still be at stays, with what was put.';

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
  'Whether a row is as the upload of a restore leaves it that was written down and never committed.';

-- An upload may come late over what another worker has restored and patched, or be the last that a run did.
-- Housekeeping finds such rows among those that were written down, and has them say again what they said.
--
-- What a restore wrote down and never did stays for seven days, for the next restore to know. For as long
-- it took the same bytes for an upload that came late, and gave a user's own the words of before. And
-- it took what a later restore had just put for one: that found other words there than a slice leaves, and
-- left them. So a later restore has what it puts to itself, and what may still come late is to say its words.
create function holdfast_private.repair_overwritten_metadata() returns jsonb
  language plpgsql security definer set search_path = '' set lock_timeout = '1s'
as $$
declare
  delayed jsonb;
  repaired integer := 0;
  not_repaired text;
begin
  -- The same bytes once more, and not a word of a user's beside them: an upload that came late, or one of
  -- a run that ended before it could say so, where the row is to say what it said.
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
        -- What comes later is a user's, who puts back what no restore has.
        and o.updated_at between r.started_at and r.ended_at + interval '15 minutes'))
      -- An upload over a row leaves its time, as it was put back; one that somebody made anew has another.
      and o.created_at is not distinct from coalesce(
        (case when w.keeps then w.metadata else e.metadata end ->> 'created_at')::timestamptz, o.created_at)
      -- What a restore sends is of the listed type, where a header can say it.
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
      -- A trigger of the project's, or somebody who holds the row: the next minute tries again, and
      -- nothing else is kept from going on.
      not_repaired := format('%s/%s: %s', delayed ->> 'bucket_id', delayed ->> 'name', sqlerrm);
    end;
  end loop;
  -- No upload is under way for longer than a quarter of an hour; what was never committed tells the next
  -- restore what it may patch.
  delete from holdfast_private.overwrites w
  where w.put is not null and w.doubtful_at < now() - interval '15 minutes';
  delete from holdfast_private.overwrites w using holdfast_private.runs r
  where w.put is null and r.id = w.run and r.ended_at < now() - interval '7 days';
  return jsonb_strip_nulls(jsonb_build_object('repaired', nullif(repaired, 0), 'not_repaired', not_repaired));
end
$$;
comment on function holdfast_private.repair_overwritten_metadata() is
  'Puts back what rows said where an upload came late over a restored object; forgets what is over. Returns how many rows were patched, and why one was not.';

-- functions/restore_pages.sql

-- A page of a restore, and the patch of what Storage's API can't set.

-- A restore that ended between putting an object and patching its row leaves that to the next one, which
-- may then touch the object even where it overwrites nothing. What a user made at that time, and has
-- since given metadata of its own, looked the same. But what a restore puts has neither owner nor user
-- metadata before its row is patched, and the times that Storage's insert gave it.
create function holdfast_private.as_inserted(object_id uuid) returns boolean
  language sql stable security definer set search_path = ''
as $$
  -- Both are the insert's now(), and the patch of a restore changes created_at alone. A Storage that has
  -- no such column tells nothing.
  select coalesce(to_jsonb(o) ->> 'last_accessed_at' = to_jsonb(o) ->> 'created_at', true)
  from storage.objects o where o.id = as_inserted.object_id
$$;
comment on function holdfast_private.as_inserted(uuid) is
  'Whether a row of storage.objects still has the created_at that it was inserted with, as far as can be told.';

-- A restore that succeeded has said of all that it put that it did; so has one that came after one that
-- did not, of what that had left. What a user makes next, be it with the bytes that a snapshot has there,
-- an empty object above all, is theirs.
--
-- Which objects a running restore may have put itself: those of pages that it has given to a worker which did
-- not commit them. All else that is made while it runs is a user's, whatever it looks like; and only what
-- may still come from a fallen worker has to go by move.
create function holdfast_private.written_by_restore(created_at timestamptz, run uuid, reassigned boolean) returns boolean
  language sql stable security definer set search_path = ''
as $$
  -- The patch sets created_at back, so only what was put and not patched yet is as young as a run.
  -- An upload that was under way when its run was cancelled ends a little later.
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
  'Whether an object was made while a restore ran that has not succeeded: one that died or was cancelled before it patched the row leaves such objects to the next. Of the restore that asks, only where a worker was given the object before.';

-- What a row says beside the bytes may be edited without a new version: it is held only by a snapshot that
-- says the same. A restore that may overwrite would otherwise lose it, and no snapshot would bring it back.
create function holdfast_private.restore_page(cursor_id bigint, owner uuid, max_items integer) returns jsonb
  language plpgsql security definer set search_path = '' set plan_cache_mode = force_custom_plan
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(restore_page.cursor_id, restore_page.owner);
  r holdfast_private.runs := (select runs from holdfast_private.runs where runs.id = c.run);
  -- Up to there another worker was given entries: it may have put them, or be about to.
  fallen_to text collate "C" := c.position ->> 'fallen_to';
  page jsonb;
begin
  -- A worker that lost its lease may get it again; its own pages since the last commit count as well.
  if c.position ->> 'assigned_by' is distinct from restore_page.owner::text or c.attempts > 1 then
    fallen_to := greatest(fallen_to, (c.position ->> 'assigned_to') collate "C");
  end if;
  -- A worker leaves none behind when it goes on: these are of one that died, or that sleeps and may wake.
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
  'The next entries of the snapshot, each with what the target has under its name, and whether a snapshot holds that. Notes up to where they were given to whom.';

-- A very old row has no version, and is told apart by what the view of the source says in its place. Patched
-- by its column, no such row was found, and a restore said that it had put back what it had not.
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
    -- The trigger of storage.objects would set updated_at to now. Only this statement is let off it.
    set local session_replication_role = 'replica';
  exception when insufficient_privilege then
    times_too := false;
  end;
  -- Only where the version is still the one just put; id and version are never touched.
  execute format($update$
    update storage.objects o set %s
    from jsonb_to_recordset($1) as x (bucket_id text, name text, restored_version text, metadata jsonb)
      join holdfast_private.source_objects s on s.bucket_id = x.bucket_id collate "default" and s.name = x.name
        and s.version = x.restored_version
    -- Of the row itself once more: where an upload came in between, only that is looked at again.
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
  'Puts back what Storage''s API can''t set: owner, created_at, user metadata and, where the server lets it, updated_at. Returns whether it did.';

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
    -- What was not begun of the page is given again, as if for the first time.
    c.position || jsonb_build_object('from', restore_commit.to_name || chr(1), 'assigned_to', restore_commit.to_name),
    counters);
end
$$;
comment on function holdfast_private.restore_commit(bigint, uuid, jsonb, text, jsonb) is
  'Commits a page of a restore: the rows'' patch, the entries of one''s own repository, failures and position, in one transaction.';

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
comment on function holdfast_private.restore_done(bigint, uuid) is 'Ends a restore, with what it did beside what it had planned.';
