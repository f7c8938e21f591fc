-- A snapshot does not always build on the one before it in the log: a record that came late, after the
-- next run had sealed, stands before that run's. Then its parts say nothing of what the late one holds,
-- and an import has to start over with the full listing that they begin with.

create or replace function holdfast.import_begin(cursor_id bigint, owner uuid) returns jsonb
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(import_begin.cursor_id, import_begin.owner);
  r holdfast.runs := (select runs from holdfast.runs where runs.id = c.run);
begin
  return (
    select jsonb_build_object('position', c.position, 'base', base.sequence,
      'base_parts', jsonb_path_query_array(base.document, '$.parts[*].key'),
      'last_record', o.last_record, 'repository_id', o.repository_id)
    from holdfast.repositories o left join lateral holdfast.last_snapshot(o.id) as base on true
    where o.id = r.repository);
end
$$;
comment on function holdfast.import_begin(bigint, uuid) is
  'Which repository an import is of, and how far it is: its position, the newest snapshot in the catalog with the keys of its parts, and the last record it holds.';

create or replace function holdfast.import_page(cursor_id bigint, owner uuid, sequence integer, lines jsonb,
  replaces jsonb, new_position jsonb) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(import_page.cursor_id, import_page.owner);
  repo integer := (select r.repository from holdfast.runs r where r.id = c.run);
begin
  -- Once, before the first page: an import's own entries lie above the base too. And not before
  -- there is one: a log without news leaves alone what a backup copied and has not sealed yet.
  if not c.position ? 'begun' then
    perform holdfast.forget_unsealed(repo);
  end if;
  perform holdfast.put_entries(repo, import_page.sequence, lines);

  -- What an earlier part put as this same sequence is removed, too: it is in no snapshot then.
  update holdfast.entries e set removed_in = import_page.sequence
  from jsonb_to_recordset(lines) as x (op text, bucket_id text, name text)
  where x.op = 'remove' and e.repository = repo and e.bucket_id = x.bucket_id and e.name = x.name
    and e.removed_in is null and e.added_in <= import_page.sequence;

  -- A full listing says by its silence what is gone: between the keys that this page covers.
  if replaces is not null then
    update holdfast.entries e set removed_in = import_page.sequence
    where e.repository = repo and e.removed_in is null and e.added_in < import_page.sequence
      and (e.bucket_id, e.name) > (replaces ->> 'after_bucket', replaces ->> 'after_name')
      and (replaces ->> 'to_bucket' is null
        or (e.bucket_id, e.name) <= (replaces ->> 'to_bucket', replaces ->> 'to_name'));
  end if;
  perform holdfast.commit_cursor(c.id, import_page.owner, new_position || '{"begun": true}',
    jsonb_build_object('entries_imported', jsonb_array_length(lines)));
end
$$;
