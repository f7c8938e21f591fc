-- Made of supabase/schemas by `deno task migration --baseline`: change it there.

-- requirements.sql

-- Holdfast needs three extensions. A migration that failed later, on a missing function, would
-- leave a developer guessing; this one says what to enable before anything is made.

do $$
declare
  missing text[] := '{}';
begin
  if to_regprocedure('cron.schedule(text,text,text)') is null then
    missing := missing || 'pg_cron'::text;
  end if;
  if to_regprocedure('net.http_post(text,jsonb,jsonb,jsonb,integer)') is null then
    missing := missing || 'pg_net'::text;
  end if;
  if to_regclass('vault.decrypted_secrets') is null then
    missing := missing || 'supabase_vault'::text;
  end if;
  if cardinality(missing) > 0 then
    raise exception 'Holdfast needs these extensions, which are not enabled: %',
      array_to_string(missing, ', ')
      using errcode = 'HF000',
            hint = 'Enable them under Database > Extensions in the dashboard, or run '
              || (select string_agg(format('create extension if not exists %I cascade;', name), ' ')
                    from unnest(missing) as name)
              || ' Then apply the migrations again.';
  end if;
  if to_regclass('storage.objects') is null then
    raise exception 'Holdfast protects Supabase Storage, and this database has no storage.objects'
      using errcode = 'HF000', hint = 'Start Storage once, so that it makes its tables.';
  end if;
end
$$;

-- schema.sql

-- Two private schemas and one role. People call and read what is in holdfast; all else is in
-- holdfast_private. The functions' connections become holdfast_worker at once, so a fault in them can do
-- no more than the SECURITY DEFINER functions granted to that role allow.

create schema if not exists holdfast;
comment on schema holdfast is
  'Holdfast: off-site backup of this project''s Storage. What people call and read. Not for the API schemas.';

create schema if not exists holdfast_private;
comment on schema holdfast_private is
  'Holdfast''s tables, and what its Edge Functions and jobs call. Not for the API schemas.';

do $$
begin
  if not exists (select from pg_catalog.pg_roles where rolname = 'holdfast_worker') then
    create role holdfast_worker nologin nosuperuser nocreatedb nocreaterole noinherit;
  end if;
  -- The functions log in with SUPABASE_DB_URL, as the role that runs this migration.
  execute format('grant holdfast_worker to %I', current_user);
end
$$;
comment on role holdfast_worker is
  'What Holdfast''s Edge Functions become: owns nothing, may only execute functions of holdfast_private.';

-- tables/settings.sql

-- What to back up, and the few other choices that belong to the project and not to a deployment.

create table holdfast_private.settings (
  name text primary key,
  value jsonb not null,
  description text not null,
  updated_at timestamptz not null default now()
);
comment on table holdfast_private.settings is
  'What to back up and how. Change with: select holdfast.set(''exclude'', ''["cache/**"]'').';
comment on column holdfast_private.settings.name is 'The setting''s name.';
comment on column holdfast_private.settings.value is 'Its value, as JSON.';
comment on column holdfast_private.settings.description is 'What it does, in a sentence.';
comment on column holdfast_private.settings.updated_at is 'When it was last changed.';
alter table holdfast_private.settings enable row level security;

insert into holdfast_private.settings (name, value, description) values
  ('buckets', 'null', 'Ids of the buckets to back up, as a list; null means all of them.'),
  ('include', '["**"]', 'Globs over bucket/name; an object must match one of them.'),
  ('exclude', '[]', 'Globs over bucket/name; an object that matches one is left out.'),
  ('max_object_bytes', 'null', 'Objects larger than this are left out; null means no limit.'),
  ('workers', '2', 'How many slices may work at once.'),
  ('maximum_age_hours', 'null',
    'The tick starts a backup when the last snapshot is older than this; null means never.'),
  ('max_bytes_per_second', 'null',
    'Bytes that all workers together read from Storage in a second, on average; null means no limit.'),
  ('max_requests_per_second', 'null',
    'Requests that all workers together send to Storage in a second, on average; null means no limit.'),
  ('max_egress_bytes_per_day', 'null',
    'Bytes read from Storage in a day (UTC) after which a run pauses until the next; null means no limit.'),
  ('max_egress_bytes_per_month', 'null',
    'Bytes read from Storage in a month (UTC) after which a run pauses until the next; null means no limit.'),
  ('project_url', 'null', 'Internal: the project that this database served last.'),
  ('backup_waiting', 'null', 'Internal: since when a backup that came due waits for another run to end.');

