-- The backup job's SQL: start, prepare, sweep, and what becomes of names that are gone.

create function holdfast.start_backup(started_by text) returns uuid
  language plpgsql security definer set search_path = ''
as $$
begin
  perform holdfast.assert_source_visible();
  perform holdfast.refresh_source();
  return holdfast.start_run('backup', jsonb_build_object('settings', holdfast.all_settings()), start_backup.started_by);
end
$$;
comment on function holdfast.start_backup(text) is 'Starts a backup with the settings as they are now.';

create function holdfast.known_repository(repository_id uuid) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object('id', r.id, 'last_record', r.last_record, 'owner_project', r.owner_project,
    'conditional_writes', r.conditional_writes)
  from holdfast.repositories r where r.repository_id = known_repository.repository_id
$$;
comment on function holdfast.known_repository(uuid) is 'What the catalog knows of a repository; null if nothing.';

create function holdfast.repository_at(endpoint text, bucket text, prefix text) returns uuid
  language sql stable security definer set search_path = ''
as $$
  select r.repository_id from holdfast.repositories r
  where r.endpoint = repository_at.endpoint and r.bucket = repository_at.bucket and r.prefix = repository_at.prefix
  order by r.id desc limit 1
$$;
comment on function holdfast.repository_at(text, text, text) is 'The repository that was last met at a place.';

create function holdfast.save_repository(facts jsonb) returns integer
  language sql security definer set search_path = ''
as $$
  insert into holdfast.repositories (repository_id, endpoint, bucket, prefix, format_version,
    owner_project, last_record, conditional_writes)
  select f.repository_id, f.endpoint, f.bucket, f.prefix, f.format_version, f.owner_project,
    f.last_record, f.conditional_writes
  from jsonb_to_record(save_repository.facts) as f (repository_id uuid, endpoint text, bucket text,
    prefix text, format_version integer, owner_project text, last_record integer, conditional_writes boolean)
  on conflict (repository_id) do update
  set endpoint = excluded.endpoint, bucket = excluded.bucket, prefix = excluded.prefix,
    format_version = excluded.format_version, owner_project = excluded.owner_project,
    conditional_writes = coalesce(excluded.conditional_writes, repositories.conditional_writes),
    last_record = greatest(repositories.last_record, excluded.last_record)
  returning id
$$;
comment on function holdfast.save_repository(jsonb) is 'Records what was found of a repository and returns its number.';

create function holdfast.take_sequence(run_id uuid, repository integer) returns integer
  language sql security definer set search_path = ''
as $$
  update holdfast.runs r
  set repository = take_sequence.repository,
    sequence = 1 + greatest(
      (select last_record from holdfast.repositories where id = take_sequence.repository),
      (select max(o.sequence) from holdfast.runs o where o.repository = take_sequence.repository),
      (select max(e.added_in) from holdfast.entries e where e.repository = take_sequence.repository),
      (select max(e.removed_in) from holdfast.entries e
        where e.repository = take_sequence.repository and e.removed_in is not null))
  where r.id = take_sequence.run_id and r.sequence is null
  returning r.sequence
$$;
comment on function holdfast.take_sequence(uuid, integer) is
  'Gives a run the next sequence of its repository: one above the highest that the log or the catalog knows.';

create function holdfast.sweep_buckets(scope holdfast.scope, repository integer) returns setof text
  language sql stable security definer set search_path = ''
as $$
  -- Buckets that have open entries come along though they are gone: their entries must be closed.
  with recursive held as (
    (select e.bucket_id from holdfast.entries e
      where e.repository = sweep_buckets.repository order by e.bucket_id limit 1)
    union all
    select (select e.bucket_id from holdfast.entries e
      where e.repository = sweep_buckets.repository and e.bucket_id > held.bucket_id
      order by e.bucket_id limit 1)
    from held where held.bucket_id is not null
  )
  select b.id collate "C" from holdfast.source_buckets(sweep_buckets.scope) b
  union
  select held.bucket_id from held where held.bucket_id is not null
$$;
comment on function holdfast.sweep_buckets(holdfast.scope, integer) is
  'Ids of the buckets that a backup has to look at.';

create function holdfast.backup_prepared(cursor_id bigint, owner uuid, facts jsonb) returns integer
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(backup_prepared.cursor_id, backup_prepared.owner);
  repository integer := holdfast.save_repository(backup_prepared.facts);
  plan jsonb := (select r.plan from holdfast.runs r where r.id = c.run);
  sequence integer := holdfast.take_sequence(c.run, repository);
