-- Runs and their cursors are the complete state of the engine. A crashed invocation loses no state: its
-- cursor is here, and its results are committed together with the cursor.

create table holdfast_private.runs (
  id uuid primary key default gen_random_uuid(),
  kind text not null check (kind in ('backup', 'restore', 'import', 'verify', 'prune', 'reconcile')),
  state text not null default 'running'
    check (state in ('running', 'sealing', 'succeeded', 'failed', 'cancelled')),
  repository integer references holdfast_private.repositories (id),
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
comment on table holdfast_private.runs is 'Runs: each is one backup, restore, import, verify, prune or reconcile.';
comment on column holdfast_private.runs.id is 'Public id of the run.';
comment on column holdfast_private.runs.kind is 'The job.';
comment on column holdfast_private.runs.state is 'running, sealing (it can no longer be cancelled), or the final state.';
comment on column holdfast_private.runs.repository is 'The repository it works with; null until it is known.';
comment on column holdfast_private.runs.sequence is
  'Number of the run in that repository: one above the highest known, never reused.';
comment on column holdfast_private.runs.plan is 'Parameters of the run; they do not change after the start.';
comment on column holdfast_private.runs.started_by is 'The schedule, or the name of the key that started it.';
comment on column holdfast_private.runs.started_at is 'When it was started.';
comment on column holdfast_private.runs.ended_at is 'When it ended.';
comment on column holdfast_private.runs.code is 'Stable code of the error that ended it.';
comment on column holdfast_private.runs.message is 'The error as a sentence.';
comment on column holdfast_private.runs.remedy is 'How to fix the error.';
comment on column holdfast_private.runs.paused_until is
  'Time until which none of its cursors is leased although the run is running; null if it is not paused.';
comment on column holdfast_private.runs.paused_code is
  'Reason of the pause: paused_by_limit, or the error code of a server that asked to wait.';
comment on column holdfast_private.runs.paused_message is 'Reason of the pause as a sentence.';
comment on column holdfast_private.runs.resumed_at is 'When it last resumed after a pause by a limit.';
comment on column holdfast_private.runs.frozen is 'The exact bytes of the snapshot.json that it is sealing.';
comment on column holdfast_private.runs.result is 'Result of the run, for the user.';
alter table holdfast_private.runs enable row level security;

create unique index runs_one_of_a_kind on holdfast_private.runs (kind) where state in ('running', 'sealing');
comment on index holdfast_private.runs_one_of_a_kind is 'Allows one running run of each kind.';

create index runs_newest on holdfast_private.runs (started_at desc);
comment on index holdfast_private.runs_newest is 'Lists runs, newest first.';
