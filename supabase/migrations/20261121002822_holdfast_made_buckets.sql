-- Which buckets a restore made itself. Another's may come to be at any time, from a project's migrations
-- above all: its settings are not a restore's to touch, and nothing in it may be written over. So a
-- restore says which buckets it is about to ask for, and afterwards which it made.

create function holdfast.restore_asks(cursor_id bigint, owner uuid, made jsonb, asked jsonb) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(restore_asks.cursor_id, restore_asks.owner);
  new_position jsonb := jsonb_build_object('since', clock_timestamp()) || c.position
    || jsonb_build_object('made', restore_asks.made, 'asked', restore_asks.asked);
begin
  -- To ask again for the same is no progress: an outage is waited for so long and no longer.
  if not (c.position @> new_position and new_position @> c.position) then
    perform holdfast.commit_cursor(c.id, restore_asks.owner, new_position, '{}');
  end if;
end
$$;
comment on function holdfast.restore_asks(bigint, uuid, jsonb, jsonb) is
  'Commits the ids of the buckets that a restore made so far, and of those it is about to ask for or had no answer about.';

create or replace function holdfast.restore_buckets(cursor_id bigint, owner uuid) returns jsonb
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(restore_buckets.cursor_id, restore_buckets.owner);
  r holdfast.runs := (select runs from holdfast.runs where runs.id = c.run);
begin
  return (
    select coalesce(jsonb_agg(b || jsonb_build_object('exists', t.id is not null,
      'made', case
        when t.id is null then 'no'
        when c.position -> 'made' ? (b ->> 'id') then 'yes'
        when c.position -> 'asked' ? (b ->> 'id') then 'perhaps'
        else 'no' end) order by b ->> 'id'), '[]')
    from holdfast.snapshot_buckets(r.repository, (r.result ->> 'sequence')::integer) b
      left join storage.buckets t on t.id = b ->> 'id');
end
$$;
comment on function holdfast.restore_buckets(bigint, uuid) is
  'The snapshot''s buckets with all their settings, whether the target has them, and whether this run made them: perhaps, where it asked for one and had no answer.';

create function holdfast.as_asked(bucket jsonb, wanted jsonb) returns boolean
  language sql immutable set search_path = ''
as $$
  select bucket ->> 'name' = bucket ->> 'id' and bucket ->> 'owner_id' is null
    and bucket ->> 'public' is not distinct from wanted ->> 'public'
    and bucket ->> 'file_size_limit' is not distinct from wanted ->> 'file_size_limit'
    and coalesce(nullif(bucket -> 'allowed_mime_types', '[]'), 'null')
      = coalesce(nullif(wanted -> 'allowed_mime_types', '[]'), 'null')
$$;
comment on function holdfast.as_asked(jsonb, jsonb) is
  'Whether a bucket''s row is as Storage makes it that was asked for one of these settings.';

create or replace function holdfast.restore_begin(cursor_id bigint, owner uuid, buckets jsonb) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(restore_begin.cursor_id, restore_begin.owner);
begin
  -- What the API can't set of a bucket that this run made; live ones are not touched.
  update storage.buckets t
  set name = b ->> 'name', owner_id = b ->> 'owner_id',
    avif_autodetection = coalesce((b ->> 'avif_autodetection')::boolean, t.avif_autodetection),
    created_at = coalesce((b ->> 'created_at')::timestamptz, t.created_at)
  from jsonb_array_elements(buckets) b
  where t.id = b ->> 'id' and (b ->> 'made' = 'yes' or b ->> 'made' = 'perhaps'
    and t.created_at >= (c.position ->> 'since')::timestamptz and holdfast.as_asked(to_jsonb(t), b));
  insert into holdfast.cursors (run, stage, bucket_id, position)
  select c.run, 'objects', b ->> 'id', jsonb_build_object('direct', b -> 'direct')
  from jsonb_array_elements(buckets) b order by b ->> 'id';
  insert into holdfast.cursors (run, stage) select c.run, 'finish' where jsonb_array_length(buckets) = 0;
  perform holdfast.finish_cursor(c.id, restore_begin.owner);
end
$$;

revoke all on function holdfast.restore_asks(bigint, uuid, jsonb, jsonb), holdfast.as_asked(jsonb, jsonb) from public;
grant execute on function holdfast.restore_asks(bigint, uuid, jsonb, jsonb) to holdfast_worker;
