-- Restoring objects, page by page.

create function holdfast.restore_begin(cursor_id bigint, owner uuid, buckets jsonb) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(restore_begin.cursor_id, restore_begin.owner);
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
    and (t.created_at >= (c.position ->> 'since')::timestamptz or holdfast.left_by_restore(t.id, t.created_at))
    and holdfast.as_asked(to_jsonb(t), b));
  update holdfast.runs r
  set result = r.result || jsonb_build_object('buckets_refused', (
    select jsonb_object_agg(b ->> 'id', b ->> 'refused')
    from jsonb_array_elements(buckets) b where b ->> 'refused' is not null))
  where r.id = c.run and exists (
    select from jsonb_array_elements(buckets) b where b ->> 'refused' is not null);
  insert into holdfast.cursors (run, stage, bucket_id, position)
  select c.run, 'objects', b ->> 'id', jsonb_build_object('direct', b -> 'direct')
  from jsonb_array_elements(buckets) b order by b ->> 'id';
  insert into holdfast.cursors (run, stage) select c.run, 'finish' where jsonb_array_length(buckets) = 0;
  perform holdfast.finish_cursor(c.id, restore_begin.owner);
end
$$;
comment on function holdfast.restore_begin(bigint, uuid, jsonb) is
  'Finishes the buckets stage: patches the buckets that were made, names those that were refused, and begins a cursor for each.';

create function holdfast.restore_page(cursor_id bigint, owner uuid, max_items integer) returns jsonb
  language plpgsql security definer set search_path = '' set plan_cache_mode = force_custom_plan
as $$
declare
  c holdfast.cursors := holdfast.require_lease(restore_page.cursor_id, restore_page.owner);
  r holdfast.runs := (select runs from holdfast.runs where runs.id = c.run);
  -- Up to there another lane was given entries: it may have put them, or be about to.
  fallen_to text collate "C" := c.position ->> 'fallen_to';
  page jsonb;
begin
  -- A lane that lost its lease may get it again; its own pages since the last commit count as well.
  if c.position ->> 'given_by' is distinct from restore_page.owner::text or c.attempts > 1 then
    fallen_to := greatest(fallen_to, (c.position ->> 'given_to') collate "C");
  end if;
  -- A lane leaves none behind when it goes on: these are of one that died, or that sleeps and may wake.
  update holdfast.overwrites w set doubtful_at = clock_timestamp()
  where w.run = r.id and w.bucket_id = c.bucket_id and w.put is null and w.doubtful_at is null;
  page := (
    select coalesce(jsonb_agg(jsonb_build_object(
      'bucket_id', e.bucket_id, 'name', e.name, 'version', e.version, 'metadata', e.metadata, 'code', e.code,
      'blob', e.blob, 'key', e.key, 'size', e.size, 'sha256', encode(e.sha256, 'hex'), 'part_size', e.part_size,
      'given_before', e.name <= coalesce(fallen_to, ''),
      'target', case when o.id is not null then jsonb_build_object(
        'version', o.version, 'size', o.size, 'etag', o.etag,
        'announced', exists (
          select from holdfast.overwrites w where w.bucket_id = e.bucket_id and w.name = e.name),
        'right', e.blob is not null and exists (
          select from holdfast.known_entries k
          where k.repository = r.repository and k.bucket_id = e.bucket_id and k.name = e.name
            and k.version = o.version and k.blob = e.blob and not k.assumed),
        'same_metadata', holdfast.same_metadata(o.type, o.cache_control, o.user_metadata, o.owner_id, o.created_at,
          e.type, e.cache_control, e.user_metadata, e.owner_id, e.created_at),
        'of_this_run', l.by_upload or (o.owner_id is null and coalesce(o.user_metadata, '{}') = '{}'
          and holdfast.put_by_restore(o.created_at, r.id, e.name <= coalesce(fallen_to, ''))
          and holdfast.as_inserted(o.id)),
        'held', holdfast.is_held(r.repository, o.bucket_id, o.name, o.version, o.type, o.cache_control,
          o.user_metadata, o.owner_id, o.created_at),
        'says_no_more', o.owner_id is null and coalesce(o.user_metadata, '{}') = '{}'
          and o.type is not distinct from e.type and o.cache_control is not distinct from e.cache_control) end)
      order by e.name), '[]')
    from (
      select k.* from holdfast.known_entries k
      where k.repository = r.repository and k.bucket_id = c.bucket_id and k.name >= coalesce(c.position ->> 'from', '')
        and k.added_in <= (r.result ->> 'sequence')::integer
        and (k.removed_in is null or k.removed_in > (r.result ->> 'sequence')::integer)
      order by k.name limit restore_page.max_items) as e
      left join holdfast.source_objects o on o.bucket_id = c.bucket_id collate "default" and o.name = e.name
      left join lateral holdfast.left_by_upload(o.bucket_id, o.name, o.version, o.user_metadata, o.owner_id,
        o.updated_at) as l (by_upload) on o.id is not null);
  update holdfast.cursors cc
  set position = cc.position || jsonb_strip_nulls(jsonb_build_object('given_by', restore_page.owner,
    'given_to', page -> -1 -> 'name', 'fallen_to', fallen_to))
  where cc.id = c.id;
  return page;
