-- The schedule: one pg_cron job starts backups; another runs every minute and maintains the runs. Both
-- only write rows and post. If a minute is missed, the next one does its work.

create function holdfast_private.start_or_wait(started_by text) returns uuid
  language plpgsql security definer set search_path = ''
as $$
declare
  id uuid;
begin
  -- Takes the lock outside the block below, because a refused start_run releases its own lock with the
  -- rollback. A waiting backup needs the tick, which the lock protects.
  perform pg_advisory_xact_lock(hashtext('holdfast'), hashtext('start_run'));
  begin
    id := holdfast_private.start_backup(start_or_wait.started_by);
    update holdfast_private.settings s set value = 'null' where s.name = 'backup_waiting' and s.value <> 'null';
    perform holdfast_private.post_slice(id);
    return id;
  exception when sqlstate 'HF000' then
    if sqlerrm <> 'run_in_progress' then
      raise;
    end if;
    update holdfast_private.settings s set value = to_jsonb(holdfast_private.utc(now())), updated_at = now()
    where s.name = 'backup_waiting' and s.value = 'null';
    return null;
  end;
end
$$;
comment on function holdfast_private.start_or_wait(text) is
  'Starts a backup, posts its first slice and returns its id. Null if another run blocks it; the tick then starts the backup when that run has ended.';

create function holdfast.start_scheduled_backup() returns text
  language plpgsql security definer set search_path = ''
as $$
declare
  id uuid := holdfast_private.start_or_wait('schedule');
  other holdfast_private.runs;
begin
  if id is not null then
    return format('Backup %s has started.', id);
  end if;
  select * into other from holdfast_private.runs r where r.state in ('running', 'sealing') limit 1;
  return format('The backup waits until the %s that is running has ended: %s.', other.kind, other.id);
end
$$;
comment on function holdfast.start_scheduled_backup() is
  'The scheduled job: starts a backup, or lets it wait for the run that blocks it. Call it yourself to start a backup now.';

create function holdfast.schedule(cron_expression text, project_url text default null) returns text
  language plpgsql security definer set search_path = ''
as $$
declare
  next_backup timestamptz := holdfast_private.next_time(schedule.cron_expression, now());
begin
  if next_backup is null then
    raise exception 'schedule_invalid' using errcode = 'HF000',
      detail = format('%L is not a cron expression, or its time never comes.', schedule.cron_expression),
      hint = 'Give minute, hour, day of month, month and day of week, in UTC: ''0 2 * * *'' is each night at two.';
  end if;
  if schedule.project_url is not null then
    perform holdfast_private.save_project_url(schedule.project_url);
  elsif not exists (select from vault.secrets s where s.name = 'holdfast_project_url') then
    raise exception 'project_url_missing' using errcode = 'HF000',
      detail = 'Holdfast does not know the URL of this project yet, to which it posts.',
      hint = format('Name it: select holdfast.schedule(%L, ''https://<project-ref>.supabase.co'');',
        schedule.cron_expression);
  end if;
  perform pg_advisory_xact_lock(hashtext('holdfast'), hashtext('start_run'));
  begin
    perform cron.schedule('holdfast backup', btrim(schedule.cron_expression), 'select holdfast.start_scheduled_backup()');
  exception when invalid_parameter_value then
    raise exception 'schedule_invalid' using errcode = 'HF000', detail = sqlerrm,
      hint = 'This version of pg_cron does not know all of it. Use numbers, *, -, / and commas.';
  end;
  perform cron.schedule('holdfast tick', '* * * * *', 'select holdfast_private.tick()');
  perform cron.schedule('holdfast housekeeping', '* * * * *', 'select holdfast_private.housekeeping()');
  perform holdfast_private.record_audit(session_user::text, 'schedule',
    jsonb_build_object('cron_expression', schedule.cron_expression, 'project_url', schedule.project_url));
  return format('Backups start at %L in UTC, next on %s. Slices are posted to %s.', btrim(schedule.cron_expression),
    to_char(next_backup at time zone 'UTC', 'YYYY-MM-DD "at" HH24:MI'),
    (select d.decrypted_secret from vault.decrypted_secrets d where d.name = 'holdfast_project_url'));
end
$$;
comment on function holdfast.schedule(text, text) is
  'Schedules backups with a cron expression in UTC, and the tick that maintains them. Another call changes the time. The project''s URL is needed once.';

create function holdfast.unschedule() returns text
  language plpgsql security definer set search_path = ''
as $$
declare
  removed integer;
  running boolean;
begin
  perform pg_advisory_xact_lock(hashtext('holdfast'), hashtext('start_run'));
  running := exists (select from holdfast_private.runs r where r.state in ('running', 'sealing'));
  -- While a run is running, the tick and housekeeping stay. The tick removes them when the run has
  -- ended.
  select count(cron.unschedule(j.jobid)) into removed from cron.job j
  where j.username = current_user
    and (j.jobname = 'holdfast backup' or (j.jobname in ('holdfast tick', 'holdfast housekeeping') and not running));
  perform holdfast.set('backup_waiting', 'null');
  if removed = 0 then
    return 'Nothing was scheduled.';
  end if;
  perform holdfast_private.record_audit(session_user::text, 'unschedule');
  return 'No backup is scheduled any more.' || case when running then ' The run that is on goes on.' else '' end;
end
$$;
comment on function holdfast.unschedule() is 'Removes the schedule and, unless a run is running, the tick and housekeeping.';
