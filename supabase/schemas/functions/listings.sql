-- A listing is read page by page, and each page continues after the last one. The cost of a page must
-- depend only on its own size. So each query is planned for its own bounds, and nothing is sorted or
-- hashed for the complete listing.

create function holdfast_private.changes_to_sort() returns integer
  language sql immutable set search_path = '' as $$ select 100000 $$;
comment on function holdfast_private.changes_to_sort() is
  'Maximum number of changes that are found by sequence and sorted again for each page of a listing. With more changes, the listing reads all entries in the order of names.';

create function holdfast_private.few_changes(repository integer, since integer, upto integer) returns boolean
  language plpgsql stable security definer set search_path = '' set plan_cache_mode = force_custom_plan
as $$
begin
  return holdfast_private.changes_to_sort() >= (
    select count(*) from (
      (select from holdfast_private.entries e
        where e.repository = few_changes.repository and e.added_in > since and e.added_in <= upto
        limit holdfast_private.changes_to_sort() + 1)
      union all
      (select from holdfast_private.entries e
        where e.repository = few_changes.repository and e.removed_in > since and e.removed_in <= upto
        limit holdfast_private.changes_to_sort() + 1)) as change);
end
$$;
comment on function holdfast_private.few_changes(integer, integer, integer) is
  'Whether the changes after one sequence up to another are few enough to sort them again for each page.';

create function holdfast_private.changed_names(repository integer, since integer, upto integer,
  after_bucket text, after_name text, max_names integer) returns table (bucket_id text, name text)
  language plpgsql stable security definer set search_path = '' set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_column
begin
  -- Compares with the last sealed sequence, not with this run's, so that the changes of failed runs are
  -- listed too.
  return query
  select e.bucket_id, e.name from holdfast_private.entries e
  where e.repository = changed_names.repository and e.added_in > since and e.added_in <= upto
    and (e.removed_in is null or e.removed_in > upto) and (e.bucket_id, e.name) > (after_bucket, after_name)
  union
  select e.bucket_id, e.name from holdfast_private.entries e
  where e.repository = changed_names.repository and e.removed_in > since and e.removed_in <= upto
    and e.added_in <= since and (e.bucket_id, e.name) > (after_bucket, after_name)
  order by bucket_id, name limit max_names;
end
$$;
comment on function holdfast_private.changed_names(integer, integer, integer, text, text, integer) is
  'Names that changed after one sequence up to another, by bucket and name, if the changes are few.';

create function holdfast_private.next_changed_names(repository integer, since integer, upto integer,
  after_bucket text, after_name text, max_names integer) returns table (bucket_id text, name text)
  language plpgsql stable security definer set search_path = '' set plan_cache_mode = force_custom_plan
  -- The primary key has this order. Any other plan sorts all remaining entries.
  set enable_sort = off set enable_seqscan = off set enable_bitmapscan = off set enable_hashagg = off
as $$
#variable_conflict use_column
begin
  return query
  select distinct e.bucket_id, e.name from holdfast_private.entries e
  where e.repository = next_changed_names.repository and (e.bucket_id, e.name) > (after_bucket, after_name)
    and case when e.added_in > since then e.added_in <= upto and (e.removed_in is null or e.removed_in > upto)
      else e.removed_in > since and e.removed_in <= upto end
  order by e.bucket_id, e.name limit max_names;
end
$$;
comment on function holdfast_private.next_changed_names(integer, integer, integer, text, text, integer) is
  'The same as changed_names if the changes are many. It reads all entries in order; each entry is read by one page of the listing.';

create function holdfast_private.changed_lines(repository integer, since integer, upto integer,
  after_bucket text, after_name text, max_lines integer)
  returns table (bucket_id text, name text, line text)
  language plpgsql stable security definer set search_path = '' set plan_cache_mode = force_custom_plan
  set enable_hashjoin = off set enable_mergejoin = off
