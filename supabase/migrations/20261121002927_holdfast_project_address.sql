-- Where slices are posted to is nowhere that a cloud keeps for itself, as for the repository's endpoint.

create or replace function holdfast.save_project_url(url text) returns void
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
