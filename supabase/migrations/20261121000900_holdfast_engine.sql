-- The engine: start, lease, commit, finish, end. Every write of a lane names its lease and is
-- refused when the lease is lost, so a lane that wakes late can do no harm.

create function holdfast.lease_seconds() returns integer
  language sql immutable set search_path = '' as $$ select 60 $$;
comment on function holdfast.lease_seconds() is
  'How long a lease lives without a commit or heartbeat: longer than one page (5 s) or part may take.';

create function holdfast.function_of(kind text) returns text
  language sql immutable set search_path = ''
as $$ select case when kind = 'restore' then 'holdfast-restore' else 'holdfast-backup' end $$;
comment on function holdfast.function_of(text) is 'The Edge Function that works on a kind of run.';

create function holdfast.start_run(kind text, plan jsonb, started_by text) returns uuid
  language plpgsql security definer set search_path = ''
as $$
declare
  other holdfast.runs;
  id uuid;
begin
  -- Two starts at once must not both see nothing running. Two-int form: Storage uses the other one.
  perform pg_advisory_xact_lock(hashtext('holdfast'), hashtext('start_run'));
  -- A restore and a backup would write the same entries under two sequences.
  select * into other from holdfast.runs r where r.state in ('running', 'sealing') limit 1;
  if found then
    raise exception 'run_in_progress' using errcode = 'HF000',
      detail = format('A %s is running: %s.', other.kind, other.id)
        || case when holdfast.is_paused(other)
          then format(' It is paused until %s: %s', holdfast.utc(other.paused_until), other.paused_message) else '' end,
      hint = format('Wait for it, or end it: select holdfast.cancel_run(%L).', other.id);
  end if;
  insert into holdfast.runs (kind, plan, started_by)
  values (start_run.kind, start_run.plan, start_run.started_by) returning runs.id into id;
  insert into holdfast.cursors (run, stage) values (id, 'prepare');
  perform holdfast.ensure_tick();
  perform holdfast.record_audit(start_run.started_by, start_run.kind || '.start', jsonb_build_object('run', id));
  return id;
end
$$;
comment on function holdfast.start_run(text, jsonb, text) is
  'Starts a run and returns its id; raises run_in_progress, which names the run that is in the way.';

create function holdfast.plan_lanes(plan jsonb) returns integer
  language sql immutable set search_path = ''
