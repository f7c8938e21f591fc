-- What a restore wrote down and never did stays for seven days, for the next restore to know. For as long
-- the tick took the same bytes for an upload that came late, and gave a user's own the words of before. And
-- it took what a later restore had just put for one: that found other words there than a slice leaves, and
-- left them. So a later restore has what it puts to itself, and what may still come late is to say its words.

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
      -- An upload over a row leaves its time, as it was put back; one that somebody made anew has another.
      and o.created_at is not distinct from coalesce(
        (case when w.keeps then w.metadata else e.metadata end ->> 'created_at')::timestamptz, o.created_at)
      -- What a restore sends is of the listed type, where a header can say it.
      and (o.type is not distinct from e.type or o.type = 'application/octet-stream')
      and (o.cache_control is not distinct from e.cache_control or o.cache_control = 'no-cache')
      and not exists (
        select from holdfast.runs other
        where other.kind = 'restore' and other.state = 'running' and other.plan ->> 'dry_run' = 'false'
          and other.id <> w.run)
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

create or replace function holdfast.wanted_words(run_id uuid, results jsonb) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select coalesce(jsonb_agg(case when w.keeps then x || jsonb_build_object('metadata', w.metadata) else x end), '[]')
  from jsonb_array_elements(wanted_words.results) x
    left join lateral (
      -- This run's own, or what a run left that has ended.
      select w.keeps, w.metadata from holdfast.overwrites w join holdfast.runs r on r.id = w.run
      where w.bucket_id = x ->> 'bucket_id' and w.name = x ->> 'name' and (w.run = wanted_words.run_id
        or (w.put is null and exists (
          select from holdfast.source_objects o
          where o.bucket_id = x ->> 'bucket_id' and o.name = x ->> 'name'
            and o.version = x ->> 'restored_version' and o.version <> w.version
            -- An upload over a row leaves its time; one that somebody made anew has another.
            and o.created_at is not distinct from (w.metadata ->> 'created_at')::timestamptz
            and o.updated_at between r.started_at and r.ended_at + interval '15 minutes')))
      order by w.run = wanted_words.run_id desc, w.keeps desc limit 1) as w on true
  where x ->> 'restored_version' is not null
$$;

create function holdfast.take_over_overwrites(run_id uuid, patched jsonb) returns void
  language sql security definer set search_path = ''
as $$
  with taken as (
    delete from holdfast.overwrites w
    using jsonb_to_recordset(take_over_overwrites.patched) as x (bucket_id text, name text, metadata jsonb)
    where w.run <> take_over_overwrites.run_id and w.bucket_id = x.bucket_id and w.name = x.name
    returning w.bucket_id, w.name, w.version, x.metadata, coalesce(w.doubtful_at, clock_timestamp()) as doubtful_at
  )
  insert into holdfast.overwrites as own (run, bucket_id, name, version, metadata, keeps, doubtful_at)
  select distinct on (t.bucket_id, t.name) take_over_overwrites.run_id, t.bucket_id, t.name, t.version, t.metadata,
    true, t.doubtful_at
  from taken t order by t.bucket_id, t.name, t.doubtful_at desc
  on conflict on constraint overwrites_pkey do update set
    doubtful_at = coalesce(own.doubtful_at, excluded.doubtful_at)
$$;
comment on function holdfast.take_over_overwrites(uuid, jsonb) is
  'Makes a restore''s own what earlier ones wrote down of objects whose rows it patches: an upload of theirs that still comes is to say what it says.';
revoke all on function holdfast.take_over_overwrites(uuid, jsonb) from public;
