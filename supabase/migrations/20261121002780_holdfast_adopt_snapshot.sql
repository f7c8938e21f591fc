-- A run may fail after the record of its snapshot has got into the log, with no answer that said so: from
-- there the snapshot counts. The next run knows it by the bytes that the failed one had frozen.

create or replace function holdfast.end_run(run_id uuid, new_state text, code text default null,
  message text default null, remedy text default null, result jsonb default null)
  returns void language plpgsql security definer set search_path = ''
as $$
begin
  update holdfast.runs r
  set state = new_state, ended_at = clock_timestamp(), code = end_run.code, message = end_run.message,
    remedy = end_run.remedy, result = coalesce(end_run.result, r.result),
    frozen = case when new_state = 'failed' then r.frozen end
  where r.id = end_run.run_id and r.state in ('running', 'sealing');
  update holdfast.cursors c set lease_owner = null, lease_expires_at = null
  where c.run = end_run.run_id and c.finished_at is null;
end
$$;
comment on function holdfast.end_run(uuid, text, text, text, text, jsonb) is
  'Ends a run, and with it every lease in it. One that failed keeps the snapshot.json that it may have published.';

create function holdfast.adopt_snapshot(repository integer, record jsonb) returns boolean
  language plpgsql security definer set search_path = ''
as $$
declare
  r holdfast.runs;
begin
  select runs.* into r from holdfast.runs
  where runs.repository = adopt_snapshot.repository and runs.kind = 'backup' and runs.state = 'failed'
    and runs.sequence = (record ->> 'sequence')::integer
    and encode(sha256(convert_to(runs.frozen, 'UTF8')), 'hex') = record ->> 'sha256';
  -- What another run has put into the catalog since is in no snapshot: to tell it apart wants an import.
  if not found or exists (
    select from holdfast.entries e
    where e.repository = r.repository and (e.added_in > r.sequence or e.removed_in > r.sequence)
  ) then
    return false;
  end if;
  perform holdfast.save_snapshot(r.repository, r.frozen::jsonb);
  update holdfast.runs set frozen = null, result = jsonb_build_object('snapshot', r.frozen::jsonb -> 'id',
    'state', r.frozen::jsonb -> 'state', 'totals', r.frozen::jsonb -> 'totals') where id = r.id;
  return true;
end
$$;
comment on function holdfast.adopt_snapshot(integer, jsonb) is
  'Lets a snapshot join the catalog by the record that its failed run left in the log; false where the record is of no such run, or the catalog has moved on.';

revoke all on function holdfast.adopt_snapshot(integer, jsonb) from public;
grant execute on function holdfast.adopt_snapshot(integer, jsonb) to holdfast_worker;
