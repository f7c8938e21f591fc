-- What a restore writes over. No condition guards an overwriting upload: one that comes late, from a lane
-- that slept or died meanwhile, takes the row's user metadata along, which another lane had put back. So it
-- is written down before it is sent. Nothing else tells such a row from one that a user wrote.

create table holdfast.overwrites (
  run uuid not null references holdfast.runs (id) on delete cascade,
  bucket_id text collate "C" not null,
  name text collate "C" not null,
  version text not null,
  metadata jsonb not null,
  keeps boolean not null,
  doubtful_at timestamptz,
  put text,
  etag text,
  primary key (run, bucket_id, name)
);
create index overwrites_place on holdfast.overwrites (bucket_id, name);
create index overwrites_doubtful on holdfast.overwrites (doubtful_at) where put is not null;
comment on table holdfast.overwrites is
  'Objects that a restore is about to write over. A committed one goes with its page, unless another lane may still be at it.';
comment on column holdfast.overwrites.run is 'The restore.';
comment on column holdfast.overwrites.bucket_id is 'Bucket of the object.';
comment on column holdfast.overwrites.name is 'Name of the object.';
comment on column holdfast.overwrites.version is 'The version that was there before the first upload.';
comment on column holdfast.overwrites.metadata is 'What its row said then. An upload keeps the owner and drops user metadata.';
comment on column holdfast.overwrites.keeps is 'Whether the row is to say that again, since only its bytes were lost; else it is to say what the snapshot lists.';
comment on column holdfast.overwrites.doubtful_at is 'When the lane that wrote it down was found to have fallen before it committed: its upload may still come.';
comment on column holdfast.overwrites.put is 'The version whose row was patched last; null until a page with it is committed.';
comment on column holdfast.overwrites.etag is 'The etag of that version: an upload of the same bytes has the same.';
alter table holdfast.overwrites enable row level security;
revoke all on holdfast.overwrites from public, anon, authenticated;

create function holdfast.is_held(repository integer, bucket_id text, name text, version text, type text,
  cache_control text, user_metadata jsonb, owner_id text, created_at timestamptz) returns boolean
  language sql stable security definer set search_path = ''
as $$
  select exists (
    select from holdfast.known_entries h join holdfast.snapshots s on s.repository = h.repository
      and s.sequence >= h.added_in and (h.removed_in is null or h.removed_in > s.sequence)
    where h.repository = is_held.repository and h.bucket_id = is_held.bucket_id and h.name = is_held.name
      and h.version = is_held.version and h.blob is not null
      and holdfast.same_metadata(is_held.type, is_held.cache_control, is_held.user_metadata, is_held.owner_id,
        is_held.created_at, h.type, h.cache_control, h.user_metadata, h.owner_id, h.created_at))
$$;
comment on function holdfast.is_held(integer, text, text, text, text, text, jsonb, text, timestamptz) is
  'Whether a sealed snapshot holds this version of an object with what its row says: writing over it loses nothing.';

create function holdfast.restore_overwrites(cursor_id bigint, owner uuid, bucket_id text, name text, version text,
  keeps boolean) returns boolean language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(restore_overwrites.cursor_id, restore_overwrites.owner);
  r holdfast.runs := (select runs from holdfast.runs where runs.id = c.run);
  -- A version may be edited under the lane's eyes: what is to go must still be in a snapshot.
  said jsonb := (select o.metadata from holdfast.source_objects o
    where o.bucket_id = restore_overwrites.bucket_id and o.name = restore_overwrites.name
      and o.version = restore_overwrites.version
      and (restore_overwrites.keeps or holdfast.is_held(r.repository, o.bucket_id, o.name, o.version, o.type,
        o.cache_control, o.user_metadata, o.owner_id, o.created_at)));
begin
  if said is null then
    return false;
  end if;
  -- Written down twice: the upload of the first time had no answer, and may still come. As long as the
  -- version is the one of then, none has come, and what the row says is the user's.
  insert into holdfast.overwrites as w (run, bucket_id, name, version, metadata, keeps)
  values (c.run, restore_overwrites.bucket_id, restore_overwrites.name, restore_overwrites.version, said,
    restore_overwrites.keeps)
  on conflict on constraint overwrites_pkey do update set
    doubtful_at = coalesce(w.doubtful_at, clock_timestamp()),
    metadata = case when w.version = excluded.version then excluded.metadata else w.metadata end,
    keeps = case when w.version = excluded.version then excluded.keeps else w.keeps end;
  return true;
