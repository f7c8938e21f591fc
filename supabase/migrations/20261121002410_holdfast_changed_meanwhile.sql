-- Names whose object went before the run and that another one took while their window was at work:
-- compared, they were missing; committed, they are there again, and what the catalog has of them was
-- so before the run alone. They are marked like names that are gone, and looked up by object id.

create or replace function holdfast.mark_missing(repository integer, sequence integer, scope holdfast.scope,
  bucket_id text, from_name text, to_name text) returns integer
  language plpgsql security definer set search_path = '' set plan_cache_mode = force_custom_plan
  -- Tables that were just filled have no statistics: one row is expected of each side, and the loop
  -- over both takes a minute for 6,000 names.
  set enable_nestloop = off
as $$
declare
  marked integer;
begin
  update holdfast.entries e set missing_in = mark_missing.sequence
  where e.repository = mark_missing.repository and e.bucket_id = mark_missing.bucket_id
    and e.name >= mark_missing.from_name and e.name <= mark_missing.to_name
    and e.removed_in is null and e.missing_in is distinct from mark_missing.sequence
    and not exists (
      select from holdfast.source_objects o
      where o.bucket_id = mark_missing.bucket_id collate "default" and o.name = e.name
        and o.name >= mark_missing.from_name and o.name <= mark_missing.to_name
        -- What this run read, or could not read, was so during the run, whatever is there by now.
        and (e.added_in = mark_missing.sequence
          or o.version in (coalesce(e.version_uuid::text, e.version_text), e.wanted_version))
        -- A scope of nulls leaves nothing out; asking costs as much as all the rest.
        and (mark_missing.scope is null or holdfast.in_scope(mark_missing.scope, o.bucket_id, o.name, o.size)));
  get diagnostics marked = row_count;
  return marked;
end
$$;
comment on function holdfast.mark_missing(integer, integer, holdfast.scope, text, text, text) is
  'Marks the names of a covered window that the project no longer has in scope, or has as another version than was compared. They are closed later, by object id.';

create or replace function holdfast.upload_done(cursor_id bigint, owner uuid, result jsonb, done jsonb) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(upload_done.cursor_id, upload_done.owner);
  r holdfast.runs := (select runs from holdfast.runs where runs.id = c.run);
begin
  if upload_done.result is not null then
    perform holdfast.record_results(r, jsonb_build_array(upload_done.result));
  else
    -- The sweep met the name while its object was there.
    update holdfast.entries e set missing_in = r.sequence from holdfast.uploads u
    where u.id = (c.position ->> 'upload')::bigint and e.repository = r.repository
      and e.bucket_id = u.bucket_id and e.name = u.name and e.removed_in is null and e.added_in < r.sequence;
  end if;
  delete from holdfast.uploads u where u.id = (c.position ->> 'upload')::bigint;
  perform holdfast.finish_cursor(c.id, upload_done.owner, upload_done.done);
end
$$;
comment on function holdfast.upload_done(bigint, uuid, jsonb, jsonb) is
  'Ends an upload with its result (held or failed; null where the object is gone, whose name is then marked) and finishes its cursor.';
