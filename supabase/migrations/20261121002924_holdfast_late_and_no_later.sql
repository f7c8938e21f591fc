-- What a restore wrote down and never did stays for seven days, for the next restore to know. For as long
-- the tick took the same bytes for an upload that came late, and gave a user's own the words of before.

create or replace function holdfast.mend_overwrites() returns jsonb
  language plpgsql security definer set search_path = '' set lock_timeout = '1s'
as $$
declare
  late jsonb;
  mended integer := 0;
  not_mended text;
begin
  -- The same bytes once more, and not a word of a user's beside them: an upload that came late, or one of
  -- a run that ended before it could say so, where the row is to say what it said.
  for late in
    select jsonb_build_object('run', w.run, 'bucket_id', w.bucket_id, 'name', w.name, 'etag', o.etag,
      'restored_version', o.version, 'metadata', case when w.keeps then w.metadata else e.metadata end)
    from holdfast.overwrites w join holdfast.runs r on r.id = w.run
      cross join lateral (
        select s.* from holdfast.source_objects s
        where s.bucket_id = w.bucket_id collate "default" and s.name = w.name) as o
      cross join lateral (
        select k.* from holdfast.known_entries k
        where k.repository = r.repository and k.bucket_id = w.bucket_id and k.name = w.name
          and k.added_in <= (r.result ->> 'sequence')::integer
          and (k.removed_in is null or k.removed_in > (r.result ->> 'sequence')::integer)) as e
    where (w.put is not null or (w.keeps and r.ended_at is not null
        -- What comes later is a user's, who puts back what no restore has.
        and o.updated_at between r.started_at and r.ended_at + interval '15 minutes'))
      and o.version <> coalesce(w.put, w.version) and o.etag = coalesce(w.etag, w.metadata ->> 'etag')
      and o.size = e.size and coalesce(o.user_metadata, '{}') = '{}'
      and (o.owner_id is null or o.owner_id in (w.metadata ->> 'owner_id', e.metadata ->> 'owner_id'))
  loop
    begin
      perform holdfast.patch_objects(jsonb_build_array(late));
      update holdfast.overwrites w set put = late ->> 'restored_version', etag = late ->> 'etag',
        doubtful_at = coalesce(w.doubtful_at, clock_timestamp())
      where w.run = (late ->> 'run')::uuid and w.bucket_id = late ->> 'bucket_id' and w.name = late ->> 'name';
      mended := mended + 1;
    exception when others then
      -- A trigger of the project's, or somebody who holds the row: the next minute tries again, and
      -- nothing else of the tick's is kept from going on.
      not_mended := format('%s/%s: %s', late ->> 'bucket_id', late ->> 'name', sqlerrm);
    end;
  end loop;
  -- No upload is under way for longer than a quarter of an hour; what was never committed tells the next
  -- restore what it may patch.
  delete from holdfast.overwrites w
  where w.put is not null and w.doubtful_at < now() - interval '15 minutes';
  delete from holdfast.overwrites w using holdfast.runs r
  where w.put is null and r.id = w.run and r.ended_at < now() - interval '7 days';
  return jsonb_strip_nulls(jsonb_build_object('mended', nullif(mended, 0), 'not_mended', not_mended));
end
$$;