end
$$;
comment on function holdfast.restore_overwrites(bigint, uuid, text, text, text, boolean) is
  'Writes down that a lane is about to write over a version of an object; false where another one is there by now, or it was edited and no snapshot holds that.';

create function holdfast.wanted_words(run_id uuid, results jsonb) returns jsonb
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
            and o.updated_at between r.started_at and r.ended_at + interval '15 minutes')))
      order by w.run = wanted_words.run_id desc, w.keeps desc limit 1) as w on true
  where x ->> 'restored_version' is not null
$$;
comment on function holdfast.wanted_words(uuid, jsonb) is
  'Of a page''s results those that were put, each with what its row is to say: what it said before where only bytes were lost, else what the snapshot lists.';

create function holdfast.settle_overwrites(run_id uuid, results jsonb) returns void
  language sql security definer set search_path = ''
as $$
  -- A late one may have come since the bytes were read back: then the row says another etag by now. Where
  -- nothing was put at last, one may still come, and brings the bytes that the row tells of.
  update holdfast.overwrites w set put = coalesce(x.restored_version, w.version),
    etag = case when x.restored_version is null then w.metadata ->> 'etag' else coalesce(x.restored_etag, (
      select o.etag from holdfast.source_objects o
      where o.bucket_id = x.bucket_id and o.name = x.name and o.version = x.restored_version)) end
  from jsonb_to_recordset(settle_overwrites.results)
    as x (bucket_id text, name text, restored_version text, restored_etag text)
  where w.run = settle_overwrites.run_id and w.bucket_id = x.bucket_id and w.name = x.name
    and w.doubtful_at is not null and (x.restored_version is not null or w.keeps);
  -- What landed and could not be patched is for the next restore, as is what never was committed.
  delete from holdfast.overwrites w
  using jsonb_to_recordset(settle_overwrites.results) as x (bucket_id text, name text, restored_version text)
  where w.run = settle_overwrites.run_id and w.bucket_id = x.bucket_id and w.name = x.name
    and w.put is null and w.doubtful_at is null
    and (x.restored_version is not null or exists (
      select from holdfast.source_objects o
      where o.bucket_id = x.bucket_id and o.name = x.name and o.version = w.version));
$$;
comment on function holdfast.settle_overwrites(uuid, jsonb) is
  'Takes out what a page has written over; what another lane may still be at stays, with what was put.';

create function holdfast.left_by_upload(bucket_id text, name text, version text, user_metadata jsonb, owner_id text,
  updated_at timestamptz) returns boolean
  language sql stable security definer set search_path = ''
as $$
  select coalesce(left_by_upload.user_metadata, '{}') = '{}' and exists (
    select from holdfast.overwrites w join holdfast.runs r on r.id = w.run
    where w.bucket_id = left_by_upload.bucket_id and w.name = left_by_upload.name
      and w.version <> left_by_upload.version
      and (left_by_upload.owner_id is null or left_by_upload.owner_id = w.metadata ->> 'owner_id')
      and left_by_upload.updated_at >= r.started_at
      and left_by_upload.updated_at <= coalesce(r.ended_at, clock_timestamp()) + interval '15 minutes')
$$;
comment on function holdfast.left_by_upload(text, text, text, jsonb, text, timestamptz) is
  'Whether a row is as the upload of a restore leaves it that was written down and never committed.';

create or replace function holdfast.restore_page(cursor_id bigint, owner uuid, max_items integer) returns jsonb
  language plpgsql security definer set search_path = '' set plan_cache_mode = force_custom_plan
as $$
declare
  c holdfast.cursors := holdfast.require_lease(restore_page.cursor_id, restore_page.owner);
  r holdfast.runs := (select runs from holdfast.runs where runs.id = c.run);
