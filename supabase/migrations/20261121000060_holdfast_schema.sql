-- Made of supabase/schemas by `deno task migration --baseline`: change it there.

-- requirements.sql

-- Holdfast needs three extensions. Without this check, a later migration would fail on a missing
-- function and the developer would have to guess the cause. This check names the missing extensions
-- before any object is created.

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

-- Two private schemas and one role. Users call and read the objects in holdfast; everything else is in
-- holdfast_private. The Edge Functions switch to the role holdfast_worker immediately after they
-- connect. A bug in them can therefore only call the SECURITY DEFINER functions granted to that role.

create schema if not exists holdfast;
comment on schema holdfast is
  'Holdfast: off-site backup of this project''s Storage. Functions and views for users. Do not expose it in the API schemas.';

create schema if not exists holdfast_private;
comment on schema holdfast_private is
  'Tables of Holdfast, and functions for its Edge Functions and jobs. Do not expose it in the API schemas.';

do $$
begin
  if not exists (select from pg_catalog.pg_roles where rolname = 'holdfast_worker') then
    create role holdfast_worker nologin nosuperuser nocreatedb nocreaterole noinherit;
  end if;
  -- The Edge Functions log in with SUPABASE_DB_URL, which is the role that runs this migration.
  execute format('grant holdfast_worker to %I', current_user);
end
$$;
comment on role holdfast_worker is
  'Role of Holdfast''s Edge Functions: owns no objects and may only execute granted functions of holdfast_private.';

-- tables/settings.sql

-- What to back up, and the few other settings that belong to the project and not to a deployment.

create table holdfast_private.settings (
  name text primary key,
  value jsonb not null,
  description text not null,
  updated_at timestamptz not null default now()
);
comment on table holdfast_private.settings is
  'What to back up and how. Change a setting with: select holdfast.set(''exclude'', ''["cache/**"]'').';
comment on column holdfast_private.settings.name is 'Name of the setting.';
comment on column holdfast_private.settings.value is 'Value of the setting, as JSON.';
comment on column holdfast_private.settings.description is 'What the setting does, in one sentence.';
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

-- The catalog: the copy of the repository's content in Postgres. It is a cache: the bucket is
-- authoritative, and an import rebuilds these rows from it.

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
comment on table holdfast_private.repositories is
  'Repositories that this database has used or read, including those of other projects.';
comment on column holdfast_private.repositories.id is 'Short number that other tables reference.';
comment on column holdfast_private.repositories.repository_id is 'The id in the repository''s holdfast.json.';
comment on column holdfast_private.repositories.endpoint is 'S3 endpoint at which it was last reached.';
comment on column holdfast_private.repositories.bucket is 'S3 bucket that contains it.';
comment on column holdfast_private.repositories.prefix is 'Prefix in that bucket, without a slash at the end.';
comment on column holdfast_private.repositories.format_version is 'Format version in its holdfast.json.';
comment on column holdfast_private.repositories.owner_project is 'Project URL in the last owner record of its log.';
comment on column holdfast_private.repositories.last_record is 'Sequence of the last log record in the catalog.';
comment on column holdfast_private.repositories.conditional_writes is
  'Whether the server supports If-None-Match; null until a backup has probed it.';
comment on column holdfast_private.repositories.created_at is 'When this database first recorded it.';
alter table holdfast_private.repositories enable row level security;

-- tables/blobs.sql

-- The two large tables, blobs and entries, are laid out to keep a row small. 8-byte columns come first,
-- then 4-byte columns, then unaligned ones, so that Postgres adds no padding. A value that is usually a
-- UUID or an MD5 is stored as 16 bytes; a text column beside it stores the other values. Read both
-- tables through the view holdfast_private.known_entries, which joins these columns again.
--
-- No hash of an object's row is stored. A scan compares the columns themselves
-- (holdfast_private.same_metadata): this costs less than hashing both sides, needs no space and cannot
-- confuse two rows.
--
-- Neither table has a foreign key to repositories: the check takes a third of the time of committing an
-- object, and the number always comes from that table.

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
comment on table holdfast_private.blobs is
  'Bytes held by a repository. Each row has one key, which no other bytes ever use.';
