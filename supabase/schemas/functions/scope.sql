-- The only definition of the scope of a backup.

create type holdfast_private.scope as (
  buckets text[], include text[], exclude text[], max_object_bytes bigint);
comment on type holdfast_private.scope is
  'What to back up: bucket ids, patterns over bucket/name, and the largest object size.';

create function holdfast_private.glob_pattern(glob text) returns text
  language sql immutable set search_path = ''
as $$
  select '^(?:' || replace(replace(replace(replace(replace(replace(
    regexp_replace(
      -- Three or more stars mean the same as two. Without this step they would be parsed as two stars
      -- and one.
      regexp_replace(glob, '\*{2,}', '**', 'g'), '([.+^$(){}|\[\]\\])', '\\\1', 'g'),
    '**/', E'\x01'), '**', E'\x02'), '*', '[^/]*'), '?', '[^/]'), E'\x01', '(?:.*/)?'), E'\x02', '.*') || ')$'
$$;
comment on function holdfast_private.glob_pattern(text) is
  'A glob over bucket/name as a regular expression: * and ? do not match a slash, ** does.';

create function holdfast_private.patterns(globs jsonb) returns text[]
  language sql immutable set search_path = ''
as $$ select array(select holdfast_private.glob_pattern(g) from jsonb_array_elements_text(globs) g) $$;
comment on function holdfast_private.patterns(jsonb) is 'A list of globs as regular expressions.';

create function holdfast_private.plan_scope(plan jsonb) returns holdfast_private.scope
  language sql immutable set search_path = ''
as $$
  -- Null means all buckets, the default include and no exclude, and costs nothing per row. An empty list
  -- of buckets means no bucket.
  select row(
    case when s.buckets is not null then array(select jsonb_array_elements_text(s.buckets)) end,
    case when s.include <> '["**"]' then holdfast_private.patterns(s.include) end,
    case when s.exclude <> '[]' then holdfast_private.patterns(s.exclude) end,
    s.max_object_bytes)::holdfast_private.scope
  from jsonb_to_record(coalesce(plan -> 'settings', '{}'))
    as s (buckets jsonb, include jsonb, exclude jsonb, max_object_bytes bigint)
$$;
comment on function holdfast_private.plan_scope(jsonb) is 'The scope of a run, from the settings in its plan.';

-- A user's bucket may have the name holdfast-assets. Only buckets that Holdfast creates itself are out
-- of scope, so the check uses the complete form of their ids.
create function holdfast_private.is_own_bucket(bucket_id text) returns boolean
  language sql immutable parallel safe
-- The first condition makes the check cheap for all other names.
return left(bucket_id, 9) = 'holdfast-'
  and bucket_id ~ '^holdfast-(scratch|drill)-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$';
comment on function holdfast_private.is_own_bucket(text) is
  'Whether Holdfast created a bucket. Scratch and drill buckets contain the id of their run.';

create function holdfast_private.in_scope(scope holdfast_private.scope, bucket_id text, name text, size bigint)
  returns boolean language sql immutable parallel safe
return not holdfast_private.is_own_bucket(bucket_id)
  and ((scope).buckets is null or bucket_id = any ((scope).buckets))
  and ((scope).include is null or (bucket_id || '/' || name) ~ any ((scope).include))
  and ((scope).exclude is null or not (bucket_id || '/' || name) ~ any ((scope).exclude))
  and ((scope).max_object_bytes is null or coalesce(size, 0) <= (scope).max_object_bytes);
comment on function holdfast_private.in_scope(holdfast_private.scope, text, text, bigint) is
  'Whether an object is in scope. Holdfast''s own scratch and drill buckets never are.';

create function holdfast_private.source_buckets(scope holdfast_private.scope) returns setof storage.buckets
  language sql stable security definer set search_path = ''
as $$
  select b.* from storage.buckets b
  where coalesce(to_jsonb(b) ->> 'type', 'STANDARD') = 'STANDARD' and not holdfast_private.is_own_bucket(b.id)
    and ((scope).buckets is null or b.id = any ((scope).buckets))
$$;
comment on function holdfast_private.source_buckets(holdfast_private.scope) is
  'The buckets to back up. Analytics and vector buckets are excluded, because their data is not in Storage.';
