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
  'What a repository knows of an object from one snapshot until another: its blob and its metadata.';
comment on column holdfast_private.entries.blob is 'Its bytes; null where none are held.';
comment on column holdfast_private.entries.created_at is 'When the object was created, as its row says.';
comment on column holdfast_private.entries.updated_at is 'When the object was changed last, as its row says; makes no difference.';
comment on column holdfast_private.entries.repository is 'The repository it belongs to.';
comment on column holdfast_private.entries.added_in is 'Sequence of the run that added it.';
comment on column holdfast_private.entries.removed_in is 'Sequence of the run that closed it; null while open.';
comment on column holdfast_private.entries.missing_in is 'Sequence of the run that no longer found the name, before it is closed.';
comment on column holdfast_private.entries.object_id is 'storage.objects.id; survives overwrites and moves.';
comment on column holdfast_private.entries.version_uuid is
  'Version of the bytes held, or, without a blob, the one wanted; where it is a UUID as Postgres writes it.';
comment on column holdfast_private.entries.owner_uuid is 'The object''s owner_id where it is a UUID as Postgres writes it.';
comment on column holdfast_private.entries.etag_md5 is 'The row''s ETag where it is 32 hex digits, as of what came in one part.';
comment on column holdfast_private.entries.assumed is
  'True while its bytes are known only by object id, etag and size, as after a move.';
comment on column holdfast_private.entries.bucket_id is 'Storage bucket of the object.';
comment on column holdfast_private.entries.name is 'Name of the object. Compared by bytes, as the scan does.';
comment on column holdfast_private.entries.version_text is 'The same where it is anything but a UUID.';
comment on column holdfast_private.entries.type is 'The object''s content type.';
comment on column holdfast_private.entries.cache_control is 'The object''s cache-control.';
comment on column holdfast_private.entries.user_metadata is 'The object''s user metadata, whatever JSON it is; null where it has none.';
comment on column holdfast_private.entries.owner_text is 'The object''s owner_id where it is anything but a UUID.';
comment on column holdfast_private.entries.etag_text is 'The row''s ETag where it is anything but 32 hex digits; without quotes.';
comment on column holdfast_private.entries.wanted_version is 'The version that could not be had, where the entry is stale or has no blob.';
comment on column holdfast_private.entries.code is 'Why it could not be had.';
alter table holdfast_private.entries enable row level security;

-- Of the id's hash, half as long: filled in no order, a B-tree of the ids themselves is half as large
-- again, and a hash index of any size between the two.
create index entries_object_id on holdfast_private.entries (uuid_hash_extended(object_id, 0)) where removed_in is null;
comment on index holdfast_private.entries_object_id is
  'Finds where a moved object was held before, by holdfast_private.object_hash.';

create index entries_added_in on holdfast_private.entries (repository, added_in);
comment on index holdfast_private.entries_added_in is 'Finds what a snapshot has to list as put.';

create index entries_removed_in on holdfast_private.entries (repository, removed_in) where removed_in is not null;
comment on index holdfast_private.entries_removed_in is 'Finds what a snapshot has to list as removed.';

create index entries_missing_in on holdfast_private.entries (repository, missing_in, bucket_id, name)
  where missing_in is not null and removed_in is null;
comment on index holdfast_private.entries_missing_in is 'Finds the names that a run no longer found.';

create index entries_wanted on holdfast_private.entries (repository, bucket_id, name)
  where wanted_version is not null and removed_in is null;
comment on index holdfast_private.entries_wanted is 'Finds what could not be had, which the totals of a snapshot count.';

create index entries_blob on holdfast_private.entries (blob);
comment on index holdfast_private.entries_blob is 'Finds the entries of a blob: by them a key is known that is not spelled out.';
