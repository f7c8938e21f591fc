create function holdfast_private.rollback_unsealed(repository integer) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  base integer := coalesce((holdfast_private.last_snapshot(rollback_unsealed.repository)).sequence, 0);
begin
  -- The stored bytes stay, and their keys can be derived only from these entries.
  update holdfast_private.blobs b set key = holdfast_private.plain_key(e.bucket_id, e.name, e.version)
  from holdfast_private.known_entries e
  where e.repository = rollback_unsealed.repository and e.added_in > base and b.id = e.blob and b.key is null;
  delete from holdfast_private.entries e where e.repository = rollback_unsealed.repository and e.added_in > base;
  update holdfast_private.entries e set removed_in = null
  where e.repository = rollback_unsealed.repository and e.removed_in > base;
end
$$;
comment on function holdfast_private.rollback_unsealed(integer) is
  'Resets the catalog to its newest snapshot. Unsealed entries would otherwise appear to belong to the next snapshots.';

-- A large backup that was never sealed may have millions of entries. An import removes them in steps,
-- each within the statement timeout.
--
-- A rollback makes the snapshot of a failed run unrecoverable. Such a snapshot can be valid, if its
-- record was written to the log, but its recovery needs its entries. Without them the catalog would lack
-- objects that the snapshot lists, and the totals of the next snapshot would not match its listing.
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
    -- The stored bytes stay, and their keys can be derived only from these entries.
    perform holdfast_private.spell_keys(array(select e.blob from holdfast_private.entries e where e.ctid = any (latest)));
    delete from holdfast_private.entries e where e.ctid = any (latest);
    return cardinality(latest);
  end if;
  -- Entries are reopened only after all newer ones are deleted, because a name has at most one open
  -- entry.
  update holdfast_private.entries e set removed_in = null
  where e.ctid = any (array(
    select o.ctid from holdfast_private.entries o
    where o.repository = rollback_unsealed_step.repository and o.removed_in > base limit rollback_unsealed_step.max_rows));
  get diagnostics seen = row_count;
  return seen;
end
$$;
comment on function holdfast_private.rollback_unsealed_step(integer, integer) is
  'Resets the catalog towards its newest snapshot by up to max_rows entries. Returns their number; 0 when done. Afterwards the snapshot of a failed run can no longer be recovered.';

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
  'Removes some unsealed entries before the first page of an import. Returns their number; 0 when none remain.';
