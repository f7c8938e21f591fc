-- Made of supabase/schemas by `deno task migration --baseline`: change it there.

-- functions/cron_expressions.sql

-- Computes the next time of a cron expression.

create function holdfast_private.cron_values(field text, lowest integer, highest integer, names text[] default '{}')
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
    -- pg_cron accepts a step only after a star or a range.
    if bounds is null or (bounds[1] is not null and bounds[2] is null and bounds[3] is not null) then
      return null;
    end if;
    select array_agg(coalesce(array_position(names, b.text) - 1 + lowest,
      case when b.text ~ '^[0-9]{1,2}$' then b.text::integer end) order by b.location)
    into numbers
    from unnest(array[coalesce(bounds[1], lowest::text), coalesce(bounds[2], bounds[1], highest::text)])
      with ordinality as b (text, location);
    if array_position(numbers, null) is not null or numbers[1] < lowest or numbers[2] > highest
      or numbers[1] > numbers[2] then
      return null;
    end if;
    found := found || array(select generate_series(numbers[1], numbers[2], coalesce(bounds[3], '1')::integer));
  end loop;
  return nullif(found, '{}');
end
$$;
comment on function holdfast_private.cron_values(text, integer, integer, text[]) is
  'The numbers that a field of a cron expression matches; null if the field is invalid.';

create function holdfast_private.next_time(cron_expression text, after timestamptz) returns timestamptz
  language plpgsql stable set search_path = ''
as $$
declare
  expression text := lower(btrim(next_time.cron_expression));
  fields text[] := regexp_split_to_array(case expression
    when '@hourly' then '0 * * * *' when '@daily' then '0 0 * * *' when '@midnight' then '0 0 * * *'
    when '@weekly' then '0 0 * * 0' when '@monthly' then '0 0 1 * *' when '@yearly' then '0 0 1 1 *'
    when '@annually' then '0 0 1 1 *' else expression end, '\s+');
  minutes integer[] := holdfast_private.cron_values(fields[1], 0, 59);
  hours integer[] := holdfast_private.cron_values(fields[2], 0, 23);
  -- $ is the last day of a month, since pg_cron 1.5.
  days integer[] := case fields[3] when '$' then '{}' else holdfast_private.cron_values(fields[3], 1, 31) end;
  months integer[] := holdfast_private.cron_values(fields[4], 1, 12,
    '{jan,feb,mar,apr,may,jun,jul,aug,sep,oct,nov,dec}');
  -- Both 0 and 7 mean Sunday.
  weekdays integer[] := array_replace(
    holdfast_private.cron_values(fields[5], 0, 7, '{sun,mon,tue,wed,thu,fri,sat}'), 7, 0);
  -- Cron's rule: if both day fields are restricted, one match is enough, unless one of them begins with
  -- a star.
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
      -- The time of the first matching day may have passed; the time of the second has not.
      order by d limit 2) as day
      cross join unnest(hours) h cross join unnest(minutes) m
      cross join lateral (select (day.d + make_interval(hours => h, mins => m)) at time zone 'UTC') as due (t)
    where due.t > next_time.after);
end
$$;
comment on function holdfast_private.next_time(text, timestamptz) is
  'The next time of a cron expression after a time, in UTC, as pg_cron evaluates it. Null if the expression is invalid or never matches.';

-- functions/schedule.sql

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

-- functions/tick.sql

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

-- functions/run_reports.sql

-- Reports on runs that the functions return.

create function holdfast_private.run_counters(run_id uuid) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select coalesce(jsonb_object_agg(t.key, t.total), '{}') from (
    select n.key, sum(n.value::numeric) as total
    from holdfast_private.cursors c, jsonb_each_text(c.counters) n where c.run = run_counters.run_id group by n.key) as t
$$;
comment on function holdfast_private.run_counters(uuid) is 'Counters of a run, summed over its cursors.';

create function holdfast_private.run_stage(run_id uuid) returns text
  language sql stable security definer set search_path = ''
as $$
  select c.stage from holdfast_private.cursors c where c.run = run_stage.run_id and c.finished_at is null
  order by c.id limit 1
$$;
comment on function holdfast_private.run_stage(uuid) is 'The current stage of a run; null once it has ended.';

create function holdfast_private.run_summary(r holdfast_private.runs) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object(
    'id', (r).id, 'kind', (r).kind, 'state', (r).state, 'started_by', (r).started_by,
    'started_at', holdfast_private.utc((r).started_at), 'ended_at', holdfast_private.utc((r).ended_at),
    'paused', holdfast_private.pause_summary(r), 'code', (r).code, 'message', (r).message, 'remedy', (r).remedy, 'result', (r).result,
    'counters', holdfast_private.run_counters((r).id))
