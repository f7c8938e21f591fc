-- How long an isolate of a function lives. The platform does not say: it is 60 s where one hosts
-- oneself, 150 or 400 s at Supabase. So slices begin short, and last longer where that went well.

create table holdfast_private.isolate_lifetimes (
  function_name text primary key,
  seconds integer not null check (seconds >= 40),
  killed_at timestamptz,
  killed_after integer
);
comment on table holdfast_private.isolate_lifetimes is 'For how long the isolates of each function are used, by how earlier slices ended.';
comment on column holdfast_private.isolate_lifetimes.function_name is 'The Edge Function.';
comment on column holdfast_private.isolate_lifetimes.seconds is 'After so many seconds from its load, an isolate leases no more.';
comment on column holdfast_private.isolate_lifetimes.killed_at is 'When a worker last died in an isolate older than is sure.';
comment on column holdfast_private.isolate_lifetimes.killed_after is 'How old that isolate was when it was last heard of.';
alter table holdfast_private.isolate_lifetimes enable row level security;
