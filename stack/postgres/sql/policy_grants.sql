-- A project's owner may create, alter and drop policies on tables that belong to Storage and Auth,
-- and drop triggers on them, without owning these tables. Supabase's server has this from the
-- extension supautils (policy_grants, drop_trigger_grants). Here two event triggers grant the role
-- the required membership for the duration of one such statement. The membership is revoked after
-- the statement, and no other session ever sees it.

create schema policy_grants;

-- Runs as the role that issues the statement, so that it can record the role.
create function policy_grants.note_role() returns event_trigger
language plpgsql set search_path = ''
as $$
begin
  perform set_config('policy_grants.role', current_user, true);
end
$$;

create function policy_grants.lend() returns event_trigger
language plpgsql security definer set search_path = ''
as $$
begin
  if current_setting('policy_grants.role', true) = 'postgres' then
    grant supabase_storage_admin, supabase_auth_admin to postgres;
  end if;
end
$$;

create function policy_grants.take_back() returns event_trigger
language plpgsql security definer set search_path = ''
as $$
begin
  if current_setting('policy_grants.role', true) = 'postgres' then
    revoke supabase_storage_admin, supabase_auth_admin from postgres;
  end if;
end
$$;

-- Event triggers of one event fire in the order of their names.
create event trigger policy_grants_1_note_role on ddl_command_start
  when tag in ('CREATE POLICY', 'ALTER POLICY', 'DROP POLICY', 'DROP TRIGGER')
  execute function policy_grants.note_role();
create event trigger policy_grants_2_lend on ddl_command_start
  when tag in ('CREATE POLICY', 'ALTER POLICY', 'DROP POLICY', 'DROP TRIGGER')
  execute function policy_grants.lend();
create event trigger policy_grants_3_take_back on ddl_command_end
  when tag in ('CREATE POLICY', 'ALTER POLICY', 'DROP POLICY', 'DROP TRIGGER')
  execute function policy_grants.take_back();
