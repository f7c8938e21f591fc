-- Objects that a restore overwrites. An overwriting upload has no precondition. If a worker pauses or
-- crashes, its upload can arrive delayed and remove the user metadata that another worker has restored.
-- So the worker records its intent before it sends the upload. No other data distinguishes such a row
-- from one that a user wrote.

create table holdfast_private.overwrites (
  run uuid not null references holdfast_private.runs (id) on delete cascade,
  bucket_id text collate "C" not null,
  name text collate "C" not null,
  version text not null,
  metadata jsonb not null,
  keeps boolean not null,
  doubtful_at timestamptz,
  put text,
  etag text,
  primary key (run, bucket_id, name)
);
comment on table holdfast_private.overwrites is
  'Objects that a restore is about to overwrite. A committed row is removed with its page, unless another worker may still upload the object.';
comment on column holdfast_private.overwrites.run is 'The restore.';
comment on column holdfast_private.overwrites.bucket_id is 'Bucket of the object.';
comment on column holdfast_private.overwrites.name is 'Name of the object.';
comment on column holdfast_private.overwrites.version is 'The version before the first upload.';
comment on column holdfast_private.overwrites.metadata is
  'The metadata of the object''s row at that time. An upload keeps the owner and removes user metadata.';
comment on column holdfast_private.overwrites.keeps is
  'True if the row gets this metadata again, because only its bytes were lost. False if it gets the metadata of the snapshot.';
comment on column holdfast_private.overwrites.doubtful_at is
  'When the worker that recorded the row was found to have lost its lease before its commit. Its upload may still arrive.';
comment on column holdfast_private.overwrites.put is
  'The version whose row was last patched; null until a page with it is committed.';
comment on column holdfast_private.overwrites.etag is
  'ETag of that version. Another upload of the same bytes has the same ETag.';
alter table holdfast_private.overwrites enable row level security;

create index overwrites_location on holdfast_private.overwrites (bucket_id, name);
comment on index holdfast_private.overwrites_location is 'Finds the rows that restores recorded for an object.';

create index overwrites_doubtful on holdfast_private.overwrites (doubtful_at) where put is not null;
comment on index holdfast_private.overwrites_doubtful is 'Finds committed rows whose upload may still arrive.';
