-- What a restore writes over. No condition guards an overwriting upload: one that comes late, from a worker
-- that slept or died meanwhile, takes the row's user metadata along, which another worker had put back. So it
-- is written down before it is sent. Nothing else tells such a row from one that a user wrote.

create table holdfast_private.overwrites (
  run uuid not null references holdfast_private.runs (id) on delete cascade,
  bucket_id text collate "C" not null,
  name text collate "C" not null,
  version text not null,
  metadata jsonb not null,
  keeps boolean not null,
  doubtful_at timestamptz,
  put text,
  etag text,
  primary key (run, bucket_id, name)
);
comment on table holdfast_private.overwrites is
  'Objects that a restore is about to write over. A committed one goes with its page, unless another worker may still be at it.';
comment on column holdfast_private.overwrites.run is 'The restore.';
comment on column holdfast_private.overwrites.bucket_id is 'Bucket of the object.';
comment on column holdfast_private.overwrites.name is 'Name of the object.';
comment on column holdfast_private.overwrites.version is 'The version that was there before the first upload.';
comment on column holdfast_private.overwrites.metadata is 'What its row said then. An upload keeps the owner and drops user metadata.';
comment on column holdfast_private.overwrites.keeps is 'Whether the row is to say that again, since only its bytes were lost; else it is to say what the snapshot lists.';
comment on column holdfast_private.overwrites.doubtful_at is 'When the worker that wrote it down was found to have fallen before it committed: its upload may still come.';
comment on column holdfast_private.overwrites.put is 'The version whose row was patched last; null until a page with it is committed.';
comment on column holdfast_private.overwrites.etag is 'The etag of that version: an upload of the same bytes has the same.';
alter table holdfast_private.overwrites enable row level security;

create index overwrites_location on holdfast_private.overwrites (bucket_id, name);
comment on index holdfast_private.overwrites_location is 'Finds what restores wrote down of an object.';

create index overwrites_doubtful on holdfast_private.overwrites (doubtful_at) where put is not null;
comment on index holdfast_private.overwrites_doubtful is 'Finds committed ones whose upload may still come.';
