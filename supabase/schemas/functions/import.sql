-- Import: rebuilds the catalog from the repository's log and listings. It copies no bytes.

create function holdfast_private.start_import(started_by text, plan jsonb default '{}') returns uuid
  language sql security definer set search_path = ''
as $$ select holdfast_private.start_run('import', start_import.plan, start_import.started_by) $$;
comment on function holdfast_private.start_import(text, jsonb) is
  'Starts an import of the repository''s log into the catalog. With take_over in its plan, this project then becomes the repository''s owner.';

create function holdfast_private.repository_prepared(cursor_id bigint, owner uuid, facts jsonb, next_stage text)
  returns void language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(repository_prepared.cursor_id, repository_prepared.owner);
  -- A run that only reads does not change the recorded location of the backups.
  known integer := (
    select r.id from holdfast_private.repositories r where r.repository_id = (facts ->> 'repository_id')::uuid);
begin
  update holdfast_private.runs r
  set repository = coalesce(known, holdfast_private.save_repository(facts)),
    plan = r.plan || jsonb_build_object('location', holdfast_private.location_of(facts))
  where r.id = c.run;
  insert into holdfast_private.cursors (run, stage) values (c.run, next_stage);
  perform holdfast_private.finish_cursor(c.id, repository_prepared.owner);
end
$$;
comment on function holdfast_private.repository_prepared(bigint, uuid, jsonb, text) is
  'Ends the prepare stage of a run that reads a repository: records the repository and begins the next stage.';

-- A snapshot does not always build on the previous one in the log. A delayed record can appear before
-- the record of the next run, which was sealed without it. The parts of that next snapshot then lack the
-- changes of the delayed one. An import must start again with the full listing that they begin with.
create function holdfast_private.import_begin(cursor_id bigint, owner uuid) returns jsonb
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(import_begin.cursor_id, import_begin.owner);
  r holdfast_private.runs := (select runs from holdfast_private.runs where runs.id = c.run);
begin
  return (
    select jsonb_build_object('position', c.position, 'base', base.sequence,
      'base_parts', jsonb_path_query_array(base.document, '$.parts[*].key'),
      'last_record', o.last_record, 'repository_id', o.repository_id)
    from holdfast_private.repositories o left join lateral holdfast_private.last_snapshot(o.id) as base on true
    where o.id = r.repository);
end
$$;
comment on function holdfast_private.import_begin(bigint, uuid) is
  'The repository of an import and its progress: its position, the newest snapshot in the catalog with the keys of its parts, and the last record in the catalog.';

create function holdfast_private.import_page(cursor_id bigint, owner uuid, sequence integer, lines jsonb,
  new_position jsonb) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(import_page.cursor_id, import_page.owner);
  repo integer := (select r.repository from holdfast_private.runs r where r.id = c.run);
begin
  -- Runs once, before the first page, because entries of the import itself are also above the base. It
  -- does not run without a page: if the log has no new records, unsealed entries of a backup stay.
  if not c.position ? 'begun' then
    perform holdfast_private.rollback_unsealed(repo);
  end if;
  perform holdfast_private.put_entries(repo, import_page.sequence, lines);

  -- Also removes an entry that an earlier part added at the same sequence: it is not in the final
  -- snapshot.
  update holdfast_private.entries e set removed_in = import_page.sequence
  from jsonb_to_recordset(lines) as x (op text, bucket_id text, name text)
  where x.op = 'remove' and e.repository = repo and e.bucket_id = x.bucket_id and e.name = x.name
    and e.removed_in is null and e.added_in <= import_page.sequence;

  perform holdfast_private.commit_cursor(c.id, import_page.owner, new_position || '{"begun": true}',
    jsonb_build_object('entries_imported', jsonb_array_length(lines)));
end
$$;
comment on function holdfast_private.import_page(bigint, uuid, integer, jsonb, jsonb) is
  'Applies lines of a listing to the catalog at a sequence. For a full listing, import_close first closes the entries that the page covers.';

