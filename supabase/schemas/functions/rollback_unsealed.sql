create function holdfast_private.rollback_unsealed(repository integer) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  base integer := coalesce((holdfast_private.last_snapshot(rollback_unsealed.repository)).sequence, 0);
begin
  -- What was stored is there, and its keys are known by these entries alone.
  update holdfast_private.blobs b set key = holdfast_private.plain_key(e.bucket_id, e.name, e.version)
  from holdfast_private.known_entries e
  where e.repository = rollback_unsealed.repository and e.added_in > base and b.id = e.blob and b.key is null;
  delete from holdfast_private.entries e where e.repository = rollback_unsealed.repository and e.added_in > base;
  update holdfast_private.entries e set removed_in = null
  where e.repository = rollback_unsealed.repository and e.removed_in > base;
end
$$;
comment on function holdfast_private.rollback_unsealed(integer) is
  'Takes the catalog back to its newest snapshot. What was never sealed here would seem to belong to the snapshots that are about to come.';

-- What a large backup copied and never sealed may be millions of entries: an import forgets them step by
-- step, each within the time that a statement may take.
--
-- What is forgotten can't be adopted: the snapshot of a run that failed may count, for its record got into
-- the log, and its entries must be there then. Without them it would be the base of a catalog that lacks
-- what it lists, and the next snapshot's totals would not be those of its listing.
create function holdfast_private.rollback_unsealed_step(repository integer, max_rows integer) returns integer
  language plpgsql security definer set search_path = '' set plan_cache_mode = force_custom_plan
as $$
declare
  base integer := coalesce((holdfast_private.last_snapshot(rollback_unsealed_step.repository)).sequence, 0);
  latest tid[] := array(
    select e.ctid from holdfast_private.entries e
    where e.repository = rollback_unsealed_step.repository and e.added_in > base limit rollback_unsealed_step.max_rows);
  seen integer;
begin
  update holdfast_private.runs r set frozen = null
  where r.repository = rollback_unsealed_step.repository and r.kind = 'backup' and r.state = 'failed'
    and r.frozen is not null;
  if cardinality(latest) > 0 then
    -- What was stored is there, and its keys are known by these entries alone.
    perform holdfast_private.spell_keys(array(select e.blob from holdfast_private.entries e where e.ctid = any (latest)));
    delete from holdfast_private.entries e where e.ctid = any (latest);
    return cardinality(latest);
  end if;
  -- Only when all that came since are gone: a name has one open entry.
  update holdfast_private.entries e set removed_in = null
  where e.ctid = any (array(
    select o.ctid from holdfast_private.entries o
    where o.repository = rollback_unsealed_step.repository and o.removed_in > base limit rollback_unsealed_step.max_rows));
  get diagnostics seen = row_count;
  return seen;
end
$$;
comment on function holdfast_private.rollback_unsealed_step(integer, integer) is
  'Takes the catalog back to its newest snapshot by so many entries, and returns how many those were; 0 when it is there. The snapshot of a run that failed is none that could join it after that.';

create function holdfast_private.import_rollback(cursor_id bigint, owner uuid, max_rows integer) returns integer
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(import_rollback.cursor_id, import_rollback.owner);
begin
  if c.position ? 'begun' then
    return 0;
  end if;
  perform holdfast_private.heartbeat(c.id, import_rollback.owner);
  return holdfast_private.rollback_unsealed_step((select r.repository from holdfast_private.runs r where r.id = c.run), import_rollback.max_rows);
end
$$;
comment on function holdfast_private.import_rollback(bigint, uuid, integer) is
  'Forgets some of what was never sealed, before the first page of an import; returns how much, 0 when nothing is left.';
