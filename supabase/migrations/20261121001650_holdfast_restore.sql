-- The restore job's SQL: which snapshot, what it would do, one page of it, and the patch of what
-- Storage's API can't set. A restore deletes nothing.

create function holdfast.resolve_snapshot(repository integer, wanted text) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
declare
  found holdfast.snapshots;
  newest text;
begin
  if wanted = 'latest' then
    select s.* into found from holdfast.snapshots s
    where s.repository = resolve_snapshot.repository and s.state = 'complete' order by s.sequence desc limit 1;
  elsif wanted ~ '^\d{8}T\d{6}Z-\d+$' then
    select s.* into found from holdfast.snapshots s
    where s.repository = resolve_snapshot.repository and s.id = wanted;
  else
    select s.* into found from holdfast.snapshots s
    where s.repository = resolve_snapshot.repository and s.state = 'complete'
      and s.sealed_at <= wanted::timestamptz order by s.sequence desc limit 1;
  end if;
  if found.id is not null then
    return jsonb_build_object('sequence', found.sequence, 'id', found.id, 'state', found.state,
      -- Whoever asks for the latest should know of one that is newer and incomplete.
      'newer_partial', (select s.id from holdfast.snapshots s
        where s.repository = resolve_snapshot.repository and s.sequence > found.sequence
          and s.state = 'partial' and wanted = 'latest' order by s.sequence desc limit 1));
  end if;
  select string_agg(n.id || ' (' || n.state || ')', ', ' order by n.sequence desc) into newest from (
    select * from holdfast.snapshots s where s.repository = resolve_snapshot.repository
    order by s.sequence desc limit 5) as n;
  raise exception 'snapshot_unknown' using errcode = 'HF000',
    detail = format('There is no snapshot %s.', wanted),
    hint = case when newest is null then 'The repository holds no snapshot yet.'
      else 'The newest are: ' || newest || '.' end;
end
$$;
comment on function holdfast.resolve_snapshot(integer, text) is
  'The snapshot of an id, of a time (the newest complete one sealed by then) or latest; raises snapshot_unknown.';

create function holdfast.snapshot_ids(repository integer, wanted text, newest integer) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select coalesce(jsonb_agg(s.id order by s.sequence desc), '[]') from (
    (select * from holdfast.snapshots s where s.repository = snapshot_ids.repository
      order by s.sequence desc limit snapshot_ids.newest)
    union
    select * from holdfast.snapshots s
    where s.repository = snapshot_ids.repository and s.id = snapshot_ids.wanted) as s
$$;
comment on function holdfast.snapshot_ids(integer, text, integer) is
  'Ids of the newest snapshots in the catalog, and of the wanted one if it is there.';

create function holdfast.snapshot_buckets(repository integer, sequence integer) returns setof jsonb
  language sql stable security definer set search_path = ''
as $$
  with listed as (
    select b from holdfast.snapshots s, jsonb_array_elements(s.document -> 'buckets') b
    where s.repository = snapshot_buckets.repository and s.sequence = snapshot_buckets.sequence
  )
  select l.b from listed l where coalesce(l.b ->> 'type', 'STANDARD') = 'STANDARD'
  union all
  -- A bucket that was deleted between the sweep and the seal: its objects are in the snapshot.
  select jsonb_build_object('id', held, 'name', held, 'public', false, 'file_size_limit', null,
    'allowed_mime_types', null)
  from holdfast.sweep_buckets(row('{}', null, null, null)::holdfast.scope, snapshot_buckets.repository) held
  where not exists (select from listed l where l.b ->> 'id' = held) and exists (
    select from holdfast.entries e
    where e.repository = snapshot_buckets.repository and e.bucket_id = held
      and e.added_in <= snapshot_buckets.sequence
      and (e.removed_in is null or e.removed_in > snapshot_buckets.sequence))
$$;
comment on function holdfast.snapshot_buckets(integer, integer) is
  'The buckets of a snapshot with all their settings; private and without limits where only its objects tell of one.';

