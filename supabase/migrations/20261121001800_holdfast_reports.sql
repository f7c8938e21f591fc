-- What people look at: an estimate before anything is set up, the state at a glance, the nights,
-- and what the functions answer about runs and snapshots.

create function holdfast.check_settings() returns void
  language plpgsql stable security definer set search_path = ''
as $$
declare
  faults text;
begin
  select string_agg(s.name || ' must be ' || rule.says, '; ' order by s.name) into faults
  from holdfast.settings s join (values
    ('buckets', 'null or a list of bucket ids'), ('include', 'a list of at least one glob'),
    ('exclude', 'a list of globs'), ('max_object_bytes', 'null or a whole number above 0'),
    ('lanes', 'a whole number from 1 to 16'), ('maximum_age_hours', 'null or a number above 0'),
    ('max_bytes_per_second', 'null or a whole number above 0'),
    ('max_requests_per_second', 'null or a number above 0'),
    ('max_egress_bytes_per_day', 'null or a whole number above 0'),
    ('max_egress_bytes_per_month', 'null or a whole number above 0')
  ) as rule (name, says) on rule.name = s.name
  where not case
    when s.name in ('buckets', 'include', 'exclude') then
      (s.name = 'buckets' and s.value = 'null') or (jsonb_typeof(s.value) = 'array'
        and not jsonb_path_exists(s.value, '$[*] ? (@.type() != "string" || @ == "")')
        and not (s.name = 'include' and s.value = '[]'))
    when s.name not in ('include', 'exclude', 'lanes') and s.value = 'null' then true
    when s.name = 'lanes' then s.value #>> '{}' ~ '^([1-9]|1[0-6])$' and jsonb_typeof(s.value) = 'number'
    when s.name in ('max_object_bytes', 'max_bytes_per_second', 'max_egress_bytes_per_day', 'max_egress_bytes_per_month') then
      s.value #>> '{}' ~ '^[1-9][0-9]{0,15}$' and jsonb_typeof(s.value) = 'number'
    else jsonb_path_exists(s.value, 'strict $ ? (@.type() == "number" && @ > 0)') end;
  if faults is not null then
    raise exception 'settings_invalid' using errcode = 'HF000', detail = faults || '.',
      hint = 'Correct each: select holdfast.set(name, value). See: select * from holdfast.settings.';
  end if;
end
$$;
comment on function holdfast.check_settings() is 'Raises settings_invalid, which names every setting that is wrong.';

create function holdfast.copy_requests(size bigint) returns bigint
  language sql immutable
return case when size <= 8388608 then 2 else 2 * ceil(size / 8388608.0)::bigint + 2 end;
comment on function holdfast.copy_requests(bigint) is
  'Requests that copying so many bytes takes: a GET and a PUT, or above 8 MiB one of each a part, and two to begin and complete.';

create function holdfast.estimate()
  returns table (bucket_id text, objects bigint, bytes bigint, requests bigint, egress_bytes bigint)
  language plpgsql security definer set search_path = '' set plan_cache_mode = force_custom_plan
as $$
declare
  scope holdfast.scope;
  own integer := holdfast.own_repository();
begin
  perform holdfast.check_settings();
  perform holdfast.assert_source_visible();
  perform holdfast.refresh_source();
  scope := holdfast.plan_scope(jsonb_build_object('settings', holdfast.all_settings()));
  return query
  with needed as (
    select o.bucket_id as id, count(*) as objects, sum(coalesce(o.size, 0)) as bytes,
      sum(holdfast.copy_requests(coalesce(o.size, 0))) as requests
    from holdfast.source_objects o
    where holdfast.in_scope(scope, o.bucket_id, o.name, o.size)
      and (own is null or not exists (
        select from holdfast.known_entries e
        where e.repository = own and e.bucket_id = o.bucket_id and e.name = o.name
          and e.version = o.version and e.blob is not null))
    group by o.bucket_id
  ), every_bucket as (
    select b.id, coalesce(n.objects, 0) as objects, coalesce(n.bytes, 0) as bytes, coalesce(n.requests, 0) as requests
    from holdfast.source_buckets(scope) b left join needed n on n.id = b.id
  )
  select l.id, l.objects::bigint, l.bytes::bigint, l.requests::bigint, l.bytes::bigint
  from (
    select e.id, e.objects, e.bytes, e.requests, 1 as place from every_bucket e
    union all
    select '(all)', coalesce(sum(e.objects), 0), coalesce(sum(e.bytes), 0), coalesce(sum(e.requests), 0), 2
    from every_bucket e) as l
  order by l.place, l.id;
