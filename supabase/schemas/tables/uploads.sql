-- Large uploads continue across invocations and runs, so their state is stored here.

create table holdfast_private.uploads (
  id bigint generated always as identity primary key,
  run uuid references holdfast_private.runs (id) on delete set null,
  repository integer not null references holdfast_private.repositories (id),
  bucket_id text collate "C" not null,
  name text collate "C" not null,
  object jsonb not null,
  key text collate "C" not null,
  part_size bigint not null check (part_size > 0),
  upload_id text,
  restarts integer not null default 0,
  started_at timestamptz not null default now(),
  unique (run, bucket_id, name)
);
comment on table holdfast_private.uploads is 'Multipart uploads in progress, of objects larger than one part.';
comment on column holdfast_private.uploads.id is 'Primary key.';
comment on column holdfast_private.uploads.run is
  'The run it belongs to. If that run has ended, the next backup takes over the upload or aborts it.';
comment on column holdfast_private.uploads.repository is 'The repository it is written to.';
comment on column holdfast_private.uploads.bucket_id is 'Storage bucket of the object.';
comment on column holdfast_private.uploads.name is 'Name of the object.';
comment on column holdfast_private.uploads.object is
  'The object''s row when the scan found it; the source is verified against it.';
comment on column holdfast_private.uploads.key is 'Key that the object will have, below the repository''s prefix.';
comment on column holdfast_private.uploads.part_size is 'Size in bytes of each part except the last.';
comment on column holdfast_private.uploads.upload_id is 'S3''s id of the upload; null before the upload is created.';
comment on column holdfast_private.uploads.restarts is
  'How often the upload restarted in its run, because the object was overwritten or S3 no longer knew the upload.';
comment on column holdfast_private.uploads.started_at is 'When the scan found the object.';
alter table holdfast_private.uploads enable row level security;

create index uploads_object on holdfast_private.uploads (repository, bucket_id, name);
comment on index holdfast_private.uploads_object is 'Finds the upload of an object that an ended run did not finish.';

create table holdfast_private.upload_parts (
  upload bigint not null references holdfast_private.uploads (id) on delete cascade,
  number integer not null check (number between 1 and 10000),
  size bigint not null,
  etag text not null,
  sha256 bytea not null check (length(sha256) = 32),
  primary key (upload, number)
);
comment on table holdfast_private.upload_parts is
  'Finished parts of multipart uploads. A new invocation continues at the first missing part.';
comment on column holdfast_private.upload_parts.upload is 'The upload that the part belongs to.';
comment on column holdfast_private.upload_parts.number is 'Part number, from 1.';
comment on column holdfast_private.upload_parts.size is 'Length in bytes.';
comment on column holdfast_private.upload_parts.etag is 'ETag that S3 returned, needed to complete the upload.';
comment on column holdfast_private.upload_parts.sha256 is 'SHA-256 of the part.';
alter table holdfast_private.upload_parts enable row level security;