create function holdfast.restore_report(repository integer, sequence integer) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  with compared as (
    select e.bucket_id, e.name, e.size, e.blob is null as unavailable, o.id is not null as present,
      -- Whether the catalog knows what the target has as these bytes. Never by etag. Nearly always by
      -- the entry itself; else by another of the same name.
      o.id is not null and e.blob is not null and (e.version = o.version and not e.assumed or exists (
        select from holdfast.known_entries k
        where k.repository = e.repository and k.bucket_id = e.bucket_id and k.name = e.name
          and k.version = o.version and k.blob = e.blob and not k.assumed)) as right
    from holdfast.known_entries e
      left join holdfast.source_objects o on o.bucket_id = e.bucket_id collate "default" and o.name = e.name
    where e.repository = restore_report.repository and e.added_in <= restore_report.sequence
      and (e.removed_in is null or e.removed_in > restore_report.sequence)
  ), document as (
    select s.document from holdfast.snapshots s
    where s.repository = restore_report.repository and s.sequence = restore_report.sequence
  )
  select jsonb_build_object(
    'objects', count(*) filter (where not unavailable),
    'bytes', coalesce(sum(size), 0),
    'unavailable', count(*) filter (where unavailable),
    'to_restore', count(*) filter (where not present and not unavailable),
    'bytes_to_restore', coalesce(sum(size) filter (where not present), 0),
    'already_right', count(*) filter (where "right"),
    'to_compare', count(*) filter (where present and not unavailable and not "right"),
    'would_overwrite', coalesce((
      select jsonb_agg(c.bucket_id || '/' || c.name) from (
        select * from compared where present and not unavailable and not "right"
        order by bucket_id, name limit 100) as c), '[]'),
    'buckets_to_create', coalesce((
      select jsonb_agg(b ->> 'id' order by b ->> 'id')
      from holdfast.snapshot_buckets(restore_report.repository, restore_report.sequence) b
      where not exists (select from storage.buckets t where t.id = b ->> 'id')), '[]'),
    'missing_policies', coalesce((
      select jsonb_agg(p) from document, jsonb_array_elements(document -> 'policies') p
      where not exists (select from pg_catalog.pg_policies t where t.schemaname = 'storage'
        and t.tablename = p ->> 'tablename' and t.policyname = p ->> 'policyname')), '[]'))
  from compared
$$;
comment on function holdfast.restore_report(integer, integer) is
  'What a restore of a snapshot into this project would do. to_compare: present with bytes that the catalog does not know; would_overwrite names the first 100 of them.';

create function holdfast.restore_planned(cursor_id bigint, owner uuid) returns jsonb
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(restore_planned.cursor_id, restore_planned.owner);
  r holdfast.runs := (select runs from holdfast.runs where runs.id = c.run);
  snapshot jsonb := holdfast.resolve_snapshot(r.repository, r.plan ->> 'snapshot');
  report jsonb := jsonb_build_object('snapshot', snapshot -> 'id', 'snapshot_state', snapshot -> 'state',
    'newer_partial', snapshot -> 'newer_partial', 'dry_run', r.plan -> 'dry_run',
    'overwrite', r.plan -> 'overwrite', 'sequence', snapshot -> 'sequence')
    || holdfast.restore_report(r.repository, (snapshot ->> 'sequence')::integer);
begin
  if (r.plan ->> 'dry_run')::boolean then
    perform holdfast.finish_cursor(c.id, restore_planned.owner);
    perform holdfast.end_run(r.id, 'succeeded', result => report);
    return report;
  end if;
  update holdfast.runs set result = report where id = r.id;
  -- Into one's own repository, what is restored is recorded, so that the next backup copies nothing.
  if (select o.owner_project from holdfast.repositories o where o.id = r.repository)
    = holdfast.setting('project_url') #>> '{}' then
    perform holdfast.take_sequence(r.id, r.repository);
  end if;
  insert into holdfast.cursors (run, stage) values (r.id, 'buckets');
  perform holdfast.finish_cursor(c.id, restore_planned.owner);
  return report;
end
$$;
comment on function holdfast.restore_planned(bigint, uuid) is
  'Resolves the snapshot and reports what would be done; a dry run ends here, else the buckets follow.';

create function holdfast.restore_buckets(cursor_id bigint, owner uuid) returns jsonb
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(restore_buckets.cursor_id, restore_buckets.owner);
  r holdfast.runs := (select runs from holdfast.runs where runs.id = c.run);
begin
  return (
    select coalesce(jsonb_agg(b || jsonb_build_object('exists', t.id is not null,
      'of_this_run', coalesce(t.created_at >= r.started_at, false)) order by b ->> 'id'), '[]')
    from holdfast.snapshot_buckets(r.repository, (r.result ->> 'sequence')::integer) b
      left join storage.buckets t on t.id = b ->> 'id');
end
$$;
comment on function holdfast.restore_buckets(bigint, uuid) is
  'The snapshot''s buckets with all their settings, whether the target has them, and whether it has since this run began.';

create function holdfast.restore_begin(cursor_id bigint, owner uuid, buckets jsonb) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(restore_begin.cursor_id, restore_begin.owner);
begin
  -- What the API can't set of a bucket that this run made; live ones are not touched.
  update storage.buckets t
  set name = b ->> 'name', owner_id = b ->> 'owner_id',
    avif_autodetection = coalesce((b ->> 'avif_autodetection')::boolean, t.avif_autodetection),
    created_at = coalesce((b ->> 'created_at')::timestamptz, t.created_at)
  from jsonb_array_elements(buckets) b where t.id = b ->> 'id' and (b ->> 'created')::boolean;
  insert into holdfast.cursors (run, stage, bucket_id, position)
  select c.run, 'objects', b ->> 'id', jsonb_build_object('direct', b -> 'direct')
  from jsonb_array_elements(buckets) b order by b ->> 'id';
  insert into holdfast.cursors (run, stage) select c.run, 'finish' where jsonb_array_length(buckets) = 0;
  perform holdfast.finish_cursor(c.id, restore_begin.owner);
