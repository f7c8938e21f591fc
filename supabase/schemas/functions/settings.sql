-- Functions that read, set and check the settings.

create function holdfast.set(name text, value jsonb) returns jsonb
  language plpgsql security definer set search_path = ''
as $$
begin
  update holdfast_private.settings s set value = set.value, updated_at = now() where s.name = set.name;
  if not found then
    raise exception 'setting_unknown' using errcode = 'HF000',
      detail = format('There is no setting named %L.', set.name),
      hint = 'The settings are: '
        || (select string_agg(s.name, ', ' order by s.name) from holdfast_private.settings s) || '.';
  end if;
  return set.value;
end
$$;
comment on function holdfast.set(text, jsonb) is 'Changes one setting and returns its new value.';

create function holdfast_private.setting(name text) returns jsonb
  language sql stable security definer set search_path = ''
as $$ select s.value from holdfast_private.settings s where s.name = setting.name $$;
comment on function holdfast_private.setting(text) is 'The value of one setting.';

create function holdfast_private.all_settings() returns jsonb
  language sql stable security definer set search_path = ''
as $$ select jsonb_object_agg(s.name, s.value) from holdfast_private.settings s $$;
comment on function holdfast_private.all_settings() is 'All settings as one object, for the functions to check.';

create function holdfast_private.limit_setting(name text) returns numeric
  language sql stable security definer set search_path = ''
as $$
  -- An invalid value must not stop the slice that reports it.
  select case when jsonb_typeof(s.value) = 'number' and s.value > '0' then (s.value #>> '{}')::numeric end
  from holdfast_private.settings s where s.name = limit_setting.name
$$;
comment on function holdfast_private.limit_setting(text) is
  'The current value of a limit; null if there is none. It ignores the copy in a run''s plan, so that a raised limit takes effect at once.';

create function holdfast_private.check_settings() returns void
  language plpgsql stable security definer set search_path = ''
as $$
declare
  faults text;
begin
  select string_agg(s.name || ' must be ' || rule.says, '; ' order by s.name) into faults
  from holdfast_private.settings s join (values
    ('buckets', 'null or a list of bucket ids'), ('include', 'a list of at least one glob'),
    ('exclude', 'a list of globs'), ('max_object_bytes', 'null or a whole number above 0'),
    ('workers', 'a whole number from 1 to 16'), ('maximum_age_hours', 'null or a number above 0'),
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
    when s.name not in ('include', 'exclude', 'workers') and s.value = 'null' then true
    when s.name = 'workers' then s.value #>> '{}' ~ '^([1-9]|1[0-6])$' and jsonb_typeof(s.value) = 'number'
    when s.name in ('max_object_bytes', 'max_bytes_per_second', 'max_egress_bytes_per_day', 'max_egress_bytes_per_month') then
      s.value #>> '{}' ~ '^[1-9][0-9]{0,15}$' and jsonb_typeof(s.value) = 'number'
    else jsonb_path_exists(s.value, 'strict $ ? (@.type() == "number" && @ > 0)') end;
  if faults is not null then
    raise exception 'settings_invalid' using errcode = 'HF000', detail = faults || '.',
      hint = 'Correct each: select holdfast.set(name, value). See: select * from holdfast.settings.';
  end if;
end
$$;
comment on function holdfast_private.check_settings() is 'Raises settings_invalid, which names every invalid setting.';
