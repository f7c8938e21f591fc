-- Runs: start, end and cancel them, and detect stuck ones.

create function holdfast_private.function_of(kind text) returns text
  language sql immutable set search_path = ''
as $$ select case when kind = 'restore' then 'holdfast-restore' else 'holdfast-backup' end $$;
comment on function holdfast_private.function_of(text) is 'The Edge Function that works on runs of a kind.';

-- The plan of a restore contains no settings. Without the fallback to the current setting, a restore
-- would always have two workers.
create function holdfast_private.plan_workers(plan jsonb) returns integer
  language sql stable security definer set search_path = ''
as $$
  -- An invalid value must not stop the slice that reports it.
  select case when workers ~ '^[1-9][0-9]?$' then workers::integer else 2 end
  from (select coalesce(plan #>> '{settings,workers}', holdfast_private.setting('workers') #>> '{}') as workers) as asked
$$;
comment on function holdfast_private.plan_workers(jsonb) is
  'Maximum number of concurrent slices of a run: from its plan, else from the current setting.';

create function holdfast_private.start_run(kind text, plan jsonb, started_by text) returns uuid
  language plpgsql security definer set search_path = ''
as $$
declare
  other holdfast_private.runs;
  id uuid;
begin
  -- Two concurrent starts must not both find no running run. The two-integer form avoids a conflict with
  -- Storage, which uses the other form.
  perform pg_advisory_xact_lock(hashtext('holdfast'), hashtext('start_run'));
  -- A restore and a backup would write the same entries at two sequences.
  select * into other from holdfast_private.runs r where r.state in ('running', 'sealing') limit 1;
  if found then
    raise exception 'run_in_progress' using errcode = 'HF000',
      detail = format('A %s is running: %s.', other.kind, other.id)
        || case when holdfast_private.is_paused(other)
          then format(' It is paused until %s: %s', holdfast_private.utc(other.paused_until), other.paused_message) else '' end,
      hint = format('Wait for it, or end it: select holdfast_private.cancel_run(%L).', other.id);
  end if;
  insert into holdfast_private.runs (kind, plan, started_by)
  values (start_run.kind, start_run.plan, start_run.started_by) returning runs.id into id;
  insert into holdfast_private.cursors (run, stage) values (id, 'prepare');
  perform holdfast_private.ensure_tick();
  perform holdfast_private.record_audit(start_run.started_by, start_run.kind || '.start', jsonb_build_object('run', id));
  return id;
end
$$;
comment on function holdfast_private.start_run(text, jsonb, text) is
  'Starts a run and returns its id. Raises run_in_progress, which names the run that blocks the start.';

create function holdfast_private.is_running(run uuid) returns boolean
  language sql stable security definer set search_path = ''
as $$
  select exists (select from holdfast_private.runs r where r.id = is_running.run and r.state in ('running', 'sealing'))
$$;
comment on function holdfast_private.is_running(uuid) is 'Whether a run has not ended.';

-- A backup that is paused for weeks, or makes no progress, is not considered on time. The status then
-- reports that the next snapshot is overdue, and why.
create function holdfast_private.last_progress(r holdfast_private.runs) returns timestamptz
  language sql stable security definer set search_path = ''
as $$
  -- Only commits are progress: a worker that crashes repeatedly also takes leases.
  select greatest((r).started_at, (r).resumed_at, max(c.committed_at))
  from holdfast_private.cursors c where c.run = (r).id
$$;
comment on function holdfast_private.last_progress(holdfast_private.runs) is
  'When a run last committed; if it has not, when it began or resumed after a limit.';

-- A run may fail after its snapshot's record was written to the log, if it got no response. The snapshot
-- is then valid. The next run identifies it by the frozen bytes of the failed run.
create function holdfast_private.end_run(run_id uuid, new_state text, code text default null,
  message text default null, remedy text default null, result jsonb default null)
  returns void language plpgsql security definer set search_path = ''
as $$
begin
  update holdfast_private.runs r
  set state = new_state, ended_at = clock_timestamp(), code = end_run.code, message = end_run.message,
    remedy = end_run.remedy, result = coalesce(end_run.result, r.result),
    frozen = case when new_state = 'failed' then r.frozen end
  where r.id = end_run.run_id and r.state in ('running', 'sealing');
  update holdfast_private.cursors c set lease_owner = null, lease_expires_at = null
  where c.run = end_run.run_id and c.finished_at is null;
end
$$;
comment on function holdfast_private.end_run(uuid, text, text, text, text, jsonb) is
  'Ends a run and all its leases. A failed run keeps the snapshot.json that it may have published.';

create function holdfast_private.fail_run(cursor_id bigint, owner uuid, code text, message text, remedy text)
  returns void language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors;
begin
  -- Locks the run first: otherwise two workers that fail at once would deadlock.
  perform from holdfast_private.runs r
  where r.id = (select cc.run from holdfast_private.cursors cc where cc.id = fail_run.cursor_id)
  for update;
  c := holdfast_private.require_lease(fail_run.cursor_id, fail_run.owner);
  perform holdfast_private.end_run(c.run, 'failed', fail_run.code, fail_run.message, fail_run.remedy);
end
$$;
comment on function holdfast_private.fail_run(bigint, uuid, text, text, text) is
  'Ends the run of a leased cursor as failed, with a message and a remedy.';

create function holdfast_private.cancel_run(run_id uuid, actor text default null, function_name text default null) returns text
  language plpgsql security definer set search_path = ''
as $$
declare
  r holdfast_private.runs;
begin
  select * into r from holdfast_private.runs where id = cancel_run.run_id for update;
  if r.id is null or holdfast_private.function_of(r.kind) <> cancel_run.function_name then
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
  perform holdfast_private.end_run(r.id, 'cancelled');
  perform holdfast_private.record_audit(coalesce(cancel_run.actor, session_user::text), r.kind || '.cancel',
    jsonb_build_object('run', r.id));
  return 'cancelled';
end
$$;
comment on function holdfast_private.cancel_run(uuid, text, text) is
  'Cancels a running run. Its committed results stay and are used by the next run. If a function is named, runs of other functions are unknown to it, because each function has its own keys.';

create function holdfast_private.end_if_stuck(run_id uuid) returns boolean
  language plpgsql security definer set search_path = ''
as $$
declare
  progress timestamptz;
begin
  -- A run that waits for the end of a limit's period is not stuck.
  select greatest(holdfast_private.last_progress(r), case when r.paused_code = 'paused_by_limit' then r.paused_until end)
  into progress
  from holdfast_private.runs r where r.id = end_if_stuck.run_id;
  if progress is null or progress > clock_timestamp() - interval '6 hours' then
    return false;
  end if;
  -- Locks the run before its cursors, as all other code does.
  perform from holdfast_private.runs r where r.id = end_if_stuck.run_id for update;
  perform holdfast_private.end_run(end_if_stuck.run_id, 'failed', 'run_stuck',
    format('The run made no progress for six hours, since %s.', holdfast_private.utc(progress)),
    format('See the logs of the Edge Function %s: is it deployed, and are its secrets set? Then start another run: it goes on from what was copied.',
      (select holdfast_private.function_of(r.kind) from holdfast_private.runs r where r.id = end_if_stuck.run_id)));
  return true;
end
$$;
comment on function holdfast_private.end_if_stuck(uuid) is
  'Ends a run as failed (run_stuck) if nothing was committed in it for six hours. Returns whether it did.';
