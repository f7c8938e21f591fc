-- A restore that succeeded has said of all that it put that it did; so has one that came after one that
-- did not, of what that had left. What a user makes next, be it with the bytes that a snapshot has there,
-- an empty object above all, is theirs.

create or replace function holdfast.put_by_restore(created_at timestamptz) returns boolean
  language sql stable security definer set search_path = ''
as $$
  -- The patch sets created_at back, so only what was put and not patched yet is as young as a run.
  -- An upload that was under way when its run was cancelled ends a little later.
  select exists (
    select from holdfast.runs r
    where r.kind = 'restore' and r.plan ->> 'dry_run' = 'false' and r.state <> 'succeeded'
      and put_by_restore.created_at >= r.started_at
      and put_by_restore.created_at <= coalesce(r.ended_at, clock_timestamp()) + interval '3 minutes'
      and not exists (
        select from holdfast.runs later
        where later.kind = 'restore' and later.plan ->> 'dry_run' = 'false' and later.state = 'succeeded'
          and later.started_at >= r.ended_at and later.ended_at <= put_by_restore.created_at))
$$;
comment on function holdfast.put_by_restore(timestamptz) is
  'Whether an object was made while a restore ran that has not succeeded: one that died or was cancelled before it patched the row leaves such objects to the next.';
