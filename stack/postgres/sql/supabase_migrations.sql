-- The table in which the CLI records a project's migrations.

create schema supabase_migrations authorization postgres;

create table supabase_migrations.schema_migrations (
  version text primary key,
  statements text[],
  name text
);
alter table supabase_migrations.schema_migrations owner to postgres;
