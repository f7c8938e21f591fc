-- The functions of storage that policies and queries call.

create function storage.foldername(name text) returns text[]
language sql immutable set search_path = ''
as $$
  select (string_to_array(name, '/'))[1 : cardinality(string_to_array(name, '/')) - 1]
$$;

create function storage.filename(name text) returns text
language sql immutable set search_path = ''
as $$
  select (string_to_array(name, '/'))[cardinality(string_to_array(name, '/'))]
$$;

-- The part after the last dot of the file's name; the complete name if it has no dot.
create function storage.extension(name text) returns text
language sql immutable set search_path = ''
as $$
  select reverse(split_part(reverse(storage.filename(name)), '.', 1))
$$;

create function storage.operation() returns text
language sql stable set search_path = ''
as $$
  select current_setting('storage.operation', true)
$$;

create function storage.allow_any_operation(expected_operations text[]) returns boolean
language sql stable set search_path = ''
as $$
  select exists (
    select
    from unnest(expected_operations) as expected
    where expected <> ''
      and regexp_replace(expected, '^storage\.', '')
        = regexp_replace(storage.operation(), '^storage\.', '')
  )
$$;

create function storage.allow_only_operation(expected_operation text) returns boolean
language sql stable set search_path = ''
as $$
  select storage.allow_any_operation(array[expected_operation])
$$;

create function storage.get_size_by_bucket() returns table (size bigint, bucket_id text)
language sql stable set search_path = ''
as $$
  select sum((o.metadata ->> 'size')::bigint)::bigint, o.bucket_id
  from storage.objects o
  group by o.bucket_id
$$;

-- Tries an insert under the caller's policies, and rolls it back by raising PT200.
create function storage.can_insert_object(bucketid text, name text, owner uuid, metadata jsonb)
returns void
language plpgsql set search_path = ''
as $$
begin
  insert into storage.objects (bucket_id, name, owner, metadata)
  values (bucketid, name, owner, metadata);
  raise sqlstate 'PT200' using message = 'ROLLBACK', detail = 'rollback successful insert';
end
$$;

-- Lists one level of a bucket below a prefix: folders (all columns except the name are null), and
-- objects.
create function storage.search(
  prefix text,
  bucketname text,
  limits integer default 100,
  levels integer default 1,
  offsets integer default 0,
  search text default '',
  sortcolumn text default 'name',
  sortorder text default 'asc'
)
returns table (
  name text,
  id uuid,
  updated_at timestamptz,
  created_at timestamptz,
  last_accessed_at timestamptz,
  metadata jsonb
)
language plpgsql stable set search_path = ''
as $$
declare
  folder_length integer := length(coalesce(prefix, ''));
  sought text := lower(coalesce(prefix, '') || coalesce(search, ''));
  sort_column text := case
    when lower(sortcolumn) in ('updated_at', 'created_at', 'last_accessed_at')
    then lower(sortcolumn) else 'name' end;
  sort_order text := case when lower(sortorder) = 'desc' then 'desc' else 'asc' end;
begin
  return query execute format(
    $query$
      with found as (
        select
          substr(o.name, $1 + 1) as rest,
          strpos(substr(o.name, length($2) + 1), '/') > 0 as is_folder,
          length($2) - $1 + strpos(substr(o.name, length($2) + 1), '/') - 1 as folder_end,
          o.*
        from storage.objects o
        where o.bucket_id = $3 and starts_with(lower(o.name), $2)
      ), level as (
        select distinct
          left(f.rest, f.folder_end) as name, null::uuid as id, null::timestamptz as updated_at,
          null::timestamptz as created_at, null::timestamptz as last_accessed_at,
          null::jsonb as metadata
        from found f where f.is_folder
        union all
        select
          f.rest, f.id, f.updated_at, f.created_at, f.last_accessed_at, f.metadata
        from found f where not f.is_folder
      )
      select l.name, l.id, l.updated_at, l.created_at, l.last_accessed_at, l.metadata
      from level l
      order by
        case when %1$L <> 'name' then (l.id is not null) end,
        %2$s %3$s,
        lower(l.name) collate "C" %3$s
      limit $4 offset $5
    $query$,
    sort_column,
    case when sort_column = 'name' then 'lower(l.name) collate "C"' else 'l.' || sort_column end,
    sort_order
  ) using folder_length, sought, bucketname, least(coalesce(limits, 100), 1500), offsets;
end
$$;
