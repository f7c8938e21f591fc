-- Which project this database serves. A clone carries the rows of its origin along, and must
-- neither go on with its runs nor post to it.

create function holdfast.enter_project(project_url text) returns integer
  language plpgsql security definer set search_path = ''
as $$
declare
  before text := holdfast.setting('project_url') #>> '{}';
  stray holdfast.runs;
  cancelled integer := 0;
begin
  if before is not distinct from enter_project.project_url then
    return 0;
  end if;
  if before is not null then
    for stray in select * from holdfast.runs r where r.state in ('running', 'sealing') loop
      perform holdfast.end_run(stray.id, 'cancelled', message => format('It was a run of %s.', before));
      cancelled := cancelled + 1;
    end loop;
    -- The origin's URL in a clone's Vault would make the clone's cron post to the origin.
    delete from vault.secrets where name = 'holdfast_project_url' and exists (
      select from vault.decrypted_secrets d where d.id = secrets.id and d.decrypted_secret = before);
  end if;
  perform holdfast.set('project_url', to_jsonb(enter_project.project_url));
  if not exists (select from vault.secrets where name = 'holdfast_project_url') then
    perform vault.create_secret(enter_project.project_url, 'holdfast_project_url', 'Holdfast: where to post slices');
  end if;
  return cancelled;
end
$$;
comment on function holdfast.enter_project(text) is
  'Called by the functions with their own SUPABASE_URL. Where it is another than before, left-over runs are cancelled; returns how many.';

-- Where slices are posted to is nowhere that a cloud keeps for itself, as for the repository's endpoint.
create function holdfast.save_project_url(url text) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  there uuid := (select s.id from vault.secrets s where s.name = 'holdfast_project_url');
begin
  if save_project_url.url !~ '^https?://[^/?#@[:space:]]+/?$' then
    raise exception 'project_url_invalid' using errcode = 'HF000',
      detail = format('%L is not the URL of a project.', save_project_url.url),
      hint = 'It begins with https:// and has no path: https://<project-ref>.supabase.co.';
  end if;
  -- There clouds hand out credentials, and each post takes the worker key along.
  -- An address of digits alone, or in hexadecimal, is one that nobody reads.
  if save_project_url.url ~* ('^https?://(169\.254\.|\[fe[89ab][0-9a-f]:|\[::ffff:|\[fd00:ec2:|metadata\.google\.internal'
    || '|[0-9]+(:|/|$)|0x)') then
    raise exception 'project_url_invalid' using errcode = 'HF000',
      detail = format('%L is a link-local address, where no project is.', save_project_url.url),
      hint = 'It begins with https:// and has no path: https://<project-ref>.supabase.co.';
  end if;
  if there is null then
    perform vault.create_secret(rtrim(url, '/'), 'holdfast_project_url', 'Holdfast: where to post slices');
  else
    perform vault.update_secret(there, rtrim(url, '/'));
  end if;
end
$$;
comment on function holdfast.save_project_url(text) is
  'Keeps in Vault where the project''s functions are; raises project_url_invalid.';
