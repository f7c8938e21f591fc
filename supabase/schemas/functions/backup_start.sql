-- Start of the backup job: the prepare stage, and the division of the scan into cursors.

create function holdfast_private.start_backup(started_by text) returns uuid
  language plpgsql security definer set search_path = ''
as $$
begin
  perform holdfast_private.assert_source_visible();
  perform holdfast_private.refresh_source();
  return holdfast_private.start_run('backup', jsonb_build_object('settings', holdfast_private.all_settings()), start_backup.started_by);
end
$$;
comment on function holdfast_private.start_backup(text) is 'Starts a backup with the current settings.';

create function holdfast_private.scan_buckets(scope holdfast_private.scope, repository integer) returns setof text
  language sql stable security definer set search_path = ''
as $$
  -- Includes deleted buckets that have open entries, because these entries must be closed.
  with recursive held as (
    (select e.bucket_id from holdfast_private.entries e
      where e.repository = scan_buckets.repository order by e.bucket_id limit 1)
    union all
    select (select e.bucket_id from holdfast_private.entries e
      where e.repository = scan_buckets.repository and e.bucket_id > held.bucket_id
      order by e.bucket_id limit 1)
    from held where held.bucket_id is not null
  )
  select b.id collate "C" from holdfast_private.source_buckets(scan_buckets.scope) b
  union
  select held.bucket_id from held where held.bucket_id is not null
$$;
comment on function holdfast_private.scan_buckets(holdfast_private.scope, integer) is
  'Ids of the buckets that a backup has to scan.';

create function holdfast_private.backup_rollback(cursor_id bigint, owner uuid, repository_id uuid, location jsonb, max_rows integer)
  returns integer language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(backup_rollback.cursor_id, backup_rollback.owner);
  other_location integer := (
    select r.id from holdfast_private.repositories r
    where r.repository_id = backup_rollback.repository_id
      and holdfast_private.location_of(to_jsonb(r)) <> holdfast_private.location_of(backup_rollback.location));
begin
  if other_location is null then
    return 0;
  end if;
  perform holdfast_private.heartbeat(c.id, backup_rollback.owner);
  return holdfast_private.rollback_unsealed_step(other_location, backup_rollback.max_rows);
end
$$;
comment on function holdfast_private.backup_rollback(bigint, uuid, uuid, jsonb, integer) is
  'If earlier backups used another location, removes up to max_rows unsealed entries that were copied there. Returns the number of entries; 0 when none remain.';

create function holdfast_private.backup_prepared(cursor_id bigint, owner uuid, facts jsonb) returns integer
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(backup_prepared.cursor_id, backup_prepared.owner);
  repository integer := holdfast_private.save_repository(backup_prepared.facts);
  plan jsonb := (select r.plan from holdfast_private.runs r where r.id = c.run);
  sequence integer := holdfast_private.take_sequence(c.run, repository);
begin
  update holdfast_private.runs r
  set plan = r.plan || jsonb_build_object('location', holdfast_private.location_of(backup_prepared.facts)) where r.id = c.run;
  insert into holdfast_private.cursors (run, stage, bucket_id)
  select c.run, 'objects', bucket_id
  from holdfast_private.scan_buckets(holdfast_private.plan_scope(plan), repository) as bucket_id order by bucket_id;
  perform holdfast_private.finish_cursor(c.id, backup_prepared.owner);
  return sequence;
end
$$;
comment on function holdfast_private.backup_prepared(bigint, uuid, jsonb) is
  'Ends the prepare stage: records the repository, takes the run''s sequence, and divides the scan into cursors.';
