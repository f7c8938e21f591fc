-- A run keeps to the place that it began at, and what was copied to another place is not held at this
-- one: secrets can change at any time, and a bucket may be copied while something in it is unsealed.

create or replace function holdfast.known_repository(repository_id uuid) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object('id', r.id, 'last_record', r.last_record, 'owner_project', r.owner_project,
    'conditional_writes', r.conditional_writes, 'endpoint', r.endpoint, 'bucket', r.bucket, 'prefix', r.prefix)
  from holdfast.repositories r where r.repository_id = known_repository.repository_id
$$;
comment on function holdfast.known_repository(uuid) is
  'What the catalog knows of a repository, with the place that backups last went to; null if nothing.';

create function holdfast.place_of(facts jsonb) returns jsonb
  language sql immutable set search_path = ''
as $$
  select jsonb_build_object('endpoint', facts -> 'endpoint', 'bucket', facts -> 'bucket', 'prefix', facts -> 'prefix')
$$;
comment on function holdfast.place_of(jsonb) is 'Of what was found of a repository, where it lies.';

create or replace function holdfast.save_repository(facts jsonb) returns integer
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

create function holdfast.backup_forget(cursor_id bigint, owner uuid, repository_id uuid, place jsonb, max_rows integer)
  returns integer language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(backup_forget.cursor_id, backup_forget.owner);
  elsewhere integer := (
    select r.id from holdfast.repositories r
    where r.repository_id = backup_forget.repository_id
      and holdfast.place_of(to_jsonb(r)) <> holdfast.place_of(backup_forget.place));
begin
  if elsewhere is null then
    return 0;
  end if;
  perform holdfast.heartbeat(c.id, backup_forget.owner);
  return holdfast.forget_some(elsewhere, backup_forget.max_rows);
end
$$;
comment on function holdfast.backup_forget(bigint, uuid, uuid, jsonb, integer) is
  'Where backups went to another place so far, forgets some of what was copied there and never sealed; returns how much, 0 when nothing is left.';

create or replace function holdfast.backup_prepared(cursor_id bigint, owner uuid, facts jsonb) returns integer
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(backup_prepared.cursor_id, backup_prepared.owner);
  repository integer := holdfast.save_repository(backup_prepared.facts);
  plan jsonb := (select r.plan from holdfast.runs r where r.id = c.run);
  sequence integer := holdfast.take_sequence(c.run, repository);
begin
  update holdfast.runs r
  set plan = r.plan || jsonb_build_object('place', holdfast.place_of(backup_prepared.facts)) where r.id = c.run;
  insert into holdfast.cursors (run, stage, bucket_id)
  select c.run, 'objects', bucket_id
  from holdfast.sweep_buckets(holdfast.plan_scope(plan), repository) as bucket_id order by bucket_id;
  perform holdfast.finish_cursor(c.id, backup_prepared.owner);
  return sequence;
end
$$;

create or replace function holdfast.repository_prepared(cursor_id bigint, owner uuid, facts jsonb, next_stage text)
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

revoke all on function holdfast.place_of(jsonb), holdfast.backup_forget(bigint, uuid, uuid, jsonb, integer) from public;
grant execute on function holdfast.backup_forget(bigint, uuid, uuid, jsonb, integer) to holdfast_worker;
