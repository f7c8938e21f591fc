-- Limits on reading from Storage, bytes read so far, and pauses of runs. A run pauses when a limit is
-- reached or a server asks it to wait. A paused run still counts as the one running run. Nothing is
-- leased or posted for it until the pause ends or the limit is raised.

create function holdfast_private.add_egress(run_id uuid, done jsonb) returns void
  language sql security definer set search_path = ''
as $$
  insert into holdfast_private.egress as e (day, kind, bytes)
  select holdfast_private.utc_now()::date, r.kind, (add_egress.done ->> 'bytes_read')::numeric::bigint
  from holdfast_private.runs r where r.id = add_egress.run_id and (add_egress.done ->> 'bytes_read')::numeric > 0
  on conflict (day, kind) do update set bytes = e.bytes + excluded.bytes
$$;
comment on function holdfast_private.add_egress(uuid, jsonb) is
  'Adds bytes_read from a commit''s counters to the egress of the day, in the transaction of the commit.';

create function holdfast_private.egress_since(first_day date) returns numeric
  language sql stable security definer set search_path = ''
as $$ select coalesce(sum(e.bytes), 0) from holdfast_private.egress e where e.day >= egress_since.first_day $$;
comment on function holdfast_private.egress_since(date) is 'Bytes read from Storage since the beginning of a day.';

create function holdfast_private.egress_limit_reached(out setting text, out allowed numeric, out used numeric, out until timestamptz)
  language sql volatile security definer set search_path = ''
as $$
  select w.setting, l.allowed, u.used, w.ends at time zone 'UTC'
  from (values
      ('max_egress_bytes_per_day', date_trunc('day', holdfast_private.utc_now()), interval '1 day'),
      ('max_egress_bytes_per_month', date_trunc('month', holdfast_private.utc_now()), interval '1 month')
    ) as v (setting, begins, lasts)
    cross join lateral (select v.setting, v.begins::date, v.begins + v.lasts) as w (setting, begins, ends)
    cross join lateral (select holdfast_private.limit_setting(w.setting)) as l (allowed)
    cross join lateral (select holdfast_private.egress_since(w.begins)) as u (used)
  where u.used >= l.allowed
  order by w.ends desc limit 1
$$;
comment on function holdfast_private.egress_limit_reached() is
  'The egress limit that is used up, with the end of its period. If both are used up, the one that ends later. All null if no limit is reached.';

create function holdfast_private.is_paused(r holdfast_private.runs) returns boolean
  language sql volatile
return coalesce((r).paused_until > clock_timestamp(), false) and (r).state in ('running', 'sealing');
comment on function holdfast_private.is_paused(holdfast_private.runs) is
  'Whether a run is paused, so that nothing may be leased of it.';

create function holdfast_private.pause_summary(r holdfast_private.runs) returns jsonb
  language sql volatile security definer set search_path = ''
as $$
  select case when holdfast_private.is_paused(r) then jsonb_build_object('until', holdfast_private.utc((r).paused_until),
    'code', (r).paused_code, 'message', (r).paused_message) end
$$;
comment on function holdfast_private.pause_summary(holdfast_private.runs) is
  'Until when a run is paused, and why; null if it is not paused.';

create function holdfast_private.pause_run(run_id uuid, until timestamptz, code text, message text) returns boolean
  language plpgsql security definer set search_path = ''
as $$
declare
  r holdfast_private.runs;
  again boolean;
begin
  select * into r from holdfast_private.runs 
  where id = pause_run.run_id and state in ('running', 'sealing') for update;
  if not found or pause_run.until <= clock_timestamp() then
    return false;
  end if;
  again := holdfast_private.is_paused(r) and r.paused_code = pause_run.code;
  -- Several workers may report the same limit or server one after the other. The longest pause applies.
  if holdfast_private.is_paused(r) and r.paused_until >= pause_run.until then
    return false;
  end if;
  update holdfast_private.runs set paused_until = pause_run.until, paused_code = pause_run.code,
    paused_message = pause_run.message
  where id = r.id;
  if not again then
    perform holdfast_private.record_audit('holdfast', r.kind || '.pause', jsonb_build_object('run', r.id,
      'until', holdfast_private.utc(pause_run.until), 'code', pause_run.code, 'message', pause_run.message));
  end if;
  return not again;
end
$$;
comment on function holdfast_private.pause_run(uuid, timestamptz, text, text) is
  'Pauses a running run; of several pauses the longest applies. Returns whether the run is newly paused, which is then recorded in the audit log.';

create function holdfast_private.resume_run(run_id uuid) returns void
  language sql security definer set search_path = ''
as $$
  update holdfast_private.runs r
  set resumed_at = case when r.paused_code = 'paused_by_limit' then clock_timestamp() else r.resumed_at end,
    paused_until = null, paused_code = null, paused_message = null
  where r.id = resume_run.run_id and r.paused_until is not null
$$;
comment on function holdfast_private.resume_run(uuid) is
  'Ends the pause of a run. After a pause by a limit, the six hours without progress start again. After a pause that a server asked for, they do not.';

create function holdfast_private.resume_if_due(run_id uuid) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  r holdfast_private.runs;
begin
  -- Few runs are paused. If a run is not paused, its row must not be locked until the tick commits.
  -- Every heartbeat and commit of its workers needs the row.
  if not exists (
    select from holdfast_private.runs p where p.id = resume_if_due.run_id and p.paused_until is not null) then
    return;
  end if;
  select * into r from holdfast_private.runs where id = resume_if_due.run_id for update;
  if r.paused_until is not null and (not holdfast_private.is_paused(r)
    or (r.paused_code = 'paused_by_limit' and (holdfast_private.egress_limit_reached()).setting is null)) then
    perform holdfast_private.resume_run(r.id);
  end if;
end
$$;
comment on function holdfast_private.resume_if_due(uuid) is
  'Ends the pause of a run if its time has passed or its limit was raised.';
