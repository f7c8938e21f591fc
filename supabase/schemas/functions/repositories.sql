-- What the catalog knows of repositories and their snapshots.

-- A listing may not have the newest record of the log yet. Where that is the record of a run that failed
-- with no answer to whether it was written, the next run would count on past it, and no run would look
-- there again: the snapshot would be in the repository and never in the catalog. Only who has begun to
-- seal writes a record; whether its snapshot can still be adopted is another question.
create function holdfast.known_repository(repository_id uuid) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object('id', r.id, 'last_record', r.last_record, 'owner_project', r.owner_project,
    'conditional_writes', r.conditional_writes, 'endpoint', r.endpoint, 'bucket', r.bucket, 'prefix', r.prefix,
    'unanswered_records', (
      select coalesce(jsonb_agg(u.sequence order by u.sequence), '[]') from holdfast.runs u
      where u.repository = r.id and u.kind = 'backup' and u.state = 'failed' and u.sequence > r.last_record
        and exists (select from holdfast.cursors c where c.run = u.id and c.stage = 'seal')))
  from holdfast.repositories r where r.repository_id = known_repository.repository_id
$$;
comment on function holdfast.known_repository(uuid) is
  'What the catalog knows of a repository, with the place that backups last went to, and which records may be in its log though nobody answered; null if nothing.';

create function holdfast.repository_at(endpoint text, bucket text, prefix text) returns uuid
  language sql stable security definer set search_path = ''
as $$
  select r.repository_id from holdfast.repositories r
  where r.endpoint = repository_at.endpoint and r.bucket = repository_at.bucket and r.prefix = repository_at.prefix
  order by r.id desc limit 1
$$;
comment on function holdfast.repository_at(text, text, text) is 'The repository that was last met at a place.';

create function holdfast.place_of(facts jsonb) returns jsonb
  language sql immutable set search_path = ''
as $$
  select jsonb_build_object('endpoint', facts -> 'endpoint', 'bucket', facts -> 'bucket', 'prefix', facts -> 'prefix')
$$;
comment on function holdfast.place_of(jsonb) is 'Of what was found of a repository, where it lies.';

-- The tick, each minute: it posts what was lost, ends what is stuck, starts what is overdue and has
-- cleared up what was left. All
-- it knows is in the tables, so a tick more or less, or two at once, change nothing.
create function holdfast.own_repository() returns integer
  language sql stable security definer set search_path = ''
