-- What is forgotten can't be adopted: the snapshot of a run that failed may count, for its record got into
-- the log, and its entries must be there then. Without them it would be the base of a catalog that lacks
-- what it lists, and the next snapshot's totals would not be those of its listing.

create or replace function holdfast.forget_some(repository integer, max_rows integer) returns integer
  language plpgsql security definer set search_path = '' set plan_cache_mode = force_custom_plan
as $$
declare
  base integer := coalesce((holdfast.last_snapshot(forget_some.repository)).sequence, 0);
  latest tid[] := array(
    select e.ctid from holdfast.entries e
    where e.repository = forget_some.repository and e.added_in > base limit forget_some.max_rows);
  seen integer;
begin
  update holdfast.runs r set frozen = null
  where r.repository = forget_some.repository and r.kind = 'backup' and r.state = 'failed'
    and r.frozen is not null;
  if cardinality(latest) > 0 then
    -- What was stored is there, and its keys are known by these entries alone.
    perform holdfast.spell_keys(array(select e.blob from holdfast.entries e where e.ctid = any (latest)));
    delete from holdfast.entries e where e.ctid = any (latest);
    return cardinality(latest);
  end if;
  -- Only when all that came since are gone: a name has one open entry.
  update holdfast.entries e set removed_in = null
  where e.ctid = any (array(
    select o.ctid from holdfast.entries o
    where o.repository = forget_some.repository and o.removed_in > base limit forget_some.max_rows));
  get diagnostics seen = row_count;
  return seen;
end
$$;
comment on function holdfast.forget_some(integer, integer) is
  'Takes the catalog back to its newest snapshot by so many entries, and returns how many those were; 0 when it is there. The snapshot of a run that failed is none that could join it after that.';
