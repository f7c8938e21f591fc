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
