-- Derived from Holdfast's supabase/schemas, which is the place to read and to change.

set local check_function_bodies = off;

-- supabase/schemas/views/known_entries.sql

create view holdfast.known_entries as
select e.repository, e.bucket_id, e.name, e.added_in, e.removed_in, e.missing_in, e.object_id, e.version,
  e.blob, case when b.id is not null then coalesce(b.key, holdfast.plain_key(e.bucket_id, e.name, e.version)) end as key,
  b.size, b.sha256, b.part_size, e.type, e.cache_control, e.user_metadata, e.owner_id, e.created_at, e.updated_at,
  e.etag, holdfast.metadata(e.type, e.cache_control, e.user_metadata, e.owner_id, e.created_at, e.updated_at, e.etag)
    as metadata, e.assumed, e.wanted_version, e.code
from (
  select *, coalesce(version_uuid::text, version_text) as version,
    coalesce(owner_uuid::text, owner_text) as owner_id,
    coalesce(replace(etag_md5::text, '-', ''), etag_text) as etag
  from holdfast.entries) as e
  left join holdfast.blobs b on b.id = e.blob;
comment on view holdfast.known_entries is
  'Entries with their bytes, as everyone but whoever writes them reads them: key, owner and ETag whole, metadata as one object.';

-- supabase/schemas/views/listed_entries.sql

-- Sealing: list what changed since the last sealed snapshot, freeze the exact bytes of
-- snapshot.json, and mark the run sealed once they and the log record are in the repository.
create view holdfast.listed_entries as
select e.*, (jsonb_strip_nulls(jsonb_build_object(
    'op', 'put', 'bucket', e.bucket_id, 'name', e.name, 'id', e.object_id, 'version', e.version,
    'key', e.key, 'size', e.size, 'sha256', encode(e.sha256, 'hex'), 'part_size', e.part_size,
    'assumed', nullif(e.assumed, false), 'wanted_version', e.wanted_version, 'code', e.code))
  || e.metadata)::text as line
from holdfast.known_entries e;
comment on view holdfast.listed_entries is 'Entries, each with its line of a listing.';

-- supabase/schemas/views/source_objects.sql

create view holdfast.source_objects as
select r.*, holdfast.metadata(r.type, r.cache_control, r.user_metadata, r.owner_id, r.created_at, r.updated_at,
  r.etag) as metadata
from (
  select s.id, s.bucket_id, s.name collate "C" as name, s.version, s.size, s.etag, s.type, s.cache_control,
    s.user_metadata, s.owner_id, s.created_at, s.updated_at
  from holdfast.source_rows() s) as r;
comment on view holdfast.source_objects is
  'Live objects of this project as Holdfast reads them, whatever columns this Storage has. size and etag as the row states them. Compare bucket_id under the default collation, as its index is.';

-- supabase/schemas/functions/source_items.sql

-- Objects of the project as workers act on them.

create function holdfast.backup_item(repository integer, object_id uuid, bucket_id text, name text, version text,
  size bigint, etag text, metadata jsonb) returns table (item jsonb)
  language sql stable
begin atomic
  select jsonb_build_object(
    'bucket_id', bucket_id, 'name', name, 'object_id', object_id, 'version', version, 'size', size,
    'etag', etag, 'metadata', metadata,
    'blob', coalesce(held.blob, moved.blob), 'assumed', coalesce(held.assumed, moved.blob is not null))
  from (select) as one
    left join lateral (
      select e.blob, e.assumed from holdfast.known_entries e
      where e.repository = backup_item.repository and e.bucket_id = backup_item.bucket_id
        and e.name = backup_item.name and e.version = backup_item.version and e.blob is not null
      order by e.added_in desc limit 1) as held on true
    left join lateral (
      select e.blob from holdfast.known_entries e
      where held.blob is null and e.repository = backup_item.repository
        and holdfast.object_hash(e.object_id) = holdfast.object_hash(backup_item.object_id)
        and e.object_id = backup_item.object_id and e.removed_in is null and e.wanted_version is null
        and (e.bucket_id, e.name) <> (backup_item.bucket_id, backup_item.name)
        and e.etag = backup_item.etag and e.size = backup_item.size
      limit 1) as moved on true;
end;
comment on function holdfast.backup_item(integer, uuid, text, text, text, bigint, text, jsonb) is
  'An object as a slice acts on it. blob is set where its bytes are held: under this version, or, assumed, as the same object before a move.';

create function holdfast.object_now(bucket_id text, name text) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object('bucket_id', o.bucket_id, 'name', o.name, 'object_id', o.id,
    'version', o.version, 'size', o.size, 'etag', o.etag, 'metadata', o.metadata)
  from holdfast.source_objects o where o.bucket_id = object_now.bucket_id and o.name = object_now.name
