-- Is Storage out, or does it lack the bytes of one object? Both may look the same to whoever reads
-- that object; so objects are named that were readable, to be read again.

create function holdfast.readable_objects(max_objects integer) returns jsonb
  language sql volatile security definer set search_path = '' set plan_cache_mode = force_custom_plan
as $$
  -- Of as many buckets as there are: bytes are lost by the bucket.
  select coalesce(jsonb_agg(jsonb_build_object('bucket_id', held.bucket_id, 'name', held.name)), '[]') from (
    select one.bucket_id, one.name
    from holdfast.runs r cross join storage.buckets b
      cross join lateral (
        select sample.bucket_id, sample.name from (
          select e.bucket_id, e.name, e.version from holdfast.known_entries e
          where e.repository = r.repository and e.bucket_id = b.id collate "C" and e.removed_in is null
            and e.blob is not null and e.wanted_version is null
          limit 20) as sample
        where exists (
          select from holdfast.source_objects o
          where o.bucket_id = sample.bucket_id collate "default" and o.name = sample.name
            and o.version = sample.version and o.size > 0)
        limit 1) as one
    where r.state = 'running'
    order by random() limit readable_objects.max_objects) as held
$$;
comment on function holdfast.readable_objects(integer) is
  'Some objects of the project whose bytes the running run''s repository holds as they are now: Storage gave them once.';

create function holdfast.storage_was_doubted() returns boolean
  language sql stable security definer set search_path = ''
as $$
  select exists (
    select from holdfast.runs r join holdfast.failures f on f.run = r.id
    where r.state = 'running' and f.code = 'storage_failed')
$$;
comment on function holdfast.storage_was_doubted() is
  'Whether the running run already passed an object that Storage did not give, instead of waiting for it.';

revoke all on function holdfast.readable_objects(integer), holdfast.storage_was_doubted() from public;
grant execute on function holdfast.readable_objects(integer), holdfast.storage_was_doubted() to holdfast_worker;
