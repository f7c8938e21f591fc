-- A user's bucket may be called holdfast-assets. Out of scope are only the buckets that Holdfast makes
-- itself, by the whole form of their ids.

create function holdfast.is_own_bucket(bucket_id text) returns boolean
  language sql immutable parallel safe
-- The first half costs a sweep nothing for a name that begins otherwise.
return left(bucket_id, 9) = 'holdfast-'
  and bucket_id ~ '^holdfast-(scratch|drill)-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$';
comment on function holdfast.is_own_bucket(text) is
  'Whether Holdfast made a bucket: scratch and drill buckets bear the id of their run.';

create or replace function holdfast.in_scope(scope holdfast.scope, bucket_id text, name text, size bigint)
  returns boolean language sql immutable parallel safe
return not holdfast.is_own_bucket(bucket_id)
  and ((scope).buckets is null or bucket_id = any ((scope).buckets))
  and ((scope).include is null or (bucket_id || '/' || name) ~ any ((scope).include))
  and ((scope).exclude is null or not (bucket_id || '/' || name) ~ any ((scope).exclude))
  and ((scope).max_object_bytes is null or coalesce(size, 0) <= (scope).max_object_bytes);

create or replace function holdfast.source_buckets(scope holdfast.scope) returns setof storage.buckets
  language sql stable security definer set search_path = ''
as $$
  select b.* from storage.buckets b
  where coalesce(to_jsonb(b) ->> 'type', 'STANDARD') = 'STANDARD' and not holdfast.is_own_bucket(b.id)
    and ((scope).buckets is null or b.id = any ((scope).buckets))
$$;

revoke all on function holdfast.is_own_bucket(text) from public;