comment on column holdfast_private.blobs.id is 'Primary key; entries reference it.';
comment on column holdfast_private.blobs.size is 'Length in bytes.';
comment on column holdfast_private.blobs.part_size is
  'Size in bytes of each part except the last; null unless the object was uploaded in parts.';
comment on column holdfast_private.blobs.unreachable_since is 'Time since when no retained snapshot references it.';
comment on column holdfast_private.blobs.repository is 'The repository that holds the bytes.';
comment on column holdfast_private.blobs.sha256 is
  'SHA-256 of the bytes. If part_size is set: SHA-256 of the concatenated SHA-256 digests of the parts.';
comment on column holdfast_private.blobs.key is
  'Key below the repository''s prefix. Null while it is the plain key of every entry that references this blob; at least one entry then exists. Code that adds an entry with another plain key, or removes the last entry, first stores the key with holdfast_private.spell_keys.';
comment on column holdfast_private.blobs.state is 'Damage that the last verify found; null while the bytes are held.';
alter table holdfast_private.blobs enable row level security;

create unique index blobs_key on holdfast_private.blobs (repository, key) where key is not null;
comment on index holdfast_private.blobs_key is
  'Finds a blob by a stored key. A blob without a stored key is found through the entry whose plain key it has.';

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
  'State of an object in a repository, from one snapshot until another: its blob and its metadata.';
comment on column holdfast_private.entries.blob is 'The blob with its bytes; null if no bytes are held.';
comment on column holdfast_private.entries.created_at is 'When the object was created, according to its row.';
comment on column holdfast_private.entries.updated_at is
  'When the object was last changed, according to its row. Comparisons ignore it.';
comment on column holdfast_private.entries.repository is 'The repository it belongs to.';
comment on column holdfast_private.entries.added_in is 'Sequence of the run that added it.';
comment on column holdfast_private.entries.removed_in is 'Sequence of the run that closed it; null while it is open.';
comment on column holdfast_private.entries.missing_in is
  'Sequence of the run that no longer found the name; set before the entry is closed.';
comment on column holdfast_private.entries.object_id is 'storage.objects.id; overwrites and moves keep it.';
comment on column holdfast_private.entries.version_uuid is
  'Version of the held bytes; without a blob, the wanted version. Set only if it is a UUID in the format that Postgres prints.';
comment on column holdfast_private.entries.owner_uuid is
  'The object''s owner_id, if it is a UUID in the format that Postgres prints.';
comment on column holdfast_private.entries.etag_md5 is
  'The row''s ETag, if it is 32 hex digits, as for an object that was uploaded in one part.';
comment on column holdfast_private.entries.assumed is
  'True while the bytes are identified only by object id, ETag and size, as after a move.';
comment on column holdfast_private.entries.bucket_id is 'Storage bucket of the object.';
comment on column holdfast_private.entries.name is 'Name of the object, compared by bytes, as in the scan.';
comment on column holdfast_private.entries.version_text is 'The version, if it is not a UUID.';
comment on column holdfast_private.entries.type is 'The object''s content type.';
comment on column holdfast_private.entries.cache_control is 'The object''s cache-control.';
comment on column holdfast_private.entries.user_metadata is
  'The object''s user metadata, any JSON value; null if there is none.';
comment on column holdfast_private.entries.owner_text is 'The object''s owner_id, if it is not a UUID.';
comment on column holdfast_private.entries.etag_text is 'The row''s ETag without quotes, if it is not 32 hex digits.';
comment on column holdfast_private.entries.wanted_version is
  'The version that could not be copied, if the entry is stale or has no blob.';
comment on column holdfast_private.entries.code is 'Stable code of the reason why it could not be copied.';
alter table holdfast_private.entries enable row level security;

