-- The schedule: two pg_cron jobs, the nightly start and a tick each minute. A post that is lost
-- costs a minute, nothing else.

insert into holdfast.settings (name, value, description) values
  ('backup_waiting', 'false', 'Internal: a scheduled backup waits for another run to end.');

create function holdfast.project_url() returns text
  language sql stable security definer set search_path = ''
as $$ select decrypted_secret from vault.decrypted_secrets where name = 'holdfast_project_url' $$;
comment on function holdfast.project_url() is 'Where slices are posted, from Vault; null until it is known.';

create function holdfast.save_project_url(url text) returns void
  language plpgsql security definer set search_path = ''
as $$
begin
  if url !~ '^https?://[A-Za-z0-9._-]+(:[0-9]+)?/?$' then
    raise exception 'project_url_invalid' using errcode = 'HF000',
      detail = format('%L is not a project''s URL.', url),
      hint = 'It looks like https://abcdefghijklmnopqrst.supabase.co, without a path.';
  end if;
  delete from vault.secrets where name = 'holdfast_project_url';
  perform vault.create_secret(rtrim(url, '/'), 'holdfast_project_url', 'Holdfast: where to post slices');
end
$$;
comment on function holdfast.save_project_url(text) is 'Stores the project''s URL in Vault.';

create function holdfast.schedule_job(name text, schedule text, command text) returns void
  language plpgsql security definer set search_path = ''
as $$
begin
  perform cron.schedule(schedule_job.name, schedule_job.schedule, schedule_job.command);
exception when others then
  -- pg_cron raises its own kinds of errors for a schedule that it can't read.
  raise exception 'schedule_invalid' using errcode = 'HF000',
    detail = format('pg_cron refused the schedule %L: %s', schedule_job.schedule, sqlerrm),
    hint = 'It takes five fields, minute hour day month weekday, in UTC: ''0 2 * * *'' is 02:00 each night.';
end
$$;
comment on function holdfast.schedule_job(text, text, text) is 'Makes or changes a pg_cron job, or says why not.';

create function holdfast.schedule(cron_expression text, project_url text default null) returns text
  language plpgsql security definer set search_path = ''
as $$
begin
  if schedule.project_url is not null then
    perform holdfast.save_project_url(schedule.project_url);
  elsif holdfast.project_url() is null then
    raise exception 'project_url_missing' using errcode = 'HF000',
      detail = 'Holdfast does not know this project''s URL yet.',
      hint = format('Name it once: select holdfast.schedule(%L, ''https://<ref>.supabase.co'');', cron_expression);
  end if;
  perform holdfast.schedule_job('holdfast backup', cron_expression, 'select holdfast.start_scheduled_backup()');
  perform holdfast.schedule_job('holdfast tick', '* * * * *', 'select holdfast.tick()');
  return format('A backup is scheduled at %s (UTC). See: select * from holdfast.status;', cron_expression);
end
$$;
comment on function holdfast.schedule(text, text) is
  'Schedules the backup with pg_cron, in UTC; calling it again changes the time. The project''s URL is named once.';

create function holdfast.unschedule() returns text
  language plpgsql security definer set search_path = ''
as $$
begin
  perform cron.unschedule(j.jobname) from cron.job j where j.jobname in ('holdfast backup', 'holdfast tick');
  return 'No backup is scheduled any more. What is in the repository stays.';
end
$$;
comment on function holdfast.unschedule() is 'Removes the schedule; fine where there is none.';

create function holdfast.start_scheduled_backup() returns uuid
  language plpgsql security definer set search_path = ''
as $$
declare
  run uuid;
  reason text;
begin
  begin
    run := holdfast.start_backup('schedule');
  exception when sqlstate 'HF000' then
    get stacked diagnostics reason = message_text;
    if reason <> 'run_in_progress' then
      raise;
    end if;
    perform holdfast.set('backup_waiting', 'true');
    return null;
  end;
  perform holdfast.set('backup_waiting', 'false');
  perform holdfast.post_slice(run);
  return run;
end
$$;
comment on function holdfast.start_scheduled_backup() is
  'Starts a backup and asks for its first slice. While another run is on it waits: the tick starts it then, and null is returned.';

