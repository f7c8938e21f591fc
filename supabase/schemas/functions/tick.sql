-- The tick runs every minute. It posts slices again, ends stuck runs, starts overdue backups and
-- requests the removal of scratch buckets. All its state is in the tables, so an extra, missing or
-- concurrent tick causes no harm.
--
-- Slower work has its own job: a statement keeps its row locks until its end, above all on running runs.
-- Meanwhile a worker cannot extend its lease and counts as crashed.

create function holdfast_private.maximum_age() returns interval
  language sql stable security definer set search_path = ''
as $$
  select case when jsonb_typeof(s.value) = 'number' and s.value #>> '{}' ~ '^[0-9]{1,6}(\.[0-9]+)?$'
    then make_interval(secs => 3600 * (s.value #>> '{}')::float) end
  from holdfast_private.settings s where s.name = 'maximum_age_hours'
$$;
comment on function holdfast_private.maximum_age() is 'The setting maximum_age_hours; null if it is not set or invalid.';

create function holdfast_private.backup_due() returns boolean
  language sql stable security definer set search_path = ''
as $$
  select holdfast_private.setting('backup_waiting') <> 'null' or (
    holdfast_private.maximum_age() is not null
    and coalesce((holdfast_private.last_snapshot(holdfast_private.own_repository())).sealed_at, '-infinity')
      < now() - holdfast_private.maximum_age()
    -- Without this condition, a backup that fails at once would be started every minute.
    and not exists (
      select from holdfast_private.runs r where r.kind = 'backup' and r.started_at > now() - interval '1 hour'))
$$;
comment on function holdfast_private.backup_due() is
  'Whether a scheduled backup is waiting, or the last snapshot is older than maximum_age_hours and no backup was tried within the hour.';

create function holdfast_private.prune_job_runs() returns integer
  language plpgsql security definer set search_path = ''
as $$
declare
  pruned integer;
begin
  -- Selects by command, because a job that is scheduled again has another id.
  delete from cron.job_run_details d
  where d.command in ('select holdfast_private.tick()', 'select holdfast_private.housekeeping()',
      'select holdfast.start_scheduled_backup()')
    and d.start_time < now() - interval '7 days';
  get diagnostics pruned = row_count;
  return pruned;
exception when insufficient_privilege then
  return null;
end
$$;
comment on function holdfast_private.prune_job_runs() is
  'Removes pg_cron''s records of Holdfast''s own jobs that are older than seven days. Null without the privilege.';

create function holdfast_private.ensure_tick() returns void
  language plpgsql security definer set search_path = ''
as $$
begin
  perform cron.schedule(wanted.jobname, '* * * * *', wanted.command)
  from (values ('holdfast tick', 'select holdfast_private.tick()'),
    ('holdfast housekeeping', 'select holdfast_private.housekeeping()')) as wanted (jobname, command)
  where not exists (
    select from cron.job j where j.jobname = wanted.jobname and j.username = current_user);
end
$$;
comment on function holdfast_private.ensure_tick() is
  'Creates the jobs of the tick and of housekeeping if they do not exist. Without them, a run whose slices crash would stop if no backup is scheduled, as in a project that is the target of a restore.';

-- The code that removes the tick and the code that starts a run must not overlap: one would not see the
-- new run, and the other would see a job whose deletion is not committed. Both hold the lock of
-- start_run until they commit.
create function holdfast_private.drop_idle_tick() returns void
  language plpgsql security definer set search_path = ''
as $$
begin
  -- If the lock is taken, another session is starting or scheduling something. The next tick checks
  -- again, so this one does not wait.
  if not pg_try_advisory_xact_lock(hashtext('holdfast'), hashtext('start_run')) then
    return;
  end if;
  if not exists (select from cron.job j where j.jobname = 'holdfast backup')
    and not exists (select from holdfast_private.runs r where r.state in ('running', 'sealing'))
    and holdfast_private.maximum_age() is null and holdfast_private.setting('backup_waiting') = 'null'
    and holdfast_private.orphaned_scratch_buckets() = '[]'
    and not exists (select from holdfast_private.overwrites w where w.put is not null) then
    perform cron.unschedule(j.jobid) from cron.job j
    where j.jobname in ('holdfast tick', 'holdfast housekeeping') and j.username = current_user;
  end if;
end
$$;
comment on function holdfast_private.drop_idle_tick() is
  'Removes the jobs of the tick and of housekeeping if nothing is scheduled, running or waiting to be cleaned up. If a run is being started, it leaves the check to the next tick.';

create function holdfast_private.tick() returns jsonb
  language plpgsql security definer set search_path = ''
as $$
declare
  id uuid;
  posted integer := 0;
  stuck uuid[] := '{}';
  started uuid;
  refused text;
begin
  for id in select r.id from holdfast_private.runs r where r.state in ('running', 'sealing') loop
    perform holdfast_private.resume_if_due(id);
    if holdfast_private.end_if_stuck(id) then
      stuck := stuck || id;
    else
      posted := posted + holdfast_private.post_free_workers(id);
    end if;
  end loop;
  if holdfast_private.backup_due() then
    begin
      started := holdfast_private.start_or_wait('schedule');
    exception when sqlstate 'HF000' then
      -- The block keeps the posts above, which must not be rolled back.
      refused := sqlerrm;
    end;
  end if;
  if holdfast_private.orphaned_scratch_buckets() <> '[]' then
    perform holdfast_private.post_work('holdfast-restore', '{}');
  end if;
  perform holdfast_private.drop_idle_tick();
  return jsonb_strip_nulls(jsonb_build_object('posted', posted, 'stuck', to_jsonb(nullif(stuck, '{}')),
    'started', started, 'refused', refused));
end
$$;
comment on function holdfast_private.tick() is
  'pg_cron runs it every minute. It posts a slice for each free worker, ends stuck runs, starts a waiting or overdue backup, and requests the removal of scratch buckets. Returns what it did.';

create function holdfast_private.housekeeping() returns jsonb
  language plpgsql security definer set search_path = ''
as $$
declare
  repaired jsonb;
begin
  begin
    repaired := holdfast_private.repair_overwritten_metadata();
  exception when others then
    repaired := jsonb_build_object('not_repaired', sqlerrm);
  end;
  return repaired || jsonb_strip_nulls(jsonb_build_object(
    -- Runs once an hour, because pg_cron's table has no suitable index.
    'pruned', case when extract(minute from now()) = 0 then holdfast_private.prune_job_runs() end));
end
$$;
comment on function holdfast_private.housekeeping() is
  'pg_cron runs it every minute, separately from the tick. It repairs metadata after delayed uploads, and once an hour removes old records of Holdfast''s own jobs. It locks no run. Returns what it did.';
