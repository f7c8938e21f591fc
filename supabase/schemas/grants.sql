-- All privileges. Only the owner and holdfast_worker have any; holdfast_worker may execute the functions
-- that the Edge Functions call. It cannot execute a function that is not in this list.

do $$
declare
  granted record;
begin
  -- Without USAGE on a schema, a role cannot reach any object in it, even if it has privileges on the
  -- object. Default privileges of the project may have granted USAGE when the schema was created.
  for granted in
    select n.nspname as schema, a.rolname as grantee from pg_catalog.pg_namespace n
      cross join lateral aclexplode(n.nspacl) as g join pg_catalog.pg_roles a on a.oid = g.grantee
    where n.nspname in ('holdfast', 'holdfast_private') and g.grantee <> n.nspowner
  loop
    execute format('revoke all on schema %I from %I', granted.schema, granted.grantee);
  end loop;
end
$$;
revoke all on schema holdfast, holdfast_private from public;

-- Default privileges cannot do this. Those of one schema only add to those of the database. The
-- privileges that public has by default can be revoked only per object, or for all schemas.
revoke all on all tables in schema holdfast, holdfast_private from public, anon, authenticated, service_role;
revoke all on all sequences in schema holdfast, holdfast_private from public, anon, authenticated, service_role;
revoke all on all functions in schema holdfast, holdfast_private from public, anon, authenticated, service_role;

grant usage on schema holdfast_private to holdfast_worker;
grant execute on function
  -- settings.sql
  holdfast_private.all_settings(),
  -- keys.sql
  holdfast_private.find_key(text),
  -- repositories.sql
  holdfast_private.known_repository(uuid),
  holdfast_private.repository_at(text, text, text),
  -- runs.sql
  holdfast_private.fail_run(bigint, uuid, text, text, text),
  holdfast_private.cancel_run(uuid, text, text),
  -- posts.sql
  holdfast_private.post_slice(uuid),
  -- leases.sql
  holdfast_private.lease_cursor(uuid, text, uuid, numeric),
  holdfast_private.heartbeat(bigint, uuid),
  -- releases.sql
  holdfast_private.release_cursor(bigint, uuid, numeric),
  holdfast_private.pause_cursor(bigint, uuid),
  holdfast_private.may_read(bigint, uuid),
  holdfast_private.leave_cursor(bigint, uuid, numeric, text, text),
  -- commits.sql
  holdfast_private.commit_cursor(bigint, uuid, jsonb, jsonb),
  holdfast_private.finish_cursor(bigint, uuid, jsonb),
  holdfast_private.check_fencing_token(bigint, text),
  holdfast_private.committed_at(bigint),
  -- project.sql
  holdfast_private.bind_project(text),
  -- backup_start.sql
  holdfast_private.start_backup(text),
  holdfast_private.backup_rollback(bigint, uuid, uuid, jsonb, integer),
  holdfast_private.backup_prepared(bigint, uuid, jsonb),
  -- backup_scan.sql
  holdfast_private.backup_page(bigint, uuid, integer, integer),
  -- backup_commit.sql
  holdfast_private.backup_commit(bigint, uuid, jsonb, text, jsonb),
  holdfast_private.find_object_by_id(uuid),
  holdfast_private.readable_objects(integer),
  holdfast_private.has_storage_failure(),
  -- missing_names.sql
  holdfast_private.missing_page(bigint, uuid, integer),
  holdfast_private.missing_commit(bigint, uuid, jsonb, jsonb, jsonb),
  holdfast_private.close_page(bigint, uuid, integer),
  -- uploads.sql
  holdfast_private.upload_state(bigint, uuid),
  holdfast_private.upload_begun(bigint, uuid, text),
  holdfast_private.upload_part_done(bigint, uuid, jsonb, jsonb),
  holdfast_private.upload_restart(bigint, uuid, jsonb, text, bigint),
  holdfast_private.upload_done(bigint, uuid, jsonb, jsonb),
  holdfast_private.orphaned_uploads(bigint, uuid, integer),
  holdfast_private.unknown_uploads(bigint, uuid, jsonb),
  holdfast_private.remove_uploads(bigint, uuid, jsonb, jsonb),
  holdfast_private.object_now(text, text),
  -- snapshots.sql
  holdfast_private.newest_snapshot_id(integer),
  holdfast_private.recover_unconfirmed_snapshot(integer, jsonb),
  holdfast_private.snapshot_ids(integer, text, integer),
  holdfast_private.list_snapshots(integer),
  -- listings.sql
  holdfast_private.seal_page(bigint, uuid, integer),
  -- seal.sql
  holdfast_private.seal_count(bigint, uuid, integer),
  holdfast_private.seal_facts(bigint, uuid),
  holdfast_private.is_next_log_record(bigint, uuid),
  holdfast_private.freeze_snapshot(bigint, uuid, text),
  holdfast_private.seal_run(bigint, uuid, jsonb),
  -- rollback_unsealed.sql
  holdfast_private.import_rollback(bigint, uuid, integer),
  -- import.sql
  holdfast_private.start_import(text, jsonb),
  holdfast_private.repository_prepared(bigint, uuid, jsonb, text),
  holdfast_private.import_begin(bigint, uuid),
  holdfast_private.import_page(bigint, uuid, integer, jsonb, jsonb),
  holdfast_private.import_close(bigint, uuid, integer, jsonb, integer),
  holdfast_private.import_record(bigint, uuid, jsonb, jsonb),
  holdfast_private.import_done(bigint, uuid),
  -- restore_plan.sql
  holdfast_private.start_restore(jsonb, text),
  holdfast_private.restore_count(bigint, uuid, integer, numeric),
  holdfast_private.restore_planned(bigint, uuid),
  -- restore_buckets.sql
  holdfast_private.record_bucket_intent(bigint, uuid, jsonb, jsonb),
  holdfast_private.restore_buckets(bigint, uuid),
  holdfast_private.restore_begin(bigint, uuid, jsonb),
  holdfast_private.orphaned_scratch_buckets(),
  -- restore_overwrites.sql
  holdfast_private.restore_overwrites(bigint, uuid, text, text, text, boolean),
  -- restore_pages.sql
  holdfast_private.restore_page(bigint, uuid, integer),
  holdfast_private.restore_commit(bigint, uuid, jsonb, text, jsonb),
  holdfast_private.restore_done(bigint, uuid),
  -- run_reports.sql
  holdfast_private.list_runs(integer, timestamptz),
  holdfast_private.show_run(uuid, text)
to holdfast_worker;
