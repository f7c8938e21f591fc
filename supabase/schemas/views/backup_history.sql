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
