-- What people look at: an estimate before anything is set up, the state at a glance, the nights,
-- and what the functions answer about runs and snapshots.

create function holdfast.estimate()
  returns table (bucket_id text, objects bigint, bytes numeric, requests numeric, egress_bytes numeric)
  language plpgsql stable security definer set search_path = ''
as $$
declare
  scope holdfast.scope := holdfast.plan_scope(jsonb_build_object('settings', holdfast.all_settings()));
  -- Above one part an object is read and put part by part, and its upload begun and completed.
  part_bytes constant numeric := 8 * 1024 * 1024;
begin
  return query
  select coalesce(e.bucket, '(all)'), count(*), coalesce(sum(e.size), 0),
    coalesce(sum(case when e.size <= part_bytes then 2 else 2 * ceil(e.size / part_bytes) + 2 end), 0),
    coalesce(sum(e.size), 0)
  from (
    select o.bucket_id as bucket, coalesce(o.size, 0)::numeric as size from holdfast.source_objects o
    where holdfast.in_scope(scope, o.bucket_id, o.name, o.size)
      and not exists (
        select from holdfast.entries h join holdfast.repositories r on r.id = h.repository
        where r.owner_project = holdfast.setting('project_url') #>> '{}' and h.bucket_id = o.bucket_id
          and h.name = o.name and h.version = o.version and h.blob is not null)
  ) as e
  group by rollup (e.bucket) order by e.bucket nulls last;
end
$$;
comment on function holdfast.estimate() is
  'What the next backup would copy under the current settings, by bucket and in all: objects, bytes, requests (a GET and a PUT each, and by parts of 8 MiB above that) and egress from Storage. Works before any secret is set.';

create function holdfast.run_counters(run_id uuid) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select coalesce(jsonb_object_agg(t.key, t.total), '{}') from (
    select n.key, sum(n.value::numeric) as total
    from holdfast.cursors c, jsonb_each_text(c.counters) n where c.run = run_counters.run_id group by n.key) as t
$$;
comment on function holdfast.run_counters(uuid) is 'What a run did so far, summed over its cursors.';

create function holdfast.run_summary(r holdfast.runs) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object(
    'id', (r).id, 'kind', (r).kind, 'state', (r).state, 'started_by', (r).started_by,
    'started_at', holdfast.utc((r).started_at), 'ended_at', holdfast.utc((r).ended_at),
    'code', (r).code, 'message', (r).message, 'remedy', (r).remedy, 'result', (r).result,
    'counters', holdfast.run_counters((r).id))
$$;
comment on function holdfast.run_summary(holdfast.runs) is 'A run as the functions answer it.';

create function holdfast.list_runs(max_rows integer) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select coalesce(jsonb_agg(holdfast.run_summary(r) order by r.started_at desc), '[]')
  from (select * from holdfast.runs order by started_at desc limit max_rows) as r
$$;
comment on function holdfast.list_runs(integer) is 'The newest runs.';

create function holdfast.show_run(run_id uuid) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select holdfast.run_summary(r) || jsonb_build_object(
    'plan', r.plan,
    'stage', (select c.stage from holdfast.cursors c where c.run = r.id and c.finished_at is null
      order by c.id limit 1),
    'cursors', (select jsonb_build_object('finished', count(*) filter (where c.finished_at is not null),
        'open', count(*) filter (where c.finished_at is null),
        'leased', count(*) filter (where c.lease_expires_at > clock_timestamp()))
      from holdfast.cursors c where c.run = r.id),
    'failures_total', (select count(*) from holdfast.failures f where f.run = r.id),
    'failures', (select coalesce(jsonb_agg(jsonb_build_object('bucket', f.bucket_id, 'name', f.name,
          'class', f.class, 'code', f.code, 'message', f.message, 'attempts', f.attempts)), '[]')
      from (select * from holdfast.failures f where f.run = r.id order by f.id limit 100) as f))
  from holdfast.runs r where r.id = show_run.run_id
$$;
comment on function holdfast.show_run(uuid) is
  'A run with its stage, its counters and the first 100 objects that it could not do; null for an unknown id.';

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

