-- Names that a scan no longer found. Each is looked up by object id. If the object now has another name,
-- it is backed up under that name before the old name is closed.

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
  'Objects of the marked names after the cursor, if they have another name now and are not held under it. After these, objects that moved since the start. Includes the position to commit; null at the end.';

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
comment on function holdfast_private.missing_commit(bigint, uuid, jsonb, jsonb, jsonb) is
  'Commits a page of the missing stage.';

-- An object may move twice during a scan: the scan finds it under its second name, and then it moves to
-- a third name that the scan has already passed. Nothing is held under the third name. The first name
-- must still be closed, because the object is held under the second name, which was valid during the
-- run.
--
-- A moved object's old name may be taken by another object whose bytes cannot be read. The entry then
-- holds the old object's bytes and is marked with the wanted version of the new object. It must stay
-- open, because no other entry lists the new object.
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
      -- Another object has this name now and none of its bytes could be copied. Only this entry lists
      -- it.
      when exists (
        select from holdfast_private.source_objects s
        where s.bucket_id = m.bucket_id collate "default" and s.name = m.name and s.version = m.wanted_version
          and holdfast_private.in_scope(scope, s.bucket_id, s.name, s.size)) then 'kept'
      when o.id is null then 'removed'
      when not holdfast_private.in_scope(scope, o.bucket_id, o.name, o.size) then 'excluded'
      -- If an object had several names during the scan, one open entry is enough. The entry that the
      -- scan added last is kept.
      when exists (
        select from holdfast_private.entries h
        where holdfast_private.object_hash(h.object_id) = holdfast_private.object_hash(m.object_id) and h.object_id = m.object_id
          and h.repository = r.repository and h.removed_in is null and h.blob is not null
          and (h.bucket_id, h.name) <> (m.bucket_id, m.name)
          and (h.missing_in is distinct from r.sequence
            or (h.added_in, h.bucket_id, h.name) > (m.added_in, m.bucket_id, m.name))) then 'moved'
      when (o.bucket_id, o.name) = (m.bucket_id, m.name) then 'kept'
      -- Compares the object id, because an entry under the new name may hold the bytes of a previous
      -- object.
      when exists (
        select from holdfast_private.entries h where h.repository = r.repository and h.bucket_id = o.bucket_id
          and h.name = o.name and h.removed_in is null and h.blob is not null and h.object_id = o.id) then 'moved'
      -- The entry has no bytes for which the old name would have to stay open.
      when m.blob is null then 'moved'
      -- The bytes are not yet held under the new name, so the old name stays open.
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
  'Closes the marked entries after the cursor and commits. Entries are removed, moved or excluded; an entry that may not be closed yet is kept. Returns the number of entries checked; 0 at the end.';
