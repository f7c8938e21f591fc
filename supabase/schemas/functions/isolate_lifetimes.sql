-- How long slices may last: short at first, and longer where that went well.

create function holdfast_private.guaranteed_slice_seconds() returns integer
  language sql immutable set search_path = '' as $$ select 40 $$;
comment on function holdfast_private.guaranteed_slice_seconds() is 'What any platform grants an isolate: the shortest limit is self-hosting''s 60 s.';

create function holdfast_private.longest_slice_seconds() returns integer
  language sql immutable set search_path = '' as $$ select 320 $$;
comment on function holdfast_private.longest_slice_seconds() is 'Four fifths of the longest limit of any platform, 400 s.';

create function holdfast_private.slice_seconds(function_name text) returns integer
  language sql stable security definer set search_path = ''
as $$
  select coalesce(
    (select l.seconds from holdfast_private.isolate_lifetimes l where l.function_name = slice_seconds.function_name),
    holdfast_private.guaranteed_slice_seconds())
$$;
comment on function holdfast_private.slice_seconds(text) is 'How long an isolate of a function may be used from its load on, seconds.';

create function holdfast_private.slice_survived(function_name text, isolate_seconds numeric) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  known integer := holdfast_private.slice_seconds(slice_survived.function_name);
begin
  -- One that handed on earlier, for its CPU or at the platform's word, says nothing of the time.
  if slice_survived.isolate_seconds is null or slice_survived.isolate_seconds < known
    or known >= holdfast_private.longest_slice_seconds() then
    return;
  end if;
  insert into holdfast_private.isolate_lifetimes as l (function_name, seconds)
  values (slice_survived.function_name, least(holdfast_private.longest_slice_seconds(), ceil(known * 1.5)))
  on conflict on constraint isolate_lifetimes_pkey do update
  -- Where workers died, what they died of is not tried again for a week: the project may get another plan.
  set seconds = case when l.killed_at > now() - interval '7 days'
      then greatest(l.seconds, least(excluded.seconds, floor(l.killed_after * 0.8)))
      else excluded.seconds end;
end
$$;
comment on function holdfast_private.slice_survived(text, numeric) is
  'A slice used its isolate to the end of the time that it had and lived: the next ones get half as much again, up to four fifths of the longest limit, and of what workers lately died at.';

create function holdfast_private.slice_killed(function_name text, isolate_seconds numeric) returns void
  language sql security definer set search_path = ''
as $$
  insert into holdfast_private.isolate_lifetimes as l (function_name, seconds, killed_at, killed_after)
  select slice_killed.function_name, holdfast_private.guaranteed_slice_seconds(), now(), floor(slice_killed.isolate_seconds)
  where slice_killed.isolate_seconds > holdfast_private.guaranteed_slice_seconds()
  on conflict (function_name) do update
  set seconds = greatest(holdfast_private.guaranteed_slice_seconds(), least(l.seconds, floor(excluded.killed_after * 0.8))),
    killed_at = excluded.killed_at,
    killed_after = case when l.killed_at > now() - interval '7 days'
      then least(l.killed_after, excluded.killed_after) else excluded.killed_after end
$$;
comment on function holdfast_private.slice_killed(text, numeric) is
  'A worker died in an isolate that was last heard of at this age: from now on they are used for less. A younger one died of something else.';
