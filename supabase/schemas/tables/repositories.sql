-- The catalog: Postgres's copy of what the repository holds. A cache: the bucket is the truth, and
-- an import builds these rows again from it.

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
comment on table holdfast_private.repositories is 'Repositories that this database has met, its own or another''s.';
comment on column holdfast_private.repositories.id is 'Short number that other tables point at.';
comment on column holdfast_private.repositories.repository_id is 'The id in the repository''s holdfast.json.';
comment on column holdfast_private.repositories.endpoint is 'S3 endpoint it was last reached at.';
comment on column holdfast_private.repositories.bucket is 'S3 bucket it lies in.';
comment on column holdfast_private.repositories.prefix is 'Prefix in that bucket, without a slash at the end.';
comment on column holdfast_private.repositories.format_version is 'Format version in its holdfast.json.';
comment on column holdfast_private.repositories.owner_project is 'Project URL of the last owner record of its log.';
comment on column holdfast_private.repositories.last_record is 'Sequence of the last log record that the catalog holds.';
comment on column holdfast_private.repositories.conditional_writes is 'Whether the server honours If-None-Match; null until a backup has probed it.';
comment on column holdfast_private.repositories.created_at is 'When this database met it.';
alter table holdfast_private.repositories enable row level security;
