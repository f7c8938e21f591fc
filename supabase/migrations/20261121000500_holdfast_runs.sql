-- Runs and their cursors: the engine's whole state. A dead invocation loses nothing, because what
-- it was doing is here and what it had done is committed with the cursor that did it.

create table holdfast.runs (
  id uuid primary key default gen_random_uuid(),
  kind text not null check (kind in ('backup', 'restore', 'import', 'verify', 'prune', 'reconcile')),
  state text not null default 'running'
    check (state in ('running', 'sealing', 'succeeded', 'failed', 'cancelled')),
  repository integer references holdfast.repositories (id),
  sequence integer,
  plan jsonb not null,
  started_by text not null,
  started_at timestamptz not null default now(),
  ended_at timestamptz,
  code text,
  message text,
  remedy text,
  paused_until timestamptz,
  paused_code text,
  paused_message text,
  resumed_at timestamptz,
  frozen text,
  result jsonb
);
comment on table holdfast.runs is 'One backup, restore, import, verify, prune or reconcile each.';
comment on column holdfast.runs.id is 'Its public id.';
comment on column holdfast.runs.kind is 'Which job it is.';
comment on column holdfast.runs.state is 'running, sealing (from here it can''t be cancelled), or how it ended.';
comment on column holdfast.runs.repository is 'The repository it works with, once that is known.';
comment on column holdfast.runs.sequence is 'Its number in that repository: one above the highest known, never reused.';
comment on column holdfast.runs.plan is 'What it was asked to do; never changed once started.';
comment on column holdfast.runs.started_by is 'The schedule, or the name of the key that asked.';
comment on column holdfast.runs.started_at is 'When it was asked for.';
comment on column holdfast.runs.ended_at is 'When it ended.';
comment on column holdfast.runs.code is 'Stable code of the error that ended it.';
comment on column holdfast.runs.message is 'What went wrong.';
comment on column holdfast.runs.remedy is 'What to do about it.';
comment on column holdfast.runs.paused_until is 'Until when nothing is leased of it, though it is running; null if it is not paused.';
comment on column holdfast.runs.paused_code is 'Why: paused_by_limit, or the code of a server that asked for time.';
comment on column holdfast.runs.paused_message is 'The same in words.';
comment on column holdfast.runs.resumed_at is 'When it last went on after a pause by a limit.';
comment on column holdfast.runs.frozen is 'The exact bytes of the snapshot.json that it is sealing.';
comment on column holdfast.runs.result is 'What it found or did, for its reader.';

create unique index runs_one_of_a_kind on holdfast.runs (kind) where state in ('running', 'sealing');
comment on index holdfast.runs_one_of_a_kind is 'One running run of a kind.';
create index runs_newest on holdfast.runs (started_at desc);
comment on index holdfast.runs_newest is 'Lists runs, newest first.';

create table holdfast.cursors (
  id bigint generated always as identity primary key,
  run uuid not null references holdfast.runs (id) on delete cascade,
  stage text not null,
  bucket_id text collate "C",
  range_from text collate "C" not null default '',
  range_to text collate "C",
  position jsonb not null default '{}',
  counters jsonb not null default '{}',
  attempts integer not null default 0,
  deaths integer not null default 0,
  careful integer not null default 0,
  lease_owner uuid,
  lease_expires_at timestamptz,
  isolate_loaded_at timestamptz,
  committed_at timestamptz not null default now(),
  finished_at timestamptz
);
comment on table holdfast.cursors is 'Pieces of runs: position, lease and counters.';
comment on column holdfast.cursors.id is 'Its number.';
comment on column holdfast.cursors.run is 'The run it is a piece of.';
comment on column holdfast.cursors.stage is 'The step of the job that it does.';
comment on column holdfast.cursors.bucket_id is 'Storage bucket that it sweeps, for stages that sweep one.';
comment on column holdfast.cursors.range_from is 'First name of its range, inclusive.';
comment on column holdfast.cursors.range_to is 'Last name of its range, inclusive; null means to the end.';
comment on column holdfast.cursors.position is 'How far it is; opaque to the engine.';
comment on column holdfast.cursors.counters is 'What it did so far, by name; summed for the run.';
comment on column holdfast.cursors.attempts is 'Leases since the last commit.';
comment on column holdfast.cursors.deaths is 'Of these, the ones that ran out without a word from their lane.';
comment on column holdfast.cursors.careful is 'So many commits to come are of one object each: something among them killed two lanes.';
comment on column holdfast.cursors.lease_owner is 'The lane that holds it.';
comment on column holdfast.cursors.lease_expires_at is 'Until when, by this database''s clock.';
comment on column holdfast.cursors.isolate_loaded_at is 'When the isolate was loaded in which the lane works or worked.';
comment on column holdfast.cursors.committed_at is 'When it last made progress.';
comment on column holdfast.cursors.finished_at is 'When it was done.';

create index cursors_open on holdfast.cursors (run, id) where finished_at is null;
comment on index holdfast.cursors_open is 'Finds work to lease.';

alter table holdfast.runs enable row level security;
alter table holdfast.cursors enable row level security;
