-- What to back up, and the few other settings that belong to the project and not to a deployment.

create table holdfast_private.settings (
  name text primary key,
  value jsonb not null,
  description text not null,
  updated_at timestamptz not null default now()
);
comment on table holdfast_private.settings is
  'What to back up and how. Change a setting with: select holdfast.set(''exclude'', ''["cache/**"]'').';
comment on column holdfast_private.settings.name is 'Name of the setting.';
comment on column holdfast_private.settings.value is 'Value of the setting, as JSON.';
comment on column holdfast_private.settings.description is 'What the setting does, in one sentence.';
comment on column holdfast_private.settings.updated_at is 'When it was last changed.';
alter table holdfast_private.settings enable row level security;

insert into holdfast_private.settings (name, value, description) values
  ('buckets', 'null', 'Ids of the buckets to back up, as a list; null means all of them.'),
  ('include', '["**"]', 'Globs over bucket/name; an object must match one of them.'),
  ('exclude', '[]', 'Globs over bucket/name; an object that matches one is left out.'),
  ('max_object_bytes', 'null', 'Objects larger than this are left out; null means no limit.'),
  ('workers', '2', 'How many slices may work at once.'),
  ('maximum_age_hours', 'null',
    'The tick starts a backup when the last snapshot is older than this; null means never.'),
  ('max_bytes_per_second', 'null',
    'Bytes that all workers together read from Storage in a second, on average; null means no limit.'),
  ('max_requests_per_second', 'null',
    'Requests that all workers together send to Storage in a second, on average; null means no limit.'),
  ('max_egress_bytes_per_day', 'null',
    'Bytes read from Storage in a day (UTC) after which a run pauses until the next; null means no limit.'),
  ('max_egress_bytes_per_month', 'null',
    'Bytes read from Storage in a month (UTC) after which a run pauses until the next; null means no limit.'),
  ('project_url', 'null', 'Internal: the project that this database served last.'),
  ('backup_waiting', 'null', 'Internal: since when a backup that came due waits for another run to end.');