begin
  insert into holdfast.cursors (run, stage, bucket_id)
  select c.run, 'objects', bucket_id
  from holdfast.sweep_buckets(holdfast.plan_scope(plan), repository) as bucket_id order by bucket_id;
  perform holdfast.finish_cursor(c.id, backup_prepared.owner);
  return sequence;
end
$$;
comment on function holdfast.backup_prepared(bigint, uuid, jsonb) is
  'Ends the prepare stage: records the repository, takes the run''s sequence, cuts the sweep into cursors.';

create function holdfast.window_end(repository integer, bucket_id text, from_name text, range_to text, rows integer)
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
  select e.name into last_entry from holdfast.entries e
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
  select e.name into last_entry from holdfast.entries e
  where e.repository = window_end.repository and e.bucket_id = window_end.bucket_id
    and e.name >= window_end.from_name and (window_end.range_to is null or e.name <= window_end.range_to)
  order by e.name desc limit 1;
  return greatest(last_source collate "C", last_entry collate "C");
end
$$;
comment on function holdfast.window_end(integer, text, text, text, integer) is
  'Last name of the window that begins at from_name, so that both tables are bounded on both sides; null at the end of the range.';

create function holdfast.backup_item(repository integer, object_id uuid, bucket_id text, name text, version text,
  size bigint, etag text, metadata jsonb) returns table (item jsonb)
  language sql stable
begin atomic
  select jsonb_build_object(
    'bucket_id', bucket_id, 'name', name, 'object_id', object_id, 'version', version, 'size', size,
    'etag', etag, 'metadata', metadata,
    'blob', coalesce(held.blob, moved.blob), 'assumed', coalesce(held.assumed, moved.blob is not null))
  from (select) as one
    left join lateral (
      select e.blob, e.assumed from holdfast.known_entries e
      where e.repository = backup_item.repository and e.bucket_id = backup_item.bucket_id
        and e.name = backup_item.name and e.version = backup_item.version and e.blob is not null
      order by e.added_in desc limit 1) as held on true
    left join lateral (
      select e.blob from holdfast.known_entries e
      where held.blob is null and e.repository = backup_item.repository
        and holdfast.object_hash(e.object_id) = holdfast.object_hash(backup_item.object_id)
        and e.object_id = backup_item.object_id and e.removed_in is null and e.wanted_version is null
        and (e.bucket_id, e.name) <> (backup_item.bucket_id, backup_item.name)
        and e.etag = backup_item.etag and e.size = backup_item.size
      limit 1) as moved on true;
end;
comment on function holdfast.backup_item(integer, uuid, text, text, text, bigint, text, jsonb) is
  'An object as a slice acts on it. blob is set where its bytes are held: under this version, or, assumed, as the same object before a move.';

create function holdfast.mark_missing(repository integer, sequence integer, scope holdfast.scope,
  bucket_id text, from_name text, to_name text) returns integer
  language plpgsql security definer set search_path = '' set plan_cache_mode = force_custom_plan
  -- Tables that were just filled have no statistics: one row is expected of each side, and the loop
  -- over both takes a minute for 6,000 names.
  set enable_nestloop = off
as $$
declare
  marked integer;
begin
  update holdfast.entries e set missing_in = mark_missing.sequence
  where e.repository = mark_missing.repository and e.bucket_id = mark_missing.bucket_id
    and e.name >= mark_missing.from_name and e.name <= mark_missing.to_name
    and e.removed_in is null and e.missing_in is distinct from mark_missing.sequence
    and not exists (
      select from holdfast.source_objects o
      where o.bucket_id = mark_missing.bucket_id collate "default" and o.name = e.name
        and o.name >= mark_missing.from_name and o.name <= mark_missing.to_name
        -- A scope of nulls leaves nothing out; asking costs as much as all the rest.
        and (mark_missing.scope is null or holdfast.in_scope(mark_missing.scope, o.bucket_id, o.name, o.size)));
  get diagnostics marked = row_count;
  return marked;
end
$$;
comment on function holdfast.mark_missing(integer, integer, holdfast.scope, text, text, text) is
  'Marks the names of a covered window that the project no longer has in scope. They are closed later, by object id.';

create function holdfast.window_differs(repository integer, scope holdfast.scope, bucket_id text, from_name text,
  to_name text) returns boolean
  language plpgsql stable security definer set search_path = '' set plan_cache_mode = force_custom_plan
  -- Two indexes in one order: it costs the same a row at any size, keeps nothing in memory or on
  -- disk, and ends where the first difference is. And lanes are the parallelism.
  set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off
  set max_parallel_workers_per_gather = 0
