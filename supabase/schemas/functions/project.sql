-- Identifies the project that this database serves. A clone or a branch contains the rows of its origin.
-- It must neither continue the origin's runs nor post to the origin.

create function holdfast_private.bind_project(project_url text) returns integer
  language plpgsql security definer set search_path = ''
as $$
declare
  before text := holdfast_private.setting('project_url') #>> '{}';
  running holdfast_private.runs;
  cancelled integer := 0;
begin
  if before is not distinct from bind_project.project_url then
    return 0;
  end if;
  if before is not null then
    for running in select * from holdfast_private.runs r where r.state in ('running', 'sealing') loop
      perform holdfast_private.end_run(running.id, 'cancelled', message => format('It was a run of %s.', before));
      cancelled := cancelled + 1;
    end loop;
    -- A clone's Vault contains the origin's URL, so the clone's cron jobs would post to the origin.
    delete from vault.secrets where name = 'holdfast_project_url' and exists (
      select from vault.decrypted_secrets d where d.id = secrets.id and d.decrypted_secret = before);
  end if;
  perform holdfast.set('project_url', to_jsonb(bind_project.project_url));
  if not exists (select from vault.secrets where name = 'holdfast_project_url') then
    perform vault.create_secret(bind_project.project_url, 'holdfast_project_url', 'Holdfast: where to post slices');
  end if;
  return cancelled;
end
$$;
comment on function holdfast_private.bind_project(text) is
  'The functions call it with their own SUPABASE_URL. If the URL differs from the stored one, it cancels the runs of the other project. Returns their number.';
