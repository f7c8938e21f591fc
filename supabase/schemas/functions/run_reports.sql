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
