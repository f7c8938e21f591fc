-- Leases of cursors: who works, until when, and the fence that refuses a worker that lost its
-- lease.

-- The engine: start, lease, commit, finish, end. Every write of a lane names its lease and is
-- refused when the lease is lost, so a lane that wakes late can do no harm.
create function holdfast.lease_seconds() returns integer
  language sql immutable set search_path = '' as $$ select 60 $$;
comment on function holdfast.lease_seconds() is
  'How long a lease lives without a commit or heartbeat: longer than one page (5 s) or part may take.';

create function holdfast.page_objects() returns integer
  language sql immutable set search_path = '' as $$ select 500 $$;
comment on function holdfast.page_objects() is
  'The most objects that one commit is of; after two deaths, so many commits are of one object each.';

create function holdfast.free_lanes(r holdfast.runs) returns integer
  language sql stable security definer set search_path = ''
as $$
  -- What kills its lane kills all lanes in its isolate: which object it is can be found out only alone.
  select case when coalesce(max(c.careful), 0) > 0 then 1 else holdfast.plan_lanes((free_lanes.r).plan) end
    - count(*) filter (where c.lease_expires_at > clock_timestamp())
  from holdfast.cursors c where c.run = (free_lanes.r).id and c.finished_at is null
$$;
comment on function holdfast.free_lanes(holdfast.runs) is
  'How many more lanes may work on a run; while a cursor is careful, there is one lane.';

create function holdfast.lease_cursor(owner uuid, function_name text, run uuid default null,
  isolate_seconds numeric default null)
  returns jsonb language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors;
  r holdfast.runs;
begin
  select runs.* into r from holdfast.runs
  where runs.state in ('running', 'sealing')
    and holdfast.function_of(runs.kind) = lease_cursor.function_name
    and (lease_cursor.run is null or runs.id = lease_cursor.run)
  for update;
  if not found or holdfast.is_paused(r) or holdfast.free_lanes(r) <= 0 then
    return null;
  end if;
  perform holdfast.resume_run(r.id);
  select cc.* into c from holdfast.cursors cc
  where cc.run = r.id and cc.finished_at is null
    and (cc.lease_expires_at is null or cc.lease_expires_at <= clock_timestamp())
  order by cc.careful > 0 desc, cc.id limit 1 for update skip locked;
  if not found then
    return null;
  end if;
  -- A lane that ends in any other way gives up its name.
  c.deaths := c.deaths + (c.lease_owner is not null)::integer;
  if c.lease_owner is not null then
    -- The last that was heard of it prolonged the lease.
    perform holdfast.slice_killed(lease_cursor.function_name, extract(epoch from
      c.lease_expires_at - make_interval(secs => holdfast.lease_seconds()) - c.isolate_loaded_at));
  end if;
  if c.deaths >= 2 and c.careful = 0 then
    c.careful := holdfast.page_objects();
  end if;
  update holdfast.cursors cc
  set lease_owner = lease_cursor.owner, attempts = attempts + 1, deaths = c.deaths, careful = c.careful,
    lease_expires_at = clock_timestamp() + make_interval(secs => holdfast.lease_seconds()),
    isolate_loaded_at = clock_timestamp() - make_interval(secs => lease_cursor.isolate_seconds::float)
  where cc.id = c.id;
  return jsonb_build_object(
    'cursor', c.id, 'run', r.id, 'kind', r.kind, 'stage', c.stage, 'bucket_id', c.bucket_id,
    'position', c.position, 'attempts', c.attempts + 1, 'deaths', c.deaths, 'careful', c.careful > 0, 'plan', r.plan,
    'repository', r.repository, 'sequence', r.sequence, 'frozen', r.frozen,
    'started_at', holdfast.utc(r.started_at), 'limits', holdfast.lane_limits(r.plan),
    'slice_seconds', holdfast.slice_seconds(lease_cursor.function_name));
end
$$;
comment on function holdfast.lease_cursor(uuid, text, uuid, numeric) is
  'Leases one free cursor of a running run of this function, to a lane in an isolate of this age; null where none is free, all lanes are busy or the run is paused.';

create function holdfast.require_lease(cursor_id bigint, owner uuid) returns holdfast.cursors
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors;
begin
  -- The run before its cursor, as whoever ends a run does: the other way round they would deadlock.
  perform from holdfast.runs r
  where r.id = (select cc.run from holdfast.cursors cc where cc.id = require_lease.cursor_id)
    and r.state in ('running', 'sealing')
  for share;
  if found then
    select cc.* into c from holdfast.cursors cc
    where cc.id = require_lease.cursor_id and cc.lease_owner = require_lease.owner
      and cc.lease_expires_at > clock_timestamp() and cc.finished_at is null
    for update;
  end if;
  if not found then
    raise exception 'lease_lost' using errcode = 'HF000',
      detail = format('Cursor %s is no longer leased to this slice.', require_lease.cursor_id),
      hint = 'Nothing to do: what was not committed is done again by the lane that has it.';
  end if;
  return c;
