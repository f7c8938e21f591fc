-- Posts work to the Edge Functions.

create function holdfast_private.free_workers(r holdfast_private.runs) returns integer
  language sql stable security definer set search_path = ''
as $$
  -- A crash ends all workers in the same isolate. Only a single worker can find out which object causes
  -- it.
  select case when coalesce(max(c.isolation_mode), 0) > 0 then 1 else holdfast_private.plan_workers((free_workers.r).plan) end
    - count(*) filter (where c.lease_expires_at > clock_timestamp())
  from holdfast_private.cursors c where c.run = (free_workers.r).id and c.finished_at is null
$$;
comment on function holdfast_private.free_workers(holdfast_private.runs) is
  'How many more workers may work on a run. While a cursor is in isolation mode, only one worker may.';

create function holdfast_private.post_work(function_name text, body jsonb) returns boolean
  language plpgsql security definer set search_path = ''
as $$
declare
  url text := (select decrypted_secret from vault.decrypted_secrets where name = 'holdfast_project_url');
  key text := (select decrypted_secret from vault.decrypted_secrets where name = 'holdfast_worker_key');
begin
  if url is null or key is null then
    return false;
  end if;
  perform net.http_post(
    url := rtrim(url, '/') || '/functions/v1/' || post_work.function_name || '/work',
    body := post_work.body,
    params := '{}'::jsonb,
    headers := jsonb_build_object('Content-Type', 'application/json', 'apikey', key),
    timeout_milliseconds := 5000);
  return true;
end
$$;
comment on function holdfast_private.post_work(text, jsonb) is
  'Asks a function for work over HTTP, after this transaction commits. False if the URL or the worker key is not in Vault.';

create function holdfast_private.post_slice(run_id uuid) returns boolean
  language sql security definer set search_path = ''
as $$
  select coalesce((
    select holdfast_private.post_work(holdfast_private.function_of(r.kind), jsonb_build_object('run', r.id))
    from holdfast_private.runs r
    where r.id = post_slice.run_id and r.state in ('running', 'sealing') and not holdfast_private.is_paused(r)), false)
$$;
comment on function holdfast_private.post_slice(uuid) is
  'Asks for a slice of a run over HTTP, after this transaction commits. False if the URL is not in Vault or the run is paused.';

create function holdfast_private.post_free_workers(run_id uuid) returns integer
  language plpgsql security definer set search_path = ''
as $$
declare
  wanted integer;
begin
  select least(holdfast_private.free_workers(r),
    count(*) filter (where c.lease_expires_at is null or c.lease_expires_at <= clock_timestamp()))
  into wanted
  from holdfast_private.runs r join holdfast_private.cursors c on c.run = r.id and c.finished_at is null
  where r.id = post_free_workers.run_id group by r.id;
  for posted in 1 .. coalesce(wanted, 0) loop
    if not holdfast_private.post_slice(post_free_workers.run_id) then
      return 0;
    end if;
  end loop;
  return greatest(coalesce(wanted, 0), 0);
end
$$;
comment on function holdfast_private.post_free_workers(uuid) is
  'Posts one slice for each free worker of a run, up to the number of cursors to lease. Returns the number of slices.';

-- The project URL must not be an address that clouds reserve, such as a metadata service. The same rule
-- applies to the repository's endpoint.
create function holdfast_private.save_project_url(url text) returns void
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
  -- Metadata services return credentials, and each post sends the worker key.
  --
  -- Numeric and hexadecimal addresses are refused too, because they hide the real address from readers.
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
comment on function holdfast_private.save_project_url(text) is
  'Stores the base URL of the project''s functions in Vault; raises project_url_invalid.';
