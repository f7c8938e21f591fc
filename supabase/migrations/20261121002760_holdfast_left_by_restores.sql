-- A restore that ended between putting an object and patching its row leaves that to the next one, which
-- may then touch the object even where it overwrites nothing. What a user made at that time, and has
-- since given metadata of its own, looked the same. But what a restore puts has neither owner nor user
-- metadata before its row is patched, and the times that Storage's insert gave it.

create function holdfast.as_inserted(object_id uuid) returns boolean
  language sql stable security definer set search_path = ''
as $$
  -- Both are the insert's now(), and the patch of a restore changes created_at alone. A Storage that has
  -- no such column tells nothing.
  select coalesce(to_jsonb(o) ->> 'last_accessed_at' = to_jsonb(o) ->> 'created_at', true)
  from storage.objects o where o.id = as_inserted.object_id
$$;
comment on function holdfast.as_inserted(uuid) is
  'Whether a row of storage.objects still has the created_at that it was inserted with, as far as can be told.';
revoke all on function holdfast.as_inserted(uuid) from public;

create or replace function holdfast.restore_page(cursor_id bigint, owner uuid, max_items integer) returns jsonb
  language plpgsql security definer set search_path = '' set plan_cache_mode = force_custom_plan
as $$
declare
  c holdfast.cursors := holdfast.require_lease(restore_page.cursor_id, restore_page.owner);
  r holdfast.runs := (select runs from holdfast.runs where runs.id = c.run);
begin
  return (
    select coalesce(jsonb_agg(jsonb_build_object(
      'bucket_id', e.bucket_id, 'name', e.name, 'version', e.version, 'metadata', e.metadata, 'code', e.code,
      'blob', e.blob, 'key', e.key, 'size', e.size, 'sha256', encode(e.sha256, 'hex'), 'part_size', e.part_size,
      'target', case when o.id is not null then jsonb_build_object(
        'version', o.version, 'size', o.size,
        'right', e.blob is not null and exists (
          select from holdfast.known_entries k
          where k.repository = r.repository and k.bucket_id = e.bucket_id and k.name = e.name
            and k.version = o.version and k.blob = e.blob and not k.assumed),
        'same_metadata', holdfast.same_metadata(o.type, o.cache_control, o.user_metadata, o.owner_id, o.created_at,
          e.type, e.cache_control, e.user_metadata, e.owner_id, e.created_at),
        'of_this_run', o.owner_id is null and coalesce(o.user_metadata, '{}') = '{}'
          and holdfast.put_by_restore(o.created_at) and holdfast.as_inserted(o.id),
        'held', exists (
          select from holdfast.known_entries h join holdfast.snapshots s on s.repository = h.repository
            and s.sequence >= h.added_in and (h.removed_in is null or h.removed_in > s.sequence)
          where h.repository = r.repository and h.bucket_id = o.bucket_id and h.name = o.name
            and h.version = o.version and h.blob is not null)) end)
      order by e.name), '[]')
    from (
      select k.* from holdfast.known_entries k
      where k.repository = r.repository and k.bucket_id = c.bucket_id and k.name >= coalesce(c.position ->> 'from', '')
        and k.added_in <= (r.result ->> 'sequence')::integer
        and (k.removed_in is null or k.removed_in > (r.result ->> 'sequence')::integer)
      order by k.name limit restore_page.max_items) as e
      left join holdfast.source_objects o on o.bucket_id = c.bucket_id collate "default" and o.name = e.name);
end
$$;
comment on function holdfast.restore_page(bigint, uuid, integer) is
  'The next entries of the snapshot, each with what the target has under its name.';
