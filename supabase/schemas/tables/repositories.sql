-- The catalog: the copy of the repository's content in Postgres. It is a cache: the bucket is
-- authoritative, and an import rebuilds these rows from it.

create table holdfast_private.repositories (
  id integer generated always as identity primary key,
  repository_id uuid not null unique,
  endpoint text not null,
  bucket text not null,
  prefix text not null,
  format_version integer not null,
  owner_project text,
  last_record integer not null default 0,
  conditional_writes boolean,
  created_at timestamptz not null default now()
);
comment on table holdfast_private.repositories is
  'Repositories that this database has used or read, including those of other projects.';
comment on column holdfast_private.repositories.id is 'Short number that other tables reference.';
comment on column holdfast_private.repositories.repository_id is 'The id in the repository''s holdfast.json.';
comment on column holdfast_private.repositories.endpoint is 'S3 endpoint at which it was last reached.';
comment on column holdfast_private.repositories.bucket is 'S3 bucket that contains it.';
comment on column holdfast_private.repositories.prefix is 'Prefix in that bucket, without a slash at the end.';
comment on column holdfast_private.repositories.format_version is 'Format version in its holdfast.json.';
comment on column holdfast_private.repositories.owner_project is 'Project URL in the last owner record of its log.';
comment on column holdfast_private.repositories.last_record is 'Sequence of the last log record in the catalog.';
comment on column holdfast_private.repositories.conditional_writes is
  'Whether the server supports If-None-Match; null until a backup has probed it.';
comment on column holdfast_private.repositories.created_at is 'When this database first recorded it.';
alter table holdfast_private.repositories enable row level security;
