-- What a large backup copied and never sealed may be millions of entries: an import forgets them step by
-- step, each within the time that a statement may take.

create function holdfast.forget_some(repository integer, max_rows integer) returns integer
  language plpgsql security definer set search_path = '' set plan_cache_mode = force_custom_plan
as $$
declare
  base integer := coalesce((holdfast.last_snapshot(forget_some.repository)).sequence, 0);
  latest tid[] := array(
    select e.ctid from holdfast.entries e
    where e.repository = forget_some.repository and e.added_in > base limit forget_some.max_rows);
  seen integer;
begin
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
  'Takes the catalog back to its newest snapshot by so many entries, and returns how many those were; 0 when it is there.';

create function holdfast.import_forget(cursor_id bigint, owner uuid, max_rows integer) returns integer
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(import_forget.cursor_id, import_forget.owner);
begin
  if c.position ? 'begun' then
    return 0;
  end if;
  perform holdfast.heartbeat(c.id, import_forget.owner);
  return holdfast.forget_some((select r.repository from holdfast.runs r where r.id = c.run), import_forget.max_rows);
end
$$;
comment on function holdfast.import_forget(bigint, uuid, integer) is
  'Forgets some of what was never sealed, before the first page of an import; returns how much, 0 when nothing is left.';

revoke all on function holdfast.forget_some(integer, integer), holdfast.import_forget(bigint, uuid, integer)
  from public;
grant execute on function holdfast.import_forget(bigint, uuid, integer) to holdfast_worker;
