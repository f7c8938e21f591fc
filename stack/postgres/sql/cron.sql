-- A stand-in for the extension pg_cron 1.6: the same tables, functions, errors and privileges.
-- Jobs are run by cron.ts.

create schema cron;

create sequence cron.jobid_seq;
create sequence cron.runid_seq;

create table cron.job (
  jobid bigint primary key default nextval('cron.jobid_seq'),
  schedule text not null,
  command text not null,
  nodename text not null default 'localhost',
  nodeport integer not null default inet_server_port(),
  database text not null default current_database(),
  username text not null default current_user,
  active boolean not null default true,
  jobname text,
  constraint jobname_username_uniq unique (jobname, username)
);
alter table cron.job enable row level security;
create policy cron_job_policy on cron.job using (username = current_user);

create table cron.job_run_details (
  jobid bigint,
  runid bigint primary key default nextval('cron.runid_seq'),
  job_pid integer,
  database text,
  username text,
  command text,
  status text,
  return_message text,
  start_time timestamptz,
  end_time timestamptz
);
alter table cron.job_run_details enable row level security;
create policy cron_job_run_details_policy on cron.job_run_details using (username = current_user);

-- Whether a field of a schedule is a list of numbers, ranges and stepped ranges from lowest to
-- highest. pg_cron accepts names of months and of days of the week as numbers. Backward ranges and
-- steps above the highest number are refused here, although pg_cron accepts them.
create function cron.is_valid_field(field text, lowest integer, highest integer, names text[])
returns boolean
language plpgsql immutable set search_path = ''
as $$
declare
  part text;
  step integer;
  bounds integer[];
begin
  foreach part in array string_to_array(lower(field), ',') loop
    if part !~ '^(\*|[a-z0-9]{1,3}-[a-z0-9]{1,3})/[0-9]{1,2}$'
      and part !~ '^(\*|[a-z0-9]{1,3}(-[a-z0-9]{1,3})?)$'
    then
      return false;
    end if;
    step := coalesce(nullif(split_part(part, '/', 2), '')::integer, 1);
    if step not between 1 and highest then
      return false;
    end if;
    continue when part like '*%';
    bounds := array(
      select case
        when bound ~ '^[0-9]{1,2}$' then bound::integer
        else array_position(names, bound) - 1 + lowest
      end
      from unnest(string_to_array(split_part(part, '/', 1), '-')) with ordinality as b (bound, place)
      order by place
    );
    if array_position(bounds, null) is not null
      or bounds[1] < lowest
      or bounds[cardinality(bounds)] > highest
      or bounds[1] > bounds[cardinality(bounds)]
    then
      return false;
    end if;
  end loop;
  return true;
end
$$;

create function cron.is_valid_schedule(schedule text) returns boolean
language plpgsql immutable set search_path = ''
as $$
declare
  trimmed text := regexp_replace(schedule, '^\s+|\s+$', '', 'g');
  fields text[] := regexp_split_to_array(trimmed, '\s+');
begin
  if lower(trimmed) ~ '^([1-9]|[1-5][0-9])\s+seconds?$'
    or trimmed ~ '^@(hourly|daily|midnight|weekly|monthly|yearly|annually)$'
  then
    return true;
  end if;
  return cardinality(fields) = 5
    and cron.is_valid_field(fields[1], 0, 59, '{}')
    and cron.is_valid_field(fields[2], 0, 23, '{}')
    and (fields[3] = '$' or cron.is_valid_field(fields[3], 1, 31, '{}'))
    and cron.is_valid_field(
      fields[4], 1, 12, '{jan,feb,mar,apr,may,jun,jul,aug,sep,oct,nov,dec}'
    )
    and cron.is_valid_field(fields[5], 0, 7, '{sun,mon,tue,wed,thu,fri,sat}');
end
$$;

-- The real functions are written in C and act as the extension's owner on behalf of their caller.
-- These use two steps: the first reads the caller's name, the second runs with the owner's rights.
create function cron.check_schedule(schedule text) returns void
language plpgsql set search_path = ''
as $$
begin
  if not cron.is_valid_schedule(schedule) then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = format('invalid schedule: %s', schedule),
      hint = 'Use cron format (e.g. 5 4 * * *), or interval format ''[1-59] seconds''';
  end if;
