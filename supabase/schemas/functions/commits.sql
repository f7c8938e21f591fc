-- What a worker has done: committed with the cursor that did it.

create function holdfast_private.add_counters(a jsonb, b jsonb) returns jsonb
  language sql immutable set search_path = ''
as $$
  select coalesce(jsonb_object_agg(key, total), '{}') from (
    select key, sum(value::numeric) as total
    from (select * from jsonb_each_text(a) union all select * from jsonb_each_text(b)) as each_side
    group by key) as totals
$$;
comment on function holdfast_private.add_counters(jsonb, jsonb) is 'Adds two sets of counters, name by name.';

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
  -- Last of all: workers wait for each other at the day's row until they have committed.
  perform holdfast_private.add_egress(c.run, commit_cursor.done);
end
$$;
comment on function holdfast_private.commit_cursor(bigint, uuid, jsonb, jsonb) is
  'Moves a cursor and adds to its counters; called in the transaction that records what was done.';

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
  'The stage that begins when every cursor of a run is finished; null where the run decides itself.';

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
  -- The lock makes the last of several workers see that it is the last.
  perform pg_advisory_xact_lock(hashtext('holdfast'), hashtext(c.run::text));
  if exists (select from holdfast_private.cursors cc where cc.run = c.run and cc.finished_at is null) then
    return;
  end if;
  select * into r from holdfast_private.runs where id = c.run;
  -- Uploads run beside the stage that met them; the stage to follow is the scan's.
  select cc.stage into last_stage from holdfast_private.cursors cc
  where cc.run = c.run and cc.stage <> 'upload' order by cc.id desc limit 1;
  insert into holdfast_private.cursors (run, stage)
  select c.run, next from holdfast_private.stage_after(r.kind, last_stage) as next where next is not null;
end
$$;
comment on function holdfast_private.finish_cursor(bigint, uuid, jsonb) is
  'Ends a cursor; when it was the run''s last, the next stage begins in the same transaction.';

-- A worker remembers what it committed last, and goes on from there. A database that was put back to an
-- earlier moment, or a standby that took over without the newest commits, may still know the worker's
-- lease; what the worker committed next would then leave out what lies between.
create function holdfast_private.check_fencing_token(cursor_id bigint, committed_at text) returns boolean
  language plpgsql security definer set search_path = ''
as $$
begin
  -- A later one than the worker knows of is its own: a commit whose answer was lost.
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
  'True where the last commit of a cursor is the one that the worker knows of or a later one, or it knows of none; else raises lease_lost.';

-- Volatile, so that it sees what the statement that calls it has just committed to.
create function holdfast_private.committed_at(cursor_id bigint) returns text
  language sql volatile security definer set search_path = ''
as $$ select holdfast_private.utc(c.committed_at) from holdfast_private.cursors c where c.id = committed_at.cursor_id $$;
comment on function holdfast_private.committed_at(bigint) is
  'When a cursor was made or last moved, in UTC to the microsecond; null where there is none.';