as $$
begin
  -- One merge over both tables that ends at the first difference: all that an unchanged window costs.
  return exists (
    select from (
      select * from holdfast.source_objects o
      where o.bucket_id = window_differs.bucket_id collate "default"
        and o.name >= window_differs.from_name and o.name <= window_differs.to_name
    ) o full join (
      select * from holdfast.known_entries e
      where e.repository = window_differs.repository and e.bucket_id = window_differs.bucket_id
        and e.removed_in is null and e.name >= window_differs.from_name and e.name <= window_differs.to_name
    ) e on e.name = o.name
    where o.name is null or e.name is null or e.version <> o.version or e.wanted_version is not null
      or not holdfast.same_metadata(o.type, o.cache_control, o.user_metadata, o.owner_id, o.created_at,
        e.type, e.cache_control, e.user_metadata, e.owner_id, e.created_at)
      or not holdfast.in_scope(window_differs.scope, o.bucket_id, o.name, o.size));
end
$$;
comment on function holdfast.window_differs(integer, holdfast.scope, text, text, text) is
  'Whether project and catalog differ anywhere in a window.';

create function holdfast.backup_page(cursor_id bigint, owner uuid, max_items integer, window_rows integer default 50000)
  returns jsonb language plpgsql security definer set search_path = '' set plan_cache_mode = force_custom_plan
as $$
declare
  c holdfast.cursors := holdfast.require_lease(backup_page.cursor_id, backup_page.owner);
  r holdfast.runs := (select runs from holdfast.runs where runs.id = c.run);
  scope holdfast.scope := holdfast.plan_scope(r.plan);
  from_name text := coalesce(c.position ->> 'from', c.range_from);
  to_name text := holdfast.window_end(r.repository, c.bucket_id, from_name, c.range_to, window_rows);
  items jsonb;
begin
  if to_name is null then
    return jsonb_build_object('items', '[]'::jsonb, 'to', null);
  end if;
  if not holdfast.window_differs(r.repository, scope, c.bucket_id, from_name, to_name) then
    perform holdfast.commit_cursor(c.id, backup_page.owner, jsonb_build_object('from', to_name || chr(1)), '{}');
    return jsonb_build_object('items', '[]'::jsonb, 'to', to_name);
  end if;
  select coalesce(jsonb_agg(i.item order by d.name), '[]') into items
  from (
    select o.* from holdfast.source_objects o
      left join holdfast.known_entries e on e.repository = r.repository and e.bucket_id = c.bucket_id
        and e.name = o.name and e.removed_in is null and e.name >= from_name and e.name <= to_name
    where o.bucket_id = c.bucket_id collate "default" and o.name >= from_name and o.name <= to_name
      and (e.name is null or e.version <> o.version or e.wanted_version is not null
        or not holdfast.same_metadata(o.type, o.cache_control, o.user_metadata, o.owner_id, o.created_at,
          e.type, e.cache_control, e.user_metadata, e.owner_id, e.created_at))
      -- Of both tables' names, so that it is asked of what differs and not of every row.
      and holdfast.in_scope(scope, o.bucket_id, coalesce(e.name, o.name), o.size)
      -- What could not be had is tried again when its time has come, or at once as another version.
      and (e.wanted_version is null or e.wanted_version <> o.version or not exists (
        select from holdfast.failures f where f.job = 'backup' and f.bucket_id = o.bucket_id
          and f.name = o.name and f.next_at > now()))
    order by o.name limit max_items) as d
    cross join lateral holdfast.backup_item(r.repository, d.id, d.bucket_id, d.name, d.version, d.size, d.etag,
      d.metadata) as i;
  if jsonb_array_length(items) = max_items then
    to_name := items -> -1 ->> 'name';
  end if;
  if jsonb_array_length(items) = 0 then
    perform holdfast.backup_commit(c.id, backup_page.owner, items, to_name, '{}');
  end if;
  return jsonb_build_object('items', items, 'to', to_name);
end
$$;
comment on function holdfast.backup_page(bigint, uuid, integer, integer) is
  'Compares one window and returns up to max_items objects to act on, and the name up to which that is all. A window without a difference is committed here.';

create function holdfast.mark_moved(r holdfast.runs, results jsonb) returns void
  language sql security definer set search_path = ''
  -- A page's objects, each looked up; whatever else the planner may think of reads all entries.
  set plan_cache_mode = force_custom_plan set enable_hashjoin = off set enable_mergejoin = off
  set enable_seqscan = off