as $$
  select coalesce(
    (select r.repository from holdfast.runs r
      where r.kind = 'backup' and r.repository is not null order by r.started_at desc limit 1),
    (select p.id from holdfast.repositories p
      where p.owner_project = holdfast.setting('project_url') #>> '{}' order by p.id desc limit 1))
$$;
comment on function holdfast.own_repository() is
  'The repository that this project backs up to: the last backup''s, or after an import the one it owns; null before the first.';

create function holdfast.save_repository(facts jsonb) returns integer
  language sql security definer set search_path = ''
as $$
  insert into holdfast.repositories (repository_id, endpoint, bucket, prefix, format_version,
    owner_project, last_record, conditional_writes)
  select f.repository_id, f.endpoint, f.bucket, f.prefix, f.format_version, f.owner_project,
    f.last_record, f.conditional_writes
  from jsonb_to_record(save_repository.facts) as f (repository_id uuid, endpoint text, bucket text,
    prefix text, format_version integer, owner_project text, last_record integer, conditional_writes boolean)
  on conflict (repository_id) do update
  set endpoint = excluded.endpoint, bucket = excluded.bucket, prefix = excluded.prefix,
    format_version = excluded.format_version, owner_project = excluded.owner_project,
    -- Of another server nothing is known before it was asked.
    conditional_writes = coalesce(excluded.conditional_writes,
      case when (repositories.endpoint, repositories.bucket, repositories.prefix)
          = (excluded.endpoint, excluded.bucket, excluded.prefix)
        then repositories.conditional_writes end),
    last_record = greatest(repositories.last_record, excluded.last_record)
  returning id
$$;
comment on function holdfast.save_repository(jsonb) is 'Records what was found of a repository and returns its number.';

create function holdfast.repository_prepared(cursor_id bigint, owner uuid, facts jsonb, next_stage text)
  returns void language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(repository_prepared.cursor_id, repository_prepared.owner);
  -- Whoever only reads does not say where the backups went.
  known integer := (
    select r.id from holdfast.repositories r where r.repository_id = (facts ->> 'repository_id')::uuid);
begin
  update holdfast.runs r
  set repository = coalesce(known, holdfast.save_repository(facts)),
    plan = r.plan || jsonb_build_object('place', holdfast.place_of(facts))
  where r.id = c.run;
  insert into holdfast.cursors (run, stage) values (c.run, next_stage);
  perform holdfast.finish_cursor(c.id, repository_prepared.owner);
end
$$;
comment on function holdfast.repository_prepared(bigint, uuid, jsonb, text) is
  'Ends the prepare stage of a run that reads a repository: records it and begins the next stage.';

create function holdfast.last_snapshot(repository integer) returns holdfast.snapshots
  language sql stable security definer set search_path = ''
as $$
  select s from holdfast.snapshots s where s.repository = last_snapshot.repository
  order by s.sequence desc limit 1
$$;
comment on function holdfast.last_snapshot(integer) is 'The newest sealed snapshot in the catalog.';

create function holdfast.newest_snapshot_id(repository integer) returns text
  language sql stable security definer set search_path = ''
as $$ select (holdfast.last_snapshot(newest_snapshot_id.repository)).id $$;
comment on function holdfast.newest_snapshot_id(integer) is 'Id of the newest snapshot in the catalog; null if there is none.';

create function holdfast.save_snapshot(repository integer, document jsonb) returns void
  language sql security definer set search_path = ''
as $$
  insert into holdfast.snapshots (repository, sequence, id, state, started_at, sealed_at, document)
  values (save_snapshot.repository, (document ->> 'sequence')::integer, document ->> 'id',
    document ->> 'state', (document ->> 'started_at')::timestamptz, (document ->> 'sealed_at')::timestamptz,
    save_snapshot.document)
  on conflict (repository, sequence) do nothing;
  update holdfast.repositories r set last_record = greatest(r.last_record, (document ->> 'sequence')::integer)
  where r.id = save_snapshot.repository
$$;
comment on function holdfast.save_snapshot(integer, jsonb) is 'Adds a sealed snapshot to the catalog.';

create function holdfast.adopt_snapshot(repository integer, record jsonb) returns boolean
  language plpgsql security definer set search_path = ''
as $$
declare
  r holdfast.runs;
begin
  select runs.* into r from holdfast.runs
  where runs.repository = adopt_snapshot.repository and runs.kind = 'backup' and runs.state = 'failed'
    and runs.sequence = (record ->> 'sequence')::integer
    and encode(sha256(convert_to(runs.frozen, 'UTF8')), 'hex') = record ->> 'sha256';
  -- What another run has put into the catalog since is in no snapshot: to tell it apart wants an import.
  if not found or exists (
    select from holdfast.entries e
    where e.repository = r.repository and (e.added_in > r.sequence or e.removed_in > r.sequence)
  ) then
    return false;
  end if;
  perform holdfast.save_snapshot(r.repository, r.frozen::jsonb);
  update holdfast.runs set frozen = null, result = jsonb_build_object('snapshot', r.frozen::jsonb -> 'id',
    'state', r.frozen::jsonb -> 'state', 'totals', r.frozen::jsonb -> 'totals') where id = r.id;
  return true;
end
$$;
comment on function holdfast.adopt_snapshot(integer, jsonb) is
  'Lets a snapshot join the catalog by the record that its failed run left in the log; false where the record is of no such run, or the catalog has moved on.';