-- The index is on a hash of the id, which has half its length. Inserts come in random order: a B-tree on
-- the ids themselves is half as large again, and a hash index is between the two.
create index entries_object_id on holdfast_private.entries (uuid_hash_extended(object_id, 0)) where removed_in is null;
comment on index holdfast_private.entries_object_id is
  'Finds the earlier entries of a moved object, by holdfast_private.object_hash.';

create index entries_added_in on holdfast_private.entries (repository, added_in);
comment on index holdfast_private.entries_added_in is 'Finds the entries that a snapshot lists as put.';

create index entries_removed_in on holdfast_private.entries (repository, removed_in) where removed_in is not null;
comment on index holdfast_private.entries_removed_in is 'Finds the entries that a snapshot lists as removed.';

create index entries_missing_in on holdfast_private.entries (repository, missing_in, bucket_id, name)
  where missing_in is not null and removed_in is null;
comment on index holdfast_private.entries_missing_in is 'Finds the names that a run no longer found.';

create index entries_wanted on holdfast_private.entries (repository, bucket_id, name)
  where wanted_version is not null and removed_in is null;
comment on index holdfast_private.entries_wanted is
  'Finds the objects that could not be copied, which the totals of a snapshot count.';

create index entries_blob on holdfast_private.entries (blob);
comment on index holdfast_private.entries_blob is
  'Finds the entries of a blob, from which a key that is not stored is derived.';

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
comment on column holdfast_private.snapshots.repository is 'The repository that contains it.';
comment on column holdfast_private.snapshots.sequence is 'Sequence of the run that sealed it; snapshots are ordered by it.';
comment on column holdfast_private.snapshots.id is 'Id of the snapshot: UTC time and sequence, as in its key.';
comment on column holdfast_private.snapshots.state is
  'complete, or partial if at least one available object was not copied.';
comment on column holdfast_private.snapshots.started_at is 'When its run started.';
comment on column holdfast_private.snapshots.sealed_at is 'When it was sealed.';
comment on column holdfast_private.snapshots.document is 'Content of its snapshot.json: parts, buckets, policies, totals.';
alter table holdfast_private.snapshots enable row level security;

-- tables/runs.sql

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

-- tables/uploads.sql

-- Large uploads continue across invocations and runs, so their state is stored here.

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
comment on table holdfast_private.uploads is 'Multipart uploads in progress, of objects larger than one part.';
comment on column holdfast_private.uploads.id is 'Primary key.';
comment on column holdfast_private.uploads.run is
  'The run it belongs to. If that run has ended, the next backup takes over the upload or aborts it.';
comment on column holdfast_private.uploads.repository is 'The repository it is written to.';
comment on column holdfast_private.uploads.bucket_id is 'Storage bucket of the object.';
comment on column holdfast_private.uploads.name is 'Name of the object.';
comment on column holdfast_private.uploads.object is
  'The object''s row when the scan found it; the source is verified against it.';
comment on column holdfast_private.uploads.key is 'Key that the object will have, below the repository''s prefix.';
comment on column holdfast_private.uploads.part_size is 'Size in bytes of each part except the last.';
comment on column holdfast_private.uploads.upload_id is 'S3''s id of the upload; null before the upload is created.';
comment on column holdfast_private.uploads.restarts is
  'How often the upload restarted in its run, because the object was overwritten or S3 no longer knew the upload.';
comment on column holdfast_private.uploads.started_at is 'When the scan found the object.';
alter table holdfast_private.uploads enable row level security;

create index uploads_object on holdfast_private.uploads (repository, bucket_id, name);
comment on index holdfast_private.uploads_object is 'Finds the upload of an object that an ended run did not finish.';

create table holdfast_private.upload_parts (
  upload bigint not null references holdfast_private.uploads (id) on delete cascade,
  number integer not null check (number between 1 and 10000),
  size bigint not null,
  etag text not null,
  sha256 bytea not null check (length(sha256) = 32),
  primary key (upload, number)
);
comment on table holdfast_private.upload_parts is
  'Finished parts of multipart uploads. A new invocation continues at the first missing part.';
