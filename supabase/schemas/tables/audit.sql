create table holdfast.audit (
  id bigint generated always as identity primary key,
  at timestamptz not null default now(),
  actor text not null,
  action text not null,
  detail jsonb not null default '{}'
);
comment on table holdfast.audit is 'Who did what: keys made and revoked, runs asked for, restores.';
comment on column holdfast.audit.id is 'Its number.';
comment on column holdfast.audit.at is 'When.';
comment on column holdfast.audit.actor is 'Name of the key or of the database role.';
comment on column holdfast.audit.action is 'What was done.';
comment on column holdfast.audit.detail is 'To what; never a secret.';
alter table holdfast.audit enable row level security;
