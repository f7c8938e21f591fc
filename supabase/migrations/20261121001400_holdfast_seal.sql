-- Sealing: list what changed since the last sealed snapshot, freeze the exact bytes of
-- snapshot.json, and mark the run sealed once they and the log record are in the repository.

create function holdfast.list_line(e holdfast.entries, b holdfast.blobs) returns text
  language sql stable set search_path = ''
as $$
  select (jsonb_strip_nulls(jsonb_build_object(
    'op', 'put', 'bucket', (e).bucket_id, 'name', (e).name, 'id', (e).object_id, 'version', (e).version,
    'key', (b).key, 'size', (b).size, 'sha256', encode((b).sha256, 'hex'), 'part_size', (b).part_size,
    'assumed', nullif((e).assumed, false), 'wanted_version', (e).wanted_version, 'code', (e).code))
    || (e).metadata)::text
$$;
comment on function holdfast.list_line(holdfast.entries, holdfast.blobs) is 'An entry as a line of a listing.';

create function holdfast.last_snapshot(repository integer) returns holdfast.snapshots
  language sql stable security definer set search_path = ''
as $$
  select s from holdfast.snapshots s where s.repository = last_snapshot.repository
  order by s.sequence desc limit 1
$$;
comment on function holdfast.last_snapshot(integer) is 'The newest sealed snapshot in the catalog.';

create function holdfast.changed_lines(repository integer, since integer, upto integer,
  after_bucket text, after_name text, max_lines integer)
  returns table (bucket_id text, name text, line text)
  language sql stable security definer set search_path = ''
as $$
  -- Against the last sealed sequence, not this run's: what an abandoned run did is listed here too.
  with changed as (
    select e.bucket_id, e.name from holdfast.entries e
    where e.repository = changed_lines.repository and e.added_in > since and e.added_in <= upto
      and (e.removed_in is null or e.removed_in > upto)
    union
    select e.bucket_id, e.name from holdfast.entries e
    where e.repository = changed_lines.repository and e.removed_in > since and e.removed_in <= upto
      and e.added_in <= since
  )
  select c.bucket_id, c.name,
    coalesce(holdfast.list_line(e, b),
      jsonb_build_object('op', 'remove', 'bucket', c.bucket_id, 'name', c.name)::text)
  from changed c
    left join holdfast.entries e on e.repository = changed_lines.repository and e.bucket_id = c.bucket_id
      and e.name = c.name and e.added_in <= upto and (e.removed_in is null or e.removed_in > upto)
    left join holdfast.blobs b on b.id = e.blob
  where (c.bucket_id, c.name) > (after_bucket, after_name)
  order by c.bucket_id, c.name limit max_lines
$$;
comment on function holdfast.changed_lines(integer, integer, integer, text, text, integer) is
  'Listing lines of what changed after one sequence up to another, by bucket and name.';

create function holdfast.full_lines(repository integer, upto integer, after_bucket text, after_name text, max_lines integer)
  returns table (bucket_id text, name text, line text)
  language sql stable security definer set search_path = ''
as $$
  select e.bucket_id, e.name, holdfast.list_line(e, b)
  from holdfast.entries e left join holdfast.blobs b on b.id = e.blob
  where e.repository = full_lines.repository and e.added_in <= upto
    and (e.removed_in is null or e.removed_in > upto)
    and (e.bucket_id, e.name) > (after_bucket, after_name)
  order by e.bucket_id, e.name limit max_lines
$$;
comment on function holdfast.full_lines(integer, integer, text, text, integer) is
  'Listing lines of everything at a sequence, by bucket and name.';

create function holdfast.seal_page(cursor_id bigint, owner uuid, max_lines integer) returns jsonb
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(seal_page.cursor_id, seal_page.owner);
  r holdfast.runs := (select runs from holdfast.runs where runs.id = c.run);
  base holdfast.snapshots := holdfast.last_snapshot(r.repository);
  after_bucket text := coalesce(c.position ->> 'bucket_id', '');
  after_name text := coalesce(c.position ->> 'name', '');
  kind text := holdfast.listing_kind(base);
  -- A slice packs a page in memory: an object's metadata may be of any size, one line goes alone.
  max_bytes constant bigint := 16 * 1024 * 1024;
  page jsonb;
