-- Runs that rest: because a limit was reached, or because a server asked for time. A paused run
-- stays the one running run; nothing of it is leased, and nothing posted for it, before its time.

create function holdfast.is_paused(r holdfast.runs) returns boolean
  language sql volatile
return coalesce((r).paused_until > clock_timestamp(), false) and (r).state in ('running', 'sealing');
comment on function holdfast.is_paused(holdfast.runs) is 'Whether nothing may be leased of a run yet.';

create function holdfast.pause_summary(r holdfast.runs) returns jsonb
  language sql volatile security definer set search_path = ''
as $$
  select case when holdfast.is_paused(r) then jsonb_build_object('until', holdfast.utc((r).paused_until),
    'code', (r).paused_code, 'message', (r).paused_message) end
$$;
comment on function holdfast.pause_summary(holdfast.runs) is 'Until when a run is paused, and why; null where it is not.';

create function holdfast.pause_run(run_id uuid, until timestamptz, code text, message text) returns boolean
  language plpgsql security definer set search_path = ''
as $$
declare
  r holdfast.runs;
  again boolean;
begin
  select * into r from holdfast.runs 
  where id = pause_run.run_id and state in ('running', 'sealing') for update;
  if not found or pause_run.until <= clock_timestamp() then
    return false;
  end if;
  again := holdfast.is_paused(r) and r.paused_code = pause_run.code;
  -- Lanes that were under way find the same limit or server one after the other: the longest counts.
  if holdfast.is_paused(r) and r.paused_until >= pause_run.until then
    return false;
  end if;
  update holdfast.runs set paused_until = pause_run.until, paused_code = pause_run.code,
    paused_message = pause_run.message
  where id = r.id;
  if not again then
    perform holdfast.record_audit('holdfast', r.kind || '.pause', jsonb_build_object('run', r.id,
      'until', holdfast.utc(pause_run.until), 'code', pause_run.code, 'message', pause_run.message));
  end if;
  return not again;
end
$$;
comment on function holdfast.pause_run(uuid, timestamptz, text, text) is
  'Pauses a running run; of several pauses the longest counts. Returns whether this is news, which the audit then has.';

create function holdfast.resume_run(run_id uuid) returns void
  language sql security definer set search_path = ''
as $$
  update holdfast.runs r
  set resumed_at = case when r.paused_code = 'paused_by_limit' then clock_timestamp() else r.resumed_at end,
    paused_until = null, paused_code = null, paused_message = null
  where r.id = resume_run.run_id and r.paused_until is not null
$$;
comment on function holdfast.resume_run(uuid) is
  'Ends a run''s pause. After one by a limit the six hours without progress begin anew; a server that asks for time gets none of them.';

create function holdfast.resume_if_due(run_id uuid) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  r holdfast.runs;
begin
  select * into r from holdfast.runs where id = resume_if_due.run_id for update;
  if r.paused_until is not null and (not holdfast.is_paused(r)
    or (r.paused_code = 'paused_by_limit' and (holdfast.egress_limit_reached()).setting is null)) then
    perform holdfast.resume_run(r.id);
  end if;
end
$$;
comment on function holdfast.resume_if_due(uuid) is
  'Ends a run''s pause where its time has come, or its limit was raised.';

create function holdfast.longest_wait() returns interval
  language sql immutable set search_path = '' as $$ select interval '1 hour' $$;
comment on function holdfast.longest_wait() is
  'The longest that a server is believed when it asks for time: the run is to go on soon after it is well again, and before six hours are over.';

create function holdfast.pause_cursor(cursor_id bigint, owner uuid) returns jsonb
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors;
  reached record;
  news boolean := false;
begin
  -- The run first, for update: two lanes that find the limit at once must not wait for each other.
  perform from holdfast.runs r
  where r.id = (select cc.run from holdfast.cursors cc where cc.id = pause_cursor.cursor_id) for update;
  c := holdfast.require_lease(pause_cursor.cursor_id, pause_cursor.owner);
  select * into reached from holdfast.egress_limit_reached();
  if reached.setting is not null then
    news := holdfast.pause_run(c.run, reached.until, 'paused_by_limit', format(
      '%s is reached: %s of %s bytes were read from Storage.', reached.setting, reached.used, reached.allowed));
  end if;
  perform holdfast.release_cursor(c.id, pause_cursor.owner);
  return jsonb_build_object('news', news) || coalesce(
    (select holdfast.pause_summary(r) from holdfast.runs r where r.id = c.run), '{}');
end
$$;
comment on function holdfast.pause_cursor(bigint, uuid) is
  'Gives a cursor back and pauses its run until the window of the limit turns that is reached; where none is any more, it goes on. Returns until when and why, and whether that is news.';
