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