$$;
comment on function holdfast.object_now(text, text) is
  'An object''s row as it is now, null if it is gone: asked again when a read did not give what the row had said.';

-- An object that is moved while it is read for the first time: no name of it was ever held, so none is
-- found missing, and where it went to the sweep may have been already.
create function holdfast.object_elsewhere(object_id uuid) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select i.item
  from holdfast.runs r join holdfast.source_objects o on o.id = object_elsewhere.object_id
    cross join lateral holdfast.backup_item(r.repository, o.id, o.bucket_id, o.name, o.version, o.size, o.etag,
      o.metadata) as i
  where r.kind = 'backup' and r.state = 'running'
    and holdfast.in_scope(holdfast.plan_scope(r.plan), o.bucket_id, o.name, o.size)
$$;
comment on function holdfast.object_elsewhere(uuid) is
  'An object by its id, under whichever name it has now, as a slice of the running backup acts on it; null where it is gone or out of scope.';

-- supabase/schemas/views/nights.sql

create view holdfast.nights as
select (r.started_at at time zone 'UTC')::date as night, r.state, r.started_at, r.ended_at,
  round(extract(epoch from r.ended_at - r.started_at)::numeric, 1) as seconds,
  n.copied, n.moved, n.metadata, n.removed, n.excluded, n.unavailable, n.failed,
  n.bytes_copied, n.storage_requests, n.s3_requests,
  (r.result #>> '{totals,objects}')::bigint as objects,
  (r.result #>> '{totals,bytes}')::bigint as bytes,
  r.result ->> 'snapshot' as snapshot, r.result ->> 'state' as snapshot_state, r.code
from holdfast.runs r
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
      from holdfast.cursors cc, jsonb_each_text(cc.counters) c where cc.run = r.id) as each_counter) as n
where r.kind = 'backup'
order by r.started_at desc;
comment on view holdfast.nights is
  'One row a backup, newest first, made to be charted: what it copied, followed, left and asked for.';

-- supabase/schemas/views/status.sql

create view holdfast.status as
with snapshot as (
  select s.* from holdfast.snapshots s where s.repository = holdfast.own_repository()
  order by s.sequence desc limit 1
), running as (
  select r.*, holdfast.is_paused(r) as paused, holdfast.run_stage(r.id) as stage, holdfast.run_counters(r.id) as done,
    holdfast.last_progress(r) as progress_at,
    -- The prepare stage takes seconds: where nobody leased it, no slice has come.
    r.started_at < now() - interval '3 minutes' and exists (
      select from holdfast.cursors c where c.run = r.id and c.stage = 'prepare' and c.finished_at is null
        and c.attempts = 0 and c.lease_owner is null) as unheard
  from holdfast.runs r where r.state in ('running', 'sealing') order by r.started_at desc limit 1
), ended as (
  select * from holdfast.runs r where r.kind = 'backup' and r.state in ('succeeded', 'failed')
  order by r.started_at desc limit 1
), job as (
  select j.schedule from cron.job j where j.jobname = 'holdfast backup' and j.active limit 1
), due as (
  select least(
    holdfast.next_time(j.schedule, s.started_at),
    s.sealed_at + holdfast.maximum_age()) as at
  from snapshot s left join job j on true
)
select
  case
    when r.unheard then format('the %s waits for its function: is %s deployed, and the project URL right?',
      r.kind, holdfast.function_of(r.kind))
    when r.kind = 'backup' and s.id is null and r.paused then format('the first backup is paused until %s: %s',
      holdfast.utc(r.paused_until), r.paused_message)
    when r.kind = 'backup' and s.id is null then 'running the first backup'
    when e.state = 'failed' then format('last backup failed: %s', coalesce(e.message, e.code))
    when s.id is null then 'no backup yet'
    when due.at < now() - interval '1 hour' and r.id is null then 'overdue'
    when due.at < now() - interval '1 hour' and r.kind <> 'backup' then format('overdue: the backup waits for the %s that is running',
      r.kind)
    when due.at < now() - interval '1 hour' and r.paused then format('overdue: the backup is paused until %s: %s',
      holdfast.utc(r.paused_until), r.paused_message)
    -- What commits is on its way, however long it takes.
    when due.at < now() - interval '1 hour' and r.progress_at < now() - interval '1 hour' then format(
      'overdue: the backup has got no further since %s', holdfast.utc(r.progress_at))
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
  j.schedule, holdfast.next_time(j.schedule, now()) as next_backup_at
from (select) as one
  left join snapshot s on true
  left join running r on true
  left join ended e on true
  left join job j on true
  left join due on true;
comment on view holdfast.status is
  'At a glance: is this project protected, since when, what runs, and what went wrong since the last backup that succeeded.';