as $$
#variable_conflict use_column
declare
  few boolean := holdfast_private.few_changes(changed_lines.repository, since, upto);
begin
  return query
  select c.bucket_id, c.name, coalesce(l.line,
    jsonb_build_object('op', 'remove', 'bucket', c.bucket_id, 'name', c.name)::text)
  from (
    select * from holdfast_private.changed_names(changed_lines.repository, since, upto, after_bucket, after_name, max_lines)
    where few
    union all
    select * from holdfast_private.next_changed_names(changed_lines.repository, since, upto, after_bucket, after_name, max_lines)
    where not few) as c
    left join holdfast_private.listed_entries l on l.repository = changed_lines.repository
      and l.bucket_id = c.bucket_id collate "C" and l.name = c.name collate "C"
      and l.added_in <= upto and (l.removed_in is null or l.removed_in > upto);
end
$$;
comment on function holdfast_private.changed_lines(integer, integer, integer, text, text, integer) is
  'Next listing lines of changes after one sequence up to another, by bucket and name.';

create function holdfast_private.full_lines(repository integer, upto integer, after_bucket text, after_name text, max_lines integer)
  returns table (bucket_id text, name text, line text)
  language plpgsql stable security definer set search_path = '' set plan_cache_mode = force_custom_plan
  set enable_sort = off set enable_seqscan = off set enable_bitmapscan = off
  set enable_hashjoin = off set enable_mergejoin = off
as $$
#variable_conflict use_column
begin
  return query
  select l.bucket_id, l.name, l.line from holdfast_private.listed_entries l
  where l.repository = full_lines.repository and l.added_in <= upto
    and (l.removed_in is null or l.removed_in > upto)
    and (l.bucket_id, l.name) > (after_bucket, after_name)
  order by l.bucket_id, l.name limit max_lines;
end
$$;
comment on function holdfast_private.full_lines(integer, integer, text, text, integer) is
  'Next listing lines of all objects at a sequence, by bucket and name.';

create function holdfast_private.listing_kind(base holdfast_private.snapshots) returns text
  language sql stable set search_path = ''
