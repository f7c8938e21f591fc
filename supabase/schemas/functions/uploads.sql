-- Large uploads: one cursor per upload and one row per finished part. So an invocation continues after
-- the last finished part and does not send it again. After a cancelled run, the next run continues in
-- the same way.

create function holdfast_private.begin_uploads(r holdfast_private.runs, results jsonb) returns void
  language sql security definer set search_path = ''
as $$
  with wanted as (
    select item - 'upload' as object, item ->> 'bucket_id' as bucket_id, item ->> 'name' as name,
      item #>> '{upload,key}' as key, (item #>> '{upload,part_size}')::bigint as part_size
    from jsonb_array_elements(begin_uploads.results) as item where item -> 'upload' is not null
  ), adopted as (
    update holdfast_private.uploads u set run = (r).id, object = w.object, restarts = 0
    from wanted w
    where u.id = (
      select max(l.id) from holdfast_private.uploads l
      where l.repository = (r).repository and l.bucket_id = w.bucket_id and l.name = w.name
        and l.object -> 'version' = w.object -> 'version' and l.object -> 'size' = w.object -> 'size'
        and not holdfast_private.is_running(l.run))
    returning u.id, u.bucket_id, u.name
  ), begun as (
    insert into holdfast_private.uploads (run, repository, bucket_id, name, object, key, part_size)
    select (r).id, (r).repository, w.bucket_id, w.name, w.object, w.key, w.part_size from wanted w
    where not exists (select from adopted a where a.bucket_id = w.bucket_id and a.name = w.name)
    on conflict (run, bucket_id, name) do nothing
    returning id
  )
  insert into holdfast_private.cursors (run, stage, position)
  select (r).id, 'upload', jsonb_build_object('upload', u.id)
  from (select id from adopted union all select id from begun) as u
$$;
comment on function holdfast_private.begin_uploads(holdfast_private.runs, jsonb) is
  'Creates a row and a cursor for each object larger than one part. The scan continues, and a worker uploads the object. If an ended run has an unfinished upload of the same version, it is taken over.';

create function holdfast_private.upload_state(cursor_id bigint, owner uuid) returns jsonb
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(upload_state.cursor_id, upload_state.owner);
begin
  return (
    select jsonb_build_object('id', u.id, 'object', u.object, 'key', u.key, 'part_size', u.part_size,
      'upload_id', u.upload_id, 'restarts', u.restarts,
      'parts', coalesce((
        select jsonb_agg(jsonb_build_object('number', p.number, 'size', p.size, 'etag', p.etag,
          'sha256', encode(p.sha256, 'hex')) order by p.number)
        from holdfast_private.upload_parts p where p.upload = u.id), '[]'))
    from holdfast_private.uploads u where u.id = (c.position ->> 'upload')::bigint);
end
$$;
comment on function holdfast_private.upload_state(bigint, uuid) is 'The upload of a cursor, with its finished parts.';

create function holdfast_private.upload_begun(cursor_id bigint, owner uuid, upload_id text) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(upload_begun.cursor_id, upload_begun.owner);
begin
  delete from holdfast_private.upload_parts p where p.upload = (c.position ->> 'upload')::bigint;
  update holdfast_private.uploads u set upload_id = upload_begun.upload_id
  where u.id = (c.position ->> 'upload')::bigint;
  perform holdfast_private.commit_cursor(c.id, upload_begun.owner, c.position, '{}');
end
$$;
comment on function holdfast_private.upload_begun(bigint, uuid, text) is
  'Records S3''s id of the upload. The parts of an earlier upload are deleted.';

create function holdfast_private.upload_part_done(cursor_id bigint, owner uuid, part jsonb, done jsonb default '{}')
  returns void language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(upload_part_done.cursor_id, upload_part_done.owner);
begin
  insert into holdfast_private.upload_parts (upload, number, size, etag, sha256)
  select (c.position ->> 'upload')::bigint, p.number, p.size, p.etag, decode(p.sha256, 'hex')
  from jsonb_to_record(part) as p (number integer, size bigint, etag text, sha256 text)
  on conflict (upload, number) do update
  set size = excluded.size, etag = excluded.etag, sha256 = excluded.sha256;
  perform holdfast_private.commit_cursor(c.id, upload_part_done.owner, c.position,
    jsonb_build_object('bytes_copied', part -> 'size', 'storage_requests', 1, 's3_requests', 1) || upload_part_done.done);
end
$$;
comment on function holdfast_private.upload_part_done(bigint, uuid, jsonb, jsonb) is
  'Records a finished part {number, size, etag, sha256 in hex} and adds counters.';

create function holdfast_private.upload_restart(cursor_id bigint, owner uuid, object jsonb, key text, part_size bigint)
  returns void language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(upload_restart.cursor_id, upload_restart.owner);