end
$$;
comment on function holdfast.restore_begin(bigint, uuid, jsonb) is
  'Finishes the buckets stage: patches the buckets that were made, and begins a cursor for each.';

create function holdfast.put_by_restore(created_at timestamptz) returns boolean
  language sql stable security definer set search_path = ''
as $$
  -- The patch sets created_at back, so only what was put and not patched yet is as young as a run.
  -- An upload that was under way when its run was cancelled ends a little later.
  select exists (
    select from holdfast.runs r
    where r.kind = 'restore' and r.plan ->> 'dry_run' = 'false' and put_by_restore.created_at >= r.started_at
      and put_by_restore.created_at <= coalesce(r.ended_at, clock_timestamp()) + interval '3 minutes')
$$;
comment on function holdfast.put_by_restore(timestamptz) is
  'Whether an object was made while a restore ran: one that died or was cancelled before it patched the row leaves such objects to the next.';

create function holdfast.restore_page(cursor_id bigint, owner uuid, max_items integer) returns jsonb
  language plpgsql security definer set search_path = '' set plan_cache_mode = force_custom_plan
as $$
declare
  c holdfast.cursors := holdfast.require_lease(restore_page.cursor_id, restore_page.owner);
  r holdfast.runs := (select runs from holdfast.runs where runs.id = c.run);
begin
  return (
    select coalesce(jsonb_agg(jsonb_build_object(
      'bucket_id', e.bucket_id, 'name', e.name, 'version', e.version, 'metadata', e.metadata, 'code', e.code,
      'blob', e.blob, 'key', e.key, 'size', e.size, 'sha256', encode(e.sha256, 'hex'), 'part_size', e.part_size,
      'target', case when o.id is not null then jsonb_build_object(
        'version', o.version, 'size', o.size,
        'right', e.blob is not null and exists (
          select from holdfast.known_entries k
          where k.repository = r.repository and k.bucket_id = e.bucket_id and k.name = e.name
            and k.version = o.version and k.blob = e.blob and not k.assumed),
        'same_metadata', holdfast.same_metadata(o.type, o.cache_control, o.user_metadata, o.owner_id, o.created_at,
          e.type, e.cache_control, e.user_metadata, e.owner_id, e.created_at),
        'of_this_run', holdfast.put_by_restore(o.created_at),
        'held', exists (
          select from holdfast.known_entries h join holdfast.snapshots s on s.repository = h.repository
            and s.sequence >= h.added_in and (h.removed_in is null or h.removed_in > s.sequence)
          where h.repository = r.repository and h.bucket_id = o.bucket_id and h.name = o.name
            and h.version = o.version and h.blob is not null)) end)
      order by e.name), '[]')
    from (
      select k.* from holdfast.known_entries k
      where k.repository = r.repository and k.bucket_id = c.bucket_id and k.name >= coalesce(c.position ->> 'from', '')
        and k.added_in <= (r.result ->> 'sequence')::integer
        and (k.removed_in is null or k.removed_in > (r.result ->> 'sequence')::integer)
      order by k.name limit restore_page.max_items) as e
      left join holdfast.source_objects o on o.bucket_id = c.bucket_id collate "default" and o.name = e.name);
end
$$;
comment on function holdfast.restore_page(bigint, uuid, integer) is
  'The next entries of the snapshot, each with what the target has under its name.';

create function holdfast.patch_objects(results jsonb) returns boolean
  language plpgsql security definer set search_path = ''
as $$
declare
  times_too boolean := true;
begin
  begin
    -- The trigger of storage.objects would set updated_at to now. Only this statement is let off it.
    set local session_replication_role = 'replica';
  exception when insufficient_privilege then
    times_too := false;
  end;
  -- Only where the version is still the one just put; id and version are never touched.
  update storage.objects o
  set owner_id = x.metadata ->> 'owner_id',
    owner = case when x.metadata ->> 'owner_id' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
      then (x.metadata ->> 'owner_id')::uuid end,
    user_metadata = nullif(x.metadata -> 'user_metadata', 'null'),
    metadata = coalesce(nullif(o.metadata, 'null'), '{}') || jsonb_strip_nulls(jsonb_build_object(
      'mimetype', x.metadata -> 'type', 'cacheControl', x.metadata -> 'cache_control')),
    created_at = coalesce((x.metadata ->> 'created_at')::timestamptz, o.created_at),
    updated_at = coalesce((x.metadata ->> 'updated_at')::timestamptz, o.updated_at)
  from jsonb_to_recordset(results) as x (bucket_id text, name text, restored_version text, metadata jsonb)
  where o.bucket_id = x.bucket_id and o.name = x.name and o.version = x.restored_version;
  if times_too then
    set local session_replication_role = 'origin';
  end if;
  return times_too;