begin
  select jsonb_build_object('count', count(*), 'text', string_agg(l.line, E'\n' order by l.bucket_id, l.name),
    'bucket_id', (array_agg(l.bucket_id order by l.bucket_id desc, l.name desc))[1],
    'name', (array_agg(l.name order by l.bucket_id desc, l.name desc))[1])
  into page from (
    select listed.*, row_number() over upto as line_number, sum(octet_length(listed.line)) over upto as bytes
    from (
      -- A function's result has no collation of its own; the database's would page in another order.
      select lines.bucket_id collate "C" as bucket_id, lines.name collate "C" as name, lines.line
      from holdfast.full_lines(r.repository, r.sequence, after_bucket, after_name, max_lines) as lines
      where kind = 'full'
      union all
      select lines.bucket_id, lines.name, lines.line
      from holdfast.changed_lines(r.repository, (base).sequence, r.sequence, after_bucket, after_name, max_lines) as lines
      where kind = 'changes') as listed
    window upto as (order by listed.bucket_id, listed.name rows unbounded preceding)) as l
  where l.bytes <= max_bytes or l.line_number = 1;
  return page || jsonb_build_object('kind', kind, 'parts', coalesce(c.position -> 'parts', '[]'),
    'inherited', case when kind = 'changes' then (base).document -> 'parts' else '[]' end);
end
$$;
comment on function holdfast.seal_page(bigint, uuid, integer) is
  'The next lines to list, whether as a full listing or as changes, the parts written so far and those inherited.';

create function holdfast.listing_kind(base holdfast.snapshots) returns text
  language sql stable set search_path = ''
