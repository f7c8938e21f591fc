-- What to back up, and the few other choices that belong to the project and not to a deployment.

create table holdfast.settings (
  name text primary key,
  value jsonb not null,
  description text not null,
  updated_at timestamptz not null default now()
);
comment on table holdfast.settings is
  'What to back up and how. Change with: select holdfast.set(''exclude'', ''["cache/**"]'').';
comment on column holdfast.settings.name is 'The setting''s name.';
comment on column holdfast.settings.value is 'Its value, as JSON.';
comment on column holdfast.settings.description is 'What it does, in a sentence.';
comment on column holdfast.settings.updated_at is 'When it was last changed.';
alter table holdfast.settings enable row level security;

insert into holdfast.settings (name, value, description) values
  ('buckets', 'null', 'Ids of the buckets to back up, as a list; null means all of them.'),
  ('include', '["**"]', 'Globs over bucket/name; an object must match one of them.'),
  ('exclude', '[]', 'Globs over bucket/name; an object that matches one is left out.'),
  ('max_object_bytes', 'null', 'Objects larger than this are left out; null means no limit.'),
  ('lanes', '2', 'How many slices may work at once.'),
  ('maximum_age_hours', 'null',
    'The tick starts a backup when the last snapshot is older than this; null means never.');

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

revoke all on function holdfast.set(text, jsonb), holdfast.setting(text), holdfast.all_settings()
  from public;
grant execute on function holdfast.all_settings() to holdfast_worker;
