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
comment on table holdfast_private.cursors is 'Units of work of a run, each with its position, lease and counters.';
comment on column holdfast_private.cursors.id is 'Primary key.';
comment on column holdfast_private.cursors.run is 'The run it belongs to.';
comment on column holdfast_private.cursors.stage is 'The stage of the job that it works on.';
comment on column holdfast_private.cursors.bucket_id is 'Storage bucket that it scans, for stages that scan a bucket.';
comment on column holdfast_private.cursors.range_from is 'First name of its range, inclusive.';
comment on column holdfast_private.cursors.range_to is 'Last name of its range, inclusive; null means to the end.';
comment on column holdfast_private.cursors.position is 'Progress within the stage; the engine does not interpret it.';
comment on column holdfast_private.cursors.counters is 'Counters by name; a run reports the sum over its cursors.';
comment on column holdfast_private.cursors.attempts is 'Leases since the last commit.';
comment on column holdfast_private.cursors.crashes is
  'How many of these leases expired without a final report from their worker.';
comment on column holdfast_private.cursors.isolation_mode is
  'Number of next commits that contain one object each. Set after one of these objects has crashed two workers.';
comment on column holdfast_private.cursors.lease_owner is 'The worker that holds the lease.';
comment on column holdfast_private.cursors.lease_expires_at is 'When the lease expires, by this database''s clock.';
comment on column holdfast_private.cursors.isolate_loaded_at is 'When the isolate of the current or last worker was loaded.';
comment on column holdfast_private.cursors.committed_at is 'When it last committed.';
comment on column holdfast_private.cursors.finished_at is 'When it finished.';
alter table holdfast_private.cursors enable row level security;

create index cursors_open on holdfast_private.cursors (run, id) where finished_at is null;
comment on index holdfast_private.cursors_open is 'Finds cursors to lease.';

create index cursors_run on holdfast_private.cursors (run, id);
comment on index holdfast_private.cursors_run is 'Finds all cursors of a run, including those of ended runs.';
