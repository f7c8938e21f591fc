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
comment on column holdfast_private.snapshots.repository is 'The repository it lies in.';
comment on column holdfast_private.snapshots.sequence is 'Sequence of the run that sealed it; the order of snapshots.';
comment on column holdfast_private.snapshots.id is 'Its name: UTC time and sequence, as in its key.';
comment on column holdfast_private.snapshots.state is 'complete, or partial where an object that could be had was not.';
comment on column holdfast_private.snapshots.started_at is 'When its run started.';
comment on column holdfast_private.snapshots.sealed_at is 'When it was sealed.';
comment on column holdfast_private.snapshots.document is 'Its snapshot.json: parts, buckets, policies, totals.';
alter table holdfast_private.snapshots enable row level security;
