-- The schedule: two pg_cron jobs, the nightly start and a tick each minute.

insert into holdfast.settings (name, value, description) values
  ('backup_waiting', 'null', 'Internal: who asked for a backup that waits for another run to end.');

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

create function holdfast.start_or_wait(started_by text) returns uuid
  language plpgsql security definer set search_path = ''
as $$
declare
  run uuid;
begin
  begin
    run := holdfast.start_backup(start_or_wait.started_by);
  exception when sqlstate 'HF000' then
    if sqlerrm <> 'run_in_progress' then
      raise;
    end if;
    perform holdfast.set('backup_waiting', to_jsonb(start_or_wait.started_by));
    return null;
  end;
  perform holdfast.set('backup_waiting', 'null');
  perform holdfast.post_slice(run);
  return run;
end
$$;
comment on function holdfast.start_or_wait(text) is
  'Starts a backup and asks for its first slice; null where another run is in the way: the tick starts it when that has ended.';

create function holdfast.start_scheduled_backup() returns uuid
  language sql security definer set search_path = ''
as $$ select holdfast.start_or_wait('schedule') $$;
comment on function holdfast.start_scheduled_backup() is
  'What pg_cron runs at the set times, and whoever wants a backup now: starts one, or has it wait for the run that is on.';

revoke all on function holdfast.project_url(), holdfast.save_project_url(text),
  holdfast.schedule_job(text, text, text), holdfast.schedule(text, text), holdfast.unschedule(),
  holdfast.start_or_wait(text), holdfast.start_scheduled_backup() from public;
