-- Objects that could not be copied. A failure is recorded, and removed once the object is held, deleted
-- or out of scope.

create function holdfast_private.record_failures(run_id uuid, job text, results jsonb) returns void
  language sql security definer set search_path = ''
  set plan_cache_mode = force_custom_plan
as $$
  delete from holdfast_private.failures f
  using jsonb_to_recordset(record_failures.results) as x (bucket_id text, name text, failure jsonb, upload jsonb)
  where f.bucket_id = x.bucket_id and f.name = x.name
    -- A begun upload has not succeeded yet, so its failed attempts still count.
    and f.job = record_failures.job and x.failure is null and x.upload is null
    and (f.job = 'backup' or f.run = record_failures.run_id);

  update holdfast_private.failures f
  set run = record_failures.run_id, class = x.failure ->> 'class', code = x.failure ->> 'code',
    message = x.failure ->> 'message', version = x.version, last_at = now(),
    attempts = case when f.version is not distinct from x.version then f.attempts + 1 else 1 end,
    next_at = case
      when x.failure ->> 'class' = 'failed' then now()
      -- The intervals are four hours shorter than a day and a week. Otherwise the nightly run at the
      -- same hour would be too early.
      when f.attempts < 7 then now() + interval '20 hours'
      else now() + interval '6 days 20 hours' end
  from jsonb_to_recordset(record_failures.results) as x (bucket_id text, name text, version text, failure jsonb)
  where f.bucket_id = x.bucket_id and f.name = x.name
    and f.job = record_failures.job and x.failure is not null
    and (f.job = 'backup' or f.run = record_failures.run_id);

  insert into holdfast_private.failures (run, job, bucket_id, name, version, class, code, message, next_at)
  select record_failures.run_id, record_failures.job, x.bucket_id, x.name, x.version,
    x.failure ->> 'class', x.failure ->> 'code', x.failure ->> 'message',
    case when x.failure ->> 'class' = 'failed' then now() else now() + interval '20 hours' end
  from jsonb_to_recordset(record_failures.results) as x (bucket_id text, name text, version text, failure jsonb)
  where x.failure is not null and not exists (
    select from holdfast_private.failures f where f.bucket_id = x.bucket_id and f.name = x.name
      and f.job = record_failures.job and (f.job = 'backup' or f.run = record_failures.run_id))
$$;
comment on function holdfast_private.record_failures(uuid, text, jsonb) is
  'Records the failure of each failed result and removes the failures of successful ones.';

create function holdfast_private.remove_failures(scope holdfast_private.scope) returns void
  language sql security definer set search_path = ''
as $$
  delete from holdfast_private.failures f where f.job = 'backup' and not exists (
    select from holdfast_private.source_objects o where o.bucket_id = f.bucket_id collate "default" and o.name = f.name
      and holdfast_private.in_scope(remove_failures.scope, o.bucket_id, o.name, o.size)
    -- Looks up each object. As a join on a table without statistics, it would read all objects of the
    -- project.
    offset 0)
$$;
comment on function holdfast_private.remove_failures(holdfast_private.scope) is
  'Removes failures of objects that were deleted or are out of scope.';

-- Removes failures of objects that are held now. Such failures exist after a restore of the database,
-- after an import of newer snapshots, and after a restore of the object. A scan skips an unchanged held
-- object, so its failure would stay and every later snapshot would be partial.
create function holdfast_private.remove_resolved_failures(repository integer) returns void
  language sql security definer set search_path = '' set plan_cache_mode = force_custom_plan
as $$
  delete from holdfast_private.failures f
  where f.job = 'backup' and exists (
    select from holdfast_private.known_entries e join holdfast_private.source_objects o
      on o.bucket_id = e.bucket_id collate "default" and o.name = e.name and o.version = e.version
    where e.repository = remove_resolved_failures.repository and e.bucket_id = f.bucket_id and e.name = f.name
      and e.removed_in is null and e.blob is not null and e.wanted_version is null
    -- Looks up each object, as remove_failures does.
    offset 0)
$$;
comment on function holdfast_private.remove_resolved_failures(integer) is
  'Removes failures of objects that the repository holds in their current version.';