comment on column holdfast_private.upload_parts.upload is 'The upload that the part belongs to.';
comment on column holdfast_private.upload_parts.number is 'Part number, from 1.';
comment on column holdfast_private.upload_parts.size is 'Length in bytes.';
comment on column holdfast_private.upload_parts.etag is 'ETag that S3 returned, needed to complete the upload.';
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
comment on table holdfast_private.failures is
  'Objects that could not be copied, with the reason. A successful copy removes the row.';
comment on column holdfast_private.failures.id is 'Primary key.';
comment on column holdfast_private.failures.run is 'The run that tried last.';
comment on column holdfast_private.failures.job is
  'backup: the row exists until the object is held. Another job: the row belongs to its run.';
comment on column holdfast_private.failures.bucket_id is 'Storage bucket of the object.';
comment on column holdfast_private.failures.name is 'Name of the object.';
comment on column holdfast_private.failures.version is 'The version that should have been copied.';
comment on column holdfast_private.failures.class is
  'unavailable: the source cannot deliver the object. failed: the object exists and the copy did not succeed.';
comment on column holdfast_private.failures.code is 'Stable code of the error.';
comment on column holdfast_private.failures.message is 'The error as a sentence.';
comment on column holdfast_private.failures.attempts is 'How many runs tried this version.';
comment on column holdfast_private.failures.first_at is 'When it first failed.';
comment on column holdfast_private.failures.last_at is 'When it last failed.';
comment on column holdfast_private.failures.next_at is
  'When a run tries it again: at once, then after a day, then after a week.';
alter table holdfast_private.failures enable row level security;

create unique index failures_backup on holdfast_private.failures (bucket_id, name) where job = 'backup';
comment on index holdfast_private.failures_backup is 'Allows one row per object for backups.';

create unique index failures_run on holdfast_private.failures (run, bucket_id, name);
comment on index holdfast_private.failures_run is 'Allows one row per object and run.';

-- tables/keys.sql

-- Holdfast's own keys. A key is hf_<scope>_<12 hex digits: the public id>_<64 hex digits: the secret>.
-- Only the digest of the complete key is stored. Two random UUIDs give 244 random bits without pgcrypto.

create table holdfast_private.keys (
  id text primary key check (id ~ '^[0-9a-f]{12}$'),
  scope text not null check (scope in ('worker', 'read', 'operate', 'restore')),
  name text not null,
  digest bytea not null check (length(digest) = 32),
  created_at timestamptz not null default now(),
  revoked_at timestamptz
);
comment on table holdfast_private.keys is 'Keys for Holdfast''s functions; only their digests are stored.';
comment on column holdfast_private.keys.id is 'Public part of the key, used to find it.';
comment on column holdfast_private.keys.scope is 'What the key allows.';
comment on column holdfast_private.keys.name is 'Name of the holder; the key is revoked by this name.';
comment on column holdfast_private.keys.digest is 'SHA-256 of the complete key.';
comment on column holdfast_private.keys.created_at is 'When the key was created.';
comment on column holdfast_private.keys.revoked_at is 'When the key was revoked.';
alter table holdfast_private.keys enable row level security;

create unique index keys_name on holdfast_private.keys (name) where revoked_at is null;
comment on index holdfast_private.keys_name is 'Allows one active key per name.';

-- tables/audit.sql

create table holdfast_private.audit (
  id bigint generated always as identity primary key,
  at timestamptz not null default now(),
  actor text not null,
  action text not null,
  detail jsonb not null default '{}'
);
comment on table holdfast_private.audit is 'Audit log: who created or revoked a key, started a run, or restored objects.';
comment on column holdfast_private.audit.id is 'Primary key.';
comment on column holdfast_private.audit.at is 'When the action happened.';
comment on column holdfast_private.audit.actor is 'Name of the key or of the database role.';
comment on column holdfast_private.audit.action is 'The action.';
comment on column holdfast_private.audit.detail is 'Details of the action, as JSON. Never contains a secret.';
alter table holdfast_private.audit enable row level security;