end
$$;

create function cron.store_job(
  of_role text, job_name text, new_schedule text, new_command text
)
returns bigint
language plpgsql security definer set search_path = ''
as $$
declare
  stored bigint;
begin
  insert into cron.job as j (schedule, command, username, jobname)
  values (new_schedule, new_command, of_role, job_name)
  on conflict on constraint jobname_username_uniq do update
    set schedule = excluded.schedule, command = excluded.command, database = excluded.database
  returning j.jobid into stored;
  return stored;
end
$$;

create function cron.delete_job(of_role text, by_name text, by_id bigint) returns boolean
language plpgsql security definer set search_path = ''
as $$
declare
  owner text;
begin
  select j.username into owner
  from cron.job j
  where j.jobid = by_id or (j.jobname = by_name and j.username = of_role);
  if not found then
    raise exception using
      errcode = 'internal_error',
      message = 'could not find valid entry for job '
        || coalesce(quote_literal(by_name), by_id::text);
  end if;
  if owner <> of_role and not has_table_privilege(of_role, 'cron.job', 'delete') then
    raise exception using
      errcode = 'insufficient_privilege', message = 'permission denied for table job';
  end if;
  delete from cron.job j where j.jobid = by_id or (j.jobname = by_name and j.username = of_role);
  return true;
end
$$;

create function cron.schedule(job_name text, schedule text, command text) returns bigint
language plpgsql set search_path = ''
as $$
begin
  if job_name is null then
    raise exception using errcode = 'internal_error', message = 'job_name can not be NULL';
  elsif schedule is null then
    raise exception using errcode = 'internal_error', message = 'schedule can not be NULL';
  elsif command is null then
    raise exception using errcode = 'internal_error', message = 'command can not be NULL';
  end if;
  perform cron.check_schedule(schedule);
  return cron.store_job(current_user, job_name, schedule, command);
end
$$;

create function cron.schedule(schedule text, command text) returns bigint
language plpgsql strict set search_path = ''
as $$
begin
  perform cron.check_schedule(schedule);
  return cron.store_job(current_user, null, schedule, command);
end
$$;

create function cron.unschedule(job_name text) returns boolean
language sql strict set search_path = ''
as $$
  select cron.delete_job(current_user, job_name, null)
$$;

create function cron.unschedule(job_id bigint) returns boolean
language sql strict set search_path = ''
as $$
  select cron.delete_job(current_user, null, job_id)
$$;

create function cron.change_job(
  of_role text, by_id bigint, new_schedule text, new_command text, new_active boolean
)
returns void
language plpgsql security definer set search_path = ''
as $$
begin
  update cron.job j
  set
    schedule = coalesce(new_schedule, j.schedule),
    command = coalesce(new_command, j.command),
    active = coalesce(new_active, j.active)
  where j.jobid = by_id
    and (j.username = of_role or (select r.rolsuper from pg_roles r where r.rolname = of_role));
  if not found then
    raise exception using
      errcode = 'internal_error',
      message = format('Job %s does not exist or you don''t own it', by_id);
  end if;
end
$$;

-- A job keeps its role and database here. In pg_cron a superuser can change both.
create function cron.alter_job(
  job_id bigint,
  schedule text default null,
  command text default null,
  database text default null,
  username text default null,
  active boolean default null
)
returns void
language plpgsql set search_path = ''
as $$
begin
  if username is not null then
    raise exception using
      errcode = 'internal_error',
      message = 'must be superuser to alter username';
  elsif database is not null and database <> current_database() then
    raise exception using
      errcode = 'feature_not_supported',
      message = 'the stand-in for pg_cron runs jobs in this database alone';
  end if;
  if schedule is not null then
    perform cron.check_schedule(schedule);
  end if;
  perform cron.change_job(current_user, job_id, schedule, command, active);
end
$$;

grant select on cron.job to public;
grant select, delete on cron.job_run_details to public;
grant select on sequence cron.jobid_seq, cron.runid_seq to public;
revoke all on function cron.alter_job(bigint, text, text, text, text, boolean) from public;

grant usage on schema cron to postgres with grant option;
grant all on all functions in schema cron to postgres with grant option;
grant all on cron.job_run_details to postgres with grant option;
grant select on cron.job to postgres with grant option;