create function holdfast.backup_is_due() returns boolean
  language plpgsql stable security definer set search_path = ''
as $$
declare
  hours jsonb := holdfast.setting('maximum_age_hours');
begin
  if holdfast.setting('backup_waiting') = 'true' then
    return true;
  end if;
  if jsonb_typeof(hours) is distinct from 'number' then
    return false;
  end if;
  return not exists (
    select from holdfast.runs r where r.kind = 'backup' and (
      -- A run that failed is tried again by the next hour, not by the next minute.
      r.started_at > now() - interval '1 hour'
      or (r.state = 'succeeded' and r.ended_at > now() - make_interval(secs => 3600 * hours::double precision))));
end
$$;
comment on function holdfast.backup_is_due() is
  'Whether a backup waits, or the last one is older than the setting maximum_age_hours.';

create function holdfast.end_stuck_runs() returns integer
  language plpgsql security definer set search_path = ''
as $$
declare
  stuck holdfast.runs;
  ended integer := 0;
begin
  for stuck in
    select * from holdfast.runs r
    where r.state = 'running' and r.started_at < now() - interval '6 hours' and not exists (
      select from holdfast.cursors c where c.run = r.id and c.committed_at > now() - interval '6 hours')
    for update skip locked
  loop
    perform holdfast.end_run(stuck.id, 'failed', 'run_stuck', 'The run made no progress for six hours.',
      'Look at the functions'' logs, then start another: it goes on from what was copied.');
    ended := ended + 1;
  end loop;
  return ended;
end
$$;
comment on function holdfast.end_stuck_runs() is 'Ends runs without a commit for six hours as failed; returns how many.';

create function holdfast.free_lanes(r holdfast.runs) returns integer
  language sql stable security definer set search_path = ''
as $$
  select greatest(0, least(
    count(*) filter (where c.lease_expires_at is null or c.lease_expires_at <= clock_timestamp()),
    holdfast.plan_lanes((r).plan) - count(*) filter (where c.lease_expires_at > clock_timestamp())))::integer
  from holdfast.cursors c where c.run = (r).id and c.finished_at is null
$$;
comment on function holdfast.free_lanes(holdfast.runs) is 'How many more slices a run could use now.';

create function holdfast.prune_cron_history() returns void
  language plpgsql security definer set search_path = ''
as $$
begin
  delete from cron.job_run_details d using cron.job j
  where d.jobid = j.jobid and j.jobname in ('holdfast backup', 'holdfast tick')
    and d.end_time < now() - interval '7 days';
exception when insufficient_privilege then
  null; -- A server that keeps it to itself prunes it itself.
end
$$;
comment on function holdfast.prune_cron_history() is
  'Forgets the tick''s own runs after a week: pg_cron never prunes them, and the tick makes 1,440 a day.';

create function holdfast.tick() returns jsonb
  language plpgsql security definer set search_path = ''
as $$
declare
  stuck integer := holdfast.end_stuck_runs();
  started uuid;
  posted integer := 0;
  r holdfast.runs;
begin
  if not exists (select from holdfast.runs where state in ('running', 'sealing')) and holdfast.backup_is_due() then
    started := holdfast.start_scheduled_backup();
  end if;
  for r in select * from holdfast.runs where state in ('running', 'sealing') and id is distinct from started loop
    perform holdfast.post_slice(r.id) from generate_series(1, holdfast.free_lanes(r));
    posted := posted + holdfast.free_lanes(r);
  end loop;
  -- Once an hour is often enough for a table that grows by 60 rows in one.
  if extract(minute from now()) = 0 then
    perform holdfast.prune_cron_history();
  end if;
  return jsonb_build_object('ended_stuck', stuck, 'started', started, 'posted', posted);
end
$$;
comment on function holdfast.tick() is
  'Each minute: ends stuck runs, starts a backup that is due, and posts a slice for each free lane.';

revoke all on function holdfast.project_url(), holdfast.save_project_url(text),
  holdfast.schedule_job(text, text, text), holdfast.schedule(text, text), holdfast.unschedule(),
  holdfast.start_scheduled_backup(), holdfast.backup_is_due(), holdfast.end_stuck_runs(),
  holdfast.free_lanes(holdfast.runs), holdfast.prune_cron_history(), holdfast.tick() from public;
