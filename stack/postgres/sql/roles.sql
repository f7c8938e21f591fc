-- Roles of a hosted Supabase project. All projects of the server share them.

create role anon nologin;
create role authenticated nologin;
create role service_role nologin bypassrls;

-- PostgREST and Storage connect as this one and act as the role of a request's token.
create role authenticator login noinherit;
grant anon, authenticated, service_role to authenticator;

-- Owns the tables of storage. It serves a request as a member of authenticator.
create role supabase_storage_admin login noinherit createrole;
grant authenticator to supabase_storage_admin;
alter role supabase_storage_admin set search_path = storage;

create role supabase_auth_admin login noinherit createrole;
alter role supabase_auth_admin set search_path = auth;

create role dashboard_user nologin createdb createrole replication;

-- The role of a project's owner. It has many privileges, but is no superuser.
create role postgres login nosuperuser createdb createrole replication bypassrls;
grant anon, authenticated, service_role to postgres with admin option;
grant pg_monitor, pg_read_all_data, pg_signal_backend to postgres;
grant set on parameter session_replication_role to postgres;
alter role postgres set search_path = "$user", public, extensions;
alter role supabase_admin set search_path = "$user", public, auth, extensions;

alter role anon set statement_timeout = '3s';
alter role authenticated set statement_timeout = '8s';
alter role authenticator set statement_timeout = '8s';
alter role authenticator set lock_timeout = '8s';
alter role postgres set statement_timeout = '2min';

alter database postgres owner to postgres;
