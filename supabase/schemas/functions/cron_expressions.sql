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
