-- Derived from Holdfast's supabase/schemas, which is the place to read and to change.

set local check_function_bodies = off;

-- supabase/schemas/setup.sql

-- What every installation begins with.

insert into holdfast.settings (name, value, description) values
  ('buckets', 'null', 'Ids of the buckets to back up, as a list; null means all of them.'),
  ('include', '["**"]', 'Globs over bucket/name; an object must match one of them.'),
  ('exclude', '[]', 'Globs over bucket/name; an object that matches one is left out.'),
  ('max_object_bytes', 'null', 'Objects larger than this are left out; null means no limit.'),
  ('lanes', '2', 'How many slices may work at once.'),
  ('maximum_age_hours', 'null',
    'The tick starts a backup when the last snapshot is older than this; null means never.');

insert into holdfast.settings (name, value, description) values
  ('max_bytes_per_second', 'null',
    'Bytes that all lanes together read from Storage in a second, on average; null means no limit.'),
  ('max_requests_per_second', 'null',
    'Requests that all lanes together send to Storage in a second, on average; null means no limit.'),
  ('max_egress_bytes_per_day', 'null',
    'Bytes read from Storage in a day (UTC) after which a run pauses until the next; null means no limit.'),
  ('max_egress_bytes_per_month', 'null',
    'Bytes read from Storage in a month (UTC) after which a run pauses until the next; null means no limit.');

insert into holdfast.settings (name, value, description) values
  ('project_url', 'null', 'Internal: the project that this database served last.');

insert into holdfast.settings (name, value, description) values
  ('backup_waiting', 'null', 'Internal: since when a backup that came due waits for another run to end.');

-- The worker key continues runs that exist, and nothing else; it lives in Vault, for SQL to send.
do $$
declare
  key text := holdfast.create_key('worker', 'worker');
begin
  delete from vault.secrets where name = 'holdfast_worker_key';
  perform vault.create_secret(key, 'holdfast_worker_key', 'Holdfast: continues runs that exist');
end
$$;

-- supabase/schemas/grants.sql

-- The one list of who may call what. The schema is no API schema, and nobody but its owner and
-- holdfast_worker may use it. Postgres lets everybody execute a new function, and no default privilege
-- of one schema takes that back (they only add to the global ones): so it is taken back here.

revoke all on all functions in schema holdfast from public, anon, authenticated, service_role, holdfast_worker;
revoke all on all tables in schema holdfast from public, anon, authenticated, service_role, holdfast_worker;

-- What Edge Functions call. Each is security definer and checks what it is given.
grant execute on function
  holdfast.adopt_snapshot(integer,jsonb),
  holdfast.all_settings(),
  holdfast.backup_commit(bigint,uuid,jsonb,text,jsonb),
  holdfast.backup_forget(bigint,uuid,uuid,jsonb,integer),
  holdfast.backup_page(bigint,uuid,integer,integer),
  holdfast.backup_prepared(bigint,uuid,jsonb),
  holdfast.cancel_run(uuid,text,text),
  holdfast.close_page(bigint,uuid,integer),
  holdfast.commit_cursor(bigint,uuid,jsonb,jsonb),
  holdfast.committed_at(bigint),
  holdfast.enter_project(text),
  holdfast.expect_commit(bigint,text),
  holdfast.fail_run(bigint,uuid,text,text,text),
  holdfast.find_key(text),
  holdfast.finish_cursor(bigint,uuid,jsonb),
  holdfast.forget_uploads(bigint,uuid,jsonb,jsonb),
  holdfast.freeze_snapshot(bigint,uuid,text),
  holdfast.gone_commit(bigint,uuid,jsonb,jsonb,jsonb),
  holdfast.gone_page(bigint,uuid,integer),
  holdfast.heartbeat(bigint,uuid),
  holdfast.import_begin(bigint,uuid),
  holdfast.import_done(bigint,uuid),
  holdfast.import_forget(bigint,uuid,integer),
  holdfast.import_page(bigint,uuid,integer,jsonb,jsonb,jsonb),
  holdfast.import_record(bigint,uuid,jsonb,jsonb),
  holdfast.known_repository(uuid),
  holdfast.lease_cursor(uuid,text,uuid,numeric),
  holdfast.leave_cursor(bigint,uuid,numeric,text,text),
  holdfast.left_scratch_buckets(),
  holdfast.left_uploads(bigint,uuid,integer),
  holdfast.list_runs(integer,timestamp with time zone),
  holdfast.list_snapshots(integer),
  holdfast.may_read(bigint,uuid),
  holdfast.newest_snapshot_id(integer),
  holdfast.object_elsewhere(uuid),
  holdfast.object_now(text,text),
  holdfast.pause_cursor(bigint,uuid),
  holdfast.post_slice(uuid),
  holdfast.readable_objects(integer),
  holdfast.release_cursor(bigint,uuid,numeric),
  holdfast.repository_at(text,text,text),
  holdfast.repository_prepared(bigint,uuid,jsonb,text),
  holdfast.restore_asks(bigint,uuid,jsonb,jsonb),
  holdfast.restore_begin(bigint,uuid,jsonb),
  holdfast.restore_buckets(bigint,uuid),
  holdfast.restore_commit(bigint,uuid,jsonb,text,jsonb),
  holdfast.restore_count(bigint,uuid,integer,numeric),
  holdfast.restore_done(bigint,uuid),
  holdfast.restore_overwrites(bigint,uuid,text,text,text,boolean),
  holdfast.restore_page(bigint,uuid,integer),
  holdfast.restore_planned(bigint,uuid),
  holdfast.rival_would_collide(bigint,uuid),
  holdfast.seal_facts(bigint,uuid),
  holdfast.seal_page(bigint,uuid,integer),
  holdfast.seal_run(bigint,uuid,jsonb),
  holdfast.show_run(uuid,text),
  holdfast.snapshot_ids(integer,text,integer),
  holdfast.start_backup(text),
  holdfast.start_import(text,jsonb),
  holdfast.start_restore(jsonb,text),
  holdfast.storage_was_doubted(),
  holdfast.unknown_uploads(bigint,uuid,jsonb),
  holdfast.upload_begun(bigint,uuid,text),
  holdfast.upload_done(bigint,uuid,jsonb,jsonb),
  holdfast.upload_part_done(bigint,uuid,jsonb,jsonb),
  holdfast.upload_restart(bigint,uuid,jsonb,text,bigint),
  holdfast.upload_state(bigint,uuid)
  to holdfast_worker;
