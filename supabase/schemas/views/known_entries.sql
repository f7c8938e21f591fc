create view holdfast_private.known_entries as
select e.repository, e.bucket_id, e.name, e.added_in, e.removed_in, e.missing_in, e.object_id, e.version,
  e.blob, case when b.id is not null then coalesce(b.key, holdfast_private.plain_key(e.bucket_id, e.name, e.version)) end as key,
  b.size, b.sha256, b.part_size, e.type, e.cache_control, e.user_metadata, e.owner_id, e.created_at, e.updated_at,
  e.etag, holdfast_private.metadata(e.type, e.cache_control, e.user_metadata, e.owner_id, e.created_at, e.updated_at, e.etag)
    as metadata, e.assumed, e.wanted_version, e.code
from (
  select *, coalesce(version_uuid::text, version_text) as version,
    coalesce(owner_uuid::text, owner_text) as owner_id,
    coalesce(replace(etag_md5::text, '-', ''), etag_text) as etag
  from holdfast_private.entries) as e
  left join holdfast_private.blobs b on b.id = e.blob;
comment on view holdfast_private.known_entries is
  'Entries joined with their blobs, for all reads outside the code that writes them: key, owner and ETag as one column each, metadata as one object.';
