-- Waking functions: posts by pg_net.

create function holdfast.post_work(function_name text, body jsonb) returns boolean
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
comment on function holdfast.post_work(text, jsonb) is
  'Asks a function for work over HTTP, once this transaction commits; false where the URL is not in Vault.';

create function holdfast.post_slice(run_id uuid) returns boolean
  language sql security definer set search_path = ''
as $$
  select coalesce((
    select holdfast.post_work(holdfast.function_of(r.kind), jsonb_build_object('run', r.id))
    from holdfast.runs r
    where r.id = post_slice.run_id and r.state in ('running', 'sealing') and not holdfast.is_paused(r)), false)
$$;
comment on function holdfast.post_slice(uuid) is
  'Asks for a slice of a run over HTTP, once this transaction commits; false where the URL is not in Vault, or the run is paused.';

create function holdfast.post_free_lanes(run_id uuid) returns integer
  language plpgsql security definer set search_path = ''
as $$
declare
  wanted integer;
begin
  select least(holdfast.free_lanes(r),
    count(*) filter (where c.lease_expires_at is null or c.lease_expires_at <= clock_timestamp()))
  into wanted
  from holdfast.runs r join holdfast.cursors c on c.run = r.id and c.finished_at is null
  where r.id = post_free_lanes.run_id group by r.id;
  for posted in 1 .. coalesce(wanted, 0) loop
    if not holdfast.post_slice(post_free_lanes.run_id) then
      return 0;
    end if;
  end loop;
  return greatest(coalesce(wanted, 0), 0);
end
$$;
comment on function holdfast.post_free_lanes(uuid) is
  'Posts a slice for each lane of a run that is not busy, as far as there are cursors to lease; returns how many.';