-- tables/repositories.sql

-- The catalog: Postgres's copy of what the repository holds. A cache: the bucket is the truth, and
-- an import builds these rows again from it.

create table holdfast_private.repositories (
  id integer generated always as identity primary key,
  repository_id uuid not null unique,
  endpoint text not null,
  bucket text not null,
  prefix text not null,
  format_version integer not null,
  owner_project text,
  last_record integer not null default 0,
  conditional_writes boolean,
  created_at timestamptz not null default now()
);
comment on table holdfast_private.repositories is 'Repositories that this database has met, its own or another''s.';
comment on column holdfast_private.repositories.id is 'Short number that other tables point at.';
comment on column holdfast_private.repositories.repository_id is 'The id in the repository''s holdfast.json.';
comment on column holdfast_private.repositories.endpoint is 'S3 endpoint it was last reached at.';
comment on column holdfast_private.repositories.bucket is 'S3 bucket it lies in.';
comment on column holdfast_private.repositories.prefix is 'Prefix in that bucket, without a slash at the end.';
comment on column holdfast_private.repositories.format_version is 'Format version in its holdfast.json.';
comment on column holdfast_private.repositories.owner_project is 'Project URL of the last owner record of its log.';
comment on column holdfast_private.repositories.last_record is 'Sequence of the last log record that the catalog holds.';
comment on column holdfast_private.repositories.conditional_writes is 'Whether the server honours If-None-Match; null until a backup has probed it.';
comment on column holdfast_private.repositories.created_at is 'When this database met it.';
alter table holdfast_private.repositories enable row level security;

-- tables/blobs.sql

-- The two large tables are shaped by what a row costs: 8-byte columns first, then 4, then what needs
-- no alignment, so that nothing is padded; and what is mostly a UUID or an MD5 is kept as its 16
-- bytes, beside a text column for the odd one. Read them through the view holdfast_private.known_entries,
-- which puts all of it together again. No hash of an object's row is kept: a scan compares the
-- columns themselves (holdfast_private.same_metadata), which costs less than hashing both sides did, takes no
-- room, and can't take two rows for the same. Neither refers to repositories by a foreign key: that
-- alone is a third of what committing an object costs, and the number comes from there anyway.

create table holdfast_private.blobs (
  id bigint generated by default as identity primary key,
  size bigint not null check (size >= 0),
  part_size bigint check (part_size > 0),
  unreachable_since timestamptz,
  repository integer not null,
  sha256 bytea not null check (length(sha256) = 32),
  key text collate "C",
  state text check (state in ('damaged', 'missing'))
);
comment on table holdfast_private.blobs is 'Bytes held by a repository, each under one key that no other bytes ever use.';
comment on column holdfast_private.blobs.id is 'Number that entries point at.';
comment on column holdfast_private.blobs.size is 'Length in bytes.';
comment on column holdfast_private.blobs.part_size is 'Bytes of each part but the last, for a multipart upload.';
comment on column holdfast_private.blobs.unreachable_since is 'Since when no kept snapshot names it.';
comment on column holdfast_private.blobs.repository is 'The repository that holds the bytes.';
comment on column holdfast_private.blobs.sha256 is
  'SHA-256 of the bytes; where part_size is set, of the parts'' SHA-256 digests one after another.';
comment on column holdfast_private.blobs.key is
  'Key below the repository''s prefix; null while it is the plain key of every entry that points here, of which there is at least one. Whoever points another entry here, or takes the last one away, spells it out first: holdfast_private.spell_keys.';
comment on column holdfast_private.blobs.state is 'What the last verify found amiss; null where the bytes are held.';
alter table holdfast_private.blobs enable row level security;

create unique index blobs_key on holdfast_private.blobs (repository, key) where key is not null;
comment on index holdfast_private.blobs_key is
  'Finds bytes by a key that is spelled out. One that is not is found by the entry that it is the plain key of.';

-- tables/entries.sql

