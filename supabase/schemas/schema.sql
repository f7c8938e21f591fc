-- Two private schemas and one role. Users call and read the objects in holdfast; everything else is in
-- holdfast_private. The Edge Functions switch to the role holdfast_worker immediately after they
-- connect. A bug in them can therefore only call the SECURITY DEFINER functions granted to that role.

create schema if not exists holdfast;
comment on schema holdfast is
  'Holdfast: off-site backup of this project''s Storage. Functions and views for users. Do not expose it in the API schemas.';

create schema if not exists holdfast_private;
comment on schema holdfast_private is
  'Tables of Holdfast, and functions for its Edge Functions and jobs. Do not expose it in the API schemas.';

do $$
begin
  if not exists (select from pg_catalog.pg_roles where rolname = 'holdfast_worker') then
    create role holdfast_worker nologin nosuperuser nocreatedb nocreaterole noinherit;
  end if;
  -- The Edge Functions log in with SUPABASE_DB_URL, which is the role that runs this migration.
  execute format('grant holdfast_worker to %I', current_user);
end
$$;
comment on role holdfast_worker is
  'Role of Holdfast''s Edge Functions: owns no objects and may only execute granted functions of holdfast_private.';