end
$$;
comment on function holdfast.restore_page(bigint, uuid, integer) is
  'The next entries of the snapshot, each with what the target has under its name, and whether a snapshot holds that. Notes up to where they were given to whom.';

-- Which buckets a restore made itself. Another's may come to be at any time, from a project's migrations
-- above all: its settings are not a restore's to touch, and nothing in it may be written over. So a
-- restore says which buckets it is about to ask for, and afterwards which it made.
create function holdfast.restore_asks(cursor_id bigint, owner uuid, made jsonb, asked jsonb) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(restore_asks.cursor_id, restore_asks.owner);
  new_position jsonb := jsonb_build_object('since', clock_timestamp()) || c.position
    || jsonb_build_object('made', restore_asks.made, 'asked', restore_asks.asked);
begin
  -- To ask again for the same is no progress: an outage is waited for so long and no longer.
  if not (c.position @> new_position and new_position @> c.position) then
    perform holdfast.commit_cursor(c.id, restore_asks.owner, new_position, '{}');
  end if;
end
$$;
comment on function holdfast.restore_asks(bigint, uuid, jsonb, jsonb) is
  'Commits the ids of the buckets that a restore made so far, and of those it is about to ask for or had no answer about.';

create function holdfast.as_asked(bucket jsonb, wanted jsonb) returns boolean
  language sql immutable set search_path = ''
as $$
  select bucket ->> 'name' = bucket ->> 'id' and bucket ->> 'owner_id' is null
    and bucket ->> 'public' is not distinct from wanted ->> 'public'
    -- Without one where the project's own is below it.
    and coalesce(bucket ->> 'file_size_limit' = wanted ->> 'file_size_limit', bucket ->> 'file_size_limit' is null)
    and coalesce(nullif(bucket -> 'allowed_mime_types', '[]'), 'null')
      = coalesce(nullif(wanted -> 'allowed_mime_types', '[]'), 'null')
$$;
comment on function holdfast.as_asked(jsonb, jsonb) is
  'Whether a bucket''s row is as Storage makes it that was asked for one of these settings.';

create function holdfast.wanted_words(run_id uuid, results jsonb) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select coalesce(jsonb_agg(case when w.keeps then x || jsonb_build_object('metadata', w.metadata) else x end), '[]')
  from jsonb_array_elements(wanted_words.results) x
    left join lateral (
      -- This run's own, or what a run left that has ended.
      select w.keeps, w.metadata from holdfast.overwrites w join holdfast.runs r on r.id = w.run
      where w.bucket_id = x ->> 'bucket_id' and w.name = x ->> 'name' and (w.run = wanted_words.run_id
        or (w.put is null and exists (
          select from holdfast.source_objects o
          where o.bucket_id = x ->> 'bucket_id' and o.name = x ->> 'name'
            and o.version = x ->> 'restored_version' and o.version <> w.version
            -- An upload over a row leaves its time; one that somebody made anew has another.
            and o.created_at is not distinct from (w.metadata ->> 'created_at')::timestamptz
            and o.updated_at between r.started_at and r.ended_at + interval '15 minutes')))
      order by w.run = wanted_words.run_id desc, w.keeps desc limit 1) as w on true
  where x ->> 'restored_version' is not null
$$;
comment on function holdfast.wanted_words(uuid, jsonb) is
  'Of a page''s results those that were put, each with what its row is to say: what it said before where only bytes were lost, else what the snapshot lists.';

-- A very old row has no version, and is told apart by what the view of the source says in its place. Patched
-- by its column, no such row was found, and a restore said that it had put back what it had not.
create function holdfast.patch_objects(results jsonb) returns boolean
  language plpgsql security definer set search_path = ''
as $$
declare
  times_too boolean := true;
  assignments text := (
    select string_agg(format('%I = %s', a.name, a.value), ', ') from (values
      ('owner_id', $v$x.metadata ->> 'owner_id'$v$),
      ('owner', $v$case when x.metadata ->> 'owner_id' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
        then (x.metadata ->> 'owner_id')::uuid end$v$),
      ('user_metadata', $v$holdfast.user_metadata_of(x.metadata)$v$),
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
      join holdfast.source_objects s on s.bucket_id = x.bucket_id collate "default" and s.name = x.name
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
comment on function holdfast.patch_objects(jsonb) is
  'Puts back what Storage''s API can''t set: owner, created_at, user metadata and, where the server lets it, updated_at. Returns whether it did.';

create function holdfast.restore_commit(cursor_id bigint, owner uuid, results jsonb, to_name text, done jsonb)
  returns void language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(restore_commit.cursor_id, restore_commit.owner);
  r holdfast.runs := (select runs from holdfast.runs where runs.id = c.run);
  patched jsonb := holdfast.wanted_words(r.id, restore_commit.results);
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
  perform holdfast.take_over_overwrites(r.id, patched);
  perform holdfast.settle_overwrites(r.id, restore_commit.results);
  perform holdfast.record_failures(r.id, 'restore', restore_commit.results);
  perform holdfast.commit_cursor(c.id, restore_commit.owner,
    -- What was not begun of the page is given again, as if for the first time.
    c.position || jsonb_build_object('from', restore_commit.to_name || chr(1), 'given_to', restore_commit.to_name),
    counters);
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
