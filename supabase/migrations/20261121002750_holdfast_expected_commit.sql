-- A lane remembers what it committed last, and goes on from there. A database that was put back to an
-- earlier moment, or a standby that took over without the newest commits, may still know the lane's
-- lease; what the lane committed next would then leave out what lies between.

create function holdfast.expect_commit(cursor_id bigint, committed_at text) returns boolean
  language plpgsql security definer set search_path = ''
as $$
begin
  -- A later one than the lane knows of is its own: a commit whose answer was lost.
  if expect_commit.committed_at is not null and not exists (
    select from holdfast.cursors c
    where c.id = expect_commit.cursor_id and c.committed_at >= expect_commit.committed_at::timestamptz
  ) then
    raise exception 'lease_lost' using errcode = 'HF000',
      detail = format('Cursor %s is not where this slice left it: the database was put back.', expect_commit.cursor_id),
      hint = 'Nothing to do: the lane that leases it next goes on from where it is.';
  end if;
  return true;
end
$$;
comment on function holdfast.expect_commit(bigint, text) is
  'True where the last commit of a cursor is the one that the lane knows of or a later one, or it knows of none; else raises lease_lost.';

-- Volatile, so that it sees what the statement that calls it has just committed to.
create function holdfast.committed_at(cursor_id bigint) returns text
  language sql volatile security definer set search_path = ''
as $$ select holdfast.utc(c.committed_at) from holdfast.cursors c where c.id = committed_at.cursor_id $$;
comment on function holdfast.committed_at(bigint) is
  'When a cursor was made or last moved, in UTC to the microsecond; null where there is none.';

revoke all on function holdfast.expect_commit(bigint, text), holdfast.committed_at(bigint) from public;
grant execute on function holdfast.expect_commit(bigint, text), holdfast.committed_at(bigint) to holdfast_worker;

create or replace function holdfast.freeze_snapshot(cursor_id bigint, owner uuid, document text) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(freeze_snapshot.cursor_id, freeze_snapshot.owner);
begin
  update holdfast.runs r set frozen = freeze_snapshot.document, state = 'sealing'
  where r.id = c.run and r.frozen is null;
  -- A commit like any other: what follows expects it.
  perform holdfast.commit_cursor(c.id, freeze_snapshot.owner, c.position, '{}');
end
$$;
comment on function holdfast.freeze_snapshot(bigint, uuid, text) is
  'Keeps the exact bytes of snapshot.json; from here the run can only be sealed.';
