-- Leases. Every write of a worker names its lease and is refused when the lease is lost, so a worker that
-- wakes late can do no harm.

create function holdfast_private.lease_seconds() returns integer
  language sql immutable set search_path = '' as $$ select 60 $$;
comment on function holdfast_private.lease_seconds() is
  'How long a lease lives without a commit or heartbeat: longer than one page (5 s) or part may take.';

create function holdfast_private.page_objects() returns integer
  language sql immutable set search_path = '' as $$ select 500 $$;
comment on function holdfast_private.page_objects() is
  'The most objects that one commit is of; after two crashes, so many commits are of one object each.';

create function holdfast_private.worker_limits(plan jsonb) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  -- Workers know nothing of each other: each keeps to its part, though the others may be idle.
  select jsonb_build_object(
    'bytes_per_second', (holdfast_private.limit_setting('max_bytes_per_second') / holdfast_private.plan_workers(plan))::float,
    'requests_per_second', (holdfast_private.limit_setting('max_requests_per_second') / holdfast_private.plan_workers(plan))::float,
    'egress', holdfast_private.limit_setting('max_egress_bytes_per_day') is not null
      or holdfast_private.limit_setting('max_egress_bytes_per_month') is not null)
$$;
comment on function holdfast_private.worker_limits(jsonb) is
  'What one worker may read from Storage: its part of what is set, null for no limit; and whether egress is limited.';

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
  -- A worker that ends in any other way gives up its name.
  c.crashes := c.crashes + (c.lease_owner is not null)::integer;
  if c.lease_owner is not null then
    -- The last that was heard of it prolonged the lease.
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
  'Leases one free cursor of a running run of this function, to a worker in an isolate of this age; null where none is free, all workers are busy or the run is paused.';

create function holdfast_private.require_lease(cursor_id bigint, owner uuid) returns holdfast_private.cursors
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors;
begin
  -- The run before its cursor, as whoever ends a run does: the other way round they would deadlock.
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
  'The cursor, locked, if this worker still holds it and its run still runs; else raises lease_lost.';

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
comment on function holdfast_private.heartbeat(bigint, uuid) is 'Keeps a lease during long work that commits nothing yet.';
