create type holdfast.scope as (
  buckets text[], include text[], exclude text[], max_object_bytes bigint);

comment on type holdfast.scope is 'What to back up: bucket ids, patterns over bucket/name, and the largest size.';

create type holdfast.entry_content as (
  bucket_id text, name text, object_id uuid, version text, blob bigint, metadata jsonb, assumed boolean,
  wanted_version text, code text);

comment on type holdfast.entry_content is 'What an entry is to say, as open_entries takes it.';