-- tables/egress.sql

create table holdfast_private.egress (
  day date not null,
  kind text not null,
  bytes bigint not null check (bytes >= 0),
  primary key (day, kind)
);
comment on table holdfast_private.egress is
  'Bytes read from Storage, by day: copied bytes and bytes that a restore reads back. They are counted when the read is committed; if a worker crashes, the count of at most one page or part is lost.';
comment on column holdfast_private.egress.day is 'The day, in UTC.';
comment on column holdfast_private.egress.kind is 'The kind of run that read the bytes.';
comment on column holdfast_private.egress.bytes is 'Bytes read, including repeated reads.';
alter table holdfast_private.egress enable row level security;

-- tables/isolate_lifetimes.sql

-- Learns how long an isolate of a function lives. The platform does not report the limit: it is 60 s
-- when self-hosted, and 150 s or 400 s at Supabase. So the first slices are short, and later ones last
-- longer if earlier ones survived.

create table holdfast_private.isolate_lifetimes (
  function_name text primary key,
  seconds integer not null check (seconds >= 40),
  killed_at timestamptz,
  killed_after integer
);
comment on table holdfast_private.isolate_lifetimes is
  'For how long the isolates of each function are used, learned from how earlier slices ended.';
comment on column holdfast_private.isolate_lifetimes.function_name is 'The Edge Function.';
comment on column holdfast_private.isolate_lifetimes.seconds is
  'Age in seconds, since it was loaded, after which an isolate leases no more cursors.';
comment on column holdfast_private.isolate_lifetimes.killed_at is
  'When a worker last crashed in an isolate older than the guaranteed lifetime.';
comment on column holdfast_private.isolate_lifetimes.killed_after is
  'Age in seconds of that isolate at its last heartbeat or commit.';
alter table holdfast_private.isolate_lifetimes enable row level security;

-- tables/overwrites.sql

-- Objects that a restore overwrites. An overwriting upload has no precondition. If a worker pauses or
-- crashes, its upload can arrive delayed and remove the user metadata that another worker has restored.
-- So the worker records its intent before it sends the upload. No other data distinguishes such a row
-- from one that a user wrote.

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
  'Objects that a restore is about to overwrite. A committed row is removed with its page, unless another worker may still upload the object.';
comment on column holdfast_private.overwrites.run is 'The restore.';
comment on column holdfast_private.overwrites.bucket_id is 'Bucket of the object.';
comment on column holdfast_private.overwrites.name is 'Name of the object.';
comment on column holdfast_private.overwrites.version is 'The version before the first upload.';
comment on column holdfast_private.overwrites.metadata is
  'The metadata of the object''s row at that time. An upload keeps the owner and removes user metadata.';
comment on column holdfast_private.overwrites.keeps is
  'True if the row gets this metadata again, because only its bytes were lost. False if it gets the metadata of the snapshot.';
comment on column holdfast_private.overwrites.doubtful_at is
  'When the worker that recorded the row was found to have lost its lease before its commit. Its upload may still arrive.';
comment on column holdfast_private.overwrites.put is
  'The version whose row was last patched; null until a page with it is committed.';
comment on column holdfast_private.overwrites.etag is
  'ETag of that version. Another upload of the same bytes has the same ETag.';
alter table holdfast_private.overwrites enable row level security;

create index overwrites_location on holdfast_private.overwrites (bucket_id, name);
comment on index holdfast_private.overwrites_location is 'Finds the rows that restores recorded for an object.';

create index overwrites_doubtful on holdfast_private.overwrites (doubtful_at) where put is not null;
comment on index holdfast_private.overwrites_doubtful is 'Finds committed rows whose upload may still arrive.';
