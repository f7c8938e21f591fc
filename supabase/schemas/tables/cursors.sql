create table holdfast_private.cursors (
  id bigint generated always as identity primary key,
  run uuid not null references holdfast_private.runs (id) on delete cascade,
  stage text not null,
  bucket_id text collate "C",
  range_from text collate "C" not null default '',
  range_to text collate "C",
  position jsonb not null default '{}',
  counters jsonb not null default '{}',
  attempts integer not null default 0,
  crashes integer not null default 0,
  isolation_mode integer not null default 0,
  lease_owner uuid,
  lease_expires_at timestamptz,
  isolate_loaded_at timestamptz,
  committed_at timestamptz not null default now(),
  finished_at timestamptz
);
comment on table holdfast_private.cursors is 'Pieces of runs: position, lease and counters.';
comment on column holdfast_private.cursors.id is 'Its number.';
comment on column holdfast_private.cursors.run is 'The run it is a piece of.';
comment on column holdfast_private.cursors.stage is 'The step of the job that it does.';
comment on column holdfast_private.cursors.bucket_id is 'Storage bucket that it scans, for stages that scan one.';
comment on column holdfast_private.cursors.range_from is 'First name of its range, inclusive.';
comment on column holdfast_private.cursors.range_to is 'Last name of its range, inclusive; null means to the end.';
comment on column holdfast_private.cursors.position is 'How far it is; opaque to the engine.';
comment on column holdfast_private.cursors.counters is 'What it did so far, by name; summed for the run.';
comment on column holdfast_private.cursors.attempts is 'Leases since the last commit.';
comment on column holdfast_private.cursors.crashes is 'Of these, the ones that ran out without a word from their worker.';
comment on column holdfast_private.cursors.isolation_mode is 'So many commits to come are of one object each: something among them killed two workers.';
comment on column holdfast_private.cursors.lease_owner is 'The worker that holds it.';
comment on column holdfast_private.cursors.lease_expires_at is 'Until when, by this database''s clock.';
comment on column holdfast_private.cursors.isolate_loaded_at is 'When the isolate was loaded in which the worker works or worked.';
comment on column holdfast_private.cursors.committed_at is 'When it last made progress.';
comment on column holdfast_private.cursors.finished_at is 'When it was done.';
alter table holdfast_private.cursors enable row level security;

create index cursors_open on holdfast_private.cursors (run, id) where finished_at is null;
comment on index holdfast_private.cursors_open is 'Finds work to lease.';

create index cursors_run on holdfast_private.cursors (run, id);
comment on index holdfast_private.cursors_run is 'Finds the cursors of a run, also of one that has ended.';
