-- A stand-in for the extension supabase_vault 0.3: the same functions, view and privileges.
-- Secrets are stored encrypted in the table, so that a test that searches for plain secrets finds
-- none. The key is a setting of the server and not in the database.

create schema vault;

create table vault.secrets (
  id uuid primary key default gen_random_uuid(),
  name text,
  description text not null default '',
  secret text not null,
  key_id uuid,
  nonce bytea default extensions.gen_random_bytes(16),
  created_at timestamptz not null default current_timestamp,
  updated_at timestamptz not null default current_timestamp
);
create unique index secrets_name_idx on vault.secrets (name) where name is not null;

create function vault.encrypt(secret text, nonce bytea) returns text
language sql stable set search_path = ''
as $$
  select encode(
    extensions.encrypt_iv(
      convert_to(secret, 'utf8'),
      decode(current_setting('vault_stand_in.key'), 'hex'), nonce, 'aes'
    ),
    'base64'
  )
$$;

create function vault.decrypt(secret text, nonce bytea) returns text
language sql stable set search_path = ''
as $$
  select convert_from(
    extensions.decrypt_iv(
      decode(secret, 'base64'),
      decode(current_setting('vault_stand_in.key'), 'hex'), nonce, 'aes'
    ),
    'utf8'
  )
$$;

create view vault.decrypted_secrets as
select
  id, name, description, secret, vault.decrypt(secret, nonce) as decrypted_secret,
  key_id, nonce, created_at, updated_at
from vault.secrets;

create function vault.create_secret(
  new_secret text,
  new_name text default null,
  new_description text default '',
  new_key_id uuid default null
)
returns uuid
language plpgsql security definer set search_path = ''
as $$
declare
  new_nonce bytea := extensions.gen_random_bytes(16);
  new_id uuid;
begin
  insert into vault.secrets (secret, name, description, nonce)
  values (vault.encrypt(new_secret, new_nonce), new_name, new_description, new_nonce)
  returning id into new_id;
  return new_id;
end
$$;

create function vault.update_secret(
  secret_id uuid,
  new_secret text default null,
  new_name text default null,
  new_description text default null,
  new_key_id uuid default null
)
returns void
language plpgsql security definer set search_path = ''
as $$
begin
  update vault.secrets s
  set
    secret = coalesce(vault.encrypt(new_secret, s.nonce), s.secret),
    name = coalesce(new_name, s.name),
    description = coalesce(new_description, s.description),
    updated_at = now()
  where s.id = secret_id;
end
$$;

revoke all on all functions in schema vault from public;
grant usage on schema vault to postgres with grant option;
grant select, delete, truncate, references on vault.secrets, vault.decrypted_secrets
  to postgres with grant option;
grant execute on all functions in schema vault to postgres with grant option;
grant usage on schema vault to service_role;
grant select, delete on vault.secrets, vault.decrypted_secrets to service_role;
grant execute on all functions in schema vault to service_role;