as $$
  -- The same object under two names means that it was moved during the sweep: one of them is gone.
  update holdfast.entries e set missing_in = (r).sequence
  from jsonb_to_recordset(mark_moved.results) as x (bucket_id text, name text, object_id uuid)
  where e.repository = (r).repository and holdfast.object_hash(e.object_id) = holdfast.object_hash(x.object_id)
    and e.object_id = x.object_id and e.removed_in is null
    and (e.bucket_id, e.name) <> (x.bucket_id, x.name) and e.missing_in is distinct from (r).sequence
$$;
comment on function holdfast.mark_moved(holdfast.runs, jsonb) is
  'Marks the entries of these objects that have other names, to be looked at when the sweep is done.';

create function holdfast.record_results(r holdfast.runs, results jsonb) returns void
  language plpgsql security definer set search_path = ''
  set plan_cache_mode = force_custom_plan
as $$
declare
  failed boolean := jsonb_path_exists(record_results.results, '$[*].failure');
begin
  perform holdfast.put_entries((r).repository, (r).sequence, record_results.results);
  if failed then
    perform holdfast.mark_entries((r).repository, (r).sequence, record_results.results);
  end if;
  -- Of most pages nothing failed, now or before.
  if failed or exists (select from holdfast.failures f where f.job = 'backup') then
    perform holdfast.record_failures((r).id, 'backup', record_results.results);
  end if;
  if jsonb_path_exists(record_results.results, '$[*].upload') then
    perform holdfast.begin_uploads(r, record_results.results);
  end if;
  perform holdfast.mark_moved(r, record_results.results);
end
$$;
comment on function holdfast.record_results(holdfast.runs, jsonb) is
  'Writes down what became of each object of a page: held, failed, or begun as an upload.';

create function holdfast.backup_commit(cursor_id bigint, owner uuid, results jsonb, to_name text, done jsonb)
  returns void language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(backup_commit.cursor_id, backup_commit.owner);
  r holdfast.runs := (select runs from holdfast.runs where runs.id = c.run);
begin
  if jsonb_array_length(backup_commit.results) > 0 then
    perform holdfast.record_results(r, backup_commit.results);
  end if;
  if backup_commit.to_name is null then
    perform holdfast.commit_cursor(c.id, backup_commit.owner, c.position, backup_commit.done);
    return;
  end if;
  perform holdfast.mark_missing(r.repository, r.sequence, holdfast.plan_scope(r.plan), c.bucket_id,
    coalesce(c.position ->> 'from', c.range_from), backup_commit.to_name);
  -- chr(1) makes the least name above to_name, so the next window can be bounded inclusively.
  perform holdfast.commit_cursor(c.id, backup_commit.owner,
    jsonb_build_object('from', backup_commit.to_name || chr(1)), backup_commit.done);
end
$$;
comment on function holdfast.backup_commit(bigint, uuid, jsonb, text, jsonb) is
  'Commits a page of the sweep: results, names no longer found, position and counters, in one transaction. Results may be of names behind to_name, up to which nothing is passed over; null where nothing is passed at all.';

revoke all on function holdfast.start_backup(text), holdfast.known_repository(uuid),
  holdfast.repository_at(text, text, text), holdfast.save_repository(jsonb), holdfast.take_sequence(uuid, integer),
  holdfast.sweep_buckets(holdfast.scope, integer), holdfast.backup_prepared(bigint, uuid, jsonb),
  holdfast.window_end(integer, text, text, text, integer),
  holdfast.backup_item(integer, uuid, text, text, text, bigint, text, jsonb),
  holdfast.mark_missing(integer, integer, holdfast.scope, text, text, text),
  holdfast.window_differs(integer, holdfast.scope, text, text, text),
  holdfast.backup_page(bigint, uuid, integer, integer), holdfast.mark_moved(holdfast.runs, jsonb),
  holdfast.record_results(holdfast.runs, jsonb), holdfast.backup_commit(bigint, uuid, jsonb, text, jsonb) from public;
grant execute on function holdfast.start_backup(text), holdfast.known_repository(uuid),
  holdfast.repository_at(text, text, text), holdfast.backup_prepared(bigint, uuid, jsonb),
  holdfast.backup_page(bigint, uuid, integer, integer),
  holdfast.backup_commit(bigint, uuid, jsonb, text, jsonb) to holdfast_worker;
