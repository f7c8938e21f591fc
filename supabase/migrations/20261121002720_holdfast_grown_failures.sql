-- Failures grow as the catalog does where a whole bucket can't be read: a page of them is compared with
-- all of the pages before it.

create or replace function holdfast.analyze_grown() returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  grown regclass;
begin
  for grown in
    select c.oid from pg_catalog.pg_class c
    where c.oid = any (array['holdfast.blobs', 'holdfast.entries', 'holdfast.failures']::regclass[])
      and pg_relation_size(c.oid) > 4 * current_setting('block_size')::bigint * c.relpages
    order by c.oid
  loop
    -- Whoever holds this lock is analyzing or vacuuming already: nothing to wait for.
    execute format('lock table %s in share update exclusive mode nowait', grown);
    execute format('analyze %s', grown);
  end loop;
exception when lock_not_available then
  null;
end
$$;
comment on function holdfast.analyze_grown() is
  'Gathers statistics on the catalog''s tables when they have grown fourfold. Without them each page of a first backup would be joined with all of the pages before it, until autovacuum comes.';