$$;
comment on function holdfast_private.run_summary(holdfast_private.runs) is 'A run in the format that the functions return.';

create function holdfast_private.list_runs(max_rows integer, before timestamptz default null) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select coalesce(jsonb_agg(holdfast_private.run_summary(r) order by r.started_at desc), '[]')
  from (
    select * from holdfast_private.runs r
    where r.started_at < coalesce(list_runs.before, 'infinity')
    order by r.started_at desc limit list_runs.max_rows) as r
$$;
comment on function holdfast_private.list_runs(integer, timestamptz) is
  'The newest runs, or the newest of those that began before a time.';

create function holdfast_private.show_run(run_id uuid, function_name text default null) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select holdfast_private.run_summary(r) || jsonb_build_object(
    -- Selects plan fields by name, so that a field that is added later is not published by accident.
    'plan', (select coalesce(jsonb_object_agg(p.key, p.value), '{}') from jsonb_each(r.plan) p
      where p.key in ('settings', 'snapshot', 'dry_run', 'overwrite', 'take_over')),
    'stage', holdfast_private.run_stage(r.id),
    'cursors', (select jsonb_build_object('finished', count(*) filter (where c.finished_at is not null),
        'open', count(*) filter (where c.finished_at is null),
        'leased', count(*) filter (where c.lease_expires_at > clock_timestamp()))
      from holdfast_private.cursors c where c.run = r.id),
    'failures_total', (select count(*) from holdfast_private.failures f where f.run = r.id),
    'failures', (select coalesce(jsonb_agg(jsonb_build_object('bucket', f.bucket_id, 'name', f.name,
          'class', f.class, 'code', f.code, 'message', f.message, 'attempts', f.attempts)
          order by f.last_at desc, f.id desc), '[]')
      from (select * from holdfast_private.failures f where f.run = r.id order by f.last_at desc, f.id desc limit 100) as f))
  from holdfast_private.runs r
  where r.id = show_run.run_id
    and (show_run.function_name is null or holdfast_private.function_of(r.kind) = show_run.function_name)
$$;
comment on function holdfast_private.show_run(uuid, text) is
  'A run with its stage, its counters and its newest 100 failures. Null if the id is unknown or the run belongs to another function than the named one.';

-- functions/estimate.sql

create function holdfast_private.copy_requests(size bigint) returns bigint
  language sql immutable
return case when size <= 8388608 then 2 else 2 * ceil(size / 8388608.0)::bigint + 2 end;
comment on function holdfast_private.copy_requests(bigint) is
  'Number of requests that copying this many bytes takes: a GET and a PUT; above 8 MiB, one of each per part and two to create and complete the upload.';

create function holdfast.estimate()
  returns table (bucket_id text, objects bigint, bytes bigint, requests bigint, egress_bytes bigint)
  language plpgsql security definer set search_path = '' set plan_cache_mode = force_custom_plan
as $$
declare
  scope holdfast_private.scope;
  own integer := holdfast_private.own_repository();
begin
  perform holdfast_private.check_settings();
  perform holdfast_private.assert_source_visible();
  perform holdfast_private.refresh_source();
  scope := holdfast_private.plan_scope(jsonb_build_object('settings', holdfast_private.all_settings()));
  return query
  with needed as (
    select o.bucket_id as id, count(*) as objects, sum(coalesce(o.size, 0)) as bytes,
      sum(holdfast_private.copy_requests(coalesce(o.size, 0))) as requests
    from holdfast_private.source_objects o
    where holdfast_private.in_scope(scope, o.bucket_id, o.name, o.size)
      and (own is null or not exists (
        select from holdfast_private.known_entries e
        where e.repository = own and e.bucket_id = o.bucket_id and e.name = o.name
          and e.version = o.version and e.blob is not null))
    group by o.bucket_id
  ), every_bucket as (
    select b.id, coalesce(n.objects, 0) as objects, coalesce(n.bytes, 0) as bytes, coalesce(n.requests, 0) as requests
    from holdfast_private.source_buckets(scope) b left join needed n on n.id = b.id
  )
  select l.id, l.objects::bigint, l.bytes::bigint, l.requests::bigint, l.bytes::bigint
  from (
    select e.id, e.objects, e.bytes, e.requests, 1 as location from every_bucket e
    union all
    select '(all)', coalesce(sum(e.objects), 0), coalesce(sum(e.bytes), 0), coalesce(sum(e.requests), 0), 2
    from every_bucket e) as l
  order by l.location, l.id;
