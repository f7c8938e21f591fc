-- Read-only views of the tables for users. They are in the same schema as the functions that users call.
-- The tables may change; these views stay compatible.

create view holdfast.settings as
select name, value, description, updated_at from holdfast_private.settings;
comment on view holdfast.settings is
  'What is backed up and how. Change a setting with: select holdfast.set(''exclude'', ''["cache/**"]'').';

create view holdfast.keys as
select id, scope, name, created_at, revoked_at from holdfast_private.keys;
comment on view holdfast.keys is 'Keys for Holdfast''s functions, without their digests.';

create view holdfast.audit as
select id, at, actor, action, detail from holdfast_private.audit;
comment on view holdfast.audit is 'Audit log: who created or revoked a key, started a run, or restored objects.';

create view holdfast.egress as
select day, kind, bytes from holdfast_private.egress;
comment on view holdfast.egress is 'Bytes read from Storage, by day and kind of run.';

create view holdfast.runs as
select id, kind, state, repository, sequence, started_by, started_at, ended_at, code, message, remedy,
  paused_until, paused_code, paused_message, result
from holdfast_private.runs;
comment on view holdfast.runs is 'Runs: each is one backup, restore, import, verify, prune or reconcile.';

create view holdfast.failures as
select id, run, job, bucket_id, name, version, class, code, message, attempts, first_at, last_at, next_at
from holdfast_private.failures;
comment on view holdfast.failures is 'Objects that could not be copied, with the reason.';

create view holdfast.snapshots as
select repository, sequence, id, state, started_at, sealed_at, document from holdfast_private.snapshots;
comment on view holdfast.snapshots is 'Sealed states of the project in a repository.';
