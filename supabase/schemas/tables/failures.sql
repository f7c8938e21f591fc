create table holdfast_private.failures (
  id bigint generated always as identity primary key,
  run uuid not null references holdfast_private.runs (id) on delete cascade,
  job text not null,
  bucket_id text collate "C" not null,
  name text collate "C" not null,
  version text,
  class text not null check (class in ('unavailable', 'failed')),
  code text not null,
  message text not null,
  attempts integer not null default 1,
  first_at timestamptz not null default now(),
  last_at timestamptz not null default now(),
  next_at timestamptz not null default now()
);
comment on table holdfast_private.failures is
  'Objects that could not be copied, with the reason. A successful copy removes the row.';
comment on column holdfast_private.failures.id is 'Primary key.';
comment on column holdfast_private.failures.run is 'The run that tried last.';
comment on column holdfast_private.failures.job is
  'backup: the row exists until the object is held. Another job: the row belongs to its run.';
comment on column holdfast_private.failures.bucket_id is 'Storage bucket of the object.';
comment on column holdfast_private.failures.name is 'Name of the object.';
comment on column holdfast_private.failures.version is 'The version that should have been copied.';
comment on column holdfast_private.failures.class is
  'unavailable: the source cannot deliver the object. failed: the object exists and the copy did not succeed.';
comment on column holdfast_private.failures.code is 'Stable code of the error.';
comment on column holdfast_private.failures.message is 'The error as a sentence.';
comment on column holdfast_private.failures.attempts is 'How many runs tried this version.';
comment on column holdfast_private.failures.first_at is 'When it first failed.';
comment on column holdfast_private.failures.last_at is 'When it last failed.';
comment on column holdfast_private.failures.next_at is
  'When a run tries it again: at once, then after a day, then after a week.';
alter table holdfast_private.failures enable row level security;

create unique index failures_backup on holdfast_private.failures (bucket_id, name) where job = 'backup';
comment on index holdfast_private.failures_backup is 'Allows one row per object for backups.';

create unique index failures_run on holdfast_private.failures (run, bucket_id, name);
comment on index holdfast_private.failures_run is 'Allows one row per object and run.';
