-- Sealing: list what changed since the last sealed snapshot, freeze the exact bytes of
-- snapshot.json, and mark the run sealed once they and the log record are in the repository.

create view holdfast.listed_entries as
select e.*, (jsonb_strip_nulls(jsonb_build_object(
    'op', 'put', 'bucket', e.bucket_id, 'name', e.name, 'id', e.object_id, 'version', e.version,
    'key', e.key, 'size', e.size, 'sha256', encode(e.sha256, 'hex'), 'part_size', e.part_size,
    'assumed', nullif(e.assumed, false), 'wanted_version', e.wanted_version, 'code', e.code))
  || e.metadata)::text as line
from holdfast.known_entries e;
comment on view holdfast.listed_entries is 'Entries, each with its line of a listing.';
revoke all on holdfast.listed_entries from public;

create function holdfast.last_snapshot(repository integer) returns holdfast.snapshots
  language sql stable security definer set search_path = ''
as $$
  select s from holdfast.snapshots s where s.repository = last_snapshot.repository
  order by s.sequence desc limit 1
$$;
comment on function holdfast.last_snapshot(integer) is 'The newest sealed snapshot in the catalog.';

-- A listing is read page by page, each from where the last one ended. A page must cost what it
-- holds: so its plan is made for its own bounds, and nothing is sorted or hashed whole for it.

create function holdfast.changes_to_sort() returns integer
  language sql immutable set search_path = '' as $$ select 100000 $$;
comment on function holdfast.changes_to_sort() is
  'Up to so many changes are found by their sequence and sorted for each page of a listing; more are met in the order of names.';

create function holdfast.few_changes(repository integer, since integer, upto integer) returns boolean
  language plpgsql stable security definer set search_path = '' set plan_cache_mode = force_custom_plan
as $$
begin
  return holdfast.changes_to_sort() >= (
    select count(*) from (
      (select from holdfast.entries e
        where e.repository = few_changes.repository and e.added_in > since and e.added_in <= upto
        limit holdfast.changes_to_sort() + 1)
      union all
      (select from holdfast.entries e
        where e.repository = few_changes.repository and e.removed_in > since and e.removed_in <= upto
        limit holdfast.changes_to_sort() + 1)) as change);
end
$$;
comment on function holdfast.few_changes(integer, integer, integer) is
  'Whether so little changed after one sequence up to another that it may be sorted again for each page.';

create function holdfast.changed_names(repository integer, since integer, upto integer,
  after_bucket text, after_name text, max_names integer) returns table (bucket_id text, name text)
  language plpgsql stable security definer set search_path = '' set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_column
begin
  -- Against the last sealed sequence, not this run's: what an abandoned run did is listed here too.
  return query
  select e.bucket_id, e.name from holdfast.entries e
  where e.repository = changed_names.repository and e.added_in > since and e.added_in <= upto
    and (e.removed_in is null or e.removed_in > upto) and (e.bucket_id, e.name) > (after_bucket, after_name)
  union
  select e.bucket_id, e.name from holdfast.entries e
  where e.repository = changed_names.repository and e.removed_in > since and e.removed_in <= upto
    and e.added_in <= since and (e.bucket_id, e.name) > (after_bucket, after_name)
  order by bucket_id, name limit max_names;
end
$$;
comment on function holdfast.changed_names(integer, integer, integer, text, text, integer) is
  'Names of what changed after one sequence up to another, by bucket and name, where it is little.';

create function holdfast.next_changed_names(repository integer, since integer, upto integer,
  after_bucket text, after_name text, max_names integer) returns table (bucket_id text, name text)
  language plpgsql stable security definer set search_path = '' set plan_cache_mode = force_custom_plan
  -- The order is the primary key's: whatever else the planner may think of sorts all of the rest.
  set enable_sort = off set enable_seqscan = off set enable_bitmapscan = off set enable_hashagg = off
as $$
#variable_conflict use_column
begin
  return query
  select distinct e.bucket_id, e.name from holdfast.entries e
  where e.repository = next_changed_names.repository and (e.bucket_id, e.name) > (after_bucket, after_name)
    and case when e.added_in > since then e.added_in <= upto and (e.removed_in is null or e.removed_in > upto)
      else e.removed_in > since and e.removed_in <= upto end
  order by e.bucket_id, e.name limit max_names;
end
$$;
comment on function holdfast.next_changed_names(integer, integer, integer, text, text, integer) is
  'The same where it is much: by way of all entries, each of which one page of the listing passes.';

