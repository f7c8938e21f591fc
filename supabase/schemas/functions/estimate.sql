create function holdfast_private.copy_requests(size bigint) returns bigint
  language sql immutable
return case when size <= 8388608 then 2 else 2 * ceil(size / 8388608.0)::bigint + 2 end;
comment on function holdfast_private.copy_requests(bigint) is
  'Number of requests that copying this many bytes takes: a GET and a PUT; above 8 MiB, one of each per part and two to create and complete the upload.';

create function holdfast.estimate()
  returns table (bucket_id text, objects bigint, bytes bigint, requests bigint, egress_bytes bigint)
  language plpgsql security definer set search_path = '' set plan_cache_mode = force_custom_plan
as $$
declare
  scope holdfast_private.scope;
  own integer := holdfast_private.own_repository();
begin
  perform holdfast_private.check_settings();
  perform holdfast_private.assert_source_visible();
  perform holdfast_private.refresh_source();
  scope := holdfast_private.plan_scope(jsonb_build_object('settings', holdfast_private.all_settings()));
  return query
  with needed as (
    select o.bucket_id as id, count(*) as objects, sum(coalesce(o.size, 0)) as bytes,
      sum(holdfast_private.copy_requests(coalesce(o.size, 0))) as requests
    from holdfast_private.source_objects o
    where holdfast_private.in_scope(scope, o.bucket_id, o.name, o.size)
      and (own is null or not exists (
        select from holdfast_private.known_entries e
        where e.repository = own and e.bucket_id = o.bucket_id and e.name = o.name
          and e.version = o.version and e.blob is not null))
    group by o.bucket_id
  ), every_bucket as (
    select b.id, coalesce(n.objects, 0) as objects, coalesce(n.bytes, 0) as bytes, coalesce(n.requests, 0) as requests
    from holdfast_private.source_buckets(scope) b left join needed n on n.id = b.id
  )
  select l.id, l.objects::bigint, l.bytes::bigint, l.requests::bigint, l.bytes::bigint
  from (
    select e.id, e.objects, e.bytes, e.requests, 1 as location from every_bucket e
    union all
    select '(all)', coalesce(sum(e.objects), 0), coalesce(sum(e.bytes), 0), coalesce(sum(e.requests), 0), 2
    from every_bucket e) as l
  order by l.location, l.id;
end
$$;
comment on function holdfast.estimate() is
  'What the next backup would copy with the current settings, by bucket and in total. requests: a GET from Storage and a PUT to S3 per object; above 8 MiB, one of each per part and two more. A run adds a few requests. egress_bytes: bytes that Storage sends. Moved objects are counted although their bytes are held. It works before any secret is set.';
