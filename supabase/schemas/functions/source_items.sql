-- Objects of the project as workers act on them.

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

create function holdfast.object_now(bucket_id text, name text) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object('bucket_id', o.bucket_id, 'name', o.name, 'object_id', o.id,
    'version', o.version, 'size', o.size, 'etag', o.etag, 'metadata', o.metadata)
  from holdfast.source_objects o where o.bucket_id = object_now.bucket_id and o.name = object_now.name
$$;
comment on function holdfast.object_now(text, text) is
  'An object''s row as it is now, null if it is gone: asked again when a read did not give what the row had said.';

-- An object that is moved while it is read for the first time: no name of it was ever held, so none is
-- found missing, and where it went to the sweep may have been already.
create function holdfast.object_elsewhere(object_id uuid) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select i.item
  from holdfast.runs r join holdfast.source_objects o on o.id = object_elsewhere.object_id
    cross join lateral holdfast.backup_item(r.repository, o.id, o.bucket_id, o.name, o.version, o.size, o.etag,
      o.metadata) as i
  where r.kind = 'backup' and r.state = 'running'
    and holdfast.in_scope(holdfast.plan_scope(r.plan), o.bucket_id, o.name, o.size)
$$;
comment on function holdfast.object_elsewhere(uuid) is
  'An object by its id, under whichever name it has now, as a slice of the running backup acts on it; null where it is gone or out of scope.';