as $$
  -- Limits the change parts of a snapshot. A reader of the newest snapshot fetches at most 30 of them,
  -- and never more lines of changes than a full listing has.
  select case
    when (base).sequence is null then 'full'
    -- The totals continue from those of the previous snapshot, so it must have them.
    when not ((base).document -> 'totals') ?& '{objects,bytes,assumed}' then 'full'
    when (select count(*) >= 30
        or sum((p ->> 'entries')::bigint) > greatest(10000, ((base).document #>> '{totals,objects}')::bigint)
      from jsonb_array_elements((base).document -> 'parts') p where p ->> 'kind' = 'changes') then 'full'
    else 'changes' end
$$;
comment on function holdfast_private.listing_kind(holdfast_private.snapshots) is
  'Whether the snapshot after this one lists all objects (full) or only what changed (changes).';

create function holdfast_private.totals_before(base holdfast_private.snapshots) returns jsonb
  language sql stable set search_path = ''
as $$
  select case when holdfast_private.listing_kind(base) = 'full' then '{"objects": 0, "bytes": 0, "assumed": 0}'
    else jsonb_build_object('objects', (base).document #> '{totals,objects}', 'bytes', (base).document #> '{totals,bytes}',
      'assumed', (base).document #> '{totals,assumed}') end
$$;
comment on function holdfast_private.totals_before(holdfast_private.snapshots) is
  'The totals to which the pages of a listing add: zero for a full listing, else the totals of the previous snapshot.';

create function holdfast_private.listing_totals(repository integer, since integer, upto integer,
  after_bucket text, after_name text, to_bucket text, to_name text) returns jsonb
  language plpgsql stable security definer set search_path = '' set plan_cache_mode = force_custom_plan
  -- Looks up each blob of the page's entries. A join would read all blobs of the repository.
  set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
begin
  return (
    select jsonb_build_object('objects', coalesce(sum(change.sign), 0),
      'bytes', coalesce(sum(change.sign * change.size), 0),
      'assumed', coalesce(sum(change.sign) filter (where change.assumed), 0))
    from (
      select 1 as sign, e.size, e.assumed from holdfast_private.known_entries e
      where e.repository = listing_totals.repository
        and e.added_in > coalesce(since, 0) and e.added_in <= upto and (e.removed_in is null or e.removed_in > upto)
        and (e.bucket_id, e.name) > (after_bucket, after_name) and (e.bucket_id, e.name) <= (to_bucket, to_name)
      union all
      select -1, e.size, e.assumed from holdfast_private.known_entries e
      where e.repository = listing_totals.repository
        and e.removed_in > since and e.removed_in <= upto and e.added_in <= since
        and (e.bucket_id, e.name) > (after_bucket, after_name) and (e.bucket_id, e.name) <= (to_bucket, to_name)) as change);
end
$$;
comment on function holdfast_private.listing_totals(integer, integer, integer, text, text, text, text) is
  'What the names of one page add to a snapshot''s totals, after one sequence up to another. since is null for a full listing.';

create function holdfast_private.seal_page(cursor_id bigint, owner uuid, max_lines integer) returns jsonb
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(seal_page.cursor_id, seal_page.owner);
  r holdfast_private.runs := (select runs from holdfast_private.runs where runs.id = c.run);
  base holdfast_private.snapshots := holdfast_private.last_snapshot(r.repository);
  after_bucket text := coalesce(c.position ->> 'bucket_id', '');
  after_name text := coalesce(c.position ->> 'name', '');
  kind text := holdfast_private.listing_kind(base);
  -- A slice compresses a page in memory, and the metadata of one object can have any size. So the bytes
  -- of a page are limited, but a page has at least one line.
  max_bytes constant bigint := 16 * 1024 * 1024;
  page jsonb;
  totals jsonb := coalesce(c.position -> 'totals', holdfast_private.totals_before(base));
begin
  select jsonb_build_object('count', count(*), 'text', string_agg(l.line, E'\n' order by l.bucket_id, l.name),
    'bucket_id', (array_agg(l.bucket_id order by l.bucket_id desc, l.name desc))[1],
    'name', (array_agg(l.name order by l.bucket_id desc, l.name desc))[1])
  into page from (
    select listed.*, row_number() over upto as line_number, sum(octet_length(listed.line)) over upto as bytes
    from (
      -- The result of a function does not keep the collation "C". With the database's collation, the
      -- pages would have another order.
      select lines.bucket_id collate "C" as bucket_id, lines.name collate "C" as name, lines.line
      from holdfast_private.full_lines(r.repository, r.sequence, after_bucket, after_name, max_lines) as lines
      where kind = 'full'
      union all
      select lines.bucket_id, lines.name, lines.line
      from holdfast_private.changed_lines(r.repository, (base).sequence, r.sequence, after_bucket, after_name, max_lines) as lines
      where kind = 'changes') as listed
    window upto as (order by listed.bucket_id, listed.name rows unbounded preceding)) as l
  where l.bytes <= max_bytes or l.line_number = 1;
  if (page ->> 'count')::integer > 0 then
    totals := holdfast_private.add_counters(totals, holdfast_private.listing_totals(r.repository,
      case when kind = 'changes' then (base).sequence end, r.sequence, after_bucket, after_name,
      page ->> 'bucket_id', page ->> 'name'));
  end if;
  return page || jsonb_build_object('totals', totals, 'kind', kind, 'parts', coalesce(c.position -> 'parts', '[]'),
    'inherited', case when kind = 'changes' then (base).document -> 'parts' else '[]' end);
end
$$;
comment on function holdfast_private.seal_page(bigint, uuid, integer) is
  'The next lines to list, as a full listing or as changes; the parts written so far and the inherited parts; and the totals including this page, to be committed with it.';
