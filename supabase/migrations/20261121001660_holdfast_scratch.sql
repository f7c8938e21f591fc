-- Scratch buckets of restores that were cancelled, or that failed: a restore that ends well removes
-- its own.

create function holdfast.left_scratch_buckets() returns jsonb
  language sql stable security definer set search_path = ''
as $$
  -- Only of runs that this database knows: another project may have made what bears a like name.
  select coalesce(jsonb_agg(b.id order by b.id), '[]')
  from storage.buckets b join holdfast.runs r on b.id = 'holdfast-scratch-' || r.id
  where r.kind = 'restore' and r.state not in ('running', 'sealing')
$$;
comment on function holdfast.left_scratch_buckets() is
  'Ids of the scratch buckets that restores left which have ended: the tick asks holdfast-restore to remove them.';

revoke all on function holdfast.left_scratch_buckets() from public;
grant execute on function holdfast.left_scratch_buckets() to holdfast_worker;
