-- Snapshots in the catalog, by sequence, id and time.

create function holdfast_private.last_snapshot(repository integer) returns holdfast_private.snapshots
  language sql stable security definer set search_path = ''
as $$
  select s from holdfast_private.snapshots s where s.repository = last_snapshot.repository
  order by s.sequence desc limit 1
$$;
comment on function holdfast_private.last_snapshot(integer) is 'The newest sealed snapshot in the catalog.';

create function holdfast_private.newest_snapshot_id(repository integer) returns text
  language sql stable security definer set search_path = ''
as $$ select (holdfast_private.last_snapshot(newest_snapshot_id.repository)).id $$;
comment on function holdfast_private.newest_snapshot_id(integer) is 'Id of the newest snapshot in the catalog; null if there is none.';

create function holdfast_private.save_snapshot(repository integer, document jsonb) returns void
  language sql security definer set search_path = ''
as $$
  insert into holdfast_private.snapshots (repository, sequence, id, state, started_at, sealed_at, document)
  values (save_snapshot.repository, (document ->> 'sequence')::integer, document ->> 'id',
    document ->> 'state', (document ->> 'started_at')::timestamptz, (document ->> 'sealed_at')::timestamptz,
    save_snapshot.document)
  on conflict (repository, sequence) do nothing;
  update holdfast_private.repositories r set last_record = greatest(r.last_record, (document ->> 'sequence')::integer)
  where r.id = save_snapshot.repository
$$;
comment on function holdfast_private.save_snapshot(integer, jsonb) is 'Adds a sealed snapshot to the catalog.';

create function holdfast_private.recover_unconfirmed_snapshot(repository integer, record jsonb) returns boolean
  language plpgsql security definer set search_path = ''
as $$
declare
  r holdfast_private.runs;
begin
  select runs.* into r from holdfast_private.runs
  where runs.repository = recover_unconfirmed_snapshot.repository and runs.kind = 'backup' and runs.state = 'failed'
    and runs.sequence = (record ->> 'sequence')::integer
    and encode(sha256(convert_to(runs.frozen, 'UTF8')), 'hex') = record ->> 'sha256';
  -- If another run has changed the catalog since, its entries are in no snapshot. Only an import can
  -- separate them.
  if not found or exists (
    select from holdfast_private.entries e
    where e.repository = r.repository and (e.added_in > r.sequence or e.removed_in > r.sequence)
  ) then
    return false;
  end if;
  perform holdfast_private.save_snapshot(r.repository, r.frozen::jsonb);
  update holdfast_private.runs set frozen = null, result = jsonb_build_object('snapshot', r.frozen::jsonb -> 'id',
    'state', r.frozen::jsonb -> 'state', 'totals', r.frozen::jsonb -> 'totals') where id = r.id;
  return true;
end
$$;
comment on function holdfast_private.recover_unconfirmed_snapshot(integer, jsonb) is
  'Adds a snapshot to the catalog if the log has the record of its failed run. False if the record belongs to no such run, or if the catalog has changed since.';

create function holdfast_private.resolve_snapshot(repository integer, wanted text) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
declare
  found holdfast_private.snapshots;
  newest text;
begin
  if wanted = 'latest' then
    select s.* into found from holdfast_private.snapshots s
    where s.repository = resolve_snapshot.repository and s.state = 'complete' order by s.sequence desc limit 1;
  elsif wanted ~ '^\d{8}T\d{6}Z-\d+$' then
    select s.* into found from holdfast_private.snapshots s
    where s.repository = resolve_snapshot.repository and s.id = wanted;
  else
    select s.* into found from holdfast_private.snapshots s
    where s.repository = resolve_snapshot.repository and s.state = 'complete'
      and s.sealed_at <= wanted::timestamptz order by s.sequence desc limit 1;
  end if;
  if found.id is not null then
    return jsonb_build_object('sequence', found.sequence, 'id', found.id, 'state', found.state,
      -- A user who asks for the latest snapshot should learn of a newer, incomplete one.
      'newer_partial', (select s.id from holdfast_private.snapshots s
        where s.repository = resolve_snapshot.repository and s.sequence > found.sequence
          and s.state = 'partial' and wanted = 'latest' order by s.sequence desc limit 1));
  end if;
  select string_agg(n.id || ' (' || n.state || ')', ', ' order by n.sequence desc) into newest from (
    select * from holdfast_private.snapshots s where s.repository = resolve_snapshot.repository
    order by s.sequence desc limit 5) as n;
  raise exception 'snapshot_unknown' using errcode = 'HF000',
    detail = format('There is no snapshot %s.', wanted),
    hint = case when newest is null then 'The repository holds no snapshot yet.'
      else 'The newest are: ' || newest || '.' end;
end
$$;
comment on function holdfast_private.resolve_snapshot(integer, text) is
  'The snapshot with an id, the newest complete one sealed by a time, or latest. Raises snapshot_unknown.';

create function holdfast_private.snapshot_ids(repository integer, wanted text, newest integer) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select coalesce(jsonb_agg(s.id order by s.sequence desc), '[]') from (
    (select * from holdfast_private.snapshots s where s.repository = snapshot_ids.repository
      order by s.sequence desc limit snapshot_ids.newest)
    union
    select * from holdfast_private.snapshots s
    where s.repository = snapshot_ids.repository and s.id = snapshot_ids.wanted) as s
$$;
comment on function holdfast_private.snapshot_ids(integer, text, integer) is
  'Ids of the newest snapshots in the catalog, and of the wanted snapshot if it exists.';

create function holdfast_private.snapshot_buckets(repository integer, sequence integer) returns setof jsonb
  language sql stable security definer set search_path = ''
as $$
  with listed as (
    select b from holdfast_private.snapshots s, jsonb_array_elements(s.document -> 'buckets') b
    where s.repository = snapshot_buckets.repository and s.sequence = snapshot_buckets.sequence
  )
  select l.b from listed l where coalesce(l.b ->> 'type', 'STANDARD') = 'STANDARD'
  union all
  -- Includes a bucket that was deleted between the scan and the seal: its objects are in the snapshot.
  select jsonb_build_object('id', held, 'name', held, 'public', false, 'file_size_limit', null,
    'allowed_mime_types', null)
  from holdfast_private.scan_buckets(row('{}', null, null, null)::holdfast_private.scope, snapshot_buckets.repository) held
  where not exists (select from listed l where l.b ->> 'id' = held) and exists (
    select from holdfast_private.entries e
    where e.repository = snapshot_buckets.repository and e.bucket_id = held
      and e.added_in <= snapshot_buckets.sequence
      and (e.removed_in is null or e.removed_in > snapshot_buckets.sequence))
$$;
comment on function holdfast_private.snapshot_buckets(integer, integer) is
  'The buckets of a snapshot with all their settings. A bucket that is known only from its objects is private and has no limits.';

create function holdfast_private.list_snapshots(max_rows integer) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object('id', s.id, 'state', s.state,
    'started_at', holdfast_private.utc(s.started_at), 'sealed_at', holdfast_private.utc(s.sealed_at),
    'project_url', s.document -> 'project_url', 'totals', s.document -> 'totals')
    order by s.sealed_at desc, s.sequence desc), '[]')
  from (select * from holdfast_private.snapshots order by sealed_at desc, sequence desc limit max_rows) as s
$$;
comment on function holdfast_private.list_snapshots(integer) is 'The newest snapshots in the catalog.';
