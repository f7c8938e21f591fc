-- A lane remembers what it committed last, and goes on from there. A database that was put back to an
-- earlier moment, or a standby that took over without the newest commits, may still know the lane's
-- lease; what the lane committed next would then leave out what lies between.

create function holdfast.expect_commit(cursor_id bigint, committed_at text) returns boolean
  language plpgsql security definer set search_path = ''
as $$
begin
  if expect_commit.committed_at is not null and not exists (
    select from holdfast.cursors c
    where c.id = expect_commit.cursor_id and c.committed_at = expect_commit.committed_at::timestamptz
  ) then
    raise exception 'lease_lost' using errcode = 'HF000',
      detail = format('Cursor %s is not where this slice left it: the database was put back.', expect_commit.cursor_id),
      hint = 'Nothing to do: the lane that leases it next goes on from where it is.';
  end if;
  return true;
end
$$;
comment on function holdfast.expect_commit(bigint, text) is
  'True where the last commit of a cursor is the one that the lane knows of, or it knows of none; else raises lease_lost.';

create function holdfast.committed_at(cursor_id bigint) returns text
  language sql security definer set search_path = ''
as $$ select c.committed_at::text from holdfast.cursors c where c.id = committed_at.cursor_id $$;
comment on function holdfast.committed_at(bigint) is
  'When a cursor was made or last moved, to the microsecond; null where there is none.';

revoke all on function holdfast.expect_commit(bigint, text), holdfast.committed_at(bigint) from public;
grant execute on function holdfast.expect_commit(bigint, text), holdfast.committed_at(bigint) to holdfast_worker;
