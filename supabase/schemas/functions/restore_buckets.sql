-- Buckets of a restore: those of the snapshot, those that it creates, and scratch buckets.

-- An earlier restore may have created a bucket and ended before it could set the size limit and the
-- owner. Without this check, the next restore would treat it as a user's bucket and leave it without
-- these settings.
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
  'Whether a bucket may have been created by a restore that ended before it patched the row.';

create function holdfast_private.matches_request(bucket jsonb, wanted jsonb) returns boolean
  language sql immutable set search_path = ''
as $$
  select bucket ->> 'name' = bucket ->> 'id' and bucket ->> 'owner_id' is null
    and bucket ->> 'public' is not distinct from wanted ->> 'public'
    -- Storage creates the bucket without a size limit if the project's own limit is lower.
    and coalesce(bucket ->> 'file_size_limit' = wanted ->> 'file_size_limit', bucket ->> 'file_size_limit' is null)
    and coalesce(nullif(bucket -> 'allowed_mime_types', '[]'), 'null')
      = coalesce(nullif(wanted -> 'allowed_mime_types', '[]'), 'null')
$$;
comment on function holdfast_private.matches_request(jsonb, jsonb) is
  'Whether a bucket''s row has the values that Storage sets when it creates a bucket with these settings.';

-- Records which buckets a restore creates itself. Others can create a bucket at any time, for example in
-- a project's migrations. A restore must not change the settings of such a bucket or overwrite its
-- objects. So the restore records its intent before each request, and the created buckets afterwards.
create function holdfast_private.record_bucket_intent(cursor_id bigint, owner uuid, made jsonb, asked jsonb) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(record_bucket_intent.cursor_id, record_bucket_intent.owner);
  new_position jsonb := jsonb_build_object('since', clock_timestamp()) || c.position
    || jsonb_build_object('made', record_bucket_intent.made, 'asked', record_bucket_intent.asked);
begin
  -- A repeated request for the same buckets is no progress. Otherwise an outage would never reach the
  -- limit of time without progress.
  if not (c.position @> new_position and new_position @> c.position) then
    perform holdfast_private.commit_cursor(c.id, record_bucket_intent.owner, new_position, '{}');
  end if;
end
$$;
comment on function holdfast_private.record_bucket_intent(bigint, uuid, jsonb, jsonb) is
  'Commits the ids of the buckets that a restore has created, and of those that it is about to request or got no response for.';

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
  'The snapshot''s buckets with all their settings, whether the target has them, and whether this run created them. The answer is perhaps if the run requested a bucket and got no response.';

-- A bucket that the target refuses to create is reported with the reason. For its objects, Storage only
-- returns that the bucket does not exist; an empty bucket would not be reported at all.
create function holdfast_private.restore_begin(cursor_id bigint, owner uuid, buckets jsonb) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(restore_begin.cursor_id, restore_begin.owner);
begin
  -- Sets what the API cannot set, or refused, on buckets that this run created. Other buckets are not
  -- changed.
  update storage.buckets t
  set name = case when exists (select from storage.buckets other where other.name = b ->> 'name') then t.name
      else b ->> 'name' end,
    owner_id = b ->> 'owner_id',
    -- As a double, the maximum of bigint is rounded up by one and would overflow.
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
  'Finishes the buckets stage: patches the created buckets, records the refused ones, and begins a cursor for each bucket.';

-- Scratch buckets of cancelled or failed restores. A successful restore removes its own.
create function holdfast_private.orphaned_scratch_buckets() returns jsonb
  language sql stable security definer set search_path = ''
as $$
  -- Only buckets of runs in this database, because another project may have a bucket with a similar
  -- name.
  select coalesce(jsonb_agg(b.id order by b.id), '[]')
  from storage.buckets b join holdfast_private.runs r on b.id = 'holdfast-scratch-' || r.id
  where r.kind = 'restore' and r.state not in ('running', 'sealing')
$$;
comment on function holdfast_private.orphaned_scratch_buckets() is
  'Ids of the scratch buckets that ended restores did not remove. The tick asks holdfast-restore to remove them.';
