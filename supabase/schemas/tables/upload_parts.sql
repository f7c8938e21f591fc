create table holdfast.upload_parts (
  upload bigint not null references holdfast.uploads (id) on delete cascade,
  number integer not null check (number between 1 and 10000),
  size bigint not null,
  etag text not null,
  sha256 bytea not null check (length(sha256) = 32),
  primary key (upload, number)
);

alter table holdfast.upload_parts enable row level security;

comment on table holdfast.upload_parts is 'Finished parts of multipart uploads; a new invocation goes on at the first missing one.';
comment on column holdfast.upload_parts.upload is 'The upload.';
comment on column holdfast.upload_parts.number is 'Part number, from 1.';
comment on column holdfast.upload_parts.size is 'Length in bytes.';
comment on column holdfast.upload_parts.etag is 'ETag that S3 answered, for completing.';
comment on column holdfast.upload_parts.sha256 is 'SHA-256 of the part.';