begin
  delete from holdfast_private.upload_parts p where p.upload = (c.position ->> 'upload')::bigint;
  update holdfast_private.uploads u
  set object = upload_restart.object, key = upload_restart.key, part_size = upload_restart.part_size, upload_id = null,
    restarts = restarts + 1
  where u.id = (c.position ->> 'upload')::bigint;
  perform holdfast_private.commit_cursor(c.id, upload_restart.owner, c.position, '{}');
end
$$;
comment on function holdfast_private.upload_restart(bigint, uuid, jsonb, text, bigint) is
  'Restarts an upload for the current version of the source.';

create function holdfast_private.upload_done(cursor_id bigint, owner uuid, result jsonb, done jsonb) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(upload_done.cursor_id, upload_done.owner);
  r holdfast_private.runs := (select runs from holdfast_private.runs where runs.id = c.run);
begin
  if upload_done.result is not null then
    perform holdfast_private.record_results(r, jsonb_build_array(upload_done.result));
  else
    -- The scan found the name before its object was deleted.
    update holdfast_private.entries e set missing_in = r.sequence from holdfast_private.uploads u
    where u.id = (c.position ->> 'upload')::bigint and e.repository = r.repository
      and e.bucket_id = u.bucket_id and e.name = u.name and e.removed_in is null and e.added_in < r.sequence;
  end if;
  delete from holdfast_private.uploads u where u.id = (c.position ->> 'upload')::bigint;
  perform holdfast_private.finish_cursor(c.id, upload_done.owner, upload_done.done);
end
$$;
comment on function holdfast_private.upload_done(bigint, uuid, jsonb, jsonb) is
  'Finishes an upload and its cursor. result is held or failed. If result is null, the object was deleted and its name is marked as missing.';

create function holdfast_private.orphaned_uploads(cursor_id bigint, owner uuid, max_uploads integer) returns jsonb
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(orphaned_uploads.cursor_id, orphaned_uploads.owner);
  repository_id integer := (select r.repository from holdfast_private.runs r where r.id = c.run);
begin
  return jsonb_build_object(
    'orphaned', (
      select coalesce(jsonb_agg(jsonb_build_object('row', l.id, 'key', l.key, 'id', l.upload_id)), '[]')
      from (
        select u.* from holdfast_private.uploads u
        where u.repository = repository_id and not holdfast_private.is_running(u.run)
        order by u.id limit orphaned_uploads.max_uploads) as l),
    'began', exists (select from holdfast_private.cursors cc where cc.run = c.run and cc.stage = 'upload'));
end
$$;
comment on function holdfast_private.orphaned_uploads(bigint, uuid, integer) is
  'Uploads that ended runs did not finish in the repository, and whether this run had any uploads. It is called after the scan, which takes over the uploads that can still be finished.';

create function holdfast_private.unknown_uploads(cursor_id bigint, owner uuid, ids jsonb) returns jsonb
  language plpgsql security definer set search_path = ''
as $$
begin
  perform holdfast_private.require_lease(unknown_uploads.cursor_id, unknown_uploads.owner);
  return (
    select coalesce(jsonb_agg(i.id), '[]') from jsonb_array_elements_text(unknown_uploads.ids) as i (id)
    where not exists (select from holdfast_private.uploads u where u.upload_id = i.id));
end
$$;
comment on function holdfast_private.unknown_uploads(bigint, uuid, jsonb) is
  'The S3 upload ids that have no row, because their workers crashed before they could record them.';

create function holdfast_private.remove_uploads(cursor_id bigint, owner uuid, missing jsonb, done jsonb) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(remove_uploads.cursor_id, remove_uploads.owner);
begin
  delete from holdfast_private.uploads u
  using jsonb_array_elements_text(remove_uploads.missing) as g (id)
  where u.id = g.id::bigint and not holdfast_private.is_running(u.run);
  perform holdfast_private.commit_cursor(c.id, remove_uploads.owner, c.position, remove_uploads.done);
end
$$;
comment on function holdfast_private.remove_uploads(bigint, uuid, jsonb, jsonb) is
  'Deletes the rows, by id, of aborted uploads, and adds the counters of aborting them.';

create function holdfast_private.object_now(bucket_id text, name text) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object('bucket_id', o.bucket_id, 'name', o.name, 'object_id', o.id,
    'version', o.version, 'size', o.size, 'etag', o.etag, 'metadata', o.metadata)
  from holdfast_private.source_objects o where o.bucket_id = object_now.bucket_id and o.name = object_now.name
$$;
comment on function holdfast_private.object_now(text, text) is
  'The current row of an object; null if it was deleted. It is read again if the bytes did not match the previous row.';
