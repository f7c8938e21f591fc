-- Holdfast's own keys. A key is hf_<scope>_<12 hex digits: the public id>_<64 hex digits: the secret>.
-- Only the digest of the complete key is stored. Two random UUIDs give 244 random bits without pgcrypto.

create table holdfast_private.keys (
  id text primary key check (id ~ '^[0-9a-f]{12}$'),
  scope text not null check (scope in ('worker', 'read', 'operate', 'restore')),
  name text not null,
  digest bytea not null check (length(digest) = 32),
  created_at timestamptz not null default now(),
  revoked_at timestamptz
);
comment on table holdfast_private.keys is 'Keys for Holdfast''s functions; only their digests are stored.';
comment on column holdfast_private.keys.id is 'Public part of the key, used to find it.';
comment on column holdfast_private.keys.scope is 'What the key allows.';
comment on column holdfast_private.keys.name is 'Name of the holder; the key is revoked by this name.';
comment on column holdfast_private.keys.digest is 'SHA-256 of the complete key.';
comment on column holdfast_private.keys.created_at is 'When the key was created.';
comment on column holdfast_private.keys.revoked_at is 'When the key was revoked.';
alter table holdfast_private.keys enable row level security;

create unique index keys_name on holdfast_private.keys (name) where revoked_at is null;
comment on index holdfast_private.keys_name is 'Allows one active key per name.';