create table holdfast_private.entries (
  blob bigint references holdfast_private.blobs (id),
  created_at timestamptz,
  updated_at timestamptz,
  repository integer not null,
  added_in integer not null,
  removed_in integer,
  missing_in integer,
  object_id uuid,
  version_uuid uuid,
  owner_uuid uuid,
  etag_md5 uuid,
  assumed boolean not null default false,
  bucket_id text collate "C" not null,
  name text collate "C" not null,
  version_text text,
  type text,
  cache_control text,
  user_metadata jsonb,
  owner_text text,
  etag_text text,
  wanted_version text,
  code text,
  primary key (repository, bucket_id, name, added_in),
  check (removed_in >= added_in),
  check (num_nonnulls(version_uuid, version_text) = 1),
  check (blob is not null or wanted_version is not null)
);
comment on table holdfast_private.entries is
  'What a repository knows of an object from one snapshot until another: its blob and its metadata.';
comment on column holdfast_private.entries.blob is 'Its bytes; null where none are held.';
comment on column holdfast_private.entries.created_at is 'When the object was created, as its row says.';
comment on column holdfast_private.entries.updated_at is 'When the object was changed last, as its row says; makes no difference.';
comment on column holdfast_private.entries.repository is 'The repository it belongs to.';
comment on column holdfast_private.entries.added_in is 'Sequence of the run that added it.';
comment on column holdfast_private.entries.removed_in is 'Sequence of the run that closed it; null while open.';
comment on column holdfast_private.entries.missing_in is 'Sequence of the run that no longer found the name, before it is closed.';
comment on column holdfast_private.entries.object_id is 'storage.objects.id; survives overwrites and moves.';
comment on column holdfast_private.entries.version_uuid is
  'Version of the bytes held, or, without a blob, the one wanted; where it is a UUID as Postgres writes it.';
comment on column holdfast_private.entries.owner_uuid is 'The object''s owner_id where it is a UUID as Postgres writes it.';
comment on column holdfast_private.entries.etag_md5 is 'The row''s ETag where it is 32 hex digits, as of what came in one part.';
comment on column holdfast_private.entries.assumed is
  'True while its bytes are known only by object id, etag and size, as after a move.';
comment on column holdfast_private.entries.bucket_id is 'Storage bucket of the object.';
comment on column holdfast_private.entries.name is 'Name of the object. Compared by bytes, as the scan does.';
comment on column holdfast_private.entries.version_text is 'The same where it is anything but a UUID.';
comment on column holdfast_private.entries.type is 'The object''s content type.';
comment on column holdfast_private.entries.cache_control is 'The object''s cache-control.';
comment on column holdfast_private.entries.user_metadata is 'The object''s user metadata, whatever JSON it is; null where it has none.';
comment on column holdfast_private.entries.owner_text is 'The object''s owner_id where it is anything but a UUID.';
comment on column holdfast_private.entries.etag_text is 'The row''s ETag where it is anything but 32 hex digits; without quotes.';
comment on column holdfast_private.entries.wanted_version is 'The version that could not be had, where the entry is stale or has no blob.';
comment on column holdfast_private.entries.code is 'Why it could not be had.';
alter table holdfast_private.entries enable row level security;

-- Of the id's hash, half as long: filled in no order, a B-tree of the ids themselves is half as large
-- again, and a hash index of any size between the two.
create index entries_object_id on holdfast_private.entries (uuid_hash_extended(object_id, 0)) where removed_in is null;
comment on index holdfast_private.entries_object_id is
  'Finds where a moved object was held before, by holdfast_private.object_hash.';

create index entries_added_in on holdfast_private.entries (repository, added_in);
comment on index holdfast_private.entries_added_in is 'Finds what a snapshot has to list as put.';

create index entries_removed_in on holdfast_private.entries (repository, removed_in) where removed_in is not null;
comment on index holdfast_private.entries_removed_in is 'Finds what a snapshot has to list as removed.';

create index entries_missing_in on holdfast_private.entries (repository, missing_in, bucket_id, name)
  where missing_in is not null and removed_in is null;
comment on index holdfast_private.entries_missing_in is 'Finds the names that a run no longer found.';

create index entries_wanted on holdfast_private.entries (repository, bucket_id, name)
  where wanted_version is not null and removed_in is null;
comment on index holdfast_private.entries_wanted is 'Finds what could not be had, which the totals of a snapshot count.';

