-- What users allow Holdfast to read from Storage, and what was read.

create function holdfast.add_egress(run_id uuid, done jsonb) returns void
  language sql security definer set search_path = ''
as $$
  insert into holdfast.egress as e (day, kind, bytes)
  select holdfast.utc_now()::date, r.kind, (add_egress.done ->> 'bytes_read')::numeric::bigint
  from holdfast.runs r where r.id = add_egress.run_id and (add_egress.done ->> 'bytes_read')::numeric > 0
  on conflict (day, kind) do update set bytes = e.bytes + excluded.bytes
$$;
comment on function holdfast.add_egress(uuid, jsonb) is
  'Counts the bytes_read among a commit''s counters, in its transaction.';

create function holdfast.egress_since(first_day date) returns numeric
  language sql stable security definer set search_path = ''
as $$ select coalesce(sum(e.bytes), 0) from holdfast.egress e where e.day >= egress_since.first_day $$;
comment on function holdfast.egress_since(date) is 'Bytes that were read from Storage since the beginning of a day.';

create function holdfast.egress_limit_reached(out setting text, out allowed numeric, out used numeric, out until timestamptz)
  language sql volatile security definer set search_path = ''
as $$
  select w.setting, l.allowed, u.used, w.ends at time zone 'UTC'
  from (values
      ('max_egress_bytes_per_day', date_trunc('day', holdfast.utc_now()), interval '1 day'),
      ('max_egress_bytes_per_month', date_trunc('month', holdfast.utc_now()), interval '1 month')
    ) as v (setting, begins, lasts)
    cross join lateral (select v.setting, v.begins::date, v.begins + v.lasts) as w (setting, begins, ends)
    cross join lateral (select holdfast.limit_setting(w.setting)) as l (allowed)
    cross join lateral (select holdfast.egress_since(w.begins)) as u (used)
  where u.used >= l.allowed
  order by w.ends desc limit 1
$$;
comment on function holdfast.egress_limit_reached() is
  'The limit of egress that is used up, with when its window turns; of two the one that lasts longer; all null where there is none.';

create function holdfast.lane_limits(plan jsonb) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  -- Lanes know nothing of each other: each keeps to its part, though the others may be idle.
  select jsonb_build_object(
    'bytes_per_second', (holdfast.limit_setting('max_bytes_per_second') / holdfast.plan_lanes(plan))::float,
    'requests_per_second', (holdfast.limit_setting('max_requests_per_second') / holdfast.plan_lanes(plan))::float,
    'egress', holdfast.limit_setting('max_egress_bytes_per_day') is not null
      or holdfast.limit_setting('max_egress_bytes_per_month') is not null)
$$;
comment on function holdfast.lane_limits(jsonb) is
  'What one lane may read from Storage: its part of what is set, null for no limit; and whether egress is limited.';

create function holdfast.may_read(cursor_id bigint, owner uuid) returns boolean
  language plpgsql security definer set search_path = ''
as $$
begin
  perform holdfast.require_lease(may_read.cursor_id, may_read.owner);
  return (holdfast.egress_limit_reached()).setting is null;
end
$$;
comment on function holdfast.may_read(bigint, uuid) is 'Whether a lane may read a page or part more: no limit of egress is reached.';
