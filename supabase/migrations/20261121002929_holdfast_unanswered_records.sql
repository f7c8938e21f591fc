-- A listing may not have the newest record of the log yet. Where that is the record of a run that failed
-- with no answer to whether it was written, the next run would count on past it, and no run would look
-- there again: the snapshot would be in the repository and never in the catalog. Only who has begun to
-- seal writes a record; whether its snapshot can still be adopted is another question.

create or replace function holdfast.known_repository(repository_id uuid) returns jsonb
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
