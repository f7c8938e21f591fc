-- What a row says beside the bytes may be edited without a new version: it is held only by a snapshot that
-- says the same. A restore that may overwrite would otherwise lose it, and no snapshot would bring it back.

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
            and h.version = o.version and h.blob is not null
            and holdfast.same_metadata(o.type, o.cache_control, o.user_metadata, o.owner_id, o.created_at,
              h.type, h.cache_control, h.user_metadata, h.owner_id, h.created_at)),
        'bare', o.owner_id is null and coalesce(o.user_metadata, '{}') = '{}') end)
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
  'The next entries of the snapshot, each with what the target has under its name, and whether a snapshot holds that.';
