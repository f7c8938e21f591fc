-- Large uploads outlive invocations and runs, and so does what could not be copied.

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
comment on table holdfast_private.uploads is 'Multipart uploads under way: objects larger than one part.';
comment on column holdfast_private.uploads.id is 'Its number.';
comment on column holdfast_private.uploads.run is
  'The run it belongs to. Where that has ended, the next backup takes it over or aborts it.';
comment on column holdfast_private.uploads.repository is 'The repository it goes to.';
comment on column holdfast_private.uploads.bucket_id is 'Storage bucket of the object.';
comment on column holdfast_private.uploads.name is 'Name of the object.';
comment on column holdfast_private.uploads.object is 'The row as it was when the scan met it; the source is held to it.';
comment on column holdfast_private.uploads.key is 'Key it will have, below the repository''s prefix.';
comment on column holdfast_private.uploads.part_size is 'Bytes of each part but the last.';
comment on column holdfast_private.uploads.upload_id is 'S3''s id of the upload, once it has begun.';
comment on column holdfast_private.uploads.restarts is 'How often it began anew in its run: the object was overwritten, or S3 forgot the upload.';
comment on column holdfast_private.uploads.started_at is 'When the scan met it.';
alter table holdfast_private.uploads enable row level security;

create index uploads_object on holdfast_private.uploads (repository, bucket_id, name);
comment on index holdfast_private.uploads_object is 'Finds what an ended run left of an object.';

create table holdfast_private.upload_parts (
  upload bigint not null references holdfast_private.uploads (id) on delete cascade,
  number integer not null check (number between 1 and 10000),
  size bigint not null,
  etag text not null,
  sha256 bytea not null check (length(sha256) = 32),
  primary key (upload, number)
);
comment on table holdfast_private.upload_parts is 'Finished parts of multipart uploads; a new invocation goes on at the first missing one.';
comment on column holdfast_private.upload_parts.upload is 'The upload.';
comment on column holdfast_private.upload_parts.number is 'Part number, from 1.';
comment on column holdfast_private.upload_parts.size is 'Length in bytes.';
comment on column holdfast_private.upload_parts.etag is 'ETag that S3 answered, for completing.';
comment on column holdfast_private.upload_parts.sha256 is 'SHA-256 of the part.';
alter table holdfast_private.upload_parts enable row level security;
