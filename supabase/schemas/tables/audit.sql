create table holdfast_private.audit (
  id bigint generated always as identity primary key,
  at timestamptz not null default now(),
  actor text not null,
  action text not null,
  detail jsonb not null default '{}'
);
comment on table holdfast_private.audit is 'Who did what: keys made and revoked, runs asked for, restores.';
comment on column holdfast_private.audit.id is 'Its number.';
comment on column holdfast_private.audit.at is 'When.';
comment on column holdfast_private.audit.actor is 'Name of the key or of the database role.';
comment on column holdfast_private.audit.action is 'What was done.';
comment on column holdfast_private.audit.detail is 'To what; never a secret.';
alter table holdfast_private.audit enable row level security;