as $$
  -- The tail of change parts is bounded: a reader of the newest snapshot fetches at most 30 of them,
  -- and never more lines of changes than a full listing has.
  select case
    when (base).sequence is null then 'full'
    when (select count(*) >= 30
        or sum((p ->> 'entries')::bigint) > greatest(10000, ((base).document #>> '{totals,objects}')::bigint)
      from jsonb_array_elements((base).document -> 'parts') p where p ->> 'kind' = 'changes') then 'full'
    else 'changes' end
$$;
comment on function holdfast.listing_kind(holdfast.snapshots) is
  'Whether the snapshot after this one lists everything or only what changed.';

create function holdfast.seal_facts(cursor_id bigint, owner uuid) returns jsonb
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(seal_facts.cursor_id, seal_facts.owner);
  r holdfast.runs := (select runs from holdfast.runs where runs.id = c.run);
  scope holdfast.scope := holdfast.plan_scope(r.plan);
begin
  -- A failure of an object that is gone or out of scope is nobody's concern any more.
  delete from holdfast.failures f where f.job = 'backup' and not exists (
    select from holdfast.source_objects o where o.bucket_id = f.bucket_id collate "default" and o.name = f.name
      and holdfast.in_scope(scope, o.bucket_id, o.name, o.size));
  return jsonb_build_object(
    'sealed_at', holdfast.utc(clock_timestamp()), 'started_at', holdfast.utc(r.started_at),
    'repository_id', (select o.repository_id from holdfast.repositories o where o.id = r.repository),
    'sequence', r.sequence, 'base_sequence', (holdfast.last_snapshot(r.repository)).sequence,
    'state', case when exists (
      select from holdfast.failures f where f.job = 'backup' and f.class = 'failed') then 'partial' else 'complete' end,
    'buckets', (select coalesce(jsonb_agg(to_jsonb(b) - 'updated_at' order by b.id), '[]')
      from holdfast.source_buckets(scope) b),
    'policies', (select coalesce(jsonb_agg(to_jsonb(p) order by p.tablename, p.policyname), '[]')
      from pg_catalog.pg_policies p where p.schemaname = 'storage' and p.tablename in ('objects', 'buckets')),
    'totals', (select jsonb_build_object(
        'objects', count(*), 'bytes', coalesce(sum(b.size), 0),
        'unavailable', count(*) filter (where e.blob is null),
        'stale', count(*) filter (where e.blob is not null and e.wanted_version is not null),
        'assumed', count(*) filter (where e.assumed))
      from holdfast.entries e left join holdfast.blobs b on b.id = e.blob
      where e.repository = r.repository and e.added_in <= r.sequence
        and (e.removed_in is null or e.removed_in > r.sequence)));
end
$$;
comment on function holdfast.seal_facts(bigint, uuid) is
  'What snapshot.json says beside its parts: times, state, buckets, policies, totals.';

create function holdfast.freeze_snapshot(cursor_id bigint, owner uuid, document text) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(freeze_snapshot.cursor_id, freeze_snapshot.owner);
begin
  update holdfast.runs r set frozen = freeze_snapshot.document, state = 'sealing'
  where r.id = c.run and r.frozen is null;
end
$$;
comment on function holdfast.freeze_snapshot(bigint, uuid, text) is
  'Keeps the exact bytes of snapshot.json; from here the run can only be sealed.';

create function holdfast.seal_run(cursor_id bigint, owner uuid, done jsonb) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(seal_run.cursor_id, seal_run.owner);
  r holdfast.runs := (select runs from holdfast.runs where runs.id = c.run);
begin
  perform holdfast.save_snapshot(r.repository, r.frozen::jsonb);
  perform holdfast.finish_cursor(c.id, seal_run.owner, seal_run.done);
  perform holdfast.end_run(r.id, 'succeeded', result => jsonb_build_object(
    'snapshot', r.frozen::jsonb -> 'id', 'state', r.frozen::jsonb -> 'state', 'totals', r.frozen::jsonb -> 'totals'));
end
$$;
comment on function holdfast.seal_run(bigint, uuid, jsonb) is
  'Marks a run sealed: its snapshot joins the catalog and the log record counts as known.';

create function holdfast.save_snapshot(repository integer, document jsonb) returns void
  language sql security definer set search_path = ''
as $$
  insert into holdfast.snapshots (repository, sequence, id, state, started_at, sealed_at, document)
  values (save_snapshot.repository, (document ->> 'sequence')::integer, document ->> 'id',
    document ->> 'state', (document ->> 'started_at')::timestamptz, (document ->> 'sealed_at')::timestamptz,
    save_snapshot.document)
  on conflict (repository, sequence) do nothing;
  update holdfast.repositories r set last_record = greatest(r.last_record, (document ->> 'sequence')::integer)
  where r.id = save_snapshot.repository
$$;
comment on function holdfast.save_snapshot(integer, jsonb) is 'Adds a sealed snapshot to the catalog.';

revoke all on function holdfast.list_line(holdfast.entries, holdfast.blobs), holdfast.last_snapshot(integer),
  holdfast.changed_lines(integer, integer, integer, text, text, integer),
  holdfast.full_lines(integer, integer, text, text, integer), holdfast.seal_page(bigint, uuid, integer),
  holdfast.listing_kind(holdfast.snapshots), holdfast.seal_facts(bigint, uuid),
  holdfast.freeze_snapshot(bigint, uuid, text), holdfast.seal_run(bigint, uuid, jsonb),
  holdfast.save_snapshot(integer, jsonb) from public;
grant execute on function holdfast.seal_page(bigint, uuid, integer), holdfast.seal_facts(bigint, uuid),
  holdfast.freeze_snapshot(bigint, uuid, text), holdfast.seal_run(bigint, uuid, jsonb) to holdfast_worker;

create function holdfast.newest_snapshot_id(repository integer) returns text
  language sql stable security definer set search_path = ''
as $$ select (holdfast.last_snapshot(newest_snapshot_id.repository)).id $$;
comment on function holdfast.newest_snapshot_id(integer) is 'Id of the newest snapshot in the catalog; null if there is none.';
revoke all on function holdfast.newest_snapshot_id(integer) from public;
grant execute on function holdfast.newest_snapshot_id(integer) to holdfast_worker;
