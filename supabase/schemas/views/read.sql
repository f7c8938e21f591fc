-- What people read of the tables. Whoever looks is to find it where the functions are that they call;
-- the tables may change, and these stay.

create view holdfast.settings as
select name, value, description, updated_at from holdfast_private.settings;
comment on view holdfast.settings is
  'What is backed up and how. Change with: select holdfast.set(''exclude'', ''["cache/**"]'').';

create view holdfast.keys as
select id, scope, name, created_at, revoked_at from holdfast_private.keys;
comment on view holdfast.keys is 'Keys for Holdfast''s functions, without their digests.';

create view holdfast.audit as
select id, at, actor, action, detail from holdfast_private.audit;
comment on view holdfast.audit is 'Who did what: keys made and revoked, runs asked for, restores.';

create view holdfast.egress as
select day, kind, bytes from holdfast_private.egress;
comment on view holdfast.egress is 'What was read from Storage, by day and kind of run.';

create view holdfast.runs as
select id, kind, state, repository, sequence, started_by, started_at, ended_at, code, message, remedy,
  paused_until, paused_code, paused_message, result
from holdfast_private.runs;
comment on view holdfast.runs is 'One backup, restore, import, verify, prune or reconcile each.';

create view holdfast.failures as
select id, run, job, bucket_id, name, version, class, code, message, attempts, first_at, last_at, next_at
from holdfast_private.failures;
comment on view holdfast.failures is 'Objects that could not be copied, with why.';

create view holdfast.snapshots as
select repository, sequence, id, state, started_at, sealed_at, document from holdfast_private.snapshots;
comment on view holdfast.snapshots is 'Sealed states of the project in a repository.';