create function holdfast.changed_lines(repository integer, since integer, upto integer,
  after_bucket text, after_name text, max_lines integer)
  returns table (bucket_id text, name text, line text)
  language plpgsql stable security definer set search_path = '' set plan_cache_mode = force_custom_plan
  set enable_hashjoin = off set enable_mergejoin = off
as $$
#variable_conflict use_column
declare
  few boolean := holdfast.few_changes(changed_lines.repository, since, upto);
begin
  return query
  select c.bucket_id, c.name, coalesce(l.line,
    jsonb_build_object('op', 'remove', 'bucket', c.bucket_id, 'name', c.name)::text)
  from (
    select * from holdfast.changed_names(changed_lines.repository, since, upto, after_bucket, after_name, max_lines)
    where few
    union all
    select * from holdfast.next_changed_names(changed_lines.repository, since, upto, after_bucket, after_name, max_lines)
    where not few) as c
    left join holdfast.listed_entries l on l.repository = changed_lines.repository
      and l.bucket_id = c.bucket_id collate "C" and l.name = c.name collate "C"
      and l.added_in <= upto and (l.removed_in is null or l.removed_in > upto);
end
$$;
comment on function holdfast.changed_lines(integer, integer, integer, text, text, integer) is
  'Listing lines of what changed after one sequence up to another: the next by bucket and name.';

create function holdfast.full_lines(repository integer, upto integer, after_bucket text, after_name text, max_lines integer)
  returns table (bucket_id text, name text, line text)
  language plpgsql stable security definer set search_path = '' set plan_cache_mode = force_custom_plan
  set enable_sort = off set enable_seqscan = off set enable_bitmapscan = off
  set enable_hashjoin = off set enable_mergejoin = off
as $$
#variable_conflict use_column
begin
  return query
  select l.bucket_id, l.name, l.line from holdfast.listed_entries l
  where l.repository = full_lines.repository and l.added_in <= upto
    and (l.removed_in is null or l.removed_in > upto)
    and (l.bucket_id, l.name) > (after_bucket, after_name)
  order by l.bucket_id, l.name limit max_lines;
end
$$;
comment on function holdfast.full_lines(integer, integer, text, text, integer) is
  'Listing lines of everything at a sequence: the next by bucket and name.';

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

create function holdfast.forget_failures(scope holdfast.scope) returns void
  language sql security definer set search_path = ''
as $$
  delete from holdfast.failures f where f.job = 'backup' and not exists (
    select from holdfast.source_objects o where o.bucket_id = f.bucket_id collate "default" and o.name = f.name
      and holdfast.in_scope(forget_failures.scope, o.bucket_id, o.name, o.size)
    -- Looks each up. As a join, it would read all of the project's objects for a table without statistics.
    offset 0)
$$;
comment on function holdfast.forget_failures(holdfast.scope) is
  'Forgets failures of objects that are gone or out of scope: they are nobody''s concern any more.';

create function holdfast.snapshot_totals(repository integer, base holdfast.snapshots, upto integer) returns jsonb
  language plpgsql stable security definer set search_path = '' set plan_cache_mode = force_custom_plan
as $$
declare
  since integer := (base).sequence;
  known jsonb := (base).document -> 'totals';
  counted jsonb;
  wanting jsonb;
begin
  -- What could not be had is counted from its index; why, the failures know.
  select jsonb_build_object(
      'unavailable', count(*) filter (where e.blob is null and f.class is distinct from 'failed'),
      'failed', count(*) filter (where e.blob is null and f.class = 'failed'),
      'stale', count(*) filter (where e.blob is not null))
  into wanting
  from holdfast.entries e
    left join holdfast.failures f on f.job = 'backup' and f.bucket_id = e.bucket_id and f.name = e.name
  where e.repository = snapshot_totals.repository and e.wanted_version is not null and e.removed_in is null;

  -- A full listing counts all; in between, what changed is added to what the snapshot before states.
  if known ? 'assumed' and holdfast.listing_kind(base) = 'changes' then
    select jsonb_build_object(
        'objects', (known ->> 'objects')::bigint + coalesce(sum(change.sign), 0),
        'bytes', (known ->> 'bytes')::bigint + coalesce(sum(change.sign * change.size), 0),
        'assumed', (known ->> 'assumed')::bigint + coalesce(sum(change.sign) filter (where change.assumed), 0))
    into counted from (
      select 1 as sign, e.size, e.assumed from holdfast.known_entries e
      where e.repository = snapshot_totals.repository and e.added_in > since and e.added_in <= upto
        and (e.removed_in is null or e.removed_in > upto)
      union all
      select -1, e.size, e.assumed from holdfast.known_entries e
      where e.repository = snapshot_totals.repository and e.removed_in > since and e.removed_in <= upto
        and e.added_in <= since) as change;
    return counted || wanting;
  end if;
  select jsonb_build_object('objects', count(*), 'bytes', coalesce(sum(e.size), 0),
      'assumed', count(*) filter (where e.assumed))
  into counted
  from holdfast.known_entries e
  where e.repository = snapshot_totals.repository and e.added_in <= upto
    and (e.removed_in is null or e.removed_in > upto);
  return counted || wanting;
