create table holdfast_private.snapshots (
  repository integer not null references holdfast_private.repositories (id),
  sequence integer not null,
  id text not null,
  state text not null check (state in ('complete', 'partial')),
  started_at timestamptz not null,
  sealed_at timestamptz not null,
  document jsonb not null,
  primary key (repository, sequence),
  unique (repository, id)
);
comment on table holdfast_private.snapshots is 'Sealed states of a project in a repository.';
comment on column holdfast_private.snapshots.repository is 'The repository that contains it.';
comment on column holdfast_private.snapshots.sequence is 'Sequence of the run that sealed it; snapshots are ordered by it.';
comment on column holdfast_private.snapshots.id is 'Id of the snapshot: UTC time and sequence, as in its key.';
comment on column holdfast_private.snapshots.state is
  'complete, or partial if at least one available object was not copied.';
comment on column holdfast_private.snapshots.started_at is 'When its run started.';
comment on column holdfast_private.snapshots.sealed_at is 'When it was sealed.';
comment on column holdfast_private.snapshots.document is 'Content of its snapshot.json: parts, buckets, policies, totals.';
alter table holdfast_private.snapshots enable row level security;
