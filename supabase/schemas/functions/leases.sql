-- Leases. Every write of a worker checks its lease and fails if the lease is lost. So a worker that
-- resumes after its lease expired cannot change anything.

create function holdfast_private.lease_seconds() returns integer
  language sql immutable set search_path = '' as $$ select 60 $$;
comment on function holdfast_private.lease_seconds() is
  'Seconds until a lease expires without a commit or heartbeat. It is longer than one page (5 s) or part may take.';

create function holdfast_private.page_objects() returns integer
  language sql immutable set search_path = '' as $$ select 500 $$;
comment on function holdfast_private.page_objects() is
  'Maximum number of objects in one commit. After two crashes, this many commits have one object each.';

create function holdfast_private.worker_limits(plan jsonb) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  -- Workers do not share their budgets: each uses only its share, even if the others are idle.
  select jsonb_build_object(
    'bytes_per_second', (holdfast_private.limit_setting('max_bytes_per_second') / holdfast_private.plan_workers(plan))::float,
    'requests_per_second', (holdfast_private.limit_setting('max_requests_per_second') / holdfast_private.plan_workers(plan))::float,
    'egress', holdfast_private.limit_setting('max_egress_bytes_per_day') is not null
      or holdfast_private.limit_setting('max_egress_bytes_per_month') is not null)
$$;
comment on function holdfast_private.worker_limits(jsonb) is
  'Read limits of one worker for Storage: its share of each setting, null for no limit; and whether egress is limited.';

create function holdfast_private.lease_cursor(owner uuid, function_name text, run uuid default null,
  isolate_seconds numeric default null)
  returns jsonb language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors;
  r holdfast_private.runs;
begin
  select runs.* into r from holdfast_private.runs
  where runs.state in ('running', 'sealing')
    and holdfast_private.function_of(runs.kind) = lease_cursor.function_name
    and (lease_cursor.run is null or runs.id = lease_cursor.run)
  for update;
  if not found or holdfast_private.is_paused(r) or holdfast_private.free_workers(r) <= 0 then
    return null;
  end if;
  perform holdfast_private.resume_run(r.id);
  select cc.* into c from holdfast_private.cursors cc
  where cc.run = r.id and cc.finished_at is null
    and (cc.lease_expires_at is null or cc.lease_expires_at <= clock_timestamp())
  order by cc.isolation_mode > 0 desc, cc.id limit 1 for update skip locked;
  if not found then
    return null;
  end if;
  -- A worker that ends without a crash clears its name, so a remaining name means a crash.
  c.crashes := c.crashes + (c.lease_owner is not null)::integer;
  if c.lease_owner is not null then
    -- The last heartbeat or commit set the expiry of the lease.
    perform holdfast_private.slice_killed(lease_cursor.function_name, extract(epoch from
      c.lease_expires_at - make_interval(secs => holdfast_private.lease_seconds()) - c.isolate_loaded_at));
  end if;
  if c.crashes >= 2 and c.isolation_mode = 0 then
    c.isolation_mode := holdfast_private.page_objects();
  end if;
  update holdfast_private.cursors cc
  set lease_owner = lease_cursor.owner, attempts = attempts + 1, crashes = c.crashes, isolation_mode = c.isolation_mode,
    lease_expires_at = clock_timestamp() + make_interval(secs => holdfast_private.lease_seconds()),
    isolate_loaded_at = clock_timestamp() - make_interval(secs => lease_cursor.isolate_seconds::float)
  where cc.id = c.id;
  return jsonb_build_object(
    'cursor', c.id, 'run', r.id, 'kind', r.kind, 'stage', c.stage, 'bucket_id', c.bucket_id,
    'position', c.position, 'attempts', c.attempts + 1, 'crashes', c.crashes, 'isolation_mode', c.isolation_mode > 0, 'plan', r.plan,
    'repository', r.repository, 'sequence', r.sequence, 'frozen', r.frozen,
    'started_at', holdfast_private.utc(r.started_at), 'limits', holdfast_private.worker_limits(r.plan),
    'slice_seconds', holdfast_private.slice_seconds(lease_cursor.function_name));
end
$$;
comment on function holdfast_private.lease_cursor(uuid, text, uuid, numeric) is
  'Leases one free cursor of a running run of this function to a worker in an isolate of this age. Null if no cursor is free, all workers are busy or the run is paused.';

create function holdfast_private.require_lease(cursor_id bigint, owner uuid) returns holdfast_private.cursors
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors;
begin
  -- Locks the run before its cursor, as the code that ends a run does. The opposite order would cause a
  -- deadlock.
  perform from holdfast_private.runs r
  where r.id = (select cc.run from holdfast_private.cursors cc where cc.id = require_lease.cursor_id)
    and r.state in ('running', 'sealing')
  for share;
  if found then
    select cc.* into c from holdfast_private.cursors cc
    where cc.id = require_lease.cursor_id and cc.lease_owner = require_lease.owner
      and cc.lease_expires_at > clock_timestamp() and cc.finished_at is null
    for update;
  end if;
  if not found then
    raise exception 'lease_lost' using errcode = 'HF000',
      detail = format('Cursor %s is no longer leased to this slice.', require_lease.cursor_id),
      hint = 'Nothing to do: what was not committed is done again by the worker that has it.';
  end if;
  return c;
end
$$;
comment on function holdfast_private.require_lease(bigint, uuid) is
  'The cursor, locked, if this worker still has its lease and its run is still running. Otherwise it raises lease_lost.';

create function holdfast_private.heartbeat(cursor_id bigint, owner uuid) returns void
  language plpgsql security definer set search_path = ''
as $$
begin
  perform holdfast_private.require_lease(heartbeat.cursor_id, heartbeat.owner);
  update holdfast_private.cursors
  set lease_expires_at = clock_timestamp() + make_interval(secs => holdfast_private.lease_seconds())
  where id = heartbeat.cursor_id;
end
$$;
comment on function holdfast_private.heartbeat(bigint, uuid) is 'Extends a lease during long work without a commit.';