end
$$;
comment on function holdfast.require_lease(bigint, uuid) is
  'The cursor, locked, if this lane still holds it and its run still runs; else raises lease_lost.';

create function holdfast.heartbeat(cursor_id bigint, owner uuid) returns void
  language plpgsql security definer set search_path = ''
as $$
begin
  perform holdfast.require_lease(heartbeat.cursor_id, heartbeat.owner);
  update holdfast.cursors
  set lease_expires_at = clock_timestamp() + make_interval(secs => holdfast.lease_seconds())
  where id = heartbeat.cursor_id;
end
$$;
comment on function holdfast.heartbeat(bigint, uuid) is 'Keeps a lease during long work that commits nothing yet.';

create function holdfast.release_cursor(cursor_id bigint, owner uuid, rest_seconds numeric default 0) returns boolean
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(release_cursor.cursor_id, release_cursor.owner);
begin
  -- A lane that rests keeps its place, so that no other reads in its stead.
  update holdfast.cursors set lease_owner = null, attempts = greatest(attempts - 1, 0),
    lease_expires_at = case when release_cursor.rest_seconds > 0
      then clock_timestamp() + make_interval(secs => release_cursor.rest_seconds::float) end
  where id = c.id;
  perform holdfast.slice_survived((select holdfast.function_of(r.kind) from holdfast.runs r where r.id = c.run),
    extract(epoch from clock_timestamp() - c.isolate_loaded_at));
  return release_cursor.rest_seconds <= 0 and holdfast.post_slice(c.run);
end
$$;
comment on function holdfast.release_cursor(bigint, uuid, numeric) is
  'Gives a cursor back with work left in it, which is not a death, and asks for the next slice in the same transaction; or lets the lane rest so long that what it read comes to no more than it may, and leaves it to the tick.';

create function holdfast.leave_cursor(cursor_id bigint, owner uuid, retry_seconds numeric default null,
  code text default null, message text default null)
  returns void language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors;
begin
  -- The run before its cursor and for update, as in fail_run.
  perform from holdfast.runs r
  where r.id = (select cc.run from holdfast.cursors cc where cc.id = leave_cursor.cursor_id) for update;
  c := holdfast.require_lease(leave_cursor.cursor_id, leave_cursor.owner);
  update holdfast.cursors set lease_owner = null where id = c.id;
  if leave_cursor.retry_seconds > 0 then
    perform holdfast.pause_run(c.run, clock_timestamp()
        + least(make_interval(secs => leave_cursor.retry_seconds::float), holdfast.longest_wait()),
      leave_cursor.code, leave_cursor.message);
  end if;
end
$$;
comment on function holdfast.leave_cursor(bigint, uuid, numeric, text, text) is
  'Leaves a cursor until its lease runs out, after a failure that may pass: it is no death, and nobody tries again at once. Where a server said for how long it wants to be left alone, no lane asks it before.';

-- A lane remembers what it committed last, and goes on from there. A database that was put back to an
-- earlier moment, or a standby that took over without the newest commits, may still know the lane's
-- lease; what the lane committed next would then leave out what lies between.
create function holdfast.expect_commit(cursor_id bigint, committed_at text) returns boolean
  language plpgsql security definer set search_path = ''
as $$
begin
  -- A later one than the lane knows of is its own: a commit whose answer was lost.
  if expect_commit.committed_at is not null and not exists (
    select from holdfast.cursors c
    where c.id = expect_commit.cursor_id and c.committed_at >= expect_commit.committed_at::timestamptz
  ) then
    raise exception 'lease_lost' using errcode = 'HF000',
      detail = format('Cursor %s is not where this slice left it: the database was put back.', expect_commit.cursor_id),
      hint = 'Nothing to do: the lane that leases it next goes on from where it is.';
  end if;
  return true;
end
$$;
comment on function holdfast.expect_commit(bigint, text) is
  'True where the last commit of a cursor is the one that the lane knows of or a later one, or it knows of none; else raises lease_lost.';

-- Volatile, so that it sees what the statement that calls it has just committed to.
create function holdfast.committed_at(cursor_id bigint) returns text
  language sql volatile security definer set search_path = ''
as $$ select holdfast.utc(c.committed_at) from holdfast.cursors c where c.id = committed_at.cursor_id $$;
comment on function holdfast.committed_at(bigint) is
  'When a cursor was made or last moved, in UTC to the microsecond; null where there is none.';
