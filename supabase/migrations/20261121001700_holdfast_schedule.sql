-- The schedule: one pg_cron job starts backups, another, each minute, sees to the runs there are.
-- Both do nothing but write rows and post; a minute that is lost is made up for by the next.

insert into holdfast.settings (name, value, description) values
  ('backup_waiting', 'null', 'Internal: since when a backup that came due waits for another run to end.');

create function holdfast.cron_values(field text, lowest integer, highest integer, names text[] default '{}')
  returns integer[] language plpgsql immutable strict set search_path = ''
as $$
declare
  part text;
  bounds text[];
  numbers integer[];
  found integer[] := '{}';
begin
  foreach part in array string_to_array(lower(field), ',') loop
    bounds := regexp_match(part, '^(?:\*|([a-z0-9]+)(?:-([a-z0-9]+))?)(?:/([1-9][0-9]?))?$');
    -- pg_cron takes steps of a star or a range only.
    if bounds is null or (bounds[1] is not null and bounds[2] is null and bounds[3] is not null) then
      return null;
    end if;
    select array_agg(coalesce(array_position(names, b.text) - 1 + lowest,
      case when b.text ~ '^[0-9]{1,2}$' then b.text::integer end) order by b.place)
    into numbers
    from unnest(array[coalesce(bounds[1], lowest::text), coalesce(bounds[2], bounds[1], highest::text)])
      with ordinality as b (text, place);
    if array_position(numbers, null) is not null or numbers[1] < lowest or numbers[2] > highest
      or numbers[1] > numbers[2] then
      return null;
    end if;
    found := found || array(select generate_series(numbers[1], numbers[2], coalesce(bounds[3], '1')::integer));
  end loop;
  return nullif(found, '{}');
end
$$;
comment on function holdfast.cron_values(text, integer, integer, text[]) is
  'The numbers that a field of a cron expression stands for; null where it is not valid.';

create function holdfast.next_time(cron_expression text, after timestamptz) returns timestamptz
  language plpgsql stable set search_path = ''
as $$
declare
  expression text := lower(btrim(next_time.cron_expression));
  fields text[] := regexp_split_to_array(case expression
    when '@hourly' then '0 * * * *' when '@daily' then '0 0 * * *' when '@midnight' then '0 0 * * *'
    when '@weekly' then '0 0 * * 0' when '@monthly' then '0 0 1 * *' when '@yearly' then '0 0 1 1 *'
    when '@annually' then '0 0 1 1 *' else expression end, '\s+');
  minutes integer[] := holdfast.cron_values(fields[1], 0, 59);
  hours integer[] := holdfast.cron_values(fields[2], 0, 23);
  -- $ is the last day of a month, for pg_cron from 1.5 on.
  days integer[] := case fields[3] when '$' then '{}' else holdfast.cron_values(fields[3], 1, 31) end;
  months integer[] := holdfast.cron_values(fields[4], 1, 12,
    '{jan,feb,mar,apr,may,jun,jul,aug,sep,oct,nov,dec}');
  -- Sunday is 0 and 7.
  weekdays integer[] := array_replace(
    holdfast.cron_values(fields[5], 0, 7, '{sun,mon,tue,wed,thu,fri,sat}'), 7, 0);
  -- cron's own rule: two restrictions of the day are an or, unless one begins with a star.
  either boolean := fields[3] !~ '^\*' and fields[5] !~ '^\*';
  today timestamp := date_trunc('day', next_time.after at time zone 'UTC');
begin
  if cardinality(fields) <> 5 or minutes is null or hours is null or days is null or months is null
    or weekdays is null then
    return null;
  end if;
  return (
    select min(due.t) from (
      select d from generate_series(today, today + interval '8 years', interval '1 day') d
        cross join lateral (select extract(day from d) = any (days)
          or (fields[3] = '$' and extract(day from d + interval '1 day') = 1)) as of_month (fits)
        cross join lateral (select extract(dow from d) = any (weekdays)) as of_week (fits)
      where extract(month from d) = any (months)
        and case when either then of_month.fits or of_week.fits else of_month.fits and of_week.fits end
      -- The first day may be over already, the second can't be.
      order by d limit 2) as day
      cross join unnest(hours) h cross join unnest(minutes) m
      cross join lateral (select (day.d + make_interval(hours => h, mins => m)) at time zone 'UTC') as due (t)
    where due.t > next_time.after);
end
$$;
comment on function holdfast.next_time(text, timestamptz) is
  'When a cron expression, in UTC as pg_cron reads it, comes due after a time; null where it is not valid or never does.';

create function holdfast.start_or_wait(started_by text) returns uuid
  language plpgsql security definer set search_path = ''
as $$
declare
  id uuid;
begin
  id := holdfast.start_backup(start_or_wait.started_by);
  update holdfast.settings s set value = 'null' where s.name = 'backup_waiting' and s.value <> 'null';
  perform holdfast.post_slice(id);
  return id;
exception when sqlstate 'HF000' then
  if sqlerrm <> 'run_in_progress' then
    raise;
  end if;
  update holdfast.settings s set value = to_jsonb(holdfast.utc(now())), updated_at = now()
  where s.name = 'backup_waiting' and s.value = 'null';
  return null;
