-- An upload may come late over what another lane has restored and patched, or be the last that a run did.
-- The tick finds such rows among those that were written down, and has them say again what they said.

create function holdfast.mend_overwrites() returns jsonb
  language plpgsql security definer set search_path = '' set lock_timeout = '1s'
as $$
declare
  late jsonb;
  mended integer := 0;
  not_mended text;
begin
  -- The same bytes once more, and not a word of a user's beside them: an upload that came late, or one of
  -- a run that ended before it could say so, where the row is to say what it said.
  for late in
    select jsonb_build_object('run', w.run, 'bucket_id', w.bucket_id, 'name', w.name, 'etag', o.etag,
      'restored_version', o.version, 'metadata', case when w.keeps then w.metadata else e.metadata end)
    from holdfast.overwrites w join holdfast.runs r on r.id = w.run
      cross join lateral (
        select s.* from holdfast.source_objects s
        where s.bucket_id = w.bucket_id collate "default" and s.name = w.name) as o
      cross join lateral (
        select k.* from holdfast.known_entries k
        where k.repository = r.repository and k.bucket_id = w.bucket_id and k.name = w.name
          and k.added_in <= (r.result ->> 'sequence')::integer
          and (k.removed_in is null or k.removed_in > (r.result ->> 'sequence')::integer)) as e
    where (w.put is not null or (w.keeps and r.ended_at is not null))
      and o.version <> coalesce(w.put, w.version) and o.etag = coalesce(w.etag, w.metadata ->> 'etag')
      and o.size = e.size and coalesce(o.user_metadata, '{}') = '{}'
      and (o.owner_id is null or o.owner_id in (w.metadata ->> 'owner_id', e.metadata ->> 'owner_id'))
  loop
    begin
      perform holdfast.patch_objects(jsonb_build_array(late));
      update holdfast.overwrites w set put = late ->> 'restored_version', etag = late ->> 'etag',
        doubtful_at = coalesce(w.doubtful_at, clock_timestamp())
      where w.run = (late ->> 'run')::uuid and w.bucket_id = late ->> 'bucket_id' and w.name = late ->> 'name';
      mended := mended + 1;
    exception when others then
      -- A trigger of the project's, or somebody who holds the row: the next minute tries again, and
      -- nothing else of the tick's is kept from going on.
      not_mended := format('%s/%s: %s', late ->> 'bucket_id', late ->> 'name', sqlerrm);
    end;
  end loop;
  -- No upload is under way for longer than a quarter of an hour; what was never committed tells the next
  -- restore what it may patch.
  delete from holdfast.overwrites w
  where w.put is not null and w.doubtful_at < now() - interval '15 minutes';
  delete from holdfast.overwrites w using holdfast.runs r
  where w.put is null and r.id = w.run and r.ended_at < now() - interval '7 days';
  return jsonb_strip_nulls(jsonb_build_object('mended', nullif(mended, 0), 'not_mended', not_mended));
end
$$;
comment on function holdfast.mend_overwrites() is
  'Puts back what rows said where an upload came late over a restored object; forgets what is over. Returns how many rows were patched, and why one was not.';

create or replace function holdfast.drop_idle_tick() returns void
  language plpgsql security definer set search_path = ''
as $$
begin
  -- Whoever holds it starts or schedules something. The next minute looks again, so this one need not wait.
  if not pg_try_advisory_xact_lock(hashtext('holdfast'), hashtext('start_run')) then
    return;
  end if;
  if not exists (select from cron.job j where j.jobname = 'holdfast backup')
    and not exists (select from holdfast.runs r where r.state in ('running', 'sealing'))
    and holdfast.maximum_age() is null and holdfast.setting('backup_waiting') = 'null'
    and holdfast.left_scratch_buckets() = '[]'
    and not exists (select from holdfast.overwrites w where w.put is not null) then
    perform cron.unschedule(j.jobid) from cron.job j where j.jobname = 'holdfast tick' and j.username = current_user;
  end if;
end
$$;

create or replace function holdfast.tick() returns jsonb
  language plpgsql security definer set search_path = ''
as $$
declare
  id uuid;
  posted integer := 0;
  stuck uuid[] := '{}';
  started uuid;
  refused text;
  mended jsonb;
begin
  for id in select r.id from holdfast.runs r where r.state in ('running', 'sealing') loop
    perform holdfast.resume_if_due(id);
    if holdfast.end_if_stuck(id) then
      stuck := stuck || id;
    else
      posted := posted + holdfast.post_free_lanes(id);
    end if;
  end loop;
  if holdfast.backup_due() then
    begin
      started := holdfast.start_or_wait('schedule');
    exception when sqlstate 'HF000' then
      -- What was posted above must not be rolled back.
      refused := sqlerrm;
    end;
  end if;
  if holdfast.left_scratch_buckets() <> '[]' then
    perform holdfast.post_work('holdfast-restore', '{}');
  end if;
  begin
    mended := holdfast.mend_overwrites();
  exception when others then
    -- Nothing posted above may be rolled back.
    mended := jsonb_build_object('not_mended', sqlerrm);
  end;
  perform holdfast.drop_idle_tick();
  return mended || jsonb_strip_nulls(jsonb_build_object('posted', posted, 'stuck', to_jsonb(nullif(stuck, '{}')),
    'started', started, 'refused', refused,
    -- pg_cron's table has no index that would serve.
    'pruned', case when extract(minute from now()) = 0 then holdfast.prune_job_runs() end));
end
$$;
comment on function holdfast.tick() is
  'What pg_cron runs each minute: posts a slice for each free lane, ends stuck runs, starts a backup that waits or is overdue, has scratch buckets removed and mends what came late. Returns what it did.';

revoke all on function holdfast.mend_overwrites() from public;