end
$$;
comment on function holdfast.snapshot_totals(integer, holdfast.snapshots, integer) is
  'Totals of a snapshot. They cost what changed since the snapshot before; all is counted again with each full listing.';

create function holdfast.seal_facts(cursor_id bigint, owner uuid) returns jsonb
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(seal_facts.cursor_id, seal_facts.owner);
  r holdfast.runs := (select runs from holdfast.runs where runs.id = c.run);
  base holdfast.snapshots := holdfast.last_snapshot(r.repository);
  scope holdfast.scope := holdfast.plan_scope(r.plan);
begin
  perform holdfast.forget_failures(scope);
  return jsonb_build_object(
    'sealed_at', holdfast.utc(clock_timestamp()), 'started_at', holdfast.utc(r.started_at),
    'repository_id', (select o.repository_id from holdfast.repositories o where o.id = r.repository),
    'sequence', r.sequence, 'base_sequence', (base).sequence,
    'state', case when exists (
      select from holdfast.failures f where f.job = 'backup' and f.class = 'failed') then 'partial' else 'complete' end,
    'buckets', (select coalesce(jsonb_agg(to_jsonb(b) - 'updated_at' order by b.id), '[]')
      from holdfast.source_buckets(scope) b),
    'policies', (select coalesce(jsonb_agg(to_jsonb(p) order by p.tablename, p.policyname), '[]')
      from pg_catalog.pg_policies p where p.schemaname = 'storage' and p.tablename in ('objects', 'buckets')),
    'totals', holdfast.snapshot_totals(r.repository, base, r.sequence));
end
$$;
comment on function holdfast.seal_facts(bigint, uuid) is
  'What snapshot.json says beside its parts: times, state, buckets, policies, totals.';

create function holdfast.rival_would_collide(cursor_id bigint, owner uuid) returns boolean
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(rival_would_collide.cursor_id, rival_would_collide.owner);
begin
  return (
    select coalesce(o.conditional_writes, false) and r.sequence = o.last_record + 1
      and r.started_at > clock_timestamp() - interval '5 minutes'
    from holdfast.runs r join holdfast.repositories o on o.id = r.repository where r.id = c.run);
end
$$;
comment on function holdfast.rival_would_collide(bigint, uuid) is
  'Whether another writer since this run compared heads would have written the very record that this run is about to write: then the server''s refusal tells, and the log need not be listed again (see assertNoRival in open.ts).';

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

revoke all on function holdfast.last_snapshot(integer),
  holdfast.changes_to_sort(), holdfast.few_changes(integer, integer, integer),
  holdfast.changed_names(integer, integer, integer, text, text, integer),
  holdfast.next_changed_names(integer, integer, integer, text, text, integer),
  holdfast.changed_lines(integer, integer, integer, text, text, integer),
  holdfast.full_lines(integer, integer, text, text, integer), holdfast.seal_page(bigint, uuid, integer),
  holdfast.listing_kind(holdfast.snapshots), holdfast.forget_failures(holdfast.scope),
  holdfast.snapshot_totals(integer, holdfast.snapshots, integer), holdfast.seal_facts(bigint, uuid),
  holdfast.rival_would_collide(bigint, uuid), holdfast.freeze_snapshot(bigint, uuid, text), holdfast.seal_run(bigint, uuid, jsonb),
  holdfast.save_snapshot(integer, jsonb) from public;
grant execute on function holdfast.seal_page(bigint, uuid, integer), holdfast.seal_facts(bigint, uuid),
  holdfast.rival_would_collide(bigint, uuid), holdfast.freeze_snapshot(bigint, uuid, text),
  holdfast.seal_run(bigint, uuid, jsonb) to holdfast_worker;

create function holdfast.newest_snapshot_id(repository integer) returns text
  language sql stable security definer set search_path = ''
as $$ select (holdfast.last_snapshot(newest_snapshot_id.repository)).id $$;
comment on function holdfast.newest_snapshot_id(integer) is 'Id of the newest snapshot in the catalog; null if there is none.';
revoke all on function holdfast.newest_snapshot_id(integer) from public;
grant execute on function holdfast.newest_snapshot_id(integer) to holdfast_worker;
