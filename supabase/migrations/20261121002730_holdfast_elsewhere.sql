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

revoke all on function holdfast.object_elsewhere(uuid) from public;
grant execute on function holdfast.object_elsewhere(uuid) to holdfast_worker;
