-- Failures of objects that are held by now. A database that was put back has the failures of then, and
-- after an import what came since is held; a restore puts back what failed before. No sweep meets an object
-- again that is held as it is, so its failure would stay, and every snapshot be partial for ever.

create function holdfast.forget_settled_failures(repository integer) returns void
  language sql security definer set search_path = '' set plan_cache_mode = force_custom_plan
as $$
  delete from holdfast.failures f
  where f.job = 'backup' and exists (
    select from holdfast.known_entries e join holdfast.source_objects o
      on o.bucket_id = e.bucket_id collate "default" and o.name = e.name and o.version = e.version
    where e.repository = forget_settled_failures.repository and e.bucket_id = f.bucket_id and e.name = f.name
      and e.removed_in is null and e.blob is not null and e.wanted_version is null
    -- Looks each up, as forget_failures does.
    offset 0)
$$;
comment on function holdfast.forget_settled_failures(integer) is
  'Forgets failures of objects that the repository holds as they are now.';

create or replace function holdfast.seal_facts(cursor_id bigint, owner uuid) returns jsonb
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(seal_facts.cursor_id, seal_facts.owner);
  r holdfast.runs := (select runs from holdfast.runs where runs.id = c.run);
  base holdfast.snapshots := holdfast.last_snapshot(r.repository);
  scope holdfast.scope := holdfast.plan_scope(r.plan);
begin
  perform holdfast.forget_failures(scope);
  perform holdfast.forget_settled_failures(r.repository);
  return jsonb_build_object(
    'sealed_at', holdfast.utc(clock_timestamp()), 'started_at', holdfast.utc(r.started_at),
    'repository_id', (select o.repository_id from holdfast.repositories o where o.id = r.repository),
    'sequence', r.sequence, 'base_sequence', (base).sequence,
    'state', case when exists (
      select from holdfast.failures f where f.job = 'backup' and f.class = 'failed') then 'partial' else 'complete' end,
    'buckets', (select coalesce(jsonb_agg(to_jsonb(b) - 'updated_at' order by b.id), '[]')
      from holdfast.source_buckets(scope) b),
    'policies', (select coalesce(jsonb_agg(to_jsonb(p) order by p.tablename, p.policyname), '[]')
      from pg_catalog.pg_policies p where p.schemaname = 'storage' and p.tablename in ('objects', 'buckets')),
    'totals', holdfast.snapshot_totals(r.repository, base, r.sequence));
end
$$;

revoke all on function holdfast.forget_settled_failures(integer) from public;
