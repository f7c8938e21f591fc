-- Derived from Holdfast's supabase/schemas, which is the place to read and to change.

set local check_function_bodies = off;

-- supabase/schemas/functions/settings.sql

-- Settings: reading, changing and checking them.

create function holdfast.set(name text, value jsonb) returns jsonb
  language plpgsql security definer set search_path = ''
as $$
begin
  update holdfast.settings s set value = set.value, updated_at = now() where s.name = set.name;
  if not found then
    raise exception 'setting_unknown' using errcode = 'HF000',
      detail = format('There is no setting named %L.', set.name),
      hint = 'The settings are: '
        || (select string_agg(s.name, ', ' order by s.name) from holdfast.settings s) || '.';
  end if;
  return set.value;
end
$$;
comment on function holdfast.set(text, jsonb) is 'Changes one setting and returns its new value.';

create function holdfast.setting(name text) returns jsonb
  language sql stable security definer set search_path = ''
as $$ select s.value from holdfast.settings s where s.name = setting.name $$;
comment on function holdfast.setting(text) is 'The value of one setting.';

create function holdfast.all_settings() returns jsonb
  language sql stable security definer set search_path = ''
as $$ select jsonb_object_agg(s.name, s.value) from holdfast.settings s $$;
comment on function holdfast.all_settings() is 'Every setting as one object, for the functions to check.';

-- What people look at: an estimate before anything is set up, the state at a glance, the nights,
-- and what the functions answer about runs and snapshots.
create function holdfast.check_settings() returns void
  language plpgsql stable security definer set search_path = ''
as $$
declare
  faults text;
begin
  select string_agg(s.name || ' must be ' || rule.says, '; ' order by s.name) into faults
  from holdfast.settings s join (values
    ('buckets', 'null or a list of bucket ids'), ('include', 'a list of at least one glob'),
    ('exclude', 'a list of globs'), ('max_object_bytes', 'null or a whole number above 0'),
    ('lanes', 'a whole number from 1 to 16'), ('maximum_age_hours', 'null or a number above 0'),
    ('max_bytes_per_second', 'null or a whole number above 0'),
    ('max_requests_per_second', 'null or a number above 0'),
    ('max_egress_bytes_per_day', 'null or a whole number above 0'),
    ('max_egress_bytes_per_month', 'null or a whole number above 0')
  ) as rule (name, says) on rule.name = s.name
  where not case
    when s.name in ('buckets', 'include', 'exclude') then
      (s.name = 'buckets' and s.value = 'null') or (jsonb_typeof(s.value) = 'array'
        and not jsonb_path_exists(s.value, '$[*] ? (@.type() != "string" || @ == "")')
        and not (s.name = 'include' and s.value = '[]'))
    when s.name not in ('include', 'exclude', 'lanes') and s.value = 'null' then true
    when s.name = 'lanes' then s.value #>> '{}' ~ '^([1-9]|1[0-6])$' and jsonb_typeof(s.value) = 'number'
    when s.name in ('max_object_bytes', 'max_bytes_per_second', 'max_egress_bytes_per_day', 'max_egress_bytes_per_month') then
      s.value #>> '{}' ~ '^[1-9][0-9]{0,15}$' and jsonb_typeof(s.value) = 'number'
    else jsonb_path_exists(s.value, 'strict $ ? (@.type() == "number" && @ > 0)') end;
  if faults is not null then
    raise exception 'settings_invalid' using errcode = 'HF000', detail = faults || '.',
      hint = 'Correct each: select holdfast.set(name, value). See: select * from holdfast.settings.';
  end if;
end
$$;
comment on function holdfast.check_settings() is 'Raises settings_invalid, which names every setting that is wrong.';

create function holdfast.limit_setting(name text) returns numeric
  language sql stable security definer set search_path = ''
