-- The catalog: Postgres's copy of what the repository holds. A cache: the bucket is the truth, and
-- an import builds these rows again from it.

create table holdfast.repositories (
  id integer generated always as identity primary key,
  repository_id uuid not null unique,
  endpoint text not null,
  bucket text not null,
  prefix text not null,
  format_version integer not null,
  owner_project text,
  last_record integer not null default 0,
  conditional_writes boolean not null,
  created_at timestamptz not null default now()
);
comment on table holdfast.repositories is 'Repositories that this database has met, its own or another''s.';
comment on column holdfast.repositories.id is 'Short number that other tables point at.';
comment on column holdfast.repositories.repository_id is 'The id in the repository''s holdfast.json.';
comment on column holdfast.repositories.endpoint is 'S3 endpoint it was last reached at.';
comment on column holdfast.repositories.bucket is 'S3 bucket it lies in.';
comment on column holdfast.repositories.prefix is 'Prefix in that bucket, without a slash at the end.';
comment on column holdfast.repositories.format_version is 'Format version in its holdfast.json.';
comment on column holdfast.repositories.owner_project is 'Project URL of the last owner record of its log.';
comment on column holdfast.repositories.last_record is 'Sequence of the last log record that the catalog holds.';
comment on column holdfast.repositories.conditional_writes is 'Whether the server honours If-None-Match, probed once.';
comment on column holdfast.repositories.created_at is 'When this database met it.';

create table holdfast.blobs (
  id bigint generated always as identity primary key,
  repository integer not null references holdfast.repositories (id),
  key text collate "C" not null,
  size bigint not null check (size >= 0),
  sha256 bytea not null check (length(sha256) = 32),
  part_size bigint check (part_size > 0),
  state text not null default 'held' check (state in ('held', 'damaged', 'missing')),
  unreachable_since timestamptz,
  unique (repository, key)
);
comment on table holdfast.blobs is 'Bytes held by a repository, each under one key that no other bytes ever use.';
comment on column holdfast.blobs.id is 'Number that entries point at.';
comment on column holdfast.blobs.repository is 'The repository that holds the bytes.';
comment on column holdfast.blobs.key is 'Key below the repository''s prefix.';
comment on column holdfast.blobs.size is 'Length in bytes.';
comment on column holdfast.blobs.sha256 is
  'SHA-256 of the bytes; where part_size is set, of the parts'' SHA-256 digests one after another.';
comment on column holdfast.blobs.part_size is 'Bytes of each part but the last, for a multipart upload.';
comment on column holdfast.blobs.state is 'What the last verify found.';
comment on column holdfast.blobs.unreachable_since is 'Since when no kept snapshot names it.';

create table holdfast.entries (
  repository integer not null references holdfast.repositories (id),
  bucket_id text collate "C" not null,
  name text collate "C" not null,
  added_in integer not null,
  removed_in integer,
  missing_in integer,
  object_id uuid,
  version text not null,
  blob bigint references holdfast.blobs (id),
  row_hash uuid not null,
  metadata jsonb not null,
  assumed boolean not null default false,
  wanted_version text,
  code text,
  primary key (repository, bucket_id, name, added_in),
  check (removed_in >= added_in),
  check (blob is not null or wanted_version is not null)
);
comment on table holdfast.entries is
  'What a repository knows of an object from one snapshot until another: its blob and its metadata.';
comment on column holdfast.entries.repository is 'The repository it belongs to.';
comment on column holdfast.entries.bucket_id is 'Storage bucket of the object.';
comment on column holdfast.entries.name is 'Name of the object. Compared by bytes, as the sweep does.';
comment on column holdfast.entries.added_in is 'Sequence of the run that added it.';
comment on column holdfast.entries.removed_in is 'Sequence of the run that closed it; null while open.';
comment on column holdfast.entries.missing_in is 'Sequence of the run that no longer found the name, before it is closed.';
comment on column holdfast.entries.object_id is 'storage.objects.id; survives overwrites and moves.';
comment on column holdfast.entries.version is 'Version of the bytes held, or, without a blob, the one wanted.';
comment on column holdfast.entries.blob is 'Its bytes; null where none are held.';
comment on column holdfast.entries.row_hash is 'Hash of what a restore would put back beside the bytes.';
comment on column holdfast.entries.metadata is
  'type, cache_control, user_metadata, owner_id, created_at, updated_at, etag of the row.';
comment on column holdfast.entries.assumed is
  'True while its bytes are known only by object id, etag and size, as after a move.';
comment on column holdfast.entries.wanted_version is 'The version that could not be had, where the entry is stale or has no blob.';
comment on column holdfast.entries.code is 'Why it could not be had.';

create index entries_object_id on holdfast.entries (repository, object_id) where removed_in is null;
comment on index holdfast.entries_object_id is 'Finds where a moved object was held before.';
create index entries_added_in on holdfast.entries (repository, added_in);
comment on index holdfast.entries_added_in is 'Finds what a snapshot has to list as put.';
create index entries_removed_in on holdfast.entries (repository, removed_in) where removed_in is not null;
comment on index holdfast.entries_removed_in is 'Finds what a snapshot has to list as removed.';
create index entries_missing_in on holdfast.entries (repository, missing_in, bucket_id, name)
  where missing_in is not null and removed_in is null;
comment on index holdfast.entries_missing_in is 'Finds the names that a run no longer found.';
create index entries_blob on holdfast.entries (blob);
comment on index holdfast.entries_blob is 'Finds the entries of a blob.';

create table holdfast.snapshots (
  repository integer not null references holdfast.repositories (id),
  sequence integer not null,
  id text not null,
  state text not null check (state in ('complete', 'partial')),
  started_at timestamptz not null,
  sealed_at timestamptz not null,
  document jsonb not null,
  primary key (repository, sequence),
  unique (repository, id)
);
comment on table holdfast.snapshots is 'Sealed states of a project in a repository.';
comment on column holdfast.snapshots.repository is 'The repository it lies in.';
comment on column holdfast.snapshots.sequence is 'Sequence of the run that sealed it; the order of snapshots.';
comment on column holdfast.snapshots.id is 'Its name: UTC time and sequence, as in its key.';
comment on column holdfast.snapshots.state is 'complete, or partial where an object that could be had was not.';
comment on column holdfast.snapshots.started_at is 'When its run started.';
comment on column holdfast.snapshots.sealed_at is 'When it was sealed.';
comment on column holdfast.snapshots.document is 'Its snapshot.json: parts, buckets, policies, totals.';

alter table holdfast.repositories enable row level security;
alter table holdfast.blobs enable row level security;
alter table holdfast.entries enable row level security;
alter table holdfast.snapshots enable row level security;
