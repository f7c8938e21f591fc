-- Sealing: list what changed since the last sealed snapshot, freeze the exact bytes of
-- snapshot.json, and mark the run sealed once they and the log record are in the repository.

create function holdfast_private.snapshot_totals(repository integer, base holdfast_private.snapshots, upto integer) returns jsonb
  language plpgsql stable security definer set search_path = '' set plan_cache_mode = force_custom_plan
as $$
declare
  since integer := (base).sequence;
  known jsonb := (base).document -> 'totals';
  counted jsonb;
  wanting jsonb;
begin
  -- What could not be had is counted from its index; why, the failures know.
  select jsonb_build_object(
      'unavailable', count(*) filter (where e.blob is null and f.class is distinct from 'failed'),
      'failed', count(*) filter (where e.blob is null and f.class = 'failed'),
      'stale', count(*) filter (where e.blob is not null))
  into wanting
  from holdfast_private.entries e
    left join holdfast_private.failures f on f.job = 'backup' and f.bucket_id = e.bucket_id and f.name = e.name
  where e.repository = snapshot_totals.repository and e.wanted_version is not null and e.removed_in is null;

  -- A full listing counts all; in between, what changed is added to what the snapshot before states.
  if known ? 'assumed' and holdfast_private.listing_kind(base) = 'changes' then
    select jsonb_build_object(
        'objects', (known ->> 'objects')::bigint + coalesce(sum(change.sign), 0),
        'bytes', (known ->> 'bytes')::bigint + coalesce(sum(change.sign * change.size), 0),
        'assumed', (known ->> 'assumed')::bigint + coalesce(sum(change.sign) filter (where change.assumed), 0))
    into counted from (
      select 1 as sign, e.size, e.assumed from holdfast_private.known_entries e
      where e.repository = snapshot_totals.repository and e.added_in > since and e.added_in <= upto
        and (e.removed_in is null or e.removed_in > upto)
      union all
      select -1, e.size, e.assumed from holdfast_private.known_entries e
      where e.repository = snapshot_totals.repository and e.removed_in > since and e.removed_in <= upto
        and e.added_in <= since) as change;
    return counted || wanting;
  end if;
  select jsonb_build_object('objects', count(*), 'bytes', coalesce(sum(e.size), 0),
      'assumed', count(*) filter (where e.assumed))
  into counted
  from holdfast_private.known_entries e
  where e.repository = snapshot_totals.repository and e.added_in <= upto
    and (e.removed_in is null or e.removed_in > upto);
  return counted || wanting;
end
$$;
comment on function holdfast_private.snapshot_totals(integer, holdfast_private.snapshots, integer) is
  'Totals of a snapshot. They cost what changed since the snapshot before; all is counted again with each full listing.';

create function holdfast_private.seal_facts(cursor_id bigint, owner uuid) returns jsonb
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(seal_facts.cursor_id, seal_facts.owner);
  r holdfast_private.runs := (select runs from holdfast_private.runs where runs.id = c.run);
  base holdfast_private.snapshots := holdfast_private.last_snapshot(r.repository);
  scope holdfast_private.scope := holdfast_private.plan_scope(r.plan);
begin
  perform holdfast_private.forget_failures(scope);
  perform holdfast_private.forget_settled_failures(r.repository);
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
    'totals', holdfast_private.snapshot_totals(r.repository, base, r.sequence));
end
$$;
comment on function holdfast_private.seal_facts(bigint, uuid) is
  'What snapshot.json says beside its parts: times, state, buckets, policies, totals.';

create function holdfast_private.rival_would_collide(cursor_id bigint, owner uuid) returns boolean
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(rival_would_collide.cursor_id, rival_would_collide.owner);
begin
  return (
    select coalesce(o.conditional_writes, false) and r.sequence = o.last_record + 1
      and r.started_at > clock_timestamp() - interval '5 minutes'
    from holdfast_private.runs r join holdfast_private.repositories o on o.id = r.repository where r.id = c.run);
end
$$;
comment on function holdfast_private.rival_would_collide(bigint, uuid) is
  'Whether another writer since this run compared heads would have written the very record that this run is about to write: then the server''s refusal tells, and the log need not be listed again (see assertNoRival in open.ts).';

create function holdfast_private.freeze_snapshot(cursor_id bigint, owner uuid, document text) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(freeze_snapshot.cursor_id, freeze_snapshot.owner);
begin
  update holdfast_private.runs r set frozen = freeze_snapshot.document, state = 'sealing'
  where r.id = c.run and r.frozen is null;
  -- A commit like any other: what follows expects it.
  perform holdfast_private.commit_cursor(c.id, freeze_snapshot.owner, c.position, '{}');
end
$$;
comment on function holdfast_private.freeze_snapshot(bigint, uuid, text) is
  'Keeps the exact bytes of snapshot.json; from here the run can only be sealed.';

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
  'Marks a run sealed: its snapshot joins the catalog and the log record counts as known.';
