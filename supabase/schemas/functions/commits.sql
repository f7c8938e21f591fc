-- Commits a worker's results together with the cursor that produced them.

create function holdfast_private.add_counters(a jsonb, b jsonb) returns jsonb
  language sql immutable set search_path = ''
as $$
  select coalesce(jsonb_object_agg(key, total), '{}') from (
    select key, sum(value::numeric) as total
    from (select * from jsonb_each_text(a) union all select * from jsonb_each_text(b)) as each_side
    group by key) as totals
$$;
comment on function holdfast_private.add_counters(jsonb, jsonb) is 'Adds two sets of counters by name.';

create function holdfast_private.commit_cursor(cursor_id bigint, owner uuid, new_position jsonb, done jsonb)
  returns void language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(commit_cursor.cursor_id, commit_cursor.owner);
begin
  update holdfast_private.cursors
  set position = commit_cursor.new_position, attempts = 0, crashes = 0, isolation_mode = greatest(isolation_mode - 1, 0),
    committed_at = clock_timestamp(),
    counters = holdfast_private.add_counters(counters, commit_cursor.done),
    lease_expires_at = clock_timestamp() + make_interval(secs => holdfast_private.lease_seconds())
  where id = commit_cursor.cursor_id;
  -- This is the last statement, because workers block each other on the row of the day until they
  -- commit.
  perform holdfast_private.add_egress(c.run, commit_cursor.done);
end
$$;
comment on function holdfast_private.commit_cursor(bigint, uuid, jsonb, jsonb) is
  'Moves a cursor and adds to its counters. Call it in the transaction that records the results.';

create function holdfast_private.stage_after(kind text, stage text) returns text
  language sql immutable set search_path = ''
as $$
  select case kind || '.' || stage
    when 'backup.prepare' then 'missing' -- a project without a bucket: nothing to scan
    when 'backup.objects' then 'missing'
    when 'backup.missing' then 'close'
    when 'backup.close' then 'seal'
    when 'restore.prepare' then 'plan'
    when 'restore.import' then 'plan'
    when 'restore.buckets' then 'objects'
    when 'restore.objects' then 'finish'
  end
$$;
comment on function holdfast_private.stage_after(text, text) is
  'The stage that begins when every cursor of a run is finished; null if the run decides it.';

create function holdfast_private.finish_cursor(cursor_id bigint, owner uuid, done jsonb default '{}')
  returns void language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(finish_cursor.cursor_id, finish_cursor.owner);
  r holdfast_private.runs;
  last_stage text;
begin
  update holdfast_private.cursors
  set finished_at = clock_timestamp(), committed_at = clock_timestamp(), attempts = 0,
    counters = holdfast_private.add_counters(counters, finish_cursor.done),
    lease_owner = null, lease_expires_at = null
  where id = c.id;
  perform holdfast_private.add_egress(c.run, finish_cursor.done);
  -- With this lock, the last of several workers sees that it is the last.
  perform pg_advisory_xact_lock(hashtext('holdfast'), hashtext(c.run::text));
  if exists (select from holdfast_private.cursors cc where cc.run = c.run and cc.finished_at is null) then
    return;
  end if;
  select * into r from holdfast_private.runs where id = c.run;
  -- Uploads run in parallel to the scan, so the next stage follows from the stage of the scan.
  select cc.stage into last_stage from holdfast_private.cursors cc
  where cc.run = c.run and cc.stage <> 'upload' order by cc.id desc limit 1;
  insert into holdfast_private.cursors (run, stage)
  select c.run, next from holdfast_private.stage_after(r.kind, last_stage) as next where next is not null;
end
$$;
comment on function holdfast_private.finish_cursor(bigint, uuid, jsonb) is
  'Finishes a cursor. If it was the last of its run, the next stage begins in the same transaction.';

-- A worker continues from its last commit. After a restore of the database, or a failover to a standby
-- without the newest commits, the database may still have the worker's lease. The worker's next commit
-- would then skip the lost results.
create function holdfast_private.check_fencing_token(cursor_id bigint, committed_at text) returns boolean
  language plpgsql security definer set search_path = ''
as $$
begin
  -- A later commit than the worker knows is its own: the response to that commit was lost.
  if check_fencing_token.committed_at is not null and not exists (
    select from holdfast_private.cursors c
    where c.id = check_fencing_token.cursor_id and c.committed_at >= check_fencing_token.committed_at::timestamptz
  ) then
    raise exception 'lease_lost' using errcode = 'HF000',
      detail = format('Cursor %s is not where this slice left it: the database was put back.', check_fencing_token.cursor_id),
      hint = 'Nothing to do: the worker that leases it next goes on from where it is.';
  end if;
  return true;
end
$$;
comment on function holdfast_private.check_fencing_token(bigint, text) is
  'True if the last commit of a cursor is the one that the worker knows or a later one, or if the worker knows none. Otherwise it raises lease_lost.';

-- Must be volatile, to see the commit of the statement that calls it.
create function holdfast_private.committed_at(cursor_id bigint) returns text
  language sql volatile security definer set search_path = ''
as $$ select holdfast_private.utc(c.committed_at) from holdfast_private.cursors c where c.id = committed_at.cursor_id $$;
comment on function holdfast_private.committed_at(bigint) is
  'When a cursor was created or last moved, in UTC with microseconds; null if the cursor does not exist.';
