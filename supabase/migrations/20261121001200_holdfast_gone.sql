-- Names that a sweep no longer found. Each is looked up by object id: an object that lives under
-- another name is backed up there first, and only then is the old name closed.

create function holdfast.gone_page(cursor_id bigint, owner uuid, max_items integer) returns jsonb
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(gone_page.cursor_id, gone_page.owner);
  r holdfast.runs := (select runs from holdfast.runs where runs.id = c.run);
  scope holdfast.scope := holdfast.plan_scope(r.plan);
  last_position jsonb;
  items jsonb;
begin
  with marked as (
    select e.bucket_id, e.name, e.object_id from holdfast.entries e
    where e.repository = r.repository and e.missing_in = r.sequence and e.removed_in is null
      and (e.bucket_id, e.name) > (coalesce(c.position ->> 'bucket_id', ''), coalesce(c.position ->> 'name', ''))
    order by e.bucket_id, e.name limit gone_page.max_items
  ), living as (
    select distinct on (o.id) o.* from marked m join holdfast.source_objects o on o.id = m.object_id
    where holdfast.in_scope(scope, o.bucket_id, o.name, o.size)
      and not exists (
        select from holdfast.known_entries h where h.repository = r.repository and h.bucket_id = o.bucket_id
          and h.name = o.name and h.removed_in is null and o.version in (h.version, h.wanted_version))
    order by o.id
  )
  select
    (select jsonb_build_object('bucket_id', m.bucket_id, 'name', m.name)
      from marked m order by m.bucket_id desc, m.name desc limit 1),
    (select coalesce(jsonb_agg(i.item), '[]') from living l
      cross join lateral holdfast.backup_item(r.repository, l.id, l.bucket_id, l.name, l.version, l.size, l.etag,
        l.metadata) as i)
  into last_position, items;
  return jsonb_build_object('items', items, 'position', last_position);
end
$$;
comment on function holdfast.gone_page(bigint, uuid, integer) is
  'Marked names after the cursor: objects of theirs that live elsewhere and are not held there, and the position to commit; null at the end.';

create function holdfast.gone_commit(cursor_id bigint, owner uuid, results jsonb, new_position jsonb, done jsonb)
  returns void language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(gone_commit.cursor_id, gone_commit.owner);
  r holdfast.runs := (select runs from holdfast.runs where runs.id = c.run);
begin
  perform holdfast.record_results(r, gone_commit.results);
  perform holdfast.commit_cursor(c.id, gone_commit.owner, gone_commit.new_position, gone_commit.done);
end
$$;
comment on function holdfast.gone_commit(bigint, uuid, jsonb, jsonb, jsonb) is 'Commits a page of the gone stage.';

create function holdfast.close_page(cursor_id bigint, owner uuid, max_items integer) returns integer
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(close_page.cursor_id, close_page.owner);
  r holdfast.runs := (select runs from holdfast.runs where runs.id = c.run);
  scope holdfast.scope := holdfast.plan_scope(r.plan);
  seen integer;
  counts jsonb;
  last_position jsonb;
begin
  with marked as (
    select e.* from holdfast.entries e
    where e.repository = r.repository and e.missing_in = r.sequence and e.removed_in is null
      and (e.bucket_id, e.name) > (coalesce(c.position ->> 'bucket_id', ''), coalesce(c.position ->> 'name', ''))
    order by e.bucket_id, e.name limit close_page.max_items
  ), judged as (
    select m.bucket_id, m.name, m.added_in, case
      when o.id is null then 'removed'
      when not holdfast.in_scope(scope, o.bucket_id, o.name, o.size) then 'excluded'
      when (o.bucket_id, o.name) = (m.bucket_id, m.name) then 'kept'
      -- By object: what lay there before may be all that is held under the new name.
      when exists (
        select from holdfast.entries h where h.repository = r.repository and h.bucket_id = o.bucket_id
          and h.name = o.name and h.removed_in is null and h.blob is not null and h.object_id = o.id) then 'moved'
      -- It never held anything that the old name would have to stay for.
      when m.blob is null then 'moved'
      -- Its bytes under the new name are not held yet: the old name stays until they are.
      else 'kept' end as fate
    from marked m left join holdfast.source_objects o on o.id = m.object_id
  ), closed as (
    update holdfast.entries e set removed_in = r.sequence
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
    perform holdfast.commit_cursor(c.id, close_page.owner, last_position, counts);
  end if;
  return seen;
end
$$;
comment on function holdfast.close_page(bigint, uuid, integer) is
  'Closes marked entries after the cursor by their fate (removed, moved, excluded, or kept because they may not be closed yet), commits, and returns how many it looked at; 0 at the end.';

revoke all on function holdfast.gone_page(bigint, uuid, integer),
  holdfast.gone_commit(bigint, uuid, jsonb, jsonb, jsonb),
  holdfast.close_page(bigint, uuid, integer) from public;
grant execute on function holdfast.gone_page(bigint, uuid, integer),
  holdfast.gone_commit(bigint, uuid, jsonb, jsonb, jsonb), holdfast.close_page(bigint, uuid, integer)
  to holdfast_worker;
