-- Sealing lists what changed since the last sealed snapshot and freezes the exact bytes of
-- snapshot.json. Once snapshot.json and the log record are in the repository, it marks the run as
-- sealed.

create function holdfast_private.seal_count(cursor_id bigint, owner uuid, max_rows integer default 20000) returns boolean
  language plpgsql security definer set search_path = '' set plan_cache_mode = force_custom_plan
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(seal_count.cursor_id, seal_count.owner);
  r holdfast_private.runs := (select runs from holdfast_private.runs where runs.id = c.run);
  so_far jsonb := c.position -> 'wanting';
  step jsonb;
begin
  if so_far is null then
    perform holdfast_private.remove_failures(holdfast_private.plan_scope(r.plan));
    perform holdfast_private.remove_resolved_failures(r.repository);
    so_far := '{"unavailable": 0, "failed": 0, "stale": 0}';
  elsif so_far ? 'counted' then
    return true;
  end if;
  -- Counts the entries that could not be copied, from their index. The class of each is in failures.
  with page as materialized (
    select e.bucket_id, e.name, e.blob from holdfast_private.entries e
    where e.repository = r.repository and e.wanted_version is not null and e.removed_in is null
      and (e.bucket_id, e.name) > (coalesce(so_far ->> 'bucket_id', ''), coalesce(so_far ->> 'name', ''))
    order by e.bucket_id, e.name limit seal_count.max_rows
  )
  select jsonb_build_object(
      'unavailable', (so_far ->> 'unavailable')::bigint
        + count(*) filter (where p.blob is null and f.class is distinct from 'failed'),
      'failed', (so_far ->> 'failed')::bigint + count(*) filter (where p.blob is null and f.class = 'failed'),
      'stale', (so_far ->> 'stale')::bigint + count(*) filter (where p.blob is not null))
    || case when count(*) < seal_count.max_rows then '{"counted": true}' else (
      select jsonb_build_object('bucket_id', l.bucket_id, 'name', l.name)
      from page l order by l.bucket_id desc, l.name desc limit 1) end
  into step
  from page p
    left join holdfast_private.failures f on f.job = 'backup' and f.bucket_id = p.bucket_id and f.name = p.name;
  perform holdfast_private.commit_cursor(c.id, seal_count.owner,
    coalesce(c.position, '{}') || jsonb_build_object('wanting', step), '{}');
  return step ? 'counted';
end
$$;
comment on function holdfast_private.seal_count(bigint, uuid, integer) is
  'Counts some of the objects that could not be copied and commits the counts. Returns whether all are counted. The first call removes obsolete failures.';

create function holdfast_private.seal_facts(cursor_id bigint, owner uuid) returns jsonb
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(seal_facts.cursor_id, seal_facts.owner);
  r holdfast_private.runs := (select runs from holdfast_private.runs where runs.id = c.run);
  base holdfast_private.snapshots := holdfast_private.last_snapshot(r.repository);
  scope holdfast_private.scope := holdfast_private.plan_scope(r.plan);
begin
  return jsonb_build_object(
    'sealed_at', holdfast_private.utc(clock_timestamp()), 'started_at', holdfast_private.utc(r.started_at),
    'repository_id', (select o.repository_id from holdfast_private.repositories o where o.id = r.repository),
    'sequence', r.sequence, 'base_sequence', (base).sequence,
    'state', case when exists (
      select from holdfast_private.failures f where f.job = 'backup' and f.class = 'failed') then 'partial' else 'complete' end,
    'buckets', (select coalesce(jsonb_agg(to_jsonb(b) - 'updated_at' order by b.id), '[]')
      from holdfast_private.source_buckets(scope) b),
    'policies', (select coalesce(jsonb_agg(to_jsonb(p) order by p.tablename, p.policyname), '[]')
      from pg_catalog.pg_policies p where p.schemaname = 'storage' and p.tablename in ('objects', 'buckets')),
    'totals', coalesce(c.position -> 'totals', holdfast_private.totals_before(base))
      || ((c.position -> 'wanting') - '{bucket_id,name,counted}'::text[]));
end
$$;
comment on function holdfast_private.seal_facts(bigint, uuid) is
  'The content of snapshot.json except its parts: times, state, buckets, policies, totals. seal_page and seal_count have counted the totals page by page.';

create function holdfast_private.is_next_log_record(cursor_id bigint, owner uuid) returns boolean
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(is_next_log_record.cursor_id, is_next_log_record.owner);
begin
  return (
    select coalesce(o.conditional_writes, false) and r.sequence = o.last_record + 1
      and r.started_at > clock_timestamp() - interval '5 minutes'
    from holdfast_private.runs r join holdfast_private.repositories o on o.id = r.repository where r.id = c.run);
end
$$;
comment on function holdfast_private.is_next_log_record(bigint, uuid) is
  'Whether any other writer since this run compared heads must have written the same log record that this run is about to write. Then a conditional write detects the conflict, and the log need not be listed again (see assertNoOtherWriter in open.ts).';

create function holdfast_private.freeze_snapshot(cursor_id bigint, owner uuid, document text) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(freeze_snapshot.cursor_id, freeze_snapshot.owner);
begin
  update holdfast_private.runs r set frozen = freeze_snapshot.document, state = 'sealing'
  where r.id = c.run and r.frozen is null;
  -- Commits like any other step, because the next step verifies this commit.
  perform holdfast_private.commit_cursor(c.id, freeze_snapshot.owner, c.position, '{}');
end
$$;
comment on function holdfast_private.freeze_snapshot(bigint, uuid, text) is
  'Stores the exact bytes of snapshot.json. After this, the run can only be sealed.';

create function holdfast_private.seal_run(cursor_id bigint, owner uuid, done jsonb) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(seal_run.cursor_id, seal_run.owner);
  r holdfast_private.runs := (select runs from holdfast_private.runs where runs.id = c.run);
begin
  perform holdfast_private.save_snapshot(r.repository, r.frozen::jsonb);
  perform holdfast_private.finish_cursor(c.id, seal_run.owner, seal_run.done);
  perform holdfast_private.end_run(r.id, 'succeeded', result => jsonb_build_object(
    'snapshot', r.frozen::jsonb -> 'id', 'state', r.frozen::jsonb -> 'state', 'totals', r.frozen::jsonb -> 'totals'));
end
$$;
comment on function holdfast_private.seal_run(bigint, uuid, jsonb) is
  'Marks a run as sealed: adds its snapshot to the catalog and counts the log record as known.';
