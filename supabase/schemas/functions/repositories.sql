-- Repositories and the sequences that runs take in them.

create function holdfast_private.location_of(facts jsonb) returns jsonb
  language sql immutable set search_path = ''
as $$
  select jsonb_build_object('endpoint', facts -> 'endpoint', 'bucket', facts -> 'bucket', 'prefix', facts -> 'prefix')
$$;
comment on function holdfast_private.location_of(jsonb) is 'Location of a repository: endpoint, bucket and prefix.';

-- A run stays at the location at which it began. Bytes that were copied to another location are not held
-- at this one: secrets can change at any time, and a bucket may be copied while it has unsealed data.
--
-- A listing may not yet show the newest record of the log. This record may be of a failed run that got
-- no response to its write. The next run would then count past it, and no later run would check for it:
-- the snapshot would be in the repository and never in the catalog. Only a run that began its seal stage
-- writes a record. Whether its snapshot can still be recovered is decided later.
create function holdfast_private.known_repository(repository_id uuid) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object('id', r.id, 'last_record', r.last_record, 'owner_project', r.owner_project,
    'conditional_writes', r.conditional_writes, 'endpoint', r.endpoint, 'bucket', r.bucket, 'prefix', r.prefix,
    'unconfirmed_records', (
      select coalesce(jsonb_agg(u.sequence order by u.sequence), '[]') from holdfast_private.runs u
      where u.repository = r.id and u.kind = 'backup' and u.state = 'failed' and u.sequence > r.last_record
        and exists (select from holdfast_private.cursors c where c.run = u.id and c.stage = 'seal')))
  from holdfast_private.repositories r where r.repository_id = known_repository.repository_id
$$;
comment on function holdfast_private.known_repository(uuid) is
  'The catalog''s data of a repository, with the location of the last backups and the sequences of unconfirmed records, which may be in its log. Null if the repository is unknown.';

create function holdfast_private.repository_at(endpoint text, bucket text, prefix text) returns uuid
  language sql stable security definer set search_path = ''
as $$
  select r.repository_id from holdfast_private.repositories r
  where r.endpoint = repository_at.endpoint and r.bucket = repository_at.bucket and r.prefix = repository_at.prefix
  order by r.id desc limit 1
$$;
comment on function holdfast_private.repository_at(text, text, text) is 'The repository that was last used at a location.';

create function holdfast_private.save_repository(facts jsonb) returns integer
  language sql security definer set search_path = ''
as $$
  insert into holdfast_private.repositories (repository_id, endpoint, bucket, prefix, format_version,
    owner_project, last_record, conditional_writes)
  select f.repository_id, f.endpoint, f.bucket, f.prefix, f.format_version, f.owner_project,
    f.last_record, f.conditional_writes
  from jsonb_to_record(save_repository.facts) as f (repository_id uuid, endpoint text, bucket text,
    prefix text, format_version integer, owner_project text, last_record integer, conditional_writes boolean)
  on conflict (repository_id) do update
  set endpoint = excluded.endpoint, bucket = excluded.bucket, prefix = excluded.prefix,
    format_version = excluded.format_version, owner_project = excluded.owner_project,
    -- The value of another server does not apply: this server has to be probed.
    conditional_writes = coalesce(excluded.conditional_writes,
      case when (repositories.endpoint, repositories.bucket, repositories.prefix)
          = (excluded.endpoint, excluded.bucket, excluded.prefix)
        then repositories.conditional_writes end),
    last_record = greatest(repositories.last_record, excluded.last_record)
  returning id
$$;
comment on function holdfast_private.save_repository(jsonb) is
  'Records the properties of a repository and returns its number.';

create function holdfast_private.own_repository() returns integer
  language sql stable security definer set search_path = ''
as $$
  select coalesce(
    (select r.repository from holdfast_private.runs r
      where r.kind = 'backup' and r.repository is not null order by r.started_at desc limit 1),
    (select p.id from holdfast_private.repositories p
      where p.owner_project = holdfast_private.setting('project_url') #>> '{}' order by p.id desc limit 1))
$$;
comment on function holdfast_private.own_repository() is
  'The repository that this project backs up to: the one of the last backup, or after an import the one that it owns. Null before the first backup.';

create function holdfast_private.take_sequence(run_id uuid, repository integer) returns integer
  language sql security definer set search_path = ''
as $$
  update holdfast_private.runs r
  set repository = take_sequence.repository,
    sequence = 1 + greatest(
      (select last_record from holdfast_private.repositories where id = take_sequence.repository),
      (select max(o.sequence) from holdfast_private.runs o where o.repository = take_sequence.repository),
      (select max(e.added_in) from holdfast_private.entries e where e.repository = take_sequence.repository),
      (select max(e.removed_in) from holdfast_private.entries e
        where e.repository = take_sequence.repository and e.removed_in is not null))
  where r.id = take_sequence.run_id and r.sequence is null
  returning r.sequence
$$;
comment on function holdfast_private.take_sequence(uuid, integer) is
  'Assigns a run the next sequence of its repository: one above the highest in the log or the catalog.';
