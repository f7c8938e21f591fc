-- How a worker gives a cursor back before it is done.

create function holdfast_private.release_cursor(cursor_id bigint, owner uuid, rest_seconds numeric default 0) returns boolean
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors := holdfast_private.require_lease(release_cursor.cursor_id, release_cursor.owner);
begin
  -- A worker that rests keeps its place, so that no other reads in its stead.
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
  'Gives a cursor back with work left in it, which is not a death, and asks for the next slice in the same transaction; or lets the worker rest so long that what it read comes to no more than it may, and leaves it to the tick.';

create function holdfast_private.pause_cursor(cursor_id bigint, owner uuid) returns jsonb
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors;
  reached record;
  newly_paused boolean := false;
begin
  -- The run first, for update: two workers that find the limit at once must not wait for each other.
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
  'Gives a cursor back and pauses its run until the window of the limit turns that is reached; where none is any more, it goes on. Returns until when and why, and whether that is news.';

create function holdfast_private.may_read(cursor_id bigint, owner uuid) returns boolean
  language plpgsql security definer set search_path = ''
as $$
begin
  perform holdfast_private.require_lease(may_read.cursor_id, may_read.owner);
  return (holdfast_private.egress_limit_reached()).setting is null;
end
$$;
comment on function holdfast_private.may_read(bigint, uuid) is 'Whether a worker may read a page or part more: no limit of egress is reached.';

create function holdfast_private.longest_wait() returns interval
  language sql immutable set search_path = '' as $$ select interval '1 hour' $$;
comment on function holdfast_private.longest_wait() is
  'The longest that a server is believed when it asks for time: the run is to go on soon after it is well again, and before six hours are over.';

create function holdfast_private.leave_cursor(cursor_id bigint, owner uuid, retry_seconds numeric default null,
  code text default null, message text default null)
  returns void language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast_private.cursors;
begin
  -- The run before its cursor and for update, as in fail_run.
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
  'Leaves a cursor until its lease runs out, after a failure that may pass: it is no death, and nobody tries again at once. Where a server said for how long it wants to be left alone, no worker asks it before.';