-- A full listing shows deletions by omission: a name in the range of a page that the page does not list
-- was deleted. The range may contain the complete catalog, so its entries are closed in steps before the
-- page opens the listed ones.
create function holdfast_private.import_close(cursor_id bigint, owner uuid, sequence integer, covers jsonb,
  max_rows integer default 20000) returns boolean
  language plpgsql security definer set search_path = '' set plan_cache_mode = force_custom_plan
  -- The primary key has this order, so each step ends after max_rows rows.
  set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(import_close.cursor_id, import_close.owner);
  repo integer := (select r.repository from holdfast_private.runs r where r.id = c.run);
  -- A name may have several entries, and a step may end between them.
  after jsonb := coalesce(c.position -> 'closed', jsonb_build_object(
    'bucket_id', covers -> 'after_bucket', 'name', covers -> 'after_name', 'added_in', 2147483647));
  step jsonb;
begin
  if after ? 'all' then
    return true;
  end if;
  if not c.position ? 'begun' then
    perform holdfast_private.rollback_unsealed(repo);
  end if;
  with page as materialized (
    select e.bucket_id, e.name, e.added_in, e.removed_in from holdfast_private.entries e
    where e.repository = repo
      and (e.bucket_id, e.name, e.added_in) > (after ->> 'bucket_id', after ->> 'name', (after ->> 'added_in')::integer)
      and (covers ->> 'to_bucket' is null
        or (e.bucket_id, e.name) <= (covers ->> 'to_bucket', covers ->> 'to_name'))
    order by e.bucket_id, e.name, e.added_in limit import_close.max_rows
  ), closed as (
    update holdfast_private.entries e set removed_in = import_close.sequence
    from page p
    where p.removed_in is null and p.added_in < import_close.sequence
      and e.repository = repo and e.bucket_id = p.bucket_id and e.name = p.name and e.added_in = p.added_in
  )
  select case when (select count(*) from page) < import_close.max_rows then '{"all": true}' else (
    select jsonb_build_object('bucket_id', l.bucket_id, 'name', l.name, 'added_in', l.added_in)
    from page l order by l.bucket_id desc, l.name desc, l.added_in desc limit 1) end
  into step;
  perform holdfast_private.commit_cursor(c.id, import_close.owner,
    c.position || jsonb_build_object('begun', true, 'closed', step), '{}');
  return step ? 'all';
end
$$;
comment on function holdfast_private.import_close(bigint, uuid, integer, jsonb, integer) is
  'Closes some of the entries that a page of a full listing covers and commits the progress. Returns whether all are closed.';

create function holdfast_private.import_record(cursor_id bigint, owner uuid, record jsonb, document jsonb) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(import_record.cursor_id, import_record.owner);
  repo integer := (select r.repository from holdfast_private.runs r where r.id = c.run);
begin
  if import_record.document is not null then
    if not c.position ? 'begun' then
      perform holdfast_private.rollback_unsealed(repo);
    end if;
    c.position := '{"begun": true}';
    perform holdfast_private.save_snapshot(repo, import_record.document);
  end if;
  update holdfast_private.repositories r
  set last_record = greatest(r.last_record, (record ->> 'sequence')::integer),
    owner_project = case when record ->> 'kind' = 'owner' then record ->> 'project_url' else r.owner_project end
  where r.id = repo;
  perform holdfast_private.commit_cursor(c.id, import_record.owner, c.position,
    jsonb_build_object('snapshots_imported', (import_record.document is not null)::integer));
end
$$;
comment on function holdfast_private.import_record(bigint, uuid, jsonb, jsonb) is
  'Marks a log record as known. If it records a snapshot, that snapshot is added to the catalog.';

create function holdfast_private.import_done(cursor_id bigint, owner uuid) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(import_done.cursor_id, import_done.owner);
  r holdfast_private.runs := (select runs from holdfast_private.runs where runs.id = c.run);
begin
  perform holdfast_private.finish_cursor(c.id, import_done.owner);
  if r.kind = 'import' then
    perform holdfast_private.end_run(r.id, 'succeeded', result => jsonb_build_object(
      'newest_snapshot', holdfast_private.newest_snapshot_id(r.repository)));
  end if;
end
$$;
comment on function holdfast_private.import_done(bigint, uuid) is
  'Ends the import stage. An import then ends; a restore continues with its plan.';
