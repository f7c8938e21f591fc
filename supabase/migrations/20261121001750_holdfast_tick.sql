-- The tick, each minute: it posts what was lost, ends what is stuck, starts what is overdue and has
-- cleared up what was left. All
-- it knows is in the tables, so a tick more or less, or two at once, change nothing.

create function holdfast.own_repository() returns integer
  language sql stable security definer set search_path = ''
as $$
  select coalesce(
    (select r.repository from holdfast.runs r
      where r.kind = 'backup' and r.repository is not null order by r.started_at desc limit 1),
    (select p.id from holdfast.repositories p
      where p.owner_project = holdfast.setting('project_url') #>> '{}' order by p.id desc limit 1))
$$;
comment on function holdfast.own_repository() is
  'The repository that this project backs up to: the last backup''s, or after an import the one it owns; null before the first.';

create function holdfast.post_free_lanes(run_id uuid) returns integer
  language plpgsql security definer set search_path = ''
as $$
declare
  wanted integer;
begin
  select least(holdfast.free_lanes(r),
    count(*) filter (where c.lease_expires_at is null or c.lease_expires_at <= clock_timestamp()))
  into wanted
  from holdfast.runs r join holdfast.cursors c on c.run = r.id and c.finished_at is null
  where r.id = post_free_lanes.run_id group by r.id;
  for posted in 1 .. coalesce(wanted, 0) loop
    if not holdfast.post_slice(post_free_lanes.run_id) then
      return 0;
    end if;
  end loop;
  return greatest(coalesce(wanted, 0), 0);
end
$$;
comment on function holdfast.post_free_lanes(uuid) is
  'Posts a slice for each lane of a run that is not busy, as far as there are cursors to lease; returns how many.';

create function holdfast.end_if_stuck(run_id uuid) returns boolean
  language plpgsql security definer set search_path = ''
as $$
declare
  progress timestamptz;
begin
  -- Commits alone are progress: a lane that is killed again and again leases, too. Who waits for a
  -- limit's window is not stuck.
  select greatest(r.started_at, max(c.committed_at), r.resumed_at,
    case when r.paused_code = 'paused_by_limit' then r.paused_until end) into progress
  from holdfast.runs r left join holdfast.cursors c on c.run = r.id
  where r.id = end_if_stuck.run_id group by r.id;
  if progress is null or progress > clock_timestamp() - interval '6 hours' then
    return false;
  end if;
  -- The run before its cursors, as everywhere.
  perform from holdfast.runs r where r.id = end_if_stuck.run_id for update;
  perform holdfast.end_run(end_if_stuck.run_id, 'failed', 'run_stuck',
    format('The run made no progress for six hours, since %s.', holdfast.utc(progress)),
    format('See the logs of the Edge Function %s: is it deployed, and are its secrets set? Then start another run: it goes on from what was copied.',
      (select holdfast.function_of(r.kind) from holdfast.runs r where r.id = end_if_stuck.run_id)));
  return true;
end
$$;
comment on function holdfast.end_if_stuck(uuid) is
  'Ends a run as failed (run_stuck) where nothing was committed in it for six hours; returns whether it did.';

create function holdfast.maximum_age() returns interval
  language sql stable security definer set search_path = ''
as $$
  select case when jsonb_typeof(s.value) = 'number' and s.value #>> '{}' ~ '^[0-9]{1,6}(\.[0-9]+)?$'
    then make_interval(secs => 3600 * (s.value #>> '{}')::float) end
  from holdfast.settings s where s.name = 'maximum_age_hours'
$$;
comment on function holdfast.maximum_age() is 'The setting maximum_age_hours; null where it is none or not valid.';

create function holdfast.backup_due() returns boolean
  language sql stable security definer set search_path = ''
as $$
  select holdfast.setting('backup_waiting') <> 'null' or (
    holdfast.maximum_age() is not null
    and coalesce((holdfast.last_snapshot(holdfast.own_repository())).sealed_at, '-infinity')
      < now() - holdfast.maximum_age()
    -- One that fails at once would else fail each minute.
    and not exists (
      select from holdfast.runs r where r.kind = 'backup' and r.started_at > now() - interval '1 hour'))
$$;
comment on function holdfast.backup_due() is
  'Whether a backup waits for its turn, or the last snapshot is older than maximum_age_hours and none was tried within the hour.';

create function holdfast.prune_job_runs() returns integer
  language plpgsql security definer set search_path = ''
as $$
declare
  pruned integer;
begin
  -- By command and not by job: a job that was scheduled anew has another number.
  delete from cron.job_run_details d
  where d.command in ('select holdfast.tick()', 'select holdfast.start_scheduled_backup()')
    and d.start_time < now() - interval '7 days';
  get diagnostics pruned = row_count;
  return pruned;
exception when insufficient_privilege then
  return null;
end
$$;
comment on function holdfast.prune_job_runs() is
  'Removes what pg_cron recorded of Holdfast''s own jobs more than seven days ago; null where it may not.';

create function holdfast.ensure_tick() returns void
  language plpgsql security definer set search_path = ''
as $$
begin
  if not exists (select from cron.job j where j.jobname = 'holdfast tick' and j.username = current_user) then
    perform cron.schedule('holdfast tick', '* * * * *', 'select holdfast.tick()');
  end if;
end
$$;
comment on function holdfast.ensure_tick() is
  'Makes the tick''s job where there is none: a run whose slices die would else stand still where nothing is scheduled, as in a project that is restored into.';

create function holdfast.drop_idle_tick() returns void
  language plpgsql security definer set search_path = ''
as $$
begin
  if not exists (select from cron.job j where j.jobname = 'holdfast backup')
    and not exists (select from holdfast.runs r where r.state in ('running', 'sealing'))
    and holdfast.maximum_age() is null and holdfast.setting('backup_waiting') = 'null'
    and holdfast.left_scratch_buckets() = '[]' then
    perform cron.unschedule(j.jobid) from cron.job j where j.jobname = 'holdfast tick' and j.username = current_user;
  end if;
end
$$;
comment on function holdfast.drop_idle_tick() is
  'Removes the tick''s job where nothing is scheduled, nothing runs and nothing is to be cleared up.';

create function holdfast.tick() returns jsonb
  language plpgsql security definer set search_path = ''
as $$
declare
  id uuid;
  posted integer := 0;
  stuck uuid[] := '{}';
  started uuid;
  refused text;
begin
  for id in select r.id from holdfast.runs r where r.state in ('running', 'sealing') loop
    perform holdfast.resume_if_due(id);
    if holdfast.end_if_stuck(id) then
      stuck := stuck || id;
    else
      posted := posted + holdfast.post_free_lanes(id);
    end if;
  end loop;
  if holdfast.backup_due() then
    begin
      started := holdfast.start_or_wait('schedule');
    exception when sqlstate 'HF000' then
      -- What was posted above must not be rolled back.
      refused := sqlerrm;
    end;
  end if;
  if holdfast.left_scratch_buckets() <> '[]' then
    perform holdfast.post_work('holdfast-restore', '{}');
  end if;
  perform holdfast.drop_idle_tick();
  return jsonb_strip_nulls(jsonb_build_object('posted', posted, 'stuck', to_jsonb(nullif(stuck, '{}')),
    'started', started, 'refused', refused,
    -- pg_cron's table has no index that would serve.
    'pruned', case when extract(minute from now()) = 0 then holdfast.prune_job_runs() end));
end
$$;
comment on function holdfast.tick() is
  'What pg_cron runs each minute: posts a slice for each free lane, ends stuck runs, starts a backup that waits or is overdue, has scratch buckets removed. Returns what it did.';

revoke all on function holdfast.own_repository(), holdfast.post_free_lanes(uuid), holdfast.end_if_stuck(uuid),
  holdfast.maximum_age(), holdfast.backup_due(), holdfast.prune_job_runs(), holdfast.ensure_tick(), holdfast.drop_idle_tick(),
  holdfast.tick() from public;