end
$$;
comment on function holdfast.patch_objects(jsonb) is
  'Puts back what Storage''s API can''t set: owner, created_at, user metadata and, where the server lets it, updated_at. Returns whether it did.';

create function holdfast.restore_commit(cursor_id bigint, owner uuid, results jsonb, to_name text, done jsonb)
  returns void language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(restore_commit.cursor_id, restore_commit.owner);
  r holdfast.runs := (select runs from holdfast.runs where runs.id = c.run);
  patched jsonb := (select coalesce(jsonb_agg(x), '[]') from jsonb_array_elements(restore_commit.results) x
    where x ->> 'restored_version' is not null);
  counters jsonb := restore_commit.done;
begin
  if jsonb_array_length(patched) > 0 and not holdfast.patch_objects(patched) then
    counters := counters || jsonb_build_object('updated_at_not_set', jsonb_array_length(patched));
  end if;
  if r.sequence is not null and jsonb_array_length(patched) > 0 then
    perform holdfast.put_entries(r.repository, r.sequence, (
      select coalesce(jsonb_agg(jsonb_build_object('bucket_id', o.bucket_id, 'name', o.name, 'object_id', o.id,
        'version', o.version, 'metadata', o.metadata, 'blob', x.blob)), '[]')
      from jsonb_to_recordset(patched) as x (bucket_id text, name text, restored_version text, blob bigint)
        join holdfast.source_objects o on o.bucket_id = x.bucket_id and o.name = x.name
          and o.version = x.restored_version));
  end if;
  perform holdfast.record_failures(r.id, 'restore', restore_commit.results);
  perform holdfast.commit_cursor(c.id, restore_commit.owner,
    c.position || jsonb_build_object('from', restore_commit.to_name || chr(1)), counters);
end
$$;
comment on function holdfast.restore_commit(bigint, uuid, jsonb, text, jsonb) is
  'Commits a page of a restore: the rows'' patch, the entries of one''s own repository, failures and position, in one transaction.';

create function holdfast.restore_done(cursor_id bigint, owner uuid) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(restore_done.cursor_id, restore_done.owner);
  totals jsonb;
begin
  perform holdfast.finish_cursor(c.id, restore_done.owner);
  select coalesce(jsonb_object_agg(t.key, t.total), '{}') into totals from (
    select n.key, sum(n.value::numeric) as total
    from holdfast.cursors cc, jsonb_each_text(cc.counters) n where cc.run = c.run group by n.key) as t;
  perform holdfast.end_run(c.run, 'succeeded',
    result => (select r.result || jsonb_build_object('did', totals) from holdfast.runs r where r.id = c.run));
end
$$;
comment on function holdfast.restore_done(bigint, uuid) is 'Ends a restore, with what it did beside what it had planned.';

create function holdfast.start_restore(plan jsonb, started_by text) returns uuid
  language sql security definer set search_path = ''
as $$
  select holdfast.start_run('restore', start_restore.plan, start_restore.started_by)
  from holdfast.refresh_source(), holdfast.assert_source_visible()
$$;
comment on function holdfast.start_restore(jsonb, text) is 'Starts a restore, or with dry_run the plan of one.';

revoke all on function holdfast.snapshot_buckets(integer, integer), holdfast.resolve_snapshot(integer, text), holdfast.snapshot_ids(integer, text, integer),
  holdfast.restore_report(integer, integer),
  holdfast.restore_planned(bigint, uuid), holdfast.restore_buckets(bigint, uuid),
  holdfast.put_by_restore(timestamptz),
  holdfast.restore_begin(bigint, uuid, jsonb), holdfast.restore_page(bigint, uuid, integer),
  holdfast.patch_objects(jsonb), holdfast.restore_commit(bigint, uuid, jsonb, text, jsonb),
  holdfast.restore_done(bigint, uuid), holdfast.start_restore(jsonb, text) from public;
grant execute on function holdfast.resolve_snapshot(integer, text), holdfast.snapshot_ids(integer, text, integer), holdfast.restore_planned(bigint, uuid),
  holdfast.restore_buckets(bigint, uuid), holdfast.restore_begin(bigint, uuid, jsonb),
  holdfast.restore_page(bigint, uuid, integer), holdfast.restore_commit(bigint, uuid, jsonb, text, jsonb),
  holdfast.restore_done(bigint, uuid), holdfast.start_restore(jsonb, text) to holdfast_worker;