as $$
  -- A wrong value must not stop the slice that will report it.
  select case when jsonb_typeof(s.value) = 'number' and s.value > '0' then (s.value #>> '{}')::numeric end
  from holdfast.settings s where s.name = limit_setting.name
$$;
comment on function holdfast.limit_setting(text) is
  'A limit as it is set now, and not as a run''s plan has it, so that raising it helps at once; null where there is none.';

-- supabase/schemas/functions/keys.sql

-- Holdfast's own keys, and the audit of what people did.

create function holdfast.record_audit(actor text, action text, detail jsonb default '{}') returns void
  language sql security definer set search_path = ''
as $$
  insert into holdfast.audit (actor, action, detail)
  values (record_audit.actor, record_audit.action, record_audit.detail)
$$;
comment on function holdfast.record_audit(text, text, jsonb) is 'Adds a line to the audit.';

create function holdfast.create_key(scope text, name text) returns text
  language plpgsql security definer set search_path = ''
as $$
declare
  random text := replace(gen_random_uuid()::text, '-', '') || replace(gen_random_uuid()::text, '-', '');
  public_id text := substr(replace(gen_random_uuid()::text, '-', ''), 1, 12);
  key text := 'hf_' || scope || '_' || public_id || '_' || random;
begin
  if scope not in ('look', 'operate', 'restore', 'worker') then
    raise exception 'scope_unknown' using errcode = 'HF000',
      detail = format('There is no scope %L.', scope), hint = 'Use look, operate or restore.';
  end if;
  insert into holdfast.keys (id, scope, name, digest)
  values (public_id, scope, create_key.name, sha256(convert_to(key, 'UTF8')));
  perform holdfast.record_audit(session_user::text, 'key.create',
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
  'Makes a key of a scope (look, operate, restore) and returns it. It is shown once: only its digest is stored.';

create function holdfast.revoke_key(name text) returns void
  language plpgsql security definer set search_path = ''
as $$
begin
  update holdfast.keys k set revoked_at = now() where k.name = revoke_key.name and revoked_at is null;
  if not found then
    raise exception 'key_unknown' using errcode = 'HF000',
      detail = format('No live key is named %L.', revoke_key.name),
      hint = 'See: select name, scope, created_at, revoked_at from holdfast.keys.';
  end if;
  perform holdfast.record_audit(session_user::text, 'key.revoke', jsonb_build_object('name', revoke_key.name));
end
$$;
comment on function holdfast.revoke_key(text) is 'Revokes a key by its name, at once.';

create function holdfast.find_key(id text) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object('scope', k.scope, 'name', k.name, 'digest', encode(k.digest, 'hex'))
  from holdfast.keys k where k.id = find_key.id and k.revoked_at is null
$$;
comment on function holdfast.find_key(text) is
  'A live key by its public id; the caller compares the digest in constant time.';

-- supabase/schemas/functions/source.sql

-- The project's Storage as it is read, whatever columns it has.

-- Storage changes its own tables when it is upgraded. A view over their columns would forbid it to drop
-- or retype one of them, and its upgrade would fail. So the view reads through a function whose text
-- Postgres does not look into; the planner puts it in place of its call, indexes and all.
create function holdfast.refresh_source() returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  columns text[] := array(
    select a.attname::text from pg_catalog.pg_attribute a
    where a.attrelid = 'storage.objects'::regclass and a.attnum > 0 and not a.attisdropped);
  -- What a Storage of another year lacks reads as null.
  metadata text := case when 'metadata' = any (columns) then 'o.metadata' else 'null::jsonb' end;
  version text := case when 'version' = any (columns) then 'o.version::text' else 'null::text' end;
  user_metadata text := case when 'user_metadata' = any (columns) then 'o.user_metadata' else 'null::jsonb' end;
  owner_id text := array_to_string(array(
    select format('o.%I::text', c) from unnest('{owner_id,owner}'::text[]) c where c = any (columns)), ', ');
  live text := array_to_string(array(
    select w.condition from (values
      ('archived_at', 'o.archived_at is null'), ('is_delete_marker', 'not o.is_delete_marker')) as w (name, condition)
    where w.name = any (columns)), ' and ');
  -- A row without a version (very old ones) is told apart by what its bytes would change.
  body text := format($body$
    select o.id::uuid, o.bucket_id::text, o.name::text,
      coalesce(%1$s, 'none-' || md5(concat_ws('|', o.id, %2$s ->> 'eTag', %2$s ->> 'size'))),
      case when %2$s ->> 'size' ~ '^[0-9]{1,15}$' then (%2$s ->> 'size')::bigint end,
      trim(both '"' from %2$s ->> 'eTag'), %2$s ->> 'mimetype', %2$s ->> 'cacheControl',
      nullif(%3$s, 'null'), %4$s, case when isfinite(o.created_at) then o.created_at end, o.updated_at
    from storage.objects o%5$s$body$,
    version, metadata, user_metadata, coalesce(nullif('coalesce(' || owner_id || ')', 'coalesce()'), 'null::text'),
    case when live <> '' then ' where ' || live else '' end);
begin
  if body = (select p.prosrc from pg_catalog.pg_proc p where p.oid = to_regprocedure('holdfast.source_rows()')) then
    return;
  end if;
  execute 'create or replace function holdfast.source_rows() returns table (id uuid, bucket_id text, name text,
      version text, size bigint, etag text, type text, cache_control text, user_metadata jsonb, owner_id text,
      created_at timestamptz, updated_at timestamptz)
      language sql stable rows 1000000 as ' || quote_literal(body);
end
$$;
comment on function holdfast.refresh_source() is
  'Makes source_rows fit the columns that storage.objects has now.';

create function holdfast.assert_source_visible() returns void
  language plpgsql security definer set search_path = ''
as $$
begin
  if not exists (
    select from pg_catalog.pg_roles where rolname = current_user and (rolbypassrls or rolsuper)) then
    raise exception 'source_hidden' using errcode = 'HF000',
      detail = format('Role %I owns Holdfast''s functions and does not bypass row level security: '
        'it would see an empty Storage.', current_user),
      hint = 'Apply Holdfast''s migrations as the role postgres.';
  end if;
end
$$;
comment on function holdfast.assert_source_visible() is
  'Raises source_hidden where row level security would hide the project''s objects from a backup.';

create function holdfast.source_buckets(scope holdfast.scope) returns setof storage.buckets
  language sql stable security definer set search_path = ''
as $$
  select b.* from storage.buckets b
  where coalesce(to_jsonb(b) ->> 'type', 'STANDARD') = 'STANDARD' and not holdfast.is_own_bucket(b.id)
    and ((scope).buckets is null or b.id = any ((scope).buckets))
$$;
comment on function holdfast.source_buckets(holdfast.scope) is
  'The buckets to back up. Analytics and vector buckets keep their data outside of Storage.';

-- The view source_objects reads the function that this makes.
select holdfast.refresh_source();

comment on function holdfast.source_rows() is
  'Live rows of storage.objects, whatever columns this Storage has; the view source_objects reads it. Its text is made by refresh_source.';

-- supabase/schemas/functions/scope.sql

-- Which objects are backed up: buckets and globs.

-- A user's bucket may be called holdfast-assets. Out of scope are only the buckets that Holdfast makes
-- itself, by the whole form of their ids.
create function holdfast.is_own_bucket(bucket_id text) returns boolean
  language sql immutable parallel safe
-- The first half costs a sweep nothing for a name that begins otherwise.
return left(bucket_id, 9) = 'holdfast-'
  and bucket_id ~ '^holdfast-(scratch|drill)-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$';
comment on function holdfast.is_own_bucket(text) is
  'Whether Holdfast made a bucket: scratch and drill buckets bear the id of their run.';

create function holdfast.glob_pattern(glob text) returns text
  language sql immutable set search_path = ''
as $$
  select '^(?:' || replace(replace(replace(replace(replace(replace(
    regexp_replace(
      -- More than two stars say no more than two, and must not be read as two and one.
      regexp_replace(glob, '\*{2,}', '**', 'g'), '([.+^$(){}|\[\]\\])', '\\\1', 'g'),
    '**/', E'\x01'), '**', E'\x02'), '*', '[^/]*'), '?', '[^/]'), E'\x01', '(?:.*/)?'), E'\x02', '.*') || ')$'
$$;
comment on function holdfast.glob_pattern(text) is
  'A glob over bucket/name as a regular expression: * and ? stop at a slash, ** does not.';

create function holdfast.patterns(globs jsonb) returns text[]
  language sql immutable set search_path = ''
as $$ select array(select holdfast.glob_pattern(g) from jsonb_array_elements_text(globs) g) $$;
comment on function holdfast.patterns(jsonb) is 'A list of globs as patterns.';

create function holdfast.plan_scope(plan jsonb) returns holdfast.scope
  language sql immutable set search_path = ''
as $$
  -- A null costs nothing a row: all buckets, the usual include and no exclude. But an empty list of
  -- buckets is no bucket.
  select row(
    case when s.buckets is not null then array(select jsonb_array_elements_text(s.buckets)) end,
    case when s.include <> '["**"]' then holdfast.patterns(s.include) end,
    case when s.exclude <> '[]' then holdfast.patterns(s.exclude) end,
    s.max_object_bytes)::holdfast.scope
  from jsonb_to_record(coalesce(plan -> 'settings', '{}'))
    as s (buckets jsonb, include jsonb, exclude jsonb, max_object_bytes bigint)
$$;
comment on function holdfast.plan_scope(jsonb) is
  'The scope that a run was started with, from the settings frozen in its plan.';

create function holdfast.in_scope(scope holdfast.scope, bucket_id text, name text, size bigint)
  returns boolean language sql immutable parallel safe
return not holdfast.is_own_bucket(bucket_id)
  and ((scope).buckets is null or bucket_id = any ((scope).buckets))
  and ((scope).include is null or (bucket_id || '/' || name) ~ any ((scope).include))
  and ((scope).exclude is null or not (bucket_id || '/' || name) ~ any ((scope).exclude))
  and ((scope).max_object_bytes is null or coalesce(size, 0) <= (scope).max_object_bytes);
comment on function holdfast.in_scope(holdfast.scope, text, text, bigint) is
  'Whether an object is to be backed up. Holdfast''s own scratch and drill buckets never are.';

-- supabase/schemas/functions/egress_limits.sql

-- What users allow Holdfast to read from Storage, and what was read.

create function holdfast.add_egress(run_id uuid, done jsonb) returns void
  language sql security definer set search_path = ''
as $$
  insert into holdfast.egress as e (day, kind, bytes)
  select holdfast.utc_now()::date, r.kind, (add_egress.done ->> 'bytes_read')::numeric::bigint
  from holdfast.runs r where r.id = add_egress.run_id and (add_egress.done ->> 'bytes_read')::numeric > 0
  on conflict (day, kind) do update set bytes = e.bytes + excluded.bytes
$$;
comment on function holdfast.add_egress(uuid, jsonb) is
  'Counts the bytes_read among a commit''s counters, in its transaction.';

create function holdfast.egress_since(first_day date) returns numeric
  language sql stable security definer set search_path = ''
as $$ select coalesce(sum(e.bytes), 0) from holdfast.egress e where e.day >= egress_since.first_day $$;
comment on function holdfast.egress_since(date) is 'Bytes that were read from Storage since the beginning of a day.';

create function holdfast.egress_limit_reached(out setting text, out allowed numeric, out used numeric, out until timestamptz)
  language sql volatile security definer set search_path = ''
as $$
  select w.setting, l.allowed, u.used, w.ends at time zone 'UTC'
  from (values
      ('max_egress_bytes_per_day', date_trunc('day', holdfast.utc_now()), interval '1 day'),
      ('max_egress_bytes_per_month', date_trunc('month', holdfast.utc_now()), interval '1 month')
    ) as v (setting, begins, lasts)
    cross join lateral (select v.setting, v.begins::date, v.begins + v.lasts) as w (setting, begins, ends)
    cross join lateral (select holdfast.limit_setting(w.setting)) as l (allowed)
    cross join lateral (select holdfast.egress_since(w.begins)) as u (used)
  where u.used >= l.allowed
  order by w.ends desc limit 1
$$;
comment on function holdfast.egress_limit_reached() is
  'The limit of egress that is used up, with when its window turns; of two the one that lasts longer; all null where there is none.';

create function holdfast.lane_limits(plan jsonb) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  -- Lanes know nothing of each other: each keeps to its part, though the others may be idle.
  select jsonb_build_object(
    'bytes_per_second', (holdfast.limit_setting('max_bytes_per_second') / holdfast.plan_lanes(plan))::float,
    'requests_per_second', (holdfast.limit_setting('max_requests_per_second') / holdfast.plan_lanes(plan))::float,
    'egress', holdfast.limit_setting('max_egress_bytes_per_day') is not null
      or holdfast.limit_setting('max_egress_bytes_per_month') is not null)
$$;
comment on function holdfast.lane_limits(jsonb) is
  'What one lane may read from Storage: its part of what is set, null for no limit; and whether egress is limited.';

create function holdfast.may_read(cursor_id bigint, owner uuid) returns boolean
  language plpgsql security definer set search_path = ''
as $$
begin
  perform holdfast.require_lease(may_read.cursor_id, may_read.owner);
  return (holdfast.egress_limit_reached()).setting is null;
end
$$;
comment on function holdfast.may_read(bigint, uuid) is 'Whether a lane may read a page or part more: no limit of egress is reached.';

-- supabase/schemas/functions/pauses.sql

-- Runs that rest: because a limit was reached, or because a server asked for time. A paused run
-- stays the one running run; nothing of it is leased, and nothing posted for it, before its time.

create function holdfast.is_paused(r holdfast.runs) returns boolean
  language sql volatile
return coalesce((r).paused_until > clock_timestamp(), false) and (r).state in ('running', 'sealing');
comment on function holdfast.is_paused(holdfast.runs) is 'Whether nothing may be leased of a run yet.';

create function holdfast.pause_summary(r holdfast.runs) returns jsonb
  language sql volatile security definer set search_path = ''
as $$
  select case when holdfast.is_paused(r) then jsonb_build_object('until', holdfast.utc((r).paused_until),
    'code', (r).paused_code, 'message', (r).paused_message) end
$$;
comment on function holdfast.pause_summary(holdfast.runs) is 'Until when a run is paused, and why; null where it is not.';

create function holdfast.pause_run(run_id uuid, until timestamptz, code text, message text) returns boolean
  language plpgsql security definer set search_path = ''
as $$
declare
  r holdfast.runs;
  again boolean;
begin
  select * into r from holdfast.runs 
  where id = pause_run.run_id and state in ('running', 'sealing') for update;
  if not found or pause_run.until <= clock_timestamp() then
    return false;
  end if;
  again := holdfast.is_paused(r) and r.paused_code = pause_run.code;
  -- Lanes that were under way find the same limit or server one after the other: the longest counts.
  if holdfast.is_paused(r) and r.paused_until >= pause_run.until then
    return false;
  end if;
  update holdfast.runs set paused_until = pause_run.until, paused_code = pause_run.code,
    paused_message = pause_run.message
  where id = r.id;
  if not again then
    perform holdfast.record_audit('holdfast', r.kind || '.pause', jsonb_build_object('run', r.id,
      'until', holdfast.utc(pause_run.until), 'code', pause_run.code, 'message', pause_run.message));
  end if;
  return not again;
end
$$;
comment on function holdfast.pause_run(uuid, timestamptz, text, text) is
  'Pauses a running run; of several pauses the longest counts. Returns whether this is news, which the audit then has.';

create function holdfast.resume_run(run_id uuid) returns void
  language sql security definer set search_path = ''
as $$
  update holdfast.runs r
  set resumed_at = case when r.paused_code = 'paused_by_limit' then clock_timestamp() else r.resumed_at end,
    paused_until = null, paused_code = null, paused_message = null
  where r.id = resume_run.run_id and r.paused_until is not null
$$;
comment on function holdfast.resume_run(uuid) is
  'Ends a run''s pause. After one by a limit the six hours without progress begin anew; a server that asks for time gets none of them.';

create function holdfast.resume_if_due(run_id uuid) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  r holdfast.runs;
begin
  select * into r from holdfast.runs where id = resume_if_due.run_id for update;
  if r.paused_until is not null and (not holdfast.is_paused(r)
    or (r.paused_code = 'paused_by_limit' and (holdfast.egress_limit_reached()).setting is null)) then
    perform holdfast.resume_run(r.id);
  end if;
end
$$;
comment on function holdfast.resume_if_due(uuid) is
  'Ends a run''s pause where its time has come, or its limit was raised.';

create function holdfast.longest_wait() returns interval
  language sql immutable set search_path = '' as $$ select interval '1 hour' $$;
comment on function holdfast.longest_wait() is
  'The longest that a server is believed when it asks for time: the run is to go on soon after it is well again, and before six hours are over.';

create function holdfast.pause_cursor(cursor_id bigint, owner uuid) returns jsonb
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors;
  reached record;
  news boolean := false;
begin
  -- The run first, for update: two lanes that find the limit at once must not wait for each other.
  perform from holdfast.runs r
  where r.id = (select cc.run from holdfast.cursors cc where cc.id = pause_cursor.cursor_id) for update;
  c := holdfast.require_lease(pause_cursor.cursor_id, pause_cursor.owner);
  select * into reached from holdfast.egress_limit_reached();
  if reached.setting is not null then
    news := holdfast.pause_run(c.run, reached.until, 'paused_by_limit', format(
      '%s is reached: %s of %s bytes were read from Storage.', reached.setting, reached.used, reached.allowed));
  end if;
  perform holdfast.release_cursor(c.id, pause_cursor.owner);
  return jsonb_build_object('news', news) || coalesce(
    (select holdfast.pause_summary(r) from holdfast.runs r where r.id = c.run), '{}');
end
$$;
comment on function holdfast.pause_cursor(bigint, uuid) is
  'Gives a cursor back and pauses its run until the window of the limit turns that is reached; where none is any more, it goes on. Returns until when and why, and whether that is news.';

-- supabase/schemas/functions/slice_lives.sql

-- How long isolates live here, learnt from those that were seen.

create function holdfast.sure_slice_seconds() returns integer
  language sql immutable set search_path = '' as $$ select 40 $$;
comment on function holdfast.sure_slice_seconds() is 'What any platform grants an isolate: the shortest limit is self-hosting''s 60 s.';

create function holdfast.longest_slice_seconds() returns integer
  language sql immutable set search_path = '' as $$ select 320 $$;
comment on function holdfast.longest_slice_seconds() is 'Four fifths of the longest limit of any platform, 400 s.';

create function holdfast.slice_seconds(function_name text) returns integer
  language sql stable security definer set search_path = ''
as $$
  select coalesce(
    (select l.seconds from holdfast.slice_lives l where l.function_name = slice_seconds.function_name),
    holdfast.sure_slice_seconds())
$$;
comment on function holdfast.slice_seconds(text) is 'How long an isolate of a function may be used from its load on, seconds.';

create function holdfast.slice_survived(function_name text, isolate_seconds numeric) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  known integer := holdfast.slice_seconds(slice_survived.function_name);
begin
  -- One that handed on earlier, for its CPU or at the platform's word, says nothing of the time.
  if slice_survived.isolate_seconds is null or slice_survived.isolate_seconds < known
    or known >= holdfast.longest_slice_seconds() then
    return;
  end if;
  insert into holdfast.slice_lives as l (function_name, seconds)
  values (slice_survived.function_name, least(holdfast.longest_slice_seconds(), ceil(known * 1.5)))
  on conflict on constraint slice_lives_pkey do update
  -- Where lanes died, what they died of is not tried again for a week: the project may get another plan.
  set seconds = case when l.killed_at > now() - interval '7 days'
      then greatest(l.seconds, least(excluded.seconds, floor(l.killed_after * 0.8)))
      else excluded.seconds end;
end
$$;
comment on function holdfast.slice_survived(text, numeric) is
  'A slice used its isolate to the end of the time that it had and lived: the next ones get half as much again, up to four fifths of the longest limit, and of what lanes lately died at.';

create function holdfast.slice_killed(function_name text, isolate_seconds numeric) returns void
  language sql security definer set search_path = ''
as $$
  insert into holdfast.slice_lives as l (function_name, seconds, killed_at, killed_after)
  select slice_killed.function_name, holdfast.sure_slice_seconds(), now(), floor(slice_killed.isolate_seconds)
  where slice_killed.isolate_seconds > holdfast.sure_slice_seconds()
  on conflict (function_name) do update
  set seconds = greatest(holdfast.sure_slice_seconds(), least(l.seconds, floor(excluded.killed_after * 0.8))),
    killed_at = excluded.killed_at,
    killed_after = case when l.killed_at > now() - interval '7 days'
      then least(l.killed_after, excluded.killed_after) else excluded.killed_after end
$$;
comment on function holdfast.slice_killed(text, numeric) is
  'A lane died in an isolate that was last heard of at this age: from now on they are used for less. A younger one died of something else.';

-- supabase/schemas/functions/runs.sql

-- Runs: starting, ending and cancelling one. One runs at a time.

create function holdfast.function_of(kind text) returns text
  language sql immutable set search_path = ''
as $$ select case when kind = 'restore' then 'holdfast-restore' else 'holdfast-backup' end $$;
comment on function holdfast.function_of(text) is 'The Edge Function that works on a kind of run.';

-- The plan of a restore has no settings in it, and so a restore had two lanes whatever the setting said.
create function holdfast.plan_lanes(plan jsonb) returns integer
  language sql stable security definer set search_path = ''
as $$
  -- A wrong value must not stop the slice that will report it.
  select case when lanes ~ '^[1-9][0-9]?$' then lanes::integer else 2 end
  from (select coalesce(plan #>> '{settings,lanes}', holdfast.setting('lanes') #>> '{}') as lanes) as asked
$$;
comment on function holdfast.plan_lanes(jsonb) is
  'How many slices may work on a run at once: as its plan says, else as the setting does now.';

create function holdfast.start_run(kind text, plan jsonb, started_by text) returns uuid
  language plpgsql security definer set search_path = ''
as $$
declare
  other holdfast.runs;
  id uuid;
begin
  -- Two starts at once must not both see nothing running. Two-int form: Storage uses the other one.
  perform pg_advisory_xact_lock(hashtext('holdfast'), hashtext('start_run'));
  -- A restore and a backup would write the same entries under two sequences.
  select * into other from holdfast.runs r where r.state in ('running', 'sealing') limit 1;
  if found then
    raise exception 'run_in_progress' using errcode = 'HF000',
      detail = format('A %s is running: %s.', other.kind, other.id)
        || case when holdfast.is_paused(other)
          then format(' It is paused until %s: %s', holdfast.utc(other.paused_until), other.paused_message) else '' end,
      hint = format('Wait for it, or end it: select holdfast.cancel_run(%L).', other.id);
  end if;
  insert into holdfast.runs (kind, plan, started_by)
  values (start_run.kind, start_run.plan, start_run.started_by) returning runs.id into id;
  insert into holdfast.cursors (run, stage) values (id, 'prepare');
  perform holdfast.ensure_tick();
  perform holdfast.record_audit(start_run.started_by, start_run.kind || '.start', jsonb_build_object('run', id));
  return id;
end
$$;
comment on function holdfast.start_run(text, jsonb, text) is
  'Starts a run and returns its id; raises run_in_progress, which names the run that is in the way.';

-- The backup job's SQL: start, prepare, sweep, and what becomes of names that are gone.
create function holdfast.start_backup(started_by text) returns uuid
  language plpgsql security definer set search_path = ''
as $$
begin
  perform holdfast.assert_source_visible();
  perform holdfast.refresh_source();
  return holdfast.start_run('backup', jsonb_build_object('settings', holdfast.all_settings()), start_backup.started_by);
end
$$;
comment on function holdfast.start_backup(text) is 'Starts a backup with the settings as they are now.';

create function holdfast.start_import(started_by text, plan jsonb default '{}') returns uuid
  language sql security definer set search_path = ''
as $$ select holdfast.start_run('import', start_import.plan, start_import.started_by) $$;
comment on function holdfast.start_import(text, jsonb) is
  'Starts an import of the repository''s log into the catalog; with take_over in its plan the repository becomes this project''s after it.';

create function holdfast.start_restore(plan jsonb, started_by text) returns uuid
  language sql security definer set search_path = ''
as $$
  select holdfast.start_run('restore', start_restore.plan, start_restore.started_by)
  from holdfast.refresh_source(), holdfast.assert_source_visible()
$$;
comment on function holdfast.start_restore(jsonb, text) is 'Starts a restore, or with dry_run the plan of one.';

create function holdfast.take_sequence(run_id uuid, repository integer) returns integer
  language sql security definer set search_path = ''
as $$
  update holdfast.runs r
  set repository = take_sequence.repository,
    sequence = 1 + greatest(
      (select last_record from holdfast.repositories where id = take_sequence.repository),
      (select max(o.sequence) from holdfast.runs o where o.repository = take_sequence.repository),
      (select max(e.added_in) from holdfast.entries e where e.repository = take_sequence.repository),
      (select max(e.removed_in) from holdfast.entries e
        where e.repository = take_sequence.repository and e.removed_in is not null))
  where r.id = take_sequence.run_id and r.sequence is null
  returning r.sequence
$$;
comment on function holdfast.take_sequence(uuid, integer) is
  'Gives a run the next sequence of its repository: one above the highest that the log or the catalog knows.';

-- Large uploads: one cursor each, one row a finished part, so that an invocation goes on where the
-- last one ended and sends no finished part again. So does the next run, where its run was cancelled.
create function holdfast.is_running(run uuid) returns boolean
  language sql stable security definer set search_path = ''
as $$
  select exists (select from holdfast.runs r where r.id = is_running.run and r.state in ('running', 'sealing'))
$$;
comment on function holdfast.is_running(uuid) is 'Whether a run has not ended.';

-- A backup that is paused for weeks, or that gets nowhere, is not on its way: the status says that the
-- next snapshot is overdue, and why.
create function holdfast.last_progress(r holdfast.runs) returns timestamptz
  language sql stable security definer set search_path = ''
as $$
  -- Commits alone are progress: a lane that is killed again and again leases, too.
  select greatest((r).started_at, (r).resumed_at, max(c.committed_at))
  from holdfast.cursors c where c.run = (r).id
$$;
comment on function holdfast.last_progress(holdfast.runs) is
  'When something was last committed in a run; else when it began, or went on after a limit.';

-- A run may fail after the record of its snapshot has got into the log, with no answer that said so: from
-- there the snapshot counts. The next run knows it by the bytes that the failed one had frozen.
create function holdfast.end_run(run_id uuid, new_state text, code text default null,
  message text default null, remedy text default null, result jsonb default null)
  returns void language plpgsql security definer set search_path = ''
as $$
begin
  update holdfast.runs r
  set state = new_state, ended_at = clock_timestamp(), code = end_run.code, message = end_run.message,
    remedy = end_run.remedy, result = coalesce(end_run.result, r.result),
    frozen = case when new_state = 'failed' then r.frozen end
  where r.id = end_run.run_id and r.state in ('running', 'sealing');
  update holdfast.cursors c set lease_owner = null, lease_expires_at = null
  where c.run = end_run.run_id and c.finished_at is null;
end
$$;
comment on function holdfast.end_run(uuid, text, text, text, text, jsonb) is
  'Ends a run, and with it every lease in it. One that failed keeps the snapshot.json that it may have published.';

create function holdfast.fail_run(cursor_id bigint, owner uuid, code text, message text, remedy text)
  returns void language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors;
begin
  -- Two lanes that fail at once must not both hold the run and wait for each other.
  perform from holdfast.runs r
  where r.id = (select cc.run from holdfast.cursors cc where cc.id = fail_run.cursor_id)
  for update;
  c := holdfast.require_lease(fail_run.cursor_id, fail_run.owner);
  perform holdfast.end_run(c.run, 'failed', fail_run.code, fail_run.message, fail_run.remedy);
end
$$;
comment on function holdfast.fail_run(bigint, uuid, text, text, text) is
  'Ends the run of a leased cursor as failed, with what to do about it.';

create function holdfast.cancel_run(run_id uuid, actor text default null, function_name text default null) returns text
  language plpgsql security definer set search_path = ''
as $$
declare
  r holdfast.runs;
begin
  select * into r from holdfast.runs where id = cancel_run.run_id for update;
  if r.id is null or holdfast.function_of(r.kind) <> cancel_run.function_name then
    raise exception 'run_unknown' using errcode = 'HF000',
      detail = format('There is no run %s.', cancel_run.run_id),
      hint = 'See: select id, kind, state, started_at from holdfast.runs order by started_at desc limit 5.';
  end if;
  if r.state <> 'running' then
    raise exception 'run_not_cancellable' using errcode = 'HF000',
      detail = format('Run %s is %s.', r.id, r.state),
      hint = case r.state when 'sealing' then 'It is writing its snapshot and will be done in a moment.'
        else 'It has ended; there is nothing to cancel.' end;
  end if;
  perform holdfast.end_run(r.id, 'cancelled');
  perform holdfast.record_audit(coalesce(cancel_run.actor, session_user::text), r.kind || '.cancel',
    jsonb_build_object('run', r.id));
  return 'cancelled';
end
$$;
comment on function holdfast.cancel_run(uuid, text, text) is
  'Cancels a running run. What it committed stays and is used by the next. To a function that is named, runs of others are unknown: each has keys of its own.';

-- supabase/schemas/functions/leases.sql

-- Leases of cursors: who works, until when, and the fence that refuses a worker that lost its
-- lease.

-- The engine: start, lease, commit, finish, end. Every write of a lane names its lease and is
-- refused when the lease is lost, so a lane that wakes late can do no harm.
create function holdfast.lease_seconds() returns integer
  language sql immutable set search_path = '' as $$ select 60 $$;
comment on function holdfast.lease_seconds() is
  'How long a lease lives without a commit or heartbeat: longer than one page (5 s) or part may take.';

create function holdfast.page_objects() returns integer
  language sql immutable set search_path = '' as $$ select 500 $$;
comment on function holdfast.page_objects() is
  'The most objects that one commit is of; after two deaths, so many commits are of one object each.';

create function holdfast.free_lanes(r holdfast.runs) returns integer
  language sql stable security definer set search_path = ''
as $$
  -- What kills its lane kills all lanes in its isolate: which object it is can be found out only alone.
  select case when coalesce(max(c.careful), 0) > 0 then 1 else holdfast.plan_lanes((free_lanes.r).plan) end
    - count(*) filter (where c.lease_expires_at > clock_timestamp())
  from holdfast.cursors c where c.run = (free_lanes.r).id and c.finished_at is null
$$;
comment on function holdfast.free_lanes(holdfast.runs) is
  'How many more lanes may work on a run; while a cursor is careful, there is one lane.';

create function holdfast.lease_cursor(owner uuid, function_name text, run uuid default null,
  isolate_seconds numeric default null)
  returns jsonb language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors;
  r holdfast.runs;
begin
  select runs.* into r from holdfast.runs
  where runs.state in ('running', 'sealing')
    and holdfast.function_of(runs.kind) = lease_cursor.function_name
    and (lease_cursor.run is null or runs.id = lease_cursor.run)
  for update;
  if not found or holdfast.is_paused(r) or holdfast.free_lanes(r) <= 0 then
    return null;
  end if;
  perform holdfast.resume_run(r.id);
  select cc.* into c from holdfast.cursors cc
  where cc.run = r.id and cc.finished_at is null
    and (cc.lease_expires_at is null or cc.lease_expires_at <= clock_timestamp())
  order by cc.careful > 0 desc, cc.id limit 1 for update skip locked;
  if not found then
    return null;
  end if;
  -- A lane that ends in any other way gives up its name.
  c.deaths := c.deaths + (c.lease_owner is not null)::integer;
  if c.lease_owner is not null then
    -- The last that was heard of it prolonged the lease.
    perform holdfast.slice_killed(lease_cursor.function_name, extract(epoch from
      c.lease_expires_at - make_interval(secs => holdfast.lease_seconds()) - c.isolate_loaded_at));
  end if;
  if c.deaths >= 2 and c.careful = 0 then
    c.careful := holdfast.page_objects();
  end if;
  update holdfast.cursors cc
  set lease_owner = lease_cursor.owner, attempts = attempts + 1, deaths = c.deaths, careful = c.careful,
    lease_expires_at = clock_timestamp() + make_interval(secs => holdfast.lease_seconds()),
    isolate_loaded_at = clock_timestamp() - make_interval(secs => lease_cursor.isolate_seconds::float)
  where cc.id = c.id;
  return jsonb_build_object(
    'cursor', c.id, 'run', r.id, 'kind', r.kind, 'stage', c.stage, 'bucket_id', c.bucket_id,
    'position', c.position, 'attempts', c.attempts + 1, 'deaths', c.deaths, 'careful', c.careful > 0, 'plan', r.plan,
    'repository', r.repository, 'sequence', r.sequence, 'frozen', r.frozen,
    'started_at', holdfast.utc(r.started_at), 'limits', holdfast.lane_limits(r.plan),
    'slice_seconds', holdfast.slice_seconds(lease_cursor.function_name));
end
$$;
comment on function holdfast.lease_cursor(uuid, text, uuid, numeric) is
  'Leases one free cursor of a running run of this function, to a lane in an isolate of this age; null where none is free, all lanes are busy or the run is paused.';

create function holdfast.require_lease(cursor_id bigint, owner uuid) returns holdfast.cursors
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors;
begin
  -- The run before its cursor, as whoever ends a run does: the other way round they would deadlock.
  perform from holdfast.runs r
  where r.id = (select cc.run from holdfast.cursors cc where cc.id = require_lease.cursor_id)
    and r.state in ('running', 'sealing')
  for share;
  if found then
    select cc.* into c from holdfast.cursors cc
    where cc.id = require_lease.cursor_id and cc.lease_owner = require_lease.owner
      and cc.lease_expires_at > clock_timestamp() and cc.finished_at is null
    for update;
  end if;
  if not found then
    raise exception 'lease_lost' using errcode = 'HF000',
      detail = format('Cursor %s is no longer leased to this slice.', require_lease.cursor_id),
      hint = 'Nothing to do: what was not committed is done again by the lane that has it.';
  end if;
  return c;
end
$$;
comment on function holdfast.require_lease(bigint, uuid) is
  'The cursor, locked, if this lane still holds it and its run still runs; else raises lease_lost.';

create function holdfast.heartbeat(cursor_id bigint, owner uuid) returns void
  language plpgsql security definer set search_path = ''
as $$
begin
  perform holdfast.require_lease(heartbeat.cursor_id, heartbeat.owner);
  update holdfast.cursors
  set lease_expires_at = clock_timestamp() + make_interval(secs => holdfast.lease_seconds())
  where id = heartbeat.cursor_id;
end
$$;
comment on function holdfast.heartbeat(bigint, uuid) is 'Keeps a lease during long work that commits nothing yet.';

create function holdfast.release_cursor(cursor_id bigint, owner uuid, rest_seconds numeric default 0) returns boolean
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(release_cursor.cursor_id, release_cursor.owner);
begin
  -- A lane that rests keeps its place, so that no other reads in its stead.
  update holdfast.cursors set lease_owner = null, attempts = greatest(attempts - 1, 0),
    lease_expires_at = case when release_cursor.rest_seconds > 0
      then clock_timestamp() + make_interval(secs => release_cursor.rest_seconds::float) end
  where id = c.id;
  perform holdfast.slice_survived((select holdfast.function_of(r.kind) from holdfast.runs r where r.id = c.run),
    extract(epoch from clock_timestamp() - c.isolate_loaded_at));
  return release_cursor.rest_seconds <= 0 and holdfast.post_slice(c.run);
end
$$;
comment on function holdfast.release_cursor(bigint, uuid, numeric) is
  'Gives a cursor back with work left in it, which is not a death, and asks for the next slice in the same transaction; or lets the lane rest so long that what it read comes to no more than it may, and leaves it to the tick.';

create function holdfast.leave_cursor(cursor_id bigint, owner uuid, retry_seconds numeric default null,
  code text default null, message text default null)
  returns void language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors;
begin
  -- The run before its cursor and for update, as in fail_run.
  perform from holdfast.runs r
  where r.id = (select cc.run from holdfast.cursors cc where cc.id = leave_cursor.cursor_id) for update;
  c := holdfast.require_lease(leave_cursor.cursor_id, leave_cursor.owner);
  update holdfast.cursors set lease_owner = null where id = c.id;
  if leave_cursor.retry_seconds > 0 then
    perform holdfast.pause_run(c.run, clock_timestamp()
        + least(make_interval(secs => leave_cursor.retry_seconds::float), holdfast.longest_wait()),
      leave_cursor.code, leave_cursor.message);
  end if;
end
$$;
comment on function holdfast.leave_cursor(bigint, uuid, numeric, text, text) is
  'Leaves a cursor until its lease runs out, after a failure that may pass: it is no death, and nobody tries again at once. Where a server said for how long it wants to be left alone, no lane asks it before.';

-- A lane remembers what it committed last, and goes on from there. A database that was put back to an
-- earlier moment, or a standby that took over without the newest commits, may still know the lane's
-- lease; what the lane committed next would then leave out what lies between.
create function holdfast.expect_commit(cursor_id bigint, committed_at text) returns boolean
  language plpgsql security definer set search_path = ''
as $$
begin
  -- A later one than the lane knows of is its own: a commit whose answer was lost.
  if expect_commit.committed_at is not null and not exists (
    select from holdfast.cursors c
    where c.id = expect_commit.cursor_id and c.committed_at >= expect_commit.committed_at::timestamptz
  ) then
    raise exception 'lease_lost' using errcode = 'HF000',
      detail = format('Cursor %s is not where this slice left it: the database was put back.', expect_commit.cursor_id),
      hint = 'Nothing to do: the lane that leases it next goes on from where it is.';
  end if;
  return true;
end
$$;
comment on function holdfast.expect_commit(bigint, text) is
  'True where the last commit of a cursor is the one that the lane knows of or a later one, or it knows of none; else raises lease_lost.';

-- Volatile, so that it sees what the statement that calls it has just committed to.
create function holdfast.committed_at(cursor_id bigint) returns text
  language sql volatile security definer set search_path = ''
as $$ select holdfast.utc(c.committed_at) from holdfast.cursors c where c.id = committed_at.cursor_id $$;
comment on function holdfast.committed_at(bigint) is
  'When a cursor was made or last moved, in UTC to the microsecond; null where there is none.';

-- supabase/schemas/functions/cursors.sql

-- A cursor's position and counters, and the stage that follows the last cursor of one.

create function holdfast.add_counters(a jsonb, b jsonb) returns jsonb
  language sql immutable set search_path = ''
as $$
  select coalesce(jsonb_object_agg(key, total), '{}') from (
    select key, sum(value::numeric) as total
    from (select * from jsonb_each_text(a) union all select * from jsonb_each_text(b)) as each_side
    group by key) as totals
$$;
comment on function holdfast.add_counters(jsonb, jsonb) is 'Adds two sets of counters, name by name.';

create function holdfast.commit_cursor(cursor_id bigint, owner uuid, new_position jsonb, done jsonb)
  returns void language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(commit_cursor.cursor_id, commit_cursor.owner);
begin
  update holdfast.cursors
  set position = commit_cursor.new_position, attempts = 0, deaths = 0, careful = greatest(careful - 1, 0),
    committed_at = clock_timestamp(),
    counters = holdfast.add_counters(counters, commit_cursor.done),
    lease_expires_at = clock_timestamp() + make_interval(secs => holdfast.lease_seconds())
  where id = commit_cursor.cursor_id;
  -- Last of all: lanes wait for each other at the day's row until they have committed.
  perform holdfast.add_egress(c.run, commit_cursor.done);
end
$$;
comment on function holdfast.commit_cursor(bigint, uuid, jsonb, jsonb) is
  'Moves a cursor and adds to its counters; called in the transaction that records what was done.';

create function holdfast.stage_after(kind text, stage text) returns text
  language sql immutable set search_path = ''
as $$
  select case kind || '.' || stage
    when 'backup.prepare' then 'gone' -- a project without a bucket: nothing to sweep
    when 'backup.objects' then 'gone'
    when 'backup.gone' then 'close'
    when 'backup.close' then 'seal'
    when 'restore.prepare' then 'plan'
    when 'restore.import' then 'plan'
    when 'restore.buckets' then 'objects'
    when 'restore.objects' then 'finish'
  end
$$;
comment on function holdfast.stage_after(text, text) is
  'The stage that begins when every cursor of a run is finished; null where the run decides itself.';

create function holdfast.finish_cursor(cursor_id bigint, owner uuid, done jsonb default '{}')
  returns void language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(finish_cursor.cursor_id, finish_cursor.owner);
  r holdfast.runs;
  last_stage text;
begin
  update holdfast.cursors
  set finished_at = clock_timestamp(), committed_at = clock_timestamp(), attempts = 0,
    counters = holdfast.add_counters(counters, finish_cursor.done),
    lease_owner = null, lease_expires_at = null
  where id = c.id;
  perform holdfast.add_egress(c.run, finish_cursor.done);
  -- The lock makes the last of several lanes see that it is the last.
  perform pg_advisory_xact_lock(hashtext('holdfast'), hashtext(c.run::text));
  if exists (select from holdfast.cursors cc where cc.run = c.run and cc.finished_at is null) then
    return;
  end if;
  select * into r from holdfast.runs where id = c.run;
  -- Uploads run beside the stage that met them; the stage to follow is the sweep's.
  select cc.stage into last_stage from holdfast.cursors cc
  where cc.run = c.run and cc.stage <> 'upload' order by cc.id desc limit 1;
  insert into holdfast.cursors (run, stage)
  select c.run, next from holdfast.stage_after(r.kind, last_stage) as next where next is not null;
end
$$;
comment on function holdfast.finish_cursor(bigint, uuid, jsonb) is
  'Ends a cursor; when it was the run''s last, the next stage begins in the same transaction.';

-- supabase/schemas/functions/posts.sql

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

-- supabase/schemas/functions/repositories.sql

-- What the catalog knows of repositories and their snapshots.

-- A listing may not have the newest record of the log yet. Where that is the record of a run that failed
-- with no answer to whether it was written, the next run would count on past it, and no run would look
-- there again: the snapshot would be in the repository and never in the catalog. Only who has begun to
-- seal writes a record; whether its snapshot can still be adopted is another question.
create function holdfast.known_repository(repository_id uuid) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object('id', r.id, 'last_record', r.last_record, 'owner_project', r.owner_project,
    'conditional_writes', r.conditional_writes, 'endpoint', r.endpoint, 'bucket', r.bucket, 'prefix', r.prefix,
    'unanswered_records', (
      select coalesce(jsonb_agg(u.sequence order by u.sequence), '[]') from holdfast.runs u
      where u.repository = r.id and u.kind = 'backup' and u.state = 'failed' and u.sequence > r.last_record
        and exists (select from holdfast.cursors c where c.run = u.id and c.stage = 'seal')))
  from holdfast.repositories r where r.repository_id = known_repository.repository_id
$$;
comment on function holdfast.known_repository(uuid) is
  'What the catalog knows of a repository, with the place that backups last went to, and which records may be in its log though nobody answered; null if nothing.';

create function holdfast.repository_at(endpoint text, bucket text, prefix text) returns uuid
  language sql stable security definer set search_path = ''
as $$
  select r.repository_id from holdfast.repositories r
  where r.endpoint = repository_at.endpoint and r.bucket = repository_at.bucket and r.prefix = repository_at.prefix
  order by r.id desc limit 1
$$;
comment on function holdfast.repository_at(text, text, text) is 'The repository that was last met at a place.';

create function holdfast.place_of(facts jsonb) returns jsonb
  language sql immutable set search_path = ''
as $$
  select jsonb_build_object('endpoint', facts -> 'endpoint', 'bucket', facts -> 'bucket', 'prefix', facts -> 'prefix')
$$;
comment on function holdfast.place_of(jsonb) is 'Of what was found of a repository, where it lies.';

-- The tick, each minute: it posts what was lost, ends what is stuck, starts what is overdue and has
-- cleared up what was left. All
-- it knows is in the tables, so a tick more or less, or two at once, change nothing.
create function holdfast.own_repository() returns integer
  language sql stable security definer set search_path = ''
as $$
  select coalesce(
    (select r.repository from holdfast.runs r
      where r.kind = 'backup' and r.repository is not null order by r.started_at desc limit 1),
    (select p.id from holdfast.repositories p
      where p.owner_project = holdfast.setting('project_url') #>> '{}' order by p.id desc limit 1))
$$;
comment on function holdfast.own_repository() is
  'The repository that this project backs up to: the last backup''s, or after an import the one it owns; null before the first.';

create function holdfast.save_repository(facts jsonb) returns integer
  language sql security definer set search_path = ''
as $$
  insert into holdfast.repositories (repository_id, endpoint, bucket, prefix, format_version,
    owner_project, last_record, conditional_writes)
  select f.repository_id, f.endpoint, f.bucket, f.prefix, f.format_version, f.owner_project,
    f.last_record, f.conditional_writes
  from jsonb_to_record(save_repository.facts) as f (repository_id uuid, endpoint text, bucket text,
    prefix text, format_version integer, owner_project text, last_record integer, conditional_writes boolean)
  on conflict (repository_id) do update
  set endpoint = excluded.endpoint, bucket = excluded.bucket, prefix = excluded.prefix,
    format_version = excluded.format_version, owner_project = excluded.owner_project,
    -- Of another server nothing is known before it was asked.
    conditional_writes = coalesce(excluded.conditional_writes,
      case when (repositories.endpoint, repositories.bucket, repositories.prefix)
          = (excluded.endpoint, excluded.bucket, excluded.prefix)
        then repositories.conditional_writes end),
    last_record = greatest(repositories.last_record, excluded.last_record)
  returning id
$$;
comment on function holdfast.save_repository(jsonb) is 'Records what was found of a repository and returns its number.';

create function holdfast.repository_prepared(cursor_id bigint, owner uuid, facts jsonb, next_stage text)
  returns void language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(repository_prepared.cursor_id, repository_prepared.owner);
  -- Whoever only reads does not say where the backups went.
  known integer := (
    select r.id from holdfast.repositories r where r.repository_id = (facts ->> 'repository_id')::uuid);
begin
  update holdfast.runs r
  set repository = coalesce(known, holdfast.save_repository(facts)),
    plan = r.plan || jsonb_build_object('place', holdfast.place_of(facts))
  where r.id = c.run;
  insert into holdfast.cursors (run, stage) values (c.run, next_stage);
  perform holdfast.finish_cursor(c.id, repository_prepared.owner);
end
$$;
comment on function holdfast.repository_prepared(bigint, uuid, jsonb, text) is
  'Ends the prepare stage of a run that reads a repository: records it and begins the next stage.';

create function holdfast.last_snapshot(repository integer) returns holdfast.snapshots
  language sql stable security definer set search_path = ''
as $$
  select s from holdfast.snapshots s where s.repository = last_snapshot.repository
  order by s.sequence desc limit 1
$$;
comment on function holdfast.last_snapshot(integer) is 'The newest sealed snapshot in the catalog.';

create function holdfast.newest_snapshot_id(repository integer) returns text
  language sql stable security definer set search_path = ''
as $$ select (holdfast.last_snapshot(newest_snapshot_id.repository)).id $$;
comment on function holdfast.newest_snapshot_id(integer) is 'Id of the newest snapshot in the catalog; null if there is none.';

create function holdfast.save_snapshot(repository integer, document jsonb) returns void
  language sql security definer set search_path = ''
as $$
  insert into holdfast.snapshots (repository, sequence, id, state, started_at, sealed_at, document)
  values (save_snapshot.repository, (document ->> 'sequence')::integer, document ->> 'id',
    document ->> 'state', (document ->> 'started_at')::timestamptz, (document ->> 'sealed_at')::timestamptz,
    save_snapshot.document)
  on conflict (repository, sequence) do nothing;
  update holdfast.repositories r set last_record = greatest(r.last_record, (document ->> 'sequence')::integer)
  where r.id = save_snapshot.repository
$$;
comment on function holdfast.save_snapshot(integer, jsonb) is 'Adds a sealed snapshot to the catalog.';

create function holdfast.adopt_snapshot(repository integer, record jsonb) returns boolean
  language plpgsql security definer set search_path = ''
as $$
declare
  r holdfast.runs;
begin
  select runs.* into r from holdfast.runs
  where runs.repository = adopt_snapshot.repository and runs.kind = 'backup' and runs.state = 'failed'
    and runs.sequence = (record ->> 'sequence')::integer
    and encode(sha256(convert_to(runs.frozen, 'UTF8')), 'hex') = record ->> 'sha256';
  -- What another run has put into the catalog since is in no snapshot: to tell it apart wants an import.
  if not found or exists (
    select from holdfast.entries e
    where e.repository = r.repository and (e.added_in > r.sequence or e.removed_in > r.sequence)
  ) then
    return false;
  end if;
  perform holdfast.save_snapshot(r.repository, r.frozen::jsonb);
  update holdfast.runs set frozen = null, result = jsonb_build_object('snapshot', r.frozen::jsonb -> 'id',
    'state', r.frozen::jsonb -> 'state', 'totals', r.frozen::jsonb -> 'totals') where id = r.id;
  return true;
end
$$;
comment on function holdfast.adopt_snapshot(integer, jsonb) is
  'Lets a snapshot join the catalog by the record that its failed run left in the log; false where the record is of no such run, or the catalog has moved on.';

-- supabase/schemas/functions/entries.sql

-- Blobs and entries of the catalog.

-- The one way entries and blobs come to be. Backup, restore and import all land here, inside the
-- transaction that moves their cursor.
create function holdfast.put_blobs(repository integer, results jsonb, anew boolean)
  returns table (bucket_id text, name text, blob bigint)
  language plpgsql security definer set search_path = ''
  set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_column
declare
  repo integer := put_blobs.repository;
begin
  -- A key that is not the plain one of its own line, as of an object that was moved, may be known as
  -- that of the entry that it can be taken apart into.
  if exists (
    select from jsonb_to_recordset(put_blobs.results) as x (bucket_id text, name text, version text, stored jsonb)
    where x.stored ->> 'key' <> coalesce(holdfast.plain_key(x.bucket_id, x.name, x.version), '')) then
    perform holdfast.spell_keys(array(
      select e.blob
      from jsonb_to_recordset(put_blobs.results) as x (bucket_id text, name text, version text, stored jsonb)
        cross join lateral regexp_match(x.stored ->> 'key', '^data/([^/]+)/(.+)/([^/]+)$') as part
        join holdfast.known_entries e on e.repository = repo and e.bucket_id = part[1] and e.name = part[2]
          and e.version = part[3]
      where (x.bucket_id, x.name, x.version) <> (part[1], part[2], part[3])));
  end if;

  return query
  with line as materialized (
    select x.bucket_id, x.name, x.version, x.stored ->> 'key' as key, x.stored
    from jsonb_to_recordset(put_blobs.results) as x (bucket_id text, name text, version text, stored jsonb)
    where x.stored is not null
  ), wanted as (
    -- Not spelled out only where no other line has the same key.
    select distinct on (l.key) l.*,
      bool_and(l.key is not distinct from holdfast.plain_key(l.bucket_id, l.name, l.version))
        over (partition by l.key) as plain
    from line l
  ), found as materialized (
    select w.*, coalesce(spelled.id, plain.blob) as id
    from wanted w
      left join holdfast.blobs spelled on spelled.repository = repo and spelled.key = w.key
      left join lateral (
        select e.blob from holdfast.known_entries e join holdfast.blobs b on b.id = e.blob
        where w.plain and not put_blobs.anew and e.repository = repo and e.bucket_id = w.bucket_id
          and e.name = w.name and e.version = w.version and b.key is null
        limit 1) as plain on true
  ), fresh as materialized (
    -- Numbered by name, so that both the entries' indexes, by name and by blob, grow at one end.
    select n.*, nextval('holdfast.blobs_id_seq') as new_id
    from (select * from found f where f.id is null order by f.bucket_id collate "C", f.name collate "C") as n
  ), made as (
    insert into holdfast.blobs (id, repository, key, size, sha256, part_size)
    select f.new_id, repo, case when not f.plain then f.key end, (f.stored ->> 'size')::bigint,
      decode(f.stored ->> 'sha256', 'hex'), (f.stored ->> 'part_size')::bigint
    from fresh f
  )
  select l.bucket_id, l.name, coalesce(f.id, n.new_id)
  from line l left join found f on f.key = l.key left join fresh n on n.key = l.key;
end
$$;
comment on function holdfast.put_blobs(integer, jsonb, boolean) is
  'Records the bytes that results say were stored and returns the blob of each. A key already known keeps what is known of it. anew: no entry has any of these names.';

-- Failures grow as the catalog does where a whole bucket can't be read: a page of them is compared with
-- all of the pages before it.
create function holdfast.analyze_grown() returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  grown regclass;
begin
  for grown in
    select c.oid from pg_catalog.pg_class c
    where c.oid = any (array['holdfast.blobs', 'holdfast.entries', 'holdfast.failures']::regclass[])
      and pg_relation_size(c.oid) > 4 * current_setting('block_size')::bigint * c.relpages
    order by c.oid
  loop
    -- Whoever holds this lock is analyzing or vacuuming already: nothing to wait for.
    execute format('lock table %s in share update exclusive mode nowait', grown);
    execute format('analyze %s', grown);
  end loop;
exception when lock_not_available then
  null;
end
$$;
comment on function holdfast.analyze_grown() is
  'Gathers statistics on the catalog''s tables when they have grown fourfold. Without them each page of a first backup would be joined with all of the pages before it, until autovacuum comes.';

create function holdfast.open_entries(repository integer, sequence integer, contents holdfast.entry_content[],
  anew boolean) returns void
  language plpgsql security definer set search_path = ''
  set plan_cache_mode = force_custom_plan
as $$
declare
  repo integer := open_entries.repository;
  seq integer := open_entries.sequence;
begin
  if not anew then
    -- What is replaced below may have been the last that its bytes' key was known by.
    perform holdfast.spell_keys(array(
      select e.blob from unnest(contents) c join holdfast.entries e on e.repository = repo
        and e.bucket_id = c.bucket_id and e.name = c.name and e.added_in = seq
      where e.blob is distinct from c.blob));
    update holdfast.entries e set removed_in = seq
    from unnest(contents) as c
    where e.repository = repo and e.bucket_id = c.bucket_id and e.name = c.name
      and e.removed_in is null and e.added_in < seq;
  end if;

  -- An entry that this same run added is in no sealed snapshot yet, so it is replaced in place.
  insert into holdfast.entries (repository, bucket_id, name, added_in, object_id, version_uuid, version_text, blob,
    type, cache_control, user_metadata, owner_uuid, owner_text, created_at, updated_at, etag_md5, etag_text,
    assumed, wanted_version, code)
  select repo, c.bucket_id, c.name, seq, c.object_id,
    case when c.version_is_uuid then c.version::uuid end, case when not c.version_is_uuid then c.version end,
    c.blob, c.metadata ->> 'type', c.metadata ->> 'cache_control', holdfast.user_metadata_of(c.metadata),
    case when c.owner_is_uuid then c.owner_id::uuid end, case when not c.owner_is_uuid then c.owner_id end,
    (c.metadata ->> 'created_at')::timestamptz, (c.metadata ->> 'updated_at')::timestamptz,
    case when c.etag_is_md5 then c.etag::uuid end, case when not c.etag_is_md5 then c.etag end,
    coalesce(c.assumed, false), c.wanted_version, c.code
  from (
    select o.*, holdfast.is_uuid(o.version) as version_is_uuid, holdfast.is_uuid(o.owner_id) as owner_is_uuid,
      length(o.etag) = 32 and ltrim(o.etag, '0123456789abcdef') = '' as etag_is_md5
    from (
      select *, c.metadata ->> 'owner_id' as owner_id, c.metadata ->> 'etag' as etag
      from unnest(contents) as c) as o
    order by o.blob) as c -- the order of fresh numbers
  on conflict on constraint entries_pkey do update
  set object_id = excluded.object_id, version_uuid = excluded.version_uuid,
    version_text = excluded.version_text, blob = excluded.blob, type = excluded.type,
    cache_control = excluded.cache_control, user_metadata = excluded.user_metadata,
    owner_uuid = excluded.owner_uuid, owner_text = excluded.owner_text, created_at = excluded.created_at,
    updated_at = excluded.updated_at, etag_md5 = excluded.etag_md5, etag_text = excluded.etag_text,
    assumed = excluded.assumed, removed_in = null, missing_in = null,
    wanted_version = excluded.wanted_version, code = excluded.code;
end
$$;
comment on function holdfast.open_entries(integer, integer, holdfast.entry_content[], boolean) is
  'Opens entries as of a sequence and closes those before them. anew: no entry has any of these names.';

create function holdfast.put_entries(repository integer, sequence integer, results jsonb) returns void
  language plpgsql security definer set search_path = ''
  set plan_cache_mode = force_custom_plan
as $$
declare
  repo integer := put_entries.repository;
  -- Asked once, for then nothing is to be looked for in what a first backup or an import fills.
  anew boolean := not exists (
    select from jsonb_to_recordset(put_entries.results) as x (bucket_id text, name text)
      join holdfast.entries e on e.repository = repo and e.bucket_id = x.bucket_id and e.name = x.name);
begin
  -- A key that is not spelled out is that of every entry that points at the bytes: no longer.
  if jsonb_path_exists(put_entries.results, '$[*].blob ? (@ != null)') then
    perform holdfast.spell_keys(array(
      select e.blob
      from jsonb_to_recordset(put_entries.results) as x (bucket_id text, name text, version text, blob bigint)
        join holdfast.known_entries e on e.blob = x.blob
      where (e.bucket_id, e.name, e.version) <> (x.bucket_id, x.name, x.version)));
  end if;
  perform holdfast.open_entries(repo, put_entries.sequence, array(
    select row(x.bucket_id, x.name, x.object_id, x.version, coalesce(known.id, put.blob), x.metadata, x.assumed,
      x.wanted_version, x.code)::holdfast.entry_content
    from jsonb_to_recordset(put_entries.results) as x (bucket_id text, name text, object_id uuid,
        version text, metadata jsonb, blob bigint, assumed boolean, wanted_version text, code text)
      left join holdfast.blobs known on known.repository = repo and known.id = x.blob
      left join holdfast.put_blobs(repo, put_entries.results, anew) put
        on put.bucket_id = x.bucket_id and put.name = x.name
    where known.id is not null or put.blob is not null or x.wanted_version is not null), anew);
  perform holdfast.analyze_grown();
end
$$;
comment on function holdfast.put_entries(integer, integer, jsonb) is
  'Opens an entry for each result that holds bytes (blob: held already; stored: put just now) or that an import found marked (wanted_version), and closes the one before it.';

create function holdfast.mark_entries(repository integer, sequence integer, results jsonb) returns void
  language plpgsql security definer set search_path = ''
  set plan_cache_mode = force_custom_plan
as $$
begin
  -- Where bytes are held, the mark copies their entry; else it lists the row as it was met.
  -- A mark that stands already is left alone: writing it again would make every night list it.
  perform holdfast.open_entries(mark_entries.repository, mark_entries.sequence, array(
    select case when e.blob is null
      then row(x.bucket_id, x.name, x.object_id, x.version, null, x.metadata, false, x.version,
        x.failure ->> 'code')::holdfast.entry_content
      else row(e.bucket_id, e.name, e.object_id, e.version, e.blob, e.metadata, e.assumed, x.version,
        x.failure ->> 'code')::holdfast.entry_content end
    from jsonb_to_recordset(mark_entries.results) as x (bucket_id text, name text, object_id uuid,
        version text, metadata jsonb, failure jsonb)
      left join holdfast.known_entries e on e.repository = mark_entries.repository
        and e.bucket_id = x.bucket_id and e.name = x.name and e.removed_in is null
    where x.failure is not null and (e.name is null
      or e.wanted_version is distinct from x.version or e.code is distinct from x.failure ->> 'code')), false);
end
$$;
comment on function holdfast.mark_entries(integer, integer, jsonb) is
  'For each result with a failure: what is held stays, marked stale; where nothing is held, an entry without a blob lists it.';

-- supabase/schemas/functions/failures.sql

-- Objects that could not be copied.

create function holdfast.record_failures(run_id uuid, job text, results jsonb) returns void
  language sql security definer set search_path = ''
  set plan_cache_mode = force_custom_plan
as $$
  delete from holdfast.failures f
  using jsonb_to_recordset(record_failures.results) as x (bucket_id text, name text, failure jsonb, upload jsonb)
  where f.bucket_id = x.bucket_id and f.name = x.name
    -- An upload that only began has not succeeded yet: its tries are still to be counted.
    and f.job = record_failures.job and x.failure is null and x.upload is null
    and (f.job = 'backup' or f.run = record_failures.run_id);

  update holdfast.failures f
  set run = record_failures.run_id, class = x.failure ->> 'class', code = x.failure ->> 'code',
    message = x.failure ->> 'message', version = x.version, last_at = now(),
    attempts = case when f.version is not distinct from x.version then f.attempts + 1 else 1 end,
    next_at = case
      when x.failure ->> 'class' = 'failed' then now()
      -- A little less than a day and a week, so that the nightly run at the same hour is not too early.
      when f.attempts < 7 then now() + interval '20 hours'
      else now() + interval '6 days 20 hours' end
  from jsonb_to_recordset(record_failures.results) as x (bucket_id text, name text, version text, failure jsonb)
  where f.bucket_id = x.bucket_id and f.name = x.name
    and f.job = record_failures.job and x.failure is not null
    and (f.job = 'backup' or f.run = record_failures.run_id);

  insert into holdfast.failures (run, job, bucket_id, name, version, class, code, message, next_at)
  select record_failures.run_id, record_failures.job, x.bucket_id, x.name, x.version,
    x.failure ->> 'class', x.failure ->> 'code', x.failure ->> 'message',
    case when x.failure ->> 'class' = 'failed' then now() else now() + interval '20 hours' end
  from jsonb_to_recordset(record_failures.results) as x (bucket_id text, name text, version text, failure jsonb)
  where x.failure is not null and not exists (
    select from holdfast.failures f where f.bucket_id = x.bucket_id and f.name = x.name
      and f.job = record_failures.job and (f.job = 'backup' or f.run = record_failures.run_id))
$$;
comment on function holdfast.record_failures(uuid, text, jsonb) is
  'Records each result''s failure, and forgets the failures of those that succeeded.';

create function holdfast.forget_failures(scope holdfast.scope) returns void
  language sql security definer set search_path = ''
as $$
  delete from holdfast.failures f where f.job = 'backup' and not exists (
    select from holdfast.source_objects o where o.bucket_id = f.bucket_id collate "default" and o.name = f.name
      and holdfast.in_scope(forget_failures.scope, o.bucket_id, o.name, o.size)
    -- Looks each up. As a join, it would read all of the project's objects for a table without statistics.
    offset 0)
$$;
comment on function holdfast.forget_failures(holdfast.scope) is
  'Forgets failures of objects that are gone or out of scope: they are nobody''s concern any more.';

-- Failures of objects that are held by now. A database that was put back has the failures of then, and
-- after an import what came since is held; a restore puts back what failed before. No sweep meets an object
-- again that is held as it is, so its failure would stay, and every snapshot be partial for ever.
create function holdfast.forget_settled_failures(repository integer) returns void
  language sql security definer set search_path = '' set plan_cache_mode = force_custom_plan
as $$
  delete from holdfast.failures f
  where f.job = 'backup' and exists (
    select from holdfast.known_entries e join holdfast.source_objects o
      on o.bucket_id = e.bucket_id collate "default" and o.name = e.name and o.version = e.version
    where e.repository = forget_settled_failures.repository and e.bucket_id = f.bucket_id and e.name = f.name
      and e.removed_in is null and e.blob is not null and e.wanted_version is null
    -- Looks each up, as forget_failures does.
    offset 0)
$$;
comment on function holdfast.forget_settled_failures(integer) is
  'Forgets failures of objects that the repository holds as they are now.';

-- Is Storage out, or does it lack the bytes of one object? Both may look the same to whoever reads
-- that object; so objects are named that were readable, to be read again.
create function holdfast.readable_objects(max_objects integer) returns jsonb
  language sql volatile security definer set search_path = '' set plan_cache_mode = force_custom_plan
as $$
  -- Of as many buckets as there are: bytes are lost by the bucket.
  select coalesce(jsonb_agg(jsonb_build_object('bucket_id', held.bucket_id, 'name', held.name)), '[]') from (
    select one.bucket_id, one.name
    from holdfast.runs r cross join storage.buckets b
      cross join lateral (
        select sample.bucket_id, sample.name from (
          select e.bucket_id, e.name, e.version from holdfast.known_entries e
          where e.repository = r.repository and e.bucket_id = b.id collate "C" and e.removed_in is null
            and e.blob is not null and e.wanted_version is null
          limit 20) as sample
        where exists (
          select from holdfast.source_objects o
          where o.bucket_id = sample.bucket_id collate "default" and o.name = sample.name
            and o.version = sample.version and o.size > 0)
        limit 1) as one
    where r.state = 'running'
    order by random() limit readable_objects.max_objects) as held
$$;
comment on function holdfast.readable_objects(integer) is
  'Some objects of the project whose bytes the running run''s repository holds as they are now: Storage gave them once.';

create function holdfast.storage_was_doubted() returns boolean
  language sql stable security definer set search_path = ''
as $$
  select exists (
    select from holdfast.runs r join holdfast.failures f on f.run = r.id
    where r.state = 'running' and f.code = 'storage_failed')
$$;
comment on function holdfast.storage_was_doubted() is
  'Whether the running run already passed an object that Storage did not give, instead of waiting for it.';

-- supabase/schemas/functions/forget.sql

-- Taking back what was copied and never sealed, in steps.

-- What is forgotten can't be adopted: the snapshot of a run that failed may count, for its record got into
-- the log, and its entries must be there then. Without them it would be the base of a catalog that lacks
-- what it lists, and the next snapshot's totals would not be those of its listing.
create function holdfast.forget_some(repository integer, max_rows integer) returns integer
  language plpgsql security definer set search_path = '' set plan_cache_mode = force_custom_plan
as $$
declare
  base integer := coalesce((holdfast.last_snapshot(forget_some.repository)).sequence, 0);
  latest tid[] := array(
    select e.ctid from holdfast.entries e
    where e.repository = forget_some.repository and e.added_in > base limit forget_some.max_rows);
  seen integer;
begin
  update holdfast.runs r set frozen = null
  where r.repository = forget_some.repository and r.kind = 'backup' and r.state = 'failed'
    and r.frozen is not null;
  if cardinality(latest) > 0 then
    -- What was stored is there, and its keys are known by these entries alone.
    perform holdfast.spell_keys(array(select e.blob from holdfast.entries e where e.ctid = any (latest)));
    delete from holdfast.entries e where e.ctid = any (latest);
    return cardinality(latest);
  end if;
  -- Only when all that came since are gone: a name has one open entry.
  update holdfast.entries e set removed_in = null
  where e.ctid = any (array(
    select o.ctid from holdfast.entries o
    where o.repository = forget_some.repository and o.removed_in > base limit forget_some.max_rows));
  get diagnostics seen = row_count;
  return seen;
end
$$;
comment on function holdfast.forget_some(integer, integer) is
  'Takes the catalog back to its newest snapshot by so many entries, and returns how many those were; 0 when it is there. The snapshot of a run that failed is none that could join it after that.';

-- Import: the catalog is built again from the repository's log and listings. It moves no bytes.
create function holdfast.forget_unsealed(repository integer) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  base integer := coalesce((holdfast.last_snapshot(forget_unsealed.repository)).sequence, 0);
begin
  -- What was stored is there, and its keys are known by these entries alone.
  update holdfast.blobs b set key = holdfast.plain_key(e.bucket_id, e.name, e.version)
  from holdfast.known_entries e
  where e.repository = forget_unsealed.repository and e.added_in > base and b.id = e.blob and b.key is null;
  delete from holdfast.entries e where e.repository = forget_unsealed.repository and e.added_in > base;
  update holdfast.entries e set removed_in = null
  where e.repository = forget_unsealed.repository and e.removed_in > base;
end
$$;
comment on function holdfast.forget_unsealed(integer) is
  'Takes the catalog back to its newest snapshot. What was never sealed here would seem to belong to the snapshots that are about to come.';

create function holdfast.import_forget(cursor_id bigint, owner uuid, max_rows integer) returns integer
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(import_forget.cursor_id, import_forget.owner);
begin
  if c.position ? 'begun' then
    return 0;
  end if;
  perform holdfast.heartbeat(c.id, import_forget.owner);
  return holdfast.forget_some((select r.repository from holdfast.runs r where r.id = c.run), import_forget.max_rows);
end
$$;
comment on function holdfast.import_forget(bigint, uuid, integer) is
  'Forgets some of what was never sealed, before the first page of an import; returns how much, 0 when nothing is left.';

create function holdfast.backup_forget(cursor_id bigint, owner uuid, repository_id uuid, place jsonb, max_rows integer)
  returns integer language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(backup_forget.cursor_id, backup_forget.owner);
  elsewhere integer := (
    select r.id from holdfast.repositories r
    where r.repository_id = backup_forget.repository_id
      and holdfast.place_of(to_jsonb(r)) <> holdfast.place_of(backup_forget.place));
begin
  if elsewhere is null then
    return 0;
  end if;
  perform holdfast.heartbeat(c.id, backup_forget.owner);
  return holdfast.forget_some(elsewhere, backup_forget.max_rows);
end
$$;
comment on function holdfast.backup_forget(bigint, uuid, uuid, jsonb, integer) is
  'Where backups went to another place so far, forgets some of what was copied there and never sealed; returns how much, 0 when nothing is left.';

-- supabase/schemas/functions/backup_prepare.sql

-- The beginning of a backup: its cursors.

create function holdfast.sweep_buckets(scope holdfast.scope, repository integer) returns setof text
  language sql stable security definer set search_path = ''
as $$
  -- Buckets that have open entries come along though they are gone: their entries must be closed.
  with recursive held as (
    (select e.bucket_id from holdfast.entries e
      where e.repository = sweep_buckets.repository order by e.bucket_id limit 1)
    union all
    select (select e.bucket_id from holdfast.entries e
      where e.repository = sweep_buckets.repository and e.bucket_id > held.bucket_id
      order by e.bucket_id limit 1)
    from held where held.bucket_id is not null
  )
  select b.id collate "C" from holdfast.source_buckets(sweep_buckets.scope) b
  union
  select held.bucket_id from held where held.bucket_id is not null
$$;
comment on function holdfast.sweep_buckets(holdfast.scope, integer) is
  'Ids of the buckets that a backup has to look at.';

create function holdfast.backup_prepared(cursor_id bigint, owner uuid, facts jsonb) returns integer
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(backup_prepared.cursor_id, backup_prepared.owner);
  repository integer := holdfast.save_repository(backup_prepared.facts);
  plan jsonb := (select r.plan from holdfast.runs r where r.id = c.run);
  sequence integer := holdfast.take_sequence(c.run, repository);
begin
  update holdfast.runs r
  set plan = r.plan || jsonb_build_object('place', holdfast.place_of(backup_prepared.facts)) where r.id = c.run;
  insert into holdfast.cursors (run, stage, bucket_id)
  select c.run, 'objects', bucket_id
  from holdfast.sweep_buckets(holdfast.plan_scope(plan), repository) as bucket_id order by bucket_id;
  perform holdfast.finish_cursor(c.id, backup_prepared.owner);
  return sequence;
end
$$;
comment on function holdfast.backup_prepared(bigint, uuid, jsonb) is
  'Ends the prepare stage: records the repository, takes the run''s sequence, cuts the sweep into cursors.';

-- supabase/schemas/functions/backup_pages.sql

-- Comparing windows of a bucket with the catalog.

create function holdfast.window_end(repository integer, bucket_id text, from_name text, range_to text, rows integer)
  returns text language plpgsql stable security definer set search_path = '' set plan_cache_mode = force_custom_plan
as $$
declare
  last_source text;
  last_entry text;
begin
  -- The table and not the view of it: a bound may count rows that are not live, and without their
  -- columns the index alone answers.
  select o.name into last_source from storage.objects o
  where o.bucket_id = window_end.bucket_id collate "default" and o.name collate "C" >= window_end.from_name
    and (window_end.range_to is null or o.name collate "C" <= window_end.range_to)
  order by o.name collate "C" offset window_end.rows - 1 limit 1;
  select e.name into last_entry from holdfast.entries e
  where e.repository = window_end.repository and e.bucket_id = window_end.bucket_id
    and e.name >= window_end.from_name and (window_end.range_to is null or e.name <= window_end.range_to)
  order by e.name offset window_end.rows - 1 limit 1;
  if last_source is not null or last_entry is not null then
    return least(last_source collate "C", last_entry collate "C");
  end if;
  -- Less than a window is left on both sides: it ends at the last name of either.
  select o.name into last_source from storage.objects o
  where o.bucket_id = window_end.bucket_id collate "default" and o.name collate "C" >= window_end.from_name
    and (window_end.range_to is null or o.name collate "C" <= window_end.range_to)
  order by o.name collate "C" desc limit 1;
  select e.name into last_entry from holdfast.entries e
  where e.repository = window_end.repository and e.bucket_id = window_end.bucket_id
    and e.name >= window_end.from_name and (window_end.range_to is null or e.name <= window_end.range_to)
  order by e.name desc limit 1;
  return greatest(last_source collate "C", last_entry collate "C");
end
$$;
comment on function holdfast.window_end(integer, text, text, text, integer) is
  'Last name of the window that begins at from_name, so that both tables are bounded on both sides; null at the end of the range.';

-- Names whose object went before the run and that another one took while their window was at work:
-- compared, they were missing; committed, they are there again, and what the catalog has of them was
-- so before the run alone. They are marked like names that are gone, and looked up by object id.
create function holdfast.mark_missing(repository integer, sequence integer, scope holdfast.scope,
  bucket_id text, from_name text, to_name text) returns integer
  language plpgsql security definer set search_path = '' set plan_cache_mode = force_custom_plan
  -- Tables that were just filled have no statistics: one row is expected of each side, and the loop
  -- over both takes a minute for 6,000 names.
  set enable_nestloop = off
as $$
declare
  marked integer;
begin
  update holdfast.entries e set missing_in = mark_missing.sequence
  where e.repository = mark_missing.repository and e.bucket_id = mark_missing.bucket_id
    and e.name >= mark_missing.from_name and e.name <= mark_missing.to_name
    and e.removed_in is null and e.missing_in is distinct from mark_missing.sequence
    and not exists (
      select from holdfast.source_objects o
      where o.bucket_id = mark_missing.bucket_id collate "default" and o.name = e.name
        and o.name >= mark_missing.from_name and o.name <= mark_missing.to_name
        -- What this run read, or could not read, was so during the run, whatever is there by now.
        and (e.added_in = mark_missing.sequence
          or o.version in (coalesce(e.version_uuid::text, e.version_text), e.wanted_version))
        -- A scope of nulls leaves nothing out; asking costs as much as all the rest.
        and (mark_missing.scope is null or holdfast.in_scope(mark_missing.scope, o.bucket_id, o.name, o.size)));
  get diagnostics marked = row_count;
  return marked;
end
$$;
comment on function holdfast.mark_missing(integer, integer, holdfast.scope, text, text, text) is
  'Marks the names of a covered window that the project no longer has in scope, or has as another version than was compared. They are closed later, by object id.';

create function holdfast.window_differs(repository integer, scope holdfast.scope, bucket_id text, from_name text,
  to_name text) returns boolean
  language plpgsql stable security definer set search_path = '' set plan_cache_mode = force_custom_plan
  -- Two indexes in one order: it costs the same a row at any size, keeps nothing in memory or on
  -- disk, and ends where the first difference is. And lanes are the parallelism.
  set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off
  set max_parallel_workers_per_gather = 0
as $$
begin
  -- One merge over both tables that ends at the first difference: all that an unchanged window costs.
  return exists (
    select from (
      select * from holdfast.source_objects o
      where o.bucket_id = window_differs.bucket_id collate "default"
        and o.name >= window_differs.from_name and o.name <= window_differs.to_name
    ) o full join (
      select * from holdfast.known_entries e
      where e.repository = window_differs.repository and e.bucket_id = window_differs.bucket_id
        and e.removed_in is null and e.name >= window_differs.from_name and e.name <= window_differs.to_name
    ) e on e.name = o.name
    where o.name is null or e.name is null or e.version <> o.version or e.wanted_version is not null
      or not holdfast.same_metadata(o.type, o.cache_control, o.user_metadata, o.owner_id, o.created_at,
        e.type, e.cache_control, e.user_metadata, e.owner_id, e.created_at)
      or not holdfast.in_scope(window_differs.scope, o.bucket_id, o.name, o.size));
end
$$;
comment on function holdfast.window_differs(integer, holdfast.scope, text, text, text) is
  'Whether project and catalog differ anywhere in a window.';

create function holdfast.backup_page(cursor_id bigint, owner uuid, max_items integer, window_rows integer default 50000)
  returns jsonb language plpgsql security definer set search_path = '' set plan_cache_mode = force_custom_plan
as $$
declare
  c holdfast.cursors := holdfast.require_lease(backup_page.cursor_id, backup_page.owner);
  r holdfast.runs := (select runs from holdfast.runs where runs.id = c.run);
  scope holdfast.scope := holdfast.plan_scope(r.plan);
  from_name text := coalesce(c.position ->> 'from', c.range_from);
  to_name text := holdfast.window_end(r.repository, c.bucket_id, from_name, c.range_to, window_rows);
  items jsonb;
begin
  if to_name is null then
    return jsonb_build_object('items', '[]'::jsonb, 'to', null);
  end if;
  if not holdfast.window_differs(r.repository, scope, c.bucket_id, from_name, to_name) then
    perform holdfast.commit_cursor(c.id, backup_page.owner, jsonb_build_object('from', to_name || chr(1)), '{}');
    return jsonb_build_object('items', '[]'::jsonb, 'to', to_name);
  end if;
  select coalesce(jsonb_agg(i.item order by d.name), '[]') into items
  from (
    select o.* from holdfast.source_objects o
      left join holdfast.known_entries e on e.repository = r.repository and e.bucket_id = c.bucket_id
        and e.name = o.name and e.removed_in is null and e.name >= from_name and e.name <= to_name
    where o.bucket_id = c.bucket_id collate "default" and o.name >= from_name and o.name <= to_name
      and (e.name is null or e.version <> o.version or e.wanted_version is not null
        or not holdfast.same_metadata(o.type, o.cache_control, o.user_metadata, o.owner_id, o.created_at,
          e.type, e.cache_control, e.user_metadata, e.owner_id, e.created_at))
      -- Of both tables' names, so that it is asked of what differs and not of every row.
      and holdfast.in_scope(scope, o.bucket_id, coalesce(e.name, o.name), o.size)
      -- What could not be had is tried again when its time has come, or at once as another version.
      and (e.wanted_version is null or e.wanted_version <> o.version or not exists (
        select from holdfast.failures f where f.job = 'backup' and f.bucket_id = o.bucket_id
          and f.name = o.name and f.next_at > now()))
    order by o.name limit max_items) as d
    cross join lateral holdfast.backup_item(r.repository, d.id, d.bucket_id, d.name, d.version, d.size, d.etag,
      d.metadata) as i;
  if jsonb_array_length(items) = max_items then
    to_name := items -> -1 ->> 'name';
  end if;
  if jsonb_array_length(items) = 0 then
    perform holdfast.backup_commit(c.id, backup_page.owner, items, to_name, '{}');
  end if;
  return jsonb_build_object('items', items, 'to', to_name);
end
$$;
comment on function holdfast.backup_page(bigint, uuid, integer, integer) is
  'Compares one window and returns up to max_items objects to act on, and the name up to which that is all. A window without a difference is committed here.';

-- supabase/schemas/functions/backup_commit.sql

-- Committing what a page of a backup came to.

create function holdfast.mark_moved(r holdfast.runs, results jsonb) returns void
  language sql security definer set search_path = ''
  -- A page's objects, each looked up; whatever else the planner may think of reads all entries.
  set plan_cache_mode = force_custom_plan set enable_hashjoin = off set enable_mergejoin = off
  set enable_seqscan = off
as $$
  -- The same object under two names means that it was moved during the sweep: one of them is gone.
  update holdfast.entries e set missing_in = (r).sequence
  from jsonb_to_recordset(mark_moved.results) as x (bucket_id text, name text, object_id uuid)
  where e.repository = (r).repository and holdfast.object_hash(e.object_id) = holdfast.object_hash(x.object_id)
    and e.object_id = x.object_id and e.removed_in is null
    and (e.bucket_id, e.name) <> (x.bucket_id, x.name) and e.missing_in is distinct from (r).sequence
$$;
comment on function holdfast.mark_moved(holdfast.runs, jsonb) is
  'Marks the entries of these objects that have other names, to be looked at when the sweep is done.';

create function holdfast.record_results(r holdfast.runs, results jsonb) returns void
  language plpgsql security definer set search_path = ''
  set plan_cache_mode = force_custom_plan
as $$
declare
  failed boolean := jsonb_path_exists(record_results.results, '$[*].failure');
begin
  perform holdfast.put_entries((r).repository, (r).sequence, record_results.results);
  if failed then
    perform holdfast.mark_entries((r).repository, (r).sequence, record_results.results);
  end if;
  -- Of most pages nothing failed, now or before.
  if failed or exists (select from holdfast.failures f where f.job = 'backup') then
    perform holdfast.record_failures((r).id, 'backup', record_results.results);
  end if;
  if jsonb_path_exists(record_results.results, '$[*].upload') then
    perform holdfast.begin_uploads(r, record_results.results);
  end if;
  perform holdfast.mark_moved(r, record_results.results);
end
$$;
comment on function holdfast.record_results(holdfast.runs, jsonb) is
  'Writes down what became of each object of a page: held, failed, or begun as an upload.';

create function holdfast.backup_commit(cursor_id bigint, owner uuid, results jsonb, to_name text, done jsonb)
  returns void language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(backup_commit.cursor_id, backup_commit.owner);
  r holdfast.runs := (select runs from holdfast.runs where runs.id = c.run);
begin
  if jsonb_array_length(backup_commit.results) > 0 then
    perform holdfast.record_results(r, backup_commit.results);
  end if;
  if backup_commit.to_name is null then
    perform holdfast.commit_cursor(c.id, backup_commit.owner, c.position, backup_commit.done);
    return;
  end if;
  perform holdfast.mark_missing(r.repository, r.sequence, holdfast.plan_scope(r.plan), c.bucket_id,
    coalesce(c.position ->> 'from', c.range_from), backup_commit.to_name);
  -- chr(1) makes the least name above to_name, so the next window can be bounded inclusively.
  perform holdfast.commit_cursor(c.id, backup_commit.owner,
    jsonb_build_object('from', backup_commit.to_name || chr(1)), backup_commit.done);
end
$$;
comment on function holdfast.backup_commit(bigint, uuid, jsonb, text, jsonb) is
  'Commits a page of the sweep: results, names no longer found, position and counters, in one transaction. Results may be of names behind to_name, up to which nothing is passed over; null where nothing is passed at all.';

-- supabase/schemas/functions/gone.sql

-- Names that were found missing: objects that live on under another name, and entries to close.

create function holdfast.gone_page(cursor_id bigint, owner uuid, max_items integer) returns jsonb
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(gone_page.cursor_id, gone_page.owner);
  r holdfast.runs := (select runs from holdfast.runs where runs.id = c.run);
  scope holdfast.scope := holdfast.plan_scope(r.plan);
  last_position jsonb;
  items jsonb;
begin
  if c.position ? 'stray_pass' then
    return holdfast.stray_page(r, c.position, gone_page.max_items);
  end if;
  with marked as (
    select e.bucket_id, e.name, e.object_id from holdfast.entries e
    where e.repository = r.repository and e.missing_in = r.sequence and e.removed_in is null
      and (e.bucket_id, e.name) > (coalesce(c.position ->> 'bucket_id', ''), coalesce(c.position ->> 'name', ''))
    order by e.bucket_id, e.name limit gone_page.max_items
  ), living as (
    select distinct on (o.id) o.* from marked m join holdfast.source_objects o on o.id = m.object_id
    where holdfast.in_scope(scope, o.bucket_id, o.name, o.size)
      and not exists (
        select from holdfast.known_entries h where h.repository = r.repository and h.bucket_id = o.bucket_id
          and h.name = o.name and h.removed_in is null and o.version in (h.version, h.wanted_version))
    order by o.id
  )
  select
    (select jsonb_build_object('bucket_id', m.bucket_id, 'name', m.name)
      from marked m order by m.bucket_id desc, m.name desc limit 1),
    (select coalesce(jsonb_agg(i.item), '[]') from living l
      cross join lateral holdfast.backup_item(r.repository, l.id, l.bucket_id, l.name, l.version, l.size, l.etag,
        l.metadata) as i)
  into last_position, items;
  if last_position is null then
    return holdfast.stray_page(r, '{}', gone_page.max_items);
  end if;
  return jsonb_build_object('items', items, 'position', last_position);
end
$$;
comment on function holdfast.gone_page(bigint, uuid, integer) is
  'Marked names after the cursor, then strays: objects that live elsewhere and are not held there, and the position to commit; null at the end.';

create function holdfast.gone_commit(cursor_id bigint, owner uuid, results jsonb, new_position jsonb, done jsonb)
  returns void language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(gone_commit.cursor_id, gone_commit.owner);
  r holdfast.runs := (select runs from holdfast.runs where runs.id = c.run);
begin
  perform holdfast.record_results(r, gone_commit.results);
  perform holdfast.commit_cursor(c.id, gone_commit.owner, gone_commit.new_position, gone_commit.done);
end
$$;
comment on function holdfast.gone_commit(bigint, uuid, jsonb, jsonb, jsonb) is 'Commits a page of the gone stage.';

-- An object moves away, and another one takes its name whose bytes can't be had: the entry under that name
-- holds what was there, and is marked with the version that was wanted. It was closed, since its object
-- lives elsewhere, and the one that took the name was in no listing.
create function holdfast.close_page(cursor_id bigint, owner uuid, max_items integer) returns integer
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(close_page.cursor_id, close_page.owner);
  r holdfast.runs := (select runs from holdfast.runs where runs.id = c.run);
  scope holdfast.scope := holdfast.plan_scope(r.plan);
  seen integer;
  counts jsonb;
  last_position jsonb;
begin
  with marked as (
    select e.* from holdfast.entries e
    where e.repository = r.repository and e.missing_in = r.sequence and e.removed_in is null
      and (e.bucket_id, e.name) > (coalesce(c.position ->> 'bucket_id', ''), coalesce(c.position ->> 'name', ''))
    order by e.bucket_id, e.name limit close_page.max_items
  ), judged as (
    select m.bucket_id, m.name, m.added_in, case
      -- Another object lives here, of which nothing could be had: only this entry tells of it.
      when exists (
        select from holdfast.source_objects s
        where s.bucket_id = m.bucket_id collate "default" and s.name = m.name and s.version = m.wanted_version
          and holdfast.in_scope(scope, s.bucket_id, s.name, s.size)) then 'kept'
      when o.id is null then 'removed'
      when not holdfast.in_scope(scope, o.bucket_id, o.name, o.size) then 'excluded'
      -- Of the names that an object had during the sweep one is enough: one that the sweep met last
      -- it found after it looked here, where the object was not any more.
      when exists (
        select from holdfast.entries h
        where holdfast.object_hash(h.object_id) = holdfast.object_hash(m.object_id) and h.object_id = m.object_id
          and h.repository = r.repository and h.removed_in is null and h.blob is not null
          and (h.bucket_id, h.name) <> (m.bucket_id, m.name)
          and (h.missing_in is distinct from r.sequence
            or (h.added_in, h.bucket_id, h.name) > (m.added_in, m.bucket_id, m.name))) then 'moved'
      when (o.bucket_id, o.name) = (m.bucket_id, m.name) then 'kept'
      -- By object: what lay there before may be all that is held under the new name.
      when exists (
        select from holdfast.entries h where h.repository = r.repository and h.bucket_id = o.bucket_id
          and h.name = o.name and h.removed_in is null and h.blob is not null and h.object_id = o.id) then 'moved'
      -- It never held anything that the old name would have to stay for.
      when m.blob is null then 'moved'
      -- Its bytes under the new name are not held yet: the old name stays until they are.
      else 'kept' end as fate
    from marked m left join holdfast.source_objects o on o.id = m.object_id
  ), closed as (
    update holdfast.entries e set removed_in = r.sequence
    from judged j where j.fate <> 'kept' and e.repository = r.repository and e.bucket_id = j.bucket_id
      and e.name = j.name and e.added_in = j.added_in
  )
  select count(*), jsonb_build_object(
      'objects_removed', count(*) filter (where fate = 'removed'),
      'objects_moved', count(*) filter (where fate = 'moved'),
      'objects_excluded', count(*) filter (where fate = 'excluded')),
    (select jsonb_build_object('bucket_id', l.bucket_id, 'name', l.name)
      from judged l order by l.bucket_id desc, l.name desc limit 1)
  into seen, counts, last_position from judged;
  if seen > 0 then
    perform holdfast.commit_cursor(c.id, close_page.owner, last_position, counts);
  end if;
  return seen;
end
$$;
comment on function holdfast.close_page(bigint, uuid, integer) is
  'Closes marked entries after the cursor by their fate (removed, moved, excluded, or kept because they may not be closed yet), commits, and returns how many it looked at; 0 at the end.';

-- supabase/schemas/functions/strays.sql

-- Objects that moved behind the sweep while the backup ran.

-- Objects that no sweep met: new since the last snapshot, and moved during the sweep from where it
-- had yet to come to where it had been. No entry knows them, so no name of theirs is found missing.
-- A move sets updated_at, which finds them; what is copied of them is decided by the row, as ever.
create function holdfast.stray_blocks() returns bigint
  language sql immutable set search_path = '' as $$ select 32768 $$;
comment on function holdfast.stray_blocks() is
  'Blocks of storage.objects that one statement looks through for strays: a quarter of a GB, seconds from a cold disk.';

create function holdfast.stray_passes() returns integer
  language sql immutable set search_path = '' as $$ select 5 $$;
comment on function holdfast.stray_passes() is
  'Times that the table is looked through at most: again where the last time found any, for they may have moved on.';

create function holdfast.strays(r holdfast.runs, from_block bigint, max_items integer) returns jsonb
  language plpgsql stable security definer set search_path = '' set plan_cache_mode = force_custom_plan
  -- What was changed since is few: each is looked up, and nothing is hashed whole for it.
  set enable_hashjoin = off set enable_mergejoin = off
as $$
declare
  scope holdfast.scope := holdfast.plan_scope((strays.r).plan);
  first_row tid := format('(%s,0)', from_block)::tid;
  behind_last tid := format('(%s,0)', from_block + holdfast.stray_blocks())::tid;
begin
  return (
    select coalesce(jsonb_agg(i.item), '[]') from (
      select o.* from (
        select s.id from storage.objects s
        where s.ctid >= first_row and s.ctid < behind_last
          -- The time is the start of a transaction, and a move's is short.
          and s.updated_at >= (strays.r).started_at - interval '1 minute'
          and (s.created_at < (strays.r).started_at or s.created_at is null)
        -- Before the view below is joined, or its rows would be read in its own order.
        offset 0) as changed
        join holdfast.source_objects o on o.id = changed.id
      where holdfast.in_scope(scope, o.bucket_id, o.name, o.size)
        and not exists (
          select from holdfast.entries e
          where holdfast.object_hash(e.object_id) = holdfast.object_hash(o.id) and e.object_id = o.id
            and e.repository = (strays.r).repository and e.removed_in is null
            -- A name that is about to be closed keeps nothing.
            and e.missing_in is distinct from (strays.r).sequence)
        and not exists (
          select from holdfast.known_entries h
          where h.repository = (strays.r).repository and h.bucket_id = o.bucket_id and h.name = o.name
            and h.removed_in is null and o.version in (h.version, h.wanted_version))
        and not exists (
          select from holdfast.uploads u
          where u.run = (strays.r).id and u.bucket_id = o.bucket_id and u.name = o.name)
      limit strays.max_items) as stray
      cross join lateral holdfast.backup_item((strays.r).repository, stray.id, stray.bucket_id, stray.name,
        stray.version, stray.size, stray.etag, stray.metadata) as i);
end
$$;
comment on function holdfast.strays(holdfast.runs, bigint, integer) is
  'Objects that were there when a run began, changed since and are not held under any name: of so many blocks of storage.objects.';

create function holdfast.stray_page(r holdfast.runs, last_position jsonb, max_items integer) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
declare
  pass integer := coalesce((last_position ->> 'stray_pass')::integer, 1);
  block bigint := coalesce((last_position ->> 'stray_block')::bigint, 0);
  found_any boolean := coalesce((last_position ->> 'stray_found')::boolean, false);
  blocks bigint := pg_catalog.pg_relation_size('storage.objects') / current_setting('block_size')::bigint;
  items jsonb;
  found_here integer;
begin
  if pass > holdfast.stray_passes() then
    return jsonb_build_object('items', '[]'::jsonb, 'position', null);
  end if;
  items := holdfast.strays(stray_page.r, block, stray_page.max_items);
  found_here := jsonb_array_length(items);
  found_any := found_any or found_here > 0;
  -- A full page may not have been all.
  if found_here < stray_page.max_items then
    block := block + holdfast.stray_blocks();
  end if;
  if block >= blocks then
    pass := pass + 1;
    if not found_any then
      return jsonb_build_object('items', items, 'position', null);
    end if;
    block := 0;
    found_any := false;
  end if;
  return jsonb_build_object('items', items, 'position', jsonb_build_object(
    'stray_pass', pass, 'stray_block', block, 'stray_found', found_any));
end
$$;
comment on function holdfast.stray_page(holdfast.runs, jsonb, integer) is
  'The next strays and the position to commit; null when the table was looked through and none was left.';

-- supabase/schemas/functions/uploads.sql

-- Objects that are copied in parts.

create function holdfast.begin_uploads(r holdfast.runs, results jsonb) returns void
  language sql security definer set search_path = ''
as $$
  with wanted as (
    select item - 'upload' as object, item ->> 'bucket_id' as bucket_id, item ->> 'name' as name,
      item #>> '{upload,key}' as key, (item #>> '{upload,part_size}')::bigint as part_size
    from jsonb_array_elements(begin_uploads.results) as item where item -> 'upload' is not null
  ), adopted as (
    update holdfast.uploads u set run = (r).id, object = w.object, restarts = 0
    from wanted w
    where u.id = (
      select max(l.id) from holdfast.uploads l
      where l.repository = (r).repository and l.bucket_id = w.bucket_id and l.name = w.name
        and l.object -> 'version' = w.object -> 'version' and l.object -> 'size' = w.object -> 'size'
        and not holdfast.is_running(l.run))
    returning u.id, u.bucket_id, u.name
  ), begun as (
    insert into holdfast.uploads (run, repository, bucket_id, name, object, key, part_size)
    select (r).id, (r).repository, w.bucket_id, w.name, w.object, w.key, w.part_size from wanted w
    where not exists (select from adopted a where a.bucket_id = w.bucket_id and a.name = w.name)
    on conflict (run, bucket_id, name) do nothing
    returning id
  )
  insert into holdfast.cursors (run, stage, position)
  select (r).id, 'upload', jsonb_build_object('upload', u.id)
  from (select id from adopted union all select id from begun) as u
$$;
comment on function holdfast.begin_uploads(holdfast.runs, jsonb) is
  'Makes a row and a cursor for each object above one part; the sweep passes it, a lane uploads it. An upload that an ended run left is taken over where the object is still the same.';

create function holdfast.upload_state(cursor_id bigint, owner uuid) returns jsonb
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(upload_state.cursor_id, upload_state.owner);
begin
  return (
    select jsonb_build_object('id', u.id, 'object', u.object, 'key', u.key, 'part_size', u.part_size,
      'upload_id', u.upload_id, 'restarts', u.restarts,
      'parts', coalesce((
        select jsonb_agg(jsonb_build_object('number', p.number, 'size', p.size, 'etag', p.etag,
          'sha256', encode(p.sha256, 'hex')) order by p.number)
        from holdfast.upload_parts p where p.upload = u.id), '[]'))
    from holdfast.uploads u where u.id = (c.position ->> 'upload')::bigint);
end
$$;
comment on function holdfast.upload_state(bigint, uuid) is 'The upload of a cursor, with its finished parts.';

create function holdfast.upload_begun(cursor_id bigint, owner uuid, upload_id text) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(upload_begun.cursor_id, upload_begun.owner);
begin
  delete from holdfast.upload_parts p where p.upload = (c.position ->> 'upload')::bigint;
  update holdfast.uploads u set upload_id = upload_begun.upload_id
  where u.id = (c.position ->> 'upload')::bigint;
  perform holdfast.commit_cursor(c.id, upload_begun.owner, c.position, '{}');
end
$$;
comment on function holdfast.upload_begun(bigint, uuid, text) is
  'Records S3''s id of the upload. Parts of an earlier one are forgotten with it.';

create function holdfast.upload_part_done(cursor_id bigint, owner uuid, part jsonb, done jsonb default '{}')
  returns void language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(upload_part_done.cursor_id, upload_part_done.owner);
begin
  insert into holdfast.upload_parts (upload, number, size, etag, sha256)
  select (c.position ->> 'upload')::bigint, p.number, p.size, p.etag, decode(p.sha256, 'hex')
  from jsonb_to_record(part) as p (number integer, size bigint, etag text, sha256 text)
  on conflict (upload, number) do update
  set size = excluded.size, etag = excluded.etag, sha256 = excluded.sha256;
  perform holdfast.commit_cursor(c.id, upload_part_done.owner, c.position,
    jsonb_build_object('bytes_copied', part -> 'size', 'storage_requests', 1, 's3_requests', 1) || upload_part_done.done);
end
$$;
comment on function holdfast.upload_part_done(bigint, uuid, jsonb, jsonb) is 'Records a finished part {number, size, etag, sha256 in hex}, and further counters.';

create function holdfast.upload_restart(cursor_id bigint, owner uuid, object jsonb, key text, part_size bigint)
  returns void language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(upload_restart.cursor_id, upload_restart.owner);
begin
  delete from holdfast.upload_parts p where p.upload = (c.position ->> 'upload')::bigint;
  update holdfast.uploads u
  set object = upload_restart.object, key = upload_restart.key, part_size = upload_restart.part_size, upload_id = null,
    restarts = restarts + 1
  where u.id = (c.position ->> 'upload')::bigint;
  perform holdfast.commit_cursor(c.id, upload_restart.owner, c.position, '{}');
end
$$;
comment on function holdfast.upload_restart(bigint, uuid, jsonb, text, bigint) is
  'Begins an upload anew for the version that the source has now.';

create function holdfast.upload_done(cursor_id bigint, owner uuid, result jsonb, done jsonb) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(upload_done.cursor_id, upload_done.owner);
  r holdfast.runs := (select runs from holdfast.runs where runs.id = c.run);
begin
  if upload_done.result is not null then
    perform holdfast.record_results(r, jsonb_build_array(upload_done.result));
  else
    -- The sweep met the name while its object was there.
    update holdfast.entries e set missing_in = r.sequence from holdfast.uploads u
    where u.id = (c.position ->> 'upload')::bigint and e.repository = r.repository
      and e.bucket_id = u.bucket_id and e.name = u.name and e.removed_in is null and e.added_in < r.sequence;
  end if;
  delete from holdfast.uploads u where u.id = (c.position ->> 'upload')::bigint;
  perform holdfast.finish_cursor(c.id, upload_done.owner, upload_done.done);
end
$$;
comment on function holdfast.upload_done(bigint, uuid, jsonb, jsonb) is
  'Ends an upload with its result (held or failed; null where the object is gone, whose name is then marked) and finishes its cursor.';

create function holdfast.left_uploads(cursor_id bigint, owner uuid, max_uploads integer) returns jsonb
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(left_uploads.cursor_id, left_uploads.owner);
  repository_id integer := (select r.repository from holdfast.runs r where r.id = c.run);
begin
  return jsonb_build_object(
    'left', (
      select coalesce(jsonb_agg(jsonb_build_object('row', l.id, 'key', l.key, 'id', l.upload_id)), '[]')
      from (
        select u.* from holdfast.uploads u
        where u.repository = repository_id and not holdfast.is_running(u.run)
        order by u.id limit left_uploads.max_uploads) as l),
    'began', exists (select from holdfast.cursors cc where cc.run = c.run and cc.stage = 'upload'));
end
$$;
comment on function holdfast.left_uploads(bigint, uuid, integer) is
  'Uploads that ended runs left in the repository, and whether this run had any: asked when a sweep is done, which would have taken over what can still be finished.';

create function holdfast.unknown_uploads(cursor_id bigint, owner uuid, ids jsonb) returns jsonb
  language plpgsql security definer set search_path = ''
as $$
begin
  perform holdfast.require_lease(unknown_uploads.cursor_id, unknown_uploads.owner);
  return (
    select coalesce(jsonb_agg(i.id), '[]') from jsonb_array_elements_text(unknown_uploads.ids) as i (id)
    where not exists (select from holdfast.uploads u where u.upload_id = i.id));
end
$$;
comment on function holdfast.unknown_uploads(bigint, uuid, jsonb) is
  'Which of S3''s ids of uploads stand in no row: their lanes died before they could write them down.';

create function holdfast.forget_uploads(cursor_id bigint, owner uuid, gone jsonb, done jsonb) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(forget_uploads.cursor_id, forget_uploads.owner);
begin
  delete from holdfast.uploads u
  using jsonb_array_elements_text(forget_uploads.gone) as g (id)
  where u.id = g.id::bigint and not holdfast.is_running(u.run);
  perform holdfast.commit_cursor(c.id, forget_uploads.owner, c.position, forget_uploads.done);
end
$$;
comment on function holdfast.forget_uploads(bigint, uuid, jsonb, jsonb) is
  'Removes the rows, by number, of uploads that were aborted, with the counters of doing so.';

-- supabase/schemas/functions/seal_listing.sql

-- Lines of a listing, in the order of names.

-- A listing is read page by page, each from where the last one ended. A page must cost what it
-- holds: so its plan is made for its own bounds, and nothing is sorted or hashed whole for it.
create function holdfast.changes_to_sort() returns integer
  language sql immutable set search_path = '' as $$ select 100000 $$;
comment on function holdfast.changes_to_sort() is
  'Up to so many changes are found by their sequence and sorted for each page of a listing; more are met in the order of names.';

create function holdfast.few_changes(repository integer, since integer, upto integer) returns boolean
  language plpgsql stable security definer set search_path = '' set plan_cache_mode = force_custom_plan
as $$
begin
  return holdfast.changes_to_sort() >= (
    select count(*) from (
      (select from holdfast.entries e
        where e.repository = few_changes.repository and e.added_in > since and e.added_in <= upto
        limit holdfast.changes_to_sort() + 1)
      union all
      (select from holdfast.entries e
        where e.repository = few_changes.repository and e.removed_in > since and e.removed_in <= upto
        limit holdfast.changes_to_sort() + 1)) as change);
end
$$;
comment on function holdfast.few_changes(integer, integer, integer) is
  'Whether so little changed after one sequence up to another that it may be sorted again for each page.';

create function holdfast.changed_names(repository integer, since integer, upto integer,
  after_bucket text, after_name text, max_names integer) returns table (bucket_id text, name text)
  language plpgsql stable security definer set search_path = '' set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_column
begin
  -- Against the last sealed sequence, not this run's: what an abandoned run did is listed here too.
  return query
  select e.bucket_id, e.name from holdfast.entries e
  where e.repository = changed_names.repository and e.added_in > since and e.added_in <= upto
    and (e.removed_in is null or e.removed_in > upto) and (e.bucket_id, e.name) > (after_bucket, after_name)
  union
  select e.bucket_id, e.name from holdfast.entries e
  where e.repository = changed_names.repository and e.removed_in > since and e.removed_in <= upto
    and e.added_in <= since and (e.bucket_id, e.name) > (after_bucket, after_name)
  order by bucket_id, name limit max_names;
end
$$;
comment on function holdfast.changed_names(integer, integer, integer, text, text, integer) is
  'Names of what changed after one sequence up to another, by bucket and name, where it is little.';

create function holdfast.next_changed_names(repository integer, since integer, upto integer,
  after_bucket text, after_name text, max_names integer) returns table (bucket_id text, name text)
  language plpgsql stable security definer set search_path = '' set plan_cache_mode = force_custom_plan
  -- The order is the primary key's: whatever else the planner may think of sorts all of the rest.
  set enable_sort = off set enable_seqscan = off set enable_bitmapscan = off set enable_hashagg = off
as $$
#variable_conflict use_column
begin
  return query
  select distinct e.bucket_id, e.name from holdfast.entries e
  where e.repository = next_changed_names.repository and (e.bucket_id, e.name) > (after_bucket, after_name)
    and case when e.added_in > since then e.added_in <= upto and (e.removed_in is null or e.removed_in > upto)
      else e.removed_in > since and e.removed_in <= upto end
  order by e.bucket_id, e.name limit max_names;
end
$$;
comment on function holdfast.next_changed_names(integer, integer, integer, text, text, integer) is
  'The same where it is much: by way of all entries, each of which one page of the listing passes.';

create function holdfast.changed_lines(repository integer, since integer, upto integer,
  after_bucket text, after_name text, max_lines integer)
  returns table (bucket_id text, name text, line text)
  language plpgsql stable security definer set search_path = '' set plan_cache_mode = force_custom_plan
  set enable_hashjoin = off set enable_mergejoin = off
as $$
#variable_conflict use_column
declare
  few boolean := holdfast.few_changes(changed_lines.repository, since, upto);
begin
  return query
  select c.bucket_id, c.name, coalesce(l.line,
    jsonb_build_object('op', 'remove', 'bucket', c.bucket_id, 'name', c.name)::text)
  from (
    select * from holdfast.changed_names(changed_lines.repository, since, upto, after_bucket, after_name, max_lines)
    where few
    union all
    select * from holdfast.next_changed_names(changed_lines.repository, since, upto, after_bucket, after_name, max_lines)
    where not few) as c
    left join holdfast.listed_entries l on l.repository = changed_lines.repository
      and l.bucket_id = c.bucket_id collate "C" and l.name = c.name collate "C"
      and l.added_in <= upto and (l.removed_in is null or l.removed_in > upto);
end
$$;
comment on function holdfast.changed_lines(integer, integer, integer, text, text, integer) is
  'Listing lines of what changed after one sequence up to another: the next by bucket and name.';

create function holdfast.full_lines(repository integer, upto integer, after_bucket text, after_name text, max_lines integer)
  returns table (bucket_id text, name text, line text)
  language plpgsql stable security definer set search_path = '' set plan_cache_mode = force_custom_plan
  set enable_sort = off set enable_seqscan = off set enable_bitmapscan = off
  set enable_hashjoin = off set enable_mergejoin = off
as $$
#variable_conflict use_column
begin
  return query
  select l.bucket_id, l.name, l.line from holdfast.listed_entries l
  where l.repository = full_lines.repository and l.added_in <= upto
    and (l.removed_in is null or l.removed_in > upto)
    and (l.bucket_id, l.name) > (after_bucket, after_name)
  order by l.bucket_id, l.name limit max_lines;
end
$$;
comment on function holdfast.full_lines(integer, integer, text, text, integer) is
  'Listing lines of everything at a sequence: the next by bucket and name.';

create function holdfast.seal_page(cursor_id bigint, owner uuid, max_lines integer) returns jsonb
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(seal_page.cursor_id, seal_page.owner);
  r holdfast.runs := (select runs from holdfast.runs where runs.id = c.run);
  base holdfast.snapshots := holdfast.last_snapshot(r.repository);
  after_bucket text := coalesce(c.position ->> 'bucket_id', '');
  after_name text := coalesce(c.position ->> 'name', '');
  kind text := holdfast.listing_kind(base);
  -- A slice packs a page in memory: an object's metadata may be of any size, one line goes alone.
  max_bytes constant bigint := 16 * 1024 * 1024;
  page jsonb;
begin
  select jsonb_build_object('count', count(*), 'text', string_agg(l.line, E'\n' order by l.bucket_id, l.name),
    'bucket_id', (array_agg(l.bucket_id order by l.bucket_id desc, l.name desc))[1],
    'name', (array_agg(l.name order by l.bucket_id desc, l.name desc))[1])
  into page from (
    select listed.*, row_number() over upto as line_number, sum(octet_length(listed.line)) over upto as bytes
    from (
      -- A function's result has no collation of its own; the database's would page in another order.
      select lines.bucket_id collate "C" as bucket_id, lines.name collate "C" as name, lines.line
      from holdfast.full_lines(r.repository, r.sequence, after_bucket, after_name, max_lines) as lines
      where kind = 'full'
      union all
      select lines.bucket_id, lines.name, lines.line
      from holdfast.changed_lines(r.repository, (base).sequence, r.sequence, after_bucket, after_name, max_lines) as lines
      where kind = 'changes') as listed
    window upto as (order by listed.bucket_id, listed.name rows unbounded preceding)) as l
  where l.bytes <= max_bytes or l.line_number = 1;
  return page || jsonb_build_object('kind', kind, 'parts', coalesce(c.position -> 'parts', '[]'),
    'inherited', case when kind = 'changes' then (base).document -> 'parts' else '[]' end);
end
$$;
comment on function holdfast.seal_page(bigint, uuid, integer) is
  'The next lines to list, whether as a full listing or as changes, the parts written so far and those inherited.';

create function holdfast.listing_kind(base holdfast.snapshots) returns text
  language sql stable set search_path = ''
as $$
  -- The tail of change parts is bounded: a reader of the newest snapshot fetches at most 30 of them,
  -- and never more lines of changes than a full listing has.
  select case
    when (base).sequence is null then 'full'
    when (select count(*) >= 30
        or sum((p ->> 'entries')::bigint) > greatest(10000, ((base).document #>> '{totals,objects}')::bigint)
      from jsonb_array_elements((base).document -> 'parts') p where p ->> 'kind' = 'changes') then 'full'
    else 'changes' end
$$;
comment on function holdfast.listing_kind(holdfast.snapshots) is
  'Whether the snapshot after this one lists everything or only what changed.';

-- supabase/schemas/functions/seal.sql

-- Sealing a snapshot: totals, the frozen document, the record.

create function holdfast.snapshot_totals(repository integer, base holdfast.snapshots, upto integer) returns jsonb
  language plpgsql stable security definer set search_path = '' set plan_cache_mode = force_custom_plan
as $$
declare
  since integer := (base).sequence;
  known jsonb := (base).document -> 'totals';
  counted jsonb;
  wanting jsonb;
begin
  -- What could not be had is counted from its index; why, the failures know.
  select jsonb_build_object(
      'unavailable', count(*) filter (where e.blob is null and f.class is distinct from 'failed'),
      'failed', count(*) filter (where e.blob is null and f.class = 'failed'),
      'stale', count(*) filter (where e.blob is not null))
  into wanting
  from holdfast.entries e
    left join holdfast.failures f on f.job = 'backup' and f.bucket_id = e.bucket_id and f.name = e.name
  where e.repository = snapshot_totals.repository and e.wanted_version is not null and e.removed_in is null;

  -- A full listing counts all; in between, what changed is added to what the snapshot before states.
  if known ? 'assumed' and holdfast.listing_kind(base) = 'changes' then
    select jsonb_build_object(
        'objects', (known ->> 'objects')::bigint + coalesce(sum(change.sign), 0),
        'bytes', (known ->> 'bytes')::bigint + coalesce(sum(change.sign * change.size), 0),
        'assumed', (known ->> 'assumed')::bigint + coalesce(sum(change.sign) filter (where change.assumed), 0))
    into counted from (
      select 1 as sign, e.size, e.assumed from holdfast.known_entries e
      where e.repository = snapshot_totals.repository and e.added_in > since and e.added_in <= upto
        and (e.removed_in is null or e.removed_in > upto)
      union all
      select -1, e.size, e.assumed from holdfast.known_entries e
      where e.repository = snapshot_totals.repository and e.removed_in > since and e.removed_in <= upto
        and e.added_in <= since) as change;
    return counted || wanting;
  end if;
  select jsonb_build_object('objects', count(*), 'bytes', coalesce(sum(e.size), 0),
      'assumed', count(*) filter (where e.assumed))
  into counted
  from holdfast.known_entries e
  where e.repository = snapshot_totals.repository and e.added_in <= upto
    and (e.removed_in is null or e.removed_in > upto);
  return counted || wanting;
end
$$;
comment on function holdfast.snapshot_totals(integer, holdfast.snapshots, integer) is
  'Totals of a snapshot. They cost what changed since the snapshot before; all is counted again with each full listing.';

create function holdfast.seal_facts(cursor_id bigint, owner uuid) returns jsonb
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(seal_facts.cursor_id, seal_facts.owner);
  r holdfast.runs := (select runs from holdfast.runs where runs.id = c.run);
  base holdfast.snapshots := holdfast.last_snapshot(r.repository);
  scope holdfast.scope := holdfast.plan_scope(r.plan);
begin
  perform holdfast.forget_failures(scope);
  perform holdfast.forget_settled_failures(r.repository);
  return jsonb_build_object(
    'sealed_at', holdfast.utc(clock_timestamp()), 'started_at', holdfast.utc(r.started_at),
    'repository_id', (select o.repository_id from holdfast.repositories o where o.id = r.repository),
    'sequence', r.sequence, 'base_sequence', (base).sequence,
    'state', case when exists (
      select from holdfast.failures f where f.job = 'backup' and f.class = 'failed') then 'partial' else 'complete' end,
    'buckets', (select coalesce(jsonb_agg(to_jsonb(b) - 'updated_at' order by b.id), '[]')
      from holdfast.source_buckets(scope) b),
    'policies', (select coalesce(jsonb_agg(to_jsonb(p) order by p.tablename, p.policyname), '[]')
      from pg_catalog.pg_policies p where p.schemaname = 'storage' and p.tablename in ('objects', 'buckets')),
    'totals', holdfast.snapshot_totals(r.repository, base, r.sequence));
end
$$;
comment on function holdfast.seal_facts(bigint, uuid) is
  'What snapshot.json says beside its parts: times, state, buckets, policies, totals.';

create function holdfast.rival_would_collide(cursor_id bigint, owner uuid) returns boolean
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(rival_would_collide.cursor_id, rival_would_collide.owner);
begin
  return (
    select coalesce(o.conditional_writes, false) and r.sequence = o.last_record + 1
      and r.started_at > clock_timestamp() - interval '5 minutes'
    from holdfast.runs r join holdfast.repositories o on o.id = r.repository where r.id = c.run);
end
$$;
comment on function holdfast.rival_would_collide(bigint, uuid) is
  'Whether another writer since this run compared heads would have written the very record that this run is about to write: then the server''s refusal tells, and the log need not be listed again (see assertNoRival in open.ts).';

create function holdfast.freeze_snapshot(cursor_id bigint, owner uuid, document text) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(freeze_snapshot.cursor_id, freeze_snapshot.owner);
begin
  update holdfast.runs r set frozen = freeze_snapshot.document, state = 'sealing'
  where r.id = c.run and r.frozen is null;
  -- A commit like any other: what follows expects it.
  perform holdfast.commit_cursor(c.id, freeze_snapshot.owner, c.position, '{}');
end
$$;
comment on function holdfast.freeze_snapshot(bigint, uuid, text) is
  'Keeps the exact bytes of snapshot.json; from here the run can only be sealed.';

create function holdfast.seal_run(cursor_id bigint, owner uuid, done jsonb) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(seal_run.cursor_id, seal_run.owner);
  r holdfast.runs := (select runs from holdfast.runs where runs.id = c.run);
begin
  perform holdfast.save_snapshot(r.repository, r.frozen::jsonb);
  perform holdfast.finish_cursor(c.id, seal_run.owner, seal_run.done);
  perform holdfast.end_run(r.id, 'succeeded', result => jsonb_build_object(
    'snapshot', r.frozen::jsonb -> 'id', 'state', r.frozen::jsonb -> 'state', 'totals', r.frozen::jsonb -> 'totals'));
end
$$;
comment on function holdfast.seal_run(bigint, uuid, jsonb) is
  'Marks a run sealed: its snapshot joins the catalog and the log record counts as known.';

-- supabase/schemas/functions/import.sql

-- Import: the repository's records and listings, into the catalog.

-- A snapshot does not always build on the one before it in the log: a record that came late, after the
-- next run had sealed, stands before that run's. Then its parts say nothing of what the late one holds,
-- and an import has to start over with the full listing that they begin with.
create function holdfast.import_begin(cursor_id bigint, owner uuid) returns jsonb
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(import_begin.cursor_id, import_begin.owner);
  r holdfast.runs := (select runs from holdfast.runs where runs.id = c.run);
begin
  return (
    select jsonb_build_object('position', c.position, 'base', base.sequence,
      'base_parts', jsonb_path_query_array(base.document, '$.parts[*].key'),
      'last_record', o.last_record, 'repository_id', o.repository_id)
    from holdfast.repositories o left join lateral holdfast.last_snapshot(o.id) as base on true
    where o.id = r.repository);
end
$$;
comment on function holdfast.import_begin(bigint, uuid) is
  'Which repository an import is of, and how far it is: its position, the newest snapshot in the catalog with the keys of its parts, and the last record it holds.';

create function holdfast.import_page(cursor_id bigint, owner uuid, sequence integer, lines jsonb,
  replaces jsonb, new_position jsonb) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(import_page.cursor_id, import_page.owner);
  repo integer := (select r.repository from holdfast.runs r where r.id = c.run);
begin
  -- Once, before the first page: an import's own entries lie above the base too. And not before
  -- there is one: a log without news leaves alone what a backup copied and has not sealed yet.
  if not c.position ? 'begun' then
    perform holdfast.forget_unsealed(repo);
  end if;
  perform holdfast.put_entries(repo, import_page.sequence, lines);

  -- What an earlier part put as this same sequence is removed, too: it is in no snapshot then.
  update holdfast.entries e set removed_in = import_page.sequence
  from jsonb_to_recordset(lines) as x (op text, bucket_id text, name text)
  where x.op = 'remove' and e.repository = repo and e.bucket_id = x.bucket_id and e.name = x.name
    and e.removed_in is null and e.added_in <= import_page.sequence;

  -- A full listing says by its silence what is gone: between the keys that this page covers.
  if replaces is not null then
    update holdfast.entries e set removed_in = import_page.sequence
    where e.repository = repo and e.removed_in is null and e.added_in < import_page.sequence
      and (e.bucket_id, e.name) > (replaces ->> 'after_bucket', replaces ->> 'after_name')
      and (replaces ->> 'to_bucket' is null
        or (e.bucket_id, e.name) <= (replaces ->> 'to_bucket', replaces ->> 'to_name'));
  end if;
  perform holdfast.commit_cursor(c.id, import_page.owner, new_position || '{"begun": true}',
    jsonb_build_object('entries_imported', jsonb_array_length(lines)));
end
$$;
comment on function holdfast.import_page(bigint, uuid, integer, jsonb, jsonb, jsonb) is
  'Applies lines of a listing to the catalog as a sequence; replaces bounds what a full listing closes.';

create function holdfast.import_record(cursor_id bigint, owner uuid, record jsonb, document jsonb) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(import_record.cursor_id, import_record.owner);
  repo integer := (select r.repository from holdfast.runs r where r.id = c.run);
begin
  if import_record.document is not null then
    if not c.position ? 'begun' then
      perform holdfast.forget_unsealed(repo);
    end if;
    c.position := '{"begun": true}';
    perform holdfast.save_snapshot(repo, import_record.document);
  end if;
  update holdfast.repositories r
  set last_record = greatest(r.last_record, (record ->> 'sequence')::integer),
    owner_project = case when record ->> 'kind' = 'owner' then record ->> 'project_url' else r.owner_project end
  where r.id = repo;
  perform holdfast.commit_cursor(c.id, import_record.owner, c.position,
    jsonb_build_object('snapshots_imported', (import_record.document is not null)::integer));
end
$$;
comment on function holdfast.import_record(bigint, uuid, jsonb, jsonb) is
  'Counts a log record as known; its snapshot, if it is of one, joins the catalog whole.';

create function holdfast.import_done(cursor_id bigint, owner uuid) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(import_done.cursor_id, import_done.owner);
  r holdfast.runs := (select runs from holdfast.runs where runs.id = c.run);
begin
  perform holdfast.finish_cursor(c.id, import_done.owner);
  if r.kind = 'import' then
    perform holdfast.end_run(r.id, 'succeeded', result => jsonb_build_object(
      'newest_snapshot', holdfast.newest_snapshot_id(r.repository)));
  end if;
end
$$;
comment on function holdfast.import_done(bigint, uuid) is
  'Ends the import stage: of an import, the run; of a restore, the way to its plan.';

-- supabase/schemas/functions/restore_plan.sql

-- Planning a restore: the snapshot, what would be done, the buckets.

-- The restore job's SQL: which snapshot, what it would do, one page of it, and the patch of what
-- Storage's API can't set. A restore deletes nothing.
create function holdfast.resolve_snapshot(repository integer, wanted text) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
declare
  found holdfast.snapshots;
  newest text;
begin
  if wanted = 'latest' then
    select s.* into found from holdfast.snapshots s
    where s.repository = resolve_snapshot.repository and s.state = 'complete' order by s.sequence desc limit 1;
  elsif wanted ~ '^\d{8}T\d{6}Z-\d+$' then
    select s.* into found from holdfast.snapshots s
    where s.repository = resolve_snapshot.repository and s.id = wanted;
  else
    select s.* into found from holdfast.snapshots s
    where s.repository = resolve_snapshot.repository and s.state = 'complete'
      and s.sealed_at <= wanted::timestamptz order by s.sequence desc limit 1;
  end if;
  if found.id is not null then
    return jsonb_build_object('sequence', found.sequence, 'id', found.id, 'state', found.state,
      -- Whoever asks for the latest should know of one that is newer and incomplete.
      'newer_partial', (select s.id from holdfast.snapshots s
        where s.repository = resolve_snapshot.repository and s.sequence > found.sequence
          and s.state = 'partial' and wanted = 'latest' order by s.sequence desc limit 1));
  end if;
  select string_agg(n.id || ' (' || n.state || ')', ', ' order by n.sequence desc) into newest from (
    select * from holdfast.snapshots s where s.repository = resolve_snapshot.repository
    order by s.sequence desc limit 5) as n;
  raise exception 'snapshot_unknown' using errcode = 'HF000',
    detail = format('There is no snapshot %s.', wanted),
    hint = case when newest is null then 'The repository holds no snapshot yet.'
      else 'The newest are: ' || newest || '.' end;
end
$$;
comment on function holdfast.resolve_snapshot(integer, text) is
  'The snapshot of an id, of a time (the newest complete one sealed by then) or latest; raises snapshot_unknown.';

create function holdfast.snapshot_ids(repository integer, wanted text, newest integer) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select coalesce(jsonb_agg(s.id order by s.sequence desc), '[]') from (
    (select * from holdfast.snapshots s where s.repository = snapshot_ids.repository
      order by s.sequence desc limit snapshot_ids.newest)
    union
    select * from holdfast.snapshots s
    where s.repository = snapshot_ids.repository and s.id = snapshot_ids.wanted) as s
$$;
comment on function holdfast.snapshot_ids(integer, text, integer) is
  'Ids of the newest snapshots in the catalog, and of the wanted one if it is there.';

create function holdfast.snapshot_buckets(repository integer, sequence integer) returns setof jsonb
  language sql stable security definer set search_path = ''
as $$
  with listed as (
    select b from holdfast.snapshots s, jsonb_array_elements(s.document -> 'buckets') b
    where s.repository = snapshot_buckets.repository and s.sequence = snapshot_buckets.sequence
  )
  select l.b from listed l where coalesce(l.b ->> 'type', 'STANDARD') = 'STANDARD'
  union all
  -- A bucket that was deleted between the sweep and the seal: its objects are in the snapshot.
  select jsonb_build_object('id', held, 'name', held, 'public', false, 'file_size_limit', null,
    'allowed_mime_types', null)
  from holdfast.sweep_buckets(row('{}', null, null, null)::holdfast.scope, snapshot_buckets.repository) held
  where not exists (select from listed l where l.b ->> 'id' = held) and exists (
    select from holdfast.entries e
    where e.repository = snapshot_buckets.repository and e.bucket_id = held
      and e.added_in <= snapshot_buckets.sequence
      and (e.removed_in is null or e.removed_in > snapshot_buckets.sequence))
$$;
comment on function holdfast.snapshot_buckets(integer, integer) is
  'The buckets of a snapshot with all their settings; private and without limits where only its objects tell of one.';

create function holdfast.restore_planned(cursor_id bigint, owner uuid) returns jsonb
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(restore_planned.cursor_id, restore_planned.owner);
  r holdfast.runs := (select runs from holdfast.runs where runs.id = c.run);
  snapshot jsonb;
  report jsonb;
begin
  -- Whoever has not counted before does it here, as well as it goes in one statement.
  while not holdfast.restore_count(c.id, restore_planned.owner) loop
  end loop;
  c := holdfast.require_lease(c.id, restore_planned.owner);
  snapshot := c.position -> 'snapshot';
  report := c.position -> 'totals' || jsonb_build_object(
    'snapshot', snapshot -> 'id', 'snapshot_state', snapshot -> 'state',
    'newer_partial', snapshot -> 'newer_partial', 'dry_run', r.plan -> 'dry_run',
    'overwrite', r.plan -> 'overwrite', 'sequence', snapshot -> 'sequence',
    'would_overwrite', c.position -> 'would_overwrite',
    'buckets_to_create', coalesce((
      select jsonb_agg(b ->> 'id' order by b ->> 'id') from holdfast.snapshot_buckets(r.repository, (snapshot ->> 'sequence')::integer) b
      where not exists (select from storage.buckets t where t.id = b ->> 'id')), '[]'),
    'missing_policies', coalesce((
      select jsonb_agg(p) from holdfast.snapshots s, jsonb_array_elements(s.document -> 'policies') p
      where s.repository = r.repository and s.sequence = (snapshot ->> 'sequence')::integer
        and not exists (select from pg_catalog.pg_policies t where t.schemaname = 'storage'
          and t.tablename = p ->> 'tablename' and t.policyname = p ->> 'policyname')), '[]'));
  if (r.plan ->> 'dry_run')::boolean then
    perform holdfast.finish_cursor(c.id, restore_planned.owner);
    perform holdfast.end_run(r.id, 'succeeded', result => report);
    return report;
  end if;
  update holdfast.runs set result = report where id = r.id;
  -- Into one's own repository, what is restored is recorded, so that the next backup copies nothing.
  if (select o.owner_project from holdfast.repositories o where o.id = r.repository)
    = holdfast.setting('project_url') #>> '{}' then
    perform holdfast.take_sequence(r.id, r.repository);
  end if;
  insert into holdfast.cursors (run, stage) values (r.id, 'buckets');
  perform holdfast.finish_cursor(c.id, restore_planned.owner);
  return report;
end
$$;
comment on function holdfast.restore_planned(bigint, uuid) is
  'Reports what a restore would do, as it was counted; a dry run ends here, else the buckets follow.';

-- What a restore would do is counted window by window, as a sweep goes: one statement over millions of
-- entries would not end within the time that it may take, and the restore would never begin.
create function holdfast.restore_window(repository integer, sequence integer, bucket_id text, from_name text,
  to_name text) returns jsonb
  language plpgsql stable security definer set search_path = '' set plan_cache_mode = force_custom_plan
  -- As for window_differs; and no loop over both tables, as for mark_missing.
  set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_nestloop = off
  set max_parallel_workers_per_gather = 0
as $$
begin
  return (
    with compared as materialized (
      select e.name, e.blob is null as unavailable, o.id is not null as present,
        -- Of each for itself: joined, all blobs of the repository would be read for each window.
        (select b.size from holdfast.blobs b where b.id = e.blob) as size,
        -- Whether the catalog knows what the target has as these bytes. Never by etag. Nearly always by
        -- the entry itself; else by another of the same name.
        o.id is not null and e.blob is not null and (e.version = o.version and not e.assumed or exists (
          select from holdfast.known_entries k
          where k.repository = restore_window.repository and k.bucket_id = restore_window.bucket_id
            and k.name >= restore_window.from_name and k.name <= restore_window.to_name
            and k.name = e.name and k.version = o.version and k.blob = e.blob and not k.assumed)) as right
      from (
        select * from holdfast.known_entries k
        where k.repository = restore_window.repository and k.bucket_id = restore_window.bucket_id
          and k.name >= restore_window.from_name and k.name <= restore_window.to_name
          and k.added_in <= restore_window.sequence
          and (k.removed_in is null or k.removed_in > restore_window.sequence)
      ) e left join (
        select * from holdfast.source_objects s
        where s.bucket_id = restore_window.bucket_id collate "default"
          and s.name >= restore_window.from_name and s.name <= restore_window.to_name
      ) o on o.name = e.name
    )
    select jsonb_build_object(
      'totals', jsonb_build_object(
        'objects', count(*) filter (where not unavailable),
        'bytes', coalesce(sum(size), 0),
        'unavailable', count(*) filter (where unavailable),
        'to_restore', count(*) filter (where not present and not unavailable),
        'bytes_to_restore', coalesce(sum(size) filter (where not present), 0),
        'already_right', count(*) filter (where "right"),
        'to_compare', count(*) filter (where present and not unavailable and not "right")),
      'would_overwrite', to_jsonb((coalesce(array_agg(restore_window.bucket_id || '/' || name order by name)
        filter (where present and not unavailable and not "right"), '{}'))[1:100]))
    from compared);
end
$$;
comment on function holdfast.restore_window(integer, integer, text, text, text) is
  'What a restore of a snapshot would do in one window of names: counts, and the first 100 that are there with other or unknown bytes.';

create function holdfast.restore_count(cursor_id bigint, owner uuid, window_rows integer default 50000,
  max_seconds numeric default 5)
  returns boolean language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(restore_count.cursor_id, restore_count.owner);
  r holdfast.runs := (select runs from holdfast.runs where runs.id = c.run);
  until timestamptz := clock_timestamp() + make_interval(secs => restore_count.max_seconds::float);
  snapshot jsonb := coalesce(c.position -> 'snapshot', holdfast.resolve_snapshot(r.repository, r.plan ->> 'snapshot'));
  bucket text := c.position ->> 'bucket';
  from_name text := coalesce(c.position ->> 'from', '');
  to_name text;
  totals jsonb := coalesce(c.position -> 'totals', '{"objects": 0, "bytes": 0, "unavailable": 0, "to_restore": 0,
    "bytes_to_restore": 0, "already_right": 0, "to_compare": 0}');
  would_overwrite jsonb := coalesce(c.position -> 'would_overwrite', '[]');
  counted boolean := coalesce((c.position ->> 'counted')::boolean, false);
  compared jsonb;
begin
  if counted then
    return true;
  end if;
  loop
    to_name := holdfast.window_end(r.repository, bucket, from_name, null, restore_count.window_rows);
    if to_name is null then
      bucket := (
        select e.bucket_id from holdfast.entries e
        where e.repository = r.repository and e.bucket_id > coalesce(bucket, '') order by e.bucket_id limit 1);
      from_name := '';
      counted := bucket is null;
    else
      compared := holdfast.restore_window(r.repository, (snapshot ->> 'sequence')::integer, bucket, from_name, to_name);
      totals := holdfast.add_counters(totals, compared -> 'totals');
      would_overwrite := (
        select coalesce(jsonb_agg(w.place order by w.n), '[]')
        from jsonb_array_elements(would_overwrite || (compared -> 'would_overwrite')) with ordinality as w (place, n)
        where w.n <= 100);
      from_name := to_name || chr(1);
    end if;
    exit when counted or clock_timestamp() >= until;
  end loop;
  perform holdfast.commit_cursor(c.id, restore_count.owner, jsonb_build_object('snapshot', snapshot, 'bucket', bucket,
    'from', from_name, 'totals', totals, 'would_overwrite', would_overwrite, 'counted', counted), '{}');
  return counted;
end
$$;
comment on function holdfast.restore_count(bigint, uuid, integer, numeric) is
  'Counts for some seconds what a restore would do, window by window, and commits it; returns whether that was all.';

create function holdfast.restore_buckets(cursor_id bigint, owner uuid) returns jsonb
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(restore_buckets.cursor_id, restore_buckets.owner);
  r holdfast.runs := (select runs from holdfast.runs where runs.id = c.run);
begin
  return (
    select coalesce(jsonb_agg(b || jsonb_build_object('exists', t.id is not null,
      'made', case
        when t.id is null then 'no'
        when c.position -> 'made' ? (b ->> 'id') then 'yes'
        when c.position -> 'asked' ? (b ->> 'id') or holdfast.left_by_restore(t.id, t.created_at) then 'perhaps'
        else 'no' end) order by b ->> 'id'), '[]')
    from holdfast.snapshot_buckets(r.repository, (r.result ->> 'sequence')::integer) b
      left join storage.buckets t on t.id = b ->> 'id');
end
$$;
comment on function holdfast.restore_buckets(bigint, uuid) is
  'The snapshot''s buckets with all their settings, whether the target has them, and whether this run made them: perhaps, where it asked for one and had no answer.';

-- supabase/schemas/functions/restore_objects.sql

-- Restoring objects, page by page.

create function holdfast.restore_begin(cursor_id bigint, owner uuid, buckets jsonb) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(restore_begin.cursor_id, restore_begin.owner);
begin
  -- What the API can't set of a bucket that this run made, or would not; live ones are not touched.
  update storage.buckets t
  set name = case when exists (select from storage.buckets other where other.name = b ->> 'name') then t.name
      else b ->> 'name' end,
    owner_id = b ->> 'owner_id',
    -- Read as a double, the largest is one above what there is.
    file_size_limit = case when b ->> 'file_size_limit' is not null
      then least((b ->> 'file_size_limit')::numeric, 9223372036854775807)::bigint end,
    avif_autodetection = coalesce((b ->> 'avif_autodetection')::boolean, t.avif_autodetection),
    created_at = coalesce((b ->> 'created_at')::timestamptz, t.created_at)
  from jsonb_array_elements(buckets) b
  where t.id = b ->> 'id' and (b ->> 'made' = 'yes' or b ->> 'made' = 'perhaps'
    and (t.created_at >= (c.position ->> 'since')::timestamptz or holdfast.left_by_restore(t.id, t.created_at))
    and holdfast.as_asked(to_jsonb(t), b));
  update holdfast.runs r
  set result = r.result || jsonb_build_object('buckets_refused', (
    select jsonb_object_agg(b ->> 'id', b ->> 'refused')
    from jsonb_array_elements(buckets) b where b ->> 'refused' is not null))
  where r.id = c.run and exists (
    select from jsonb_array_elements(buckets) b where b ->> 'refused' is not null);
  insert into holdfast.cursors (run, stage, bucket_id, position)
  select c.run, 'objects', b ->> 'id', jsonb_build_object('direct', b -> 'direct')
  from jsonb_array_elements(buckets) b order by b ->> 'id';
  insert into holdfast.cursors (run, stage) select c.run, 'finish' where jsonb_array_length(buckets) = 0;
  perform holdfast.finish_cursor(c.id, restore_begin.owner);
end
$$;
comment on function holdfast.restore_begin(bigint, uuid, jsonb) is
  'Finishes the buckets stage: patches the buckets that were made, names those that were refused, and begins a cursor for each.';

create function holdfast.restore_page(cursor_id bigint, owner uuid, max_items integer) returns jsonb
  language plpgsql security definer set search_path = '' set plan_cache_mode = force_custom_plan
as $$
declare
  c holdfast.cursors := holdfast.require_lease(restore_page.cursor_id, restore_page.owner);
  r holdfast.runs := (select runs from holdfast.runs where runs.id = c.run);
  -- Up to there another lane was given entries: it may have put them, or be about to.
  fallen_to text collate "C" := c.position ->> 'fallen_to';
  page jsonb;
begin
  -- A lane that lost its lease may get it again; its own pages since the last commit count as well.
  if c.position ->> 'given_by' is distinct from restore_page.owner::text or c.attempts > 1 then
    fallen_to := greatest(fallen_to, (c.position ->> 'given_to') collate "C");
  end if;
  -- A lane leaves none behind when it goes on: these are of one that died, or that sleeps and may wake.
  update holdfast.overwrites w set doubtful_at = clock_timestamp()
  where w.run = r.id and w.bucket_id = c.bucket_id and w.put is null and w.doubtful_at is null;
  page := (
    select coalesce(jsonb_agg(jsonb_build_object(
      'bucket_id', e.bucket_id, 'name', e.name, 'version', e.version, 'metadata', e.metadata, 'code', e.code,
      'blob', e.blob, 'key', e.key, 'size', e.size, 'sha256', encode(e.sha256, 'hex'), 'part_size', e.part_size,
      'given_before', e.name <= coalesce(fallen_to, ''),
      'target', case when o.id is not null then jsonb_build_object(
        'version', o.version, 'size', o.size, 'etag', o.etag,
        'announced', exists (
          select from holdfast.overwrites w where w.bucket_id = e.bucket_id and w.name = e.name),
        'right', e.blob is not null and exists (
          select from holdfast.known_entries k
          where k.repository = r.repository and k.bucket_id = e.bucket_id and k.name = e.name
            and k.version = o.version and k.blob = e.blob and not k.assumed),
        'same_metadata', holdfast.same_metadata(o.type, o.cache_control, o.user_metadata, o.owner_id, o.created_at,
          e.type, e.cache_control, e.user_metadata, e.owner_id, e.created_at),
        'of_this_run', l.by_upload or (o.owner_id is null and coalesce(o.user_metadata, '{}') = '{}'
          and holdfast.put_by_restore(o.created_at, r.id, e.name <= coalesce(fallen_to, ''))
          and holdfast.as_inserted(o.id)),
        'held', holdfast.is_held(r.repository, o.bucket_id, o.name, o.version, o.type, o.cache_control,
          o.user_metadata, o.owner_id, o.created_at),
        'says_no_more', o.owner_id is null and coalesce(o.user_metadata, '{}') = '{}'
          and o.type is not distinct from e.type and o.cache_control is not distinct from e.cache_control) end)
      order by e.name), '[]')
    from (
      select k.* from holdfast.known_entries k
      where k.repository = r.repository and k.bucket_id = c.bucket_id and k.name >= coalesce(c.position ->> 'from', '')
        and k.added_in <= (r.result ->> 'sequence')::integer
        and (k.removed_in is null or k.removed_in > (r.result ->> 'sequence')::integer)
      order by k.name limit restore_page.max_items) as e
      left join holdfast.source_objects o on o.bucket_id = c.bucket_id collate "default" and o.name = e.name
      left join lateral holdfast.left_by_upload(o.bucket_id, o.name, o.version, o.user_metadata, o.owner_id,
        o.updated_at) as l (by_upload) on o.id is not null);
  update holdfast.cursors cc
  set position = cc.position || jsonb_strip_nulls(jsonb_build_object('given_by', restore_page.owner,
    'given_to', page -> -1 -> 'name', 'fallen_to', fallen_to))
  where cc.id = c.id;
  return page;
end
$$;
comment on function holdfast.restore_page(bigint, uuid, integer) is
  'The next entries of the snapshot, each with what the target has under its name, and whether a snapshot holds that. Notes up to where they were given to whom.';

-- Which buckets a restore made itself. Another's may come to be at any time, from a project's migrations
-- above all: its settings are not a restore's to touch, and nothing in it may be written over. So a
-- restore says which buckets it is about to ask for, and afterwards which it made.
create function holdfast.restore_asks(cursor_id bigint, owner uuid, made jsonb, asked jsonb) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(restore_asks.cursor_id, restore_asks.owner);
  new_position jsonb := jsonb_build_object('since', clock_timestamp()) || c.position
    || jsonb_build_object('made', restore_asks.made, 'asked', restore_asks.asked);
begin
  -- To ask again for the same is no progress: an outage is waited for so long and no longer.
  if not (c.position @> new_position and new_position @> c.position) then
    perform holdfast.commit_cursor(c.id, restore_asks.owner, new_position, '{}');
  end if;
end
$$;
comment on function holdfast.restore_asks(bigint, uuid, jsonb, jsonb) is
  'Commits the ids of the buckets that a restore made so far, and of those it is about to ask for or had no answer about.';

create function holdfast.as_asked(bucket jsonb, wanted jsonb) returns boolean
  language sql immutable set search_path = ''
as $$
  select bucket ->> 'name' = bucket ->> 'id' and bucket ->> 'owner_id' is null
    and bucket ->> 'public' is not distinct from wanted ->> 'public'
    -- Without one where the project's own is below it.
    and coalesce(bucket ->> 'file_size_limit' = wanted ->> 'file_size_limit', bucket ->> 'file_size_limit' is null)
    and coalesce(nullif(bucket -> 'allowed_mime_types', '[]'), 'null')
      = coalesce(nullif(wanted -> 'allowed_mime_types', '[]'), 'null')
$$;
comment on function holdfast.as_asked(jsonb, jsonb) is
  'Whether a bucket''s row is as Storage makes it that was asked for one of these settings.';

create function holdfast.wanted_words(run_id uuid, results jsonb) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select coalesce(jsonb_agg(case when w.keeps then x || jsonb_build_object('metadata', w.metadata) else x end), '[]')
  from jsonb_array_elements(wanted_words.results) x
    left join lateral (
      -- This run's own, or what a run left that has ended.
      select w.keeps, w.metadata from holdfast.overwrites w join holdfast.runs r on r.id = w.run
      where w.bucket_id = x ->> 'bucket_id' and w.name = x ->> 'name' and (w.run = wanted_words.run_id
        or (w.put is null and exists (
          select from holdfast.source_objects o
          where o.bucket_id = x ->> 'bucket_id' and o.name = x ->> 'name'
            and o.version = x ->> 'restored_version' and o.version <> w.version
            -- An upload over a row leaves its time; one that somebody made anew has another.
            and o.created_at is not distinct from (w.metadata ->> 'created_at')::timestamptz
            and o.updated_at between r.started_at and r.ended_at + interval '15 minutes')))
      order by w.run = wanted_words.run_id desc, w.keeps desc limit 1) as w on true
  where x ->> 'restored_version' is not null
$$;
comment on function holdfast.wanted_words(uuid, jsonb) is
  'Of a page''s results those that were put, each with what its row is to say: what it said before where only bytes were lost, else what the snapshot lists.';

-- A very old row has no version, and is told apart by what the view of the source says in its place. Patched
-- by its column, no such row was found, and a restore said that it had put back what it had not.
create function holdfast.patch_objects(results jsonb) returns boolean
  language plpgsql security definer set search_path = ''
as $$
declare
  times_too boolean := true;
  assignments text := (
    select string_agg(format('%I = %s', a.name, a.value), ', ') from (values
      ('owner_id', $v$x.metadata ->> 'owner_id'$v$),
      ('owner', $v$case when x.metadata ->> 'owner_id' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
        then (x.metadata ->> 'owner_id')::uuid end$v$),
      ('user_metadata', $v$holdfast.user_metadata_of(x.metadata)$v$),
      ('metadata', $v$coalesce(nullif(o.metadata, 'null'), '{}') || jsonb_strip_nulls(jsonb_build_object(
        'mimetype', x.metadata -> 'type', 'cacheControl', x.metadata -> 'cache_control'))$v$),
      ('created_at', $v$coalesce((x.metadata ->> 'created_at')::timestamptz, o.created_at)$v$),
      ('updated_at', $v$coalesce((x.metadata ->> 'updated_at')::timestamptz, o.updated_at)$v$)) as a (name, value)
    where exists (
      select from pg_catalog.pg_attribute c
      where c.attrelid = 'storage.objects'::regclass and c.attname = a.name and not c.attisdropped));
begin
  begin
    -- The trigger of storage.objects would set updated_at to now. Only this statement is let off it.
    set local session_replication_role = 'replica';
  exception when insufficient_privilege then
    times_too := false;
  end;
  -- Only where the version is still the one just put; id and version are never touched.
  execute format($update$
    update storage.objects o set %s
    from jsonb_to_recordset($1) as x (bucket_id text, name text, restored_version text, metadata jsonb)
      join holdfast.source_objects s on s.bucket_id = x.bucket_id collate "default" and s.name = x.name
        and s.version = x.restored_version
    -- Of the row itself once more: where an upload came in between, only that is looked at again.
    where o.id = s.id and o.bucket_id = x.bucket_id and o.name = x.name
      and (o.version is null or o.version::text = x.restored_version)$update$,
    assignments) using patch_objects.results;
  if times_too then
    set local session_replication_role = 'origin';
  end if;
  return times_too;
end
$$;
comment on function holdfast.patch_objects(jsonb) is
  'Puts back what Storage''s API can''t set: owner, created_at, user metadata and, where the server lets it, updated_at. Returns whether it did.';

create function holdfast.restore_commit(cursor_id bigint, owner uuid, results jsonb, to_name text, done jsonb)
  returns void language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(restore_commit.cursor_id, restore_commit.owner);
  r holdfast.runs := (select runs from holdfast.runs where runs.id = c.run);
  patched jsonb := holdfast.wanted_words(r.id, restore_commit.results);
  counters jsonb := restore_commit.done;
begin
  if jsonb_array_length(patched) > 0 and not holdfast.patch_objects(patched) then
    counters := counters || jsonb_build_object('updated_at_not_set', jsonb_array_length(patched));
  end if;
  if r.sequence is not null and jsonb_array_length(patched) > 0 then
    perform holdfast.put_entries(r.repository, r.sequence, (
      select coalesce(jsonb_agg(jsonb_build_object('bucket_id', o.bucket_id, 'name', o.name, 'object_id', o.id,
        'version', o.version, 'metadata', o.metadata, 'blob', x.blob)), '[]')
      from jsonb_to_recordset(patched) as x (bucket_id text, name text, restored_version text, blob bigint)
        join holdfast.source_objects o on o.bucket_id = x.bucket_id and o.name = x.name
          and o.version = x.restored_version));
  end if;
  perform holdfast.take_over_overwrites(r.id, patched);
  perform holdfast.settle_overwrites(r.id, restore_commit.results);
  perform holdfast.record_failures(r.id, 'restore', restore_commit.results);
  perform holdfast.commit_cursor(c.id, restore_commit.owner,
    -- What was not begun of the page is given again, as if for the first time.
    c.position || jsonb_build_object('from', restore_commit.to_name || chr(1), 'given_to', restore_commit.to_name),
    counters);
end
$$;
comment on function holdfast.restore_commit(bigint, uuid, jsonb, text, jsonb) is
  'Commits a page of a restore: the rows'' patch, the entries of one''s own repository, failures and position, in one transaction.';

create function holdfast.restore_done(cursor_id bigint, owner uuid) returns void
  language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(restore_done.cursor_id, restore_done.owner);
  totals jsonb;
begin
  perform holdfast.finish_cursor(c.id, restore_done.owner);
  select coalesce(jsonb_object_agg(t.key, t.total), '{}') into totals from (
    select n.key, sum(n.value::numeric) as total
    from holdfast.cursors cc, jsonb_each_text(cc.counters) n where cc.run = c.run group by n.key) as t;
  perform holdfast.end_run(c.run, 'succeeded',
    result => (select r.result || jsonb_build_object('did', totals) from holdfast.runs r where r.id = c.run));
end
$$;
comment on function holdfast.restore_done(bigint, uuid) is 'Ends a restore, with what it did beside what it had planned.';

-- supabase/schemas/functions/restore_overwrites.sql

-- Objects that a restore writes over: what was there, and what comes late.

create function holdfast.is_held(repository integer, bucket_id text, name text, version text, type text,
  cache_control text, user_metadata jsonb, owner_id text, created_at timestamptz) returns boolean
  language sql stable security definer set search_path = ''
as $$
  select exists (
    select from holdfast.known_entries h join holdfast.snapshots s on s.repository = h.repository
      and s.sequence >= h.added_in and (h.removed_in is null or h.removed_in > s.sequence)
    where h.repository = is_held.repository and h.bucket_id = is_held.bucket_id and h.name = is_held.name
      and h.version = is_held.version and h.blob is not null
      and holdfast.same_metadata(is_held.type, is_held.cache_control, is_held.user_metadata, is_held.owner_id,
        is_held.created_at, h.type, h.cache_control, h.user_metadata, h.owner_id, h.created_at))
$$;
comment on function holdfast.is_held(integer, text, text, text, text, text, jsonb, text, timestamptz) is
  'Whether a sealed snapshot holds this version of an object with what its row says: writing over it loses nothing.';

create function holdfast.restore_overwrites(cursor_id bigint, owner uuid, bucket_id text, name text, version text,
  keeps boolean) returns boolean language plpgsql security definer set search_path = ''
as $$
declare
  c holdfast.cursors := holdfast.require_lease(restore_overwrites.cursor_id, restore_overwrites.owner);
  r holdfast.runs := (select runs from holdfast.runs where runs.id = c.run);
  -- A version may be edited under the lane's eyes: what is to go must still be in a snapshot.
  said jsonb := (select o.metadata from holdfast.source_objects o
    where o.bucket_id = restore_overwrites.bucket_id and o.name = restore_overwrites.name
      and o.version = restore_overwrites.version
      and (restore_overwrites.keeps or holdfast.is_held(r.repository, o.bucket_id, o.name, o.version, o.type,
        o.cache_control, o.user_metadata, o.owner_id, o.created_at)));
begin
  if said is null then
    return false;
  end if;
  -- Written down twice: the upload of the first time had no answer, and may still come. As long as the
  -- version is the one of then, none has come, and what the row says is the user's.
  insert into holdfast.overwrites as w (run, bucket_id, name, version, metadata, keeps)
  values (c.run, restore_overwrites.bucket_id, restore_overwrites.name, restore_overwrites.version, said,
    restore_overwrites.keeps)
  on conflict on constraint overwrites_pkey do update set
    doubtful_at = coalesce(w.doubtful_at, clock_timestamp()),
    metadata = case when w.version = excluded.version then excluded.metadata else w.metadata end,
    keeps = case when w.version = excluded.version then excluded.keeps else w.keeps end;
  return true;
end
$$;
comment on function holdfast.restore_overwrites(bigint, uuid, text, text, text, boolean) is
  'Writes down that a lane is about to write over a version of an object; false where another one is there by now, or it was edited and no snapshot holds that.';

create function holdfast.settle_overwrites(run_id uuid, results jsonb) returns void
  language sql security definer set search_path = ''
as $$
  -- A late one may have come since the bytes were read back: then the row says another etag by now. Where
  -- nothing was put at last, one may still come, and brings the bytes that the row tells of.
  update holdfast.overwrites w set put = coalesce(x.restored_version, w.version),
    etag = case when x.restored_version is null then w.metadata ->> 'etag' else coalesce(x.restored_etag, (
      select o.etag from holdfast.source_objects o
      where o.bucket_id = x.bucket_id and o.name = x.name and o.version = x.restored_version)) end
  from jsonb_to_recordset(settle_overwrites.results)
    as x (bucket_id text, name text, restored_version text, restored_etag text)
  where w.run = settle_overwrites.run_id and w.bucket_id = x.bucket_id and w.name = x.name
    and w.doubtful_at is not null and (x.restored_version is not null or w.keeps);
  -- What landed and could not be patched is for the next restore, as is what never was committed.
  delete from holdfast.overwrites w
  using jsonb_to_recordset(settle_overwrites.results) as x (bucket_id text, name text, restored_version text)
  where w.run = settle_overwrites.run_id and w.bucket_id = x.bucket_id and w.name = x.name
    and w.put is null and w.doubtful_at is null
    and (x.restored_version is not null or exists (
      select from holdfast.source_objects o
      where o.bucket_id = x.bucket_id and o.name = x.name and o.version = w.version));
$$;
comment on function holdfast.settle_overwrites(uuid, jsonb) is
  'Takes out what a page has written over; what another lane may still be at stays, with what was put.';

create function holdfast.left_by_upload(bucket_id text, name text, version text, user_metadata jsonb, owner_id text,
  updated_at timestamptz) returns boolean
  language sql stable security definer set search_path = ''
as $$
  select coalesce(left_by_upload.user_metadata, '{}') = '{}' and exists (
    select from holdfast.overwrites w join holdfast.runs r on r.id = w.run
    where w.bucket_id = left_by_upload.bucket_id and w.name = left_by_upload.name
      and w.version <> left_by_upload.version
      and (left_by_upload.owner_id is null or left_by_upload.owner_id = w.metadata ->> 'owner_id')
      and left_by_upload.updated_at >= r.started_at
      and left_by_upload.updated_at <= coalesce(r.ended_at, clock_timestamp()) + interval '15 minutes')
$$;
comment on function holdfast.left_by_upload(text, text, text, jsonb, text, timestamptz) is
  'Whether a row is as the upload of a restore leaves it that was written down and never committed.';

-- What a restore wrote down and never did stays for seven days, for the next restore to know. For as long
-- the tick took the same bytes for an upload that came late, and gave a user's own the words of before. And
-- it took what a later restore had just put for one: that found other words there than a slice leaves, and
-- left them. So a later restore has what it puts to itself, and what may still come late is to say its words.
create function holdfast.mend_overwrites() returns jsonb
  language plpgsql security definer set search_path = '' set lock_timeout = '1s'
as $$
declare
  late jsonb;
  mended integer := 0;
  not_mended text;
begin
  -- The same bytes once more, and not a word of a user's beside them: an upload that came late, or one of
  -- a run that ended before it could say so, where the row is to say what it said.
  for late in
    select jsonb_build_object('run', w.run, 'bucket_id', w.bucket_id, 'name', w.name, 'etag', o.etag,
      'restored_version', o.version, 'metadata', case when w.keeps then w.metadata else e.metadata end)
    from holdfast.overwrites w join holdfast.runs r on r.id = w.run
      cross join lateral (
        select s.* from holdfast.source_objects s
        where s.bucket_id = w.bucket_id collate "default" and s.name = w.name) as o
      cross join lateral (
        select k.* from holdfast.known_entries k
        where k.repository = r.repository and k.bucket_id = w.bucket_id and k.name = w.name
          and k.added_in <= (r.result ->> 'sequence')::integer
          and (k.removed_in is null or k.removed_in > (r.result ->> 'sequence')::integer)) as e
    where (w.put is not null or (w.keeps and r.ended_at is not null
        -- What comes later is a user's, who puts back what no restore has.
        and o.updated_at between r.started_at and r.ended_at + interval '15 minutes'))
      -- An upload over a row leaves its time, as it was put back; one that somebody made anew has another.
      and o.created_at is not distinct from coalesce(
        (case when w.keeps then w.metadata else e.metadata end ->> 'created_at')::timestamptz, o.created_at)
      -- What a restore sends is of the listed type, where a header can say it.
      and (o.type is not distinct from e.type or o.type = 'application/octet-stream')
      and (o.cache_control is not distinct from e.cache_control or o.cache_control = 'no-cache')
      and not exists (
        select from holdfast.runs other
        where other.kind = 'restore' and other.state = 'running' and other.plan ->> 'dry_run' = 'false'
          and other.id <> w.run)
      and o.version <> coalesce(w.put, w.version) and o.etag = coalesce(w.etag, w.metadata ->> 'etag')
      and o.size = e.size and coalesce(o.user_metadata, '{}') = '{}'
      and (o.owner_id is null or o.owner_id in (w.metadata ->> 'owner_id', e.metadata ->> 'owner_id'))
  loop
    begin
      perform holdfast.patch_objects(jsonb_build_array(late));
      update holdfast.overwrites w set put = late ->> 'restored_version', etag = late ->> 'etag',
        doubtful_at = coalesce(w.doubtful_at, clock_timestamp())
      where w.run = (late ->> 'run')::uuid and w.bucket_id = late ->> 'bucket_id' and w.name = late ->> 'name';
      mended := mended + 1;
    exception when others then
      -- A trigger of the project's, or somebody who holds the row: the next minute tries again, and
      -- nothing else of the tick's is kept from going on.
      not_mended := format('%s/%s: %s', late ->> 'bucket_id', late ->> 'name', sqlerrm);
    end;
  end loop;
  -- No upload is under way for longer than a quarter of an hour; what was never committed tells the next
  -- restore what it may patch.
  delete from holdfast.overwrites w
  where w.put is not null and w.doubtful_at < now() - interval '15 minutes';
  delete from holdfast.overwrites w using holdfast.runs r
  where w.put is null and r.id = w.run and r.ended_at < now() - interval '7 days';
  return jsonb_strip_nulls(jsonb_build_object('mended', nullif(mended, 0), 'not_mended', not_mended));
end
$$;
comment on function holdfast.mend_overwrites() is
  'Puts back what rows said where an upload came late over a restored object; forgets what is over. Returns how many rows were patched, and why one was not.';

create function holdfast.take_over_overwrites(run_id uuid, patched jsonb) returns void
  language sql security definer set search_path = ''
as $$
  with taken as (
    delete from holdfast.overwrites w
    using jsonb_to_recordset(take_over_overwrites.patched) as x (bucket_id text, name text, metadata jsonb)
    where w.run <> take_over_overwrites.run_id and w.bucket_id = x.bucket_id and w.name = x.name
    returning w.bucket_id, w.name, w.version, x.metadata, coalesce(w.doubtful_at, clock_timestamp()) as doubtful_at
  )
  insert into holdfast.overwrites as own (run, bucket_id, name, version, metadata, keeps, doubtful_at)
  select distinct on (t.bucket_id, t.name) take_over_overwrites.run_id, t.bucket_id, t.name, t.version, t.metadata,
    true, t.doubtful_at
  from taken t order by t.bucket_id, t.name, t.doubtful_at desc
  on conflict on constraint overwrites_pkey do update set
    doubtful_at = coalesce(own.doubtful_at, excluded.doubtful_at)
$$;
comment on function holdfast.take_over_overwrites(uuid, jsonb) is
  'Makes a restore''s own what earlier ones wrote down of objects whose rows it patches: an upload of theirs that still comes is to say what it says.';

-- Which objects a running restore may have put itself: those of pages that it has given to a lane which did
-- not commit them. All else that is made while it runs is a user's, whatever it looks like; and only what
-- may still come from a fallen lane has to go by move.
create function holdfast.put_by_restore(created_at timestamptz, run uuid, given_before boolean) returns boolean
  language sql stable security definer set search_path = ''
as $$
  -- The patch sets created_at back, so only what was put and not patched yet is as young as a run.
  -- An upload that was under way when its run was cancelled ends a little later.
  select exists (
    select from holdfast.runs r
    where r.kind = 'restore' and r.plan ->> 'dry_run' = 'false' and r.state <> 'succeeded'
      and (r.id <> put_by_restore.run or put_by_restore.given_before)
      and put_by_restore.created_at >= r.started_at
      and put_by_restore.created_at <= coalesce(r.ended_at, clock_timestamp()) + interval '3 minutes'
      and not exists (
        select from holdfast.runs later
        where later.kind = 'restore' and later.plan ->> 'dry_run' = 'false' and later.state = 'succeeded'
          and later.started_at >= r.ended_at and later.ended_at <= put_by_restore.created_at))
$$;
comment on function holdfast.put_by_restore(timestamptz, uuid, boolean) is
  'Whether an object was made while a restore ran that has not succeeded: one that died or was cancelled before it patched the row leaves such objects to the next. Of the restore that asks, only where a lane was given the object before.';

-- Buckets that an earlier restore made and ended before it could give them their settings: no size limit, no
-- owner. To the next one they were a user's, left as they are. And a bucket's name that another has by now,
-- which ended a restore before it put anything.
create function holdfast.left_by_restore(bucket_id text, created_at timestamptz) returns boolean
  language sql stable security definer set search_path = ''
as $$
  select exists (
    select from holdfast.cursors c join holdfast.runs r on r.id = c.run
    where r.kind = 'restore' and r.state in ('failed', 'cancelled') and c.stage = 'buckets' and c.finished_at is null
      and (c.position -> 'made' ? left_by_restore.bucket_id or c.position -> 'asked' ? left_by_restore.bucket_id)
      and left_by_restore.created_at between (c.position ->> 'since')::timestamptz
        and r.ended_at + interval '3 minutes')
$$;
comment on function holdfast.left_by_restore(text, timestamptz) is
  'Whether a bucket may be one that a restore asked for which ended before it patched the row.';

-- supabase/schemas/functions/scratch_buckets.sql

-- Scratch buckets that restores left.

-- Scratch buckets of restores that were cancelled, or that failed: a restore that ends well removes
-- its own.
create function holdfast.left_scratch_buckets() returns jsonb
  language sql stable security definer set search_path = ''
as $$
  -- Only of runs that this database knows: another project may have made what bears a like name.
  select coalesce(jsonb_agg(b.id order by b.id), '[]')
  from storage.buckets b join holdfast.runs r on b.id = 'holdfast-scratch-' || r.id
  where r.kind = 'restore' and r.state not in ('running', 'sealing')
$$;
comment on function holdfast.left_scratch_buckets() is
  'Ids of the scratch buckets that restores left which have ended: the tick asks holdfast-restore to remove them.';

-- supabase/schemas/functions/project.sql

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

-- supabase/schemas/functions/schedule.sql

-- The schedule: one pg_cron job starts backups.

create function holdfast.cron_values(field text, lowest integer, highest integer, names text[] default '{}')
  returns integer[] language plpgsql immutable strict set search_path = ''
as $$
declare
  part text;
  bounds text[];
  numbers integer[];
  found integer[] := '{}';
begin
  foreach part in array string_to_array(lower(field), ',') loop
    bounds := regexp_match(part, '^(?:\*|([a-z0-9]+)(?:-([a-z0-9]+))?)(?:/([1-9][0-9]?))?$');
    -- pg_cron takes steps of a star or a range only.
    if bounds is null or (bounds[1] is not null and bounds[2] is null and bounds[3] is not null) then
      return null;
    end if;
    select array_agg(coalesce(array_position(names, b.text) - 1 + lowest,
      case when b.text ~ '^[0-9]{1,2}$' then b.text::integer end) order by b.place)
    into numbers
    from unnest(array[coalesce(bounds[1], lowest::text), coalesce(bounds[2], bounds[1], highest::text)])
      with ordinality as b (text, place);
    if array_position(numbers, null) is not null or numbers[1] < lowest or numbers[2] > highest
      or numbers[1] > numbers[2] then
      return null;
    end if;
    found := found || array(select generate_series(numbers[1], numbers[2], coalesce(bounds[3], '1')::integer));
  end loop;
  return nullif(found, '{}');
end
$$;
comment on function holdfast.cron_values(text, integer, integer, text[]) is
  'The numbers that a field of a cron expression stands for; null where it is not valid.';

create function holdfast.next_time(cron_expression text, after timestamptz) returns timestamptz
  language plpgsql stable set search_path = ''
as $$
declare
  expression text := lower(btrim(next_time.cron_expression));
  fields text[] := regexp_split_to_array(case expression
    when '@hourly' then '0 * * * *' when '@daily' then '0 0 * * *' when '@midnight' then '0 0 * * *'
    when '@weekly' then '0 0 * * 0' when '@monthly' then '0 0 1 * *' when '@yearly' then '0 0 1 1 *'
    when '@annually' then '0 0 1 1 *' else expression end, '\s+');
  minutes integer[] := holdfast.cron_values(fields[1], 0, 59);
  hours integer[] := holdfast.cron_values(fields[2], 0, 23);
  -- $ is the last day of a month, for pg_cron from 1.5 on.
  days integer[] := case fields[3] when '$' then '{}' else holdfast.cron_values(fields[3], 1, 31) end;
  months integer[] := holdfast.cron_values(fields[4], 1, 12,
    '{jan,feb,mar,apr,may,jun,jul,aug,sep,oct,nov,dec}');
  -- Sunday is 0 and 7.
  weekdays integer[] := array_replace(
    holdfast.cron_values(fields[5], 0, 7, '{sun,mon,tue,wed,thu,fri,sat}'), 7, 0);
  -- cron's own rule: two restrictions of the day are an or, unless one begins with a star.
  either boolean := fields[3] !~ '^\*' and fields[5] !~ '^\*';
  today timestamp := date_trunc('day', next_time.after at time zone 'UTC');
begin
  if cardinality(fields) <> 5 or minutes is null or hours is null or days is null or months is null
    or weekdays is null then
    return null;
  end if;
  return (
    select min(due.t) from (
      select d from generate_series(today, today + interval '8 years', interval '1 day') d
        cross join lateral (select extract(day from d) = any (days)
          or (fields[3] = '$' and extract(day from d + interval '1 day') = 1)) as of_month (fits)
        cross join lateral (select extract(dow from d) = any (weekdays)) as of_week (fits)
      where extract(month from d) = any (months)
        and case when either then of_month.fits or of_week.fits else of_month.fits and of_week.fits end
      -- The first day may be over already, the second can't be.
      order by d limit 2) as day
      cross join unnest(hours) h cross join unnest(minutes) m
      cross join lateral (select (day.d + make_interval(hours => h, mins => m)) at time zone 'UTC') as due (t)
    where due.t > next_time.after);
end
$$;
comment on function holdfast.next_time(text, timestamptz) is
  'When a cron expression, in UTC as pg_cron reads it, comes due after a time; null where it is not valid or never does.';

create function holdfast.start_or_wait(started_by text) returns uuid
  language plpgsql security definer set search_path = ''
as $$
declare
  id uuid;
begin
  -- What start_run takes is given back where it refuses; a backup that waits needs the tick, too.
  perform pg_advisory_xact_lock(hashtext('holdfast'), hashtext('start_run'));
  begin
    id := holdfast.start_backup(start_or_wait.started_by);
    update holdfast.settings s set value = 'null' where s.name = 'backup_waiting' and s.value <> 'null';
    perform holdfast.post_slice(id);
    return id;
  exception when sqlstate 'HF000' then
    if sqlerrm <> 'run_in_progress' then
      raise;
    end if;
    update holdfast.settings s set value = to_jsonb(holdfast.utc(now())), updated_at = now()
    where s.name = 'backup_waiting' and s.value = 'null';
    return null;
  end;
end
$$;
comment on function holdfast.start_or_wait(text) is
  'Starts a backup, posts its first slice and returns its id; null where another run is in the way: then the tick starts it once that has ended.';

create function holdfast.start_scheduled_backup() returns text
  language plpgsql security definer set search_path = ''
as $$
declare
  id uuid := holdfast.start_or_wait('schedule');
  other holdfast.runs;
begin
  if id is not null then
    return format('Backup %s has started.', id);
  end if;
  select * into other from holdfast.runs r where r.state in ('running', 'sealing') limit 1;
  return format('The backup waits until the %s that is running has ended: %s.', other.kind, other.id);
end
$$;
comment on function holdfast.start_scheduled_backup() is
  'What the schedule runs: starts a backup, or lets it wait for the run that is in the way. Run it yourself to have one now.';

create function holdfast.schedule(cron_expression text, project_url text default null) returns text
  language plpgsql security definer set search_path = ''
as $$
declare
  next_backup timestamptz := holdfast.next_time(schedule.cron_expression, now());
begin
  if next_backup is null then
    raise exception 'schedule_invalid' using errcode = 'HF000',
      detail = format('%L is not a cron expression, or its time never comes.', schedule.cron_expression),
      hint = 'Give minute, hour, day of month, month and day of week, in UTC: ''0 2 * * *'' is each night at two.';
  end if;
  if schedule.project_url is not null then
    perform holdfast.save_project_url(schedule.project_url);
  elsif not exists (select from vault.secrets s where s.name = 'holdfast_project_url') then
    raise exception 'project_url_missing' using errcode = 'HF000',
      detail = 'Holdfast does not know the URL of this project yet, to which it posts.',
      hint = format('Name it: select holdfast.schedule(%L, ''https://<project-ref>.supabase.co'');',
        schedule.cron_expression);
  end if;
  perform pg_advisory_xact_lock(hashtext('holdfast'), hashtext('start_run'));
  begin
    perform cron.schedule('holdfast backup', btrim(schedule.cron_expression), 'select holdfast.start_scheduled_backup()');
  exception when invalid_parameter_value then
    raise exception 'schedule_invalid' using errcode = 'HF000', detail = sqlerrm,
      hint = 'This version of pg_cron does not know all of it. Use numbers, *, -, / and commas.';
  end;
  perform cron.schedule('holdfast tick', '* * * * *', 'select holdfast.tick()');
  perform holdfast.record_audit(session_user::text, 'schedule',
    jsonb_build_object('cron_expression', schedule.cron_expression, 'project_url', schedule.project_url));
  return format('Backups start at %L in UTC, next on %s. Slices are posted to %s.', btrim(schedule.cron_expression),
    to_char(next_backup at time zone 'UTC', 'YYYY-MM-DD "at" HH24:MI'),
    (select d.decrypted_secret from vault.decrypted_secrets d where d.name = 'holdfast_project_url'));
end
$$;
comment on function holdfast.schedule(text, text) is
  'Schedules backups at a cron expression in UTC, and the tick that sees to them; called again, it changes the time. The project''s URL is needed once.';

create function holdfast.unschedule() returns text
  language plpgsql security definer set search_path = ''
as $$
declare
  removed integer;
  running boolean;
begin
  perform pg_advisory_xact_lock(hashtext('holdfast'), hashtext('start_run'));
  running := exists (select from holdfast.runs r where r.state in ('running', 'sealing'));
  -- A run that is on keeps its tick, which goes when the run has ended.
  select count(cron.unschedule(j.jobid)) into removed from cron.job j
  where j.username = current_user
    and (j.jobname = 'holdfast backup' or (j.jobname = 'holdfast tick' and not running));
  perform holdfast.set('backup_waiting', 'null');
  if removed = 0 then
    return 'Nothing was scheduled.';
  end if;
  perform holdfast.record_audit(session_user::text, 'unschedule');
  return 'No backup is scheduled any more.' || case when running then ' The run that is on goes on.' else '' end;
end
$$;
comment on function holdfast.unschedule() is 'Removes the schedule and the tick, if they are there.';

-- supabase/schemas/functions/tick.sql

-- The tick: a pg_cron job that sees to the runs each minute.

create function holdfast.end_if_stuck(run_id uuid) returns boolean
  language plpgsql security definer set search_path = ''
as $$
declare
  progress timestamptz;
begin
  -- Who waits for a limit's window is not stuck.
  select greatest(holdfast.last_progress(r), case when r.paused_code = 'paused_by_limit' then r.paused_until end)
  into progress
  from holdfast.runs r where r.id = end_if_stuck.run_id;
  if progress is null or progress > clock_timestamp() - interval '6 hours' then
    return false;
  end if;
  -- The run before its cursors, as everywhere.
  perform from holdfast.runs r where r.id = end_if_stuck.run_id for update;
  perform holdfast.end_run(end_if_stuck.run_id, 'failed', 'run_stuck',
    format('The run made no progress for six hours, since %s.', holdfast.utc(progress)),
    format('See the logs of the Edge Function %s: is it deployed, and are its secrets set? Then start another run: it goes on from what was copied.',
      (select holdfast.function_of(r.kind) from holdfast.runs r where r.id = end_if_stuck.run_id)));
  return true;
end
$$;
comment on function holdfast.end_if_stuck(uuid) is
  'Ends a run as failed (run_stuck) where nothing was committed in it for six hours; returns whether it did.';

create function holdfast.maximum_age() returns interval
  language sql stable security definer set search_path = ''
as $$
  select case when jsonb_typeof(s.value) = 'number' and s.value #>> '{}' ~ '^[0-9]{1,6}(\.[0-9]+)?$'
    then make_interval(secs => 3600 * (s.value #>> '{}')::float) end
  from holdfast.settings s where s.name = 'maximum_age_hours'
$$;
comment on function holdfast.maximum_age() is 'The setting maximum_age_hours; null where it is none or not valid.';

create function holdfast.backup_due() returns boolean
  language sql stable security definer set search_path = ''
as $$
  select holdfast.setting('backup_waiting') <> 'null' or (
    holdfast.maximum_age() is not null
    and coalesce((holdfast.last_snapshot(holdfast.own_repository())).sealed_at, '-infinity')
      < now() - holdfast.maximum_age()
    -- One that fails at once would else fail each minute.
    and not exists (
      select from holdfast.runs r where r.kind = 'backup' and r.started_at > now() - interval '1 hour'))
$$;
comment on function holdfast.backup_due() is
  'Whether a backup waits for its turn, or the last snapshot is older than maximum_age_hours and none was tried within the hour.';

create function holdfast.prune_job_runs() returns integer
  language plpgsql security definer set search_path = ''
as $$
declare
  pruned integer;
begin
  -- By command and not by job: a job that was scheduled anew has another number.
  delete from cron.job_run_details d
  where d.command in ('select holdfast.tick()', 'select holdfast.start_scheduled_backup()')
    and d.start_time < now() - interval '7 days';
  get diagnostics pruned = row_count;
  return pruned;
exception when insufficient_privilege then
  return null;
end
$$;
comment on function holdfast.prune_job_runs() is
  'Removes what pg_cron recorded of Holdfast''s own jobs more than seven days ago; null where it may not.';

create function holdfast.ensure_tick() returns void
  language plpgsql security definer set search_path = ''
as $$
begin
  if not exists (select from cron.job j where j.jobname = 'holdfast tick' and j.username = current_user) then
    perform cron.schedule('holdfast tick', '* * * * *', 'select holdfast.tick()');
  end if;
end
$$;
comment on function holdfast.ensure_tick() is
  'Makes the tick''s job where there is none: a run whose slices die would else stand still where nothing is scheduled, as in a project that is restored into.';

create function holdfast.drop_idle_tick() returns void
  language plpgsql security definer set search_path = ''
as $$
begin
  -- Whoever holds it starts or schedules something. The next minute looks again, so this one need not wait.
  if not pg_try_advisory_xact_lock(hashtext('holdfast'), hashtext('start_run')) then
    return;
  end if;
  if not exists (select from cron.job j where j.jobname = 'holdfast backup')
    and not exists (select from holdfast.runs r where r.state in ('running', 'sealing'))
    and holdfast.maximum_age() is null and holdfast.setting('backup_waiting') = 'null'
    and holdfast.left_scratch_buckets() = '[]'
    and not exists (select from holdfast.overwrites w where w.put is not null) then
    perform cron.unschedule(j.jobid) from cron.job j where j.jobname = 'holdfast tick' and j.username = current_user;
  end if;
end
$$;
comment on function holdfast.drop_idle_tick() is
  'Removes the tick''s job where nothing is scheduled, nothing runs and nothing is to be cleared up; leaves it to the next tick where something is being started.';

create function holdfast.tick() returns jsonb
  language plpgsql security definer set search_path = ''
as $$
declare
  id uuid;
  posted integer := 0;
  stuck uuid[] := '{}';
  started uuid;
  refused text;
  mended jsonb;
begin
  for id in select r.id from holdfast.runs r where r.state in ('running', 'sealing') loop
    perform holdfast.resume_if_due(id);
    if holdfast.end_if_stuck(id) then
      stuck := stuck || id;
    else
      posted := posted + holdfast.post_free_lanes(id);
    end if;
  end loop;
  if holdfast.backup_due() then
    begin
      started := holdfast.start_or_wait('schedule');
    exception when sqlstate 'HF000' then
      -- What was posted above must not be rolled back.
      refused := sqlerrm;
    end;
  end if;
  if holdfast.left_scratch_buckets() <> '[]' then
    perform holdfast.post_work('holdfast-restore', '{}');
  end if;
  begin
    mended := holdfast.mend_overwrites();
  exception when others then
    -- Nothing posted above may be rolled back.
    mended := jsonb_build_object('not_mended', sqlerrm);
  end;
  perform holdfast.drop_idle_tick();
  return mended || jsonb_strip_nulls(jsonb_build_object('posted', posted, 'stuck', to_jsonb(nullif(stuck, '{}')),
    'started', started, 'refused', refused,
    -- pg_cron's table has no index that would serve.
    'pruned', case when extract(minute from now()) = 0 then holdfast.prune_job_runs() end));
end
$$;
comment on function holdfast.tick() is
  'What pg_cron runs each minute: posts a slice for each free lane, ends stuck runs, starts a backup that waits or is overdue, has scratch buckets removed and mends what came late. Returns what it did.';

-- supabase/schemas/functions/run_reports.sql

-- Runs and snapshots as the API shows them.

create function holdfast.run_counters(run_id uuid) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select coalesce(jsonb_object_agg(t.key, t.total), '{}') from (
    select n.key, sum(n.value::numeric) as total
    from holdfast.cursors c, jsonb_each_text(c.counters) n where c.run = run_counters.run_id group by n.key) as t
$$;
comment on function holdfast.run_counters(uuid) is 'What a run did so far, summed over its cursors.';

create function holdfast.run_stage(run_id uuid) returns text
  language sql stable security definer set search_path = ''
as $$
  select c.stage from holdfast.cursors c where c.run = run_stage.run_id and c.finished_at is null
  order by c.id limit 1
$$;
comment on function holdfast.run_stage(uuid) is 'The step that a run is at; null once it has ended.';

create function holdfast.run_summary(r holdfast.runs) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object(
    'id', (r).id, 'kind', (r).kind, 'state', (r).state, 'started_by', (r).started_by,
    'started_at', holdfast.utc((r).started_at), 'ended_at', holdfast.utc((r).ended_at),
    'paused', holdfast.pause_summary(r), 'code', (r).code, 'message', (r).message, 'remedy', (r).remedy, 'result', (r).result,
    'counters', holdfast.run_counters((r).id))
$$;
comment on function holdfast.run_summary(holdfast.runs) is 'A run as the functions answer it.';

create function holdfast.list_runs(max_rows integer, before timestamptz default null) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select coalesce(jsonb_agg(holdfast.run_summary(r) order by r.started_at desc), '[]')
  from (
    select * from holdfast.runs r
    where r.started_at < coalesce(list_runs.before, 'infinity')
    order by r.started_at desc limit list_runs.max_rows) as r
$$;
comment on function holdfast.list_runs(integer, timestamptz) is 'The newest runs, or the newest of those that began before a time.';

create function holdfast.show_run(run_id uuid, function_name text default null) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select holdfast.run_summary(r) || jsonb_build_object(
    -- By name, so that nothing that a plan may come to hold is shown unasked.
    'plan', (select coalesce(jsonb_object_agg(p.key, p.value), '{}') from jsonb_each(r.plan) p
      where p.key in ('settings', 'snapshot', 'dry_run', 'overwrite', 'take_over')),
    'stage', holdfast.run_stage(r.id),
    'cursors', (select jsonb_build_object('finished', count(*) filter (where c.finished_at is not null),
        'open', count(*) filter (where c.finished_at is null),
        'leased', count(*) filter (where c.lease_expires_at > clock_timestamp()))
      from holdfast.cursors c where c.run = r.id),
    'failures_total', (select count(*) from holdfast.failures f where f.run = r.id),
    'failures', (select coalesce(jsonb_agg(jsonb_build_object('bucket', f.bucket_id, 'name', f.name,
          'class', f.class, 'code', f.code, 'message', f.message, 'attempts', f.attempts)
          order by f.last_at desc, f.id desc), '[]')
      from (select * from holdfast.failures f where f.run = r.id order by f.last_at desc, f.id desc limit 100) as f))
  from holdfast.runs r
  where r.id = show_run.run_id
    and (show_run.function_name is null or holdfast.function_of(r.kind) = show_run.function_name)
$$;
comment on function holdfast.show_run(uuid, text) is
  'A run with its stage, its counters and the newest 100 objects that it could not do; null for an unknown id, and for a run of another function than the one that is named.';

create function holdfast.list_snapshots(max_rows integer) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object('id', s.id, 'state', s.state,
    'started_at', holdfast.utc(s.started_at), 'sealed_at', holdfast.utc(s.sealed_at),
    'project_url', s.document -> 'project_url', 'totals', s.document -> 'totals')
    order by s.sealed_at desc, s.sequence desc), '[]')
  from (select * from holdfast.snapshots order by sealed_at desc, sequence desc limit max_rows) as s
$$;
comment on function holdfast.list_snapshots(integer) is 'The newest snapshots in the catalog.';

-- supabase/schemas/functions/estimate.sql

-- What a first backup would cost.

create function holdfast.copy_requests(size bigint) returns bigint
  language sql immutable
return case when size <= 8388608 then 2 else 2 * ceil(size / 8388608.0)::bigint + 2 end;
comment on function holdfast.copy_requests(bigint) is
  'Requests that copying so many bytes takes: a GET and a PUT, or above 8 MiB one of each a part, and two to begin and complete.';

create function holdfast.estimate()
  returns table (bucket_id text, objects bigint, bytes bigint, requests bigint, egress_bytes bigint)
  language plpgsql security definer set search_path = '' set plan_cache_mode = force_custom_plan
as $$
declare
  scope holdfast.scope;
  own integer := holdfast.own_repository();
begin
  perform holdfast.check_settings();
  perform holdfast.assert_source_visible();
  perform holdfast.refresh_source();
  scope := holdfast.plan_scope(jsonb_build_object('settings', holdfast.all_settings()));
  return query
  with needed as (
    select o.bucket_id as id, count(*) as objects, sum(coalesce(o.size, 0)) as bytes,
      sum(holdfast.copy_requests(coalesce(o.size, 0))) as requests
    from holdfast.source_objects o
    where holdfast.in_scope(scope, o.bucket_id, o.name, o.size)
      and (own is null or not exists (
        select from holdfast.known_entries e
        where e.repository = own and e.bucket_id = o.bucket_id and e.name = o.name
          and e.version = o.version and e.blob is not null))
    group by o.bucket_id
  ), every_bucket as (
    select b.id, coalesce(n.objects, 0) as objects, coalesce(n.bytes, 0) as bytes, coalesce(n.requests, 0) as requests
    from holdfast.source_buckets(scope) b left join needed n on n.id = b.id
  )
  select l.id, l.objects::bigint, l.bytes::bigint, l.requests::bigint, l.bytes::bigint
  from (
    select e.id, e.objects, e.bytes, e.requests, 1 as place from every_bucket e
    union all
    select '(all)', coalesce(sum(e.objects), 0), coalesce(sum(e.bytes), 0), coalesce(sum(e.requests), 0), 2
    from every_bucket e) as l
  order by l.place, l.id;
end
$$;
comment on function holdfast.estimate() is
  'What the next backup would copy under the current settings, by bucket and in all. requests: a GET from Storage and a PUT to S3 an object, above 8 MiB one of each a part and two more; a run adds a few of its own. egress_bytes: what Storage sends. A moved object counts, though its bytes are held. Works before any secret is set.';
