-- What to back up, and the few other choices that belong to the project and not to a deployment.

create table holdfast.settings (
  name text primary key,
  value jsonb not null,
  description text not null,
  updated_at timestamptz not null default now()
);

alter table holdfast.settings enable row level security;

comment on table holdfast.settings is
  'What to back up and how. Change with: select holdfast.set(''exclude'', ''["cache/**"]'').';
comment on column holdfast.settings.name is 'The setting''s name.';
comment on column holdfast.settings.value is 'Its value, as JSON.';
comment on column holdfast.settings.description is 'What it does, in a sentence.';
comment on column holdfast.settings.updated_at is 'When it was last changed.';
