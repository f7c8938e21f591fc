create function holdfast_private.record_audit(actor text, action text, detail jsonb default '{}') returns void
  language sql security definer set search_path = ''
as $$
  insert into holdfast_private.audit (actor, action, detail)
  values (record_audit.actor, record_audit.action, record_audit.detail)
$$;
comment on function holdfast_private.record_audit(text, text, jsonb) is 'Adds a row to the audit log.';

create function holdfast.create_key(scope text, name text) returns text
  language plpgsql security definer set search_path = ''
as $$
declare
  random text := replace(gen_random_uuid()::text, '-', '') || replace(gen_random_uuid()::text, '-', '');
  public_id text := substr(replace(gen_random_uuid()::text, '-', ''), 1, 12);
  key text := 'hf_' || scope || '_' || public_id || '_' || random;
begin
  if scope not in ('read', 'operate', 'restore', 'worker') then
    raise exception 'scope_unknown' using errcode = 'HF000',
      detail = format('There is no scope %L.', scope), hint = 'Use read, operate or restore.';
  end if;
  insert into holdfast_private.keys (id, scope, name, digest)
  values (public_id, scope, create_key.name, sha256(convert_to(key, 'UTF8')));
  perform holdfast_private.record_audit(session_user::text, 'key.create',
    jsonb_build_object('scope', scope, 'name', create_key.name));
  return key;
exception when unique_violation then
  raise exception 'key_name_taken' using errcode = 'HF000',
    detail = format('A live key is already named %L.', create_key.name),
    hint = 'Choose another name, or revoke that key first: select holdfast.revoke_key('
      || quote_literal(create_key.name) || ').';
end
$$;
comment on function holdfast.create_key(text, text) is
  'Creates a key with a scope (read, operate, restore) and returns it. The key is shown once, because only its digest is stored.';

create function holdfast.revoke_key(name text) returns void
  language plpgsql security definer set search_path = ''
as $$
begin
  update holdfast_private.keys k set revoked_at = now() where k.name = revoke_key.name and revoked_at is null;
  if not found then
    raise exception 'key_unknown' using errcode = 'HF000',
      detail = format('No live key is named %L.', revoke_key.name),
      hint = 'See: select name, scope, created_at, revoked_at from holdfast.keys.';
  end if;
  perform holdfast_private.record_audit(session_user::text, 'key.revoke', jsonb_build_object('name', revoke_key.name));
end
$$;
comment on function holdfast.revoke_key(text) is 'Revokes a key by its name, immediately.';

create function holdfast_private.find_key(id text) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object('scope', k.scope, 'name', k.name, 'digest', encode(k.digest, 'hex'))
  from holdfast_private.keys k where k.id = find_key.id and k.revoked_at is null
$$;
comment on function holdfast_private.find_key(text) is
  'An active key by its public id. The caller compares the digest in constant time.';

-- The worker key allows only to continue existing runs. It is in Vault, where SQL reads it to post
-- slices.
do $$
declare
  key text := holdfast.create_key('worker', 'worker');
begin
  delete from vault.secrets where name = 'holdfast_worker_key';
  perform vault.create_secret(key, 'holdfast_worker_key', 'Holdfast: continues runs that exist');
end
$$;
