create view holdfast_private.source_objects as
select r.*, holdfast_private.metadata(r.type, r.cache_control, r.user_metadata, r.owner_id, r.created_at, r.updated_at,
  r.etag) as metadata
from (
  select s.id, s.bucket_id, s.name collate "C" as name, s.version, s.size, s.etag, s.type, s.cache_control,
    s.user_metadata, s.owner_id, s.created_at, s.updated_at
  from holdfast_private.source_rows() s) as r;
comment on view holdfast_private.source_objects is
  'Live objects of this project as Holdfast reads them, independent of the columns of this Storage version. size and etag are the values in the row. Compare bucket_id under the default collation, because its index uses that collation.';