end
$$;
comment on function holdfast.start_or_wait(text) is
  'Starts a backup, posts its first slice and returns its id; null where another run is in the way: then the tick starts it once that has ended.';

create function holdfast.start_scheduled_backup() returns text
  language plpgsql security definer set search_path = ''
as $$
declare
  id uuid := holdfast.start_or_wait('schedule');
  other holdfast.runs;
begin
  if id is not null then
    return format('Backup %s has started.', id);
  end if;
  select * into other from holdfast.runs r where r.state in ('running', 'sealing') limit 1;
  return format('The backup waits until the %s that is running has ended: %s.', other.kind, other.id);
end
$$;
comment on function holdfast.start_scheduled_backup() is
  'What the schedule runs: starts a backup, or lets it wait for the run that is in the way. Run it yourself to have one now.';

create function holdfast.save_project_url(url text) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  there uuid := (select s.id from vault.secrets s where s.name = 'holdfast_project_url');
begin
  if save_project_url.url !~ '^https?://[^/?#@[:space:]]+/?$' then
    raise exception 'project_url_invalid' using errcode = 'HF000',
      detail = format('%L is not the URL of a project.', save_project_url.url),
      hint = 'It begins with https:// and has no path: https://<project-ref>.supabase.co.';
  end if;
  if there is null then
    perform vault.create_secret(rtrim(url, '/'), 'holdfast_project_url', 'Holdfast: where to post slices');
  else
    perform vault.update_secret(there, rtrim(url, '/'));
  end if;
end
$$;
comment on function holdfast.save_project_url(text) is
  'Keeps in Vault where the project''s functions are; raises project_url_invalid.';

create function holdfast.schedule(cron_expression text, project_url text default null) returns text
  language plpgsql security definer set search_path = ''
as $$
declare
  next_backup timestamptz := holdfast.next_time(schedule.cron_expression, now());
begin
  if next_backup is null then
    raise exception 'schedule_invalid' using errcode = 'HF000',
      detail = format('%L is not a cron expression, or its time never comes.', schedule.cron_expression),
      hint = 'Give minute, hour, day of month, month and day of week, in UTC: ''0 2 * * *'' is each night at two.';
  end if;
  if schedule.project_url is not null then
    perform holdfast.save_project_url(schedule.project_url);
  elsif not exists (select from vault.secrets s where s.name = 'holdfast_project_url') then
    raise exception 'project_url_missing' using errcode = 'HF000',
      detail = 'Holdfast does not know the URL of this project yet, to which it posts.',
      hint = format('Name it: select holdfast.schedule(%L, ''https://<project-ref>.supabase.co'');',
        schedule.cron_expression);
  end if;
  begin
    perform cron.schedule('holdfast backup', btrim(schedule.cron_expression), 'select holdfast.start_scheduled_backup()');
  exception when invalid_parameter_value then
    raise exception 'schedule_invalid' using errcode = 'HF000', detail = sqlerrm,
      hint = 'This version of pg_cron does not know all of it. Use numbers, *, -, / and commas.';
  end;
  perform cron.schedule('holdfast tick', '* * * * *', 'select holdfast.tick()');
  perform holdfast.record_audit(session_user::text, 'schedule',
    jsonb_build_object('cron_expression', schedule.cron_expression, 'project_url', schedule.project_url));
  return format('Backups start at %L in UTC, next on %s. Slices are posted to %s.', btrim(schedule.cron_expression),
    to_char(next_backup at time zone 'UTC', 'YYYY-MM-DD "at" HH24:MI'),
    (select d.decrypted_secret from vault.decrypted_secrets d where d.name = 'holdfast_project_url'));
end
$$;
comment on function holdfast.schedule(text, text) is
  'Schedules backups at a cron expression in UTC, and the tick that sees to them; called again, it changes the time. The project''s URL is needed once.';

create function holdfast.unschedule() returns text
  language plpgsql security definer set search_path = ''
as $$
declare
  removed integer;
  running boolean := exists (select from holdfast.runs r where r.state in ('running', 'sealing'));
begin
  -- A run that is on keeps its tick, which goes when the run has ended.
  select count(cron.unschedule(j.jobid)) into removed from cron.job j
  where j.username = current_user
    and (j.jobname = 'holdfast backup' or (j.jobname = 'holdfast tick' and not running));
  perform holdfast.set('backup_waiting', 'null');
  if removed = 0 then
    return 'Nothing was scheduled.';
  end if;
  perform holdfast.record_audit(session_user::text, 'unschedule');
  return 'No backup is scheduled any more.' || case when running then ' The run that is on goes on.' else '' end;
end
$$;
comment on function holdfast.unschedule() is 'Removes the schedule and the tick, if they are there.';

revoke all on function holdfast.cron_values(text, integer, integer, text[]),
  holdfast.next_time(text, timestamptz), holdfast.start_or_wait(text), holdfast.start_scheduled_backup(),
  holdfast.save_project_url(text), holdfast.schedule(text, text), holdfast.unschedule() from public;