end
$$;
comment on function holdfast.estimate() is
  'What the next backup would copy with the current settings, by bucket and in total. requests: a GET from Storage and a PUT to S3 per object; above 8 MiB, one of each per part and two more. A run adds a few requests. egress_bytes: bytes that Storage sends. Moved objects are counted although their bytes are held. It works before any secret is set.';

-- views/status.sql

-- Protection status, for the SQL editor. It is fast at any repository size: it reads totals from the
-- snapshot instead of counting entries.

create view holdfast.status as
with snapshot as (
  select s.* from holdfast_private.snapshots s where s.repository = holdfast_private.own_repository()
  order by s.sequence desc limit 1
), running as (
  select r.*, holdfast_private.is_paused(r) as paused, holdfast_private.run_stage(r.id) as stage, holdfast_private.run_counters(r.id) as done,
    holdfast_private.last_progress(r) as progress_at,
    -- The prepare stage takes seconds. If no worker has leased it after 3 minutes, no slice has arrived.
    r.started_at < now() - interval '3 minutes' and exists (
      select from holdfast_private.cursors c where c.run = r.id and c.stage = 'prepare' and c.finished_at is null
        and c.attempts = 0 and c.lease_owner is null) as unheard
  from holdfast_private.runs r where r.state in ('running', 'sealing') order by r.started_at desc limit 1
), ended as (
  select * from holdfast_private.runs r where r.kind = 'backup' and r.state in ('succeeded', 'failed')
  order by r.started_at desc limit 1
), job as (
  select j.schedule from cron.job j where j.jobname = 'holdfast backup' and j.active limit 1
), due as (
  select least(
    holdfast_private.next_time(j.schedule, s.started_at),
    s.sealed_at + holdfast_private.maximum_age()) as at
  from snapshot s left join job j on true
)
select
  case
    when r.unheard then format('the %s waits for its function: is %s deployed, and the project URL right?',
      r.kind, holdfast_private.function_of(r.kind))
    when r.kind = 'backup' and s.id is null and r.paused then format('the first backup is paused until %s: %s',
      holdfast_private.utc(r.paused_until), r.paused_message)
    when r.kind = 'backup' and s.id is null then 'running the first backup'
    when e.state = 'failed' then format('last backup failed: %s', coalesce(e.message, e.code))
    when s.id is null then 'no backup yet'
    when due.at < now() - interval '1 hour' and r.id is null then 'overdue'
    when due.at < now() - interval '1 hour' and r.kind <> 'backup' then format('overdue: the backup waits for the %s that is running',
      r.kind)
    when due.at < now() - interval '1 hour' and r.paused then format('overdue: the backup is paused until %s: %s',
      holdfast_private.utc(r.paused_until), r.paused_message)
    -- A run that commits is making progress, at any speed.
    when due.at < now() - interval '1 hour' and r.progress_at < now() - interval '1 hour' then format(
      'overdue: the backup has got no further since %s', holdfast_private.utc(r.progress_at))
    when s.state = 'partial' then 'protected, but not all could be copied: see holdfast.failures'
    when j.schedule is null then 'protected, but no backup is scheduled'
    else 'protected'
  end as verdict,
  s.id as last_snapshot, s.state as last_snapshot_state, s.sealed_at as last_snapshot_at,
  date_trunc('second', now() - s.sealed_at) as last_snapshot_age,
  (s.document #>> '{totals,objects}')::bigint as objects,
  (s.document #>> '{totals,bytes}')::bigint as bytes,
  (s.document #>> '{totals,unavailable}')::bigint as unavailable,
  (s.document #>> '{totals,failed}')::bigint as failed,
  (s.document #>> '{totals,stale}')::bigint as stale,
  (s.document #>> '{totals,assumed}')::bigint as assumed,
  r.kind as running, r.id as running_id, r.stage as running_stage, r.started_at as running_since,
  case when r.paused then r.paused_until end as paused_until, case when r.paused then r.paused_message end as paused_because,
  (select sum(n.value::numeric)::bigint from jsonb_each_text(r.done) n
    where n.key in ('objects_copied', 'objects_assumed', 'objects_metadata', 'objects_held', 'objects_unavailable',
      'objects_failed', 'objects_restored', 'objects_already_right', 'objects_kept')) as objects_done,
  (select sum(n.value::numeric)::bigint from jsonb_each_text(r.done) n
    where n.key in ('bytes_copied', 'bytes_restored')) as bytes_done,
  case when e.state = 'failed' then e.code end as error_code,
  case when e.state = 'failed' then e.message end as error,
  case when e.state = 'failed' then e.remedy end as remedy,
  j.schedule, holdfast_private.next_time(j.schedule, now()) as next_backup_at
from (select) as one
  left join snapshot s on true
  left join running r on true
  left join ended e on true
  left join job j on true
  left join due on true;
comment on view holdfast.status is
  'Summary: whether this project is protected, since when, what is running, and which error occurred since the last successful backup.';

-- views/backup_history.sql

-- History of backups, for the SQL editor.

create view holdfast.backup_history as
select (r.started_at at time zone 'UTC')::date as day, r.state, r.started_at, r.ended_at,
  round(extract(epoch from r.ended_at - r.started_at)::numeric, 1) as seconds,
  n.copied, n.moved, n.metadata, n.removed, n.excluded, n.unavailable, n.failed,
  n.bytes_copied, n.storage_requests, n.s3_requests,
  (r.result #>> '{totals,objects}')::bigint as objects,
  (r.result #>> '{totals,bytes}')::bigint as bytes,
  r.result ->> 'snapshot' as snapshot, r.result ->> 'state' as snapshot_state, r.code
from holdfast_private.runs r
  cross join lateral (
    select coalesce(sum(v) filter (where k = 'objects_copied'), 0)::bigint as copied,
      coalesce(sum(v) filter (where k = 'objects_moved'), 0)::bigint as moved,
      coalesce(sum(v) filter (where k in ('objects_metadata', 'objects_held')), 0)::bigint as metadata,
      coalesce(sum(v) filter (where k = 'objects_removed'), 0)::bigint as removed,
      coalesce(sum(v) filter (where k = 'objects_excluded'), 0)::bigint as excluded,
      coalesce(sum(v) filter (where k = 'objects_unavailable'), 0)::bigint as unavailable,
      coalesce(sum(v) filter (where k = 'objects_failed'), 0)::bigint as failed,
      coalesce(sum(v) filter (where k = 'bytes_copied'), 0)::bigint as bytes_copied,
      coalesce(sum(v) filter (where k = 'storage_requests'), 0)::bigint as storage_requests,
      coalesce(sum(v) filter (where k = 's3_requests'), 0)::bigint as s3_requests
    from (
      select c.key as k, c.value::numeric as v
      from holdfast_private.cursors cc, jsonb_each_text(cc.counters) c where cc.run = r.id) as each_counter) as n
where r.kind = 'backup'
order by r.started_at desc;
comment on view holdfast.backup_history is
  'One row for each backup, newest first, suitable for charts: objects copied, moved, removed, excluded and failed, with bytes and requests.';

-- views/read.sql

-- Read-only views of the tables for users. They are in the same schema as the functions that users call.
-- The tables may change; these views stay compatible.

create view holdfast.settings as
select name, value, description, updated_at from holdfast_private.settings;
comment on view holdfast.settings is
  'What is backed up and how. Change a setting with: select holdfast.set(''exclude'', ''["cache/**"]'').';

create view holdfast.keys as
select id, scope, name, created_at, revoked_at from holdfast_private.keys;
comment on view holdfast.keys is 'Keys for Holdfast''s functions, without their digests.';

create view holdfast.audit as
select id, at, actor, action, detail from holdfast_private.audit;
comment on view holdfast.audit is 'Audit log: who created or revoked a key, started a run, or restored objects.';

create view holdfast.egress as
select day, kind, bytes from holdfast_private.egress;
comment on view holdfast.egress is 'Bytes read from Storage, by day and kind of run.';

create view holdfast.runs as
select id, kind, state, repository, sequence, started_by, started_at, ended_at, code, message, remedy,
  paused_until, paused_code, paused_message, result
from holdfast_private.runs;
comment on view holdfast.runs is 'Runs: each is one backup, restore, import, verify, prune or reconcile.';

create view holdfast.failures as
select id, run, job, bucket_id, name, version, class, code, message, attempts, first_at, last_at, next_at
from holdfast_private.failures;
comment on view holdfast.failures is 'Objects that could not be copied, with the reason.';

create view holdfast.snapshots as
select repository, sequence, id, state, started_at, sealed_at, document from holdfast_private.snapshots;
comment on view holdfast.snapshots is 'Sealed states of the project in a repository.';
