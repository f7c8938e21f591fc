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