begin
  -- A lane leaves none behind when it goes on: these are of one that died, or that sleeps and may wake.
  update holdfast.overwrites w set doubtful_at = clock_timestamp()
  where w.run = r.id and w.bucket_id = c.bucket_id and w.put is null and w.doubtful_at is null;
  return (
    select coalesce(jsonb_agg(jsonb_build_object(
      'bucket_id', e.bucket_id, 'name', e.name, 'version', e.version, 'metadata', e.metadata, 'code', e.code,
      'blob', e.blob, 'key', e.key, 'size', e.size, 'sha256', encode(e.sha256, 'hex'), 'part_size', e.part_size,
      'target', case when o.id is not null then jsonb_build_object(
        'version', o.version, 'size', o.size, 'etag', o.etag,
        'announced', exists (
          select from holdfast.overwrites w where w.bucket_id = e.bucket_id and w.name = e.name),
        'right', e.blob is not null and exists (
          select from holdfast.known_entries k
          where k.repository = r.repository and k.bucket_id = e.bucket_id and k.name = e.name
            and k.version = o.version and k.blob = e.blob and not k.assumed),
        'same_metadata', holdfast.same_metadata(o.type, o.cache_control, o.user_metadata, o.owner_id, o.created_at,
          e.type, e.cache_control, e.user_metadata, e.owner_id, e.created_at),
        'of_this_run', l.by_upload or (o.owner_id is null and coalesce(o.user_metadata, '{}') = '{}'
          and holdfast.put_by_restore(o.created_at) and holdfast.as_inserted(o.id)),
        'held', holdfast.is_held(r.repository, o.bucket_id, o.name, o.version, o.type, o.cache_control,
          o.user_metadata, o.owner_id, o.created_at),
        'bare', l.by_upload or (o.owner_id is null and coalesce(o.user_metadata, '{}') = '{}')) end)
      order by e.name), '[]')
    from (
      select k.* from holdfast.known_entries k
      where k.repository = r.repository and k.bucket_id = c.bucket_id and k.name >= coalesce(c.position ->> 'from', '')
        and k.added_in <= (r.result ->> 'sequence')::integer
        and (k.removed_in is null or k.removed_in > (r.result ->> 'sequence')::integer)
      order by k.name limit restore_page.max_items) as e
      left join holdfast.source_objects o on o.bucket_id = c.bucket_id collate "default" and o.name = e.name
      left join lateral holdfast.left_by_upload(o.bucket_id, o.name, o.version, o.user_metadata, o.owner_id,
        o.updated_at) as l (by_upload) on o.id is not null);
end
$$;
comment on function holdfast.restore_page(bigint, uuid, integer) is
  'The next entries of the snapshot, each with what the target has under its name, and whether a snapshot holds that.';

create or replace function holdfast.restore_commit(cursor_id bigint, owner uuid, results jsonb, to_name text, done jsonb)
  returns void language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(restore_commit.cursor_id, restore_commit.owner);
  r holdfast.runs := (select runs from holdfast.runs where runs.id = c.run);
  patched jsonb := holdfast.wanted_words(r.id, restore_commit.results);
  counters jsonb := restore_commit.done;
begin
  if jsonb_array_length(patched) > 0 and not holdfast.patch_objects(patched) then
    counters := counters || jsonb_build_object('updated_at_not_set', jsonb_array_length(patched));
  end if;
  if r.sequence is not null and jsonb_array_length(patched) > 0 then
    perform holdfast.put_entries(r.repository, r.sequence, (
      select coalesce(jsonb_agg(jsonb_build_object('bucket_id', o.bucket_id, 'name', o.name, 'object_id', o.id,
        'version', o.version, 'metadata', o.metadata, 'blob', x.blob)), '[]')
      from jsonb_to_recordset(patched) as x (bucket_id text, name text, restored_version text, blob bigint)
        join holdfast.source_objects o on o.bucket_id = x.bucket_id and o.name = x.name
          and o.version = x.restored_version));
  end if;
  perform holdfast.settle_overwrites(r.id, restore_commit.results);
  perform holdfast.record_failures(r.id, 'restore', restore_commit.results);
  perform holdfast.commit_cursor(c.id, restore_commit.owner,
    c.position || jsonb_build_object('from', restore_commit.to_name || chr(1)), counters);
end
$$;

revoke all on function holdfast.is_held(integer, text, text, text, text, text, jsonb, text, timestamptz),
  holdfast.restore_overwrites(bigint, uuid, text, text, text, boolean), holdfast.wanted_words(uuid, jsonb),
  holdfast.settle_overwrites(uuid, jsonb),
  holdfast.left_by_upload(text, text, text, jsonb, text, timestamptz) from public;
grant execute on function holdfast.restore_overwrites(bigint, uuid, text, text, text, boolean) to holdfast_worker;
