-- Who may do what: nobody but the owner, and holdfast_worker what the Edge Functions call. No function
-- that is not in this list is the worker's.

do $$
declare
  grantee name;
begin
  -- Whoever may not use the schema reaches nothing in it, whatever is granted on what comes later. A
  -- project's own default privileges may have given it away when it was made.
  for grantee in
    select a.rolname from pg_catalog.pg_namespace n
      cross join lateral aclexplode(n.nspacl) as g join pg_catalog.pg_roles a on a.oid = g.grantee
    where n.nspname = 'holdfast' and g.grantee not in (n.nspowner, 'holdfast_worker'::regrole)
  loop
    execute format('revoke all on schema holdfast from %I', grantee);
  end loop;
end
$$;
revoke all on schema holdfast from public;

-- Default privileges can't do this: those of one schema are added to those of the database, and what
-- the database gives to public by default is taken back only object by object, or for all schemas.
revoke all on all tables in schema holdfast from public, anon, authenticated, service_role;
revoke all on all sequences in schema holdfast from public, anon, authenticated, service_role;
revoke all on all functions in schema holdfast from public, anon, authenticated, service_role;

grant usage on schema holdfast to holdfast_worker;
grant execute on function
  -- settings.sql
  holdfast.all_settings(),
  -- keys.sql
  holdfast.find_key(text),
  -- repositories.sql
  holdfast.known_repository(uuid),
  holdfast.repository_at(text, text, text),
  -- runs.sql
  holdfast.fail_run(bigint, uuid, text, text, text),
  holdfast.cancel_run(uuid, text, text),
  -- posts.sql
  holdfast.post_slice(uuid),
  -- leases.sql
  holdfast.lease_cursor(uuid, text, uuid, numeric),
  holdfast.heartbeat(bigint, uuid),
  -- releases.sql
  holdfast.release_cursor(bigint, uuid, numeric),
  holdfast.pause_cursor(bigint, uuid),
  holdfast.may_read(bigint, uuid),
  holdfast.leave_cursor(bigint, uuid, numeric, text, text),
  -- commits.sql
  holdfast.commit_cursor(bigint, uuid, jsonb, jsonb),
  holdfast.finish_cursor(bigint, uuid, jsonb),
  holdfast.expect_commit(bigint, text),
  holdfast.committed_at(bigint),
  -- project.sql
  holdfast.enter_project(text),
  -- backup_start.sql
  holdfast.start_backup(text),
  holdfast.backup_forget(bigint, uuid, uuid, jsonb, integer),
  holdfast.backup_prepared(bigint, uuid, jsonb),
  -- backup_sweep.sql
  holdfast.backup_page(bigint, uuid, integer, integer),
  -- backup_commit.sql
  holdfast.backup_commit(bigint, uuid, jsonb, text, jsonb),
  holdfast.object_elsewhere(uuid),
  holdfast.readable_objects(integer),
  holdfast.storage_was_doubted(),
  -- gone_names.sql
  holdfast.gone_page(bigint, uuid, integer),
  holdfast.gone_commit(bigint, uuid, jsonb, jsonb, jsonb),
  holdfast.close_page(bigint, uuid, integer),
  -- uploads.sql
  holdfast.upload_state(bigint, uuid),
  holdfast.upload_begun(bigint, uuid, text),
  holdfast.upload_part_done(bigint, uuid, jsonb, jsonb),
  holdfast.upload_restart(bigint, uuid, jsonb, text, bigint),
  holdfast.upload_done(bigint, uuid, jsonb, jsonb),
  holdfast.left_uploads(bigint, uuid, integer),
  holdfast.unknown_uploads(bigint, uuid, jsonb),
  holdfast.forget_uploads(bigint, uuid, jsonb, jsonb),
  holdfast.object_now(text, text),
  -- snapshots.sql
  holdfast.newest_snapshot_id(integer),
  holdfast.adopt_snapshot(integer, jsonb),
  holdfast.snapshot_ids(integer, text, integer),
  holdfast.list_snapshots(integer),
  -- listings.sql
  holdfast.seal_page(bigint, uuid, integer),
  -- seal.sql
  holdfast.seal_facts(bigint, uuid),
  holdfast.rival_would_collide(bigint, uuid),
  holdfast.freeze_snapshot(bigint, uuid, text),
  holdfast.seal_run(bigint, uuid, jsonb),
  -- forget_unsealed.sql
  holdfast.import_forget(bigint, uuid, integer),
  -- import.sql
  holdfast.start_import(text, jsonb),
  holdfast.repository_prepared(bigint, uuid, jsonb, text),
  holdfast.import_begin(bigint, uuid),
  holdfast.import_page(bigint, uuid, integer, jsonb, jsonb, jsonb),
  holdfast.import_record(bigint, uuid, jsonb, jsonb),
  holdfast.import_done(bigint, uuid),
  -- restore_plan.sql
  holdfast.start_restore(jsonb, text),
  holdfast.restore_count(bigint, uuid, integer, numeric),
  holdfast.restore_planned(bigint, uuid),
  -- restore_buckets.sql
  holdfast.restore_asks(bigint, uuid, jsonb, jsonb),
  holdfast.restore_buckets(bigint, uuid),
  holdfast.restore_begin(bigint, uuid, jsonb),
  holdfast.left_scratch_buckets(),
  -- restore_overwrites.sql
  holdfast.restore_overwrites(bigint, uuid, text, text, text, boolean),
  -- restore_pages.sql
  holdfast.restore_page(bigint, uuid, integer),
  holdfast.restore_commit(bigint, uuid, jsonb, text, jsonb),
  holdfast.restore_done(bigint, uuid),
  -- run_reports.sql
  holdfast.list_runs(integer, timestamptz),
  holdfast.show_run(uuid, text)
to holdfast_worker;
