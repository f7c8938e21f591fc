-- Two private schemas and one role. People call and read what is in holdfast; all else is in
-- holdfast_private. The functions' connections become holdfast_worker at once, so a fault in them can do
-- no more than the SECURITY DEFINER functions granted to that role allow.

create schema if not exists holdfast;
comment on schema holdfast is
  'Holdfast: off-site backup of this project''s Storage. What people call and read. Not for the API schemas.';

create schema if not exists holdfast_private;
comment on schema holdfast_private is
  'Holdfast''s tables, and what its Edge Functions and jobs call. Not for the API schemas.';

do $$
begin
  if not exists (select from pg_catalog.pg_roles where rolname = 'holdfast_worker') then
    create role holdfast_worker nologin nosuperuser nocreatedb nocreaterole noinherit;
  end if;
  -- The functions log in with SUPABASE_DB_URL, as the role that runs this migration.
  execute format('grant holdfast_worker to %I', current_user);
end
$$;
comment on role holdfast_worker is
  'What Holdfast''s Edge Functions become: owns nothing, may only execute functions of holdfast_private.';
