-- Committing what a page of a backup came to.

create function holdfast.mark_moved(r holdfast.runs, results jsonb) returns void
  language sql security definer set search_path = ''
  -- A page's objects, each looked up; whatever else the planner may think of reads all entries.
  set plan_cache_mode = force_custom_plan set enable_hashjoin = off set enable_mergejoin = off
  set enable_seqscan = off
as $$
  -- The same object under two names means that it was moved during the sweep: one of them is gone.
  update holdfast.entries e set missing_in = (r).sequence
  from jsonb_to_recordset(mark_moved.results) as x (bucket_id text, name text, object_id uuid)
  where e.repository = (r).repository and holdfast.object_hash(e.object_id) = holdfast.object_hash(x.object_id)
    and e.object_id = x.object_id and e.removed_in is null
    and (e.bucket_id, e.name) <> (x.bucket_id, x.name) and e.missing_in is distinct from (r).sequence
$$;
comment on function holdfast.mark_moved(holdfast.runs, jsonb) is
  'Marks the entries of these objects that have other names, to be looked at when the sweep is done.';

create function holdfast.record_results(r holdfast.runs, results jsonb) returns void
  language plpgsql security definer set search_path = ''
  set plan_cache_mode = force_custom_plan
as $$
declare
  failed boolean := jsonb_path_exists(record_results.results, '$[*].failure');
begin
  perform holdfast.put_entries((r).repository, (r).sequence, record_results.results);
  if failed then
    perform holdfast.mark_entries((r).repository, (r).sequence, record_results.results);
  end if;
  -- Of most pages nothing failed, now or before.
  if failed or exists (select from holdfast.failures f where f.job = 'backup') then
    perform holdfast.record_failures((r).id, 'backup', record_results.results);
  end if;
  if jsonb_path_exists(record_results.results, '$[*].upload') then
    perform holdfast.begin_uploads(r, record_results.results);
  end if;
  perform holdfast.mark_moved(r, record_results.results);
end
$$;
comment on function holdfast.record_results(holdfast.runs, jsonb) is
  'Writes down what became of each object of a page: held, failed, or begun as an upload.';

create function holdfast.backup_commit(cursor_id bigint, owner uuid, results jsonb, to_name text, done jsonb)
  returns void language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(backup_commit.cursor_id, backup_commit.owner);
  r holdfast.runs := (select runs from holdfast.runs where runs.id = c.run);
begin
  if jsonb_array_length(backup_commit.results) > 0 then
    perform holdfast.record_results(r, backup_commit.results);
  end if;
  if backup_commit.to_name is null then
    perform holdfast.commit_cursor(c.id, backup_commit.owner, c.position, backup_commit.done);
    return;
  end if;
  perform holdfast.mark_missing(r.repository, r.sequence, holdfast.plan_scope(r.plan), c.bucket_id,
    coalesce(c.position ->> 'from', c.range_from), backup_commit.to_name);
  -- chr(1) makes the least name above to_name, so the next window can be bounded inclusively.
  perform holdfast.commit_cursor(c.id, backup_commit.owner,
    jsonb_build_object('from', backup_commit.to_name || chr(1)), backup_commit.done);
end
$$;
comment on function holdfast.backup_commit(bigint, uuid, jsonb, text, jsonb) is
  'Commits a page of the sweep: results, names no longer found, position and counters, in one transaction. Results may be of names behind to_name, up to which nothing is passed over; null where nothing is passed at all.';
