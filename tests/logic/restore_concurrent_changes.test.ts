import assert from "node:assert/strict";
import { connect } from "../../stack/postgres/connection.ts";
import { eventually } from "../support/eventually.ts";
import { assertHolds } from "../support/assert_snapshot.ts";
import { createBucket, ok, upload } from "../support/objects.ts";
import { TestProject } from "../support/project.ts";

/** Blocks reads of a name's current row on this lock, except in the restore's own bucket. */
const LOCK = 4711;
const BLOCK_READS = `
  create or replace function holdfast_private.object_now(bucket_id text, name text) returns jsonb
    language plpgsql security definer set search_path = '' as $$
  begin
    if object_now.bucket_id not like 'holdfast-%' then
      perform pg_advisory_xact_lock_shared(${LOCK});
    end if;
    return (select to_jsonb(o) from holdfast_private.source_objects o
      where o.bucket_id = object_now.bucket_id and o.name = object_now.name);
  end
  $$`;

Deno.test("an object that a user uploads over a restored one is not treated as restored", async () => {
  await using project = await TestProject.create();
  await createBucket(project, "files");
  await upload(project, "files", "a", "as it was backed up", {
    userMetadata: { of: "the backup" },
  });
  await project.backup();
  await ok(project.storage.from("files").remove(["a"]));
  await project.client.applySql(BLOCK_READS);

  await using holder = connect(project.client.info.adminDatabaseUrl);
  await holder`select pg_advisory_lock(${LOCK})`;
  const run = await project.start("restore/runs", { snapshot: "latest", dry_run: false });
  await eventually("the move", async () => {
    const waiting = await project.sql`
      select from pg_locks where locktype = 'advisory' and objid = ${LOCK} and not granted`;
    return waiting.length > 0;
  });
  await upload(project, "files", "a", "of a user", { userMetadata: { of: "a user" } });
  await holder`select pg_advisory_unlock(${LOCK})`;
  await project.succeeded(run);

  const [row] = await project.sql`select user_metadata from storage.objects where name = 'a'`;
  assert.deepEqual(row!.user_metadata, { of: "a user" });
  const failures = await project
    .sql`select name, code from holdfast_private.failures where job = 'restore'`;
  assert.deepEqual([...failures], [{ name: "a", code: "target_differs" }]);
  await assertHolds(project, await project.backupSnapshot());
});
