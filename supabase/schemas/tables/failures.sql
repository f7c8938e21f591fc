create table holdfast.failures (
  id bigint generated always as identity primary key,
  run uuid not null references holdfast.runs (id) on delete cascade,
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
comment on table holdfast.failures is 'Objects that could not be copied, with why; a copy that succeeds removes the row.';
comment on column holdfast.failures.id is 'Its number.';
comment on column holdfast.failures.run is 'The run that last tried.';
comment on column holdfast.failures.job is 'backup, where a row lives until the object is held; or another job, by run.';
comment on column holdfast.failures.bucket_id is 'Storage bucket of the object.';
comment on column holdfast.failures.name is 'Name of the object.';
comment on column holdfast.failures.version is 'The version that was wanted.';
comment on column holdfast.failures.class is
  'unavailable: the source can''t give it; failed: it could be had and was not.';
comment on column holdfast.failures.code is 'Stable code of what went wrong.';
comment on column holdfast.failures.message is 'What went wrong, in words.';
comment on column holdfast.failures.attempts is 'How many runs tried this version.';
comment on column holdfast.failures.first_at is 'When it first failed.';
comment on column holdfast.failures.last_at is 'When it last failed.';
comment on column holdfast.failures.next_at is 'When a run tries it again: at once, after a day, then after a week.';
alter table holdfast.failures enable row level security;

create unique index failures_backup on holdfast.failures (bucket_id, name) where job = 'backup';
comment on index holdfast.failures_backup is 'One row an object for backups.';

create unique index failures_run on holdfast.failures (run, bucket_id, name);
comment on index holdfast.failures_run is 'One row an object and run.';