create index entries_blob on holdfast_private.entries (blob);
comment on index holdfast_private.entries_blob is 'Finds the entries of a blob: by them a key is known that is not spelled out.';

-- tables/snapshots.sql

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

-- tables/runs.sql

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

-- tables/cursors.sql

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

-- tables/uploads.sql

-- Large uploads outlive invocations and runs, and so does what could not be copied.

create table holdfast_private.uploads (
  id bigint generated always as identity primary key,
  run uuid references holdfast_private.runs (id) on delete set null,
  repository integer not null references holdfast_private.repositories (id),
  bucket_id text collate "C" not null,
  name text collate "C" not null,
  object jsonb not null,
  key text collate "C" not null,
  part_size bigint not null check (part_size > 0),
  upload_id text,
  restarts integer not null default 0,
  started_at timestamptz not null default now(),
  unique (run, bucket_id, name)
);
comment on table holdfast_private.uploads is 'Multipart uploads under way: objects larger than one part.';
comment on column holdfast_private.uploads.id is 'Its number.';
comment on column holdfast_private.uploads.run is
  'The run it belongs to. Where that has ended, the next backup takes it over or aborts it.';
comment on column holdfast_private.uploads.repository is 'The repository it goes to.';
comment on column holdfast_private.uploads.bucket_id is 'Storage bucket of the object.';
comment on column holdfast_private.uploads.name is 'Name of the object.';
comment on column holdfast_private.uploads.object is 'The row as it was when the scan met it; the source is held to it.';
comment on column holdfast_private.uploads.key is 'Key it will have, below the repository''s prefix.';
comment on column holdfast_private.uploads.part_size is 'Bytes of each part but the last.';
comment on column holdfast_private.uploads.upload_id is 'S3''s id of the upload, once it has begun.';
comment on column holdfast_private.uploads.restarts is 'How often it began anew in its run: the object was overwritten, or S3 forgot the upload.';
comment on column holdfast_private.uploads.started_at is 'When the scan met it.';
alter table holdfast_private.uploads enable row level security;

create index uploads_object on holdfast_private.uploads (repository, bucket_id, name);
comment on index holdfast_private.uploads_object is 'Finds what an ended run left of an object.';

create table holdfast_private.upload_parts (
  upload bigint not null references holdfast_private.uploads (id) on delete cascade,
  number integer not null check (number between 1 and 10000),
  size bigint not null,
  etag text not null,
  sha256 bytea not null check (length(sha256) = 32),
  primary key (upload, number)
);
comment on table holdfast_private.upload_parts is 'Finished parts of multipart uploads; a new invocation goes on at the first missing one.';
comment on column holdfast_private.upload_parts.upload is 'The upload.';
comment on column holdfast_private.upload_parts.number is 'Part number, from 1.';
comment on column holdfast_private.upload_parts.size is 'Length in bytes.';
comment on column holdfast_private.upload_parts.etag is 'ETag that S3 answered, for completing.';
comment on column holdfast_private.upload_parts.sha256 is 'SHA-256 of the part.';
alter table holdfast_private.upload_parts enable row level security;

-- tables/failures.sql