as $$
  -- A wrong value must not stop the slice that will report it.
  select case when plan #>> '{settings,lanes}' ~ '^[1-9][0-9]?$'
    then (plan #>> '{settings,lanes}')::integer else 2 end
$$;
comment on function holdfast.plan_lanes(jsonb) is 'How many slices may work on a run at once.';

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

create function holdfast.lane_limits(plan jsonb) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  -- Lanes know nothing of each other: each keeps to its part, though the others may be idle.
  select jsonb_build_object(
    'bytes_per_second', (holdfast.limit_setting('max_bytes_per_second') / holdfast.plan_lanes(plan))::float,
    'requests_per_second', (holdfast.limit_setting('max_requests_per_second') / holdfast.plan_lanes(plan))::float,
    'egress', holdfast.limit_setting('max_egress_bytes_per_day') is not null
      or holdfast.limit_setting('max_egress_bytes_per_month') is not null)
$$;
comment on function holdfast.lane_limits(jsonb) is
  'What one lane may read from Storage: its part of what is set, null for no limit; and whether egress is limited.';

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

create function holdfast.add_counters(a jsonb, b jsonb) returns jsonb
  language sql immutable set search_path = ''
as $$
  select coalesce(jsonb_object_agg(key, total), '{}') from (
    select key, sum(value::numeric) as total
    from (select * from jsonb_each_text(a) union all select * from jsonb_each_text(b)) as each_side
    group by key) as totals
$$;
comment on function holdfast.add_counters(jsonb, jsonb) is 'Adds two sets of counters, name by name.';

create function holdfast.commit_cursor(cursor_id bigint, owner uuid, new_position jsonb, done jsonb)
  returns void language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(commit_cursor.cursor_id, commit_cursor.owner);
begin
  update holdfast.cursors
  set position = commit_cursor.new_position, attempts = 0, deaths = 0, careful = greatest(careful - 1, 0),
    committed_at = clock_timestamp(),
    counters = holdfast.add_counters(counters, commit_cursor.done),
    lease_expires_at = clock_timestamp() + make_interval(secs => holdfast.lease_seconds())
  where id = commit_cursor.cursor_id;
  -- Last of all: lanes wait for each other at the day's row until they have committed.
  perform holdfast.add_egress(c.run, commit_cursor.done);
end
$$;
comment on function holdfast.commit_cursor(bigint, uuid, jsonb, jsonb) is
  'Moves a cursor and adds to its counters; called in the transaction that records what was done.';

create function holdfast.stage_after(kind text, stage text) returns text
  language sql immutable set search_path = ''
as $$
  select case kind || '.' || stage
    when 'backup.prepare' then 'gone' -- a project without a bucket: nothing to sweep
    when 'backup.objects' then 'gone'
    when 'backup.gone' then 'close'
    when 'backup.close' then 'seal'
    when 'restore.prepare' then 'plan'
    when 'restore.import' then 'plan'
    when 'restore.buckets' then 'objects'
    when 'restore.objects' then 'finish'
  end
$$;
comment on function holdfast.stage_after(text, text) is
  'The stage that begins when every cursor of a run is finished; null where the run decides itself.';

create function holdfast.finish_cursor(cursor_id bigint, owner uuid, done jsonb default '{}')
  returns void language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(finish_cursor.cursor_id, finish_cursor.owner);
  r holdfast.runs;
  last_stage text;
begin
  update holdfast.cursors
  set finished_at = clock_timestamp(), committed_at = clock_timestamp(), attempts = 0,
    counters = holdfast.add_counters(counters, finish_cursor.done),
    lease_owner = null, lease_expires_at = null
  where id = c.id;
  perform holdfast.add_egress(c.run, finish_cursor.done);
  -- The lock makes the last of several lanes see that it is the last.
  perform pg_advisory_xact_lock(hashtext('holdfast'), hashtext(c.run::text));
  if exists (select from holdfast.cursors cc where cc.run = c.run and cc.finished_at is null) then
    return;
  end if;
  select * into r from holdfast.runs where id = c.run;
  -- Uploads run beside the stage that met them; the stage to follow is the sweep's.
  select cc.stage into last_stage from holdfast.cursors cc
  where cc.run = c.run and cc.stage <> 'upload' order by cc.id desc limit 1;
  insert into holdfast.cursors (run, stage)
  select c.run, next from holdfast.stage_after(r.kind, last_stage) as next where next is not null;
end
$$;
comment on function holdfast.finish_cursor(bigint, uuid, jsonb) is
  'Ends a cursor; when it was the run''s last, the next stage begins in the same transaction.';

create function holdfast.post_work(function_name text, body jsonb) returns boolean
  language plpgsql security definer set search_path = ''
as $$
declare
  url text := (select decrypted_secret from vault.decrypted_secrets where name = 'holdfast_project_url');
  key text := (select decrypted_secret from vault.decrypted_secrets where name = 'holdfast_worker_key');
begin
  if url is null or key is null then
    return false;
  end if;
  perform net.http_post(
    url := rtrim(url, '/') || '/functions/v1/' || post_work.function_name || '/work',
    body := post_work.body,
    params := '{}'::jsonb,
    headers := jsonb_build_object('Content-Type', 'application/json', 'apikey', key),
    timeout_milliseconds := 5000);
  return true;
end
$$;
comment on function holdfast.post_work(text, jsonb) is
  'Asks a function for work over HTTP, once this transaction commits; false where the URL is not in Vault.';

create function holdfast.post_slice(run_id uuid) returns boolean
  language sql security definer set search_path = ''
as $$
  select coalesce((
    select holdfast.post_work(holdfast.function_of(r.kind), jsonb_build_object('run', r.id))
    from holdfast.runs r
    where r.id = post_slice.run_id and r.state in ('running', 'sealing') and not holdfast.is_paused(r)), false)
$$;
comment on function holdfast.post_slice(uuid) is
  'Asks for a slice of a run over HTTP, once this transaction commits; false where the URL is not in Vault, or the run is paused.';

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

create function holdfast.pause_cursor(cursor_id bigint, owner uuid) returns jsonb
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors;
  reached record;
  news boolean := false;
begin
  -- The run first, for update: two lanes that find the limit at once must not wait for each other.
  perform from holdfast.runs r
  where r.id = (select cc.run from holdfast.cursors cc where cc.id = pause_cursor.cursor_id) for update;
  c := holdfast.require_lease(pause_cursor.cursor_id, pause_cursor.owner);
  select * into reached from holdfast.egress_limit_reached();
  if reached.setting is not null then
    news := holdfast.pause_run(c.run, reached.until, 'paused_by_limit', format(
      '%s is reached: %s of %s bytes were read from Storage.', reached.setting, reached.used, reached.allowed));
  end if;
  perform holdfast.release_cursor(c.id, pause_cursor.owner);
  return jsonb_build_object('news', news) || coalesce(
    (select holdfast.pause_summary(r) from holdfast.runs r where r.id = c.run), '{}');
end
$$;
comment on function holdfast.pause_cursor(bigint, uuid) is
  'Gives a cursor back and pauses its run until the window of the limit turns that is reached; where none is any more, it goes on. Returns until when and why, and whether that is news.';

create function holdfast.may_read(cursor_id bigint, owner uuid) returns boolean
  language plpgsql security definer set search_path = ''
as $$
begin
  perform holdfast.require_lease(may_read.cursor_id, may_read.owner);
  return (holdfast.egress_limit_reached()).setting is null;
end
$$;
comment on function holdfast.may_read(bigint, uuid) is 'Whether a lane may read a page or part more: no limit of egress is reached.';

create function holdfast.longest_wait() returns interval
  language sql immutable set search_path = '' as $$ select interval '1 hour' $$;
comment on function holdfast.longest_wait() is
  'The longest that a server is believed when it asks for time: the run is to go on soon after it is well again, and before six hours are over.';

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

create function holdfast.end_run(run_id uuid, new_state text, code text default null, message text default null,
  remedy text default null, result jsonb default null)
  returns void language plpgsql security definer set search_path = ''
as $$
begin
  update holdfast.runs r
  set state = new_state, ended_at = clock_timestamp(), code = end_run.code, message = end_run.message,
    remedy = end_run.remedy, result = coalesce(end_run.result, r.result), frozen = null
  where r.id = end_run.run_id and r.state in ('running', 'sealing');
  update holdfast.cursors c set lease_owner = null, lease_expires_at = null
  where c.run = end_run.run_id and c.finished_at is null;
end
$$;
comment on function holdfast.end_run(uuid, text, text, text, text, jsonb) is 'Ends a run, and with it every lease in it.';

create function holdfast.fail_run(cursor_id bigint, owner uuid, code text, message text, remedy text)
  returns void language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors;
begin
  -- Two lanes that fail at once must not both hold the run and wait for each other.
  perform from holdfast.runs r
  where r.id = (select cc.run from holdfast.cursors cc where cc.id = fail_run.cursor_id)
  for update;
  c := holdfast.require_lease(fail_run.cursor_id, fail_run.owner);
  perform holdfast.end_run(c.run, 'failed', fail_run.code, fail_run.message, fail_run.remedy);
end
$$;
comment on function holdfast.fail_run(bigint, uuid, text, text, text) is
  'Ends the run of a leased cursor as failed, with what to do about it.';

create function holdfast.cancel_run(run_id uuid, actor text default null, function_name text default null) returns text
  language plpgsql security definer set search_path = ''
as $$
declare
  r holdfast.runs;
begin
  select * into r from holdfast.runs where id = cancel_run.run_id for update;
  if r.id is null or holdfast.function_of(r.kind) <> cancel_run.function_name then
    raise exception 'run_unknown' using errcode = 'HF000',
      detail = format('There is no run %s.', cancel_run.run_id),
      hint = 'See: select id, kind, state, started_at from holdfast.runs order by started_at desc limit 5.';
  end if;
  if r.state <> 'running' then
    raise exception 'run_not_cancellable' using errcode = 'HF000',
      detail = format('Run %s is %s.', r.id, r.state),
      hint = case r.state when 'sealing' then 'It is writing its snapshot and will be done in a moment.'
        else 'It has ended; there is nothing to cancel.' end;
  end if;
  perform holdfast.end_run(r.id, 'cancelled');
  perform holdfast.record_audit(coalesce(cancel_run.actor, session_user::text), r.kind || '.cancel',
    jsonb_build_object('run', r.id));
  return 'cancelled';
end
$$;
comment on function holdfast.cancel_run(uuid, text, text) is
  'Cancels a running run. What it committed stays and is used by the next. To a function that is named, runs of others are unknown: each has keys of its own.';

revoke all on function holdfast.lease_seconds(), holdfast.function_of(text), holdfast.start_run(text, jsonb, text), holdfast.plan_lanes(jsonb),
  holdfast.page_objects(), holdfast.free_lanes(holdfast.runs), holdfast.lane_limits(jsonb),
  holdfast.lease_cursor(uuid, text, uuid, numeric),
  holdfast.require_lease(bigint, uuid), holdfast.heartbeat(bigint, uuid), holdfast.longest_wait(),
  holdfast.leave_cursor(bigint, uuid, numeric, text, text), holdfast.pause_cursor(bigint, uuid), holdfast.may_read(bigint, uuid),
  holdfast.add_counters(jsonb, jsonb), holdfast.commit_cursor(bigint, uuid, jsonb, jsonb),
  holdfast.stage_after(text, text), holdfast.finish_cursor(bigint, uuid, jsonb), holdfast.post_work(text, jsonb), holdfast.post_slice(uuid),
  holdfast.release_cursor(bigint, uuid, numeric), holdfast.end_run(uuid, text, text, text, text, jsonb),
  holdfast.fail_run(bigint, uuid, text, text, text), holdfast.cancel_run(uuid, text, text) from public;
grant execute on function holdfast.lease_cursor(uuid, text, uuid, numeric), holdfast.heartbeat(bigint, uuid),
  holdfast.commit_cursor(bigint, uuid, jsonb, jsonb), holdfast.finish_cursor(bigint, uuid, jsonb),
  holdfast.post_slice(uuid), holdfast.release_cursor(bigint, uuid, numeric), holdfast.pause_cursor(bigint, uuid),
  holdfast.may_read(bigint, uuid), holdfast.leave_cursor(bigint, uuid, numeric, text, text),
  holdfast.fail_run(bigint, uuid, text, text, text), holdfast.cancel_run(uuid, text, text) to holdfast_worker;