end
$$;
comment on function holdfast.estimate() is
  'What the next backup would copy under the current settings, by bucket and in all. requests: a GET from Storage and a PUT to S3 an object, above 8 MiB one of each a part and two more; a run adds a few of its own. egress_bytes: what Storage sends. A moved object counts, though its bytes are held. Works before any secret is set.';

create function holdfast.run_counters(run_id uuid) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select coalesce(jsonb_object_agg(t.key, t.total), '{}') from (
    select n.key, sum(n.value::numeric) as total
    from holdfast.cursors c, jsonb_each_text(c.counters) n where c.run = run_counters.run_id group by n.key) as t
$$;
comment on function holdfast.run_counters(uuid) is 'What a run did so far, summed over its cursors.';

create function holdfast.run_stage(run_id uuid) returns text
  language sql stable security definer set search_path = ''
as $$
  select c.stage from holdfast.cursors c where c.run = run_stage.run_id and c.finished_at is null
  order by c.id limit 1
$$;
comment on function holdfast.run_stage(uuid) is 'The step that a run is at; null once it has ended.';

create function holdfast.run_summary(r holdfast.runs) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object(
    'id', (r).id, 'kind', (r).kind, 'state', (r).state, 'started_by', (r).started_by,
    'started_at', holdfast.utc((r).started_at), 'ended_at', holdfast.utc((r).ended_at),
    'paused', holdfast.pause_summary(r), 'code', (r).code, 'message', (r).message, 'remedy', (r).remedy, 'result', (r).result,
    'counters', holdfast.run_counters((r).id))
$$;
comment on function holdfast.run_summary(holdfast.runs) is 'A run as the functions answer it.';

create function holdfast.list_runs(max_rows integer, before timestamptz default null) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select coalesce(jsonb_agg(holdfast.run_summary(r) order by r.started_at desc), '[]')
  from (
    select * from holdfast.runs r
    where r.started_at < coalesce(list_runs.before, 'infinity')
    order by r.started_at desc limit list_runs.max_rows) as r
$$;
comment on function holdfast.list_runs(integer, timestamptz) is 'The newest runs, or the newest of those that began before a time.';

create function holdfast.show_run(run_id uuid, function_name text default null) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select holdfast.run_summary(r) || jsonb_build_object(
    -- By name, so that nothing that a plan may come to hold is shown unasked.
    'plan', (select coalesce(jsonb_object_agg(p.key, p.value), '{}') from jsonb_each(r.plan) p
      where p.key in ('settings', 'snapshot', 'dry_run', 'overwrite', 'take_over')),
    'stage', holdfast.run_stage(r.id),
    'cursors', (select jsonb_build_object('finished', count(*) filter (where c.finished_at is not null),
        'open', count(*) filter (where c.finished_at is null),
        'leased', count(*) filter (where c.lease_expires_at > clock_timestamp()))
      from holdfast.cursors c where c.run = r.id),
    'failures_total', (select count(*) from holdfast.failures f where f.run = r.id),
    'failures', (select coalesce(jsonb_agg(jsonb_build_object('bucket', f.bucket_id, 'name', f.name,
          'class', f.class, 'code', f.code, 'message', f.message, 'attempts', f.attempts)
          order by f.last_at desc, f.id desc), '[]')
      from (select * from holdfast.failures f where f.run = r.id order by f.last_at desc, f.id desc limit 100) as f))
  from holdfast.runs r
  where r.id = show_run.run_id
    and (show_run.function_name is null or holdfast.function_of(r.kind) = show_run.function_name)
$$;
comment on function holdfast.show_run(uuid, text) is
  'A run with its stage, its counters and the newest 100 objects that it could not do; null for an unknown id, and for a run of another function than the one that is named.';

create function holdfast.list_snapshots(max_rows integer) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object('id', s.id, 'state', s.state,
    'started_at', holdfast.utc(s.started_at), 'sealed_at', holdfast.utc(s.sealed_at),
    'project_url', s.document -> 'project_url', 'totals', s.document -> 'totals')
    order by s.sealed_at desc, s.sequence desc), '[]')
  from (select * from holdfast.snapshots order by sealed_at desc, sequence desc limit max_rows) as s
$$;
comment on function holdfast.list_snapshots(integer) is 'The newest snapshots in the catalog.';

revoke all on function holdfast.check_settings(), holdfast.copy_requests(bigint), holdfast.estimate(),
  holdfast.run_counters(uuid), holdfast.run_stage(uuid), holdfast.run_summary(holdfast.runs),
  holdfast.list_runs(integer, timestamptz), holdfast.show_run(uuid, text), holdfast.list_snapshots(integer) from public;
grant execute on function holdfast.list_runs(integer, timestamptz), holdfast.show_run(uuid, text),
  holdfast.list_snapshots(integer) to holdfast_worker;
