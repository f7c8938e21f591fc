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
alter table holdfast.runs enable row level security;

create unique index runs_one_of_a_kind on holdfast.runs (kind) where state in ('running', 'sealing');
comment on index holdfast.runs_one_of_a_kind is 'One running run of a kind.';

create index runs_newest on holdfast.runs (started_at desc);
comment on index holdfast.runs_newest is 'Lists runs, newest first.';
