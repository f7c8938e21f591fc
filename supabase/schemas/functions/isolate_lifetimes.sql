-- How long slices may last: short at first, and longer after slices survived.

create function holdfast_private.guaranteed_slice_seconds() returns integer
  language sql immutable set search_path = '' as $$ select 40 $$;
comment on function holdfast_private.guaranteed_slice_seconds() is
  'Lifetime in seconds that every platform guarantees an isolate: the shortest limit is 60 s, when self-hosted.';

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
comment on function holdfast_private.slice_seconds(text) is
  'How long an isolate of a function may be used after it was loaded, in seconds.';

create function holdfast_private.slice_survived(function_name text, isolate_seconds numeric) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  known integer := holdfast_private.slice_seconds(slice_survived.function_name);
begin
  -- A slice that ended earlier, because of its CPU budget or a shutdown notice, gives no information
  -- about the lifetime.
  if slice_survived.isolate_seconds is null or slice_survived.isolate_seconds < known
    or known >= holdfast_private.longest_slice_seconds() then
    return;
  end if;
  insert into holdfast_private.isolate_lifetimes as l (function_name, seconds)
  values (slice_survived.function_name, least(holdfast_private.longest_slice_seconds(), ceil(known * 1.5)))
  on conflict on constraint isolate_lifetimes_pkey do update
  -- After a crash, lifetimes near the one of the crash are not tried for a week. The limit can change
  -- with the project's plan.
  set seconds = case when l.killed_at > now() - interval '7 days'
      then greatest(l.seconds, least(excluded.seconds, floor(l.killed_after * 0.8)))
      else excluded.seconds end;
end
$$;
comment on function holdfast_private.slice_survived(text, numeric) is
  'Records that a slice used its isolate until the allowed time and survived. The next slices get 1.5 times as long, up to four fifths of the longest limit and of the lifetime at a recent crash.';

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
  'Records that a worker crashed in an isolate with this age at its last heartbeat or commit. Later isolates are used for a shorter time. Below the guaranteed lifetime, the crash had another cause and is ignored.';