create view holdfast.status as
with last_snapshot as (
  select s.* from holdfast.snapshots s join holdfast.repositories r on r.id = s.repository
  where r.owner_project = holdfast.setting('project_url') #>> '{}'
  order by s.sealed_at desc limit 1
), running as (
  select * from holdfast.runs where state in ('running', 'sealing') order by started_at desc limit 1
), last_backup as (
  select * from holdfast.runs where kind = 'backup' and state not in ('running', 'sealing', 'cancelled')
  order by started_at desc limit 1
), counters as (
  select r.id, holdfast.run_counters(r.id) as done from running r
)
select
  case
    when s.id is null and r.kind = 'backup' then 'the first backup is running'
    when b.state = 'failed' then 'the last backup failed: ' || coalesce(b.code, 'unknown')
    when s.id is null then 'no backup yet'
    when s.sealed_at < now() - interval '3 days' then 'protected, but the last backup is old'
    when s.state = 'partial' then 'protected, but some objects could not be copied'
    else 'protected'
  end as verdict,
  s.id as last_snapshot, s.state as last_snapshot_state, s.sealed_at as last_snapshot_at,
  date_trunc('second', now() - s.sealed_at) as last_snapshot_age,
  (s.document #>> '{totals,objects}')::bigint as objects,
  (s.document #>> '{totals,bytes}')::bigint as bytes,
  (s.document #>> '{totals,unavailable}')::bigint as unavailable,
  (s.document #>> '{totals,stale}')::bigint as stale,
  r.kind as running, r.id as running_id, r.started_at as running_since,
  (c.done ->> 'objects_copied')::bigint as objects_copied_so_far,
  (c.done ->> 'bytes_copied')::bigint as bytes_copied_so_far,
  case when b.state = 'failed' then b.message end as error,
  case when b.state = 'failed' then b.remedy end as remedy,
  (select j.schedule from cron.job j where j.jobname = 'holdfast backup' limit 1) as schedule
from (select) as one
  left join last_snapshot s on true
  left join running r on true
  left join counters c on c.id = r.id
  left join last_backup b on true;
comment on view holdfast.status is 'At a glance: is this project protected, since when, and what runs.';

create view holdfast.nights as
select r.started_at::date as night, r.state, r.started_at, r.ended_at,
  round(extract(epoch from r.ended_at - r.started_at)::numeric, 1) as seconds,
  coalesce((n.done ->> 'objects_copied')::bigint, 0) as copied,
  coalesce((n.done ->> 'objects_assumed')::bigint, 0) as moved_without_copying,
  coalesce((n.done ->> 'objects_held')::bigint, 0) as metadata_only,
  coalesce((n.done ->> 'objects_removed')::bigint, 0) as removed,
  coalesce((n.done ->> 'objects_excluded')::bigint, 0) as excluded,
  coalesce((n.done ->> 'objects_unavailable')::bigint, 0) as unavailable,
  coalesce((n.done ->> 'objects_failed')::bigint, 0) as failed,
  coalesce((n.done ->> 'bytes_copied')::bigint, 0) as bytes_copied,
  coalesce((n.done ->> 'storage_requests')::bigint, 0) as storage_requests,
  coalesce((n.done ->> 's3_requests')::bigint, 0) as s3_requests,
  (r.result #>> '{totals,objects}')::bigint as objects,
  (r.result #>> '{totals,bytes}')::bigint as bytes,
  r.result ->> 'snapshot' as snapshot, r.code
from holdfast.runs r, lateral (select holdfast.run_counters(r.id) as done) as n
where r.kind = 'backup'
order by r.started_at desc;
comment on view holdfast.nights is 'One row a backup, newest first, made to be charted.';

revoke all on holdfast.status, holdfast.nights from public;
revoke all on function holdfast.estimate(), holdfast.run_counters(uuid), holdfast.run_summary(holdfast.runs),
  holdfast.list_runs(integer), holdfast.show_run(uuid), holdfast.list_snapshots(integer) from public;
grant execute on function holdfast.list_runs(integer), holdfast.show_run(uuid),
  holdfast.list_snapshots(integer) to holdfast_worker;
