-- A restore's buckets: the snapshot's, those that it makes, and scratch buckets.

-- Buckets that an earlier restore made and ended before it could give them their settings: no size limit, no
-- owner. To the next one they were a user's, left as they are. And a bucket's name that another has by now,
-- which ended a restore before it put anything.
create function holdfast_private.created_by_failed_restore(bucket_id text, created_at timestamptz) returns boolean
  language sql stable security definer set search_path = ''
as $$
  select exists (
    select from holdfast_private.cursors c join holdfast_private.runs r on r.id = c.run
    where r.kind = 'restore' and r.state in ('failed', 'cancelled') and c.stage = 'buckets' and c.finished_at is null
      and (c.position -> 'made' ? created_by_failed_restore.bucket_id or c.position -> 'asked' ? created_by_failed_restore.bucket_id)
      and created_by_failed_restore.created_at between (c.position ->> 'since')::timestamptz
        and r.ended_at + interval '3 minutes')
$$;
comment on function holdfast_private.created_by_failed_restore(text, timestamptz) is
  'Whether a bucket may be one that a restore asked for which ended before it patched the row.';

create function holdfast_private.matches_request(bucket jsonb, wanted jsonb) returns boolean
  language sql immutable set search_path = ''
as $$
  select bucket ->> 'name' = bucket ->> 'id' and bucket ->> 'owner_id' is null
    and bucket ->> 'public' is not distinct from wanted ->> 'public'
    -- Without one where the project's own is below it.
    and coalesce(bucket ->> 'file_size_limit' = wanted ->> 'file_size_limit', bucket ->> 'file_size_limit' is null)
    and coalesce(nullif(bucket -> 'allowed_mime_types', '[]'), 'null')
      = coalesce(nullif(wanted -> 'allowed_mime_types', '[]'), 'null')
$$;
comment on function holdfast_private.matches_request(jsonb, jsonb) is
  'Whether a bucket''s row is as Storage makes it that was asked for one of these settings.';

-- Which buckets a restore made itself. Another's may come to be at any time, from a project's migrations
-- above all: its settings are not a restore's to touch, and nothing in it may be written over. So a
-- restore says which buckets it is about to ask for, and afterwards which it made.
create function holdfast_private.record_bucket_intent(cursor_id bigint, owner uuid, made jsonb, asked jsonb) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(record_bucket_intent.cursor_id, record_bucket_intent.owner);
  new_position jsonb := jsonb_build_object('since', clock_timestamp()) || c.position
    || jsonb_build_object('made', record_bucket_intent.made, 'asked', record_bucket_intent.asked);
begin
  -- To ask again for the same is no progress: an outage is waited for so long and no longer.
  if not (c.position @> new_position and new_position @> c.position) then
    perform holdfast_private.commit_cursor(c.id, record_bucket_intent.owner, new_position, '{}');
  end if;
end
$$;
comment on function holdfast_private.record_bucket_intent(bigint, uuid, jsonb, jsonb) is
  'Commits the ids of the buckets that a restore made so far, and of those it is about to ask for or had no answer about.';

create function holdfast_private.restore_buckets(cursor_id bigint, owner uuid) returns jsonb
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(restore_buckets.cursor_id, restore_buckets.owner);
  r holdfast_private.runs := (select runs from holdfast_private.runs where runs.id = c.run);
begin
  return (
    select coalesce(jsonb_agg(b || jsonb_build_object('exists', t.id is not null,
      'made', case
        when t.id is null then 'no'
        when c.position -> 'made' ? (b ->> 'id') then 'yes'
        when c.position -> 'asked' ? (b ->> 'id') or holdfast_private.created_by_failed_restore(t.id, t.created_at) then 'perhaps'
        else 'no' end) order by b ->> 'id'), '[]')
    from holdfast_private.snapshot_buckets(r.repository, (r.result ->> 'sequence')::integer) b
      left join storage.buckets t on t.id = b ->> 'id');
end
$$;
comment on function holdfast_private.restore_buckets(bigint, uuid) is
  'The snapshot''s buckets with all their settings, whether the target has them, and whether this run made them: perhaps, where it asked for one and had no answer.';

-- A bucket that the target does not make is named with the reason: of its objects Storage only says that
-- there is no such bucket, and of an empty one nobody would say anything.
create function holdfast_private.restore_begin(cursor_id bigint, owner uuid, buckets jsonb) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(restore_begin.cursor_id, restore_begin.owner);
begin
  -- What the API can't set of a bucket that this run made, or would not; live ones are not touched.
  update storage.buckets t
  set name = case when exists (select from storage.buckets other where other.name = b ->> 'name') then t.name
      else b ->> 'name' end,
    owner_id = b ->> 'owner_id',
    -- Read as a double, the largest is one above what there is.
    file_size_limit = case when b ->> 'file_size_limit' is not null
      then least((b ->> 'file_size_limit')::numeric, 9223372036854775807)::bigint end,
    avif_autodetection = coalesce((b ->> 'avif_autodetection')::boolean, t.avif_autodetection),
    created_at = coalesce((b ->> 'created_at')::timestamptz, t.created_at)
  from jsonb_array_elements(buckets) b
  where t.id = b ->> 'id' and (b ->> 'made' = 'yes' or b ->> 'made' = 'perhaps'
    and (t.created_at >= (c.position ->> 'since')::timestamptz or holdfast_private.created_by_failed_restore(t.id, t.created_at))
    and holdfast_private.matches_request(to_jsonb(t), b));
  update holdfast_private.runs r
  set result = r.result || jsonb_build_object('buckets_refused', (
    select jsonb_object_agg(b ->> 'id', b ->> 'refused')
    from jsonb_array_elements(buckets) b where b ->> 'refused' is not null))
  where r.id = c.run and exists (
    select from jsonb_array_elements(buckets) b where b ->> 'refused' is not null);
  insert into holdfast_private.cursors (run, stage, bucket_id, position)
  select c.run, 'objects', b ->> 'id', jsonb_build_object('direct', b -> 'direct')
  from jsonb_array_elements(buckets) b order by b ->> 'id';
  insert into holdfast_private.cursors (run, stage) select c.run, 'finish' where jsonb_array_length(buckets) = 0;
  perform holdfast_private.finish_cursor(c.id, restore_begin.owner);
end
$$;
comment on function holdfast_private.restore_begin(bigint, uuid, jsonb) is
  'Finishes the buckets stage: patches the buckets that were made, names those that were refused, and begins a cursor for each.';

-- Scratch buckets of restores that were cancelled, or that failed: a restore that ends well removes
-- its own.
create function holdfast_private.orphaned_scratch_buckets() returns jsonb
  language sql stable security definer set search_path = ''
as $$
  -- Only of runs that this database knows: another project may have made what bears a like name.
  select coalesce(jsonb_agg(b.id order by b.id), '[]')
  from storage.buckets b join holdfast_private.runs r on b.id = 'holdfast-scratch-' || r.id
  where r.kind = 'restore' and r.state not in ('running', 'sealing')
$$;
comment on function holdfast_private.orphaned_scratch_buckets() is
  'Ids of the scratch buckets that restores left which have ended: the tick asks holdfast-restore to remove them.';
