create table holdfast_private.audit (
  id bigint generated always as identity primary key,
  at timestamptz not null default now(),
  actor text not null,
  action text not null,
  detail jsonb not null default '{}'
);
comment on table holdfast_private.audit is 'Audit log: who created or revoked a key, started a run, or restored objects.';
comment on column holdfast_private.audit.id is 'Primary key.';
comment on column holdfast_private.audit.at is 'When the action happened.';
comment on column holdfast_private.audit.actor is 'Name of the key or of the database role.';
comment on column holdfast_private.audit.action is 'The action.';
comment on column holdfast_private.audit.detail is 'Details of the action, as JSON. Never contains a secret.';
alter table holdfast_private.audit enable row level security;
