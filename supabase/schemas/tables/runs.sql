-- Runs and their cursors: the engine's whole state. A dead invocation loses nothing, because what
-- it was doing is here and what it had done is committed with the cursor that did it.

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
comment on table holdfast_private.runs is 'One backup, restore, import, verify, prune or reconcile each.';
comment on column holdfast_private.runs.id is 'Its public id.';
comment on column holdfast_private.runs.kind is 'Which job it is.';
comment on column holdfast_private.runs.state is 'running, sealing (from here it can''t be cancelled), or how it ended.';
comment on column holdfast_private.runs.repository is 'The repository it works with, once that is known.';
comment on column holdfast_private.runs.sequence is 'Its number in that repository: one above the highest known, never reused.';
comment on column holdfast_private.runs.plan is 'What it was asked to do; never changed once started.';
comment on column holdfast_private.runs.started_by is 'The schedule, or the name of the key that asked.';
comment on column holdfast_private.runs.started_at is 'When it was asked for.';
comment on column holdfast_private.runs.ended_at is 'When it ended.';
comment on column holdfast_private.runs.code is 'Stable code of the error that ended it.';
comment on column holdfast_private.runs.message is 'What went wrong.';
comment on column holdfast_private.runs.remedy is 'What to do about it.';
comment on column holdfast_private.runs.paused_until is 'Until when nothing is leased of it, though it is running; null if it is not paused.';
comment on column holdfast_private.runs.paused_code is 'Why: paused_by_limit, or the code of a server that asked for time.';
comment on column holdfast_private.runs.paused_message is 'The same in words.';
comment on column holdfast_private.runs.resumed_at is 'When it last went on after a pause by a limit.';
comment on column holdfast_private.runs.frozen is 'The exact bytes of the snapshot.json that it is sealing.';
comment on column holdfast_private.runs.result is 'What it found or did, for its reader.';
alter table holdfast_private.runs enable row level security;

create unique index runs_one_of_a_kind on holdfast_private.runs (kind) where state in ('running', 'sealing');
comment on index holdfast_private.runs_one_of_a_kind is 'One running run of a kind.';

create index runs_newest on holdfast_private.runs (started_at desc);
comment on index holdfast_private.runs_newest is 'Lists runs, newest first.';
