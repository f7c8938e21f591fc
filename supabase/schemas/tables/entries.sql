create table holdfast_private.entries (
  blob bigint references holdfast_private.blobs (id),
  created_at timestamptz,
  updated_at timestamptz,
  repository integer not null,
  added_in integer not null,
  removed_in integer,
  missing_in integer,
  object_id uuid,
  version_uuid uuid,
  owner_uuid uuid,
  etag_md5 uuid,
  assumed boolean not null default false,
  bucket_id text collate "C" not null,
  name text collate "C" not null,
  version_text text,
  type text,
  cache_control text,
  user_metadata jsonb,
  owner_text text,
  etag_text text,
  wanted_version text,
  code text,
  primary key (repository, bucket_id, name, added_in),
  check (removed_in >= added_in),
  check (num_nonnulls(version_uuid, version_text) = 1),
  check (blob is not null or wanted_version is not null)
);
comment on table holdfast_private.entries is
  'State of an object in a repository, from one snapshot until another: its blob and its metadata.';
comment on column holdfast_private.entries.blob is 'The blob with its bytes; null if no bytes are held.';
comment on column holdfast_private.entries.created_at is 'When the object was created, according to its row.';
comment on column holdfast_private.entries.updated_at is
  'When the object was last changed, according to its row. Comparisons ignore it.';
comment on column holdfast_private.entries.repository is 'The repository it belongs to.';
comment on column holdfast_private.entries.added_in is 'Sequence of the run that added it.';
comment on column holdfast_private.entries.removed_in is 'Sequence of the run that closed it; null while it is open.';
comment on column holdfast_private.entries.missing_in is
  'Sequence of the run that no longer found the name; set before the entry is closed.';
comment on column holdfast_private.entries.object_id is 'storage.objects.id; overwrites and moves keep it.';
comment on column holdfast_private.entries.version_uuid is
  'Version of the held bytes; without a blob, the wanted version. Set only if it is a UUID in the format that Postgres prints.';
comment on column holdfast_private.entries.owner_uuid is
  'The object''s owner_id, if it is a UUID in the format that Postgres prints.';
comment on column holdfast_private.entries.etag_md5 is
  'The row''s ETag, if it is 32 hex digits, as for an object that was uploaded in one part.';
comment on column holdfast_private.entries.assumed is
  'True while the bytes are identified only by object id, ETag and size, as after a move.';
comment on column holdfast_private.entries.bucket_id is 'Storage bucket of the object.';
comment on column holdfast_private.entries.name is 'Name of the object, compared by bytes, as in the scan.';
comment on column holdfast_private.entries.version_text is 'The version, if it is not a UUID.';
comment on column holdfast_private.entries.type is 'The object''s content type.';
comment on column holdfast_private.entries.cache_control is 'The object''s cache-control.';
comment on column holdfast_private.entries.user_metadata is
  'The object''s user metadata, any JSON value; null if there is none.';
comment on column holdfast_private.entries.owner_text is 'The object''s owner_id, if it is not a UUID.';
comment on column holdfast_private.entries.etag_text is 'The row''s ETag without quotes, if it is not 32 hex digits.';
comment on column holdfast_private.entries.wanted_version is
  'The version that could not be copied, if the entry is stale or has no blob.';
comment on column holdfast_private.entries.code is 'Stable code of the reason why it could not be copied.';
alter table holdfast_private.entries enable row level security;

-- The index is on a hash of the id, which has half its length. Inserts come in random order: a B-tree on
-- the ids themselves is half as large again, and a hash index is between the two.
create index entries_object_id on holdfast_private.entries (uuid_hash_extended(object_id, 0)) where removed_in is null;
comment on index holdfast_private.entries_object_id is
  'Finds the earlier entries of a moved object, by holdfast_private.object_hash.';

create index entries_added_in on holdfast_private.entries (repository, added_in);
comment on index holdfast_private.entries_added_in is 'Finds the entries that a snapshot lists as put.';

create index entries_removed_in on holdfast_private.entries (repository, removed_in) where removed_in is not null;
comment on index holdfast_private.entries_removed_in is 'Finds the entries that a snapshot lists as removed.';

create index entries_missing_in on holdfast_private.entries (repository, missing_in, bucket_id, name)
  where missing_in is not null and removed_in is null;
comment on index holdfast_private.entries_missing_in is 'Finds the names that a run no longer found.';

create index entries_wanted on holdfast_private.entries (repository, bucket_id, name)
  where wanted_version is not null and removed_in is null;
comment on index holdfast_private.entries_wanted is
  'Finds the objects that could not be copied, which the totals of a snapshot count.';

create index entries_blob on holdfast_private.entries (blob);
comment on index holdfast_private.entries_blob is
  'Finds the entries of a blob, from which a key that is not stored is derived.';
