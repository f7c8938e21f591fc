create view holdfast_private.listed_entries as
select e.*, (jsonb_strip_nulls(jsonb_build_object(
    'op', 'put', 'bucket', e.bucket_id, 'name', e.name, 'id', e.object_id, 'version', e.version,
    'key', e.key, 'size', e.size, 'sha256', encode(e.sha256, 'hex'), 'part_size', e.part_size,
    'assumed', nullif(e.assumed, false), 'wanted_version', e.wanted_version, 'code', e.code))
  || e.metadata)::text as line
from holdfast_private.known_entries e;
comment on view holdfast_private.listed_entries is 'Entries, each with its line in a listing.';
