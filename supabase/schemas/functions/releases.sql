-- How a worker gives back a cursor before it has finished it.

create function holdfast_private.release_cursor(cursor_id bigint, owner uuid, rest_seconds numeric default 0) returns boolean
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(release_cursor.cursor_id, release_cursor.owner);
begin
  -- While a worker rests, its lease stays, so that no other worker reads in its place.
  update holdfast_private.cursors set lease_owner = null, attempts = greatest(attempts - 1, 0),
    lease_expires_at = case when release_cursor.rest_seconds > 0
      then clock_timestamp() + make_interval(secs => release_cursor.rest_seconds::float) end
  where id = c.id;
  perform holdfast_private.slice_survived((select holdfast_private.function_of(r.kind) from holdfast_private.runs r where r.id = c.run),
    extract(epoch from clock_timestamp() - c.isolate_loaded_at));
  return release_cursor.rest_seconds <= 0 and holdfast_private.post_slice(c.run);
end
$$;
comment on function holdfast_private.release_cursor(bigint, uuid, numeric) is
  'Gives back an unfinished cursor, which does not count as a crash, and asks for the next slice in the same transaction. If rest_seconds is positive, the cursor rests that long to stay within the read limits, and the tick posts the next slice.';

create function holdfast_private.pause_cursor(cursor_id bigint, owner uuid) returns jsonb
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors;
  reached record;
  newly_paused boolean := false;
begin
  -- Locks the run first, for update. Otherwise two workers that reach the limit at once would deadlock.
  perform from holdfast_private.runs r
  where r.id = (select cc.run from holdfast_private.cursors cc where cc.id = pause_cursor.cursor_id) for update;
  c := holdfast_private.require_lease(pause_cursor.cursor_id, pause_cursor.owner);
  select * into reached from holdfast_private.egress_limit_reached();
  if reached.setting is not null then
    newly_paused := holdfast_private.pause_run(c.run, reached.until, 'paused_by_limit', format(
      '%s is reached: %s of %s bytes were read from Storage.', reached.setting, reached.used, reached.allowed));
  end if;
  perform holdfast_private.release_cursor(c.id, pause_cursor.owner);
  return jsonb_build_object('newly_paused', newly_paused) || coalesce(
    (select holdfast_private.pause_summary(r) from holdfast_private.runs r where r.id = c.run), '{}');
end
$$;
comment on function holdfast_private.pause_cursor(bigint, uuid) is
  'Gives back a cursor and pauses its run until the period of the reached limit ends. If no limit is reached any more, the run continues. Returns until when and why it is paused, and whether it is newly paused.';

create function holdfast_private.may_read(cursor_id bigint, owner uuid) returns boolean
  language plpgsql security definer set search_path = ''
as $$
begin
  perform holdfast_private.require_lease(may_read.cursor_id, may_read.owner);
  return (holdfast_private.egress_limit_reached()).setting is null;
end
$$;
comment on function holdfast_private.may_read(bigint, uuid) is
  'Whether a worker may read another page or part, because no egress limit is reached.';

create function holdfast_private.longest_wait() returns interval
  language sql immutable set search_path = '' as $$ select interval '1 hour' $$;
comment on function holdfast_private.longest_wait() is
  'Longest wait that a server may ask for. The run must continue soon after the server is healthy again, and before six hours without progress end it.';

create function holdfast_private.leave_cursor(cursor_id bigint, owner uuid, retry_seconds numeric default null,
  code text default null, message text default null)
  returns void language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors;
begin
  -- Locks the run before its cursor, for update, as in fail_run.
  perform from holdfast_private.runs r
  where r.id = (select cc.run from holdfast_private.cursors cc where cc.id = leave_cursor.cursor_id) for update;
  c := holdfast_private.require_lease(leave_cursor.cursor_id, leave_cursor.owner);
  update holdfast_private.cursors set lease_owner = null where id = c.id;
  if leave_cursor.retry_seconds > 0 then
    perform holdfast_private.pause_run(c.run, clock_timestamp()
        + least(make_interval(secs => leave_cursor.retry_seconds::float), holdfast_private.longest_wait()),
      leave_cursor.code, leave_cursor.message);
  end if;
end
$$;
comment on function holdfast_private.leave_cursor(bigint, uuid, numeric, text, text) is
  'Leaves a cursor until its lease expires, after a temporary failure. It does not count as a crash, and no worker tries again at once. If a server asked to wait, no worker sends it a request before.';
