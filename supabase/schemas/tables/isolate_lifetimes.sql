-- Learns how long an isolate of a function lives. The platform does not report the limit: it is 60 s
-- when self-hosted, and 150 s or 400 s at Supabase. So the first slices are short, and later ones last
-- longer if earlier ones survived.

create table holdfast_private.isolate_lifetimes (
  function_name text primary key,
  seconds integer not null check (seconds >= 40),
  killed_at timestamptz,
  killed_after integer
);
comment on table holdfast_private.isolate_lifetimes is
  'For how long the isolates of each function are used, learned from how earlier slices ended.';
comment on column holdfast_private.isolate_lifetimes.function_name is 'The Edge Function.';
comment on column holdfast_private.isolate_lifetimes.seconds is
  'Age in seconds, since it was loaded, after which an isolate leases no more cursors.';
comment on column holdfast_private.isolate_lifetimes.killed_at is
  'When a worker last crashed in an isolate older than the guaranteed lifetime.';
comment on column holdfast_private.isolate_lifetimes.killed_after is
  'Age in seconds of that isolate at its last heartbeat or commit.';
alter table holdfast_private.isolate_lifetimes enable row level security;