create table holdfast_private.failures (
  id bigint generated always as identity primary key,
  run uuid not null references holdfast_private.runs (id) on delete cascade,
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
comment on table holdfast_private.failures is 'Objects that could not be copied, with why; a copy that succeeds removes the row.';
comment on column holdfast_private.failures.id is 'Its number.';
comment on column holdfast_private.failures.run is 'The run that last tried.';
comment on column holdfast_private.failures.job is 'backup, where a row lives until the object is held; or another job, by run.';
comment on column holdfast_private.failures.bucket_id is 'Storage bucket of the object.';
comment on column holdfast_private.failures.name is 'Name of the object.';
comment on column holdfast_private.failures.version is 'The version that was wanted.';
comment on column holdfast_private.failures.class is
  'unavailable: the source can''t give it; failed: it could be had and was not.';
comment on column holdfast_private.failures.code is 'Stable code of what went wrong.';
comment on column holdfast_private.failures.message is 'What went wrong, in words.';
comment on column holdfast_private.failures.attempts is 'How many runs tried this version.';
comment on column holdfast_private.failures.first_at is 'When it first failed.';
comment on column holdfast_private.failures.last_at is 'When it last failed.';
comment on column holdfast_private.failures.next_at is 'When a run tries it again: at once, after a day, then after a week.';
alter table holdfast_private.failures enable row level security;

create unique index failures_backup on holdfast_private.failures (bucket_id, name) where job = 'backup';
comment on index holdfast_private.failures_backup is 'One row an object for backups.';

create unique index failures_run on holdfast_private.failures (run, bucket_id, name);
comment on index holdfast_private.failures_run is 'One row an object and run.';

-- tables/keys.sql

-- Holdfast's own keys. A key is hf_<scope>_<12 hex digits: its public id>_<64 hex digits: the secret>;
-- only the digest of the whole is stored. Two random uuids give 244 random bits without pgcrypto.

create table holdfast_private.keys (
  id text primary key check (id ~ '^[0-9a-f]{12}$'),
  scope text not null check (scope in ('worker', 'read', 'operate', 'restore')),
  name text not null,
  digest bytea not null check (length(digest) = 32),
  created_at timestamptz not null default now(),
  revoked_at timestamptz
);
comment on table holdfast_private.keys is 'Keys for Holdfast''s functions; digests only.';
comment on column holdfast_private.keys.id is 'Public part of the key, to find it by.';
comment on column holdfast_private.keys.scope is 'What the key may do.';
comment on column holdfast_private.keys.name is 'Whose it is; it is revoked by this name.';
comment on column holdfast_private.keys.digest is 'SHA-256 of the whole key.';
comment on column holdfast_private.keys.created_at is 'When it was made.';
comment on column holdfast_private.keys.revoked_at is 'When it was revoked.';
alter table holdfast_private.keys enable row level security;

create unique index keys_name on holdfast_private.keys (name) where revoked_at is null;
comment on index holdfast_private.keys_name is 'One live key of a name.';

-- tables/audit.sql

create table holdfast_private.audit (
  id bigint generated always as identity primary key,
  at timestamptz not null default now(),
  actor text not null,
  action text not null,
  detail jsonb not null default '{}'
);
comment on table holdfast_private.audit is 'Who did what: keys made and revoked, runs asked for, restores.';
comment on column holdfast_private.audit.id is 'Its number.';
comment on column holdfast_private.audit.at is 'When.';
comment on column holdfast_private.audit.actor is 'Name of the key or of the database role.';
comment on column holdfast_private.audit.action is 'What was done.';
comment on column holdfast_private.audit.detail is 'To what; never a secret.';
alter table holdfast_private.audit enable row level security;

-- tables/egress.sql

create table holdfast_private.egress (
  day date not null,
  kind text not null,
  bytes bigint not null check (bytes >= 0),
  primary key (day, kind)
);
comment on table holdfast_private.egress is
  'What was read from Storage, by day: bytes that are copied, and those that a restore reads back. Counted when what was read is committed; a worker that dies takes with it the count of at most one page or part.';
comment on column holdfast_private.egress.day is 'The day, in UTC.';
comment on column holdfast_private.egress.kind is 'The kind of run that read them.';
comment on column holdfast_private.egress.bytes is 'Bytes, those of reads that had to be repeated included.';
alter table holdfast_private.egress enable row level security;

-- tables/isolate_lifetimes.sql

-- How long an isolate of a function lives. The platform does not say: it is 60 s where one hosts
-- oneself, 150 or 400 s at Supabase. So slices begin short, and last longer where that went well.

create table holdfast_private.isolate_lifetimes (
  function_name text primary key,
  seconds integer not null check (seconds >= 40),
  killed_at timestamptz,
  killed_after integer
);
comment on table holdfast_private.isolate_lifetimes is 'For how long the isolates of each function are used, by how earlier slices ended.';
comment on column holdfast_private.isolate_lifetimes.function_name is 'The Edge Function.';
comment on column holdfast_private.isolate_lifetimes.seconds is 'After so many seconds from its load, an isolate leases no more.';
comment on column holdfast_private.isolate_lifetimes.killed_at is 'When a worker last died in an isolate older than is sure.';
comment on column holdfast_private.isolate_lifetimes.killed_after is 'How old that isolate was when it was last heard of.';
alter table holdfast_private.isolate_lifetimes enable row level security;

-- tables/overwrites.sql

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
